"""The monitor that protocols attach to every job: from the setting of a protocol to the input of a calculation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_crystalmath.calculations.monitors.crystal23 import ENTRY_POINT, validate_early_warning

__all__ = ('KEY', 'early_warning')

KEY = 'early_warning'
"""Name of the monitor among those of a job, and of the setting in ``meta_inputs``."""


def early_warning(setting: Mapping[str, Any] | bool | None) -> dict[str, orm.Dict]:
    """Return the input ``monitors`` for the setting of a protocol.

    :param setting: ``minimum_poll_interval`` (s) and ``kwargs`` of the monitor, True for what the protocol has without
        them, False or None for no monitor.
    :raises ValueError: if the setting makes no monitor.
    """
    from aiida.engine.processes.calcjobs.monitors import CalcJobMonitor

    if not setting:
        return {}
    content = {'entry_point': ENTRY_POINT, **(setting if isinstance(setting, Mapping) else {})}
    where = f'meta_inputs.{KEY}'
    try:
        CalcJobMonitor(**content)
    except (TypeError, ValueError) as exception:
        raise ValueError(f'{where}: {exception}') from exception
    monitors = {KEY: orm.Dict(content)}
    if message := validate_early_warning(monitors, None):
        raise ValueError(f'{where}: {message}')
    return monitors
