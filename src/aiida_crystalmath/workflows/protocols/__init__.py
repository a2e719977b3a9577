"""Input protocols: fast, balanced, stringent."""
