"""What a part of the frequency section is, and the run it fills."""

from __future__ import annotations

from collections.abc import Callable

from aiida_crystalmath.crystal.outputs.models import Frequencies
from aiida_crystalmath.crystal.outputs.sections.base import Capture, Context, Section, Test
from aiida_crystalmath.crystal.outputs.sections.messages import is_noise

Closed = Callable[[list[str]], None]


class Runs:
    """The frequency calculations of one program; a quasi-harmonic run has one for each volume.

    Only the first one and the current one are kept, so that many volumes take no memory.
    """

    def __init__(self, context: Context) -> None:
        """Start without a run."""
        self.context = context
        self.first: Frequencies | None = None
        self._current: Frequencies | None = None

    def start(self) -> Frequencies:
        """Start a run."""
        self._current = Frequencies()
        if self.first is None:
            self.first = self._current
        return self._current

    @property
    def known(self) -> Frequencies | None:
        """The run at hand, if its title was seen: other modules print some of the lines as well."""
        return self._current

    @property
    def current(self) -> Frequencies:
        """The run at hand; a table without the title of the module (a cut file) starts one."""
        return self._current if self._current is not None else self.start()

    @property
    def chosen(self) -> Frequencies | None:
        """The first run, complete or not."""
        return self.first


class Part(Section):
    """One subject of the section.

    :param context: shared with the driver.
    :param runs: whose current run is filled.
    """

    def __init__(self, context: Context, runs: Runs) -> None:
        """Keep what is shared."""
        super().__init__(context)
        self.runs = runs

    def capture(self, reader: Capture) -> None:
        """Give the following lines to ``reader`` until it returns False, but not what the machine prints in between."""
        self.context.capture(lambda line: is_foreign(line) or reader(line))

    def collect(self, is_row: Test, closed: Closed) -> None:
        """Collect the following rows, after blank lines, and hand them over at the first line that is none.

        A table the text stops in is never handed over. Each row starts with a blank.
        """
        rows: list[str] = []

        def other(line: str) -> bool:
            if is_foreign(line):
                return True
            if not rows and not line.strip():
                return True
            if not is_end_by_force(line):
                closed(rows)
            return False

        self.context.capture_rows(rows, is_row, other)


def is_foreign(line: str) -> bool:
    """Say whether a line inside a table is the machine's, and harmless: CRYSTAL starts its tables' lines with a blank.

    A line that tells of trouble (a signal, the batch system) does end the table.
    """
    return line[:1] > ' ' and not is_noise(line)


def is_end_by_force(line: str) -> bool:
    """Say whether a table that ends here was cut by what the machine tells."""
    return line[:1] > ' '
