"""The lines of a text in batches: fast, and in bounded memory whatever the text is.

A file may be a gigabyte long, or have a line that never ends (binary data, a run of NUL bytes): lines are cut at
:data:`LONGEST` characters. The last line of a file whose newline is missing may be half a line, and is given apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TextIO

LONGEST = 1 << 16
"""Longest line that is kept whole, in characters; a table of CRYSTAL is 80 to 200 wide."""

_CHUNK = 1 << 18
_COUNT = 4096


class Batches:
    """Iterate over lists of lines without their newline; a stray carriage return becomes a blank.

    :ivar tail: after the iteration, what followed the last newline; it may be cut.
    """

    def __init__(self, source: TextIO | Iterable[str]) -> None:
        """Take a text file, or lines (with or without newline; lines without any are whole lines)."""
        self.source = source
        self.tail = ''

    def __iter__(self) -> Iterator[list[str]]:
        """Give batches."""
        read = getattr(self.source, 'read', None)
        if read is None:
            yield from self._from_lines()
            return
        while chunk := read(_CHUNK):
            if '\r' in chunk:
                chunk = chunk.replace('\r\n', '\n').replace('\r', ' ')
            lines = chunk.split('\n')
            if self.tail:
                lines[0] = self.tail + lines[0]
            self.tail = lines.pop()[:LONGEST]
            if lines:
                lines[0] = lines[0][:LONGEST]
                yield lines

    def _from_lines(self) -> Iterator[list[str]]:
        """Give batches of given lines; only where lines have newlines the lack of the last one tells something."""
        lines = iter(self.source)
        previous = ''
        while batch := list(islice(lines, _COUNT)):
            last = batch[-1]
            if not last.endswith('\n') and (batch[-2] if len(batch) > 1 else previous).endswith('\n'):
                self.tail = batch.pop()
            previous = last
            yield [line.rstrip('\r\n')[:LONGEST] for line in batch]
