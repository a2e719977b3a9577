"""What Quantum ESPRESSO's post-processing programs print, whatever they compute.

Recorded with QE 6.7: a banner ``Program PW2WANNIER v.6.7MaX starts on ...``, errors in a box of percent signs with the
routine, a number and a line of text, and at the end the times and ``JOB DONE.``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ('EspressoError', 'EspressoOutput', 'read_stdout')

_BANNER = re.compile(r'Program (?P<program>\S+) v\.(?P<version>\S+)')
_BOX = re.compile(r'^ *%{20,} *$')
_ERROR = re.compile(r'Error in routine +(?P<routine>.+?) +\( *(?P<code>-?\d+)\):')
_TIMES = re.compile(r'^ *(?P<tag>[A-Za-z0-9_]+) *: *(?P<cpu>[\dhms. ]+?) CPU +(?P<wall>[\dhms. ]+?) WALL')
_PART = re.compile(r'([\d.]+) *([hms])')
_PROCESSORS = re.compile(r'running on +(\d+) +processors')
_MPI = re.compile(r'Number of MPI processes: +(\d+)')
_SECONDS = {'h': 3600.0, 'm': 60.0, 's': 1.0}


@dataclass(frozen=True)
class EspressoError:
    """An error in a box.

    :param code: number in brackets.
    :param line: number of the line of the routine.
    """

    routine: str
    code: int
    text: str
    line: int


@dataclass
class EspressoOutput:
    """One output.

    :param program: name in the banner; None if there is none.
    :param done: whether ``JOB DONE.`` stands at the end.
    :param lines: the text, line by line.
    """

    program: str | None = None
    version: str | None = None
    done: bool = False
    errors: list[EspressoError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cpu_time_s: float | None = None
    wall_time_s: float | None = None
    n_processes: int | None = None
    lines: list[str] = field(default_factory=list)


def read_stdout(text: str) -> EspressoOutput:
    """Return what the programs have in common; never raises, as outputs may stop anywhere.

    A last line without its end is left out: its numbers may be cut.
    """
    output = EspressoOutput(lines=text[: text.rfind('\n') + 1].splitlines())
    box: list[tuple[int, str]] | None = None
    for number, line in enumerate(output.lines, start=1):
        if _BOX.match(line):
            if box is not None:
                output.errors += _error(box)
            box = [] if box is None else None
        elif box is not None:
            box.append((number, line.strip()))
        else:
            _take(output, line)
    if box:  # killed while it complained
        output.errors += _error(box)
    return output


def _take(output: EspressoOutput, line: str) -> None:
    """Take what a line tells outside of boxes."""
    if output.program is None and (found := _BANNER.search(line)):
        output.program, output.version = found['program'], found['version']
    elif found := _PROCESSORS.search(line) or _MPI.search(line):
        output.n_processes = int(found[1])
    elif found := _TIMES.match(line):
        if found['tag'] == output.program:
            output.cpu_time_s, output.wall_time_s = _seconds(found['cpu']), _seconds(found['wall'])
    elif line.strip() == 'JOB DONE.':
        output.done = True
    elif line.lstrip().upper().startswith('WARNING:'):
        output.warnings.append(line.strip())


def _error(box: list[tuple[int, str]]) -> list[EspressoError]:
    """Return the error of a box, unless nothing of the kind is in it."""
    for index, (number, line) in enumerate(box):
        if found := _ERROR.search(line):
            text = ' '.join(line for _, line in box[index + 1 :] if line)
            return [EspressoError(found['routine'], int(found['code']), text, number)]
    return []


def _seconds(text: str) -> float | None:
    """Return a time such as ``1m 2.35s`` in seconds."""
    try:
        parts = [float(value) * _SECONDS[unit] for value, unit in _PART.findall(text)]
    except ValueError:
        return None
    return sum(parts) if parts else None
