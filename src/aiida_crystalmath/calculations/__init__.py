"""Calculation jobs for the CRYSTAL programs."""
