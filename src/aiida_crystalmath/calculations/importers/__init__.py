"""Importers of runs that were finished outside of AiiDA, one per calculation job."""
