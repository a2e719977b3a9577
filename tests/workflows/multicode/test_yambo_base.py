"""The base chain of yambo on recorded runs: what is helped, what stops it, and what it says then."""

from __future__ import annotations

import shutil

import pytest
from aiida import orm
from aiida.engine import run_get_node
from yambo_parameters import BSE, G0W0, TOO_BIG_BSE

from aiida_crystalmath.workflows.multicode.base import YamboBaseWorkChain


def run(yambo, parameters, *, parent=None, processes=1, chain=None, code=None, **inputs):
    inputs = {
        'code': code or yambo.code('yambo'),
        'parent_folder': parent or yambo.save(),
        'parameters': parameters,
        'metadata': {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': processes}}},
        **inputs,
    }
    return run_get_node(YamboBaseWorkChain, yambo=inputs, **(chain or {}))


def test_what_goes_well_goes_through(yambo):
    results, node = run(yambo, G0W0)
    assert node.is_finished_ok, node.exit_message
    assert results['output_parameters']['gap_direct_ev'] == pytest.approx(3.079195, abs=2e-6)
    assert {'qp_database', 'output_bands', 'output_quasiparticles'} <= set(results)
    assert 'recovery_report' not in results


@pytest.mark.slow
def test_a_killed_run_is_gone_on_from(yambo):
    yambo.kill(2)
    results, node = run(yambo, G0W0)
    assert node.is_finished_ok, node.exit_message
    first, second, third = node.called_descendants
    assert second.inputs.restart_folder.uuid == first.outputs.remote_folder.uuid
    assert third.inputs.restart_folder.uuid == second.outputs.remote_folder.uuid
    report = results['recovery_report']
    assert [action['handler'] for action in report['actions']] == ['handle_interrupted'] * 2
    assert report['outcome'] == 'cured'
    assert list(report['actions'][0]['changes']) == ['restart_folder']
    assert report['physics_changed'] == {}


@pytest.mark.slow
def test_a_run_that_never_writes_anything_is_given_up(yambo, monkeypatch):
    from aiida_crystalmath.parsers.yambo import YamboParser

    original = YamboParser._levels
    monkeypatch.setattr(YamboParser, '_levels', lambda self, *args: {**original(self, *args), 'databases_written': []})
    yambo.kill(3)
    results, node = run(yambo, G0W0)
    assert node.exit_status == 404
    assert len(node.called_descendants) == 2
    assert 'not enough for its first database' in results['recovery_report']['next_step']
    assert 'qp_database' not in results


def test_too_few_bands_says_how_many_are_needed(yambo):
    results, node = run(yambo, {**G0W0, 'screening_bands': 60})
    assert node.exit_status == 320
    report = results['recovery_report']
    assert report['outcome'] == 'given_up'
    assert 'nbnd = 60 at least (it has 30)' in report['next_step']
    assert report['failure']['diagnoses'] == ['too_few_bands']
    assert len(node.called_descendants) == 1


@pytest.mark.skipif(shutil.which('mpirun') is None, reason='no mpirun')
def test_memory_means_fewer_processes_until_there_is_one(yambo, yambo_corpus):
    """The recorded BSE fails however many processes there are: what is asked for each time is what counts."""
    database = orm.SinglefileData(yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP')
    parameters = {**TOO_BIG_BSE, 'parallel': {'roles': {'BS': {'k': 2, 'eh': 1, 't': 1}}, 'threads': 1}}
    code = yambo.code('yambo', label='parallel', with_mpi=True, prepend_text=MPI)
    results, node = run(yambo, parameters, processes=2, qp_database=database, code=code)
    assert node.exit_status == 405
    first, second = node.called_descendants
    assert second.get_option('resources')['num_mpiprocs_per_machine'] == 1
    assert second.get_option('environment_variables') == {'OMP_NUM_THREADS': '2'}
    assert second.inputs.parameters['parallel'] == {'threads': 2}
    assert second.inputs.restart_folder.uuid == first.outputs.remote_folder.uuid
    report = results['recovery_report']
    assert report['actions'][0]['handler'] == 'handle_out_of_memory'
    assert 'One process a node is not enough' in report['next_step']
    assert 'output_spectrum' not in results


MPI = (
    'export OMPI_ALLOW_RUN_AS_ROOT=1\nexport OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n'
    'export OMPI_MCA_rmaps_base_oversubscribe=1'
)


def test_quasiparticles_that_were_not_read_stop_the_chain(yambo, yambo_corpus, monkeypatch):
    from aiida_crystalmath.calculations.yambo import YamboCalculation

    original = YamboCalculation.prepare_for_submission

    def lose(self, folder):
        info = original(self, folder)
        info.local_copy_list = []
        return info

    monkeypatch.setattr(YamboCalculation, 'prepare_for_submission', lose)
    database = orm.SinglefileData(yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP')
    results, node = run(yambo, BSE, qp_database=database)
    assert node.exit_status == 330
    assert len(node.called_descendants) == 1
    assert 'the spectrum of this run is wrong' in results['recovery_report']['next_step']
    assert 'output_spectrum' not in results


def test_a_save_that_is_not_set_up_stops_the_chain(yambo):
    results, node = run(yambo, G0W0, parent=yambo.save(set_up=False))
    assert node.exit_status == 350
    assert 'crystalmath.p2y' in results['recovery_report']['next_step']
    assert len(node.called_descendants) == 1


def test_a_program_that_is_not_there_stops_the_chain(yambo, aiida_code_installed, aiida_localhost):
    """No code, no numbers."""
    code = aiida_code_installed(
        label='gone',
        default_calc_job_plugin='crystalmath.yambo',
        computer=aiida_localhost,
        filepath_executable='/nowhere/yambo',
        with_mpi=False,
    )
    results, node = run(yambo, G0W0, code=code)
    assert node.exit_status == 303
    assert set(results) <= {'output_parameters', 'recovery_report', 'remote_folder', 'retrieved'}
    assert 'gap_direct_ev' not in results['output_parameters'].get_dict()


# ------------------------------------------------------------------------------------------------ handlers alone


@pytest.fixture
def chain(yambo, generate_calc_job_node):
    """Return a factory of a chain whose only child ended in some way."""
    from aiida.engine.utils import instantiate_process
    from aiida.manage.manager import get_manager

    def factory(status, parameters=G0W0, processes=4, told=None):
        inputs = {
            'code': yambo.code('yambo', label='parallel', with_mpi=True),
            'parent_folder': yambo.save(),
            'parameters': parameters,
            'metadata': {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': processes}}},
        }
        process = instantiate_process(get_manager().get_runner(), YamboBaseWorkChain, yambo=inputs)
        process.setup()
        process.prepare_inputs()
        child = generate_calc_job_node('crystalmath.yambo', exit_status=status)
        if told is not None:
            from aiida.common import LinkType

            node = orm.Dict(told)
            node.base.links.add_incoming(child, link_type=LinkType.CREATE, link_label='output_parameters')
            node.store()
        child.set_process_state('finished')
        process.ctx.iteration = 1
        process.ctx.children = [child]
        return process

    return factory


@pytest.mark.parametrize('status', [120, 140, 404])
def test_what_was_cut_short_goes_on(chain, status):
    process = chain(status, told={'databases_written': ['ndb.pp']})
    assert process.inspect_process().status == 0
    assert process.ctx.inputs.restart_folder.uuid == process.ctx.children[0].outputs.remote_folder.uuid


def test_databases_that_cannot_be_read_are_left_behind(chain):
    """Once: an error without them has another reason."""
    process = chain(390, told={'diagnoses': [{'name': 'unclassified_error'}]})
    process.ctx.inputs.restart_folder = process.ctx.children[0].outputs.remote_folder
    assert process.inspect_process().status == 0
    assert 'restart_folder' not in process.ctx.inputs
    assert chain(390).inspect_process().status == 390


def test_roles_that_do_not_fit_are_left_to_yambo(chain):
    parameters = {**G0W0, 'parallel': {'roles': {'SE': {'q': 4}}}, 'variables': {'DIP_CPU': '4', 'DIP_ROLEs': 'k'}}
    process = chain(408, parameters)
    assert process.inspect_process().status == 0
    assert process.ctx.inputs.parameters['parallel'] == {}
    assert process.ctx.inputs.parameters['variables'] == {}
    assert process.ctx.inputs.metadata.options['resources']['num_mpiprocs_per_machine'] == 4


def test_without_roles_there_are_fewer_processes(chain):
    process = chain(408)
    assert process.inspect_process().status == 0
    assert process.ctx.inputs.metadata.options['resources']['num_mpiprocs_per_machine'] == 2
    process = chain(408, processes=1)
    assert process.inspect_process().status == 408


def test_memory_of_the_scheduler_is_memory(chain):
    parameters = {**G0W0, 'variables': {'X_Threads': 2}}
    process = chain(110, parameters, told={'n_threads': 2})
    assert process.inspect_process().status == 0
    options = process.ctx.inputs.metadata.options
    assert options['resources']['num_mpiprocs_per_machine'] == 2
    assert options['environment_variables'] == {'OMP_NUM_THREADS': '4'}
    assert process.ctx.inputs.parameters['variables'] == {'X_Threads': 4}


@pytest.mark.parametrize('status', [303, 390, 391])
def test_what_nobody_knows_is_not_repeated(chain, status):
    assert chain(status).inspect_process().status == status
