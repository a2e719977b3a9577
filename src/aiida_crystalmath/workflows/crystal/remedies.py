"""What is done about each failure of the catalogue, read off the handlers: for docs and ``crystalmath why``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiida_crystalmath.crystal.diagnosis import CATALOGUE
from aiida_crystalmath.workflows.crystal.handlers import CrystalHandlers
from aiida_crystalmath.workflows.crystal.handlers.remedy import Remedy, remedy_of

__all__ = ('HandlerRemedy', 'handler_remedies', 'remedies', 'was_taken_up')


@dataclass(frozen=True)
class HandlerRemedy:
    """A handler, and what it does.

    :param handler: its name.
    :param priority: the highest is asked first.
    :param summary: first line of its docstring.
    :param cause: what it is for, in words.
    :param strategy: what it does, in words.
    :param remedy: the entries of the catalogue it is for, and what it may change.
    """

    handler: str
    priority: int
    summary: str
    cause: str
    strategy: str
    remedy: Remedy


def handler_remedies() -> list[HandlerRemedy]:
    """Return the handlers that do something about a failure, the first to be asked first."""
    found = []
    for handler in CrystalHandlers.get_process_handlers():
        remedy = remedy_of(handler)
        if remedy is None:
            continue
        text = inspect.cleandoc(handler.__doc__ or '')
        cause, strategy = re.split(r'\s*\bStrategy:\s*', text.partition('Cause:')[2], maxsplit=1)
        found.append(
            HandlerRemedy(
                handler=handler.__name__,
                priority=handler.priority,  # type: ignore[attr-defined]
                summary=text.splitlines()[0],
                cause=' '.join(cause.split()),
                strategy=' '.join(strategy.split()),
                remedy=remedy,
            )
        )
    return sorted(found, key=lambda one: -one.priority)


def remedies() -> dict[str, list[HandlerRemedy]]:
    """Return the handlers of every entry of the catalogue, in its order, the first to be asked first.

    Nothing for an error means that the chain stops at once and tells the entry's own remedy; nothing for a warning,
    that it is left alone.
    """
    handlers = handler_remedies()
    return {entry.name: [one for one in handlers if entry.name in one.remedy.diagnoses] for entry in CATALOGUE}


def was_taken_up(report: Mapping[str, Any]) -> bool:
    """Tell from a ``recovery_report`` whether an optimisation was taken up where an earlier run had come to.

    Its energy then rests on integrals chosen at another geometry, and a single point is due.
    """
    names = ('OPTGEOM RESTART', 'structure')
    changes = [change.get(name) for change in (action['changes'] for action in report['actions']) for name in names]
    return any(change is not None and change['new'] for change in changes)
