"""From the primitive cell that CRYSTAL printed back to the cell and atom order of the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.symmetry import ReducedGeometry, SymmetryError, align

__all__ = ('CellMap',)

T = TypeVar('T')

SAME_PLACE_ANGSTROM = 5e-3
"""Printed coordinates have at least six digits; anything further away is another place."""


class CellMap:
    """Translates geometries and lists of atoms; if CRYSTAL's cell is not the expected one, leaves them as they are.

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
        self._order: tuple[int, ...] | None = None
        if reduced is None:
            return
        expected = reduced.crystal_geometry
        if printed is not None:
            try:
                self._order = align(expected, _dressed(printed, expected), tolerance=SAME_PLACE_ANGSTROM).atoms
                self._initial = printed
            except SymmetryError:
                pass
        elsewhere = printed is not None and restarted and printed.numbers == expected.numbers
        if self._order is None and not edited and (printed is None or elsewhere):
            self._order = tuple(range(len(expected)))

    @property
    def is_users(self) -> bool:
        """Whether results can be told in the user's cell."""
        return self._order is not None

    @property
    def atom_order(self) -> str:
        """``structure`` or ``crystal``: whose order lists of atoms are in."""
        return 'structure' if self.is_users else 'crystal'

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
        return self._reduced.restore(geometry, initial=self._initial)

    def atoms(self, values: Sequence[T]) -> list[T]:
        """Return values given atom by atom in CRYSTAL's order, in the user's."""
        if self._reduced is None or self._order is None or len(values) != len(self._order):
            return list(values)
        return [values[self._order[index]] for index in self._reduced.atom_map]


def _dressed(printed: Geometry, expected: Geometry) -> Geometry:
    """Give the printed atoms, of which only the element is known, the kinds and spins of the expected ones."""
    if printed.numbers != expected.numbers:
        return printed
    return printed.with_sites(
        like.moved_to(site.position) for like, site in zip(expected.sites, printed.sites, strict=True)
    )
