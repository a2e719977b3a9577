"""The daemon of a profile."""

from __future__ import annotations

from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.profiles import DAEMON_TIMEOUT_S


def daemon_runs(name: str) -> bool:
    """Tell whether the daemon of profile ``name`` is running."""
    from aiida.engine.daemon.client import get_daemon_client

    return bool(get_daemon_client(name).is_daemon_running)


def start_daemon(name: str, workers: int = 1) -> None:
    """Start the daemon of profile ``name``.

    :param workers: how many processes work in it.
    :raises MachineError: if it does not come up.
    """
    from aiida.engine.daemon.client import DaemonException, get_daemon_client

    try:
        get_daemon_client(name).start_daemon(number_workers=workers, timeout=DAEMON_TIMEOUT_S)
    except DaemonException as exception:
        raise MachineError(
            f'the daemon of profile "{name}" did not start: {exception}', f'See: verdi -p {name} daemon logshow'
        ) from exception
