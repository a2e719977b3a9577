"""The services of ``stack.sh``: closed to others, back after they were killed, gone after ``reset``."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from pathlib import Path

import pytest
from aiida import orm

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

LISTENS = '0A'  # the state TCP_LISTEN in /proc/net/tcp (Linux, include/net/tcp_states.h)
LOOPBACK = ('0100007F', '0101007F', '00000000000000000000000001000000')
"""127.0.0.1, 127.0.1.1 (the name of a Debian machine) and ::1, as the kernel prints them."""


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
    assert set.union(*ports.values()) <= set(LOOPBACK)


def test_what_runs_is_left_alone(stack):
    before = stack.processes()
    stack.up()
    assert stack.processes() == before


@pytest.fixture
def no_daemon(aiida_profile, daemon_client):
    """Stop workers, which would lose their database for good (without supervisor); who needs some starts others."""
    if daemon_client.is_daemon_running:
        daemon_client.stop_daemon(wait=True)


def test_killed_services_come_back_with_their_data(stack, no_daemon):
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


def test_limits_of_jobs_of_an_earlier_stack_are_gone(stack):
    """A job whose guardian was killed leaves its control group; the next of that number could not raise the limit."""
    user = int(stack.ssh('id -u'))
    groups = Path('/sys/fs/cgroup/memory/slurm_localhost', f'uid_{user}')
    if os.geteuid() != 0 or not groups.parents[1].is_dir():
        pytest.skip('SLURM limits memory by control groups (version 1) as root only')
    stack.down('slurmd')
    try:
        left = groups / 'job_987654321' / 'step_batch' / 'task_0'
        left.mkdir(parents=True)
    finally:
        stack.up('slurmd')
    assert not left.parents[1].exists()


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
        shutil.rmtree(base)
        alone.up('munge')
        assert alone.pids('munge') not in ([pid], [])
    finally:
        alone.script('reset')
        Path(f'{base}.lock').unlink()
    assert not base.exists()
    assert alone.running() == set()
    assert stack.missing() == set()
