"""From the primitive cell that CRYSTAL printed back to the cell, the axes and the atom order of the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.symmetry import ReducedGeometry, SymmetryError, align
from aiida_crystalmath.crystal.symmetry.mapping import CellMap as CellStep
from aiida_crystalmath.crystal.tensors import rotate

__all__ = ('CellMap', 'dressed')

T = TypeVar('T')
Matrix = NDArray[np.float64]

SAME_PLACE_ANGSTROM = 5e-3
"""Printed coordinates have at least six digits; anything further away is another place."""


class CellMap:
    """Translates geometries, k-points, tensors and lists of atoms; in an unexpected cell, leaves them as they are.

    The cell is another one after geometry edits in the input (SUPERCEL, ATOMREMO, ...): then :attr:`is_users` is False,
    and everything stays in CRYSTAL's cell and order. A restarted optimisation begins elsewhere than its input says; it
    is still the user's structure, in the order in which it was written.

    :param reduced: how the user's cell was written; None if that could not be found out.
    :param printed: starting geometry as CRYSTAL printed it, None if it did not come that far.
    :param edited: whether the input edits the geometry.
    :param restarted: whether the run goes on with an earlier optimisation.
    """

    def __init__(
        self,
        reduced: ReducedGeometry | None,
        printed: Geometry | None,
        *,
        edited: bool = False,
        restarted: bool = False,
    ) -> None:
        self._reduced = reduced
        self._initial: Geometry | None = None
        self._step: CellStep | None = None
        self._order: tuple[int, ...] | None = None
        self._turned: Matrix = np.eye(3)
        if reduced is None:
            return
        expected = reduced.crystal_geometry
        if printed is not None:
            printed = dressed(printed, expected)
            try:
                step = align(expected, printed, tolerance=SAME_PLACE_ANGSTROM)
            except SymmetryError:
                pass
            else:
                self._order, self._turned, self._initial, self._step = step.atoms, step.rotation, printed, step
        elsewhere = printed is not None and restarted and printed.numbers == expected.numbers
        if self._order is None and not edited and (printed is None or elsewhere):
            self._order = tuple(range(len(expected)))

    @classmethod
    def of_run(
        cls, reduced: ReducedGeometry | None, printed: Geometry | None, parameters: Mapping[str, Any]
    ) -> CellMap:
        """Return the way back from a run.

        :param parameters: of the calculation, which tell whether it edits the geometry or goes on with an optimisation.
        """
        geometry = parameters.get('geometry') or {}
        restarted = bool((geometry.get('optgeom') or {}).get('restart'))
        return cls(reduced, printed, edited=bool(geometry.get('edits')), restarted=restarted)

    @property
    def is_users(self) -> bool:
        """Whether results can be told in the user's cell."""
        return self._order is not None

    def fits(self, n_atoms: int) -> bool:
        """Say whether a list has the atoms of CRYSTAL's cell, so that it can be told in the user's."""
        return self._order is not None and len(self._order) == n_atoms

    @property
    def atom_order(self) -> str:
        """``structure`` or ``crystal``: whose order lists of atoms are in."""
        return 'structure' if self.is_users else 'crystal'

    @property
    def is_primitive(self) -> bool:
        """Whether the user's cell is one of CRYSTAL's primitive cells, so that even vibrations can be told in it."""
        return self.multiplicity == 1

    @property
    def rotation(self) -> Matrix:
        """Rotation R from CRYSTAL's axes to the user's, ``v_user = v_crystal @ R``; identity if there is no way."""
        if self._reduced is None or self._order is None:
            return np.eye(3)
        result: Matrix = self._turned @ self._reduced.mapping.rotation
        return result

    @property
    def multiplicity(self) -> float | None:
        """Number of CRYSTAL's primitive cells in the user's cell; None if the cell is not the user's."""
        if self._reduced is None or self._order is None:
            return None
        return len(self._reduced.source) / len(self._reduced.crystal_geometry)

    def restore(self, geometry: Geometry) -> Geometry:
        """Return a geometry of CRYSTAL's primitive cell in the user's cell and order.

        :raises SymmetryError: if it is too far from the structure for the order of atoms to be certain.
        """
        if self._reduced is None or self._order is None:
            return geometry
        start = self._initial or self._reduced.crystal_geometry
        return self._reduced.restore(dressed(geometry, start), self._initial, self._step)

    def atoms(self, values: Sequence[T]) -> list[T]:
        """Return values given atom by atom in CRYSTAL's order, in the user's."""
        if self._reduced is None or self._order is None or len(values) != len(self._order):
            return list(values)
        return [values[self._order[index]] for index in self._reduced.atom_map]

    def tensors(self, values: ArrayLike, rank: int = 2) -> Matrix:
        """Return Cartesian tensors (vectors: rank 1) of CRYSTAL's axes in the user's.

        :param values: the last ``rank`` dimensions are Cartesian.
        """
        return rotate(values, self.rotation, rank)

    def atom_tensors(self, values: ArrayLike, rank: int = 1, axis: int = 0) -> Matrix:
        """Return Cartesian vectors or tensors of the atoms in the user's order and axes, repeated in a larger cell.

        :param values: atoms along ``axis``; the last ``rank`` dimensions are Cartesian.
        """
        turned = self.tensors(values, rank)
        return np.take(turned, self.atoms(range(turned.shape[axis])), axis=axis)

    def to_crystal_k(self, points: ArrayLike) -> Matrix:
        """Return k-points, fractional in the user's reciprocal cell (n, 3), in that of CRYSTAL's primitive cell.

        :raises SymmetryError: if CRYSTAL's cell is not the user's.
        """
        if self._reduced is None or self._order is None:
            raise SymmetryError('the run had another cell than its input structure, as after edits of the geometry')
        return self._reduced.to_crystal_fractional_k(points, self._initial)

    def from_crystal_k(self, points: ArrayLike) -> Matrix:
        """Return k-points, fractional in the reciprocal cell of CRYSTAL's primitive cell (n, 3), in the user's.

        :raises SymmetryError: if CRYSTAL's cell is not the user's.
        """
        if self._reduced is None or self._order is None:
            raise SymmetryError('the run had another cell than its input structure, as after edits of the geometry')
        return self._reduced.from_crystal_fractional_k(points, self._initial)


def dressed(printed: Geometry, expected: Geometry) -> Geometry:
    """Give the printed atoms the kinds and spins of the expected ones, of which only the element is printed.

    Of a ghost not even that: it has the number 0.
    """
    as_printed = [0 if site.ghost else site.number for site in expected.sites]
    if printed.numbers not in (expected.numbers, as_printed):
        return printed
    return printed.with_sites(
        like.moved_to(site.position) for like, site in zip(expected.sites, printed.sites, strict=True)
    )
