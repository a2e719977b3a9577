"""Calculation functions: small steps in Python that leave their trace in the provenance."""
