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

EV_KJ_PER_MOL = 96.48533212331
"""One eV a particle in kJ/mol (exact)."""

EV_PER_ANGSTROM2_J_PER_M2 = 16.02176634
"""One eV/Å² in J/m² or N/m (exact); 10 eV/Å³ in GPa, a tenth of an eV/Å in nN."""

BOLTZMANN_EV_PER_K = 8.617333262145e-5
"""Boltzmann's constant in eV/K (exact)."""

CM1_EV = 1.239841984332e-4
"""One cm^-1 in eV: h c (exact)."""

THZ_CM1 = 33.35640951981521
"""One THz in cm^-1 (exact)."""

HARTREE_CM1 = 219474.6313632
"""One hartree in cm^-1 (CODATA 2018)."""
