"""Nodes of results of which the corpus has no real file: built from the readers' own types."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.models import (
    CrystalOutput,
    Dos,
    Elastic,
    Gradients,
    Optimisation,
    OptPoint,
    Photoelastic,
    Piezoelectric,
    PlaneMap,
    PointGeometry,
    PrintedTensor,
    Profile,
    ScfRun,
    TransportTensor,
)
from aiida_crystalmath.crystal.outputs.scf_log import ScfLog
from aiida_crystalmath.crystal.symmetry import reduce
from aiida_crystalmath.crystal.tensors import rotate, rotate_voigt
from aiida_crystalmath.parsers.base import finite
from aiida_crystalmath.parsers.crystal_results import add_scf_log
from aiida_crystalmath.parsers.optimisations import geometry_to_go_on_from, trajectory
from aiida_crystalmath.parsers.properties_nodes import populations_node, potential_node, transport_node
from aiida_crystalmath.parsers.responses import elastic_node, forces_node, photoelastic_node, piezoelectric_node

TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
SITES = [(0.47, 0.1, 1 / 3), (0.05, 0.47, 2 / 3), (-0.4, -0.47, 0), (0.413, 0.267, 0.5)]
NUMBERS = [14, 14, 8, 8]


def crystal(turn=None):
    """Return an arrangement without symmetry, in CRYSTAL's axes or turned from them."""
    cell = np.array([[4.9, 0, 0], [-2.4, 4.3, 0], [0.3, 0.2, 5.4]])
    return Geometry.from_fractional(cell if turn is None else cell @ turn, SITES, NUMBERS)


@pytest.fixture
def turned():
    """Return the way to a user's cell that is turned from the printed one."""
    return CellMap(reduce(crystal(TURN), mode='none'), crystal())


@pytest.fixture
def slab():
    """Return a factory of ways to the cell of a user's slab whose vacuum lies along z (2) or x (0)."""

    def factory(vacuum):
        printed = Geometry.from_fractional(
            [[3.0, 0, 0], [0.4, 4.1, 0], [0, 0, 500.0]], [(0.1, 0.2, 0.3), (0.6, 0.35, -1.2)], [6, 8], 2
        )
        # (x, y, z) of CRYSTAL is (y, z, x) of the user where the vacuum is along x.
        axes = [0, 1, 2] if vacuum == 2 else [2, 0, 1]
        cell = np.diag([0.0, 0.0, 20.0]) + printed.cell * [[1, 1, 0]]
        periodic = None if vacuum == 2 else (False, True, True)
        user = Geometry.from_arrays(cell[axes][:, axes], printed.positions[:, axes], [6, 8], 2, periodic=periodic)
        return CellMap(reduce(user, mode='none'), printed)

    return factory


# ---------------------------------------------------------------------------------------------------------- strain


def test_piezoelectric_constants_turn(turned):
    """e and d stay related by the compliance: d = e s in the user's axes as well."""
    random = np.random.default_rng(1)
    direct, factor = random.normal(size=(3, 6)), random.normal(size=(6, 6))
    compliance = factor @ factor.T
    tables = [PrintedTensor('IN C/M^2', direct), PrintedTensor('IN PM/V', direct @ compliance)]
    found = Piezoelectric(tables, complete=True)
    node = piezoelectric_node(CrystalOutput(piezoelectric=found), turned)
    assert node.base.attributes.get('frame') == 'structure'
    told = node.get_array('direct_c_per_m2')
    assert not np.allclose(told, direct)
    assert told @ rotate_voigt(compliance, turned.rotation, 'compliance') == pytest.approx(
        node.get_array('converse_pm_per_v')
    )


def test_photoelastic_constants_turn(turned):
    constants = np.random.default_rng(2).normal(size=(6, 6))
    found = Photoelastic([PrintedTensor('PHOTOELASTIC', constants)], complete=True)
    told = photoelastic_node(CrystalOutput(photoelastic=found), turned).get_array('constants')
    assert rotate_voigt(told, turned.rotation.T) == pytest.approx(constants)


def test_incomplete_results_have_no_node(turned):
    assert elastic_node(Elastic(unit='GPa', constants=np.eye(6)), turned) is None
    assert (
        piezoelectric_node(CrystalOutput(piezoelectric=Piezoelectric([PrintedTensor('C/M', np.ones((3, 6)))])), turned)
        is None
    )
    assert photoelastic_node(CrystalOutput(photoelastic=Photoelastic([PrintedTensor('', np.eye(6))])), turned) is None
    gradients = Gradients(forces=np.zeros((4, 3)), complete=False)
    assert forces_node(CrystalOutput(gradients=gradients, scf=[ScfRun(status='converged_energy')]), turned) is None


def test_unknown_element_keeps_the_axes_of_crystal(turned):
    """Turned, an unknown element would make all of them unknown."""
    constants = np.eye(6)
    constants[0, 1] = np.nan
    node = elastic_node(Elastic(dimensionality=3, unit='GPa', constants=constants, complete=True), turned)
    assert node.base.attributes.get('frame') == 'crystal'
    assert np.isnan(node.get_array('constants_gpa')).sum() == 1


@pytest.mark.parametrize(('vacuum', 'frame'), [(2, 'structure'), (0, 'crystal')])
def test_constants_of_a_slab_need_its_plane(slab, vacuum, frame):
    """With the vacuum along x the plane is yz, of which xx, yy, xy say nothing."""
    cells = slab(vacuum)
    assert cells.is_users
    found = Elastic(dimensionality=2, unit='hartree', constants=np.diag([4.0, 3.0, 1.0]), complete=True)
    assert elastic_node(found, cells).base.attributes.get('frame') == frame


def test_forces_and_stress_turn(turned):
    """The work of the forces, and that of the stress, is the same in all axes."""
    random = np.random.default_rng(3)
    forces, moves = random.normal(size=(2, 4, 3))
    stress, strain = random.normal(size=(2, 3, 3))
    gradients = Gradients(forces=forces, stress=stress, pressure_gpa=1.5, complete=True)
    node = forces_node(CrystalOutput(gradients=gradients, scf=[ScfRun(status='converged_energy')]), turned)
    told = node.get_array('forces_hartree_per_bohr')
    assert (told * turned.atom_tensors(moves)).sum() == pytest.approx((forces * moves).sum())
    work = (node.get_array('stress_hartree_per_bohr3') * rotate(strain, turned.rotation)).sum()
    assert work == pytest.approx((stress * strain).sum())
    assert node.base.attributes.get('pressure_gpa') == 1.5


# -------------------------------------------------------------------------------------------------------- transport


@pytest.mark.parametrize(('vacuum', 'd'), [(2, 2), (0, 3)])
def test_transport_of_a_slab(slab, vacuum, d):
    """In the user's axes the plane may be another one than xy: then the tensors are whole ones."""
    values = np.array([[[[3.0, 0.5, 2.0]]]])
    tensor = TransportTensor(
        'SIGMA', '1/Ohm/m', ['xx', 'xy', 'yy'], np.array([300.0]), np.array([0.1]), np.ones((1, 1, 1)), values
    )
    told = transport_node([tensor], None, slab(vacuum)).get_array('conductivity_per_ohm_m')[0, 0, 0]
    assert told.shape == (d, d)
    assert np.linalg.eigvalsh(told)[-2:] == pytest.approx(np.linalg.eigvalsh([[3, 0.5], [0.5, 2]]))
    if d == 3:
        assert told[0] == pytest.approx(np.zeros(3), abs=1e-12)


def test_incomplete_transport_is_left_out(slab):
    tensor = TransportTensor(
        'SIGMA', '1/Ohm/m', ['xx'], np.ones(1), np.ones(1), np.ones((1, 1, 1)), np.ones((1, 1, 1, 1)), complete=False
    )
    assert transport_node([tensor], None, slab(2)) is None


def test_populations_and_potential():
    curves = Dos(np.array([-0.5, 0.5]), np.array([[[1.0, 2.0]], [[3.0, 4.0]]]), 0.1, ['interaction 1'])
    node = populations_node(curves, 'electrons/eV/cell', ['Mg 1 - O 2'])
    assert [name for name, _, _ in node.get_y()] == ['Mg 1 - O 2_alpha', 'Mg 1 - O 2_beta']
    assert node.get_x()[1] == pytest.approx([-13.605693, 13.605693])
    assert node.get_y()[1][1] == pytest.approx(np.array([3, 4]) / 27.2113862)
    assert populations_node(curves, 'eV/eV/cell', ['Mg 1 - O 2']).get_y()[1][1].tolist() == [3, 4]
    line = potential_node(Profile(np.array([0.0, 1.0]), np.array([[0.2, 0.3]]), ['potential'], 'hartree/e'))
    assert line.get_array('potential').tolist() == [0.2, 0.3]
    assert potential_node(None) is None


# ----------------------------------------------------------------------------------------------------- optimisations


def optimisation(energies, **kwargs):
    """Return an optimisation whose points lie further apart one by one."""
    points = []
    for number, energy in enumerate(energies, start=1):
        moved = crystal().with_positions(crystal().positions + 0.01 * number * np.arange(4)[:, None])
        points.append(OptPoint(number, energy_hartree=energy, snapshot=PointGeometry.of(moved)))
    return Optimisation(kind='COORDINATE', points=points, **kwargs)


@pytest.mark.parametrize(
    ('energies', 'kwargs', 'chosen'),
    [
        ([-1.0, -3.0, -2.0], {}, 2),
        ([-1.0, -3.0, None], {}, 2),  # the SCF of the last point never ended
        ([None, None, None], {}, 3),
        ([-1.0, -3.0, -2.0], {'target': 'transition_state'}, 3),
    ],
)
def test_failed_optimisation_goes_on_from_its_best_point(energies, kwargs, chosen):
    found = optimisation(energies, status='failed', **kwargs)
    geometry = geometry_to_go_on_from(CrystalOutput(optimisation=found))
    assert geometry.positions == pytest.approx(found.points[chosen - 1].geometry.positions)


def test_rejected_point_is_not_gone_on_from():
    found = optimisation([-1.0, -3.0], status='failed')
    found.points[1].rejected = True
    assert geometry_to_go_on_from(CrystalOutput(optimisation=found)).positions == pytest.approx(
        found.points[0].geometry.positions
    )


def test_run_over_volumes_has_no_structure():
    found = optimisation([-1.0, -3.0], status='converged')
    assert geometry_to_go_on_from(CrystalOutput(optimisation=found, is_equation_of_state_run=True)) is None


def test_trajectory_tells_what_is_known(turned):
    found = optimisation([-1.0, None])
    found.points[0].forces = np.arange(12.0).reshape(4, 3)
    found.points[1].flags = {'max_gradient': True, 'rms_gradient': False}
    found.points[1].trust_radius = 0.5
    node = trajectory(found.points, turned)
    assert node.get_array('energies_hartree')[0] == -1
    assert np.isnan(node.get_array('energies_hartree')[1])
    assert node.get_array('forces_hartree_per_bohr')[0] == pytest.approx(turned.atom_tensors(found.points[0].forces))
    assert np.isnan(node.get_array('forces_hartree_per_bohr')[1]).all()
    assert node.get_array('criteria').tolist() == [[-1, -1, -1, -1], [1, 0, -1, -1]]
    assert np.isnan(node.get_array('trust_radii_bohr')[0])
    assert 'rms_gradients_hartree_per_bohr' not in node.get_arraynames()


def test_a_damaged_point_costs_no_other(turned):
    """Its atoms are not those of the structure: it is left out, and the numbers of the others stay."""
    found = optimisation([-1.0, -2.0, -3.0])
    found.points[1].snapshot.numbers = found.points[1].snapshot.numbers[::-1]
    node = trajectory(found.points, turned)
    assert node.get_stepids().tolist() == [1, 3]
    assert node.get_array('energies_hartree').tolist() == [-1, -3]
    with pytest.raises(ValueError, match='no geometry'):
        trajectory([], turned)


def test_numbers_that_are_none_become_null():
    """The database takes no NaN; asterisks in a tensor are read as one."""
    assert finite({'a': [1.0, float('nan')], 'b': {'c': (float('inf'), 'x')}}) == {
        'a': [1.0, None],
        'b': {'c': [None, 'x']},
    }


def test_levels_of_the_final_geometry_come_from_the_log(turned):
    """The main output of older versions has the gap of the first geometry only."""
    from aiida_crystalmath.crystal.outputs.models.scf import ElectronicState

    last = ScfRun(status='converged_energy', energy_hartree=-2.0, state=ElectronicState(gap_ev=4.5, gap_kind='direct'))
    log = ScfLog(runs=[ScfRun(status='converged_energy', energy_hartree=-1.0), last])
    output = CrystalOutput(
        program='crystal',
        terminated=True,
        is_optimisation=True,
        energy_hartree=-2.0,
        optimisation=Optimisation(status='converged', energy_hartree=-2.0),
        scf=[ScfRun(status='converged_energy', energy_hartree=-1.0)],
    )
    parameters = {'optimisation': {}}
    add_scf_log(parameters, output, log)
    assert (parameters['gap_ev'], parameters['gap_kind']) == (4.5, 'direct')
    assert parameters['optimisation']['last_scf']['converged'] is True
    # What the main output tells of the final geometry stays.
    parameters = {'optimisation': {}, 'gap_ev': 4.4}
    add_scf_log(parameters, output, log)
    assert parameters['gap_ev'] == 4.4
    output.terminated = False
    parameters = {'optimisation': {}}
    add_scf_log(parameters, output, log)
    assert 'gap_ev' not in parameters


# ------------------------------------------------------------------------------------------ names from the input


def plane(open_shell: bool = False):
    """Return a map that nobody named."""
    return PlaneMap(np.ones((2, 2)), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.zeros(3), open_shell=open_shell)


@pytest.mark.parametrize(
    ('keywords', 'maps', 'names'),
    [
        (('ECHG', 'POTM'), [plane(), plane()], ['charge', 'potential']),
        (('ECHG', 'POTM'), [plane(True), plane(True), plane()], ['charge', 'spin', 'potential']),
        (('POTM',), [plane()], ['potential']),
        (('ECHG',), [plane(), plane()], ['unknown', 'unknown']),
    ],
)
def test_maps_that_stdout_does_not_name_are_named_by_the_input(monkeypatch, keywords, maps, names):
    """Nobody knows what CRYSTAL says of POTM on stdout; a number of maps that does not fit is left alone."""
    from aiida_crystalmath.crystal.inputs.d3 import D3
    from aiida_crystalmath.parsers import plot_files

    corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    deck = D3.model_validate({'blocks': [{'keyword': k, 'n_points': 2, 'coordina': corners} for k in keywords]})
    copies = [dataclasses.replace(found) for found in maps]
    monkeypatch.setattr(plot_files, 'read_fort25_maps', lambda *_: copies)
    assert [found.quantity for found in plot_files.read_maps(deck, CrystalOutput(), 'a file')] == names


def test_interactions_are_named_by_the_input():
    from aiida_crystalmath.crystal.inputs.d3 import D3
    from aiida_crystalmath.parsers.properties_results import interaction_names

    pair = {'first': {'atoms': [1]}, 'second': {'atoms': [2]}}
    kinds = {'first': {'atoms': [1]}, 'second': {'atoms': [2, 3]}}
    block = {'keyword': 'COHP', 'n_points': 9, 'energy_window_hartree': [-1, 1], 'interactions': [pair, kinds]}
    deck = D3.model_validate({'blocks': [block]})
    assert interaction_names(deck, 'COHP', 2, ['Mg', 'O', 'O']) == ['Mg 1 - O 2', 'Mg 1 - O']
    assert interaction_names(deck, 'COHP', 1, ['Mg', 'O', 'O']) == ['interaction 1']
    assert interaction_names(deck, 'COOP', 1, []) == ['interaction 1']
