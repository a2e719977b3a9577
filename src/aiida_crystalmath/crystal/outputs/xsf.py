"""XSF and BXSF: XCrySDen's files of grids and of bands for Fermi surfaces.

CRYSTAL writes neither; its users' tools do (XCrySDen from fort.25, CRYSTALpytools). Source: XCrySDen's description of
the formats, checked on real files written by CRYSTALpytools. Lengths of XSF are ångström; the formats tell no unit of
the values. XSF grids are general ones: the last plane repeats the first one.
"""

from __future__ import annotations

import re
from itertools import pairwise
from math import prod

import numpy as np

from aiida_crystalmath.crystal.elements import SYMBOLS
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import file_lines
from aiida_crystalmath.crystal.outputs.models import Array, BandGrid, Grid3D, GridAtoms, PlaneMap
from aiida_crystalmath.crystal.outputs.number_table import read_numbers

_XSF = 'xsf'
_BXSF = 'bxsf'
_GRID = re.compile(r'\s*(?:BEGIN_)?DATAGRID_([23])D_?(\S*)')
_PERIODIC = {'MOLECULE': 0, 'POLYMER': 1, 'SLAB': 2, 'CRYSTAL': 3}
_FERMI = re.compile(r'\s*Fermi Energy:\s*(\S+)', re.IGNORECASE)


def read_xsf(text: str) -> list[PlaneMap | Grid3D]:
    """Return the 2D and 3D grids of an XSF file, in order, with the structure of the file.

    :raises OutputFileError: a grid or the structure is cut or not readable.
    """
    lines = file_lines(text)
    n_periodic: int | None = None
    lattice: Array | None = None
    atoms: GridAtoms | None = None
    grids: list[PlaneMap | Grid3D] = []
    for number, line in enumerate(lines):
        word = line.strip().upper()
        if word in _PERIODIC:
            n_periodic = _PERIODIC[word]
        elif word == 'PRIMVEC':
            lattice = read_numbers(lines[number + 1 : number + 4], 9, _XSF, number + 2).reshape(3, 3)
        elif word == 'PRIMCOORD':
            atoms = _read_atoms(lines, number + 1)
        elif found := _GRID.match(line):
            grids.append(_read_grid(lines, number, int(found[1]), found[2]))
    for grid in grids:
        grid.atoms, grid.lattice, grid.n_periodic = atoms, lattice, n_periodic
    return grids


def _read_atoms(lines: list[str], start: int) -> GridAtoms:
    """Read the atoms: symbol or number, position, perhaps a force."""
    try:
        count = int(lines[start].split()[0])
        rows = [lines[number].split() for number in range(start + 1, start + 1 + count)]
        positions = np.array([[float(word) for word in row[1:4]] for row in rows]).reshape(count, 3)
        numbers = [int(row[0]) if row[0].isdigit() else SYMBOLS.index(row[0].capitalize()) for row in rows]
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the atoms cannot be read ({exc})', _XSF, start + 1) from exc
    symbols = tuple(SYMBOLS[number] if 0 < number < len(SYMBOLS) else '' for number in numbers)
    return GridAtoms(np.array(numbers), positions, symbols)


def _read_grid(lines: list[str], start: int, n_axes: int, label: str) -> PlaneMap | Grid3D:
    """Read the grid whose first line is ``start``."""
    try:
        shape = [int(word) for word in lines[start + 1].split()]
        if len(shape) != n_axes or min(shape) < 1:
            raise ValueError(f'{n_axes} numbers of points expected')
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the head of a grid cannot be read ({exc})', _XSF, start + 2) from exc
    first = start + 2
    vectors = read_numbers(lines[first : first + 1 + n_axes], 3 * (1 + n_axes), _XSF, first + 1).reshape(-1, 3)
    first += 1 + n_axes
    end = next((n for n in range(first, len(lines)) if 'END_DATAGRID' in lines[n]), len(lines))
    values = read_numbers(lines[first:end], prod(shape), _XSF, first + 1)
    field = np.ascontiguousarray(values.reshape(shape[::-1]).T)
    steps = vectors[1:] / np.maximum(np.array(shape) - 1, 1)[:, None]
    if n_axes == 2:
        return PlaneMap(field, steps[0], steps[1], origin=vectors[0], label=label)
    return Grid3D(field, vectors[0], steps, label=label, closed=True)


def read_bxsf(text: str) -> BandGrid:
    """Return the bands of a BXSF file.

    :raises OutputFileError: the header cannot be read, or a band is cut.
    """
    lines = file_lines(text)
    fermi = next((found[1] for line in lines[:50] if (found := _FERMI.match(line))), None)
    start = next((number for number, line in enumerate(lines) if 'BEGIN_BANDGRID_3D' in line), None)
    try:
        if start is None:
            raise ValueError('there is no BEGIN_BANDGRID_3D')
        energy = float(fermi) if fermi is not None else None
        n_bands = int(lines[start + 1])
        shape = [int(word) for word in lines[start + 2].split()]
        if len(shape) != 3 or min(shape) < 1 or n_bands < 1:
            raise ValueError('three numbers of points expected')
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the header cannot be read ({exc})', _BXSF, (start or 0) + 1) from exc
    vectors = read_numbers(lines[start + 3 : start + 7], 12, _BXSF, start + 4).reshape(4, 3)
    marks = [n for n in range(start + 7, len(lines)) if 'BAND:' in lines[n].upper() or 'END_BANDGRID' in lines[n]]
    if 'END_BANDGRID' not in ''.join(lines[mark] for mark in marks[-1:]) or len(marks) != n_bands + 1:
        raise OutputFileError(f'{n_bands} bands announced, {len(marks)} heads and ends found', _BXSF, len(lines))
    count = prod(shape)
    bands = [read_numbers(lines[a + 1 : b], count, _BXSF, a + 2) for a, b in pairwise(marks)]
    steps = vectors[1:] / np.maximum(np.array(shape) - 1, 1)[:, None]
    return BandGrid(
        energies=np.array(bands).reshape(n_bands, *shape),
        unit='',
        origin=vectors[0],
        steps=steps,
        fermi_energy=energy,
        numbers=[int(lines[mark].split(':')[1]) for mark in marks[:-1]],
    )
