"""What a section reader is, and what it shares with the driver.

A section registers, by their start (five characters or more), the lines it wants; everything else costs it nothing. To
read a table it asks the driver for the lines that follow (:meth:`Context.capture`, or :meth:`Context.capture_rows` for
one with many alike rows). Sections never raise on bad text (the driver notes a line that cannot be read) and draw their
conclusions in :meth:`Section.finish`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from aiida_crystalmath.crystal.outputs.models import CrystalOutput

Handler = Callable[[str], None]
Capture = Callable[[str], bool]
Test = Callable[[str], object]
"""Tells rows by what is true of its answer, as the ``match`` of a pattern does."""

KEY_LENGTH = 5
"""Characters at the start of a line that choose its reader."""

READ_ERRORS = (ValueError, IndexError, KeyError, TypeError, AttributeError, ZeroDivisionError, OverflowError)
"""What reading a damaged text may raise; it costs the subject it stands in, never the others."""

MOST_ROWS = 1 << 18
"""Rows kept of one table; a longer one is given up."""
_FIRST_LOOK = 32


class Rows:
    """A capture that collects many lines at once: those ``is_row`` accepts; ``other`` reads any other, or ends it."""

    def __init__(self, rows: list[str], is_row: Test, other: Capture) -> None:
        """Keep where the rows go."""
        self.rows = rows
        self.is_row = is_row
        self.other = other

    def take(self, lines: list[str], position: int) -> int:
        """Collect rows from a position on, and return the position of the first line that is none."""
        rows, look, end = self.rows, _FIRST_LOOK, len(lines)
        if not self.is_row(lines[position]):
            return position
        while position < end and len(rows) < MOST_ROWS:
            window = lines[position : position + look]
            taken = list(takewhile(self.is_row, window))
            rows += taken
            position += len(taken)
            if len(taken) < len(window):
                break
            look *= 4
        return position

    def __call__(self, line: str) -> bool:
        """Read a line that is no row."""
        return len(self.rows) < MOST_ROWS and self.other(line)


@dataclass
class Context:
    """Where the reading stands; shared by the driver and the sections of one program.

    :param output: what is being filled.
    :param line: number of the current line, 1 is the first.
    :param stage: which program of the file this is.
    """

    output: CrystalOutput
    line: int = 0
    stage: int = -1
    captures: list[Capture] = field(default_factory=list)

    def capture(self, reader: Capture) -> None:
        """Give the following lines to ``reader`` until it returns False (that line is then read as usual).

        It may ask for another capture, which begins with the next line.
        """
        self.captures[:] = [reader]

    def capture_rows(self, rows: list[str], is_row: Test, other: Capture) -> None:
        """Collect the following lines that ``is_row`` accepts in ``rows``, and give any other to ``other``.

        As soon as that returns False the table is over, and the line is read as usual.
        """
        self.captures[:] = [Rows(rows, is_row, other)]


class Section:
    """One subject of the output."""

    def __init__(self, context: Context) -> None:
        """Keep the context."""
        self.context = context
        self.output = context.output

    def anchors(self) -> Mapping[str, Handler]:
        """Return the reader (a method of the section) of each line start: five characters or more, or a whole line."""
        raise NotImplementedError

    def finish(self) -> None:
        """Draw conclusions at the end of the text."""
