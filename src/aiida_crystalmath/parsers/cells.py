"""From the primitive cell that CRYSTAL printed back to the cell and atom order of the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.symmetry import ReducedGeometry

__all__ = ('CellMap',)

T = TypeVar('T')

SAME_PLACE_ANGSTROM = 0.01
"""Printed coordinates have at least six digits; anything further away is another place."""


class CellMap:
    """Translates geometries and lists of atoms; if CRYSTAL's cell is not the expected one, leaves them as they are.

    The cell differs after geometry edits in the input (SUPERCEL, ATOMREMO, ...): then :attr:`is_users` is False, and
    everything stays in CRYSTAL's cell and order.

    :param reduced: how the user's cell was written.
    :param printed: starting geometry as CRYSTAL printed it, None if it did not come that far.
    """

    def __init__(self, reduced: ReducedGeometry, printed: Geometry | None) -> None:
        self.reduced = reduced
        self.printed = printed
        self.is_users = printed is None or _same_crystal(reduced.crystal_geometry, printed)

    @property
    def atom_order(self) -> str:
        """``structure`` or ``crystal``: whose order lists of atoms are in."""
        return 'structure' if self.is_users else 'crystal'

    @property
    def multiplicity(self) -> float | None:
        """Number of CRYSTAL's primitive cells in the user's cell; None if the cell was edited."""
        if not self.is_users:
            return None
        return len(self.reduced.source) / len(self.reduced.crystal_geometry)

    def restore(self, geometry: Geometry) -> Geometry:
        """Return a geometry of CRYSTAL's primitive cell in the user's cell and order."""
        if not self.is_users:
            return geometry
        return self.reduced.restore(geometry, initial=self.printed)

    def atoms(self, values: Sequence[T]) -> list[T]:
        """Return values given atom by atom in CRYSTAL's order, in the user's."""
        if not self.is_users or len(values) != len(self.reduced.crystal_geometry):
            return list(values)
        return [values[index] for index in self.reduced.atom_map]


def _same_crystal(expected: Geometry, printed: Geometry) -> bool:
    """Tell whether two geometries are the same atoms, in the same order, at the same fractional positions."""
    if expected.numbers != printed.numbers or expected.dimensionality != printed.dimensionality:
        return False
    if expected.dimensionality == 0:
        return _same_distances(expected.positions, printed.positions)
    lengths = np.linalg.norm(expected.periodic_cell, axis=1)
    if not np.allclose(lengths, np.linalg.norm(printed.periodic_cell, axis=1), rtol=1e-3):
        return False
    difference = expected.fractional - printed.fractional
    n = expected.dimensionality
    difference[:, :n] -= np.round(difference[:, :n])
    return bool(np.abs(difference[:, :n] * lengths).max() < SAME_PLACE_ANGSTROM)


def _same_distances(first: np.ndarray, second: np.ndarray) -> bool:
    """Compare two molecules whatever their position and orientation."""

    def distances(positions: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(positions[:, None] - positions[None], axis=-1))

    return bool(np.abs(distances(first) - distances(second)).max() < SAME_PLACE_ANGSTROM)
