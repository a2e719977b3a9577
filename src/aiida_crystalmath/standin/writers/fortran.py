"""Numbers as Fortran prints them, and the ruled lines of CRYSTAL's output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

RULE = ' ' + '*' * 79
"""CRYSTAL's separating line."""


def scientific(value: float, width: int, digits: int) -> str:
    """Format as ``1P,E<width>.<digits>``: one digit before the point (``-2.712181437493E+02``).

    A value that does not fit is printed as asterisks, as Fortran does.
    """
    if not np.isfinite(value):
        return str(value).rjust(width)[:width]
    text = f'{value:.{digits}E}'
    mantissa, exponent = text.split('E')
    if len(exponent) > 3:
        text = f'{mantissa}{exponent}'
    return text.rjust(width) if len(text) <= width else '*' * width


def zero_scientific(value: float, width: int, digits: int) -> str:
    """Format as ``E<width>.<digits>``: a zero before the point (``0.212010964718E+01``)."""
    if value == 0.0 or not np.isfinite(value):
        return f'{0.0 if value == 0.0 else value:.{digits}f}E+00'.rjust(width)
    mantissa, exponent = f'{value:.{digits - 1}E}'.split('E')
    sign = '-' if mantissa.startswith('-') else ''
    text = f'{sign}0.{mantissa.lstrip("-").replace(".", "")}E{int(exponent) + 1:+03d}'
    return text.rjust(width) if len(text) <= width else '*' * width


def fixed(value: float, width: int, digits: int) -> str:
    """Format as ``F<width>.<digits>``, asterisks when it does not fit."""
    text = f'{value:.{digits}f}'
    return text.rjust(width) if len(text) <= width else '*' * width


def integers(values: Iterable[int], width: int) -> str:
    """Format integers in equal columns."""
    return ''.join(f'{int(value):{width}d}' for value in values)


def rows(items: Sequence[str], per_line: int, first: str = '', other: str | None = None) -> list[str]:
    """Break already formatted items into lines.

    :param first: text before the first line.
    :param other: text before the following lines (default: as many blanks).
    """
    blank = ' ' * len(first) if other is None else other
    chunks = [items[start : start + per_line] for start in range(0, len(items), per_line)] or [()]
    return [(first if index == 0 else blank) + ''.join(chunk) for index, chunk in enumerate(chunks)]


def clean(values: np.ndarray, threshold: float = 1e-13) -> np.ndarray:
    """Return a copy whose noise around zero is exactly zero (no ``-0.00`` in tables)."""
    result = np.array(values, dtype=float)
    result[np.abs(result) < threshold] = 0.0
    return result
