"""Collinear orderings of cells for which the answer is known."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.symmetry.orderings import enumerate_orderings, site_permutations

A = 4.164
FCC = np.array([[0, A / 2, A / 2], [A / 2, 0, A / 2], [A / 2, A / 2, 0]])


def _fcc(n: int, kinds=None) -> Geometry:
    positions = [np.array(index) @ FCC for index in product(range(n), repeat=3)]
    return Geometry.from_arrays(n * FCC, positions, [28] * len(positions), kinds=kinds)


def _chain(n: int) -> Geometry:
    return Geometry.from_arrays(np.eye(3) * 500, [(0, 0, 2.0 * i) for i in range(n)], [1] * n, 0)


def test_fcc_cell_doubled_in_every_direction():
    """The known orders: FM; type I (three wave vectors X) and type II (four L) among the antiferromagnets."""
    found = enumerate_orderings(_fcc(2), [2.0] * 8)
    assert [one.name for one in found] == ['FM', 'AFM', 'AFM', 'AFM', 'AFM']
    # Type I: planes of (001) up and down: 3 ways; type II: planes of (111): 4 ways; both times two for turning over.
    multiplicities = Counter(one.multiplicity for one in found)
    assert multiplicities[6] == 1
    assert multiplicities[8] >= 1
    # Nothing is lost: half of the atoms up in C(8, 4) ways.
    assert sum(one.multiplicity for one in found if one.name == 'AFM') == 70


def test_all_ways_are_counted_once():
    found = enumerate_orderings(_fcc(2), [2.0] * 8, ferrimagnetic=True)
    assert sum(one.multiplicity for one in found) == 2**8


def test_chain_of_four_atoms():
    """Ends and middle differ by symmetry; up-up-down-down reads the same from the other end turned over."""
    found = enumerate_orderings(_chain(4), [1.0] * 4, ferrimagnetic=True)
    names = {one.signs: one.name for one in found}
    assert names == {
        (1, 1, 1, 1): 'FM',
        (1, 1, -1, -1): 'AFM',
        (1, -1, 1, -1): 'AFM',
        (1, -1, -1, 1): 'AFM',
        (1, 1, 1, -1): 'FiM',
        (1, 1, -1, 1): 'FiM',
    }


def test_unequal_moments_do_not_balance():
    """One up and one down is a ferrimagnet if the moments differ in size."""
    geometry = Geometry.from_arrays(np.eye(3) * 3, [(0, 0, 0), (1.5, 1.5, 1.5)], [26, 25])
    assert [one.name for one in enumerate_orderings(geometry, [4.0, 3.0])] == ['FM']
    found = enumerate_orderings(geometry, [4.0, 3.0], ferrimagnetic=True)
    assert [one.name for one in found] == ['FM', 'FiM']


def test_kinds_are_kept_apart():
    """Two kinds of nickel are no images of each other, so that there is more to set."""
    alike = enumerate_orderings(_fcc(2), [2.0] * 8)
    told_apart = enumerate_orderings(_fcc(2, kinds=['Ni1'] + ['Ni2'] * 7), [2.0] * 8)
    assert len(told_apart) > len(alike)


def test_slab_with_its_vacuum_along_the_first_vector():
    geometry = Geometry.from_arrays(
        np.diag([30.0, 3.0, 6.0]), [(0, 0, 0), (0, 0, 3.0)], [26, 26], 2, periodic=(False, True, True)
    )
    assert [one.signs for one in enumerate_orderings(geometry, [2.0, 2.0])] == [(1, 1), (1, -1)]
    assert len(site_permutations(geometry)) == 2


@pytest.mark.parametrize(
    ('geometry', 'moments', 'limit', 'message'),
    [
        (_chain(2), [0.0, 0.0], 20, 'nothing to order'),
        (_fcc(2), [2.0] * 8, 3, 'more than the limit of 3'),
        (_fcc(3), [2.0] * 27, 20, 'too many'),
    ],
)
def test_what_cannot_be_enumerated(geometry, moments, limit, message):
    with pytest.raises(ValueError, match=message):
        enumerate_orderings(geometry, moments, limit=limit)
