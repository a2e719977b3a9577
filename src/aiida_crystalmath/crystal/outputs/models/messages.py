"""Messages, times and the programs of a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Program = Literal['crystal', 'properties']
Engine = Literal['CRYSTAL', 'STAND-IN']


@dataclass(frozen=True)
class Message:
    """One message of the program (or of the machine around it).

    :param routine: routine named between the asterisks (``READM2``), empty for messages of another form.
    :param text: the words after it.
    :param line: line number in the file, 1 is the first.
    :param raw: the whole line, stripped.
    :param stage: index into :attr:`CrystalOutput.stages`; -1 before the first banner.
    """

    routine: str
    text: str
    line: int
    raw: str
    stage: int = -1


@dataclass
class Timings:
    """Seconds; None where the line was not printed. ``wall_s`` and ``cpu_s`` belong to the END line of the run."""

    wall_s: float | None = None
    cpu_s: float | None = None
    started: str | None = None
    """``DATE dd mm yyyy TIME hh:mm:ss`` of the start, as printed."""
    ended: str | None = None
    sections: list[tuple[str, float, float]] = field(default_factory=list)
    """(routine, elapsed wall s, elapsed cpu s) of the last lines ``TTTT``; at most 50 are kept."""


@dataclass
class Stage:
    """One program in the file: a job script may print ``crystal`` and ``properties`` one after the other."""

    program: Program
    engine: Engine = 'CRYSTAL'
    version: str | None = None
    release: str | None = None
    line: int = 0
    terminated: bool = False
    timings: Timings = field(default_factory=Timings)
    errors: list[Message] = field(default_factory=list)
    """Errors printed by this program."""
