"""Merging and checking of nested inputs: plain dictionaries against the ports of a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida.engine.processes.ports import PortNamespace

META_INPUTS = 'meta_inputs'
"""Key of a protocol for settings of the builder that are not ports."""

__all__ = ('META_INPUTS', 'check_keys', 'did_you_mean', 'merge')


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes`` laid over it, mapping by mapping; neither is modified.

    Mappings merge; anything else, lists as well, is replaced.
    """
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(old, value)
        else:
            merged[key] = merge({}, value) if isinstance(value, Mapping) else value
    return merged


def did_you_mean(word: str, known: Iterator[str] | list[str]) -> str:
    """Return a sentence that helps after a wrong ``word``: the nearest known ones, or all of them."""
    words = sorted(known)
    if not words:
        return 'nothing can be set here.'
    close = get_close_matches(word, words, n=3, cutoff=0.5)
    if close:
        return 'did you mean ' + ' or '.join(f'"{item}"' for item in close) + '?'
    return 'known are: ' + ', '.join(f'"{item}"' for item in words) + '.'


def check_keys(
    changes: Mapping[str, Any], ports: PortNamespace, *, meta: Mapping[str, Any] | None = None, where: str = 'overrides'
) -> None:
    """Check that every key of ``changes`` is a port, or a known setting below ``meta_inputs``.

    Settings below ``meta_inputs`` of a namespace are left to the protocol of the work chain that the namespace is for.

    :param changes: nested overrides of a protocol.
    :param ports: input namespace of the process they are for.
    :param meta: the protocol's ``meta_inputs``; ``None`` does not check them.
    :param where: name of the mapping, for the message.
    :raises ValueError: naming the key, where it stands, and the nearest known names.
    """
    from aiida.engine.processes.ports import PortNamespace

    for key, value in changes.items():
        if key == META_INPUTS:
            if meta is not None:
                _check_meta(value, meta, where)
            continue
        if key not in ports:
            if ports.dynamic and not len(ports):  # the core makes namespaces of processes dynamic, ports or not
                continue
            raise ValueError(f'unknown key "{key}" in {where}: {did_you_mean(key, [*ports, META_INPUTS])}')
        port = ports[key]
        if isinstance(port, PortNamespace):
            if not isinstance(value, Mapping):
                raise ValueError(f'{where}.{key} is a namespace: give a mapping, not {value!r}.')
            check_keys(value, port, where=f'{where}.{key}')


def _check_meta(value: Any, meta: Mapping[str, Any], where: str) -> None:
    if not isinstance(value, Mapping):
        raise ValueError(f'{where}.{META_INPUTS} must be a mapping, not {value!r}.')
    for key in value:
        if key not in meta:
            raise ValueError(f'unknown key "{key}" in {where}.{META_INPUTS}: {did_you_mean(str(key), list(meta))}')
