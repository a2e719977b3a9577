"""Relations between two descriptions of one structure: other cell, orientation, origin and order of atoms."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import Geometry
from .build import SymmetryError
from .search import nearest_rotation

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellMap:
    """How a target geometry follows from a source geometry (CRYSTAL's primitive cell).

    The frames (cells with unit vectors where nothing repeats) are related by ``target = multiples @ source @
    rotation``, and atom i of the target is image ``shifts[i]`` of atom ``atoms[i]`` of the source, counted from
    ``origin``.

    :param multiples: matrix M, integer, shape (3, 3).
    :param rotation: proper or improper rotation of row vectors, shape (3, 3).
    :param origin: point of the source cell, fractional, that is the target's origin.
    :param atoms: index of the source atom of every target atom.
    :param shifts: lattice translations, shape (n, 3).
    """

    multiples: Matrix
    rotation: Matrix
    origin: Matrix
    atoms: tuple[int, ...]
    shifts: Matrix

    def target_frame(self, source: Geometry) -> Matrix:
        """Return the target's frame made of a (relaxed) source."""
        result: Matrix = self.multiples @ source.frame @ self.rotation
        return result

    def positions(self, source: Geometry, fractional: Matrix) -> Matrix:
        """Return the target's Cartesian positions from fractional positions of a (relaxed) source."""
        result: Matrix = (fractional[list(self.atoms)] + self.shifts - self.origin) @ source.frame @ self.rotation
        return result


def cell_map(target: Geometry, source: Geometry, multiples: Matrix, origin: Matrix, tolerance: float) -> CellMap:
    """Relate two geometries whose cells and origins are known.

    :param multiples: integer matrix M, see :class:`CellMap`.
    :param origin: fractional in the source cell.
    :param tolerance: largest distance in Å between an atom and its image.
    :raises SymmetryError: if an atom has no counterpart.
    """
    source_frame = source.frame
    rotation = nearest_rotation(np.linalg.inv(multiples @ source_frame) @ target.frame)
    # Fractions of the user's own cell, not rotated positions: right also if it is symmetric within tolerance only.
    wanted = target.positions @ np.linalg.inv(target.frame) @ multiples + origin
    have = source.fractional
    d = source.dimensionality
    labels: dict[tuple[Any, ...], int] = {}
    species = np.array([labels.setdefault(site.species, len(labels)) for site in source.sites], dtype=int)
    atoms, shifts = [], []
    for i, site in enumerate(target.sites):
        change = wanted[i] - have
        shift = np.zeros_like(change)
        shift[:, :d] = np.rint(change[:, :d])
        distances = np.linalg.norm((change - shift) @ source_frame, axis=1)
        distances[species != labels.get(site.species, -1)] = np.inf
        j = int(np.argmin(distances))
        if not distances[j] < tolerance:
            raise SymmetryError(
                f'atom {i + 1} ({site.symbol}) has no counterpart within {tolerance:.1e} Å in the symmetric structure'
            )
        atoms.append(j)
        shifts.append(shift[j])
    copies = np.bincount(atoms, minlength=len(source))
    if len(target) and (copies != copies[0]).any():
        raise SymmetryError('the atoms of the symmetric structure do not occur equally often in the given cell')
    return CellMap(multiples, rotation, np.asarray(origin, dtype=float), tuple(atoms), np.array(shifts).reshape(-1, 3))


def align(target: Geometry, source: Geometry, tolerance: float = 1e-3) -> CellMap:
    """Find how two primitive cells of one structure are related: basis, orientation, origin, order of atoms.

    Both must have their first ``dimensionality`` vectors periodic.

    :param tolerance: largest distance in Å between matching atoms.
    :raises SymmetryError: if they are not the same structure.
    """
    if target.dimensionality != source.dimensionality or len(target) != len(source):
        raise SymmetryError(
            f'a {target.dimensionality}D cell of {len(target)} atoms cannot be matched to '
            f'a {source.dimensionality}D cell of {len(source)} atoms'
        )
    for multiples in _bases(target.frame, source.frame, target.dimensionality, tolerance):
        for origin in _origins(target, source, multiples):
            try:
                return cell_map(target, source, multiples, origin, tolerance)
            except SymmetryError:
                continue
    raise SymmetryError('the two cells are not the same structure: no change of basis, orientation and origin fits')


def _bases(target: Matrix, source: Matrix, dimensionality: int, tolerance: float) -> Iterator[Matrix]:
    """Give the unimodular matrices that give the source the target's metric, identity first: mostly it is that."""
    d = dimensionality
    identity = np.eye(3)
    wanted = target[:d] @ target[:d].T
    scale = 6 * tolerance * float(np.sqrt(np.diag(wanted)).max(initial=0.0))
    same_hand = np.linalg.det(source) * np.linalg.det(target) > 0
    is_same = d == 0 or (same_hand and bool(np.abs(source[:d] @ source[:d].T - wanted).max() < scale))
    if is_same:
        yield identity
    if d == 0:
        return
    rows = np.array(list(itertools.product((0, 1, -1, 2, -2), repeat=d)), dtype=float)
    vectors = rows @ source[:d]
    lengths = np.linalg.norm(vectors, axis=1)
    choices = [np.flatnonzero(np.abs(lengths - np.sqrt(wanted[i, i])) < 3 * tolerance) for i in range(d)]
    found = []
    for pick in itertools.product(*choices):
        trial = vectors[list(pick)]
        if np.abs(trial @ trial.T - wanted).max() < scale:
            matrix = np.eye(3)
            matrix[:d, :d] = rows[list(pick)]
            if (
                abs(abs(np.linalg.det(matrix)) - 1) < 1e-6
                and np.linalg.det(matrix @ source) * np.linalg.det(target) > 0
            ):
                found.append(matrix)
    others = (matrix for matrix in found if not (is_same and np.array_equal(matrix, identity)))
    yield from sorted(others, key=lambda matrix: float(np.abs(matrix - identity).sum()))


def _origins(target: Geometry, source: Geometry, multiples: Matrix) -> list[Matrix]:
    """Return possible fractional origins: none, and those that lay the target's rarest atom on one of the source."""
    origins = [np.zeros(3)]
    if not len(target):
        return origins
    species = [site.species for site in target.sites]
    count = Counter(species)
    rarest = min(range(len(target)), key=lambda i: count[species[i]])
    at = target.positions[rarest] @ np.linalg.inv(target.frame) @ multiples
    have = source.fractional
    for j, site in enumerate(source.sites):
        if site.species == species[rarest]:
            origins.append(have[j] - at)
    return origins


def followed(new: Geometry, old: Geometry) -> Matrix:
    """Return the new fractional positions without jumps over cell faces since the old geometry, shape (n, 3)."""
    change = new.fractional - old.fractional
    d = new.dimensionality
    change[:, :d] -= np.rint(change[:, :d])
    result: Matrix = old.fractional + change
    return result
