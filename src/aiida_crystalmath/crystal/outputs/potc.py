"""POTC.DAT: electrostatic potential along a line or averaged over planes (properties, keyword POTC).

Comment lines (``#`` and xmgrace's ``@``), then one row a point: the coordinate, the potential and, as the CRYSTAL23
manual says, its derivatives (field and density). Known from the manual and from public scripts that read the first
two columns as bohr and hartree; no real file seen, so units are those of the manual (atomic units).
"""

from __future__ import annotations

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import file_lines
from aiida_crystalmath.crystal.outputs.models import Profile
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

_FILE = 'POTC.DAT'
_LABELS = ('potential', 'field', 'density')


def read_potc(text: str) -> Profile:
    """Return the columns of a POTC.DAT.

    :raises OutputFileError: there is no row, or the rows have not the same length.
    """
    rows: list[list[float]] = []
    for number, line in enumerate(file_lines(text), start=1):
        if line.startswith(('#', '@', '&')) or not line.strip():
            continue
        try:
            rows.append([float(word) for word in line.replace('D', 'E').split()])
        except ValueError as exc:
            raise OutputFileError(f'a row cannot be read ({exc})', _FILE, number) from exc
        if len(rows[-1]) < 2 or len(rows[-1]) != len(rows[0]):
            raise OutputFileError(f'{max(len(rows[0]), 2)} numbers expected, {len(rows[-1])} found', _FILE, number)
    if not rows:
        raise OutputFileError('there is no row of numbers', _FILE)
    table = np.array(rows)
    n_values = table.shape[1] - 1
    labels = [_LABELS[i] if i < len(_LABELS) else f'column {i + 2}' for i in range(n_values)]
    return Profile(table[:, 0] * BOHR_ANGSTROM, table[:, 1:].T.copy(), labels, 'a.u.')
