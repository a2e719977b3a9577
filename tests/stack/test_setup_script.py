"""What ``stack.sh`` refuses, and the compose file: nothing here starts a service."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

SCRIPTS = Path(__file__).parents[2] / 'setup_scripts'


@pytest.fixture
def stack_sh(tmp_path):
    """Return a function that calls ``stack.sh`` on a folder and returns what came of it."""

    def call(*arguments: str, base: Path = tmp_path / 'stack', **environment: str):
        return subprocess.run(
            ['bash', str(SCRIPTS / 'stack.sh'), *arguments],
            env={**os.environ, 'CRYSTALMATH_STACK': str(base), 'CRYSTALMATH_STACK_PORT': '24390', **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


def test_nothing_runs_in_a_new_folder(stack_sh):
    said = stack_sh('status')
    assert said.returncode == 3
    assert said.stdout.count('DOWN') == 8


@pytest.mark.parametrize(
    ('arguments', 'environment', 'words'),
    [
        (('up', 'mysql'), {}, 'known are: postgres'),
        (('reset', 'postgres'), {}, 'removes everything'),
        (('up',), {'CRYSTALMATH_STACK': '/tmp/a b; touch c'}, 'characters'),
        (('up',), {'CRYSTALMATH_STACK': '/tmp/' + 'a' * 90}, '80'),
        (('up',), {'CRYSTALMATH_STACK_PORT': '80'}, '1024'),
        ((), {}, 'Usage'),
    ],
)
def test_what_it_cannot_do_it_says(stack_sh, arguments, environment, words):
    said = stack_sh(*arguments, **environment)
    assert said.returncode != 0
    assert words in said.stderr


def test_no_folder_of_others_is_removed(stack_sh, tmp_path):
    (tmp_path / 'precious').write_text('')
    said = stack_sh('reset', base=tmp_path)
    assert said.returncode != 0
    assert 'not made by this script' in said.stderr
    assert (tmp_path / 'precious').exists()


def test_no_folder_of_others_becomes_a_stack(stack_sh, tmp_path):
    """``reset`` would remove it then, with all that is in it."""
    (tmp_path / 'mine').mkdir(mode=0o700)
    (tmp_path / 'mine' / 'thesis.tex').write_text('')
    said = stack_sh('up', base=tmp_path / 'mine')
    assert said.returncode != 0
    assert 'is not a stack: set CRYSTALMATH_STACK to a folder that is new or empty' in said.stderr
    assert [path.name for path in (tmp_path / 'mine').iterdir()] == ['thesis.tex']
    assert (tmp_path / 'mine').stat().st_mode & 0o777 == 0o700


def test_reset_keeps_its_lock(stack_sh, tmp_path):
    """Else who waits for the one that was removed, and who makes a new one, are at work at once."""
    (tmp_path / 'stack').mkdir()
    lock = tmp_path / 'stack.lock'
    lock.touch()
    inode = lock.stat().st_ino
    assert stack_sh('reset').returncode == 0
    assert not (tmp_path / 'stack').exists()
    assert lock.stat().st_ino == inode


def test_files_of_a_server_that_has_not_ended_stay(tmp_path):
    """Somebody works in the data folder for longer than we wait: no second server may start in it."""
    data = tmp_path / 'pg' / 'data'
    data.mkdir(parents=True)
    (data / 'postmaster.pid').write_text('4242\n')
    script = f"""
    set -euo pipefail
    . {SCRIPTS}/stack/lib.sh
    . {SCRIPTS}/stack/postgres.sh
    TIMEOUT_S=1 BASE={tmp_path} PG_PORT=24390 PG_USER=me
    postgres_is_idle() {{ return 1; }}
    as() {{ echo started; }}
    postgres_start || echo refused
    """
    said = subprocess.run(['bash', '-c', script], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == 'refused\n'
    assert (data / 'postmaster.pid').exists()


def test_a_stack_keeps_its_ports(stack_sh, tmp_path):
    (tmp_path / 'stack').mkdir()
    (tmp_path / 'stack' / 'stack.env').write_text('CRYSTALMATH_STACK_PORT=24380\n')
    said = stack_sh('up')
    assert said.returncode != 0
    assert '24380' in said.stderr


def test_containers_are_reached_from_this_machine_only_and_have_no_password_of_ours():
    compose = yaml.safe_load((SCRIPTS / 'compose.yaml').read_text())
    services = compose['services']
    assert all(port.startswith('127.0.0.1:') for service in services.values() for port in service['ports'])
    passwords = [services['postgres']['environment']['POSTGRES_PASSWORD']]
    passwords.append(services['rabbitmq']['environment']['RABBITMQ_DEFAULT_PASS'])
    assert all(password.startswith('${') and ':?' in password for password in passwords)
    assert 'consumer_timeout, undefined' in compose['configs']['rabbitmq']['content']
