"""Plots of bands and densities of states."""
