"""What a converter declares: from where to where, what travels, what stays behind, and what is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiida import orm

__all__ = ('Check', 'Converter', 'Severity', 'Stays', 'Travels', 'declared')

Severity = Literal['refuse', 'warn', 'off']
"""What a check that is not passed does: stop the hand-off, be reported, or nothing as it is not made."""


@dataclass(frozen=True)
class Travels:
    """Something that arrives.

    :param what: in words.
    :param arrives: the output of the converter, with a dot before the key of a ``Dict``: ``handoff.gap_ev``; or
        ``as is: NAME`` for an output of the source that goes on untouched, as a remote folder does.
    :param how: what is done with it on the way.
    :param unit: of numbers.
    """

    what: str
    arrives: str
    how: str = ''
    unit: str = ''


@dataclass(frozen=True)
class Stays:
    """Something that does not travel, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Check:
    """A check of what arrived.

    :param name: by which a plan changes its severity.
    :param text: what must hold.
    :param find: takes the outputs of the converter; returns what is wrong, or ``None``.
    :param severity: unless the plan says otherwise.
    """

    name: str
    text: str
    find: Callable[[Mapping[str, Any]], str | None]
    severity: Severity = 'refuse'


@dataclass(frozen=True)
class Converter:
    """A hand-off from one code to another.

    :param source: code that it takes from; ``any`` for several.
    :param target: code that it gives to; empty where it only computes what people want to know.
    :param summary: in one sentence.
    :param travels: what arrives.
    :param stays: what does not.
    :param outputs: types of what it returns, by label; one that need not be there ends in ``?``.
    :param usual: by input, where it usually is among the ports of the source, the best first: ``output_structure``,
        ``inputs.pw.pseudos``.
    :param checks: what is checked afterwards.
    :param refused: why there can be no such hand-off; then the function returns nothing but this reason.
    """

    source: str
    target: str
    summary: str
    travels: tuple[Travels, ...] = ()
    stays: tuple[Stays, ...] = ()
    outputs: Mapping[str, type[orm.Data]] = field(default_factory=dict)
    usual: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    refused: str = ''

    @property
    def as_is(self) -> tuple[str, ...]:
        """Names of outputs of the source that go on untouched."""
        return tuple(
            item.arrives.removeprefix('as is: ') for item in self.travels if item.arrives.startswith('as is: ')
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the output ``handoff`` that are declared."""
        return tuple(
            item.arrives.removeprefix('handoff.') for item in self.travels if item.arrives.startswith('handoff.')
        )

    def output_type(self, label: str) -> tuple[type[orm.Data], bool] | None:
        """Return the type of an output and whether it is always there; ``None`` if there is no such output."""
        if label in self.outputs:
            return self.outputs[label], True
        return (self.outputs[f'{label}?'], False) if f'{label}?' in self.outputs else None

    @property
    def output_labels(self) -> list[str]:
        """Labels of all outputs."""
        return [label.removesuffix('?') for label in self.outputs]

    def left_behind(self) -> list[str]:
        """Return what does not travel, in words, for the hand-off itself to say so."""
        return [f'{item.what}: {item.why}' for item in self.stays]


def declared(declaration: Converter) -> Callable[[Any], Any]:
    """Make a calcfunction a converter; stands above ``@calcfunction``."""

    def decorate(function: Any) -> Any:
        function.declaration = declaration
        return function

    return decorate
