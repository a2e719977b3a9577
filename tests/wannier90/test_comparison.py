"""Comparison of bands: what is compared, what is left out, what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.wannier90.comparison import compare_bands

REFERENCE = np.array([[-9.0, 0.0, 1.0, 5.0], [-9.0, 0.5, 1.5, 6.0]])


def test_the_largest_difference_and_where():
    ours = REFERENCE[:, :3] + np.array([[0.0, 0.01, 0.0], [0.0, 0.0, -0.03]])
    found = compare_bands(ours, REFERENCE)
    assert found.max_error_ev == pytest.approx(0.03)
    assert (found.kpoint, found.band, found.n_compared) == (1, 3, 6)
    assert found.rms_error_ev == pytest.approx(np.sqrt((0.01**2 + 0.03**2) / 6))
    assert found.max_error_of_band_ev == pytest.approx({1: 0.0, 2: 0.01, 3: 0.03})


def test_excluded_bands_are_not_compared():
    found = compare_bands(REFERENCE[:, 1:3] + 0.02, REFERENCE, n_excluded=1)
    assert found.max_error_ev == pytest.approx(0.02)
    assert set(found.max_error_of_band_ev) == {2, 3}


def test_energies_above_the_window_are_left_out():
    ours = REFERENCE.copy()
    ours[:, 3] += 2.0
    found = compare_bands(ours, REFERENCE, upper_ev=1.5)
    assert (found.max_error_ev, found.n_compared, found.upper_ev) == (0.0, 6, 1.5)
    assert compare_bands(ours, REFERENCE).max_error_ev == 2.0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'upper_ev': -20.0}, 'no energy of the reference lies'),
        ({'n_excluded': 4}, 'no band above the 4 excluded'),
    ],
)
def test_nothing_to_compare(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare_bands(REFERENCE, REFERENCE, **arguments)


def test_different_points():
    with pytest.raises(ValueError, match='2 and 1 k-points'):
        compare_bands(REFERENCE, REFERENCE[:1])
