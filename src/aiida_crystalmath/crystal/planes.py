"""Planes and boxes in which a density is worth looking at, and pairs of neighbours.

Everything is Cartesian and in ångström, in the axes of the geometry that is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('Neighbour', 'box_limits', 'nearest_neighbours', 'neighbours', 'plane_window', 'sensible_points')

Matrix = NDArray[np.float64]

COLLINEAR = 0.1
"""Sine of the smallest angle at which three points make a plane."""


@dataclass(frozen=True)
class Neighbour:
    """A pair of atoms.

    :param first: index of the atom in the cell, from 0; ``second`` of the other one.
    :param cell: lattice vector to the image of the second, in units of the cell's.
    :param vector: from the first to the second, shape (3,).
    :param distance: its length.
    """

    first: int
    second: int
    cell: tuple[int, int, int]
    vector: Matrix
    distance: float


def neighbours(geometry: Geometry, cutoff: float) -> list[Neighbour]:
    """Return all ordered pairs (the first atom in the cell) no further apart than ``cutoff``, nearest first."""
    positions = geometry.positions
    spans = _spans(geometry, cutoff + _extent(positions))
    found: list[Neighbour] = []
    for cell in product(*(range(-n, n + 1) for n in spans)):
        shift = np.array(cell, dtype=float) @ geometry.cell if any(cell) else np.zeros(3)
        vectors = positions[None, :, :] + shift - positions[:, None, :]
        distances = np.linalg.norm(vectors, axis=2)
        for i, j in np.argwhere((distances <= cutoff) & (distances > 1e-3)).tolist():
            found.append(Neighbour(i, j, (cell[0], cell[1], cell[2]), vectors[i, j], float(distances[i, j])))
    return sorted(found, key=_order)


def _order(pair: Neighbour) -> tuple[float, int, int, tuple[float, ...]]:
    """Order pairs by distance, atoms and, among images, by direction, those along the axes first."""
    return (round(pair.distance, 3), pair.first, pair.second, tuple(-np.round(pair.vector, 3)))


def nearest_neighbours(geometry: Geometry, tolerance: float = 1.15) -> list[Neighbour]:
    """Return the ordered pairs that are neighbours: within ``tolerance`` of the nearest distance of either atom.

    :raises ValueError: if there is but one atom, and no other cell.
    """
    cutoff = 3.0
    while len(pairs := neighbours(geometry, cutoff)) == 0 or _nearest(pairs, len(geometry))[1]:
        if cutoff > 60.0:
            raise ValueError('the atoms have no neighbours: they are alone, or more than 60 Å apart.')
        cutoff *= 1.5
    nearest, _ = _nearest(pairs, len(geometry))
    widest = tolerance * max(nearest)
    if widest > cutoff:
        pairs = neighbours(geometry, widest)
    return [pair for pair in pairs if pair.distance <= tolerance * max(nearest[pair.first], nearest[pair.second])]


def _nearest(pairs: Sequence[Neighbour], n_atoms: int) -> tuple[list[float], bool]:
    """Return the distance of the nearest neighbour of each atom, and whether one has none yet."""
    nearest = [np.inf] * n_atoms
    for pair in pairs:
        nearest[pair.first] = min(nearest[pair.first], pair.distance)
    return nearest, any(np.isinf(nearest))


def sensible_points(geometry: Geometry) -> Matrix:
    """Return three points that make a plane worth seeing, shape (3, 3).

    They are the nearest two atoms, and the atom nearest to either of them that is not on their line: the plane of a
    molecule such as water, (001) of rock salt, the sheet of graphene, the zigzag of diamond. Atoms in a line get a
    plane through the line and a coordinate axis; one atom alone gets a plane of two coordinate axes.
    """
    try:
        pairs = nearest_neighbours(geometry)
    except ValueError:
        return np.asarray(geometry.positions[0] + np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    first = pairs[0]
    start = geometry.positions[first.first]
    end = start + first.vector
    wider = neighbours(geometry, 3.0 * max(pair.distance for pair in pairs))
    candidates = [start + pair.vector for pair in wider if pair.first == first.first]
    candidates += [end + pair.vector for pair in wider if pair.first == first.second]
    others = sorted(candidates, key=lambda point: round(min(_length(point - start), _length(point - end)), 3))
    for point in others:
        if _is_plane(first.vector, point - start):
            return np.array([start, end, point])
    axis = np.eye(3)[int(np.argmin(np.abs(first.vector)))]
    return np.array([start, end, start + axis])


def plane_window(geometry: Geometry, points: ArrayLike, margin: float) -> Matrix:
    """Return the corners A, B, C of a rectangle in the plane of three points, shape (3, 3).

    The first edge runs along the line from the first to the second point. A periodic system is shown around the first
    point, as far as the others lie on either side; a molecule whole.

    :param points: three points, shape (3, 3).
    :param margin: added on all four sides.
    :raises ValueError: if the points are on a line.
    """
    first, second, third = np.asarray(points, dtype=float)
    if not _is_plane(second - first, third - first):
        raise ValueError('the three points of the plane are on a line: choose a third one beside it.')
    x = (second - first) / _length(second - first)
    y = third - first - ((third - first) @ x) * x
    y /= _length(y)
    seen = np.array([first, second, third]) if geometry.dimensionality else geometry.positions
    places = (seen - first) @ np.array([x, y]).T
    low, high = places.min(axis=0), places.max(axis=0)
    if geometry.dimensionality:
        high = np.abs(places).max(axis=0)
        low = -high
    low, high = low - margin, high + margin
    corners = ((low[0], low[1]), (high[0], low[1]), (high[0], high[1]))
    return np.array([first + u * x + v * y for u, v in corners])


def box_limits(geometry: Geometry, vacuum: float) -> Matrix:
    """Return the lowest and highest coordinates, Å, along the directions that do not repeat, shape (2, n).

    :param geometry: whose repeating vectors come first, as CRYSTAL has them.
    :param vacuum: beyond the outermost atoms, Å.
    """
    free = geometry.positions[:, geometry.dimensionality :]
    if free.shape[1] == 0:
        return np.zeros((2, 0))
    return np.array([free.min(axis=0) - vacuum, free.max(axis=0) + vacuum])


def _spans(geometry: Geometry, cutoff: float) -> tuple[int, int, int]:
    """Return how many cells must be looked at along each lattice vector."""
    spans = [0, 0, 0]
    for axis, periodic in enumerate(geometry.pbc):
        if periodic:
            spans[axis] = int(np.ceil(cutoff * _length(geometry.reciprocal_cell[axis]) / (2.0 * np.pi)))
    return (spans[0], spans[1], spans[2])


def _extent(positions: Matrix) -> float:
    return _length(positions.max(axis=0) - positions.min(axis=0))


def _length(vector: Matrix) -> float:
    return float(np.linalg.norm(vector))


def _is_plane(first: Matrix, second: Matrix) -> bool:
    return _length(np.cross(first, second)) > COLLINEAR * max(_length(first) * _length(second), 1e-12)
