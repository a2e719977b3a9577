"""The daemon: is it up, with all its workers, as new as the code, and with a database that has not left them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from aiida.engine.daemon.client import get_daemon_client
from aiida.manage.configuration import get_config

from aiida_crystalmath.machines import workers as daemon_workers
from aiida_crystalmath.machines.checks.finding import Finding
from aiida_crystalmath.machines.checks.services import database_start
from aiida_crystalmath.machines.workers import Worker

LOG_TAIL_BYTES = 400_000
BROKEN_SESSION = re.compile(r'\[(\d+)\] \|.*(?:PendingRollbackError|psycopg\.(?:Operational|Interface)Error)')


def check(name: str, *, storage_answers: bool, broker_answers: bool) -> Iterator[Finding]:
    """Yield the findings about the daemon of profile ``name``.

    :param storage_answers: and ``broker_answers``: without them no daemon can be started.
    """
    found = daemon_workers.workers(name)
    if daemon_workers.circus(name) is None or not found:
        what = 'is not running' if daemon_workers.circus(name) is None else 'has no workers'
        text = f'the daemon {what}: nothing is submitted or fetched'
        fix = partial(revive, name) if storage_answers and broker_answers else None
        yield Finding('daemon', 'fail', text, f'verdi -p {name} daemon start', fix)
        return
    daemon_workers.remember_workers(name)  # somebody may have asked for fewer, or more
    wanted = daemon_workers.wanted_workers(name)
    if len(found) < wanted:
        text = f'only {len(found)} of {wanted} workers; others should come within seconds'
        yield Finding('daemon', 'warn', text, f'verdi -p {name} daemon logshow')
    else:
        yield Finding('daemon', 'ok', f'{len(found)} worker{"s"[: len(found) != 1]}')
    if storage_answers:
        yield _sessions(name, found)
    yield _age(name, found)


def revive(name: str) -> str:
    """Start a daemon that is down, or has no workers left; return what was done."""
    from aiida_crystalmath.machines.daemon import start_daemon

    if daemon_workers.circus(name) is not None:
        daemon_workers.restart(name)
        return f'restarted the daemon with {daemon_workers.wanted_workers(name)} workers'
    get_daemon_client(name)._clean_potentially_stale_pid_file()
    start_daemon(name, daemon_workers.wanted_workers(name))
    return f'started the daemon with {daemon_workers.wanted_workers(name)} workers'


# -- workers whose session is broken -----------------------------------------------------------------------------------


def _sessions(name: str, found: list[Worker]) -> Finding:
    broken = broken_workers(name, found)
    if not broken:
        return Finding('sessions', 'ok', 'the workers are on speaking terms with the database')
    pids = ', '.join(str(worker.pid) for worker in broken)
    return Finding(
        'sessions',
        'fail',
        f'the database was restarted, or hung up, under the workers {pids}: their processes are stuck',
        f'crystalmath -p {name} doctor --fix',
        partial(replace, broken),
    )


def broken_workers(name: str, found: list[Worker]) -> list[Worker]:
    """Return the workers that are older than the database server, or whose log says that their session broke."""
    try:
        started = database_start(get_config().get_profile(name))
    except ConnectionError:
        return []
    if started is None:
        return []
    complaining = _complaining(get_daemon_client(name).daemon_log_file)
    return [one for one in found if one.started < started.timestamp() or one.pid in complaining]


def _complaining(path: str) -> set[int]:
    """Return the pids of the workers that told, at the end of their log, that their session is broken."""
    try:
        with Path(path).open('rb') as log:
            log.seek(max(0, Path(path).stat().st_size - LOG_TAIL_BYTES))
            text = log.read().decode(errors='replace')
    except OSError:
        return set()
    return {int(pid) for pid in BROKEN_SESSION.findall(text)}


def replace(broken: list[Worker]) -> str:
    """Replace workers; return what was done."""
    daemon_workers.replace(broken)
    return f'replaced {len(broken)} worker{"s"[: len(broken) != 1]}'


# -- workers older than the code ---------------------------------------------------------------------------------------


def _age(name: str, found: list[Worker]) -> Finding:
    from aiida_crystalmath import __version__

    changed = newest_source()
    old = [worker for worker in found if worker.started < changed]
    if not old:
        return Finding('version', 'ok', f'the workers run aiida-crystalmath {__version__} as it is installed')
    when = datetime.fromtimestamp(changed)
    return Finding(
        'version',
        'warn',
        f'aiida-crystalmath was changed at {when:%Y-%m-%d %H:%M:%S}, and {len(old)} workers still run what it was',
        f'crystalmath -p {name} doctor --fix',
        partial(_restart, name),
    )


def newest_source() -> float:
    """Return when the newest file of this package was written, in seconds since the epoch."""
    import aiida_crystalmath

    root = Path(aiida_crystalmath.__file__).parent
    return max(path.stat().st_mtime for path in root.rglob('*.py'))


def _restart(name: str) -> str:
    daemon_workers.restart(name)
    return f'restarted the daemon with {daemon_workers.wanted_workers(name)} workers'
