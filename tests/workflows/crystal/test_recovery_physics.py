"""Remedies shown on real physics: SCF that truly fail, computed by the stand-in, and what truly cures them."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

pytestmark = [pytest.mark.standin, pytest.mark.slow]

BaseWorkChain = WorkflowFactory('crystalmath.crystal.base')
PBE = {'hamiltonian': {'dft': {'functional': 'PBE'}}}


@pytest.fixture
def lithium_fluoride():
    """LiF stretched to 2 Å: an ion pair whose charge swings from one end to the other."""
    structure = orm.StructureData(cell=[[500, 0, 0], [0, 500, 0], [0, 0, 500]], pbc=(False, False, False))
    structure.append_atom(position=(0, 0, 0), symbols='Li')
    structure.append_atom(position=(0, 0, 2.0), symbols='F')
    return structure


@pytest.mark.proves('scf_too_many_cycles', handler='handle_small_gap', by='physics')
@pytest.mark.proves('level_shifted', handler='handle_level_shift', by='physics')
def test_small_gap_is_cured_by_a_shift_that_is_taken_out(generate_inputs_crystal, lithium_fluoride):
    """Without DIIS the SCF swings by 10 hartree; shifted it settles, and unshifted it stays where it settled.

    The gap that comes out, 1.75 eV, and the energy are those of an SCF that never was shifted (DIIS).
    """

    def run(scf, **inputs):
        crystal = generate_inputs_crystal(structure=lithium_fluoride, parameters={**PBE, 'scf': {'toldee': 7, **scf}})
        return run_get_node(BaseWorkChain, crystal=crystal, **inputs)

    results, node = run(
        {'diis': False, 'fmixing': 30, 'maxcycle': 20}, recovery=orm.Dict({'small_gap': {'gap_ev': 5.0}})
    )
    assert node.is_finished_ok, results['recovery_report'].get_dict()
    actions = results['recovery_report']['actions']
    assert actions[0]['handler'] == 'handle_small_gap'
    assert actions[0]['changes']['LEVSHIFT'] == {'old': None, 'new': [6, 1]}
    assert actions[-1]['handler'] == 'handle_level_shift'
    assert actions[-1]['changes']['LEVSHIFT'] == {'old': [6, 1], 'new': None}
    last = max(node.called, key=lambda called: called.pk)
    assert 'levshift' not in last.inputs.parameters['scf']
    reference, _ = run({'maxcycle': 50})
    for key, tolerance in (('energy_hartree', 1e-5), ('gap_ev', 0.01)):
        assert results['output_parameters'][key] == pytest.approx(reference['output_parameters'][key], abs=tolerance)
    assert 'physics_changed' not in results['output_parameters'].base.extras.all
