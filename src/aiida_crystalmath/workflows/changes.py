"""What differs between the inputs of two runs, by CRYSTAL's names: the words of ``recovery_report``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

__all__ = ('changes', 'snapshot')


def snapshot(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may change between runs as flat plain data: name of the input -> value.

    Keywords have CRYSTAL's names (``FMIXING``, ``OPTGEOM RESTART``), options of the scheduler AiiDA's, nodes stand for
    themselves by their uuid.
    """
    flat: dict[str, Any] = {}
    parameters = inputs.get('parameters')
    if isinstance(parameters, Mapping):
        for block, content in parameters.items():
            flat.update(_flat(block, content))
    for name, value in ((inputs.get('metadata') or {}).get('options') or {}).items():
        flat.update({f'{name}.{key}': item for key, item in value.items()} if name == 'resources' else {name: value})
    for name in ('structure', 'parent_folder', 'restart_folder'):
        if inputs.get(name) is not None:
            flat[name] = str(inputs[name].uuid)
    settings = inputs.get('settings')
    if settings is not None:
        flat.update({f'settings.{key}': value for key, value in settings.get_dict().items()})
    return deepcopy(flat)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what differs between two snapshots: name -> ``{'old': ..., 'new': ...}``; absent is null."""
    names = dict.fromkeys([*before, *after])
    return {
        name: {'old': before.get(name), 'new': after.get(name)}
        for name in names
        if not _same(before.get(name), after.get(name))
    }


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values mean the same to CRYSTAL: a flag that is absent is not set."""
    return one == other or {one is None or one is False, other is None or other is False} == {True}


def _flat(block: str, content: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keywords of a block of the parameters."""
    if not isinstance(content, Mapping):
        yield block.upper(), content
        return
    for key, value in content.items():
        if block == 'scf':
            yield key.upper(), dict(value) if isinstance(value, Mapping) else value
        elif isinstance(value, Mapping):
            yield from ((f'{key} {name}'.upper(), item) for name, item in value.items())
            yield key.upper(), True
        else:
            yield f'{block} {key}'.upper(), value
