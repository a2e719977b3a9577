"""Schedulers: what AiiDA's own plugins leave open about jobs that may be submitted twice, and how jobs ended."""
