"""A free stand-in engine (PySCF) behind CRYSTAL's files. Its output always says STAND-IN."""
