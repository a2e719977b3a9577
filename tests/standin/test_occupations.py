"""Filling of bands and gaps."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.standin.occupations import fermi_energy, fill, gaps


def test_insulator():
    energies = np.array([[[-1.0, 0.5, 1.0], [-0.8, 0.3, 2.0]]])
    filling = fill(energies, 2.0)
    assert filling.occupations.tolist() == [[[2, 0, 0], [2, 0, 0]]]
    (gap,) = gaps(energies, filling)
    assert (gap.kind, gap.conducting) == ('direct', False)
    assert gap.gap == pytest.approx(1.1)
    assert (gap.valence.k, gap.valence.band, gap.conduction.k, gap.conduction.band) == (1, 0, 1, 1)
    assert fermi_energy(filling, (gap,)) == -0.8


def test_indirect_gap():
    energies = np.array([[[-1.0, 0.1], [-0.8, 0.3]]])
    (gap,) = gaps(energies, fill(energies, 2.0))
    assert gap.kind == 'indirect'
    assert gap.gap == pytest.approx(0.9)


def test_overlapping_bands_conduct():
    energies = np.array([[[-1.0, -0.5], [0.0, 0.5]]])
    filling = fill(energies, 2.0)
    assert filling.occupations.tolist() == [[[2, 2], [0, 0]]]
    assert gaps(energies, filling)[0].conducting


def test_degenerate_levels_share_their_electrons():
    energies = np.array([[[-1.0, 0.0, 0.0, 0.0]]])
    assert fill(energies, 4.0).occupations[0, 0] == pytest.approx([2.0, 2 / 3, 2 / 3, 2 / 3])


def test_spin_channels_share_a_fermi_energy_unless_locked():
    energies = np.array([[[-1.0, -0.9, 0.5]], [[-0.7, -0.6, 0.6]]])
    free = fill(energies, 2.0)
    assert free.occupations.sum(axis=(1, 2)).tolist() == [2, 0]
    locked = fill(energies, 2.0, locked=0)
    assert locked.occupations.sum(axis=(1, 2)).tolist() == [1, 1]
    assert locked.fermi == (-1.0, -0.7)


def test_smearing_conserves_electrons_and_has_entropy():
    energies = np.linspace(-1, 1, 60).reshape(1, 6, 10)
    filling = fill(energies, 9.3, smear=0.05)
    assert filling.occupations.sum() / 6 == pytest.approx(9.3)
    assert filling.entropy < 0


def test_locked_level_shift_occupies_every_point_alike():
    energies = np.array([[[-1.0, -0.5], [0.0, 0.5]]])
    assert fill(energies, 2.0, insulating=True).occupations.tolist() == [[[2, 0], [2, 0]]]
