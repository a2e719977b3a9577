"""Chains of surfaces, orderings and fragments whose parts fail: they end with a reason, and hand on what there is."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

FAILED = 'mgo100_itol_error'
"""A run of the corpus that CRYSTAL refused for its input: no handler tries it again."""


def _chain(name: str):
    return WorkflowFactory(f'crystalmath.crystal.{name}')


def _hydrogens(distance: float) -> orm.StructureData:
    structure = orm.StructureData(cell=[[50, 0, 0], [0, 50, 0], [0, 0, 50]], pbc=(False, False, False))
    for height in (0.0, distance):
        structure.append_atom(position=(0, 0, height), symbols='H')
    return structure


ARGUMENTS = {
    'counterpoise': {'fragments': {'A': {'atoms': [0], 'spin': 1}, 'B': {'atoms': [1], 'spin': 1}}},
    'magnetic': {'initial_magnetic_moments': {'H': 1}},
    'slab': {'miller': (0, 0, 1), 'layers': 1},
}


@pytest.mark.corpus
@pytest.mark.parametrize('name', ARGUMENTS)
def test_all_runs_fail(replay, corpus, shipped_family, generate_structure, name):
    """The chain names the run and its reason; there is nothing to hand on but the slabs that were cut."""
    shipped_family('sto-3g')
    code = replay(corpus / FAILED, repeat=True)
    structure = generate_structure('LiH') if name == 'slab' else _hydrogens(2.0)
    results, node = run_get_node(_chain(name).get_builder_from_protocol(code, structure, 'fast', **ARGUMENTS[name]))
    assert node.exit_status == 421
    assert 'failed with exit status' in node.exit_message
    assert 'output_parameters' not in results
    assert ('slabs' in results) == (name == 'slab')


@pytest.mark.standin
def test_no_ordering_is_left(crystal_code, shipped_family):
    """Moments that nothing could keep: every ordering counts as lost, and the chain says so."""
    shipped_family('sto-3g')
    overrides = {'kept_fraction': 5.0, 'base': {'crystal': {'parameters': {'hamiltonian': {'dft': None}}}}}
    builder = _chain('magnetic').get_builder_from_protocol(
        crystal_code, _hydrogens(2.0), 'fast', overrides, initial_magnetic_moments={'H': 1}
    )
    results, node = run_get_node(builder)
    assert node.exit_status == 432
    assert 'moments vanished or shrank' in node.exit_message
    assert len(results['output_parameters']['orderings']) == 2
    assert 'output_structure' not in results


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.standin
def test_surface_energy_without_the_potential(crystal_code, replay, corpus, shipped_family, generate_structure):
    """A failed run of properties costs the work function, not the surface energy."""
    shipped_family('sto-3g')
    builder = _chain('slab').get_builder_from_protocol(
        crystal_code,
        generate_structure('LiH'),
        'fast',
        miller=(0, 0, 1),
        layers=1,
        properties_code=replay.properties(replay.files(stdout='', exit_status=1)),
    )
    results, node = run_get_node(builder)
    assert node.exit_status == 424
    found = results['output_parameters'].get_dict()
    assert found['surface_energy_j_per_m2'] == pytest.approx(0.559, abs=0.01)
    assert 'ionisation_energy_ev' not in found
    assert results['output_structure'].pbc == (True, True, False)
