"""What the doctor finds, what it mends, and what looks after a daemon by itself: with a real daemon."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from aiida import orm
from aiida.brokers.zeromq.communicator import ZeromqCommunicator
from aiida.brokers.zeromq.server import ZeromqBrokerServer
from aiida.manage import get_manager
from aiida.schedulers import JobState
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.cli.doctor import _mend
from aiida_crystalmath.machines import MachineError, supervision
from aiida_crystalmath.machines import supervisor as supervisor_module
from aiida_crystalmath.machines import workers as daemon_workers
from aiida_crystalmath.machines.checks import Finding, daemon, places, processes, services
from aiida_crystalmath.machines.supervisor import Supervisor

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

TIMEOUT_S = 200

RABBITMQ = b'\x01\x00\x00\x00\x00\x01\xf4\x00'
"""The first eight bytes that RabbitMQ 3.10.8 answers to the greeting of AMQP 0-9-1."""


def wait_for(condition) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end, 'it did not come true in time'
        time.sleep(0.3)


def examine(profile, *options: str) -> tuple[int, dict[str, dict], list[str]]:
    """Call the doctor as a script does; return its status, the findings by check, and what was done."""
    result = CliRunner().invoke(main, ['-p', profile.name, 'doctor', '--json', *options])
    answer = json.loads(result.stdout)
    return result.exit_code, {one['check']: one for one in answer['findings']}, answer['done']


@pytest.fixture
def lost_calculation(aiida_profile, aiida_localhost, aiida_code_installed, generate_inputs_crystal):
    """Return a calculation whose task was lost, and which has been quiet since."""
    from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation

    code = aiida_code_installed(
        label='true', default_calc_job_plugin='crystalmath.crystal23', filepath_executable='/bin/true'
    )
    runner = get_manager().get_runner()
    process = runner.instantiate_process(Crystal23Calculation, **{**generate_inputs_crystal('MgO'), 'code': code})
    get_manager().get_persister().save_checkpoint(process)
    process.close()
    return process.node.pk


@pytest.fixture
def stranger(aiida_profile, aiida_localhost, monkeypatch):
    """Return a calculation of another package that nobody carries out, and which has been quiet since."""
    monkeypatch.setattr(processes, 'SETTLED_S', 0)
    node = orm.CalcJobNode(process_type='aiida.calculations:core.arithmetic.add', computer=aiida_localhost)
    node.set_option('resources', {'num_machines': 1})
    node.store()
    node.set_process_state('waiting')
    node.set_checkpoint('x: 1')
    return node.pk


@contextmanager
def answering(*answers: bytes | None) -> Iterator[int]:
    """Listen at a port and answer one connection after the other, or say nothing for ``None``; yield the port."""
    with socket.create_server(('127.0.0.1', 0)) as server:

        def serve() -> None:
            held = []  # a connection that is let go is closed
            for answer in answers:
                held.append(server.accept()[0])
                held[-1].sendall(answer or b'')

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture
def rabbitmq_at(aiida_profile):
    """Return a function that lets the profile of the tests have its RabbitMQ at a port of this machine."""
    before = (aiida_profile.process_control_backend, aiida_profile.process_control_config)

    def use(port: int) -> None:
        config = {'protocol': 'amqp', 'username': 'a', 'password': 'b', 'host': '127.0.0.1', 'virtual_host': ''}
        config = {f'broker_{key}': value for key, value in {**config, 'port': port}.items()}
        aiida_profile.set_process_controller('core.rabbitmq', config)
        get_manager().reset_broker()

    yield use
    aiida_profile.set_process_controller(*before)
    get_manager().reset_broker()


@pytest.fixture
def broker_is_away(rabbitmq_at):
    """Let the profile of the tests have a RabbitMQ at a port where nobody listens."""
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))
        rabbitmq_at(closed.getsockname()[1])
        yield


@pytest.fixture
def daemon_is_down(stopped_daemon_client):
    yield stopped_daemon_client
    if stopped_daemon_client.is_daemon_running:
        stopped_daemon_client.stop_daemon(wait=True)


def test_all_that_is_missing_is_told_with_its_remedy(aiida_profile, daemon_is_down):
    status, found, done = examine(aiida_profile)
    assert status == 1
    assert done == []
    assert found['storage']['state'] == found['processes']['state'] == 'ok'
    assert {name for name, one in found.items() if one['state'] == 'fail'} == {'daemon', 'basis sets', 'code'}
    assert found['daemon']['remedy'] == f'verdi -p {aiida_profile.name} daemon start'
    assert found['daemon']['fixable']
    typed = [one['remedy'] for one in found.values() if one['state'] != 'ok']
    assert [remedy for remedy in typed if f' -p {aiida_profile.name} ' not in remedy] == []


def test_remedy_of_a_computer_can_be_typed(aiida_profile, aiida_localhost, aiida_code_installed, tmp_path):
    """One that is disabled, then one that is not configured."""
    aiida_code_installed(default_calc_job_plugin='crystalmath.crystal23', filepath_executable=str(tmp_path))
    user = orm.User.collection.get_default()
    authinfo = aiida_localhost.get_authinfo(user)
    authinfo.enabled = False
    (found,) = (one for one in places.check(aiida_profile.name) if one.check == 'computer')
    assert found.remedy == f'verdi -p {aiida_profile.name} computer enable localhost {user.email}'
    subprocess.run(shlex.split(found.remedy), capture_output=True, check=True)
    get_manager().get_profile_storage().get_session().expire_all()
    assert aiida_localhost.is_user_enabled(user)
    orm.AuthInfo.collection.delete(authinfo.pk)
    (found,) = (one for one in places.check(aiida_profile.name) if one.check == 'computer')
    assert found.remedy == f'verdi -p {aiida_profile.name} computer configure core.local localhost'


def test_page_fits_a_screen(aiida_profile, daemon_is_down):
    result = CliRunner().invoke(main, ['-p', aiida_profile.name, 'doctor', '--no-remote'])
    assert result.exit_code == 1
    assert f'-> verdi -p {aiida_profile.name} daemon start' in result.output
    assert 'crystalmath doctor --fix' in result.output
    assert len(result.output.splitlines()) < 25


def test_watch_alone_is_refused(aiida_profile):
    result = CliRunner().invoke(main, ['-p', aiida_profile.name, 'doctor', '--watch'])
    assert result.exit_code == 1
    assert 'say --fix as well' in result.output


def test_programs_that_are_gone(aiida_profile, aiida_code_installed, tmp_path):
    hostile = tmp_path / "it's; touch $(echo gone)"
    aiida_code_installed(
        label='gone', default_calc_job_plugin='crystalmath.crystal23', filepath_executable=str(hostile)
    )
    _, found, _ = examine(aiida_profile)
    assert found['computer']['state'] in ('ok', 'warn')
    assert found['code']['state'] == 'fail'
    assert str(hostile) in found['code']['text']
    assert not (tmp_path / 'gone').exists()


def test_nobody_has_a_process_of_another_package(stranger):
    """ZeroMQ's broker has no error of its own for that; and what it says else is no such word."""
    assert processes.stuck(processes.active()) == [stranger]


@pytest.fixture
def forgetful_zeromq(aiida_profile, tmp_path, monkeypatch):
    """Let the profile have a broker of its own that misses the deaths of its workers; return it.

    It does what aiida-core's does when it probes too early: it takes the news of the connection, and finds all well.
    """

    class Forgetful(ZeromqBrokerServer):
        misses = 0
        is_early = True

        def _probe_workers(self):
            if self.is_early:
                assert self._task_worker_assignments, 'nobody had a task'
                self.misses += 1
            else:
                super()._probe_workers()

    monkeypatch.setattr(processes, 'SETTLED_S', 0)
    sockets = tempfile.mkdtemp()  # short: the paths of sockets are
    server = Forgetful(tmp_path, sockets)
    done = threading.Event()

    def serve() -> None:
        server.start()
        while not done.is_set():
            server.run_once(0.1)
        server.stop()

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    broker = get_manager().get_broker()
    monkeypatch.setattr(broker, '_storage_path', tmp_path)
    monkeypatch.setattr(type(broker), '_router_endpoint', server.router_endpoint)
    yield server
    done.set()
    serving.join()
    shutil.rmtree(sockets)


def test_zeromq_that_missed_the_death_of_a_worker(forgetful_zeromq, lost_calculation, aiida_profile, monkeypatch):
    """Its tasks are handed on, and not sent a second time; what a worker has only just taken is left to it."""
    server = forgetful_zeromq
    with ZeromqCommunicator(router_endpoint=server.router_endpoint) as worker:
        taken = Future()
        worker.add_task_subscriber(lambda _comm, body: taken.set_result(body) or Future())
        worker.task_send({'task': 'continue', 'args': {'pid': lost_calculation}}, no_reply=True)
        assert taken.result(timeout=TIMEOUT_S)['args'] == {'pid': lost_calculation}
    wait_for(lambda: server.misses)
    assert (server.get_status()['pending_tasks'], server.get_status()['processing_tasks']) == (0, 1)
    quiet = [replace(one, quiet_s=100.0) for one in processes.active()]
    monkeypatch.setattr(processes, 'SETTLED_S', 30)
    assert processes.stuck(quiet) == [], 'a worker may be about to begin'
    monkeypatch.setattr(processes, 'SETTLED_S', 0)
    assert processes.stuck(quiet) == [lost_calculation]
    server.is_early = False
    monkeypatch.setattr('aiida_crystalmath.machines.daemon.daemon_runs', lambda name: True)
    processes.revive(aiida_profile.name, [lost_calculation])
    wait_for(lambda: server.get_status()['pending_tasks'])
    assert (server.get_status()['pending_tasks'], server.get_status()['processing_tasks']) == (1, 0)
    assert processes.stuck(processes.active()) == [], 'it waits for a worker'


def test_processes_are_told_of_while_the_broker_is_away(aiida_profile, stranger, broker_is_away):
    orm.load_node(stranger).pause()
    found = {one.check: one for one in processes.check(aiida_profile.name)}
    assert found['paused'].text == f'1 processes were paused by somebody: {stranger}'
    assert (found['processes'].state, found['processes'].remedy) == ('warn', '')
    assert found['processes'].text == '1 under way; no broker answers, so more cannot be told'


def test_one_mending_that_fails_does_not_stop_the_others():
    def lose_it() -> str:
        raise ConnectionRefusedError('nobody there')

    findings = [Finding('a', 'fail', '', fix=lose_it), Finding('b', 'fail', '', fix=lambda: 'did it')]
    assert _mend(findings) == (['b: did it'], ['a: ConnectionRefusedError: nobody there'])


@pytest.mark.daemon
def test_fix_starts_the_daemon_and_finds_lost_processes(aiida_profile, daemon_is_down, lost_calculation, monkeypatch):
    monkeypatch.setattr(processes, 'SETTLED_S', 0)
    assert processes.stuck(processes.active()) == [lost_calculation]
    _, _, done = examine(aiida_profile, '--fix')
    assert any('started the daemon' in line for line in done)
    assert any(f'gave 1 processes their tasks back: {lost_calculation}' in line for line in done)
    wait_for(lambda: orm.load_node(lost_calculation).is_terminated)
    assert orm.load_node(lost_calculation).is_finished
    _, found, _ = examine(aiida_profile)
    assert found['daemon'] == {**found['daemon'], 'state': 'ok', 'text': '1 worker'}
    assert found['processes']['state'] == found['version']['state'] == 'ok'


def test_worker_older_than_the_code_is_told(aiida_profile, monkeypatch):
    monkeypatch.setattr(daemon, 'newest_source', lambda: 100.0)
    name = aiida_profile.name
    assert daemon._age(name, [daemon_workers.Worker(1, 101.0)]).state == 'ok'
    old = daemon._age(name, [daemon_workers.Worker(1, 99.0), daemon_workers.Worker(2, 101.0)])
    assert (old.state, old.remedy) == ('warn', f'crystalmath -p {name} doctor --fix')
    assert '1 workers still run what it was' in old.text


def test_broken_sessions_are_read_from_the_log(tmp_path):
    log = tmp_path / 'daemon.log'
    log.write_text(
        '2026-11-21 15:00:00 [11] | sqlalchemy.exc.PendingRollbackError: Can not reconnect\n'
        '2026-11-21 15:00:00 [12] | psycopg.OperationalError: server closed the connection unexpectedly\n'
        '2026-11-21 15:00:00 [13] | all is well\n'
    )
    assert daemon._complaining(str(log)) == {11, 12}
    assert daemon._complaining(str(tmp_path / 'none')) == set()


@pytest.mark.daemon
def test_supervisor_brings_the_daemon_back(aiida_profile, daemon_is_down):
    """As many workers as it had, after everything was killed."""
    told: list[str] = []
    supervisor = Supervisor(aiida_profile.name, told.append)
    supervisor.round()
    assert told == ['daemon: started the daemon with 1 workers']
    daemon_is_down.increase_workers(1, wait=True)
    wait_for(lambda: len(daemon_workers.workers(aiida_profile.name)) == 2)
    daemon_workers.remember_workers(aiida_profile.name)
    daemon_workers.halt(aiida_profile.name)
    assert daemon_workers.workers(aiida_profile.name) == []
    supervisor.round()
    assert told[-1] == 'daemon: started the daemon with 2 workers'
    wait_for(lambda: len(daemon_workers.workers(aiida_profile.name)) == 2)
    old = daemon_workers.workers(aiida_profile.name)
    daemon_workers.replace(old)
    wait_for(lambda: len(daemon_workers.workers(aiida_profile.name)) == 2)
    assert not {worker.pid for worker in old} & {worker.pid for worker in daemon_workers.workers(aiida_profile.name)}

    daemon_is_down.decrease_workers(1, wait=True)  # as verdi does: what was asked for is all there is
    wait_for(lambda: len(daemon_workers.workers(aiida_profile.name)) == 1)
    found = {one.check: one for one in daemon.check(aiida_profile.name, storage_answers=False, broker_answers=True)}
    assert (found['daemon'].state, found['daemon'].text) == ('ok', '1 worker')
    assert 'sessions' not in found  # of a database that does not answer nothing can be said


def test_one_slow_answer_is_no_outage(aiida_profile, rabbitmq_at, monkeypatch):
    """Else the daemon would be killed for the sake of others' processes."""
    monkeypatch.setattr(services, 'TIMEOUT_S', 0.3)
    told: list[str] = []
    supervisor = Supervisor(aiida_profile.name, told.append)
    with answering(None, RABBITMQ) as port:
        rabbitmq_at(port)
        assert supervisor._services_answer()
    assert told == []
    assert not supervisor._services_answer()  # nobody listens any more
    assert 'does not answer' in told[0]


def test_what_a_computer_refuses_is_not_tried_for_ever(aiida_profile, stranger, monkeypatch):
    """Three times, each after a longer pause; anew as soon as the job got any further."""
    node = orm.load_node(stranger)
    node.pause()
    node.set_process_status('Pausing after failed transport task: submit_calculation failed 5 times consecutively')
    told: list[str] = []
    supervisor = Supervisor(aiida_profile.name, told.append)
    played = f'paused: let 1 processes go on: {stranger}'
    for _ in range(2):
        supervisor._let_go_on(processes.active())
    assert told == [played]  # the second time is not due yet
    monkeypatch.setattr(supervisor_module, 'PLAY_AGAIN_AFTER_S', (0.0, 0.0))
    for _ in range(4):
        supervisor._let_go_on(processes.active())
    why = f'crystalmath -p {aiida_profile.name} why {stranger}'
    refused = f'paused: {stranger} stays so: its computer answers but refuses it; {why}'
    assert told == [played] * 3 + [refused]
    node.set_scheduler_state(JobState.RUNNING)
    supervisor._let_go_on(processes.active())
    assert told[-1] == played


def test_new_workers_get_their_time(aiida_profile, monkeypatch):
    """A daemon that was restarted for want of workers is not restarted in each round until they are there."""
    monkeypatch.setattr(supervisor_module, 'WITHOUT_WORKERS_S', 0.2)
    monkeypatch.setattr(daemon, 'revive', lambda name: 'restarted')
    monkeypatch.setattr(daemon_workers, 'circus', lambda name: psutil.Process())
    told: list[str] = []
    supervisor = Supervisor(aiida_profile.name, told.append)
    supervisor._daemon_works()
    time.sleep(0.3)
    for _ in range(3):
        supervisor._daemon_works()
    assert told == ['daemon: restarted']


@pytest.mark.parametrize('words', [b'SSH-2.0-OpenSSH_9.2\r\n', b'AMQP\x00\x00\x09\x01'])
def test_another_server_is_not_rabbitmq(aiida_profile, rabbitmq_at, words):
    """The second is how RabbitMQ refuses a protocol that it does not know."""
    with answering(words) as port:
        rabbitmq_at(port)
        found = services.check_broker(aiida_profile.name)
    assert found.state == 'fail'
    assert 'speaks no AMQP 0-9-1' in found.text


@pytest.mark.daemon
@pytest.mark.skipif(supervision.has_systemd(), reason='there is a systemd, which would keep the service')
def test_supervisor_runs_by_itself(aiida_profile, daemon_is_down):
    """Installed twice it runs once; stopped, it leaves the daemon."""

    def setup(*options: str):
        return CliRunner().invoke(main, ['-p', aiida_profile.name, 'setup', 'supervisor', *options])

    assert setup('--status').exit_code == 1
    try:
        assert setup().exit_code == 0
        pid = supervision.pid_of(aiida_profile.name)
        assert f'runs already, as process {pid}' in setup().output
        assert setup('--status').exit_code == 0
        log = supervision.log_file(aiida_profile.name)
        wait_for(lambda: 'started the daemon' in log.read_text())
    finally:
        stopped = setup('--stop')
    assert 'was stopped' in stopped.output
    assert not psutil.pid_exists(pid)
    assert daemon_is_down.is_daemon_running
    assert log.stat().st_mode & 0o777 == 0o600


def test_pid_of_another_program_is_not_the_supervisor(aiida_profile):
    """Nobody has the lock, whatever the file says."""
    name = aiida_profile.name
    with subprocess.Popen(['sleep', '100']) as other:
        supervision._lock_file(name).write_text(f'{other.pid}\n')
        assert supervision.pid_of(name) is None
        assert 'no supervisor' in supervision.stop(name)
        assert other.poll() is None
        other.kill()


def test_one_profile_has_one_supervisor(aiida_profile, monkeypatch):
    """However it was started; a process that has the lock and is no supervisor of this machine is left alone."""
    name = aiida_profile.name
    monkeypatch.setattr(supervision, 'LOCK_TIMEOUT_S', 0)
    program = f'import fcntl, time; file = open({str(supervision._lock_file(name))!r}, "w"); ' + (
        'fcntl.lockf(file, fcntl.LOCK_EX); import os; print(os.getpid(), file=file, flush=True); time.sleep(100)'
    )
    with subprocess.Popen([sys.executable, '-c', program]) as other:
        wait_for(lambda: supervision.pid_of(name) == other.pid)
        with pytest.raises(MachineError, match=f'has a supervisor already: process {other.pid}'):
            Supervisor(name, print).watch()
        assert supervision.install(name) == f'the supervisor of profile {name} runs already, as process {other.pid}'
        with pytest.raises(MachineError, match='of another machine'):
            supervision.stop(name)
        assert other.poll() is None
        other.kill()
    assert supervision.pid_of(name) is None


def test_unit_has_the_agent(monkeypatch):
    monkeypatch.setenv('SSH_AUTH_SOCK', '/tmp/agent %h')
    assert "Environment=SSH_AUTH_SOCK='/tmp/agent %%h'\n" in supervision.unit_text('x')
    monkeypatch.delenv('SSH_AUTH_SOCK')
    assert 'SSH_AUTH_SOCK' not in supervision.unit_text('x')


def test_unit_survives_hostile_names(monkeypatch):
    monkeypatch.setenv('PATH', '/usr/bin')
    text = supervision.unit_text('a b%h$HOME;x')
    line = next(line for line in text.splitlines() if line.startswith('ExecStart='))
    assert "-p 'a b%%h$$HOME;x' doctor --fix --watch" in line
    assert '/' not in Path(supervision._unit_file('../../etc/x').name).stem
    assert supervision._plain('a/b') != supervision._plain('a.b') != supervision._plain('ab')
