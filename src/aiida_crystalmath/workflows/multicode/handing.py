"""Carrying a hand-off out: its inputs from what steps left, the converter, and the checks of what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiida import orm

from aiida_crystalmath.workflows.multicode.checks import keyword_input
from aiida_crystalmath.workflows.multicode.converters.declaration import Converter, Severity
from aiida_crystalmath.workflows.multicode.converters.registry import load_converter
from aiida_crystalmath.workflows.multicode.plan import Handoff

__all__ = ('HandoffError', 'failed_checks', 'gather', 'nested_at', 'severity_of')


class HandoffError(ValueError):
    """A hand-off that could not be made; the message says why."""


def nested_at(nodes: Mapping[str, Any], path: str) -> Any:
    """Return the node of a dotted name among nodes by link label, or those of a namespace; else ``None``."""
    label = path.replace('.', '__')
    if label in nodes:
        return nodes[label]
    found: dict[str, Any] = {}
    for name, node in nodes.items():
        if name.startswith(f'{label}__'):
            place = found
            *spaces, last = name.removeprefix(f'{label}__').split('__')
            for space in spaces:
                place = place.setdefault(space, {})
            place[last] = node
    return found or None


def gather(handoff: Handoff, constants: Mapping[str, Any], at: Callable[[str], Any]) -> dict[str, Any]:
    """Return the inputs of a converter.

    :param constants: those that the plan gives.
    :param at: what a text with references names, ``None`` if it is not there.
    :raises HandoffError: if something that is needed is not there.
    """
    assert handoff.converter is not None
    function, _ = load_converter(handoff.converter)
    ports, several = function.spec().inputs, keyword_input(function)
    inputs: dict[str, Any] = {}
    for name, value in constants.items():
        inputs |= dict(value) if name == several else {name: value}
    for name, text in handoff.take.items():
        value = at(text)
        if name == several:
            inputs |= dict(value or {})
        elif value is not None:
            inputs[name] = value
        elif ports[name].required:
            raise HandoffError(f'{handoff.converter} needs {text}, which is not there')
    return inputs


def severity_of(handoff: Handoff, name: str, default: Severity) -> Severity:
    """Return what a check that is not passed does, as the plan says or as declared."""
    if isinstance(handoff.validation, dict):
        return handoff.validation.get(name, default)
    return handoff.validation or default


def failed_checks(
    handoff: Handoff, declaration: Converter, outputs: Mapping[str, orm.Data]
) -> dict[str, dict[str, str]]:
    """Return the checks that what came out does not pass: ``severity`` and ``reason`` by name."""
    failed = {}
    for check in declaration.checks:
        severity = severity_of(handoff, check.name, check.severity)
        reason = None if severity == 'off' else check.find(outputs)
        if reason is not None:
            failed[check.name] = {'severity': severity, 'reason': reason}
    return failed
