"""k-points stay right when CRYSTAL printed another basis of the primitive lattice than we predict."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.symmetry import SymmetryError, reduce


def silicon(a: float = 5.43) -> Geometry:
    """Return the conventional cell of silicon."""
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Geometry.from_fractional(np.eye(3) * a, np.concatenate([corners, corners + 0.25]), [14] * 8)


def other_basis(geometry: Geometry, change: np.ndarray) -> Geometry:
    """Return the same lattice and atoms with lattice vectors ``change @ cell``."""
    return Geometry(change @ geometry.cell, 3, geometry.sites)


@pytest.mark.parametrize(
    'change', [np.eye(3), np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), np.array([[1, 0, 0], [0, 1, 0], [1, 0, -1]])]
)
def test_cartesian_points_do_not_depend_on_the_printed_basis(change):
    reduced = reduce(silicon())
    printed = other_basis(reduced.crystal_geometry, change)
    if np.linalg.det(printed.cell) * np.linalg.det(reduced.crystal_geometry.cell) < 0:
        printed = other_basis(reduced.crystal_geometry, -change)
    asked = np.array([[0.5, 0.0, 0.0], [0.1, 0.2, 0.3]])
    fractional = reduced.to_crystal_fractional_k(asked, printed)
    expected = asked @ reduced.source.reciprocal_cell
    lengths = np.linalg.norm(fractional @ printed.reciprocal_cell, axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(expected, axis=1), atol=1e-8)
    np.testing.assert_allclose(reduced.from_crystal_fractional_k(fractional, printed), asked, atol=1e-10)


def test_another_crystal_is_refused():
    reduced = reduce(silicon())
    with pytest.raises(SymmetryError, match='not the same structure'):
        reduced.to_crystal_fractional_k([[0.5, 0, 0]], reduce(silicon(5.9)).crystal_geometry)
