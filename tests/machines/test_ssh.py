"""From ``user@host`` to a word that SSH understands; what a person types ends in a file that SSH believes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from asyncssh import SSHClientConnectionOptions, generate_private_key

from aiida_crystalmath.machines import MachineError
from aiida_crystalmath.machines.errors import UnreachableError
from aiida_crystalmath.machines.ssh import Target, parse_target, reachable_name, resolved, way_to


@pytest.fixture
def config(monkeypatch, tmp_path) -> Path:
    """Path of ``~/.ssh/config`` in a home of its own."""
    monkeypatch.setenv('HOME', str(tmp_path))
    return tmp_path / '.ssh' / 'config'


@pytest.mark.parametrize(
    ('text', 'target'),
    [
        ('cluster', Target('cluster')),
        ('ada@login.example.org', Target('login.example.org', 'ada')),
        ('ada@127.0.0.1:2222', Target('127.0.0.1', 'ada', 2222)),
    ],
)
def test_target_is_read(text, target):
    assert parse_target(text) == target


@pytest.mark.parametrize('text', ['', 'a b', '-oProxyCommand=x', 'a@b\n  ProxyCommand x', 'a;b', 'a@b:c', 'a@b@c', '*'])
def test_hostile_target_is_refused(text):
    with pytest.raises(MachineError, match='is no machine'):
        parse_target(text)


def test_labels():
    assert parse_target('ada@login.example.org').label == 'login'
    assert parse_target('127.0.0.1:22').label == '127.0.0.1'


def test_host_of_the_configuration_is_taken_as_it_is(config):
    config.parent.mkdir()
    config.write_text('Host hpc\n  HostName login.example.org\n  User ada\n')
    assert reachable_name(parse_target('hpc'), 'hpc') == 'hpc'
    assert reachable_name(parse_target('ada@hpc'), 'hpc') == 'hpc'
    assert config.read_text().count('Host ') == 1


def test_what_is_not_in_the_configuration_is_added_once(config, tmp_path):
    key = tmp_path / 'key'
    key.touch()
    for _ in range(2):
        assert reachable_name(parse_target('ada@login.example.org:2222'), 'hpc', key) == 'crystalmath-hpc'
    assert resolved('crystalmath-hpc') == ('login.example.org', 'ada', 2222)
    assert config.read_text().count('Host ') == 1
    assert f'IdentityFile {key}' in config.read_text()
    assert config.stat().st_mode & 0o077 == 0
    assert config.parent.stat().st_mode & 0o077 == 0


def test_other_hosts_are_left_alone(config):
    config.parent.mkdir()
    before = 'User eve\nHost other\n  Port 7'
    config.write_text(before)
    with pytest.raises(MachineError, match='a line before "Host crystalmath-hpc" overrules it'):
        reachable_name(parse_target('ada@login.example.org'), 'hpc')
    assert config.read_text().startswith(before + '\n')
    assert resolved('other')[1:] == ('eve', 7)


def test_way_of_another_user_is_that_of_the_host(config, tmp_path):
    """Through the same gate, with the same key, believing the same keys; what all hosts have is not said twice."""
    config.parent.mkdir()
    hosts = tmp_path / 'a b'
    hosts.touch()
    for path in (tmp_path / 'key', config.parent / 'id_hpc', config.parent / 'all'):
        generate_private_key('ssh-ed25519').write_private_key(path)
    config.write_text(
        'Host hpc\n  HostName login.example.org\n  User ada\n  ProxyJump gate.example.org\n'
        '  IdentityFile ~/.ssh/id_hpc\n  UserKnownHostsFile "' + f'{hosts}" /dev/null\n'
        'Host old\n  ProxyCommand ssh -W %h:%p "%r"@gate\n  IdentityFile ~/.ssh/id_hpc\n'
        'Host *\n  IdentityFile ~/.ssh/all\n'
    )
    for _ in range(2):
        assert reachable_name(parse_target('bob@hpc'), 'hpc') == 'crystalmath-hpc'
        assert reachable_name(parse_target('bob@old:7'), 'old', tmp_path / 'key') == 'crystalmath-old'
        assert reachable_name(parse_target('bob@other'), 'other') == 'crystalmath-other'
    now = SSHClientConnectionOptions(host='crystalmath-hpc', config=[str(config)])
    assert (now.host, now.username, now.tunnel) == ('login.example.org', 'bob', 'gate.example.org')
    assert now.config.get('UserKnownHostsFile') == [str(hosts), '/dev/null']
    assert '~/.ssh/id_hpc' in now.config.get('IdentityFile')
    old = SSHClientConnectionOptions(host='crystalmath-old', config=[str(config)])
    assert list(old.proxy_command) == ['ssh', '-W', 'old:7', 'bob@gate']
    added = config.read_text().split('Host crystalmath-old\n')[1]
    assert added.count('IdentityFile') == 1
    assert config.read_text().count('id_hpc') == 3


def test_full_disk_takes_nothing_away(config):
    """Nor are the ends of lines changed. The limit is of a whole process: of another one."""
    config.parent.mkdir()
    before = b''.join(b'Host h%d\r\n  HostName h%d.org\r\n' % (i, i) for i in range(20))
    config.write_bytes(before)
    program = (
        'import resource, signal\n'
        'from aiida_crystalmath.machines.ssh import parse_target, reachable_name\n'
        'signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n'
        f'resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 10}, {len(before) + 10}))\n'
        'reachable_name(parse_target("bob@far.org:2222"), "far")\n'
    )
    answer = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False)
    assert 'cannot be added to: File too large' in answer.stderr
    assert config.read_bytes() == before
    assert reachable_name(parse_target('bob@far.org:2222'), 'far') == 'crystalmath-far'
    assert config.read_bytes().startswith(before)


def test_host_is_taken_back_where_nothing_could_be_reached(config):
    """So that the command can be corrected; any other error tells of it."""
    config.parent.mkdir()
    config.write_text('Host other\n  Port 7')
    with pytest.raises(UnreachableError, match='no connection'), way_to(parse_target('ada@127.0.0.1:1'), 'hpc') as name:
        raise UnreachableError(f'{name}: no connection')
    assert config.read_text() == 'Host other\n  Port 7'
    with pytest.raises(MachineError) as caught, way_to(parse_target('ada@127.0.0.1:2'), 'hpc'):
        raise MachineError('not let in', 'ssh-copy-id')
    assert caught.value.hint == f'ssh-copy-id\n"Host crystalmath-hpc" was added to {config}.'
    assert resolved('crystalmath-hpc') == ('127.0.0.1', 'ada', 2)


def test_nothing_is_written_where_nothing_shall_be(config):
    with pytest.raises(MachineError) as caught:
        reachable_name(parse_target('ada@login.example.org'), 'hpc', write=False)
    assert 'would be added' in caught.value.hint
    assert 'Host crystalmath-hpc\n  HostName login.example.org\n  User ada' in caught.value.hint
    assert not config.exists()
    reachable_name(parse_target('ada@login.example.org'), 'hpc')
    assert reachable_name(parse_target('ada@login.example.org'), 'hpc', write=False) == 'crystalmath-hpc'


def test_a_host_that_says_something_else_is_not_changed(config):
    reachable_name(parse_target('ada@login.example.org'), 'hpc')
    before = config.read_text()
    with pytest.raises(MachineError, match='says something else'):
        reachable_name(parse_target('eve@login.example.org'), 'hpc')
    assert config.read_text() == before


def test_key_whose_name_ends_the_line_is_refused(config, tmp_path):
    key = tmp_path / 'my key'
    key.touch()
    with pytest.raises(MachineError, match='blanks'):
        reachable_name(parse_target('ada@host'), 'hpc', key)
    with pytest.raises(MachineError, match='is not there'):
        reachable_name(parse_target('ada@host'), 'hpc', tmp_path / 'none')
