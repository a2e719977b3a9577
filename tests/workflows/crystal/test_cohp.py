"""Bonds over the energy: the chain on real physics of the stand-in, and which bonds are found."""

from __future__ import annotations

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.workflows.crystal.cohp_input import bonds_of
from aiida_crystalmath.workflows.functions.bonds import integrated


@pytest.fixture
def builder(shipped_family, crystal_code, properties_code, generate_structure):
    """Return a factory of builders of LiH with the protocol `fast`."""

    def make(structure_id: str = 'LiH', **kwargs):
        shipped_family()
        chain = WorkflowFactory('crystalmath.crystal.cohp')
        return chain.get_builder_from_protocol(
            crystal_code, generate_structure(structure_id), 'fast', properties_code=properties_code, **kwargs
        )

    return make


def rock_salt(a: float = 4.21) -> Geometry:
    return Geometry.from_arrays(a / 2 * (1 - np.eye(3)), [[0, 0, 0], [a / 2, a / 2, a / 2]], [12, 8])


@pytest.mark.standin
@pytest.mark.slow
def test_lithium_hydride(builder):
    """COOP sums up to the overlap population of Mulliken; the bond is bonding; the curves carry names."""
    mesh = {'scf': {'crystal': {'parameters': {'scf': {'shrink': {'is': 2, 'isp': 2}}}}}}
    overrides = {**mesh, 'cohp_energy_window_ev': [-60.0, 20.0], 'cohp_n_points': 800, 'cohp_kpoints_distance': 0.8}
    outputs, node = run_get_node(builder(overrides=overrides))
    assert node.is_finished_ok, node.exit_message
    told = outputs['output_bonds'].get_dict()
    (bond,) = told['bonds']
    assert (bond['label'], bond['n_bonds']) == ('Li 1 - H 2', 6)
    assert bond['distance_angstrom'] == pytest.approx(4.0834 / 2, abs=1e-4)
    assert [name for name, _, _ in outputs['output_cohp'].get_y()] == ['Li 1 - H 2']
    assert bond['icohp_ev'] < 0 < bond['icoop_electrons']
    assert bond['icohp_ev_per_bond'] == pytest.approx(bond['icohp_ev'] / 6, abs=1e-6)
    scf = outputs['output_parameters'].get_dict()
    electrons = scf['mulliken']['electrons'][0]
    assert 0 < bond['icoop_electrons'] < electrons
    assert 'STAND' in told['engine'].upper()


def test_nearest_neighbours_are_found():
    """Rock salt: one pair of the primitive cell, six bonds; the next shell is another kind of bond."""
    (bond,) = bonds_of(rock_salt())
    assert (bond.label, bond.count) == ('Mg 1 - O 2', 6)
    assert bond.distance == pytest.approx(2.105)
    (same,) = bonds_of(rock_salt(), between='kinds')
    assert same.label == 'Mg 1 - O 2'


def test_what_cannot_be_told_apart_is_refused():
    """An atom and its own images have the terms on the atom among them."""
    copper = Geometry.from_arrays(3.6 / 2 * (1 - np.eye(3)), [[0, 0, 0]], [29])
    with pytest.raises(ValueError, match='their own images only'):
        bonds_of(copper)
    chain = Geometry.from_arrays(np.diag([40.0, 500, 500]), [[2.0 * i, 0, 0] for i in range(20)], [6] * 20, 1)
    with pytest.raises(ValueError, match='CRYSTAL takes 15 in one run'):
        bonds_of(chain)
    assert len(bonds_of(chain, pairs=[(1, 2), (1, 3)])) == 2


def test_integral_stops_between_two_points():
    energies = np.linspace(0.0, 2.0, 5)
    assert integrated(energies, np.ones(5), 1.3) == pytest.approx(1.3)


@pytest.mark.parametrize(
    ('structure_id', 'overrides', 'words'),
    [
        ('LiH', {'cohp_between': 'bonds'}, 'is not known'),
        ('LiH', {'cohp_pairs': [[1, 1]]}, 'not a pair'),
        ('LiH', {'cohp_pairs': [[1, 5]]}, 'has 2 atoms, not 5'),
        ('LiH', {'cohp_pairs': [[1, 2]], 'cohp_cutoff_angstrom': 3.0}, 'keep one'),
        ('H2', {}, 'is a molecule'),
    ],
)
def test_bad_inputs_stop_before_anything_runs(builder, generate_workchain, structure_id, overrides, words):
    with pytest.raises(ValueError, match=words):
        made = builder(structure_id, overrides=overrides)._inputs(prune=True)
        generate_workchain('crystalmath.crystal.cohp', made)
