"""What is left when working folders are cleaned: a stashed wavefunction, and the originals of imported runs."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.cmdline.commands.cmd_calcjob import calcjob_cleanworkdir
from aiida.common.datastructures import StashMode, UnstashTargetMode
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory, WorkflowFactory
from click.testing import CliRunner

from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.calculations.stash import run_behind
from aiida_crystalmath.data.imported_folder import ImportedFolderData


def stashed(tmp_path, **options) -> dict:
    """Return options of a job that stashes its wavefunction."""
    return {
        'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1},
        'stash': {
            'target_base': str(tmp_path / 'stash'),
            'source_list': ['fort.9'],
            'stash_mode': StashMode.COPY.value,
            **options,
        },
    }


@pytest.mark.standin
@pytest.mark.slow
def test_a_stashed_wavefunction_outlives_its_folder(generate_inputs_crystal, properties_code, tmp_path) -> None:
    """A chain cleans up after itself; what it stashed is brought back, for ``properties`` and for another SCF."""
    inputs = generate_inputs_crystal('H2', {'scf': {'toldee': 8}})
    inputs.pop('metadata')
    chain = WorkflowFactory('crystalmath.crystal.base')
    crystal = {**inputs, 'metadata': {'options': stashed(tmp_path)}}
    _, node = run_get_node(chain, crystal=crystal, clean_workdir=orm.Bool(True))
    assert node.is_finished_ok, node.exit_message
    (job,) = node.called
    assert job.outputs.remote_folder.is_cleaned and job.outputs.remote_folder.is_empty
    stash = job.outputs.remote_stash
    assert [*map(str, stash.source_list)] == ['fort.9']
    properties = CalculationFactory('crystalmath.properties23')
    request = {'code': properties_code, 'parameters': orm.Dict({'blocks': [{'keyword': 'PPAN'}]})}
    with pytest.raises(ValueError, match='has been cleaned'):
        run_get_node(properties, parent_folder=job.outputs.remote_folder, **request)

    _, unstash = run_get_node(
        CalculationFactory('core.unstash'),
        source_node=stash,
        metadata={
            'computer': stash.computer,
            'options': {
                'unstash': {'unstash_target_mode': UnstashTargetMode.NewRemoteData.value, 'source_list': ['fort.9']}
            },
        },
    )
    assert unstash.is_finished_ok, unstash.exit_message
    folder = unstash.outputs.remote_folder
    assert Parent.of(folder).node.uuid == job.uuid
    _, result = run_get_node(properties, parent_folder=folder, **request)
    assert result.is_finished_ok, result.exit_message
    parameters = {'scf': {'toldee': 8, 'guessp': True}}
    again = {**inputs, 'parameters': orm.Dict(parameters), 'parent_folder': folder}
    _, restarted = run_get_node(CalculationFactory('crystalmath.crystal23'), **again)
    assert restarted.is_finished_ok, restarted.exit_message
    cycles = [run.outputs.output_parameters['scf']['n_cycles'] for run in (job, restarted)]
    assert cycles[1] < cycles[0]
    metadata = {'computer': stash.computer, 'options': stashed(tmp_path)}
    folder = restarted.outputs.remote_folder
    _, later = run_get_node(CalculationFactory('core.stash'), source_node=folder, metadata=metadata)
    assert run_behind(later.outputs.remote_stash).uuid == restarted.uuid


def test_a_wavefunction_that_cannot_be_stashed(generate_inputs_crystal, replay, tmp_path) -> None:
    """AiiDA retrieves nothing then: the only copy of the results must outlive the chain, whatever is to be cleaned."""
    inputs = generate_inputs_crystal('H2')
    inputs['code'] = replay(replay.files('no fort.9'))
    inputs['metadata'] = {'options': stashed(tmp_path, fail_on_missing=True)}
    _, node = run_get_node(WorkflowFactory('crystalmath.crystal.base'), crystal=inputs, clean_workdir=orm.Bool(True))
    (job,) = node.called
    assert (node.exit_status, job.exit_status) == (160, 160)
    assert 'retrieved' not in job.outputs
    assert not job.outputs.remote_folder.is_cleaned and 'crystal.out' in job.outputs.remote_folder.listdir()


@pytest.mark.corpus
def test_imported_folders_are_not_cleaned(finished_runs) -> None:
    """``verdi calcjob cleanworkdir`` would delete the only copy of somebody's files."""
    from aiida_crystalmath.crystal.discovery import discover
    from aiida_crystalmath.importing import ImportSession

    tree = finished_runs('mgo_sto3g_scf')
    before = {path: path.read_bytes() for path in tree.rglob('*') if path.is_file()}
    (result,) = ImportSession(discover([tree]).runs).results()
    node = orm.load_node(result.uuid)
    folder = node.outputs.remote_folder
    assert isinstance(folder, ImportedFolderData)
    answer = CliRunner().invoke(calcjob_cleanworkdir, [str(node.pk), '--force'])
    assert 'no calcjobs found' in answer.output
    folder._clean()
    assert {path: path.read_bytes() for path in tree.rglob('*') if path.is_file()} == before
    assert not orm.load_node(folder.pk).is_cleaned
