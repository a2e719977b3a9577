"""Geometry of 0D-3D systems: one type for molecules, polymers, slabs and crystals.

Lengths are in Å. The non-periodic directions follow CRYSTAL's conventions: a polymer repeats along x (first vector),
a slab along its first two vectors in the xy plane, and a non-periodic vector is 500 Å long in CRYSTAL's files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Site:
    """One atom (or ghost) of a :class:`Geometry`.

    :param number: true atomic number, 1-118 (never CRYSTAL's conventional number).
    :param position: Cartesian position in Å.
    :param kind: name that separates species further than the element does (for example ``Fe1``/``Fe2``);
        empty means the chemical symbol.
    :param ghost: basis functions without nucleus and electrons.
    :param ecp: the core is replaced by an effective core potential (conventional number Z + 200).
    :param variant: n selects the n-th further basis of the same element (conventional number Z + 100 n), 0 the first.
    :param spin: sign of the starting spin moment, CRYSTAL's ATOMSPIN: 1, -1 or 0.
    """

    number: int
    position: tuple[float, float, float]
    kind: str = ''
    ghost: bool = False
    ecp: bool = False
    variant: int = 0
    spin: int = 0

    @property
    def conventional_number(self) -> int:
        """CRYSTAL's conventional atomic number: Z, Z + 100 n (further basis), Z + 200 (+ 100 n) with an ECP."""
        return self.number + 100 * self.variant + (200 if self.ecp else 0)


@dataclass(frozen=True, eq=False)
class Geometry:
    """A periodic or molecular arrangement of :class:`Site` objects.

    :param cell: lattice vectors as rows, Å, shape (3, 3).
    :param dimensionality: 0 molecule, 1 polymer (vector 1 periodic), 2 slab (vectors 1, 2), 3 crystal.
    :param sites: the atoms, order significant.
    """

    cell: NDArray[np.float64]
    dimensionality: int
    sites: tuple[Site, ...]
