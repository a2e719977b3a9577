"""Neighbours, planes worth seeing and boxes of known structures."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.planes import (
    box_limits,
    nearest_neighbours,
    neighbours,
    plane_window,
    sensible_points,
)

A = 4.21
FCC = A / 2 * (1 - np.eye(3))
MGO = Geometry.from_arrays(FCC, [[0, 0, 0], [A / 2, A / 2, A / 2]], [12, 8])
DIAMOND = Geometry.from_arrays(FCC, [[0, 0, 0], [A / 4, A / 4, A / 4]], [6, 6])
WATER = Geometry.from_arrays(
    500 * np.eye(3), [[0, 0, 0.1173], [0, 0.7572, -0.4692], [0, -0.7572, -0.4692]], [8, 1, 1], 0
)
D = 2.46
GRAPHENE = Geometry.from_arrays(
    [[D, 0, 0], [-D / 2, D * 3**0.5 / 2, 0], [0, 0, 500]],
    [[0, D / 3**0.5, 0], [D / 2, D / 12**0.5, 0]],
    [6, 6],
    2,
)


def normal(points: np.ndarray) -> np.ndarray:
    """Return the unit normal of three points."""
    vector = np.cross(points[1] - points[0], points[2] - points[0])
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize(
    ('geometry', 'count', 'distance'), [(MGO, 12, A / 2), (DIAMOND, 8, A * 3**0.5 / 4), (GRAPHENE, 6, D / 3**0.5)]
)
def test_nearest_neighbours_of_crystals(geometry, count, distance):
    found = nearest_neighbours(geometry)
    assert len(found) == count  # both ways
    assert [pair.distance for pair in found] == pytest.approx([distance] * count)


def test_atoms_outside_the_cell_have_the_same_neighbours():
    moved = MGO.with_positions(MGO.positions + np.array([FCC[0] * 3, -FCC[2] * 2]))
    assert len(nearest_neighbours(moved)) == 12


def test_neighbours_up_to_a_cutoff():
    """The third shell of rock salt: 6 + 12 + 8 neighbours of each of two atoms."""
    assert len(neighbours(MGO, 3.7)) == 2 * (6 + 12 + 8)


def test_bonds_of_a_molecule():
    assert {(pair.first, pair.second) for pair in nearest_neighbours(WATER)} == {(0, 1), (1, 0), (0, 2), (2, 0)}


def test_planes_are_those_of_textbooks():
    assert np.abs(normal(sensible_points(MGO))).max() == pytest.approx(1.0)  # (001)
    assert np.abs(normal(sensible_points(WATER))) == pytest.approx([1, 0, 0])
    assert np.abs(normal(sensible_points(GRAPHENE))) == pytest.approx([0, 0, 1])
    assert sorted(np.abs(normal(sensible_points(DIAMOND)))) == pytest.approx([0, 0.5**0.5, 0.5**0.5])  # (110)


@pytest.mark.parametrize('positions', [[[0, 0, 0]], [[0, 0, 0], [0, 0, 1.1]], [[0, 0, 0], [0, 0, 1.2], [0, 0, -1.2]]])
def test_atoms_on_a_line_have_a_plane_too(positions):
    geometry = Geometry.from_arrays(500 * np.eye(3), positions, [6] * len(positions), 0)
    window = plane_window(geometry, sensible_points(geometry), 1.5)
    a, b, c = window
    assert (a - b) @ (c - b) == pytest.approx(0.0, abs=1e-9)
    inside = (geometry.positions - a) @ np.array([(b - a) / np.linalg.norm(b - a), (c - b) / np.linalg.norm(c - b)]).T
    size = [np.linalg.norm(b - a), np.linalg.norm(c - b)]
    assert np.all(inside >= 1.5 - 1e-9) and np.all(inside <= np.array(size) - 1.5 + 1e-9)


def test_points_on_a_line_are_no_plane():
    with pytest.raises(ValueError, match='on a line'):
        plane_window(MGO, [[0, 0, 0], [1, 0, 0], [2, 0, 0]], 1.0)


def test_limits_are_of_directions_that_do_not_repeat():
    assert box_limits(MGO, 4.0).shape == (2, 0)
    assert box_limits(GRAPHENE, 4.0) == pytest.approx(np.array([[-4.0], [4.0]]))
    assert box_limits(WATER, 4.0)[0] == pytest.approx([-4.0, -4.7572, -4.4692])
