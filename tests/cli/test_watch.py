"""``crystalmath watch`` on jobs that really run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest
from aiida import orm
from aiida.engine import submit
from aiida.plugins import CalculationFactory, WorkflowFactory
from click.testing import CliRunner

from aiida_crystalmath.calculations.monitors.crystal23 import EXTRA
from aiida_crystalmath.cli import main
from aiida_crystalmath.cli.job_progress import JobProgress, JobReader, duration, words_of
from aiida_crystalmath.cli.progress import Line, News, walk
from aiida_crystalmath.crystal.outputs.progress import Progress

PATIENCE_S = 180
CYCLE_9 = ' CYC   9 '


@pytest.fixture
def cli(aiida_profile):
    """Return a function that calls the command in the test profile."""
    return lambda *arguments: CliRunner().invoke(main, ['-p', aiida_profile.name, 'watch', *map(str, arguments)])


@pytest.fixture
def long_scf(replay, corpus):
    """Return a code whose job stands in its ninth SCF cycle for some seconds, then ends as recorded."""
    text = (corpus / 'nio_scf_maxcyc' / 'main.out').read_text()
    cut = text.index('\n', text.index(CYCLE_9)) + 1
    return lambda seconds: replay(replay.files(text[:cut], sleep=seconds, rest=text[cut:]))


def wait_for(condition, what):
    """Wait until ``condition()`` is true, and return what it returned."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.3)
    return found


def stage_of(cli, node):
    """Return the last step of ``watch --once --json``, once its job has printed an SCF cycle."""

    def look():
        result = cli(node.pk, '--once', '--json')
        assert result.exit_code == 0, result.output
        step = json.loads(result.stdout)['steps'][-1]
        return step if step.get('progress', {}).get('scf_cycle') else None

    return wait_for(look, 'no SCF cycle was seen')


@pytest.mark.daemon
def test_a_running_job_without_a_monitor(cli, long_scf, generate_inputs_crystal, started_daemon_client):
    """Its output is read where it runs; then it is watched to its end."""
    parameters = {'scf': {'maxcycle': 11, 'toldee': 7}}
    inputs = {**generate_inputs_crystal('H2', parameters), 'code': long_scf(8)}
    node = submit(CalculationFactory('crystalmath.crystal23'), **inputs)
    step = stage_of(cli, node)
    assert step['state'] == 'running'
    assert step['progress']['scf_cycle'] == 9
    assert step['progress']['energy_hartree'] == pytest.approx(-3128.282089556)
    assert step['progress']['log10_delta'] == pytest.approx(-3.18, abs=0.01)
    assert step['progress']['max_scf_cycles'] == 11
    assert EXTRA not in node.base.extras.all
    result = cli(node.pk)
    assert node.is_terminated
    assert result.exit_code == (0 if node.is_finished_ok else 2)
    assert 'SCF 9/11' in result.stderr
    assert 'log|dE| -3.2 (to -7)' in result.stderr
    assert result.stderr.rstrip().endswith(f'crystalmath why {node.pk}') or node.is_finished_ok


@pytest.mark.daemon
@pytest.mark.usefixtures('started_daemon_client')
def test_a_chain_that_is_left_alone(aiida_config, aiida_profile, cli, long_scf, generate_inputs_crystal):
    """The job of a chain is shown below it, from the record of its monitor; Ctrl-C does not end it."""
    inputs = {**generate_inputs_crystal('H2', {'scf': {'maxcycle': 100}}), 'code': long_scf(15)}
    content = {'entry_point': 'crystalmath.crystal23', 'minimum_poll_interval': 1}
    inputs['monitors'] = {'early_warning': orm.Dict(content)}
    chain = submit(WorkflowFactory('crystalmath.crystal.base'), crystal=inputs, max_iterations=orm.Int(1))
    step = stage_of(cli, chain)
    assert (step['depth'], step['state'], step['progress']['scf_cycle']) == (1, 'running', 9)
    job = wait_for(lambda: next((node for node in chain.called if EXTRA in node.base.extras.all), None), 'no record')
    assert job.base.extras.get(EXTRA)['scf_cycle'] == 9

    environment = {**os.environ, 'AIIDA_PATH': str(aiida_config.dirpath)}
    command = ['crystalmath', '-p', aiida_profile.name, 'watch', str(chain.pk)]
    watching = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    for line in watching.stderr:
        if 'SCF 9/100' in line:
            break
    watching.send_signal(signal.SIGINT)
    rest = watching.stderr.read()
    assert watching.wait(PATIENCE_S) == 130
    assert f'the calculations go on. Later: crystalmath watch {chain.pk}' in rest
    assert 'Traceback' not in rest
    assert not chain.is_terminated
    wait_for(lambda: chain.is_terminated, 'the chain does not end')


def test_a_finished_process(cli, generate_calc_job_node):
    node = generate_calc_job_node('crystalmath.crystal23', exit_status=0)
    node.set_process_state('finished')
    result = cli(node.pk, '--json')
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    (step,) = json.loads(line)['steps']
    assert (step['pk'], step['state'], step['is_terminated'], step['is_ok']) == (node.pk, 'done', True, True)
    assert 'progress' not in step


# ------------------------------------------------------------------------------------------------ one job


@pytest.fixture
def running(generate_calc_job_node):
    """Return a job that the scheduler runs, as far as AiiDA knows."""
    from aiida.common.datastructures import CalcJobState
    from aiida.schedulers.datastructures import JobState

    def make(computer=None):
        node = generate_calc_job_node('crystalmath.crystal23', inputs={'parameters': orm.Dict({})})
        if computer is not None:
            node.computer = computer
        node.set_process_state('waiting')
        node.set_state(CalcJobState.WITHSCHEDULER)
        node.set_scheduler_state(JobState.RUNNING)
        node.set_remote_workdir('/nowhere')
        return node

    return make


def test_a_fresh_record_needs_no_connection(running, monkeypatch):
    node = running()
    node.base.extras.set(EXTRA, {'scf_cycle': 7, 'seen_at': time.time()})
    monkeypatch.setattr(type(node), 'get_authinfo', lambda _: pytest.fail('a connection was made'))
    (line,) = walk(node, reader=JobReader())
    assert (line.state, line.job.progress.scf_cycle) == ('running', 7)


def test_a_computer_that_cannot_be_reached(running, monkeypatch):
    """It is said, what was known is shown with its age, and the display goes on."""
    node = running()
    node.base.extras.set(EXTRA, {'scf_cycle': 7, 'seen_at': time.time() - 600})

    def unreachable(_):
        raise OSError('no route to host')

    monkeypatch.setattr(type(node), 'get_authinfo', unreachable)
    reader = JobReader()
    for _ in range(2):
        (line,) = walk(node, reader=reader)
        assert 'localhost cannot be reached: no route to host, known for 10 min' in words_of(line.job)
        assert 'SCF 7' in words_of(line.job)


def test_words():
    progress = Progress(
        scf_cycle=12,
        energy_hartree=-275.4485911377,
        log10_delta=-5.23,
        point=3,
        point_energy_hartree=-275.44869,
        gradients={'max_gradient': 0.004694},
        thresholds={'max_gradient': 0.00045},
        elapsed_s=3600.0,
    )
    job = JobProgress(progress, age_s=60.0, limit_s=43200.0, max_cycles=100, toldee=8, max_points=40)
    assert words_of(job) == (
        'point 3/40 E -275.4486900 Ha gradient 0.004694 (to 0.000450); '
        'SCF 12/100 E -275.4485911 Ha log|dE| -5.2 (to -8); 1 h 01 min of 12 h'
    )
    assert words_of(JobProgress(Progress(stage='SYMM', elapsed_s=2.0))) == 'past SYMM; 2 s'
    assert words_of(JobProgress()) == ''


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(0.4, '0 s'), (59.6, '1 min'), (200, '3 min 20 s'), (3600, '1 h'), (25500, '7 h 05 min')],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_plain_lines_tell_only_news():
    news = News()

    def lines(state, cycle):
        return [Line(5, 1, 'scf: Job', state, 3.0, False, True, JobProgress(Progress(scf_cycle=cycle)))]

    assert list(news.of(lines('running', 1), ['note'])) == [
        '  scf: Job (PK 5): running',
        '  scf: Job (PK 5): SCF 1',
        'note',
    ]
    assert list(news.of(lines('running', 1), ['note'])) == []
    assert list(news.of(lines('running', 2), ['note'])) == [], 'too soon after the last'
    assert list(news.of(lines('ended', 2), [])) == ['  scf: Job (PK 5): ended']
    silent = Line(6, 0, 'Job', 'running', 0.0, False, True, JobProgress(Progress()))
    assert list(news.of([silent], [])) == ['Job (PK 6): running'], 'nothing is known yet'
