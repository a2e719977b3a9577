"""Readers of the parts of CRYSTAL's stdout, one subject a module."""
