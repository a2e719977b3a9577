"""The frame of a CRYSTAL output: banner, start, timing lines, errors and termination.

The banner keeps CRYSTAL's box and the version token that parsers look for, and says in its first lines that the program
is a stand-in. None of CRYSTAL's authors is named: they did not write this.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TextIO

from .fortran import RULE, fixed

_WIDTH = 77
_BANNER = (
    '',
    'STAND-IN (PySCF) - NOT CRYSTAL'.center(_WIDTH),
    'CRYSTAL23'.center(_WIDTH),
    'public : STAND-IN OF AIIDA-CRYSTALMATH, {release}'.center(_WIDTH),
    '',
    'THIS PROGRAM WRITES FILES IN THE FORMAT OF CRYSTAL23. IT IS NOT CRYSTAL AND'.center(_WIDTH),
    'CONTAINS NOTHING OF IT. ITS NUMBERS COME FROM GAUSSIAN-BASIS HARTREE-FOCK'.center(_WIDTH),
    'AND DENSITY-FUNCTIONAL THEORY BY PYSCF AND DIFFER FROM THOSE OF CRYSTAL:'.center(_WIDTH),
    'DO NOT PUBLISH THEM AS CRYSTAL RESULTS.'.center(_WIDTH),
    '',
    # Parsers recognise an output by these words in this column; the authors here are those of PySCF.
    ' ' * 30 + 'MAIN AUTHORS OF PYSCF',
    'Q. SUN ET AL., J. CHEM. PHYS. 153, 024109 (2020)'.center(_WIDTH),
    '',
)


class Clock:
    """Wall and CPU time since the program started."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def wall_s(self) -> float:
        """Return the wall time in seconds."""
        return time.perf_counter() - self._wall

    def cpu_s(self) -> float:
        """Return the CPU time in seconds."""
        return time.process_time() - self._cpu


class Output:
    """A stream of CRYSTAL-like text, flushed after every block: a killed run leaves what it had reached.

    :param stream: where to write.
    :param clock: gives the times of the ``TTTT`` lines.
    """

    def __init__(self, stream: TextIO, clock: Clock | None = None) -> None:
        self._stream = stream
        self.clock = clock or Clock()

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines and flush."""
        for line in lines:
            self._stream.write(line + '\n')
        self._stream.flush()

    def line(self, text: str = '') -> None:
        """Write one line and flush."""
        self.lines((text,))

    def timing(self, label: str) -> None:
        """Write a ``TTTT`` line."""
        self.line(timing_line(label, self.clock.wall_s(), self.clock.cpu_s()))

    def information(self, routine: str, message: str) -> None:
        """Write an ``INFORMATION ****`` line."""
        self.line(f' INFORMATION **** {routine} **** {message}')

    def start(self, release: str) -> None:
        """Write the banner and the starting line."""
        self.lines(banner(release))
        self.line(f' EEEEEEEEEE STARTING  DATE {_date()}')

    def terminate(self) -> None:
        """Write the end of a run that reached it."""
        self.timing('END')
        self.line(f' EEEEEEEEEE TERMINATION  DATE {_date()}')

    def error(self, routine: str, message: str) -> str:
        """Write a fatal error and return its line, which also belongs in fort.87."""
        line = error_line(routine, message)
        self.line(line)
        self.timing('ERR')
        return line


def banner(release: str) -> list[str]:
    """Return the lines of the banner; ``release`` is the version of this package."""
    box = [' *' + text.format(release=release).ljust(_WIDTH)[:_WIDTH] + '*' for text in _BANNER]
    return [' ', RULE, *box, RULE]


def error_line(routine: str, message: str) -> str:
    """Return CRYSTAL's fatal error line."""
    return f' ERROR **** {routine} **** {message}'


def timing_line(label: str, wall_s: float, cpu_s: float) -> str:
    """Return CRYSTAL's timing line."""
    return f' {"T" * 30} {label:<11s} TELAPSE{fixed(wall_s, 12, 2)} TCPU{fixed(cpu_s, 12, 2)}'


def title_line(title: str) -> str:
    """Return the title in CRYSTAL's 80 columns."""
    return ' ' + title[:80].ljust(80)


def notes(sentences: Sequence[str]) -> list[str]:
    """Return what the stand-in ignored or changed, each sentence as an information line."""
    return [f' INFORMATION **** STANDIN **** {sentence}' for sentence in sentences]


def _date() -> str:
    now = datetime.now()
    return f'{now:%d %m %Y TIME %H:%M:%S}.{now.microsecond // 100000}'
