"""Harmonic vibrations and elasticity against textbook results; no files."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal import elasticity, vibrations

R = 8.31446261815324


@pytest.mark.parametrize(
    ('positions', 'pbc', 'expected'),
    [
        ([[0, 0, 0], [1, 1, 1]], (True, True, True), 3),
        ([[0, 0, 0], [1, 1, 1]], (True, True, False), 3),
        ([[0, 0, 0], [1, 1, 1]], (True, False, False), 4),
        ([[0, 0, 0], [0, 0, 1.1]], (False, False, False), 5),
        ([[0, 0, 0], [0, 0, 1.1], [0, 1, 0]], (False, False, False), 6),
        ([[0.3, 0.1, 0.2]], (False, False, False), 3),
    ],
)
def test_number_of_rigid_motions(positions, pbc, expected):
    """Crystal, slab, polymer, linear and bent molecule, atom."""
    assert vibrations.n_external_modes(np.arange(1.0, len(positions) + 1), positions, pbc) == expected


def test_thermodynamics_of_an_oscillator():
    """High temperature: R (equipartition); 0 K: the zero-point energy; F = U - TS in between."""
    wavenumber = 500.0
    found = vibrations.thermal_functions([wavenumber], [0.0, 300.0, 20000.0])
    zero_point = 0.5 * wavenumber * 0.01196265658  # kJ/mol for a cm^-1 (CODATA)
    assert found['free_energy_kj_per_mol'][0] == pytest.approx(zero_point, rel=1e-6)
    assert found['internal_energy_kj_per_mol'][0] == pytest.approx(zero_point, rel=1e-6)
    assert found['heat_capacity_j_per_mol_k'][0] == pytest.approx(0.0, abs=1e-12)
    assert found['heat_capacity_j_per_mol_k'][2] == pytest.approx(R, rel=1e-3)
    difference = found['internal_energy_kj_per_mol'] - found['free_energy_kj_per_mol']
    assert difference[1] == pytest.approx(300.0 * found['entropy_j_per_mol_k'][1] / 1000.0, rel=1e-9)


def test_heat_capacity_is_the_slope_of_the_energy():
    temperatures = np.array([249.5, 250.0, 250.5])
    found = vibrations.thermal_functions([120.0, 800.0, -30.0], temperatures)
    slope = 1000.0 * (found['internal_energy_kj_per_mol'][2] - found['internal_energy_kj_per_mol'][0])
    assert found['heat_capacity_j_per_mol_k'][1] == pytest.approx(slope, rel=1e-5)


def test_lorentzians_keep_the_intensity():
    grid = np.linspace(-5000.0, 6000.0, 200001)
    spectrum = vibrations.lorentzian_spectrum([500.0, 900.0], [2.0, 3.0], grid, 8.0)
    assert np.trapezoid(spectrum, grid) == pytest.approx(5.0, rel=2e-3)
    at_peak = vibrations.lorentzian_spectrum([500.0], [1.0], [500.0, 504.0], 8.0)
    assert at_peak[1] == pytest.approx(0.5 * at_peak[0])


def isotropic(bulk: float, shear: float) -> np.ndarray:
    c12 = bulk - 2.0 * shear / 3.0
    tensor = np.zeros((6, 6))
    tensor[:3, :3] = c12
    tensor[np.diag_indices(3)] = c12 + 2.0 * shear
    tensor[3:, 3:] = shear * np.eye(3)
    return tensor


def test_isotropic_solid():
    """All averages are one, and no direction is special."""
    found = elasticity.averages(isotropic(100.0, 60.0))
    assert (found.bulk_voigt, found.bulk_reuss, found.shear_voigt, found.shear_reuss) == pytest.approx(
        (100.0, 100.0, 60.0, 60.0)
    )
    assert found.universal_anisotropy == pytest.approx(0.0, abs=1e-10)
    extremes = elasticity.extremes(isotropic(100.0, 60.0))
    assert (extremes.young_minimum, extremes.young_maximum) == pytest.approx((150.0, 150.0))
    assert (extremes.poisson_minimum, extremes.poisson_maximum) == pytest.approx((0.25, 0.25))


def test_patterns_of_crystal_systems():
    cubic = isotropic(100.0, 60.0)
    cubic[3:, 3:] = 20.0 * np.eye(3)
    assert elasticity.stability(cubic).system == 'cubic'
    hexagonal = isotropic(100.0, 60.0)
    hexagonal[2, 2] += 80.0
    assert elasticity.stability(hexagonal).system == 'hexagonal'
    tetragonal = hexagonal.copy()
    tetragonal[5, 5] -= 20.0
    assert elasticity.stability(tetragonal).system == 'tetragonal'
    tetragonal[0, 3] = tetragonal[3, 0] = 30.0
    assert elasticity.stability(tetragonal).system == ''


def test_conditions_agree_with_eigenvalues():
    """Born's conditions of a pattern hold exactly where all eigenvalues are positive."""
    for shift in (-130.0, -60.0, -30.0, 0.0, 60.0):
        tensor = isotropic(100.0, 60.0)
        for i, j in ((0, 1), (0, 2), (1, 2)):
            tensor[i, j] = tensor[j, i] = tensor[i, j] - shift
        found = elasticity.stability(tensor)
        assert found.system == 'cubic'
        assert all(found.conditions.values()) is found.is_stable


def test_unknown_constants_are_refused():
    tensor = isotropic(100.0, 60.0)
    tensor[0, 0] = np.nan
    with pytest.raises(ValueError, match='asterisks'):
        elasticity.averages(tensor)
