"""How far the steps of a sequence are, and which can begin: plain dictionaries, so that they can be kept in a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_crystalmath.workflows.crystal.steps import WAVEFUNCTION
from aiida_crystalmath.workflows.sequences.model import Sequence, Step

__all__ = ('BAD', 'DONE', 'STATES', 'blocked_by', 'critical_failures', 'ready_steps')

WAITING, RUNNING = 'waiting', 'running'
FINISHED, REUSED = 'finished', 'reused'
FAILED, NOT_STARTED, BLOCKED = 'failed', 'not started', 'not run'
SKIPPED, LEFT_OUT = 'skipped', 'left out'

STATES: Mapping[str, str] = {
    WAITING: 'has not begun',
    RUNNING: 'is being carried out',
    FINISHED: 'finished well',
    REUSED: 'was taken from an earlier run',
    FAILED: 'its work chain failed',
    NOT_STARTED: 'its inputs could not be made',
    BLOCKED: 'a step that it needs failed',
    SKIPPED: 'was skipped on request, or needs what was',
    LEFT_OUT: 'means nothing for this structure, or needs what was left out',
}
"""What a step can be, and what that means."""

DONE = (FINISHED, REUSED)
BAD = (FAILED, NOT_STARTED, BLOCKED)

Record = dict[str, dict[str, Any]]
"""By the name of a step: its ``status``, and what else is known of it."""


def ready_steps(sequence: Sequence, record: Record) -> list[Step]:
    """Return the steps that can begin or be given up: all that they need is over."""
    return [
        step
        for step in sequence.steps
        if record[step.name]['status'] == WAITING
        and all(record[need]['status'] not in (WAITING, RUNNING) for need in step.needs)
    ]


def blocked_by(sequence: Sequence, step: Step, record: Record) -> tuple[str, str] | None:
    """Return the state of a step that cannot begin, and why; ``None`` if it can.

    A step goes on after an optional one that failed, and after one that was skipped, unless it takes its wavefunction.

    :param step: all that it needs is over.
    """
    for need in step.needs:
        status = record[need]['status']
        if status in BAD and not sequence.step(need).optional:
            return BLOCKED, f'it needs step "{need}", which {_words(status)}'
    source = sequence.source(step, WAVEFUNCTION) if step.definition.takes == WAVEFUNCTION else None
    if source is None or record[source]['status'] in DONE:
        return None
    status = record[source]['status']
    state = status if status in (SKIPPED, LEFT_OUT) else BLOCKED
    return state, f'it needs the wavefunction of step "{source}", which {_words(status)}'


def _words(status: str) -> str:
    """Return what became of a step, after "which"."""
    return {
        FAILED: 'failed',
        NOT_STARTED: 'could not be started',
        BLOCKED: 'was not run',
        SKIPPED: 'was skipped',
        LEFT_OUT: 'was left out',
    }[status]


def critical_failures(sequence: Sequence, record: Record) -> list[str]:
    """Return the names of the critical steps that did not come to a good end, the cause before what it blocked."""
    bad = [step for step in sequence.steps if record[step.name]['status'] in BAD and not step.optional]
    return [step.name for step in sorted(bad, key=lambda step: record[step.name]['status'] == BLOCKED)]
