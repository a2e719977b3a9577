"""Slabs cut from crystals whose surfaces are known."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.fort34 import read_fort34
from aiida_crystalmath.crystal.symmetry import reduce
from aiida_crystalmath.workflows.functions.slabs import choose_cut, cut_slab, find_cuts
from aiida_crystalmath.workflows.functions.surfaces import surface_energies, work_function

A = 4.21
FCC = np.array([[0, A / 2, A / 2], [A / 2, 0, A / 2], [A / 2, A / 2, 0]])
MGO = Geometry.from_arrays(FCC, [(0, 0, 0), (A / 2,) * 3], [12, 8])


def _rutile() -> Geometry:
    a, c, u = 4.594, 2.959, 0.305
    places = [
        (0, 0, 0),
        (0.5, 0.5, 0.5),
        (u, u, 0),
        (1 - u, 1 - u, 0),
        (0.5 + u, 0.5 - u, 0.5),
        (0.5 - u, 0.5 + u, 0.5),
    ]
    return Geometry.from_fractional(np.diag([a, a, c]), places, [22, 22, 8, 8, 8, 8])


def test_rock_salt_001():
    """Three planes of MgO in the primitive cell a/sqrt(2); CRYSTAL gets a 2D system with the 16 operators of P4/mmm."""
    cut = choose_cut(MGO, (0, 0, 1), 3)
    assert len(cut.geometry) == 6
    assert cut.geometry.pbc == (True, True, False)
    assert cut.geometry.measure == pytest.approx(A**2 / 2)
    assert np.ptp(cut.geometry.positions[:, 2]) == pytest.approx(A)
    assert cut.geometry.positions[:, 2].mean() == pytest.approx(0)
    assert set(np.round(np.linalg.norm(cut.geometry.positions[:1] - cut.geometry.positions[1:], axis=1), 3)) >= {2.105}
    external = read_fort34(reduce(cut.geometry).external)
    assert external.geometry.dimensionality == 2
    assert len(external.symmops.rotations) == 16


def test_indices_are_those_of_the_conventional_cell():
    """(001) of the primitive cell of fcc is (111) of the conventional one."""
    polar = find_cuts(MGO, (0, 0, 1), 4, conventional=False)
    assert [cut.planes for cut in polar] == [cut.planes for cut in find_cuts(MGO, (1, 1, 1), 4)]


def test_rutile_110_ends_with_bridging_oxygen():
    """Of three terminations one is symmetric and stoichiometric: O | Ti2O2 | O, the real surface of rutile."""
    cut = choose_cut(_rutile(), (1, 1, 0), 9)
    assert cut.planes[:3] == ('O', 'OTi', 'O')
    assert (cut.is_symmetric, cut.is_stoichiometric, cut.n_terminations) == (True, True, 3)
    assert sorted(set(cut.geometry.symbols)) == ['O', 'Ti']
    assert len(cut.geometry) == 18


def test_polar_surface_is_refused_with_the_reason():
    with pytest.raises(ValueError, match='the surface is polar'):
        choose_cut(MGO, (1, 1, 1), 6)
    cut = choose_cut(MGO, (1, 1, 1), 6, any_surface=True)
    assert not cut.is_symmetric
    assert cut.is_stoichiometric
    odd = choose_cut(MGO, (1, 1, 1), 5, any_surface=True)
    assert odd.is_symmetric
    assert not odd.is_stoichiometric


def test_a_number_of_layers_that_would_do_is_named():
    """Silicon (111): three planes have two different ends, four do not."""
    b = 5.431
    cell = np.array([[0, b / 2, b / 2], [b / 2, 0, b / 2], [b / 2, b / 2, 0]])
    silicon = Geometry.from_arrays(cell, [(0, 0, 0), (b / 4,) * 3], [14, 14])
    with pytest.raises(ValueError, match='4 layers give one'):
        choose_cut(silicon, (1, 1, 1), 3)
    with pytest.raises(ValueError, match='no termination 5'):
        choose_cut(silicon, (1, 1, 1), 4, termination=5)


def test_kinds_of_the_crystal_are_those_of_the_slab():
    structure = orm.StructureData(cell=FCC.tolist())
    structure.append_atom(position=(0, 0, 0), symbols='Mg', name='Mg1')
    structure.append_atom(position=(A / 2,) * 3, symbols='O', name='O7')
    slab, cut = cut_slab(structure, [0, 0, 1], 2)
    assert {site.kind_name for site in slab.sites} == {'Mg1', 'O7'}
    assert slab.pbc == (True, True, False)
    assert cut.layers == 2


def _run(energy: float, **values) -> dict:
    return {'energy_hartree': energy, 'n_atoms': 2, 'engine': 'CRYSTAL23', 'functional': 'PBE0', **values}


def test_surface_energies_in_both_units_and_from_a_line():
    """Slabs of n cells with energy n e + 2 A g, e slightly off that of the crystal: the line finds both."""
    area, gamma = 8.0, 0.0015  # Å², hartree/Å²
    cuts = {
        f'layers_{n}': {'layers': n, 'bulk_cells': float(n), 'area_angstrom2': area, 'is_stoichiometric': True,
                        'is_symmetric': True} for n in (3, 5, 7)
    }  # fmt: skip
    results = {f'layers_{n}': _run(-275.001 * n + 2 * area * gamma) for n in (3, 5, 7)}
    found = surface_energies(cuts, {**results, 'bulk': _run(-275.0)})
    assert found['surface_energy_fit_ev_per_angstrom2'] == pytest.approx(gamma * 27.211386, rel=1e-6)
    # 1 hartree/Å² is 435.974 J/m²
    assert found['surface_energy_fit_j_per_m2'] == pytest.approx(gamma * 435.97447, rel=1e-6)
    assert found['energy_bulk_fit_difference_hartree'] == pytest.approx(-0.001, rel=1e-6)
    drifting = [row['surface_energy_j_per_m2'] for row in found['slabs']]
    assert drifting[0] > drifting[1] > drifting[2], 'the error of the crystal grows with the thickness'
    cuts['layers_7'] |= {'is_stoichiometric': False}
    partly = surface_energies(cuts, {**results, 'bulk': _run(-275.0)})
    assert 'surface_energy_j_per_m2' not in partly['slabs'][-1]
    assert 'chemical potentials' in partly['notes'][0]


def test_work_function_only_with_a_zero_at_both_ends():
    flat = np.array([1e-6, 0.3, 1e-6])
    metal = {'fermi_energy_ev': -4.5, 'is_conducting': True}
    assert work_function(flat, metal)['work_function_ev'] == pytest.approx(4.5)
    assert work_function(flat, {'fermi_energy_ev': -6.0, 'vbm_ev': -6.1})['ionisation_energy_ev'] == pytest.approx(6.1)
    dipole = work_function(np.array([-0.01, 0.3, 0.01]), metal)
    assert 'work_function_ev' not in dipole
    assert 'dipole' in dipole['work_function_note']
