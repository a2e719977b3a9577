"""The monitor of running jobs of ``crystal``: stops the hopeless ones, and tells how far the others have come.

Attach it as ``monitors = {'early_warning': Dict({'entry_point': 'crystalmath.crystal23', ...})}``. What a job that it
stopped has left is retrieved and parsed all the same; its exit code is 150, its message ``<name>: words`` with the name
of an entry of the catalogue of failures.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorResult

from aiida_crystalmath.calculations.monitors.judgement import EarlyWarning, judge
from aiida_crystalmath.calculations.monitors.reading import tails_of
from aiida_crystalmath.crystal.outputs.progress import Progress, progress_of

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode
    from aiida.transports import Transport

__all__ = ('ENTRY_POINT', 'EXTRA', 'crystal23', 'last_progress', 'validate_early_warning')

ENTRY_POINT = 'crystalmath.crystal23'

EXTRA = 'crystalmath_progress'
"""Extra of the job's node with what the monitor saw last, and when (``seen_at``, seconds since 1970).

Attributes of a stored node cannot be changed, and outputs would enter the provenance once a minute; extras may be
changed at any time, even after the node is sealed, and count neither for provenance nor for caching.
"""


def crystal23(
    node: CalcJobNode,
    transport: Transport,
    *,
    min_cycles: int | None = None,
    window: int | None = None,
    oscillation_hartree: float | None = None,
    alternation: float | None = None,
    divergence_hartree: float | None = None,
    patience: float | None = None,
    max_scf_failures: int | None = None,
) -> CalcJobMonitorResult | None:
    """Look at a running job: record its progress, and return a result if it is to be stopped.

    The arguments are those of :class:`~aiida_crystalmath.calculations.monitors.judgement.EarlyWarning`.

    :param transport: open, in any folder.
    :raises OSError: if the output is there and cannot be read; the engine tries again, then pauses the job's process.
    """
    given = {name: value for name, value in locals().items() if name in EarlyWarning.model_fields}
    limits = limits_of(given)
    tails = tails_of(node, transport)
    if tails is None:
        return None
    _record(node, progress_of(tails))
    verdict = judge(tails, node.inputs.parameters.get_dict(), limits)
    return None if verdict is None else CalcJobMonitorResult(message=str(verdict))


def limits_of(kwargs: Mapping[str, Any]) -> EarlyWarning:
    """Return the limits for keyword arguments of which None stands for the default.

    :raises ValueError: if they make no sense.
    """
    return EarlyWarning(**{name: value for name, value in kwargs.items() if value is not None})


def _record(node: CalcJobNode, progress: Progress) -> None:
    """Keep the progress where ``crystalmath watch`` finds it without a connection of its own."""
    node.base.extras.set(EXTRA, {**progress.as_dict(), 'seen_at': time.time()})


def last_progress(node: CalcJobNode) -> tuple[Progress, float] | None:
    """Return what the monitor saw last, and when (seconds since 1970); None without a monitor."""
    content = node.base.extras.get(EXTRA, None)
    if not isinstance(content, dict):
        return None
    return Progress.of(content), float(content.get('seen_at', 0.0))


def validate_early_warning(monitors: Mapping[str, Any] | None, _: Any) -> str | None:
    """Check the keyword arguments of this monitor among those of a job, before it is submitted."""
    from aiida_crystalmath.crystal.inputs.errors import reasons

    for key, monitor in (monitors or {}).items():
        content = monitor.get_dict()
        if content.get('entry_point') != ENTRY_POINT:
            continue
        try:
            limits_of(content.get('kwargs') or {})
        except ValueError as exception:
            return f'`monitors.{key}.kwargs`: {reasons(exception)}'
    return None
