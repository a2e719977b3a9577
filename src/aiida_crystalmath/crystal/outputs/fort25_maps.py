"""Maps of fort.25 (type MAPN): charge, spin, potential ... on a plane, written by ECHG, POTM, CLAS.

The block (see :mod:`~aiida_crystalmath.crystal.outputs.fort25_blocks`) has NROW points from A to B and NCOL points from
B to C; the header's numbers are the two steps and the cosine of A-B-C. Below come A and B (6E12.5), then C (3E12.5),
the number of atoms and of periodic directions (4X, 2I4); after the values one line an atom (number, symbol,
3E20.12) and three lattice vectors (3E20.12). Source: CRYSTAL23 user manual, appendix D, and four real files of
CRYSTAL22. In these, points, atoms and lattice vectors are in ångström (their stdout tells the same points in bohr);
values are in atomic units.

The first value belongs to A, the first index runs from A to B, and map after map follows: in an open shell ECHG writes
the charge density, then the spin density; a two-component run writes 16 fields. The file does not name them, stdout
does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import FILE, Block, fixed_columns, read_blocks
from aiida_crystalmath.crystal.outputs.models import Array, DensityMap, GridAtoms, PlaneMap

UNITS = {'charge': 'e/bohr^3', 'spin': 'e/bohr^3', 'potential': 'hartree/e'}
"""Of the fields that are known by name."""
_COORDINATE = 20
"""Columns of a coordinate of the atoms and the lattice vectors."""


def read_fort25_maps(text: str, echo: Sequence[DensityMap] = ()) -> list[PlaneMap]:
    """Return the maps of a fort.25, in order.

    :param echo: what stdout tells of them (``Properties.maps``); names the fields where it has as many maps of the
        same size as the file, otherwise the fields stay 'unknown'.
    :raises OutputFileError: a block is cut or not readable.
    """
    maps = [_read_map(block) for block in read_blocks(text, ('MAPN',))]
    if [told.shape for told in echo] == [found.values.shape for found in maps]:
        for found, told in zip(maps, echo, strict=True):
            found.quantity = told.quantity
            found.unit = UNITS.get(told.quantity, 'a.u.')
    return maps


def _read_map(block: Block) -> PlaneMap:
    """Read one map."""
    try:
        a_and_b = [float(word) for word in fixed_columns(block.head[0], 6)]
        third = [float(word) for word in fixed_columns(block.head[1], 3)]
        n_atoms, n_periodic = int(block.head[1][40:44]), int(block.head[1][44:48])
    except ValueError as exc:
        raise OutputFileError(f'the corners of a map cannot be read ({exc})', FILE, block.line + 1) from exc
    corners = np.array([*a_and_b, *third]).reshape(3, 3)
    atoms, lattice = _read_cell(block.tail, n_atoms)
    return PlaneMap(
        values=np.ascontiguousarray(block.values.T),
        origin=corners[0],
        step_x=(corners[1] - corners[0]) / max(block.n_rows - 1, 1),
        step_y=(corners[2] - corners[1]) / max(block.n_columns - 1, 1),
        unit='a.u.',
        open_shell=block.open_shell,
        atoms=atoms,
        lattice=lattice,
        n_periodic=n_periodic,
    )


def _read_cell(tail: list[str], n_atoms: int) -> tuple[GridAtoms | None, Array | None]:
    """Return atoms and lattice below the values; None where they are absent or cut."""
    if n_atoms < 1 or len(tail) < n_atoms + 3:
        return None, None
    width = 3 * _COORDINATE
    try:
        numbers = [int(line[:4]) for line in tail[:n_atoms]]
        positions = [[float(word) for word in fixed_columns(line[-width:], 3, _COORDINATE)] for line in tail[:n_atoms]]
        vectors = [
            [float(word) for word in fixed_columns(line, 3, _COORDINATE)] for line in tail[n_atoms : n_atoms + 3]
        ]
    except ValueError:
        return None, None
    symbols = tuple(line[4:-width].strip().capitalize() for line in tail[:n_atoms])
    return GridAtoms(np.array(numbers), np.array(positions), symbols), np.array(vectors)
