"""Pausing a sequence and skipping its steps while it goes on.

What is asked for is left in an extra of the process, and the work chain looks there before each round of steps. The
database is the channel, so that nothing is lost if the daemon is down, and nothing of it needs the process to answer.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiida import orm

__all__ = ('REQUESTS', 'STEPS', 'ask_pause', 'ask_skip', 'is_to_pause', 'skipped', 'withdraw_pause')

PAUSE = 'crystalmath_pause'
SKIP = 'crystalmath_skip'
REQUESTS = (PAUSE, SKIP)
"""Extras of the process that commands write and the work chain reads."""

STEPS = 'crystalmath_steps'
"""Extra of the process that the work chain writes: by step, its status and what else is known."""


def ask_pause(node: orm.ProcessNode) -> None:
    """Ask the sequence to pause before its next round of steps."""
    node.base.extras.set(PAUSE, True)


def withdraw_pause(node: orm.ProcessNode) -> bool:
    """Take back the wish to pause; tell whether there was one."""
    if not is_to_pause(node):
        return False
    node.base.extras.delete(PAUSE)
    return True


def is_to_pause(node: orm.ProcessNode) -> bool:
    """Tell whether the sequence is to pause before its next round.

    The wish stays until it is withdrawn: AiiDA may forget that a process was paused when its daemon is restarted.
    """
    return bool(node.base.extras.get(PAUSE, False))


def ask_skip(node: orm.ProcessNode, names: Iterable[str]) -> None:
    """Ask the sequence not to begin steps."""
    node.base.extras.set(SKIP, sorted({*skipped(node), *names}))


def skipped(node: orm.ProcessNode) -> list[str]:
    """Return the names of the steps that are not to be begun."""
    return list(node.base.extras.get(SKIP, []))
