"""Converters by name: the entry-point group ``crystalmath.converters``."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from aiida_crystalmath.workflows.multicode.converters.declaration import Converter
from aiida_crystalmath.workflows.protocols.merge import did_you_mean

__all__ = ('CONVERTERS_GROUP', 'ConverterError', 'converter_names', 'load_converter')

CONVERTERS_GROUP = 'crystalmath.converters'


class ConverterError(ValueError):
    """A converter that is not there, or is none."""


def _entries() -> dict[str, EntryPoint]:
    """Return the entry points of the group by name."""
    return {entry.name: entry for entry in entry_points(group=CONVERTERS_GROUP)}


def converter_names() -> list[str]:
    """Return the names of all converters that are installed."""
    return sorted(_entries())


def load_converter(name: str) -> tuple[Any, Converter]:
    """Return the calcfunction of a converter, and what it declares.

    :raises ConverterError: if there is none of the name, its package cannot be imported, or it declares nothing.
    """
    entries = _entries()
    if name not in entries:
        raise ConverterError(f'there is no converter "{name}": {did_you_mean(name, list(entries))}')
    try:
        function = entries[name].load()
    except (ImportError, AttributeError) as exception:
        raise ConverterError(f'the converter "{name}" cannot be loaded: {exception}') from exception
    declaration = getattr(function, 'declaration', None)
    if not isinstance(declaration, Converter) or not getattr(function, 'is_process_function', False):
        raise ConverterError(f'the converter "{name}" is no calcfunction that declares what travels')
    return function, declaration
