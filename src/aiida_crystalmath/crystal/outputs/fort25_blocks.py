"""The blocks of fort.25 (formatted Fortran unit 25), whatever they hold.

Every block has a header ``-%-`` IHFERM(I1) TYPE(A4) NROW(I5) NCOL(I5) and three numbers (3E12.5), two lines that depend
on the type, and NROW*NCOL values (6E12.5, columns glued), the first index running fastest. Source: CRYSTAL23 user
manual, appendix D "Format of unit 25", checked on the real files of the test corpus.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array

FILE = 'fort.25'
WIDTH = 12
"""Columns of a number."""

_PER_LINE = 6
_SHORT_EXPONENT = re.compile(r'(\d)([-+]\d{3})$')


@dataclass(frozen=True)
class Block:
    """One block.

    :param kind: BAND, DOSS, COOP, COHP, PDOS, MAPN, PROF ...
    :param flag: IHFERM; odd means open shell, 2 and 3 mean conducting.
    :param numbers: the three numbers of the header.
    :param head: the two lines below the header.
    :param values: NROW*NCOL numbers in the order of the file, shape (n_columns, n_rows).
    :param tail: lines between the values and the next header.
    :param line: number of the header line, 1 is the first.
    """

    kind: str
    flag: int
    n_rows: int
    n_columns: int
    numbers: tuple[float, float, float]
    head: tuple[str, str]
    values: Array
    tail: list[str]
    line: int

    @property
    def open_shell(self) -> bool:
        """Whether the file says two spins."""
        return self.flag in (1, 3)

    @property
    def conducting(self) -> bool:
        """Whether the file says a conductor."""
        return self.flag in (2, 3)


def file_lines(text: str) -> list[str]:
    """Return the lines of a file; form feeds and other odd characters end no line, as they end none in Fortran."""
    return [line.rstrip('\r') for line in text.split('\n')]


def read_blocks(text: str, kinds: Collection[str]) -> Iterator[Block]:
    """Yield the blocks of some kinds, in order.

    :raises OutputFileError: a block is cut or not readable.
    """
    lines = file_lines(text)
    starts = [number for number, line in enumerate(lines) if line.startswith('-%-')]
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        if lines[start][4:8] in kinds:
            yield _read_block(lines, start, end)


def _read_block(lines: list[str], start: int, end: int) -> Block:
    """Read the block of the lines from ``start`` to ``end`` (0 is the first line)."""
    header = lines[start]
    try:
        flag, n_rows, n_columns = int(header[3]), int(header[8:13]), int(header[13:18])
        first, second, third = (float(word) for word in fixed_columns(header[18:], 3))
        head = (lines[start + 1], lines[start + 2])
        if n_rows < 1 or n_columns < 1:
            raise ValueError('it announces no values')
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the header of a block cannot be read ({exc})', FILE, start + 1) from exc
    n_lines = -(-n_rows * n_columns // _PER_LINE)
    values = read_values(lines[start + 3 : min(start + 3 + n_lines, end)], n_rows * n_columns, start + 4)
    return Block(
        kind=header[4:8],
        flag=flag,
        n_rows=n_rows,
        n_columns=n_columns,
        numbers=(first, second, third),
        head=head,
        values=values.reshape(n_columns, n_rows),
        tail=lines[start + 3 + n_lines : end],
        line=start + 1,
    )


def fixed_columns(line: str, count: int, width: int = WIDTH) -> list[str]:
    """Return ``count`` numbers of ``width`` columns, the E put where Fortran left it out (-9.28819-311).

    :raises ValueError: the line is too short.
    """
    words = [line[width * i : width * (i + 1)] for i in range(count)]
    if not words[-1].strip():
        raise ValueError('the line is cut')
    return [_SHORT_EXPONENT.sub(r'\1E\2', word) for word in words]


def read_values(lines: list[str], count: int, first_line: int) -> Array:
    """Read ``count`` numbers of 12 columns, six a line.

    :param first_line: number of the first line in the file, for the error.
    :raises OutputFileError: numbers are missing or unreadable.
    """
    glued = ''.join(lines) if all(len(line) == _PER_LINE * WIDTH for line in lines[:-1]) else ''
    if len(glued.rstrip()) == count * WIDTH and glued.isascii():
        # All columns are full, as in nearly every file: one conversion for the block.
        words = np.frombuffer(glued.rstrip().encode('ascii'), dtype=f'S{WIDTH}')
        try:
            return words.astype(np.float64)
        except ValueError:
            pass  # looked at line by line below
    return _read_slowly(lines, count, first_line)


def _read_slowly(lines: list[str], count: int, first_line: int) -> Array:
    """Read values line by line: cut files, three-digit exponents, values that are no numbers."""
    found: list[float] = []
    for number, padded in enumerate(lines, start=first_line):
        line = padded.rstrip()
        words = [line[i : i + WIDTH] for i in range(0, len(line), WIDTH)]
        try:
            found.extend(float(_SHORT_EXPONENT.sub(r'\1E\2', word)) for word in words)
        except ValueError as exc:
            raise OutputFileError(f'a value of the block cannot be read ({exc})', FILE, number) from exc
        # A line that stops within its last number leaves a shorter, wrong one.
        if words and len(words[-1]) != WIDTH:
            raise OutputFileError('the line stops within a number', FILE, number)
    if len(found) != count:
        raise OutputFileError(f'the block announces {count} values but has {len(found)}', FILE, first_line)
    return np.array(found, dtype=np.float64)
