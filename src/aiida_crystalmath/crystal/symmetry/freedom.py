"""What symmetry leaves free to move: patterns of displacements of the atoms and of strains of the cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry import Geometry
from .search import cartesian_operators

__all__ = ('Freedom', 'displacement_patterns', 'freedom', 'strain_patterns')

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Freedom:
    """Numbers of variables that keep the symmetry.

    :param positions: internal coordinates of the atoms, all atoms moving together left out.
    :param shape: ways to strain the cell that keep its volume (area, length).
    """

    positions: int
    shape: int


def freedom(geometry: Geometry, symprec: float = 1e-5) -> Freedom:
    """Count what is free in a primitive cell whose first ``dimensionality`` vectors repeat.

    :raises SymmetryError: if spglib finds no symmetry.
    """
    operators = cartesian_operators(geometry, symprec)
    positions = displacement_patterns(geometry, operators.rotations, operators.translations)
    shape = strain_patterns(operators.rotations, geometry.dimensionality, fixed_volume=True)
    return Freedom(len(positions), len(shape))


def strain_patterns(rotations: Matrix, dimensionality: int, *, fixed_volume: bool) -> Matrix:
    """Return the symmetric strains that rotations leave unchanged, orthonormal, shape (n, 3, 3).

    :param rotations: Cartesian, shape (m, 3, 3); the first ``dimensionality`` axes are those that repeat.
    :param fixed_volume: without the isotropic one.
    """
    basis = []
    for i in range(dimensionality):
        for j in range(i, dimensionality):
            pattern = np.zeros((3, 3))
            pattern[i, j] = pattern[j, i] = 1.0 if i == j else np.sqrt(0.5)
            basis.append(sum(r @ pattern @ r.T for r in rotations) / len(rotations))
    if fixed_volume and basis:
        unit = np.diag([1.0 if i < dimensionality else 0.0 for i in range(3)]) / np.sqrt(dimensionality)
        basis = [pattern - unit * np.sum(unit * pattern) for pattern in basis]
    return _orthonormal(np.array(basis).reshape(len(basis), 9)).reshape(-1, 3, 3)


def displacement_patterns(geometry: Geometry, rotations: Matrix, translations: Matrix) -> Matrix:
    """Return the displacements of the atoms that operators leave free, apart from moving all of them together.

    :param rotations: Cartesian, shape (m, 3, 3).
    :param translations: Cartesian, Å, shape (m, 3).
    :return: orthonormal patterns, Cartesian, shape (n, atoms, 3).
    """
    natom = len(geometry.sites)
    projector = np.zeros((natom, 3, natom, 3))
    for rotation, translation in zip(rotations, translations, strict=True):
        image = _permutation(geometry, rotation, translation)
        for atom in range(natom):
            projector[image[atom], :, atom, :] += rotation
    flat = (projector / len(rotations)).reshape(3 * natom, 3 * natom)
    common = np.tile(np.eye(3), (natom, 1)) / np.sqrt(natom)
    flat = flat - common @ (common.T @ flat)
    return _orthonormal(flat.T).reshape(-1, natom, 3)


def _permutation(geometry: Geometry, rotation: Matrix, translation: Matrix) -> list[int]:
    """Index of the atom that each atom is moved to."""
    periodic, inverse = np.array(geometry.pbc), np.linalg.inv(geometry.frame)
    image = []
    for atom, moved in enumerate(geometry.positions @ rotation.T + translation):
        difference = (geometry.positions - moved) @ inverse
        difference = difference - np.where(periodic, np.rint(difference), 0.0)
        distances = np.linalg.norm(difference @ geometry.frame, axis=1)
        distances[[site.number != geometry.sites[atom].number for site in geometry.sites]] = np.inf
        image.append(int(np.argmin(distances)))
    return image


def _orthonormal(rows: Matrix) -> Matrix:
    """Orthonormal basis of the space that rows span."""
    if not len(rows):
        return rows
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(vectors[values > 1e-3])
