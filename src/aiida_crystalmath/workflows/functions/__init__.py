"""Calculation functions of the work chains: small steps of which provenance is kept."""
