"""The processes behind a daemon: who they are, since when they run, and how to replace them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from aiida.engine.daemon.client import DaemonClient, DaemonException, get_daemon_client

from aiida_crystalmath.machines.profiles import config_folder

STOP_TIMEOUT_S = 60
DIE_TIMEOUT_S = 20


@dataclass(frozen=True)
class Worker:
    """A daemon worker.

    :param started: seconds since the epoch.
    """

    pid: int
    started: float


def circus(name: str) -> psutil.Process | None:
    """Return the process that looks after the workers of profile ``name``, or ``None`` if the daemon is down."""
    client = get_daemon_client(name)
    pid = client.get_daemon_pid()
    if pid is None or client._is_pid_file_stale:
        return None
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def workers(name: str) -> list[Worker]:
    """Return the workers of profile ``name`` that live."""
    master = circus(name)
    found = []
    for child in [] if master is None else _children(master):
        try:
            if child.cmdline()[-2:] == ['daemon', 'worker'] and child.status() != psutil.STATUS_ZOMBIE:
                found.append(Worker(child.pid, child.create_time()))
        except psutil.Error:  # it has just gone
            continue
    return found


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def wanted_workers(name: str) -> int:
    """Return how many workers the daemon of profile ``name`` is to have: as many as it had when it was last seen."""
    from aiida.manage.configuration import get_config

    try:
        seen = json.loads(_memory(name).read_text())['workers']
    except (OSError, ValueError, KeyError):
        seen = get_config().get_option('daemon.default_workers', scope=name)
    return max(1, int(seen))


def remember_workers(name: str) -> None:
    """Write down how many workers the daemon is to have, for when it must be started again; not if it is down.

    Not how many live: while one is being replaced, that is one less.
    """
    client = get_daemon_client(name)
    question = {'command': 'get', 'properties': {'name': client.daemon_name, 'keys': ['numprocesses']}}
    try:
        number = client.call_client(question, timeout=10).get('options', {}).get('numprocesses')
    except DaemonException:
        return
    if number and number != wanted_workers(name):
        _memory(name).write_text(json.dumps({'workers': number}))


def _memory(name: str) -> Path:
    from aiida.manage.configuration import get_config

    folder = Path(config_folder()) / 'crystalmath'
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f'{get_config().get_profile(name).uuid}.workers'


def replace(found: list[Worker]) -> None:
    """Kill workers; the daemon puts others in their places, and the broker hands their tasks on.

    They are not asked to end by themselves: a worker whose services are gone would put processes down as excepted.
    """
    for worker in found:
        try:
            process = psutil.Process(worker.pid)
            if process.create_time() == worker.started:
                process.kill()
        except psutil.NoSuchProcess:
            continue


def halt(name: str) -> None:
    """Kill the daemon with all that belongs to it, at once; ``verdi daemon start`` cleans up after it."""
    master = circus(name)
    if master is None:
        return
    family = [master, *_children(master)]
    for process in family:  # the master first, so that it starts nobody any more
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=DIE_TIMEOUT_S)
    _clean(get_daemon_client(name))


def _clean(client: DaemonClient) -> None:
    client._clean_potentially_stale_pid_file()


def restart(name: str) -> None:
    """Stop the daemon the proper way, and start it with as many workers as it had.

    :raises MachineError: if it does not come up again.
    """
    from aiida_crystalmath.machines.daemon import start_daemon

    client = get_daemon_client(name)
    remember_workers(name)
    try:
        client.stop_daemon(wait=True, timeout=STOP_TIMEOUT_S)
    except DaemonException:
        halt(name)
    end = time.monotonic() + STOP_TIMEOUT_S
    while client.is_daemon_running and time.monotonic() < end:
        time.sleep(0.2)
    start_daemon(name, wanted_workers(name))
