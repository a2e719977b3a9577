"""Fields of dataclasses that carry their own documentation, and the plain values JSON can hold."""

from __future__ import annotations

import math
from dataclasses import field, fields, is_dataclass
from typing import Any

import numpy as np


def said(meaning: str, unit: str = '', many: bool = False) -> Any:
    """Return a documented field, None (or an empty list) unless the file says something.

    :param meaning: words for the reference page, Markdown.
    :param unit: empty for text, flags and counts.
    :param many: a list, which is never null.
    """
    metadata = {'meaning': meaning, 'unit': unit}
    return field(default_factory=list, metadata=metadata) if many else field(default=None, metadata=metadata)


def part(kind: type[Any], meaning: str) -> Any:
    """Return a documented field that is an object of its own and never null."""
    return field(default_factory=kind, metadata={'meaning': meaning, 'unit': ''})


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: arrays and tuples as lists, objects as dicts, NaN and infinity as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    raise TypeError(f'{type(value).__name__} is no plain value')
