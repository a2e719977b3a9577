"""Work chains with real physics: the stand-in engine behind them, through a real daemon."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida.plugins import WorkflowFactory

pytestmark = [pytest.mark.standin, pytest.mark.daemon]

TIMEOUT_S = 180

NODIIS = {'hamiltonian': {'dft': {'functional': 'PBE'}}, 'scf': {'diis': False, 'shrink': {'is': 2, 'isp': 2}}}

KILLER = """\
import subprocess, sys
from pathlib import Path

# Plays a batch system that kills an optimisation at its third point, and lets the restarted one be.
job = subprocess.Popen([{program!r}], stdin=sys.stdin, stdout=subprocess.PIPE, text=True)
restarted = Path('OPTINFO.DAT').exists()
for line in job.stdout:
    print(line, end='', flush=True)
    if not restarted and 'OPTIMIZATION - POINT    3' in line:
        job.kill()
        sys.exit(137)
sys.exit(job.wait())
"""


def chain(name: str):
    return WorkflowFactory(f'crystalmath.crystal.{name}')


def calculations(node) -> list[orm.CalcJobNode]:
    return [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]


@pytest.fixture
def through_daemon(started_daemon_client, submit_and_await):
    """Return a function that has a daemon run a work chain, and returns its outputs and the node."""

    def run(process, **inputs):
        node = submit_and_await(process, timeout=TIMEOUT_S, **inputs)
        return node.base.links.get_outgoing(link_type=LinkType.RETURN).nested(), node

    return run


@pytest.fixture
def run_base(generate_inputs_crystal, through_daemon):
    """Run the base chain on MgO with parameters laid over the cheap NODIIS ones."""

    def factory(scf: dict, structure: orm.StructureData | None = None, **inputs):
        parameters = {**NODIIS, 'scf': {**NODIIS['scf'], **scf}}
        crystal = generate_inputs_crystal('MgO', parameters)
        if structure is not None:
            crystal['structure'] = structure
        return through_daemon(chain('base'), crystal=crystal, **inputs)

    return factory


@pytest.mark.proves('scf_too_many_cycles', handler='handle_scf_oscillation', by='physics')
def test_oscillating_scf_is_damped(run_base):
    """Without damping MgO jumps between two energies for ever; FMIXING 30 cures it. The cure is in the report."""
    results, node = run_base({'fmixing': 0, 'maxcycle': 24})
    assert node.is_finished_ok, node.exit_message
    failed, cured = calculations(node)
    assert failed.exit_status == 410
    energies = failed.outputs.output_parameters['scf']['energies_hartree'][-4:]
    assert (energies[0] - energies[1]) * (energies[1] - energies[2]) < 0
    assert cured.inputs.parameters['scf']['fmixing'] == 30
    assert results['output_parameters']['scf']['converged'] is True
    # PySCF 2.14, the same cell, basis and mesh, from a script of its own (guide of the stand-in, section 5).
    assert results['output_parameters']['energy_hartree'] == pytest.approx(-271.766, abs=0.02)
    (action,) = results['recovery_report']['actions']
    assert action['calculation'] == failed.uuid
    assert action['changes'] == {'FMIXING': {'old': 0, 'new': 30}}
    assert results['recovery_report']['outcome'] == 'cured'
    assert 'oscillating' in action['cause']


@pytest.mark.proves('scf_too_many_cycles', handler='handle_scf_cycles_exhausted', by='physics')
def test_exhausted_scf_goes_on(run_base):
    """MAXCYCLE 4 is too few; the second run starts from the wavefunction of the first and ends at the same energy."""
    results, node = run_base({'fmixing': 30, 'maxcycle': 4})
    assert node.is_finished_ok, node.exit_message
    first, *others = calculations(node)
    assert first.exit_status == 410
    assert others[0].inputs.parent_folder.pk == first.outputs.remote_folder.pk
    assert others[0].inputs.parameters['scf']['guessp'] is True
    assert others[0].outputs.output_parameters['scf']['energies_hartree'][0] == pytest.approx(
        first.outputs.output_parameters['scf']['energies_hartree'][-1], abs=0.05
    )
    assert results['output_parameters']['energy_hartree'] == pytest.approx(-271.766, abs=0.02)


def test_input_error_stops_at_once(run_base):
    """A keyword that CRYSTAL does not know: one run, its own exit code, nothing tried."""
    results, node = run_base({'extra': ['NOSUCHKEYWORD']})
    assert node.exit_status == 321
    assert len(calculations(node)) == 1
    report = results['recovery_report'].get_dict()
    assert (report['actions'], report['outcome']) == ([], 'given_up')
    assert 'spelling' in report['next_step']
    assert 'remote_folder' in results


@pytest.mark.slow
def test_what_nothing_cures_ends_honestly(run_base, generate_structure):
    """MgO stretched to 5.5 Å, where the gap closes: ten cycles are too few, and oscillate, whatever the handlers try.

    From the top of the damping on, the chain changes the accelerator until none is left. It ends with the
    calculation's own exit code, says what it tried, and hands on the energies of the cycles but none of the crystal.
    """
    stretched, scale = generate_structure('MgO').clone(), 5.5 / 4.217
    stretched.set_cell((np.array(stretched.cell) * scale).tolist())
    stretched.reset_sites_positions([np.array(site.position) * scale for site in stretched.sites])
    # It conducts: smearing would make it converge, to another thing than was asked for.
    off = {name: {'enabled': False} for name in ('conducting_scf', 'small_gap')}
    results, node = run_base({'diis': True, 'fmixing': 90, 'maxcycle': 10}, structure=stretched, recovery=orm.Dict(off))
    assert node.exit_status == 410
    tried = results['recovery_report']['actions']
    assert [action['exit_status'] for action in tried] == [410] * len(tried)
    assert [action['changes']['DIIS']['new'] for action in tried] == ['BROYDEN', 'ANDERSON']
    assert len(calculations(node)) == 3
    assert results['output_parameters']['scf']['converged'] is False
    assert len(results['output_parameters']['scf']['energies_hartree']) >= 10
    assert results['output_parameters'].get_dict().get('energy_hartree') is None


@pytest.fixture
def molecule():
    """Return a factory of diatomic molecules: bond length in Å."""

    def factory(first: str, second: str, length: float):
        structure = orm.StructureData(cell=[[500, 0, 0], [0, 500, 0], [0, 0, 500]], pbc=(False, False, False))
        structure.append_atom(position=(0, 0, 0), symbols=first)
        structure.append_atom(position=(0, 0, length), symbols=second)
        return structure

    return factory


@pytest.fixture(autouse=True)
def family(shipped_family):
    """Install the basis-set family of the protocol ``fast``."""
    return shipped_family('sto-3g')


def test_triplet_oxygen(crystal_code, molecule, through_daemon):
    """O2 has two unpaired electrons, one on each atom; the singlet lies higher."""
    structure = molecule('O', 'O', 1.21)
    energies = {}
    for spin_type, moments in (('collinear', {'O': 1}), ('none', None)):
        builder = chain('base').get_builder_from_protocol(
            crystal_code, structure, 'fast', spin_type=spin_type, initial_magnetic_moments=moments
        )
        results, node = through_daemon(builder)
        assert node.is_finished_ok, node.exit_message
        parameters = results['output_parameters'].get_dict()
        energies[spin_type] = parameters['energy_hartree']
        if moments:
            assert parameters['mulliken']['spins'] == pytest.approx([1, 1], abs=0.01)
    assert energies['collinear'] < energies['none'] - 0.01


@pytest.fixture
def co_builder(crystal_code, molecule):
    """Return a factory of builders that optimise CO, B3LYP/STO-3G, from 1.25 Å."""

    def factory(code=None, name='geopt', **arguments):
        functional = {'crystal': {'parameters': {'hamiltonian': {'dft': {'functional': 'B3LYP'}}}}}
        overrides = {'base': functional} if name == 'geopt' else {'geopt': {'base': functional}, 'scf': functional}
        return chain(name).get_builder_from_protocol(
            code or crystal_code, molecule('C', 'O', 1.25), 'fast', overrides, **arguments
        )

    return factory


def bond(structure: orm.StructureData) -> float:
    return float(abs(structure.sites[1].position[2] - structure.sites[0].position[2]))


# B3LYP/STO-3G of CO by CRYSTAL itself: 1.1879 Å, -111.720272 hartree (guide of the stand-in, sections 1 and 3).
CO_ANGSTROM, CO_HARTREE = 1.1879, -111.720272


def test_molecule_is_optimised(co_builder, through_daemon):
    """CO comes out as CRYSTAL's, in the atom order of the input; no final single point unless asked for."""
    results, node = through_daemon(co_builder())
    assert node.is_finished_ok, node.exit_message
    assert bond(results['output_structure']) == pytest.approx(CO_ANGSTROM, abs=0.003)
    assert results['output_parameters']['energy_hartree'] == pytest.approx(CO_HARTREE, abs=5e-4)
    assert [site.kind_name for site in results['output_structure'].sites] == ['C', 'O']
    assert results['output_structure'].pbc == (False, False, False)
    assert results['output_trajectory'].numsteps >= 3
    assert 'recovery_report' not in results
    (call,) = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    assert call.link_label == 'geopt'


def test_characterise_a_molecule(co_builder, through_daemon):
    """Optimisation and levels, nothing that needs a Brillouin zone."""
    results, node = through_daemon(co_builder(name='characterise'))
    assert node.is_finished_ok, node.exit_message
    assert results['output_parameters']['energy_hartree'] == pytest.approx(CO_HARTREE, abs=5e-4)
    assert 'output_bands' not in results
    # The single point is at the optimised geometry: no point of an optimisation in its results.
    assert results['output_parameters'].get_dict().get('optimisation') is None


@pytest.mark.proves('interrupted', handler='handle_interrupted', by='physics')
def test_killed_optimisation_is_taken_up(co_builder, aiida_code_installed, tmp_path, crystal_code, through_daemon):
    """Killed at its third point, it goes on from the second with RESTART, and ends with a fresh single point."""
    script = tmp_path / 'batch_system.py'
    script.write_text(KILLER.format(program=str(crystal_code.filepath_executable)))
    executable = tmp_path / 'crystal'
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} {script}\n')
    executable.chmod(0o755)
    code = aiida_code_installed(
        label='killed', default_calc_job_plugin='crystalmath.crystal23', filepath_executable=str(executable)
    )
    results, node = through_daemon(co_builder(code))
    assert node.is_finished_ok, node.exit_message
    killed, resumed, final = calculations(node)
    assert killed.exit_status == 404
    assert resumed.inputs.parameters['geometry']['optgeom']['restart'] is True
    assert resumed.inputs.parent_folder.pk == killed.outputs.remote_folder.pk
    assert 'optgeom' not in (final.inputs.parameters.get_dict().get('geometry') or {})
    assert final.inputs.structure.pk == results['output_structure'].pk
    assert bond(results['output_structure']) == pytest.approx(CO_ANGSTROM, abs=0.003)
    assert results['output_parameters']['energy_hartree'] == pytest.approx(CO_HARTREE, abs=5e-4)
    (action,) = results['recovery_report']['actions']
    assert action['changes']['OPTGEOM RESTART'] == {'old': None, 'new': True}
    # The same minimum as without the kill.
    whole, _ = through_daemon(co_builder(), final_scf=orm.Bool(True))
    assert results['output_parameters']['energy_hartree'] == pytest.approx(
        whole['output_parameters']['energy_hartree'], abs=1e-6
    )


COARSE = {'scf': {'kpoints_distance': 1.5}}


@pytest.fixture
def lih_bands(crystal_code, properties_code, generate_structure, through_daemon):
    """Run the band structure of LiH with two spin channels, protocol fast."""
    builder = chain('bands').get_builder_from_protocol(
        crystal_code,
        generate_structure('LiH'),
        'fast',
        {'bands_kpoints_distance': 0.4, **COARSE},
        properties_code=properties_code,
        spin_type='collinear',
    )
    return through_daemon(builder)


def test_bands_and_dos_with_spin(lih_bands, properties_code, through_daemon):
    """Two spin channels alike in a closed shell; a density of states on the wavefunction of the bands, by atoms."""
    results, node = lih_bands
    assert node.is_finished_ok, node.exit_message
    bands = results['output_bands'].get_bands()
    assert bands.shape[0] == 2
    assert bands[0] == pytest.approx(bands[1], abs=1e-3)
    assert results['output_bands'].labels[0] == (0, 'GAMMA')
    assert results['output_parameters']['n_electrons'] == 4

    builder = chain('dos').get_builder_from_protocol(
        None,
        None,
        'fast',
        {'dos_projections': 'atoms', 'dos_kpoints_distance': 1.0},
        properties_code=properties_code,
        parent_folder=results['remote_folder'],
    )
    results, node = through_daemon(builder)
    assert node.is_finished_ok, node.exit_message
    assert len(calculations(node)) == 1
    up, down = (np.array(values) for _, values, _ in results['output_dos'].get_y())
    assert up == pytest.approx(np.abs(down), abs=1e-2 * up.max())
    assert len(results['output_dos_projected'].get_y()) == 4  # two atoms, two spins
    assert 'output_parameters' not in results


def test_failed_properties_leave_the_wavefunction(crystal_code, aiida_code_installed, generate_structure):
    """When properties fail, the self-consistent field that was paid for is still handed on.

    Run in this process, with caching on: the calculation of the test before serves again, if it has run.
    """
    broken = aiida_code_installed(
        label='broken', default_calc_job_plugin='crystalmath.properties23', filepath_executable='/bin/false'
    )
    builder = chain('dos').get_builder_from_protocol(
        crystal_code,
        generate_structure('LiH'),
        'fast',
        COARSE,
        properties_code=broken,
        spin_type='collinear',
    )
    with enable_caching(identifier='aiida.calculations:crystalmath.crystal23'):
        results, node = run_get_node(builder)
    assert node.exit_status == 424
    assert results['output_parameters']['scf']['converged'] is True
    assert 'remote_folder' in results
    assert 'output_dos' not in results
