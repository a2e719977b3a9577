"""The supervisor as something that runs by itself: a systemd user service, or a detached process.

There is one for a profile, however it was started: whoever watches holds a lock on a file that has its pid in it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import psutil  # type: ignore[import-untyped]
from aiida.manage.configuration import get_config

from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.profiles import config_folder

STOP_TIMEOUT_S = 30
START_TIMEOUT_S = 60
LOCK_TIMEOUT_S = 1.0
"""Whoever asks who has the lock takes it for a moment."""

UNIT = """[Unit]
Description=Looks after the AiiDA daemon of profile {name}
Documentation=https://aiida-crystalmath.readthedocs.io

[Service]
ExecStart={command}
Environment=AIIDA_PATH={aiida_path}
Environment=PATH={path}
{agent}Restart=always
RestartSec=5
KillMode=process

[Install]
WantedBy=default.target
"""


def command(name: str) -> list[str]:
    """Return the command that looks after profile ``name``."""
    return [sys.executable, '-m', 'aiida_crystalmath', '-p', name, 'doctor', '--fix', '--watch']


def log_file(name: str) -> Path:
    """Return where the detached supervisor of profile ``name`` writes what it did."""
    return _folder() / f'supervisor-{_plain(name)}.log'


def has_systemd() -> bool:
    """Tell whether this user has a systemd that can be spoken to."""
    if shutil.which('systemctl') is None:
        return False
    told = subprocess.run(['systemctl', '--user', 'is-system-running'], capture_output=True, text=True, check=False)
    return told.stdout.strip() in ('running', 'degraded', 'starting', 'initializing')


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Be the only one that looks after profile ``name``.

    :raises MachineError: if somebody does already.
    """
    descriptor = os.open(_lock_file(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + LOCK_TIMEOUT_S
        while not _locked(descriptor):
            if time.monotonic() > end:
                raise MachineError(
                    f'profile {name} has a supervisor already: process {os.pread(descriptor, 20, 0).decode().strip()}',
                    f'To stop it: crystalmath -p {name} setup supervisor --stop',
                )
            time.sleep(0.1)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f'{os.getpid()}\n'.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def pid_of(name: str) -> int | None:
    """Return the process that looks after profile ``name``, or ``None``; not to be asked by that process itself."""
    try:
        descriptor = os.open(_lock_file(name), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _locked(descriptor) else int(os.pread(descriptor, 20, 0) or 0)
    finally:
        os.close(descriptor)  # which gives the lock back


def _locked(descriptor: int) -> bool:
    """Tell whether the lock could be had. No child inherits it, and it goes with the process, however that ends."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def install(name: str) -> str:
    """Let the supervisor of profile ``name`` run by itself; return what was done. Again: nothing more is done.

    :raises MachineError: if it does not come up.
    """
    pid = pid_of(name)
    if pid is not None and not _has_unit(name):
        return f'the supervisor of profile {name} runs already, as process {pid}'
    if has_systemd():
        return _install_unit(name)
    log = log_file(name)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 'a') as output:
        process = subprocess.Popen(
            command(name),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd='/',
            env={**os.environ, 'AIIDA_PATH': config_folder()},
        )
    end = time.monotonic() + START_TIMEOUT_S
    while (pid := pid_of(name)) != process.pid and process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
    if pid is None:
        raise MachineError(f'the supervisor of profile {name} does not come up', f'See {log}')
    if pid != process.pid:  # another one was quicker
        return f'the supervisor of profile {name} runs already, as process {pid}'
    return f'the supervisor of profile {name} runs as process {pid}; what it does is told in {log}'


def stop(name: str) -> str:
    """Stop the supervisor of profile ``name``, however it was started, and take it away; the daemon stays as it is.

    :raises MachineError: if it goes on.
    """
    done = []
    if _has_unit(name):
        _systemctl('disable', '--now', _unit_file(name).name)
        _unit_file(name).unlink()
        _systemctl('daemon-reload')
        done.append(f'{_unit_file(name).name} was stopped and taken away')
    pid = pid_of(name)
    if pid is not None:
        _end(name, pid)
        done.append(f'the supervisor of profile {name}, process {pid}, was stopped')
    return '; '.join(done) or f'no supervisor of profile {name} runs'


def _end(name: str, pid: int) -> None:
    try:
        process = psutil.Process(pid)
        if '--watch' not in process.cmdline():
            raise psutil.NoSuchProcess(pid)
        process.send_signal(signal.SIGTERM)
    except psutil.NoSuchProcess as exception:
        if pid_of(name) != pid:
            return
        raise MachineError(
            f'the supervisor of profile {name} is process {pid} of another machine.', 'Stop it there.'
        ) from exception
    _, left = psutil.wait_procs([process], timeout=STOP_TIMEOUT_S)
    if left:
        raise MachineError(f'the supervisor of profile {name} does not end.', f'Make it: kill -9 {pid}')


def status(name: str) -> str | None:
    """Return in words how the supervisor of profile ``name`` runs, or ``None`` if none does."""
    if _has_unit(name) and _systemctl('is-active', _unit_file(name).name, check=False) == 'active':
        return f'systemd user service {_unit_file(name).name}: active'
    pid = pid_of(name)
    return None if pid is None else f'process {pid}; see {log_file(name)}'


def unit_text(name: str) -> str:
    """Return the systemd unit that looks after profile ``name``."""
    line = ' '.join(_escaped(word) for word in command(name))
    # The daemon that it starts again needs the agent that it was started with.
    socket = os.environ.get('SSH_AUTH_SOCK')
    return UNIT.format(
        name=_escaped(name),
        command=line,
        aiida_path=_escaped(config_folder()),
        path=_escaped(os.environ['PATH']),
        agent=f'Environment=SSH_AUTH_SOCK={_escaped(socket)}\n' if socket else '',
    )


def _escaped(word: str) -> str:
    """Quote a word for systemd, which reads ``%`` and ``$`` as well."""
    return quote(word.replace('%', '%%').replace('$', '$$').replace('\n', ' '))


def _install_unit(name: str) -> str:
    path = _unit_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(unit_text(name))
    path.chmod(0o600)
    _systemctl('daemon-reload')
    _systemctl('enable', '--now', path.name)
    return (
        f'{path.name} runs as your systemd service; see "journalctl --user -u {path.name}". '
        'That it goes on after you log out: loginctl enable-linger'
    )


def _systemctl(*words: str, check: bool = True) -> str:
    done = subprocess.run(['systemctl', '--user', *words], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise MachineError(f'systemctl --user {" ".join(words)}: {done.stderr.strip()}')
    return done.stdout.strip()


def _unit_file(name: str) -> Path:
    base = Path(os.environ.get('XDG_CONFIG_HOME') or Path.home() / '.config')
    return base / 'systemd' / 'user' / f'crystalmath-{_plain(name)}.service'


def _has_unit(name: str) -> bool:
    return has_systemd() and _unit_file(name).exists()


def _lock_file(name: str) -> Path:
    return _folder() / f'{get_config().get_profile(name).uuid}.supervisor'


def _folder() -> Path:
    folder = Path(config_folder()) / 'crystalmath'
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _plain(name: str) -> str:
    """Return a name that is safe in the name of a file, and another one for another profile."""
    safe = ''.join(letter if letter.isalnum() or letter in '-_' else f'%{ord(letter):x}' for letter in name)
    return safe.replace('%', '.')
