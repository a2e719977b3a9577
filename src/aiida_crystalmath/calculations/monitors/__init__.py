"""What looks at jobs while they run: entry points of the group ``aiida.calculations.monitors``."""
