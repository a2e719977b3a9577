"""Ports of processes by dotted names: whether they are there, what types they take, and whether two fit."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from aiida.engine import Process
from aiida.engine.processes.ports import PortNamespace

from aiida_crystalmath.workflows.protocols.merge import did_you_mean

__all__ = ('PortError', 'find_port', 'fits', 'known_ports', 'load_process', 'missing_ports', 'type_names', 'walk')

Types = tuple[type, ...]

EXTRAS = {'quantumespresso.': 'qe', 'vasp.': 'vasp', 'pseudo.': 'qe'}
"""Extra of this package that brings entry points of a prefix."""


class PortError(ValueError):
    """A port or process that is not there, or does not fit."""


def load_process(name: str) -> Any:
    """Return the process class of an entry point (with or without its group), or of ``module:Class``.

    :raises PortError: if there is none.
    """
    from aiida.common.exceptions import EntryPointError
    from aiida.plugins import CalculationFactory, WorkflowFactory

    group, colon, rest = name.partition(':')
    if colon and not group.startswith('aiida.'):
        try:
            found = getattr(importlib.import_module(group), rest)
        except (ImportError, AttributeError) as exception:
            raise PortError(f'{name} cannot be loaded: {exception}') from exception
        if not (inspect.isclass(found) and issubclass(found, Process)):
            raise PortError(f'{name} is no process class')
        return found
    for factory, its in ((WorkflowFactory, 'aiida.workflows'), (CalculationFactory, 'aiida.calculations')):
        if colon and group != its:
            continue
        try:
            return factory(rest if colon else name)
        except EntryPointError:
            continue
        except ImportError as exception:
            raise PortError(f'{name} cannot be imported: {exception}{_extra(rest or name)}') from exception
    raise PortError(f'there is no work chain or calculation "{name}"{_extra(rest or name)}')


def _extra(name: str) -> str:
    """Return which extra brings a process, after a message that it is not there."""
    extra = next((extra for prefix, extra in EXTRAS.items() if name.startswith(prefix)), None)
    return '' if extra is None else f'; it comes with: pip install "aiida-crystalmath[{extra}]"'


def find_port(ports: Any, path: str) -> Any:
    """Return a port, or the dynamic namespace that would take it.

    :raises PortError: if there is none; the message has the nearest names.
    """
    place = ports
    for part in path.split('.'):
        if not isinstance(place, PortNamespace):
            raise PortError(f'there is no port "{path}": "{part}" is below a port that is no namespace')
        if part not in place:
            # The core makes namespaces of processes dynamic, ports or not: those with ports are meant as they are.
            if place.dynamic and (not len(place) or place.valid_type is not None):
                return place
            raise PortError(f'there is no port "{path}": {did_you_mean(part, list(place))}')
        place = place[part]
    return place


def types_of(port: Any) -> Types:
    """Return the types that a port takes; empty: anything."""
    valid = port.valid_type
    if valid is None:
        return ()
    found = valid if isinstance(valid, tuple) else (valid,)
    return tuple(one for one in found if isinstance(one, type) and one is not type(None))


def type_names(types: Types) -> str:
    """Return types in words."""
    return ' or '.join(one.__name__ for one in types) or 'anything'


def fits(given: Types, taken: Types) -> bool:
    """Tell whether what is given can be what is taken: one is a kind of the other."""
    given = tuple(one for one in given if one is not dict)
    taken = tuple(one for one in taken if one is not dict)
    if not given or not taken:
        return True
    return any(issubclass(one, other) or issubclass(other, one) for one in given for other in taken)


def walk(inputs: Mapping[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Give the dotted name of every value in nested inputs, and the value."""
    for key, value in inputs.items():
        path = f'{prefix}{key}'
        if isinstance(value, Mapping):
            yield from walk(value, f'{path}.')
        else:
            yield path, value


def missing_ports(ports: Any, given: Mapping[str, Any], handed: Collection[str], prefix: str = '') -> list[str]:
    """Return the required inputs that are neither given nor handed.

    :param given: nested.
    :param handed: dotted names.
    """
    missing: list[str] = []
    for name, port in ports.items():
        path = f'{prefix}{name}'
        if isinstance(port, PortNamespace):
            below = [one for one in handed if one == path or one.startswith(f'{path}.')]
            inside = given.get(name) or {}
            if path not in handed and (port.required or inside or below):
                missing += missing_ports(port, inside, handed, f'{path}.')
        elif name in given or path in handed or port.has_default():
            continue
        elif port.required or (name == 'code' and 'remote_folder' not in given and _is_of_job(ports)):
            missing.append(path)
    return missing


def _is_of_job(ports: Any) -> bool:
    """Tell whether a namespace has the inputs of a calculation job, whose code is needed though its port is not."""
    metadata = ports.get('metadata')
    return isinstance(metadata, PortNamespace) and 'options' in metadata


def known_ports(ports: Any, prefix: str = '') -> list[str]:
    """Return the dotted names of all ports that are no namespaces."""
    found: list[str] = []
    for name, port in ports.items():
        path = f'{prefix}{name}'
        found += known_ports(port, f'{path}.') if isinstance(port, PortNamespace) else [path]
    return found
