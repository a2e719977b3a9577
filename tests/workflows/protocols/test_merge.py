"""Merging and checking of nested inputs."""

from __future__ import annotations

import pytest

from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge


def test_merge_is_deep_and_modifies_nothing():
    base = {'a': {'b': 1, 'c': [1, 2]}, 'd': 3}
    changes = {'a': {'c': [9], 'e': {'f': 1}}}
    merged = merge(base, changes)
    assert merged == {'a': {'b': 1, 'c': [9], 'e': {'f': 1}}, 'd': 3}
    merged['a']['e']['f'] = 2
    assert changes == {'a': {'c': [9], 'e': {'f': 1}}}
    assert base == {'a': {'b': 1, 'c': [1, 2]}, 'd': 3}


def test_none_replaces():
    """``None`` takes away what a protocol set."""
    assert merge({'a': {'b': 1}}, {'a': None}) == {'a': None}
    assert merge({'a': None}, {'a': {'b': 1}}) == {'a': {'b': 1}}


@pytest.mark.parametrize(
    ('word', 'text'),
    [('kpoint_distance', 'did you mean "kpoints_distance"?'), ('zzz', 'known are: "crystal", "kpoints_distance".')],
)
def test_did_you_mean(word, text):
    assert did_you_mean(word, ['kpoints_distance', 'crystal']) == text
