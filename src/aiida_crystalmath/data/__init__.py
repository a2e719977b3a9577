"""AiiDA data types: basis sets and their families."""
