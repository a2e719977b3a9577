"""What symmetry leaves free: counted against the tables of crystallography (Wyckoff positions, crystal systems)."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.symmetry.freedom import Freedom, freedom


def crystal(cell, *atoms, dimensionality=3):
    cell = np.array(cell, dtype=float)
    return Geometry(cell, dimensionality, tuple(Site(z, tuple(np.array(f) @ cell)) for z, f in atoms))


def fcc(a):
    return [[0, a / 2, a / 2], [a / 2, 0, a / 2], [a / 2, a / 2, 0]]


RUTILE = crystal(
    np.diag([4.594, 4.594, 2.959]),
    *((22, f) for f in ((0, 0, 0), (0.5, 0.5, 0.5))),
    *((8, f) for f in ((0.305, 0.305, 0), (-0.305, -0.305, 0), (0.805, 0.195, 0.5), (0.195, 0.805, 0.5))),
)
HEXAGON = [[2.5, 0, 0], [-1.25, 2.5 * 3**0.5 / 2, 0], [0, 0, 4.0]]
WURTZITE = crystal(
    HEXAGON,
    (30, (1 / 3, 2 / 3, 0)),
    (30, (2 / 3, 1 / 3, 0.5)),
    (8, (1 / 3, 2 / 3, 0.38)),
    (8, (2 / 3, 1 / 3, 0.88)),
)
GRAPHENE = crystal(HEXAGON, (6, (1 / 3, 2 / 3, 0)), (6, (2 / 3, 1 / 3, 0)), dimensionality=2)
BUCKLED = crystal(HEXAGON, (14, (1 / 3, 2 / 3, 0.05)), (14, (2 / 3, 1 / 3, -0.05)), dimensionality=2)
TRICLINIC = crystal([[3, 0, 0], [0.4, 3.5, 0], [0.3, 0.6, 4.1]], (1, (0, 0, 0)), (2, (0.31, 0.42, 0.23)))


@pytest.mark.parametrize(
    ('geometry', 'expected'),
    [
        pytest.param(crystal(fcc(4.2), (12, (0, 0, 0)), (8, (0.5, 0.5, 0.5))), Freedom(0, 0), id='rock salt'),
        pytest.param(crystal(fcc(5.4), (14, (0, 0, 0)), (14, (0.25, 0.25, 0.25))), Freedom(0, 0), id='diamond'),
        pytest.param(RUTILE, Freedom(1, 1), id='rutile: x of oxygen, c/a'),
        pytest.param(WURTZITE, Freedom(1, 1), id='wurtzite: u, c/a'),
        pytest.param(GRAPHENE, Freedom(0, 0), id='graphene'),
        pytest.param(BUCKLED, Freedom(1, 0), id='buckled honeycomb: its height'),
        pytest.param(TRICLINIC, Freedom(3, 5), id='triclinic'),
    ],
)
def test_freedom(geometry, expected):
    assert freedom(geometry) == expected


def test_atoms_at_any_origin_have_the_same_freedom():
    moved = RUTILE.with_positions(RUTILE.positions + np.array([0.3, 0.1, 0.7]))
    assert freedom(moved) == freedom(RUTILE)
