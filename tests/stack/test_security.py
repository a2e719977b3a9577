"""What the services show to others: nothing beyond this machine, no known password, no file that others read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.stack

SECRETS = ('PG_PASSWORD', 'RMQ_PASSWORD')


def test_passwords_are_made_and_on_no_command_line(stack):
    passwords = [stack.env[name] for name in SECRETS]
    assert len(set(passwords)) == len(passwords)
    assert all(len(password) >= 20 for password in passwords)
    lines = subprocess.run(['ps', '-eo', 'args', '-ww'], capture_output=True, text=True, check=True).stdout
    assert not [name for name in SECRETS if stack.env[name] in lines]


def test_the_guest_of_rabbitmq_is_gone(stack):
    """Who knows its default password gets in nowhere."""
    import asyncio

    import aio_pika

    url = f'amqp://guest:guest@127.0.0.1:{stack.env["RMQ_PORT"]}/'
    with pytest.raises(Exception, match=r'ACCESS_REFUSED|Login was refused|403'):
        asyncio.run(aio_pika.connect(url, timeout=60))


@pytest.mark.parametrize('password', ['', 'aiida', 'postgres'])
def test_usual_passwords_do_not_open_the_database(stack, password):
    import psycopg

    who = {'host': '127.0.0.1', 'port': stack.env['PG_PORT'], 'user': 'aiida', 'dbname': 'aiida'}
    with pytest.raises(psycopg.OperationalError, match='password'):
        psycopg.connect(**who, password=password, connect_timeout=60)


def test_keys_and_passwords_are_read_by_their_owner_only(stack):
    base = Path(stack.env['CRYSTALMATH_STACK'])
    secret = [base / 'stack.env', Path(stack.env['SSH_KEY']), Path(stack.env['SLURM_CONF']).with_name('slurmdbd.conf')]
    secret += [path for path in base.rglob('*') if path.name in ('munge.key', '.erlang.cookie') or is_key(path)]
    assert len(secret) >= 6
    assert {str(path): oct(path.stat().st_mode & 0o077) for path in secret} == {str(path): '0o0' for path in secret}


def test_the_user_of_jobs_reads_none_of_them(stack):
    if os.geteuid() != 0:
        pytest.skip('without root everything belongs to one user')
    base = stack.env['CRYSTALMATH_STACK']
    readable = stack.ssh(f'find {base} -path {base}/scratch -prune -o -type f -readable -print 2>/dev/null || true')
    words = [stack.env[name] for name in SECRETS]
    for path in map(Path, readable.splitlines()):
        assert not is_key(path), path
        text = path.read_bytes().decode(errors='replace')
        assert not [word for word in words if word in text], path


def is_key(path: Path) -> bool:
    """Tell whether a file is a private key; copies of programs for the jobs have some of their tests'."""
    if 'site-packages' in path.parts or not path.is_file():
        return False
    return path.stat().st_size < 10000 and b'PRIVATE KEY' in path.read_bytes()
