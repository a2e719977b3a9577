"""What ties a handler to the catalogue of failures: the decorator :func:`remedy`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiida.engine import process_handler

from aiida_crystalmath.crystal.diagnosis import by_name

__all__ = ('Remedy', 'remedy', 'remedy_of')


@dataclass(frozen=True)
class Remedy:
    """What a handler is for.

    :param diagnoses: entries of the catalogue that it looks at; the handler is asked for no others.
    :param changes: inputs that it may change, by CRYSTAL's names.
    :param physics: those of them that make the result another than that of the input.
    :param on_request: off unless the configuration of recovery says otherwise.
    :param on_success: asked after a run that finished well, not after one that failed.
    """

    diagnoses: tuple[str, ...]
    changes: tuple[str, ...] = ()
    physics: tuple[str, ...] = ()
    on_request: bool = False
    on_success: bool = False


def remedy(
    *diagnoses: str,
    priority: int,
    changes: tuple[str, ...] = (),
    physics: tuple[str, ...] = (),
    on_request: bool = False,
    on_success: bool = False,
) -> Callable[[Any], Any]:
    """Make a method a process handler that is asked for certain failures only.

    The arguments are those of :class:`Remedy`, and the priority.

    :raises KeyError: if the catalogue has no such entry.
    """
    for name in diagnoses:
        by_name(name)
    content = Remedy(tuple(diagnoses), changes, physics, on_request, on_success)

    def decorate(method: Any) -> Any:
        # The core's decorator hands attributes on to the method, and a bound method reads them from there.
        method.remedy = content
        return process_handler(priority=priority)(method)

    return decorate


def remedy_of(handler: Any) -> Remedy | None:
    """Return what a handler is for; ``None`` for one that is always asked."""
    found: Remedy | None = getattr(handler, 'remedy', None)
    return found
