"""Fits of equations of state: exact curves are found again, and CRYSTAL's own fits from CRYSTAL's own energies."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.workflows.functions.energies import comparable_energies
from aiida_crystalmath.workflows.functions.eos import equation_of_state, scaled_structure, stretched
from aiida_crystalmath.workflows.functions.eos_fit import EosError, check_bracketed, fit_all

GPA = 160.2176634
SCALES = np.linspace(0.94, 1.06, 7)


def birch(volumes, e0=-7495.3, b0=155 / GPA, prime=4.1, v0=18.9):
    """Third order Birch-Murnaghan, written out once more."""
    x = (v0 / volumes) ** (2 / 3)
    return e0 + 9 * v0 * b0 / 16 * ((x - 1) ** 3 * prime + (x - 1) ** 2 * (6 - 4 * x))


def test_an_exact_curve_is_found_again():
    fits = fit_all(18.7 * SCALES, birch(18.7 * SCALES))
    first = fits['birch_murnaghan']
    assert next(iter(fits)) == 'birch_murnaghan'
    assert first.volume == pytest.approx(18.9, rel=1e-8)
    assert first.energy_ev == pytest.approx(-7495.3, abs=1e-8)
    assert first.modulus_ev * GPA == pytest.approx(155, rel=1e-6)
    assert first.modulus_prime == pytest.approx(4.1, rel=1e-5)
    assert first.rms_ev < 1e-9
    assert set(fits) == {'birch_murnaghan', 'vinet', 'murnaghan', 'poirier_tarantola'}
    for fit in fits.values():
        assert fit.modulus_ev * GPA == pytest.approx(155, rel=3e-3)
        assert fit.curve_energies_ev.min() == pytest.approx(fit.energy_ev, abs=1e-3)


def test_slabs_get_equations_that_hold_for_areas():
    """Of E = (k/2) (A - A0)²/A0 the modulus is k at A0, whatever the equation."""
    areas, k = 5.2 * np.linspace(0.96, 1.04, 7), 21.0
    fits = fit_all(areas, -100 + k / 2 * (areas - 5.2) ** 2 / 5.2, 2)
    assert set(fits) == {'murnaghan', 'cubic_polynomial'}
    assert fits['cubic_polynomial'].modulus_ev == pytest.approx(k, rel=1e-6)
    assert fits['cubic_polynomial'].modulus_prime is None
    assert fits['murnaghan'].modulus_ev == pytest.approx(k, rel=2e-2)


@pytest.mark.corpus
def test_energies_of_crystal_give_the_fits_of_crystal(corpus):
    """Corundum: CRYSTAL14 printed energies at four volumes, and what it fitted through them."""
    found = parse_stdout(corpus / 'corundum_qha' / 'propinp_Al2O3crys.out').equation_of_state
    volumes = [point.volume_angstrom3 for point in found.points]
    fits = fit_all(volumes, [point.energy_hartree * HARTREE_EV for point in found.points])
    for ours, printed in (
        ('birch_murnaghan', 'BIRCH'),
        ('murnaghan', 'MURNAGHAN'),
        ('vinet', 'VINET'),
        ('poirier_tarantola', 'POIRIER'),
    ):
        theirs = found.fit(printed)
        assert fits[ours].volume == pytest.approx(theirs.volume_angstrom3, abs=1.5e-4)
        assert fits[ours].energy_ev / HARTREE_EV == pytest.approx(theirs.energy_hartree, abs=2e-8)
        assert fits[ours].modulus_ev * GPA == pytest.approx(theirs.bulk_modulus_gpa, abs=0.02)
        assert fits[ours].modulus_prime == pytest.approx(theirs.bulk_modulus_prime, abs=0.011)


@pytest.mark.parametrize(('energies', 'words'), [(range(7), 'below'), (range(7, 0, -1), 'above')])
def test_monotonic_energies_say_where_to_go(energies, words):
    with pytest.raises(EosError, match=f'widen the range with scale factors {words}'):
        check_bracketed(SCALES, list(energies))


def test_four_points_are_too_few():
    with pytest.raises(EosError, match='at least 5'):
        check_bracketed(SCALES[:4], [1, 0, 0.5, 2])


def test_a_maximum_is_no_minimum():
    with pytest.raises(EosError, match=r'could not be fitted|no minimum'):
        fit_all(18.7 * SCALES, -birch(18.7 * SCALES))


@pytest.mark.parametrize('dimensionality', [1, 2, 3])
def test_stretching_keeps_fractions_and_what_does_not_repeat(dimensionality):
    cell = np.array([[3.0, 0.1, 0.0], [0.4, 4.0, 0.0], [0.0, 0.0, 50.0]])
    if dimensionality == 3:
        cell[2] = [0.3, 0.2, 5.0]
    if dimensionality == 1:
        cell = np.diag([3.0, 50.0, 50.0])
    geometry = Geometry(cell, dimensionality, (Site(8, (0.1, 0.2, 0.3), 'O1'), Site(1, (1.7, 1.1, -0.4))))
    wide = stretched(geometry, 1.1)
    assert wide.measure == pytest.approx(1.1 * geometry.measure)
    assert wide.fractional[:, :dimensionality] == pytest.approx(geometry.fractional[:, :dimensionality])
    normals = geometry.frame[dimensionality:]
    assert wide.positions @ normals.T == pytest.approx(geometry.positions @ normals.T)
    assert wide.cell[dimensionality:] == pytest.approx(cell[dimensionality:])
    assert wide.kinds == ['O1', 'H']


def test_molecules_have_no_volume():
    with pytest.raises(ValueError, match='molecule'):
        stretched(Geometry(500 * np.eye(3), 0, (Site(2, (0, 0, 0)),)), 1.1)


# -- the calculation functions -----------------------------------------------------------------------------------------

METHOD = {
    'engine': 'CRYSTAL',
    'functional': 'PBE',
    'hamiltonian': 'KOHN-SHAM HAMILTONIAN',
    'basis_set': 'pob-TZVP-rev2',
    'scf': {'converged': True},
}


def fitted(structure, scales=SCALES, *, cells=1, noise=0.0, prime=4.1):
    """Run the calculation function on exact energies of 18.9 Å³ per primitive cell."""
    volumes = 18.7 * np.asarray(scales)
    energies = birch(volumes, prime=prime) + noise * np.resize([1, -1], len(volumes))
    results = {
        f'scale_{index}': orm.Dict(
            {**METHOD, 'energy_hartree': energy / HARTREE_EV, 'n_atoms': 2, 'primitive_cells_in_structure': cells}
        )
        for index, energy in enumerate(energies)
    }
    factors = {f'scale_{index}': float(scale) for index, scale in enumerate(scales)}
    return equation_of_state(structure, orm.Dict(factors), **results)


@pytest.mark.parametrize('name', ['MgO', 'MgO-conventional'])
def test_results_belong_to_the_primitive_cell(generate_structure, name):
    """Whatever cell the user gave."""
    structure, cells = generate_structure(name), {'MgO': 1, 'MgO-conventional': 4}[name]
    structure = scaled_structure(structure, orm.Float(18.7 * cells / structure.get_cell_volume()))
    found = fitted(structure, cells=cells)
    told = found['output_parameters'].get_dict()
    assert told['volume_angstrom3'] == pytest.approx(18.9, rel=1e-6)
    assert told['scale_factor'] == pytest.approx(18.9 / 18.7, rel=1e-6)
    assert told['bulk_modulus_gpa'] == pytest.approx(155, rel=1e-5)
    assert told['energy_hartree'] == pytest.approx(-7495.3 / HARTREE_EV, abs=1e-9)
    assert told['n_atoms'] == 2
    assert told['engine'] == 'CRYSTAL'
    assert told['warnings'] == []
    assert told['fits'][0]['name'] == told['equation'] == 'birch_murnaghan'
    assert found['output_eos'].get_array('volumes_angstrom3') == pytest.approx(18.7 * SCALES)
    assert found['output_eos'].base.attributes.get('curves')[0] == 'birch_murnaghan'


def test_noise_is_told(generate_structure):
    told = fitted(generate_structure('MgO'), noise=0.004)['output_parameters'].get_dict()
    assert 'scatter around the fit' in told['warnings'][0]


def test_points_stay_where_no_fit_is_possible(generate_structure):
    """A range without minimum: the reason, and the energies."""
    found = fitted(generate_structure('MgO'), SCALES - 0.2)
    assert 'widen the range' in found['output_parameters']['problem']
    assert 'fits' not in found['output_parameters'].get_dict()
    assert len(found['output_eos'].get_array('energies_hartree')) == 7


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'engine': 'STAND-IN'}, 'engine is'),
        ({'functional': 'PBE0'}, 'functional is'),
        ({'energy_hartree': None}, 'no converged energy'),
        ({'scf': {'converged': False}}, 'no converged energy'),
        ({'energy_source': 'OPT END (ENTHALPY)'}, 'enthalpy'),
        ({'optimisation': {'converged': False}}, 'optimisation of b did not converge'),
    ],
)
def test_what_cannot_be_compared_is_refused(change, words):
    one = {**METHOD, 'energy_hartree': -1.0, 'n_atoms': 2}
    with pytest.raises(ValueError, match=words):
        comparable_energies({'a': one, 'b': {**one, **change}})


def test_energies_per_atom_and_per_structure():
    one = {**METHOD, 'energy_hartree': -3.0, 'n_atoms': 2, 'primitive_cells_in_structure': 4.0}
    assert comparable_energies({'a': one}, per='atom') == {'a': -1.5}
    assert comparable_energies({'a': one}, per='structure') == {'a': -12.0}
