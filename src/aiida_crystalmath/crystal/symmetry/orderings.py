"""Collinear magnetic orderings of a cell, each once: enumeration up to symmetry and up to turning all spins over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..geometry import Geometry
from .build import SymmetryError
from .search import search

__all__ = ('MAX_MAGNETIC_SITES', 'Ordering', 'OrderingName', 'enumerate_orderings', 'site_permutations')

OrderingName = Literal['FM', 'AFM', 'FiM']

MAX_MAGNETIC_SITES = 16
"""With n sites there are 2**(n-1) ways to set the spins, before symmetry."""

BALANCE = 1e-6
SAME_PLACE_ANGSTROM = 1e-2


@dataclass(frozen=True)
class Ordering:
    """One way to set the spins.

    :param name: ``FM`` (all alike), ``AFM`` (the moments add up to zero) or ``FiM`` (they do not).
    :param signs: of every atom of the geometry: 1, -1, and 0 for atoms without a moment.
    :param multiplicity: how many ways to set the spins are the same by symmetry, all spins turned over included.
    """

    name: OrderingName
    signs: tuple[int, ...]
    multiplicity: int


def enumerate_orderings(
    geometry: Geometry,
    moments: Sequence[float],
    *,
    ferrimagnetic: bool = False,
    limit: int = 20,
    symprec: float = 1e-5,
) -> list[Ordering]:
    """Return the collinear orderings of a cell, each once.

    Two are the same if an operator of the space group (translations inside the cell included) or turning over all
    spins, which changes no energy without spin-orbit coupling, takes one to the other. Moments keep their size; only
    orderings that fit the cell are found: for longer periods give a supercell.

    :param geometry: kinds that differ stay apart.
    :param moments: size of the moment of each atom, 0 for atoms without one.
    :param ferrimagnetic: also those whose moments neither are all alike nor add up to zero.
    :param limit: most orderings that are wanted.
    :return: FM first, then AFM, then FiM; among them, first what symmetry makes more of.
    :raises ValueError: if there is no moment, too many atoms have one, or more orderings are found than wanted.
    """
    sizes = np.abs(np.asarray(moments, dtype=float))
    magnetic = np.flatnonzero(sizes > BALANCE)
    if len(magnetic) == 0:
        raise ValueError(
            'no atom has a moment: there is nothing to order. Give moments, for example Fe=2 (--moment Fe=2).'
        )
    if len(magnetic) > MAX_MAGNETIC_SITES:
        raise ValueError(
            f'{len(magnetic)} atoms have a moment, and 2**{len(magnetic) - 1} ways to set them are too many to look at '
            f'(most: {MAX_MAGNETIC_SITES}): give a smaller cell.'
        )
    images = site_permutations(geometry, symprec)[:, magnetic]
    place = {int(site): index for index, site in enumerate(magnetic)}
    images = np.array([[place[int(site)] for site in image] for image in images], dtype=np.int64)
    found: list[Ordering] = []
    seen: set[tuple[int, ...]] = set()
    for rest in product((1, -1), repeat=len(magnetic) - 1):
        signs = np.array((1, *rest), dtype=np.int64)
        if tuple(signs) in seen:
            continue
        orbit = {tuple(row) for turned in (signs, -signs) for row in turned[images].tolist()}
        seen |= orbit
        name = _name(signs, sizes[magnetic])
        if name == 'FiM' and not ferrimagnetic:
            continue
        everywhere = np.zeros(len(geometry), dtype=np.int64)
        everywhere[magnetic] = signs
        found.append(Ordering(name, tuple(int(sign) for sign in everywhere), len(orbit)))
    if len(found) > limit:
        raise ValueError(
            f'{len(found)} orderings differ by symmetry, more than the limit of {limit}: raise it, give a smaller '
            'cell, or leave ferrimagnetic ones out.'
        )
    order = ('FM', 'AFM', 'FiM')
    return sorted(found, key=lambda one: (order.index(one.name), -one.multiplicity))


def _name(signs: NDArray[np.int64], sizes: NDArray[np.float64]) -> OrderingName:
    if (signs == signs[0]).all():
        return 'FM'
    return 'AFM' if abs(float(signs @ sizes)) < BALANCE * len(signs) else 'FiM'


def site_permutations(geometry: Geometry, symprec: float = 1e-5) -> NDArray[np.int64]:
    """Return where each symmetry operator takes the atoms, shape (operators, atoms); each permutation once.

    :raises SymmetryError: if an operator takes an atom to where none is.
    """
    first = sorted(range(3), key=lambda axis: not geometry.pbc[axis])
    leading = Geometry(geometry.cell[first], geometry.dimensionality, geometry.sites)
    found = search(leading, symprec)
    # Without periodicity operators turn about the centre, which positions are relative to in the search as well.
    positions = leading.positions @ np.linalg.inv(found.frame)
    species = [site.species for site in leading.sites]
    tolerance = max(SAME_PLACE_ANGSTROM, 10 * symprec)
    permutations = []
    for rotation, translation in zip(found.rotations, found.translations, strict=True):
        moved = positions @ rotation.T + translation
        apart = moved[:, None] - positions[None]
        apart -= np.rint(apart)
        distances = np.linalg.norm(apart @ found.frame, axis=2)
        image = distances.argmin(axis=1)
        if distances.min(axis=1).max() > tolerance or any(species[i] != species[j] for i, j in enumerate(image)):
            raise SymmetryError('a symmetry operator takes an atom to where none is: tighten symprec')
        permutations.append(image)
    return np.unique(np.array(permutations, dtype=np.int64), axis=0)
