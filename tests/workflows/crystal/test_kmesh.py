"""SHRINK from a distance between k-points."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.workflows.crystal.kmesh import shrink_from_distance

A = 4.217
FCC = np.array([[0, A / 2, A / 2], [A / 2, 0, A / 2], [A / 2, A / 2, 0]])
MGO = Geometry.from_fractional(FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [12, 8])


@pytest.mark.parametrize(('distance', 'expected'), [(3.0, 1), (1.5, 2), (0.35, 8), (0.22, 12)])
def test_rock_salt(distance, expected):
    """The reciprocal vectors of the primitive cell are 2π sqrt(3)/a = 2.581 1/Å long."""
    assert shrink_from_distance(MGO, distance) == {'is': expected, 'isp': 2 * expected}


def test_exact_multiple_is_not_rounded_up():
    """A distance that divides the vector exactly gives that division, whatever the last digit."""
    length = 2 * np.pi * np.sqrt(3) / A
    for n in range(1, 12):
        assert shrink_from_distance(MGO, length / n)['is'] == n


def test_anisotropic_where_symmetry_allows():
    """A primitive tetragonal cell: a and b alike, c by itself."""
    cell = Geometry.from_fractional(np.diag([4.0, 4.0, 9.0]), [[0, 0, 0]], [22])
    assert shrink_from_distance(cell, 0.3)['is'] == [6, 6, 3]


def test_isotropic_where_symmetry_mixes_the_vectors():
    """Body-centred tetragonal: the fourfold axis mixes vectors of different length, CRYSTAL would refuse the mesh."""
    vectors = 0.5 * np.array([[-3, 3, 9], [3, -3, 9], [3, 3, -9.0]])
    cell = Geometry.from_fractional(vectors, [[0, 0, 0]], [22])
    lengths = np.linalg.norm(cell.reciprocal_cell, axis=1)
    wanted = np.ceil(lengths / 0.3)
    assert len(set(wanted)) > 1
    assert shrink_from_distance(cell, 0.3)['is'] == int(wanted.max())


def test_kinds_break_symmetry():
    """Two kinds of one element make a cubic cell tetragonal: the mesh may be anisotropic again."""
    cell = Geometry.from_fractional(np.diag([3.0, 3.0, 6.0]), [[0, 0, 0], [0, 0, 0.5]], [26, 26], kinds=['Fe1', 'Fe2'])
    assert shrink_from_distance(cell, 0.5)['is'] == [5, 5, 3]


def test_slab_and_polymer_divide_only_where_they_repeat():
    """Non-periodic directions get 1, or one number for all where the periodic ones are alike."""
    graphene = Geometry.from_arrays(
        [[2.46, 0, 0], [-1.23, 2.46 * 3**0.5 / 2, 0], [0, 0, 500]],
        [[0, 2.46 / 3**0.5, 0], [1.23, 2.46 / 12**0.5, 0]],
        [6, 6],
        2,
    )
    assert shrink_from_distance(graphene, 0.35) == {'is': 9, 'isp': 18}
    rectangular = Geometry.from_fractional(np.diag([3.0, 4.0, 500.0]), [[0, 0, 0]], [22], 2)
    assert shrink_from_distance(rectangular, 0.3)['is'] == [7, 6, 1]
    polymer = Geometry.from_fractional(np.diag([3.0, 500.0, 500.0]), [[0, 0, 0]], [22], 1)
    assert shrink_from_distance(polymer, 0.3)['is'] == 7


def test_refusals():
    """A molecule has no mesh, a distance is positive."""
    molecule = Geometry.from_fractional(np.eye(3) * 500, [[0, 0, 0]], [2], 0)
    with pytest.raises(ValueError, match='a molecule has no k-points'):
        shrink_from_distance(molecule, 0.3)
    for wrong in (0.0, -1.0, float('nan')):
        with pytest.raises(ValueError, match='must be positive'):
            shrink_from_distance(MGO, wrong)
