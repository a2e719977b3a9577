"""Band edges: what is filled, where the edges are, and what is no gap."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.workflows.multicode.edges import EDGES_KEYS, find_edges, n_filled_from

POINTS = [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]]
INDIRECT = [[-3.0, 0.0, 2.0, 5.0], [-2.0, -1.0, 1.0, 4.0], [-2.5, -0.5, 1.6, 4.5]]
"""Top of the valence bands at Γ, bottom of the conduction bands at (1/2 0 0)."""


def test_indirect_gap_and_the_smallest_direct_one():
    edges = find_edges(INDIRECT, POINTS, n_filled=2).to_dict()
    assert (edges['gap_ev'], edges['gap_kind'], edges['vbm_ev'], edges['cbm_ev']) == (1.0, 'indirect', 0.0, 1.0)
    assert edges['vbm_kpoints'] == [[0, 0, 0]]
    assert edges['cbm_kpoints'] == [[0.5, 0, 0]]
    assert edges['gap_direct_ev'] == pytest.approx(2.0)
    assert edges['direct_kpoints'] == [[0, 0, 0], [0.5, 0, 0]]
    assert edges['n_filled'] == [2]
    assert set(edges) == set(EDGES_KEYS)


def test_all_ways_to_tell_what_is_filled_agree():
    by_number = find_edges(INDIRECT, POINTS, n_filled=2).values
    for scale in (1.0, 2.0):  # full bands hold 1 for some codes, 2 for others
        occupations = np.array([[scale, scale, 0, 0]] * 3)
        by_occupations = find_edges(INDIRECT, POINTS, occupations=occupations).values
        assert {**by_occupations, 'filled_by': 'n_filled'} == by_number
    by_fermi = find_edges(INDIRECT, POINTS, fermi_ev=0.0).values
    assert {**by_fermi, 'filled_by': 'n_filled'} == by_number


def test_bands_need_not_be_sorted():
    shuffled = np.array(INDIRECT)[:, [2, 0, 3, 1]]
    assert find_edges(shuffled, POINTS, n_filled=2).values == find_edges(INDIRECT, POINTS, n_filled=2).values


def test_spins_have_edges_of_their_own():
    """The gap of a magnet is between the highest filled and the lowest empty level of either spin."""
    up, down = np.array(INDIRECT), np.array(INDIRECT) + 0.3
    edges = find_edges([up, down], POINTS, n_filled=[2, 2]).values
    assert (edges['vbm_spin'], edges['cbm_spin'], edges['gap_ev']) == (1, 0, pytest.approx(0.7))
    assert edges['gap_direct_ev'] == pytest.approx(2.0)


@pytest.mark.parametrize(
    'told',
    [
        {'occupations': [[1, 1, 0, 0], [1, 0.5, 0.5, 0], [1, 1, 0, 0]]},
        {'fermi_ev': -0.7},
    ],
)
def test_a_metal_has_no_edges(told):
    edges = find_edges(INDIRECT, POINTS, **told).values
    assert edges['is_metal'] is True
    assert not {'gap_ev', 'vbm_ev', 'cbm_ev', 'gap_direct_ev'} & set(edges)


def test_bands_that_overlap_are_a_metal_whatever_is_said():
    overlapping = np.add(INDIRECT, [[0, 0, 0, 0], [0, 0, -1.5, 0], [0, 0, 0, 0]])
    edges = find_edges(overlapping, POINTS, n_filled=2).values
    assert edges['is_metal'] is True
    assert 'gap_ev' not in edges


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        ({}, 'nothing tells which bands are filled'),
        ({'n_filled': 4}, 'no edge without a filled and an empty band'),
        ({'n_filled': 0}, 'no edge without a filled and an empty band'),
        ({'occupations': np.zeros((3, 4))}, 'all zero'),
    ],
)
def test_what_cannot_be_told_is_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        find_edges(INDIRECT, POINTS, **arguments)


def test_shapes_and_numbers_are_checked():
    with pytest.raises(ValueError, match='2 k-points'):
        find_edges(INDIRECT, POINTS[:2], n_filled=2)
    with pytest.raises(ValueError, match='no numbers'):
        find_edges([[np.nan] * 4] * 3, POINTS, n_filled=2)


def test_electrons_fill_bands():
    assert n_filled_from(8, 1, per_band=2) == 4
    assert n_filled_from(8, 1, per_band=1) == 8
    assert n_filled_from(7, 1, per_band=2) is None
    assert n_filled_from(8, 2, per_band=2) is None
