"""Unit conversions: CODATA 2018, and the older values that CRYSTAL itself uses when it prints.

Source: E. Tiesinga et al., Rev. Mod. Phys. 93, 025010 (2021); CRYSTAL's own bohr is printed in every output
(``BOHR = 0.5291772083 ANGSTROM``).
"""

BOHR_ANGSTROM = 0.529177210903
"""One bohr in Å (CODATA 2018)."""

CRYSTAL_BOHR_ANGSTROM = 0.5291772083
"""One bohr in Å as CRYSTAL 09-23 use and print it: needed to reproduce its Cartesian coordinates digit for digit."""

HARTREE_EV = 27.211386245988
"""One hartree in eV (CODATA 2018)."""

HARTREE_JOULE = 4.3597447222071e-18
"""One hartree in J (CODATA 2018)."""
