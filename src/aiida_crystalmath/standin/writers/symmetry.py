"""What the tables of CRYSTAL's output need of the symmetry: inverses, equivalent atoms, irreducible k-points."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import Geometry

Real = NDArray[np.float64]
Integer = NDArray[np.int64]

_CLOSE = 1e-4
_TRANSFORMATIONS = {
    'P': (1, 0, 0, 0, 1, 0, 0, 0, 1),
    'F': (-1, 1, 1, 1, -1, 1, 1, 1, -1),
    'I': (0, 1, 1, 1, 0, 1, 1, 1, 0),
    'R': (1, 0, 1, -1, 1, 1, 0, -1, 1),
}
_MULTIPLICITY = {'P': 1, 'A': 2, 'B': 2, 'C': 2, 'F': 4, 'I': 2, 'R': 3}


@dataclass(frozen=True, eq=False)
class SymmetryOperators:
    """Operators in fractional coordinates of the primitive cell: ``x' = R x + t``.

    :param rotations: shape (n, 3, 3).
    :param translations: shape (n, 3).
    """

    rotations: Real
    translations: Real

    @classmethod
    def of(cls, rotations: NDArray[np.generic] | None, translations: Real | None) -> SymmetryOperators:
        """Return the operators, the identity alone when there are none."""
        if rotations is None or len(rotations) == 0:
            return cls(np.eye(3)[None, :, :], np.zeros((1, 3)))
        matrices = np.asarray(rotations, dtype=float)
        shifts = np.zeros((len(matrices), 3)) if translations is None else np.asarray(translations, dtype=float)
        return cls(matrices, shifts)

    def __len__(self) -> int:
        return len(self.rotations)

    def inverses(self) -> list[int]:
        """Return for each operator the index (from 0) of the one with the inverse rotation."""
        result = []
        for index, rotation in enumerate(self.rotations):
            inverse = np.linalg.inv(rotation)
            distances = np.abs(self.rotations - inverse).max(axis=(1, 2))
            found = int(np.argmin(distances))
            result.append(found if distances[found] < _CLOSE else index)
        return result


def first_equivalents(geometry: Geometry, operators: SymmetryOperators) -> list[int]:
    """Return for each atom the index of the first atom that symmetry makes equivalent to it."""
    periodic = geometry.dimensionality
    fractional = geometry.fractional
    species = [site.species for site in geometry.sites]
    first = list(range(len(geometry.sites)))
    for atom in range(len(geometry.sites)):
        images = np.einsum('nij,j->ni', operators.rotations, fractional[atom]) + operators.translations
        for other in range(atom):
            if species[other] != species[atom] or first[other] != other:
                continue
            difference = images - fractional[other]
            difference[:, :periodic] -= np.round(difference[:, :periodic])
            if np.any(np.abs(difference).max(axis=1) < _CLOSE):
                first[atom] = other
                break
    return first


@dataclass(frozen=True, eq=False)
class IrreduciblePoints:
    """The irreducible part of a Monkhorst net, numbered as CRYSTAL does: first index fastest.

    :param points: integer coordinates in units of the divisions, shape (n, 3).
    :param real: whether twice the point is a reciprocal lattice vector.
    :param index: for every (k1, k2, k3) of the net, the number (from 0) of its representative.
    """

    points: Integer
    real: tuple[bool, ...]
    index: Integer

    def number(self, k: NDArray[np.generic]) -> int:
        """Return the number, from 1, of the representative of the integer point ``k``."""
        k1, k2, k3 = (int(value) % size for value, size in zip(k, self.index.shape, strict=True))
        return int(self.index[k1, k2, k3]) + 1


def irreducible_points(mesh: tuple[int, int, int], operators: SymmetryOperators) -> IrreduciblePoints:
    """Reduce a net by the operators and time reversal."""
    sizes = np.array(mesh)
    duals = np.unique(np.round(np.transpose(operators.rotations, (0, 2, 1)), 6), axis=0)
    index = np.full(mesh, -1, dtype=np.int64)
    points: list[tuple[int, int, int]] = []
    for k3, k2, k1 in product(range(mesh[2]), range(mesh[1]), range(mesh[0])):
        if index[k1, k2, k3] >= 0:
            continue
        images = np.einsum('nij,j->ni', duals, np.array([k1, k2, k3]) / sizes) * sizes
        whole = images[np.abs(images - np.round(images)).max(axis=1) < _CLOSE]
        for image in np.round(whole).astype(int):
            for signed in (image, -image):
                index[tuple(signed % sizes)] = len(points)
        index[k1, k2, k3] = len(points)
        points.append((k1, k2, k3))
    array = np.array(points, dtype=np.int64)
    return IrreduciblePoints(array, tuple(bool(np.all(2 * point % sizes == 0)) for point in array), index)


def transformation(centring: str, cell: Real, conventional: tuple[float, ...] | None) -> Integer | None:
    """Return the integer matrix T with ``crystallographic = T @ primitive``, rows are vectors.

    Those of F, I and R are CRYSTAL's own (real outputs); for a one-face centring the matrix is looked for that gives
    the conventional cell parameters (Å, degrees). None if there is none.
    """
    if centring in _TRANSFORMATIONS:
        matrix = np.array(_TRANSFORMATIONS[centring], dtype=np.int64).reshape(3, 3)
        if conventional is None or centring == 'P' or _has_parameters(matrix @ cell, conventional):
            return matrix
    if conventional is None:
        return None
    candidates = np.array(list(product((-1, 0, 1), repeat=9)), dtype=np.int64).reshape(-1, 3, 3)
    volumes = np.round(np.linalg.det(candidates)).astype(int)
    right = candidates[volumes == _MULTIPLICITY.get(centring, 1)]
    simplest = right[np.argsort(np.abs(right).sum(axis=(1, 2)), kind='stable')]
    return next((matrix for matrix in simplest if _has_parameters(matrix @ cell, conventional)), None)


def _has_parameters(cell: Real, parameters: tuple[float, ...]) -> bool:
    return bool(np.allclose(cell_parameters(cell), parameters, atol=2e-3))


def cell_parameters(cell: Real) -> tuple[float, float, float, float, float, float]:
    """Return lengths (Å) and angles (degrees) of a cell given as rows."""
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [np.dot(cell[i], cell[j]) / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    a, b, c = (float(value) for value in lengths)
    alpha, beta, gamma = (float(np.degrees(np.arccos(np.clip(value, -1.0, 1.0)))) for value in cosines)
    return a, b, c, alpha, beta, gamma
