"""Long tables of blank-separated numbers, converted in one go."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array

_CHUNK = 1 << 14
"""Lines converted at once."""
_FERMI_DECIMALS = 5
_SHORT_EXPONENT = re.compile(r'(\d)([-+]\d{3})(?=\s|$)')


def read_rows(rows: Sequence[tuple[int, str]], count: int, where: str) -> Array:
    """Return the ``count`` numbers of numbered lines; see :func:`read_numbers`."""
    if not rows:
        raise OutputFileError('there is no row of numbers', where)
    try:
        return read_numbers([line for _, line in rows], count, where, rows[0][0])
    except OutputFileError:
        # Comments between the rows: the line to blame is found by its own number.
        for number, line in rows:
            read_numbers([line], len(line.split()), where, number)
        raise


def read_numbers(lines: Sequence[str], count: int, where: str, first_line: int) -> Array:
    """Return the ``count`` numbers of the lines, shape (count,).

    :param where: kind of file, for the error.
    :param first_line: number of the first line in the file, for the error.
    :raises OutputFileError: there are fewer or more, or a word is no number.
    """
    last_line = first_line + len(lines) - 1
    if count > sum(map(len, lines)):
        # Also keeps a garbled header from asking for more memory than there is.
        raise OutputFileError(f'{count} numbers expected, the text has fewer characters', where, last_line)
    values = np.empty(count)
    filled = 0
    first = last = ''
    # In chunks: a list of words takes ten times the memory of the numbers.
    for start in range(0, len(lines), _CHUNK):
        words = ' '.join(lines[start : start + _CHUNK]).split()
        if not words:
            continue
        try:
            found = np.array(words, dtype=np.float64)
        except ValueError:
            found = _read_slowly(lines[start : start + _CHUNK], where, first_line + start)
        first, last = first or words[0], words[-1]
        values[filled : filled + found.size] = found[: max(count - filled, 0)]
        filled += found.size
    if filled != count:
        raise OutputFileError(f'{count} numbers expected, {filled} found', where, last_line)
    if count > 1 and _decimals(last) < _decimals(first):
        raise OutputFileError(f'the last number is cut: {last}', where, last_line)
    return values


def read_fermi(word: str, where: str, line: int, *, at_end: bool) -> float:
    """Return the Fermi energy that ends a table of properties (``# EFERMI (HARTREE)   -0.15202``, five decimals).

    :param at_end: the line is the last one and has no newline, so that digits may be missing.
    :raises OutputFileError: it is no number, or digits are missing.
    """
    try:
        value = float(word)
    except ValueError as exc:
        raise OutputFileError(f'the Fermi energy cannot be read ({word})', where, line) from exc
    if at_end and _decimals(word) < _FERMI_DECIMALS:
        raise OutputFileError(f'the Fermi energy is cut: {word}', where, line)
    return value


def _decimals(word: str) -> int:
    """Return the characters after the point, equal for all numbers of one Fortran format."""
    return len(word.partition('.')[2])


def _read_slowly(lines: Sequence[str], where: str, first_line: int) -> Array:
    """Read line by line: exponents without E or with D, and words that are no numbers."""
    found: list[float] = []
    for number, line in enumerate(lines, start=first_line):
        try:
            found.extend(float(word) for word in _SHORT_EXPONENT.sub(r'\1E\2', line.replace('D', 'E')).split())
        except ValueError as exc:
            raise OutputFileError(f'a number cannot be read ({exc})', where, number) from exc
    return np.array(found, dtype=np.float64)
