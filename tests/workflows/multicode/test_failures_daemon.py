"""Every recorded failure, and whole chains of GW and BSE, through a real daemon.

Each failure must have its own exit code at the job and at the base chain, and leave no numbers. All are submitted
first and waited for then, so that the daemon has much to do at once.
"""

from __future__ import annotations

import json
import time

import pytest
from aiida import orm
from aiida.engine import submit
from aiida.plugins import CalculationFactory, WorkflowFactory
from yambo_parameters import BSE, G0W0, GAP_BSE, GAP_G0W0, TOO_BIG_BSE

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

BANDS = {**G0W0, 'screening_bands': 60}
PARALLEL = 'export OMPI_COMM_WORLD_SIZE=2'
"""What mpirun tells each process; the replay plays runs with MPI then."""

OF_YAMBO = {
    'fail_f1_too_many_bands': (BANDS, 'ERROR_TOO_FEW_BANDS', {'mpi': True}),
    'fail_f1b_serial': (BANDS, 'ERROR_TOO_FEW_BANDS', {}),
    'fail_f2_no_save': (G0W0, 'ERROR_SAVE_NOT_SET_UP', {'mpi': True, 'save': 'none'}),
    'fail_f3_missing_ndbqp': (BSE, 'ERROR_QP_DATABASE_NOT_READ', {'before': 'rm -r qp'}),
    'fail_f5_not_initialised': (G0W0, 'ERROR_SAVE_NOT_SET_UP', {'mpi': True, 'save': 'raw'}),
    'fail_f5b_not_init_serial': (G0W0, 'ERROR_SAVE_NOT_SET_UP', {'save': 'raw'}),
    'fail_f6_memory': (TOO_BIG_BSE, 'ERROR_OUT_OF_MEMORY', {}),
    'fail_f8_kill': (G0W0, 'ERROR_INTERRUPTED', {'kill': 9}),
}
"""By recorded failure the input, the exit code and how it is brought about."""

OF_P2Y = {
    'p2y_err_no_save': 'ERROR_NO_QE_SAVE',
    'p2y_err_nonsymmorphic': 'ERROR_NON_SYMMORPHIC_SYMMETRY',
    'p2y_err_uspp': 'ERROR_ULTRASOFT_PSEUDOPOTENTIAL',
}
NUMBERS = ('gap', 'absorption', 'exciton', 'n_quasiparticles')


@pytest.fixture
def replay_of(yambo, yambo_corpus, aiida_code_installed, aiida_localhost, tmp_path):
    """Return a factory of replays with a folder of their own, so that only their jobs are killed."""

    def factory(name):
        folder = tmp_path / name
        folder.mkdir()
        return type(yambo)(folder, yambo_corpus, aiida_code_installed, aiida_localhost)

    return factory


def wait_for(nodes, timeout):
    """Wait until all processes are over."""
    end = time.monotonic() + timeout
    while not all(node.is_terminated for node in nodes):
        assert time.monotonic() < end, [(node.process_label, node.process_state) for node in nodes]
        time.sleep(0.5)


def label_of(node):
    """Return the name of the exit code that a process ended with."""
    codes = node.process_class.spec().exit_codes
    return next((label for label, code in codes.items() if code.status == node.exit_status), None)


def told(node):
    """Return the names of numbers that a failed process told, but for those of DFT."""
    found = node.outputs.output_parameters.get_dict() if 'output_parameters' in node.outputs else {}
    return [key for key in found if not key.startswith('dft_') and any(word in key for word in NUMBERS)]


def yambo_inputs(replay, yambo_corpus, tmp_path, parameters, how):
    """Return the inputs of a job of yambo."""
    lines = [*([PARALLEL] if how.get('mpi') else []), *([how['before']] if 'before' in how else [])]
    save = how.get('save', 'whole')
    (tmp_path / 'nothing').mkdir(exist_ok=True)
    parent = replay.remote(tmp_path / 'nothing') if save == 'none' else replay.save(set_up=save == 'whole')
    replay.kill(how.get('kill', 0))
    given = {
        'code': replay.code('yambo', prepend_text='\n'.join(lines)),
        'parent_folder': parent,
        'parameters': orm.Dict(parameters),
        'metadata': {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}},
    }
    if parameters['kind'] == 'bse':
        given['qp_database'] = orm.SinglefileData(yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP').store()
    return given


@pytest.mark.timeout(900)
def test_every_recorded_failure(replay_of, yambo_corpus, tmp_path, started_daemon_client):
    recorded = json.loads((yambo_corpus / 'manifest.json').read_text())['sets']
    assert {name for name in recorded if name.startswith('fail_') or '_err_' in name} == {*OF_YAMBO, *OF_P2Y}
    replays = {name: replay_of(name) for name in {*OF_YAMBO, *OF_P2Y}}
    chains, jobs = {}, {}
    for name, (parameters, _, how) in OF_YAMBO.items():
        builder = WorkflowFactory('crystalmath.yambo.base').get_builder()
        builder.yambo = yambo_inputs(replays[name], yambo_corpus, tmp_path, parameters, how)
        builder.max_iterations = orm.Int(2)
        chains[name] = submit(builder)
    for name in OF_P2Y:
        builder = CalculationFactory('crystalmath.p2y').get_builder()
        builder.code, builder.code_yambo = (replays[name].code(program) for program in ('p2y', 'yambo'))
        builder.parent_folder = parent_of(replays[name], name, tmp_path)
        jobs[name] = submit(builder)
    wait_for([*chains.values(), *jobs.values()], 600)

    for name, (_, label, how) in OF_YAMBO.items():
        called = chains[name].called
        assert called, name
        for job in called:
            assert label_of(job) == label, (name, job.exit_status)
            assert set(job.outputs) <= {'output_parameters', 'remote_folder', 'retrieved'}, name
            assert told(job) == [], name
        wanted = 'ERROR_MAXIMUM_ITERATIONS_EXCEEDED' if 'kill' in how else label
        assert label_of(chains[name]) == wanted, (name, chains[name].exit_status)
        # Only what was killed is worth a second run.
        assert len(called) == (2 if 'kill' in how else 1), name
        outputs = {*chains[name].outputs}
        assert outputs <= {'output_parameters', 'remote_folder', 'retrieved', 'recovery_report'}, name
        assert chains[name].outputs.recovery_report['outcome'] == 'given_up'
        assert told(chains[name]) == [], name
        played = [call.get('played') for call in replays[name].calls('yambo')]
        assert set(played) <= {name, None}, (name, played)
    for name, label in OF_P2Y.items():
        assert label_of(jobs[name]) == label, (name, jobs[name].exit_status)
        assert set(jobs[name].outputs) <= {'output_parameters', 'remote_folder', 'retrieved'}, name
        assert told(jobs[name]) == [], name
        assert replays[name].calls('p2y')[-1]['played'] == name


def parent_of(replay, name, tmp_path):
    """Return what p2y is pointed at, for it to fail in the recorded way."""
    if name == 'p2y_err_no_save':
        return replay.remote(tmp_path)
    if name == 'p2y_err_uspp':
        return replay.nscf(lambda xml: xml.replace(b'<uspp>false</uspp>', b'<uspp>true</uspp>'))
    return replay.nscf(_fractional)


def _fractional(xml):
    """Return an XML of pw.x whose last symmetry has a fractional translation."""
    zero = b'<fractional_translation>0.000000000000000e0'
    *parts, last = xml.split(zero)
    other = zero.replace(b'0.0000', b'2.5000').replace(b'e0', b'e-1')
    return zero.join(parts) + other + last


@pytest.mark.timeout(600)
def test_whole_chains(many_body_inputs, started_daemon_client):
    """From a structure to quasi-particles, to excitons, and to a step that there is no recording of."""
    given = many_body_inputs(gw_parameters=orm.Dict(GAP_G0W0))
    nodes = {
        'gw': submit(WorkflowFactory('crystalmath.yambo.gw'), **given),
        'bse': submit(WorkflowFactory('crystalmath.yambo.bse'), **given, bse_parameters=orm.Dict(GAP_BSE)),
        'refused': submit(
            WorkflowFactory('crystalmath.yambo.gw'),
            **{**given, 'gw_parameters': orm.Dict({**GAP_G0W0, 'response_block_ry': 5})},
        ),
    }
    wait_for(nodes.values(), 400)
    assert nodes['gw'].is_finished_ok, nodes['gw'].exit_message
    assert nodes['bse'].is_finished_ok, nodes['bse'].exit_message
    assert nodes['gw'].outputs.output_parameters['gap_direct_ev'] == pytest.approx(3.079195, abs=2e-6)
    assert nodes['bse'].outputs.output_parameters['absorption_peak_ev'] == pytest.approx(3.15)
    assert nodes['bse'].outputs.gw_parameters['gap_direct_ev'] == pytest.approx(3.079195, abs=2e-6)
    assert nodes['refused'].exit_status == 425
    assert list(nodes['refused'].outputs) == []
