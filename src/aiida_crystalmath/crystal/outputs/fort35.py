"""fort.35: bands on a grid in reciprocal space, written by properties (DLV_BAND) for Fermi surfaces.

The numbers of points, the first point and the three steps (bohr^-1, factor 2 pi included), then for every band
``Band n`` and the energies (hartree), five a line, the first index running fastest; 10000 stands outside the first
Brillouin zone. Seen in real files of CRYSTAL22/23 among CRYSTALpytools' examples (MIT; graphene, whose third step is
2 pi/500 ångström in bohr^-1 and whose 1s band lies at -10.2 hartree); none is in the test corpus.
"""

from __future__ import annotations

import re
from math import prod

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import file_lines
from aiida_crystalmath.crystal.outputs.models import Array, BandGrid
from aiida_crystalmath.crystal.outputs.number_table import read_numbers

_FILE = 'fort.35'
_BAND = re.compile(r'\s*Band\s+(\d+)\s*$', re.IGNORECASE)
_OUTSIDE = 9999.0
"""Energies above are no energies."""


def read_fort35(text: str) -> BandGrid:
    """Return the bands of a fort.35.

    :raises OutputFileError: the header cannot be read, or a band is cut.
    """
    lines = file_lines(text)
    try:
        shape = [int(word) for word in lines[0].split()]
        rows = [[float(word) for word in lines[number].split()] for number in (1, 2, 3, 4)]
        if len(shape) != 3 or min(shape) < 1 or any(len(row) != 3 for row in rows):
            raise ValueError('three numbers expected in each of the first five lines')
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the header cannot be read ({exc})', _FILE, 1) from exc
    starts = [number for number, line in enumerate(lines) if line[:6].strip().lower().startswith('band')]
    if not starts:
        raise OutputFileError('there is no band', _FILE, 6)
    bands: list[Array] = []
    numbers: list[int] = []
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        found = _BAND.match(lines[start])
        if found is None:
            raise OutputFileError('the head of a band cannot be read', _FILE, start + 1)
        numbers.append(int(found[1]))
        values = read_numbers(lines[start + 1 : end], prod(shape), _FILE, start + 2)
        bands.append(values.reshape(shape[::-1]).transpose(2, 1, 0))
    energies = np.array(bands)
    energies[energies > _OUTSIDE] = np.nan
    return BandGrid(energies, 'hartree', np.array(rows[0]), np.array(rows[1:]), 'bohr^-1', numbers=numbers)
