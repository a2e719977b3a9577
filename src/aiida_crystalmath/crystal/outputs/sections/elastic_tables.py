"""The tables ELASTCON prints between bars: columns of nine characters without blanks between them, upper triangles.

Facts: ``|  248.7824-108.0635-108.0635   0.0000 ...|`` (CRYSTAL17), one to six rows by dimensionality (CRYSTAL22).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Array, ElasticModuli
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context

_WIDTH = 9
_SIZES = (1, 3, 6)
_NAMES = {
    'K_V': 'bulk_voigt_gpa',
    'K_R': 'bulk_reuss_gpa',
    'K_H': 'bulk_hill_gpa',
    'G_V': 'shear_voigt_gpa',
    'G_R': 'shear_reuss_gpa',
    'G_H': 'shear_hill_gpa',
    'E_H': 'young_hill_gpa',
    'v_H': 'poisson_hill',
}
_BLANKS = 4
"""Blank lines that may stand between a title and its table."""


def content(row: str) -> str:
    """Return what stands between the bars, without the blank that belongs to each of them."""
    text = row.strip()
    if len(text) < 2 or not (text.startswith('|') and text.endswith('|')):
        return ''
    return text[1:-1].removeprefix(' ').removesuffix(' ')


def cells(row: str, count: int) -> list[float] | None:
    """Return ``count`` numbers of a row, NaN for asterisks; None if it does not hold exactly that many.

    Cells left of the diagonal are blank and do not count.
    """
    text = content(row)
    if len(text) % _WIDTH == 0:
        fields = [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
        filled = [field for field in fields if not field.isspace()]
        values = [float('nan') if set(field.strip()) == {'*'} else number(field) for field in filled]
        known = [value for value in values if value is not None]
        if len(known) == len(values) == count:
            return known
    loose = numbers(text)
    return loose if len(loose) == count and '*' not in text else None


def triangle(rows: list[str]) -> Array | None:
    """Return the full symmetric matrix of an upper triangle, None if rows are missing or damaged.

    A row printed twice counts once: no two rows begin at the same column.
    """
    rows = [row for before, row in pairwise(('', *rows)) if row != before]
    size = len(rows)
    if size not in _SIZES:
        return None
    matrix = np.zeros((size, size))
    for i, row in enumerate(rows):
        values = cells(row, size - i)
        if values is None:
            return None
        matrix[i, i:] = values
        matrix[i:, i] = values
    return matrix


def square(rows: list[str]) -> Array | None:
    """Return the matrix of rows of equal length (a strain), None if it is none."""
    values = [numbers(row.strip().strip('|')) for row in rows]
    if not values or any(len(row) != len(values) for row in values):
        return None
    return np.array(values)


def moduli(names: list[str], line: str) -> ElasticModuli | None:
    """Return the averages of a line of numbers, None if it does not have one for each name."""
    words = line.split()
    if len(words) != len(names) and len(line) == 8 * len(names):
        words = [line[start : start + 8] for start in range(0, len(line), 8)]
    if len(words) != len(names):
        return None
    return ElasticModuli(
        **{_NAMES[name]: number(word) for name, word in zip(names, words, strict=True) if name in _NAMES}
    )


def capture_bars(context: Context, take: Callable[[list[str]], None]) -> None:
    """Read the rows between bars that follow, after up to four blank lines; ``take`` gets them once they have ended.

    A table the text stops in is not taken, one that another line interrupts neither reaches its size in
    :func:`triangle`.
    """
    rows: list[str] = []
    blanks = 0

    def row(line: str) -> bool:
        nonlocal blanks
        if line.lstrip().startswith('|'):
            rows.append(line)
            return len(rows) <= 2 * max(_SIZES)
        if rows:
            take(rows)
            return False
        blanks += 1
        return not line.strip() and blanks <= _BLANKS

    context.capture(row)
