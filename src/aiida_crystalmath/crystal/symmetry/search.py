"""Search of symmetry operators and primitive cells with spglib, for systems of any dimensionality."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray

from ..geometry import Geometry
from ..outputs.fort34 import SymmOps
from .build import SymmetryError

Matrix = NDArray[np.float64]


def species_indices(geometry: Geometry) -> list[int]:
    """Return one number per atom, equal where symmetry may exchange atoms: same element, kind, spin, basis, ghost."""
    table: dict[tuple[Any, ...], int] = {}
    return [table.setdefault(site.species, len(table) + 1) for site in geometry.sites]


@dataclass(frozen=True, eq=False)
class Search:
    """Symmetry of a geometry.

    :param frame: box of the search, rows, Å: the periodic vectors, and normals where nothing repeats.
    :param rotations: integer matrices on fractional coordinates of the box, shape (n, 3, 3); identity first.
    :param translations: fractional, shape (n, 3).
    :param number: space group of the box, None where it means nothing.
    """

    frame: Matrix
    rotations: NDArray[np.int64]
    translations: Matrix
    number: int | None

    def pure_translations(self) -> Matrix:
        """Return the fractional lattice translations inside the cell, shape (n, 3), zero included."""
        identity = (self.rotations == np.eye(3, dtype=int)).all(axis=(1, 2))
        result: Matrix = self.translations[identity]
        return result

    def cartesian(self, keep: int) -> SymmOps:
        """Return one Cartesian operator per rotation.

        :param keep: dimensionality: translations along other directions are not reduced.
        """
        columns = self.frame.T
        inverse = np.linalg.inv(columns)
        rotations, translations, seen = [], [], set()
        for rotation, translation in zip(self.rotations, self.translations, strict=True):
            if rotation.tobytes() in seen:
                continue
            seen.add(rotation.tobytes())
            rotations.append(nearest_rotation(columns @ rotation @ inverse))
            shift = np.array(translation)
            shift[:keep] -= np.floor(shift[:keep] + 1e-6)
            translations.append(shift @ self.frame)
        order = sorted(range(len(rotations)), key=lambda i: (np.linalg.det(rotations[i]) < 0, i))
        return SymmOps(np.array([rotations[i] for i in order]), np.array([translations[i] for i in order]))


def nearest_rotation(matrix: Matrix) -> Matrix:
    """Return the orthogonal matrix nearest to a matrix (polar decomposition)."""
    left, _, right = np.linalg.svd(matrix)
    result: Matrix = left @ right
    result[np.abs(result) < 1e-14] = 0.0
    return result


def find_dataset(cell: Matrix, fractional: Matrix, species: Sequence[int], symprec: float, hall_number: int = 0) -> Any:
    """Return spglib's dataset of a crystal.

    :raises SymmetryError: if spglib finds none, with its reason.
    """
    try:
        with warnings.catch_warnings():
            # spglib 2.8 announces another way to report errors; both ways are handled here.
            warnings.simplefilter('ignore', DeprecationWarning)
            dataset: Any = spglib.get_symmetry_dataset(
                (cell.tolist(), fractional.tolist(), list(species)), symprec=symprec, hall_number=hall_number
            )
    except spglib.SpglibError as exception:
        raise SymmetryError(_no_symmetry(str(exception), symprec)) from exception
    if dataset is None:
        raise SymmetryError(_no_symmetry('no reason given', symprec))
    return dataset


def _no_symmetry(reason: str, symprec: float) -> str:
    return f'spglib finds no symmetry ({reason}): are two atoms closer than symprec = {symprec} Å?'


def search(geometry: Geometry, symprec: float = 1e-5) -> Search:
    """Find the operators of a geometry whose first ``dimensionality`` vectors repeat.

    Only operators that leave the periodic and the other directions apart are kept. Of molecules and polymers, axes
    along the principal axes of inertia are found, up to fourfold.

    :raises SymmetryError: if spglib fails.
    """
    d = geometry.dimensionality
    frame = _box(geometry)
    fractional = geometry.positions @ np.linalg.inv(frame)
    dataset = find_dataset(frame, fractional, species_indices(geometry), symprec)
    rotations = np.asarray(dataset.rotations, dtype=np.int64)
    translations = np.asarray(dataset.translations, dtype=np.float64)
    apart = (rotations[:, :d, d:] == 0).all(axis=(1, 2)) & (rotations[:, d:, :d] == 0).all(axis=(1, 2))
    rotations, translations = rotations[apart], translations[apart]
    translations[:, d:] -= np.rint(translations[:, d:])
    first = np.argsort([not (rotation == np.eye(3)).all() or np.abs(t).max() > 1e-6
                        for rotation, t in zip(rotations, translations, strict=True)], kind='stable')  # fmt: skip
    number = int(dataset.number) if d == 3 else None
    return Search(frame, rotations[first], translations[first], number)


def cartesian_operators(geometry: Geometry, symprec: float = 1e-5) -> SymmOps:
    """Return the Cartesian operators of a primitive cell."""
    return search(geometry, symprec).cartesian(geometry.dimensionality)


def _box(geometry: Geometry) -> Matrix:
    """Return the periodic vectors completed by normals so long that images do not make symmetry of their own."""
    d = geometry.dimensionality
    frame = np.array(geometry.frame)
    if d == 3:
        return frame
    positions = geometry.positions - geometry.positions.mean(axis=0) if len(geometry) else np.zeros((1, 3))
    normals = frame[d:]
    projector = normals.T @ normals
    if d < 2:
        weights = np.array(geometry.numbers, dtype=float)
        spread = projector @ (positions.T * weights) @ positions @ projector
        _, axes = np.linalg.eigh(spread + 1e6 * (np.eye(3) - projector) * max(1.0, float(np.trace(spread))))
        normals = axes[:, : 3 - d].T
    extent = float(np.linalg.norm(positions @ projector, axis=1).max())
    longest = float(np.linalg.norm(frame[:d], axis=1).max()) if d else 0.0
    frame[d:] = normals * (2.37 * extent + 1.61 * longest + 11.3)
    if np.linalg.det(frame) < 0:
        frame[2] *= -1
    return frame


def primitive_vectors(found: Search, dimensionality: int) -> Matrix:
    """Return short vectors of the primitive lattice, fractional in the box, (3, 3); rows beyond are unit vectors."""
    d = dimensionality
    result = np.eye(3)
    translations = found.pure_translations()
    if len(translations) == 1 or d == 0:
        return result
    steps = itertools.product((-1, 0, 1), repeat=d)
    shifts = [np.array([*step, *(0,) * (3 - d)], dtype=float) for step in steps]
    vectors = np.array([t + shift for t in translations for shift in shifts])
    vectors = vectors[np.linalg.norm(vectors @ found.frame, axis=1) > 1e-3]
    vectors = vectors[np.argsort(np.round(np.linalg.norm(vectors @ found.frame, axis=1), 6), kind='stable')]
    target = 1 / len(translations)
    for chosen in itertools.combinations(range(min(len(vectors), 60)), d):
        trial = np.array(vectors[list(chosen)])[:, :d]
        determinant = float(np.linalg.det(trial))
        if abs(abs(determinant) - target) < 1e-4:
            if determinant < 0:
                trial[-1] *= -1
            result[:d, :d] = trial
            return result
    raise SymmetryError('the primitive cell could not be built from the translations that were found')
