"""HESSFREQ.DAT and HESSOPT.DAT: the matrix of force constants.

Format (real files of CRYSTAL 14 and 17, checked against the frequencies and masses of their outputs): the elements of
the Hessian of the energy with respect to Cartesian displacements, hartree/bohr^2, without mass weights and without any
header, four numbers a line (4E21.14), in the order x, y, z of each atom of the primitive cell. Being numerical, it is
not quite symmetric: symmetrise it before use.

HESSOPT.DAT, the Hessian an optimisation starts from or left, is laid out alike, but has a row for each coordinate that
the optimiser moves: real ones of nickel oxide (CRYSTAL17, four atoms, cell and atoms relaxed) have two. Read it without
a number of atoms. That of free atoms may be a copy of HESSFREQ.DAT, as the manual says.
"""

from __future__ import annotations

import math

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array
from aiida_crystalmath.crystal.outputs.number_table import read_numbers

_FILE = 'HESSFREQ.DAT'


def read_hessian(text: str, n_atoms: int | None = None) -> Array:
    """Return the Hessian (hartree/bohr^2), shape (3 n_atoms, 3 n_atoms); that of an optimisation as large as it is.

    :param n_atoms: atoms expected; without it the size is taken from the file, which must hold a square matrix.
    :raises OutputFileError: the file is cut, or its size is not the expected one.
    """
    lines = text.splitlines()
    count = len(text.split())
    size = 3 * n_atoms if n_atoms else math.isqrt(count)
    if not size or size * size != count:
        expected = f'{size * size} numbers expected' if n_atoms else 'a square matrix expected'
        raise OutputFileError(f'{expected}, {count} numbers found', _FILE, len(lines))
    return read_numbers(lines, count, _FILE, 1).reshape(size, size)
