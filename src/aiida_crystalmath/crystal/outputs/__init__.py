"""Readers of the files CRYSTAL writes."""
