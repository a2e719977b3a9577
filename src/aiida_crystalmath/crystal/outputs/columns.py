"""Tables of fixed columns, converted at once: several times faster than row by row."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.outputs.models import Array

Characters = NDArray[np.uint8]
"""The characters of rows of equal length, shape (n_rows, length)."""


def characters(rows: Sequence[str]) -> Characters | None:
    """Return the characters of rows, None if there are none, or their lengths differ, or they hold others than text."""
    lengths = set(map(len, rows))
    text = ''.join(rows)
    if len(lengths) != 1 or not text or not text.isascii() or '\0' in text:
        return None
    return np.frombuffer(text.encode(), np.uint8).reshape(len(rows), -1)


def numbers_at(table: Characters, start: int, width: int, count: int = 1) -> Array | None:
    """Return the numbers of columns that follow each other, shape (n_rows, count).

    :returns: None if the columns are not there, or one of them holds anything but a finite number.
    """
    end = start + width * count
    if table.shape[1] < end:
        return None
    fields = np.ascontiguousarray(table[:, start:end]).view(f'S{width}')
    try:
        values = fields.astype(np.float64)
    except ValueError:
        return None
    return values if isfinite(values.sum()) else None
