"""The monitor on jobs that really run under a daemon: hopeless ones are stopped, others are left alone."""

from __future__ import annotations

import time

import psutil
import pytest
from aiida import orm
from aiida.common.exceptions import InputValidationError
from aiida.engine import run, submit
from aiida.plugins import CalculationFactory

from aiida_crystalmath.calculations.monitors.crystal23 import EXTRA, crystal23, last_progress
from aiida_crystalmath.calculations.monitors.reading import read_ends, tails_of

ENTRY_POINT = 'crystalmath.crystal23'
PATIENCE_S = 300


@pytest.fixture
def inputs(generate_inputs_crystal):
    """Return a factory of inputs of a job with the monitor, asked every second."""

    def factory(structure_id='H2', parameters=None, code=None, **kwargs):
        content = {'entry_point': ENTRY_POINT, 'minimum_poll_interval': 1, 'kwargs': kwargs}
        made = generate_inputs_crystal(structure_id, parameters, monitors={'early_warning': orm.Dict(content)})
        return {**made, **({'code': code} if code else {})}

    return factory


@pytest.fixture
def finish(started_daemon_client):
    """Return a function that submits a job and waits for its end."""

    def function(inputs):
        node = submit(CalculationFactory(ENTRY_POINT), **inputs)
        end = time.monotonic() + PATIENCE_S
        while not node.is_terminated:
            assert time.monotonic() < end, f'{node.process_state} {node.process_status}'
            time.sleep(0.2)
        return node

    return function


def assert_stopped(node, name):
    """Check that the monitor ended the job for the reason of this name, and that its output was parsed all the same."""
    assert node.exit_status == 150, f'{node.exit_status}: {node.exit_message}'
    assert node.exit_message.startswith(f'{name}: ')
    assert 'output_parameters' in node.outputs
    assert 'crystal.out' in node.outputs.retrieved.base.repository.list_object_names()


@pytest.mark.daemon
@pytest.mark.standin
def test_an_oscillating_scf_is_stopped(inputs, finish):
    """Real physics: MgO without DIIS and without damping goes up and down by 1.7 hartree for ever."""
    scf = {'diis': False, 'fmixing': 0, 'maxcycle': 5000, 'shrink': {'is': 2, 'isp': 2}}
    node = finish(inputs('MgO', {'hamiltonian': {'dft': {'functional': 'PBE'}}, 'scf': scf}))
    assert_stopped(node, 'scf_oscillating')
    energies = node.outputs.output_parameters['scf']['energies_hartree']
    assert 30 <= len(energies) < 5000
    assert abs(energies[-1] - energies[-2]) > 1
    progress, seen_at = last_progress(node)
    assert progress.scf_cycle >= 30
    assert abs(seen_at - time.time()) < PATIENCE_S


@pytest.mark.daemon
@pytest.mark.standin
def test_a_converging_scf_is_not(inputs, finish):
    """Not even by a monitor that would judge after six cycles."""
    scf = {'shrink': {'is': 3, 'isp': 3}}  # long enough to be looked at
    node = finish(inputs('MgO', {'hamiltonian': {'dft': {'functional': 'PBE'}}, 'scf': scf}, min_cycles=6, window=5))
    assert node.is_finished_ok, f'{node.exit_status}: {node.exit_message}'
    progress, _ = last_progress(node)
    assert progress.scf_converged or not progress.terminated
    assert EXTRA in node.base.extras.all


@pytest.mark.daemon
def test_a_full_disk_is_seen_and_the_program_is_gone(replay, corpus, inputs, finish):
    """Recorded: an output that stops, and the words of a full disk from the machine, while the program hangs."""
    step = replay.files(
        corpus / 'nio_scf_maxcyc' / 'main.out',
        cut=30_000,
        scheduler_stderr='forrtl: No space left on device\n',
        sleep=600,
    )
    node = finish(inputs(code=replay(step)))
    assert_stopped(node, 'disk_full')
    assert 'No space left on device' in node.exit_message
    pid = replay.calls()[0]['pid']
    # Where nobody waits for the dead, as in a container, its entry in the table of processes stays.
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.daemon
def test_an_optimisation_whose_scf_fails_again_and_again(replay, corpus, inputs, finish):
    """Recorded: the first point of an optimisation, and a log with a failed SCF twice."""
    failed = (corpus / 'nio_scf_maxcyc' / 'main.out').read_text()
    scf = failed[failed.index(' CYC   0') : failed.index(' EEEEEEEEEE TERMINATION')]
    first = (corpus / 'nio_opt_walltime' / 'main.out').read_text()
    step = replay.files(first, files={'SCFOUT.LOG': scf * 2}, sleep=600)
    node = finish(inputs(parameters={'geometry': {'optgeom': {}}}, code=replay(step)))
    assert_stopped(node, 'optimisation_scf_failing')


@pytest.mark.daemon
def test_a_diverging_scf(replay, corpus, inputs, finish):
    """Made up, since no real one is known: the lines of a real SCF, with energies that run away."""
    text = (corpus / 'nio_scf_maxcyc' / 'main.out').read_text()
    head = text[: text.index(' CYC   0')]
    energies = [-3128.0 + 1e-4 * 1.4**n for n in range(40)]
    cycles = [
        f' CYC {n:3} ETOT(AU) {e:.12E} DETOT  1.00E+00 tst  1.00E+00 PX  1.00E+00\n' for n, e in enumerate(energies)
    ]
    node = finish(inputs(code=replay(replay.files(head + ''.join(cycles), sleep=600))))
    assert_stopped(node, 'scf_diverging')


@pytest.mark.parametrize(
    ('kwargs', 'reason'),
    [
        ({'min_cycles': 10}, 'min_cycles (10) must be larger than window (20)'),
        ({'patience': 0.1}, 'patience'),
        ({'window': 'wide'}, 'window'),
        ({'mincycles': 40}, 'mincycles'),
    ],
)
def test_wrong_arguments_stop_before_submission(inputs, kwargs, reason):
    with pytest.raises((InputValidationError, ValueError), match='monitors') as error:
        run(CalculationFactory(ENTRY_POINT), **inputs(**kwargs))
    assert reason in str(error.value)


# ------------------------------------------------------------------------------------------------ reading


@pytest.fixture
def running(generate_calc_job_node, tmp_path):
    """Return a node whose working folder is an empty local one."""
    node = generate_calc_job_node(ENTRY_POINT, inputs={'parameters': orm.Dict({})})
    node.set_remote_workdir(str(tmp_path))
    return node


@pytest.fixture
def transport(aiida_localhost):
    """Return an open local transport."""
    with aiida_localhost.get_transport() as opened:
        yield opened


def test_no_output_is_not_yet(running, transport, tmp_path):
    assert tails_of(running, transport) is None
    assert crystal23(running, transport) is None
    (tmp_path / 'crystal.out').touch()
    assert tails_of(running, transport) is None
    running.set_remote_workdir(str(tmp_path / 'gone'))
    assert tails_of(running, transport) is None
    assert EXTRA not in running.base.extras.all


def test_reading_is_bounded_and_survives_anything(transport, tmp_path):
    """The last bytes only, and ASCII only, of files with any name."""
    (tmp_path / "it's.out").write_bytes(b'x' * 1000 + 'é\xff'.encode('latin-1') + b'end\n')
    (tmp_path / 'SCFOUT.LOG').write_bytes(b'log')
    found = read_ends(transport, str(tmp_path), ["it's.out", 'SCFOUT.LOG', 'missing'], 10)
    assert found == {"it's.out": 'xxxxend\n', 'SCFOUT.LOG': 'log'}


def test_unexpected_errors_are_not_swallowed(running, aiida_localhost):
    """A connection that is not there is no reason to believe that all is well."""
    with pytest.raises(Exception, match='open'):
        crystal23(running, aiida_localhost.get_transport())


def test_a_finished_run_is_never_stopped(running, transport, corpus, tmp_path):
    text = (corpus / 'mgo_sto3g_scf' / 'crystal.out').read_text()
    (tmp_path / 'crystal.out').write_text(text)
    (tmp_path / '_scheduler-stderr.txt').write_text('No space left on device\n')
    assert crystal23(running, transport) is None
    assert last_progress(running)[0].terminated
