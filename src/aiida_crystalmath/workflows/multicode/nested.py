"""Nested inputs: nodes apart from plain values, put together again, and set by a dotted name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiida import orm

__all__ = ('get_at', 'laid_over', 'set_at', 'split')


def split(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the nodes of nested inputs, and the plain values; namespaces in which nothing is left are left out.

    :raises ValueError: for a plain value that cannot be written as JSON.
    """
    nodes: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for key, value in inputs.items():
        if isinstance(value, orm.Node):
            nodes[key] = value
        elif isinstance(value, Mapping):
            inner_nodes, inner_plain = split(value)
            if inner_nodes:
                nodes[key] = inner_nodes
            if inner_plain:
                plain[key] = inner_plain
        elif value is not None:
            try:
                plain[key] = json.loads(json.dumps(value))
            except TypeError as exception:
                raise ValueError(f'"{key}" is {type(value).__name__}: neither a node nor a plain value') from exception
    return nodes, plain


def laid_over(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``other`` laid over it, mapping by mapping; neither is modified."""
    joined = {key: laid_over(value, {}) if _is_mapping(value) else value for key, value in base.items()}
    for key, value in other.items():
        below: Any = joined.get(key)
        joined[key] = laid_over(below if _is_mapping(below) else {}, value) if _is_mapping(value) else value
    return joined


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and not isinstance(value, orm.Node)


def set_at(inputs: dict[str, Any], path: str, value: Any) -> None:
    """Set a value by its dotted name; namespaces are made."""
    *spaces, last = path.split('.')
    place = inputs
    for space in spaces:
        place = place.setdefault(space, {})
    place[last] = value


def get_at(inputs: Mapping[str, Any], path: str) -> Any:
    """Return a value or namespace by its dotted name, ``None`` if it is not there."""
    place: Any = inputs
    for part in path.split('.'):
        if not isinstance(place, Mapping) or part not in place:
            return None
        place = place[part]
    return place
