"""CRYSTAL's stand-in and the real pw.x in one plan: hybrid gap, DFT gap, and what Yambo would be handed."""

from __future__ import annotations

import shutil

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.workflows.multicode.builder import MultiCodeBuilder

pytestmark = [pytest.mark.slow, pytest.mark.standin]

ENVIRONMENT = 'export OMPI_ALLOW_RUN_AS_ROOT=1\nexport OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\nexport OMP_NUM_THREADS=1'
METADATA = {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'withmpi': False}}


@pytest.fixture
def pw_code(aiida_code_installed):
    pytest.importorskip('aiida_quantumespresso')
    path = shutil.which('pw.x')
    if path is None:
        pytest.skip('NO pw.x: apt-get install quantum-espresso')
    return aiida_code_installed(
        label='pw', default_calc_job_plugin='quantumespresso.pw', filepath_executable=path, prepend_text=ENVIRONMENT
    )


@pytest.fixture
def upf(pseudopotential):
    from aiida_pseudo.data.pseudo.upf import UpfData

    with pseudopotential('Si.pz-vbc.UPF').open(mode='rb') as handle:
        node = UpfData(handle, filename='Si.pz-vbc.UPF')
    node.element = 'Si'
    return node


def pw(code, upf, calculation, **system):
    """Return inputs of PwBaseWorkChain without structure and k-points."""
    parameters = {
        'CONTROL': {'calculation': calculation},
        'SYSTEM': {'ecutwfc': 16.0, 'force_symmorphic': True, 'occupations': 'fixed', **system},
        'ELECTRONS': {'conv_thr': 1e-9},
    }
    return {'pw': {'code': code, 'pseudos': {'Si': upf}, 'parameters': orm.Dict(parameters), 'metadata': METADATA}}


def test_from_crystal_to_what_yambo_is_handed(crystal_code, pw_code, upf, generate_structure, shipped_family):
    shipped_family('sto-3g')
    chain = WorkflowFactory('crystalmath.crystal.base')
    crystal = chain.get_builder_from_protocol(crystal_code, generate_structure('Si'), 'fast')
    mesh = orm.KpointsData()
    mesh.set_kpoints_mesh([4, 4, 4])
    plan = MultiCodeBuilder('silicon: from CRYSTAL to what Yambo is handed')
    plan.add_step('crystal', crystal)
    plan.add_step('scf', 'quantumespresso.pw.base', {**pw(pw_code, upf, 'scf'), 'kpoints': mesh}, on_failure='RETRY')
    plan.add_step('nscf', 'quantumespresso.pw.base', {**pw(pw_code, upf, 'nscf', nbnd=12), 'kpoints': mesh})
    plan.add_handoff(
        'crystal_to_qe',
        'crystal',
        'scf',
        name='geometry',
        give={'structure': 'pw.structure'},
        inputs={'pseudos': {'Si': upf}},
    )
    passed = {'geometry:structure': 'pw.structure', 'scf:remote_folder': 'pw.parent_folder'}
    plan.add_handoff(None, target='nscf', pass_on=passed, name='density')
    plan.add_handoff('qe_to_yambo', 'nscf', name='to_yambo', inputs={'settings': orm.Dict({'n_bands': 12})})
    plan.add_handoff(
        'compare_gaps',
        name='gaps',
        take={'crystal': 'geometry:handoff', 'dft': 'to_yambo:handoff', 'structure': 'geometry:structure'},
    )
    plan.validate()
    node = run_get_node(plan.builder())[1]
    assert node.is_finished_ok, node.exit_message

    handoff = node.outputs.handoffs.geometry.handoff.get_dict()
    assert (handoff['engine'], handoff['n_electrons_valence'], handoff['n_filled_bands']) == ('STAND-IN', 8, 4)
    assert handoff['n_electrons_crystal'] == handoff['n_electrons_neutral'] == 28
    assert node.outputs.handoffs.geometry.kpoints.get_kpoints_mesh()[0] == handoff['kpoints_mesh']
    told = {one['name']: one for one in node.outputs.output_parameters['handoffs']}
    assert set(told['geometry']['failed_checks']) == {'engine'}

    yambo = node.outputs.handoffs.to_yambo.handoff.get_dict()
    assert (yambo['n_bands'], yambo['n_kpoints'], yambo['n_filled_bands']) == (12, 8, [4])
    assert yambo['edges']['direct_kpoints'] == [[0, 0, 0]]
    # The recorded run has a lattice constant of 5.398 Å and 2.554 eV; this one 5.431 Å.
    assert yambo['edges']['gap_direct_ev'] == pytest.approx(2.55, abs=0.05)

    table = node.outputs.handoffs.gaps.comparison.get_dict()
    rows = {row['quantity']: row for row in table['rows']}
    assert rows['crystal_gap']['value_ev'] == node.outputs.steps.crystal.output_parameters['gap_ev']
    assert rows['dft_gap']['value_ev'] == yambo['gap_ev']
    assert 'qp_gap' in table['missing'] and 'optical_gap' in table['missing']
    assert any('STAND-IN' in line for line in table['warnings'])
    assert (rows['crystal_gap']['code'], rows['dft_gap']['code']) == ('STAND-IN', 'qe')
    steps = {step['name']: step for step in node.outputs.output_parameters['steps']}
    assert [steps[name]['engine'] for name in steps] == ['STAND-IN', 'quantumespresso', 'quantumespresso']
    # aiida-quantumespresso's `energy_hartree` is the Hartree energy in eV: no energy in hartree may be made of it.
    assert steps['scf']['results']['energy_ev'] == node.outputs.steps.scf.output_parameters['energy']
    assert not any(key.endswith('_hartree') for key in steps['scf']['results'])
    bands = node.outputs.steps.nscf.output_band
    assert {source['uuid'] for source in rows['dft_gap']['sources']} >= {bands.uuid}
