"""The services of ``stack.sh``: closed to others, back after they were killed, gone after ``reset``."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import stat
from itertools import chain
from pathlib import Path

import psycopg
import pytest
from aiida import orm

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

LISTENS = '0A'  # the state TCP_LISTEN in /proc/net/tcp (Linux, include/net/tcp_states.h)
LOOPBACK = {'0100007F', '00000000000000000000000001000000'}  # 127.0.0.1 and ::1 as the kernel prints them


def listening() -> dict[int, set[str]]:
    """Return the ports that are listened on, with the addresses."""
    found: dict[int, set[str]] = {}
    for name in ('tcp', 'tcp6'):
        for line in Path('/proc/net', name).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            address, port = local.split(':')
            if state == LISTENS:
                found.setdefault(int(port, 16), set()).add(address)
    return found


def test_nothing_listens_beyond_this_machine(stack):
    first = int(stack.env['CRYSTALMATH_STACK_PORT'])
    ports = {port: addresses for port, addresses in listening().items() if first <= port <= first + 8}
    assert sorted(ports) == list(range(first, first + 9))
    assert set.union(*ports.values()) <= LOOPBACK


def test_nobody_else_reads_a_secret(stack):
    files = [stack.base / 'stack.env', *(stack.base / 'secrets').iterdir(), *stack.base.glob('client/id_ed25519')]
    files += [stack.base / name for name in ('munge/munge.key', 'slurm/slurmdbd.conf', 'rmq/etc/rabbitmq.conf')]
    files += [stack.base / 'secrets', stack.base / 'client', stack.base / 'pg', stack.base / 'sshd' / 'host_ed25519']
    assert len(files) >= 11
    assert [file for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077] == []


def test_no_secret_is_seen_by_ps(stack):
    passwords = [path.read_text().encode() for path in (stack.base / 'secrets').iterdir()]
    assert {len(password) for password in passwords} == {48}
    pids = chain.from_iterable(stack.processes().values())
    lines = [Path('/proc', str(pid), 'cmdline').read_bytes() for pid in pids]
    assert len(lines) >= 8
    assert not [line for line in lines for password in passwords if password in line]


def test_passwords_are_asked_for(stack):
    env = stack.env
    login = {'host': env['PG_HOST'], 'port': int(env['PG_PORT']), 'user': env['PG_USER'], 'dbname': env['PG_DATABASE']}
    with psycopg.connect(**login, password=env['PG_PASSWORD']) as connection:
        assert connection.execute('show listen_addresses').fetchone() == ('127.0.0.1',)
    for password in ('', 'aiida', 'postgres'):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(**login, password=password)


@pytest.mark.parametrize('login', ['guest:guest', 'aiida:aiida'])
def test_default_users_do_not_enter_the_broker(stack, login):
    assert broker_answers(stack, f'{stack.env["RMQ_USER"]}:{stack.env["RMQ_PASSWORD"]}')
    assert not broker_answers(stack, login)


def broker_answers(stack, login: str) -> bool:
    """Whether RabbitMQ lets a user in: AMQP 0-9-1 up to the answer to Connection.Start-Ok."""
    with socket.create_connection((stack.env['RMQ_HOST'], int(stack.env['RMQ_PORT'])), timeout=60) as connection:
        connection.sendall(b'AMQP\0\0\x09\x01')
        receive_frame(connection)
        response = b'\0' + login.replace(':', '\0').encode()
        body = b'\0\x0a\0\x0b' + bytes(4)  # Connection.Start-Ok without client properties
        body += b'\x05PLAIN' + len(response).to_bytes(4, 'big') + response + b'\x05en_US'
        connection.sendall(b'\x01\0\0' + len(body).to_bytes(4, 'big') + body + b'\xce')
        try:
            return receive_frame(connection)[:4] == b'\0\x0a\0\x1e'  # Connection.Tune
        except ConnectionResetError:  # how the broker refuses a user
            return False


def receive_frame(connection: socket.socket) -> bytes:
    with connection.makefile('rb') as stream:
        size = int.from_bytes(stream.read(7)[3:], 'big')
        return stream.read(size + 1)[:size]


def test_what_runs_is_left_alone(stack):
    before = stack.processes()
    stack.up()
    assert stack.processes() == before


def test_killed_services_come_back_with_their_data(stack, aiida_profile):
    """No pid file tells the truth after ``kill -9``, and what was stored is there."""
    node = orm.Int(42).store()
    before = stack.processes()
    for service in ('postgres', 'slurmctld', 'slurmdbd', 'munge', 'mariadb'):
        for pid in before[service]:
            os.kill(pid, signal.SIGKILL)
    stack.up()
    after = stack.processes()
    assert set(after) == set(before)
    changed = {service for service in before if set(before[service]).isdisjoint(after[service])}
    assert changed == {'postgres', 'slurmctld', 'slurmdbd', 'munge', 'mariadb'}
    assert orm.load_node(node.uuid).value == 42
    assert stack.slurm('sinfo', '-h', '-p', 'main', '-o', '%a').strip() == 'up'


def test_two_partitions(stack):
    lines = stack.slurm('sinfo', '-h', '-o', '%P %l').split('\n')
    assert {'main* infinite', 'tight 1:00'} <= set(lines)


def test_jobs_run_as_a_user_without_rights(stack):
    assert stack.ssh('id -un').strip() == stack.env['SSH_USER']
    if os.geteuid() == 0:
        assert stack.ssh('id -u').strip() != '0'
        assert stack.ssh(f'cat {stack.base}/stack.env 2>/dev/null || echo no').strip() == 'no'


def test_one_service_in_a_folder_of_its_own(stack, monkeypatch):
    """Up, killed with its folder removed, up over the ghost, reset: nothing of it is left."""
    from production_stack import Stack

    base = Path('/tmp') / f'crystalmath-{secrets.token_hex(4)}'
    monkeypatch.setenv('CRYSTALMATH_STACK', str(base))
    monkeypatch.setenv('CRYSTALMATH_STACK_PORT', str(int(stack.env['CRYSTALMATH_STACK_PORT']) + 20))
    alone = Stack()
    try:
        alone.up('munge')
        (pid,) = alone.pids('munge')
        assert alone.running() == {'munge'}
        assert stack.pids('munge') != [pid]
        # The folder goes, the service lives: it is found all the same, and replaced.
        (base / '.crystalmath-stack').unlink()
        alone.up('munge')
        assert alone.pids('munge') not in ([pid], [])
    finally:
        alone.script('reset')
    assert not base.exists()
    assert alone.running() == set()
    assert stack.missing() == set()
