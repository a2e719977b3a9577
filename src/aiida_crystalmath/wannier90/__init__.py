"""The language of Wannier90: ``.win`` decks, ``.wout`` outputs, bands and the files it shares with pw2wannier90.x.

Recorded with Wannier90 3.1.0 and QE 6.7. Never imports AiiDA.
"""
