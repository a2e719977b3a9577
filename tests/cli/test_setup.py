"""``crystalmath setup``: services that do not answer, this machine as a computer, codes that are tried."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.machines.shell import without_broker
from aiida_crystalmath.machines.trial import try_computer


@pytest.fixture
def setup(aiida_profile):
    """Return a function that calls ``crystalmath setup`` in the profile of the tests."""

    def call(*arguments: str, status: int = 0):
        result = CliRunner().invoke(main, ['-p', aiida_profile.name, 'setup', *arguments])
        assert result.exit_code == status, result.output
        return result.output

    return call


@pytest.fixture
def closed_port() -> str:
    """Return a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def test_profile_without_password_and_person(setup):
    output = setup('profile', '--profile', 'new', status=1)
    assert 'the password of PostgreSQL is not known' in output
    assert '--db-password-file' in output


def test_services_that_do_not_answer(setup, closed_port, tmp_path):
    """And no word of the passwords."""
    secret = tmp_path / 'secret'
    secret.write_text('s3cret\n')
    output = setup('profile', '--profile', 'new', '--db-port', closed_port, '--db-password-file', str(secret), status=1)
    assert f'PostgreSQL aiida@127.0.0.1:{closed_port}/aiida does not let us in' in output
    assert 'CREATE DATABASE' in output
    broker = ['--db', 'sqlite', '--broker-port', closed_port, '--broker-password-file', str(secret)]
    refused = setup('profile', '--profile', 'new', *broker, status=1)
    assert f'RabbitMQ amqp://aiida@127.0.0.1:{closed_port} does not let us in' in refused
    assert 's3cret' not in output + refused
    assert 'stack.sh writes' in setup('profile', '--profile', 'new', '--stack', str(secret), status=1)


def test_profile_of_another_kind_is_left(setup, aiida_profile):
    output = setup('profile', '--profile', aiida_profile.name, status=1)
    assert f'the profile "{aiida_profile.name}" is there already, on core.sqlite_dos' in output


def test_profile_is_made_once_and_is_private(tmp_path):
    """In a folder of its own, by the command as people type it."""
    command = [shutil.which('crystalmath', path=str(Path(sys.executable).parent)), 'setup', 'profile', '--no-daemon']
    command += ['--db', 'sqlite', '--broker', 'zeromq', '--workers', '3', '--json']
    states = []
    for _ in range(2):
        answer = subprocess.run(
            command, env={**os.environ, 'AIIDA_PATH': str(tmp_path)}, capture_output=True, text=True, check=True
        )
        states.append([step['state'] for step in json.loads(answer.stdout)['steps']])
    assert states == [['made'] * 3, ['present'] * 3]
    (config,) = (tmp_path / '.aiida').glob('config.json')
    options = next(iter(json.loads(config.read_text())['profiles'].values()))['options']
    assert options['daemon.default_workers'] == 3
    assert options['daemon.timeout'] == 30
    for path in (tmp_path / '.aiida').glob('config.json*'):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_this_machine_with_codes_that_are_tried(setup, aiida_profile_clean, tmp_path, monkeypatch):
    """A job is run for each of the two, and none of them stays."""
    computer = ['computer', 'localhost', '--label', 'here', '--scheduler', 'none', '--scratch', str(tmp_path / 'jobs')]
    output = setup(*computer, '--yaml', str(tmp_path))
    assert 'A trial job was submitted, run, retrieved and parsed' in output
    assert (tmp_path / 'here-setup.yaml').is_file()
    made = orm.load_computer(label='here')
    assert (made.scheduler_type, made.get_minimum_job_poll_interval()) == ('core.direct', 1.0)
    assert 'settings renewed' in setup(*computer, '--yaml', str(tmp_path), '--no-test', '--cores', '3')
    assert orm.load_computer(label='here').get_default_mpiprocs_per_machine() == 3

    folder = Path(sys.executable).parent
    programs = [str(folder / f'crystalmath-{name}') for name in ('crystal', 'properties')]
    steps = json.loads(setup('code', 'here', *programs, '--json'))['steps']
    assert [step['state'] for step in steps] == ['made', 'made']
    assert 'a job answered after' in steps[0]['detail']
    assert orm.load_code('crystal-standin@here').default_calc_job_plugin == 'crystalmath.crystal23'
    steps = json.loads(setup('code', 'here', *programs, '--json', '--dry-run'))['steps']
    assert [step['state'] for step in steps] == ['present', 'present']
    assert orm.QueryBuilder().append(orm.ProcessNode).count() == 0
    assert not [path for path in (tmp_path / 'jobs').rglob('*') if path.is_file()]


def test_program_that_is_not_crystal(setup, aiida_localhost, tmp_path):
    path = tmp_path / 'crystal'
    path.write_text('#!/bin/sh\necho "Usage: crystal [command]"\n')
    path.chmod(0o755)
    output = setup('code', 'localhost', str(path), status=1)
    assert 'did not answer a test input with the banner of CRYSTAL' in output
    assert 'Usage: crystal' in output
    assert 'no-such is not there' in setup('code', 'localhost', 'no-such', status=1)
    assert 'CRY23_EXEDIR' in setup('code', 'localhost', 'Pcrystal', status=1)
    output = setup('code', 'localhost', 'no-p2y', 'no-ypp', status=1)
    assert 'no-p2y, no-ypp are not there' in output and 'CRY23_EXEDIR' not in output
    assert not orm.QueryBuilder().append(orm.InstalledCode, filters={'label': 'crystal'}).count()


def test_programs_of_other_codes_are_not_tried(setup, aiida_profile_clean, aiida_localhost, tmp_path):
    """Whether they run with MPI is left to their jobs, unless it is said."""
    for name in ('pw.x', 'p2y', 'yambo', 'ypp'):
        (tmp_path / name).write_text('#!/bin/sh\nexit 1\n')
        (tmp_path / name).chmod(0o755)
    paths = {name: str(tmp_path / name) for name in ('pw.x', 'p2y', 'yambo', 'ypp')}
    assert 'Next: crystalmath run X.cif --chain gw' in setup('code', 'localhost', '--no-mpi', *paths.values())
    plugins = {'pw': 'quantumespresso.pw', 'p2y': 'crystalmath.p2y', 'yambo': 'crystalmath.yambo'}
    for label, plugin in {**plugins, 'ypp': 'crystalmath.ypp'}.items():
        code = orm.load_code(f'{label}@localhost')
        assert (code.default_calc_job_plugin, code.with_mpi) == (plugin, False)
    aiida_localhost.set_mpirun_command(['true', '-np', '{tot_num_mpiprocs}'])
    output = setup('code', 'localhost', *paths.values())
    assert 'yambo, started by true, as jobs of it ask' in ' '.join(output.split())
    assert orm.load_code('p2y@localhost').with_mpi is None
    aiida_localhost.set_mpirun_command(['no-such-launcher', '{tot_num_mpiprocs}'])
    assert 'no-such-launcher, is not there' in setup('code', 'localhost', paths['yambo'], status=1)
    assert 'ypp@localhost' in setup('code', 'localhost', paths['ypp'])


@pytest.mark.corpus
def test_code_that_fails_leaves_the_old_one(setup, aiida_profile_clean, aiida_localhost, corpus, tmp_path):
    """A program that answers where we log in, but not as a job; nor does Ctrl-C take the old one away."""
    from aiida_crystalmath.machines.codes import make_code, or_the_old_one

    aiida_localhost.set_minimum_job_poll_interval(0.1)
    path = tmp_path / 'crystal'
    path.write_text(f'#!/bin/sh\ntest -f _aiidasubmit.sh || head -n 80 "{corpus}/mgo_sto3g_scf/crystal.out"\n')
    path.chmod(0o755)
    old = make_code('crystal', 'localhost', '/bin/true', 'crystalmath.crystal23', with_mpi=False)
    assert 'no CRYSTAL answered in the trial job' in setup('code', 'localhost', str(path), status=1)

    def codes() -> dict[str, bool]:
        return {code.label: code.is_hidden for code in orm.QueryBuilder().append(orm.InstalledCode).all(flat=True)}

    (failed,) = set(codes()) - {'crystal'}
    assert failed.startswith('crystal-failed-')
    assert codes() == {'crystal': False, failed: True}
    assert orm.load_code('crystal@localhost').pk == old.pk
    with pytest.raises(KeyboardInterrupt), or_the_old_one('crystal', 'localhost'):
        make_code('crystal', 'localhost', str(path), 'crystalmath.crystal23', with_mpi=False)
        raise KeyboardInterrupt
    assert orm.load_code('crystal@localhost').pk == old.pk
    assert not orm.load_code('crystal@localhost').is_hidden


def test_ctrl_c_takes_a_trial_back(aiida_profile_clean, aiida_computer_local, tmp_path):
    """The job, its folder, and the code that was made for it."""
    computer = aiida_computer_local(label='slow')
    computer.set_workdir(str(tmp_path))
    computer.set_prepend_text('sleep 100')
    pids = set(psutil.pids())

    def interrupt() -> None:
        wait_until = time.monotonic() + 60
        while not list(tmp_path.rglob('_scheduler-stdout.txt')) and time.monotonic() < wait_until:
            time.sleep(0.1)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with without_broker(), pytest.raises(KeyboardInterrupt):
        try_computer(computer, 60.0)
    assert orm.QueryBuilder().append(orm.Node).count() == 0
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]
    left = [one for one in psutil.process_iter(['pid', 'cmdline']) if one.info['cmdline'] == ['sleep', '100']]
    assert not [one for one in left if one.pid not in pids and one.status() != psutil.STATUS_ZOMBIE]


def test_unknown_computer(setup):
    output = setup('code', 'nowhere', status=1)
    assert 'there is no computer "nowhere"' in output
    assert 'crystalmath setup computer' in output


def test_dry_run_writes_nothing(setup, closed_port, tmp_path, monkeypatch):
    """Neither here nor there; and a mistyped port leaves nothing that would refuse the right one."""
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    target = ['computer', f'ada@127.0.0.1:{closed_port}', '--label', 'far']
    assert 'Without --dry-run this would be added' in setup(*target, '--dry-run', status=1)
    scratch = tmp_path / 'jobs' / 'of mine'
    said = setup('computer', 'localhost', '--scheduler', 'none', '--scratch', str(scratch), '--dry-run')
    assert f'{scratch} (' in said
    assert list(tmp_path.iterdir()) == []
    assert 'no connection' in setup(*target, status=1)
    assert (tmp_path / '.ssh' / 'config').read_text() == ''


@pytest.mark.parametrize('label', ['a b', '$(id)', "x'y", '-x'])
def test_hostile_label(setup, label):
    assert 'use letters' in setup('computer', 'localhost', f'--label={label}', status=1)
