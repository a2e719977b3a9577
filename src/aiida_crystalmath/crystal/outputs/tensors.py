"""TENS_IR.DAT and TENS_RAMAN.DAT: derivatives with respect to atomic displacements, written for restarts of FREQCALC.

Format: a row of numbers (F16.10) for each Cartesian coordinate of each atom; three columns in TENS_IR.DAT (as published
with PDielec's examples; no file in the test corpus), six in TENS_RAMAN.DAT (CRYSTALpytools' documentation; the sizes
that real job reports list, 49 and 97 bytes a row, agree). The six are in the order in which the output computes them:
xx, xy, xz, yy, yz, zz. What units they have, no source says.
"""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.born import read_atomic_rows
from aiida_crystalmath.crystal.outputs.models import Array


def read_tens_ir(text: str, n_atoms: int | None = None) -> Array:
    """Return the infrared tensor, shape (n_atoms, 3, 3), rows as in the file.

    :raises OutputFileError: the file is cut, or has another number of atoms.
    """
    return read_atomic_rows(text, 3, 'TENS_IR.DAT', n_atoms)


def read_tens_raman(text: str, n_atoms: int | None = None) -> Array:
    """Return the Raman tensor, shape (n_atoms, 3, 6): atom, displacement, component xx, xy, xz, yy, yz, zz.

    :raises OutputFileError: the file is cut, or has another number of atoms.
    """
    return read_atomic_rows(text, 6, 'TENS_RAMAN.DAT', n_atoms)
