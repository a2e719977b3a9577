"""The language of CRYSTAL: text to typed objects and back. Knows nothing of AiiDA."""
