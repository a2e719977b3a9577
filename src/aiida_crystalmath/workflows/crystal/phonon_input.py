"""The options of FREQCALC for a phonon dispersion: densities of states, and bands along a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aiida import orm

__all__ = ('band_lines', 'default_supercell', 'dos_lines', 'scelphono')

N_BINS = 400
"""Energies of a density of states."""


SHORTEST_ANGSTROM = 8.0
"""Shortest vector of the supercell that is taken if none is given."""


def default_supercell(structure: orm.StructureData, *, primitive: bool) -> list[int]:
    """Return three numbers whose supercell has vectors of at least 8 Å, one along directions that are not periodic.

    :param primitive: in units of CRYSTAL's primitive cell, else of the cell of the structure.
    """
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    cell = np.array(reduce_geometry(geometry).crystal_geometry.cell if primitive else geometry.cell)
    lengths = np.linalg.norm(cell, axis=1)
    return [
        max(1, int(np.ceil(SHORTEST_ANGSTROM / length - 1e-6))) if periodic else 1
        for length, periodic in zip(lengths, structure.pbc, strict=True)
    ]


def scelphono(matrix: list[list[int]], structure: orm.StructureData) -> list[list[int]]:
    """Return the matrix of SCELPHONO: only the periodic directions.

    :param matrix: 3 x 3, in units of CRYSTAL's primitive cell.
    """
    axes = [axis for axis, periodic in enumerate(structure.pbc) if periodic]
    return [[matrix[i][j] for j in axes] for i in axes]


def dos_lines(maximum_cm1: float) -> list[str]:
    """Return PDOS as in a real deck of CRYSTAL22: highest frequency and number of bins, then 1 for projections."""
    return ['PDOS', f'{round(maximum_cm1)} {N_BINS}', '1']


def band_lines(structure: orm.StructureData, settings: dict[str, Any], n_points: int) -> list[str]:
    """Return BANDS as in a real deck of CRYSTAL22: unit of the coordinates and points a line, number of lines, ends.

    :param settings: of the calculation: they decide which cell is CRYSTAL's.
    """
    from aiida_crystalmath.calculations.band_path import PathSegment, integer_path
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry
    from aiida_crystalmath.workflows.functions.band_path import special_points

    geometry = to_geometry(structure)
    path, points = special_points(geometry)
    reduced = reduce_geometry(geometry, settings)
    told = {label: _triple(reduced.to_crystal_fractional_k(np.atleast_2d(q))[0]) for label, q in points.items()}
    segments = [PathSegment(told[start], told[end], start, end) for start, end in path]
    unit, ends = integer_path(segments)
    axes = [axis for axis, periodic in enumerate(structure.pbc) if periodic]
    lines = [' '.join(str(end[axis]) for end in one for axis in axes) for one in ends]
    return ['BANDS', f'{unit} {n_points}', str(len(lines)), *lines]


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    return (float(point[0]), float(point[1]), float(point[2]))
