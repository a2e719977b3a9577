"""The supervisor as something that runs by itself: a systemd user service, or a detached process with a pid file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from shlex import quote

import psutil  # type: ignore[import-untyped]

from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.profiles import config_folder

STOP_TIMEOUT_S = 30

UNIT = """[Unit]
Description=Looks after the AiiDA daemon of profile {name}
Documentation=https://aiida-crystalmath.readthedocs.io

[Service]
ExecStart={command}
Environment=AIIDA_PATH={aiida_path}
Environment=PATH={path}
Restart=always
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


def install(name: str) -> str:
    """Let the supervisor of profile ``name`` run by itself; return what was done. Again: nothing more is done.

    :raises MachineError: if it does not come up.
    """
    if has_systemd():
        return _install_unit(name)
    pid = pid_of(name)
    if pid is not None:
        return f'the supervisor of profile {name} runs already, as process {pid}'
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
    _pid_file(name).write_text(f'{process.pid}\n')
    time.sleep(1)
    if process.poll() is not None:
        raise MachineError(f'the supervisor of profile {name} ended at once', f'See {log}')
    return f'the supervisor of profile {name} runs as process {process.pid}; what it does is told in {log}'


def stop(name: str) -> str:
    """Stop the supervisor of profile ``name`` and take it away; the daemon stays as it is."""
    if has_systemd() and _unit_file(name).exists():
        _systemctl('disable', '--now', _unit_file(name).name)
        _unit_file(name).unlink()
        _systemctl('daemon-reload')
        return f'{_unit_file(name).name} was stopped and taken away'
    pid = pid_of(name)
    if pid is None:
        return f'no supervisor of profile {name} runs'
    process = psutil.Process(pid)
    process.send_signal(signal.SIGTERM)
    psutil.wait_procs([process], timeout=STOP_TIMEOUT_S)
    _pid_file(name).unlink(missing_ok=True)
    return f'the supervisor of profile {name} was stopped'


def status(name: str) -> str | None:
    """Return in words how the supervisor of profile ``name`` runs, or ``None`` if none does."""
    if has_systemd() and _unit_file(name).exists():
        active = _systemctl('is-active', _unit_file(name).name, check=False)
        return f'systemd user service {_unit_file(name).name}: {active}' if active == 'active' else None
    pid = pid_of(name)
    return None if pid is None else f'process {pid}; see {log_file(name)}'


def pid_of(name: str) -> int | None:
    """Return the process of the detached supervisor; a pid that was given to another program since does not count."""
    try:
        process = psutil.Process(int(_pid_file(name).read_text()))
        arguments = process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    return int(process.pid) if arguments[1:] == command(name)[1:] else None


def unit_text(name: str) -> str:
    """Return the systemd unit that looks after profile ``name``."""
    line = ' '.join(_escaped(word) for word in command(name))
    return UNIT.format(
        name=_escaped(name), command=line, aiida_path=_escaped(config_folder()), path=_escaped(os.environ['PATH'])
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


def _pid_file(name: str) -> Path:
    return _folder() / f'supervisor-{_plain(name)}.pid'


def _folder() -> Path:
    folder = Path(config_folder()) / 'crystalmath'
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _plain(name: str) -> str:
    """Return a name that is safe in the name of a file, and another one for another profile."""
    safe = ''.join(letter if letter.isalnum() or letter in '-_' else f'%{ord(letter):x}' for letter in name)
    return safe.replace('%', '.')
