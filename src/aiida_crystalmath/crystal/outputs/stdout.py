"""The stdout of CRYSTAL 06-23 (crystal and properties) and of its stand-in, read in one streaming pass.

The driver knows programs (a file may hold several) and sends every line, by its first five characters, to the sections
that want it (:mod:`aiida_crystalmath.crystal.outputs.sections`). A further subject is a further section: write it
there, give its result a field of :class:`CrystalOutput` and add it to ``Program`` (program.py).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import compress, count, islice
from operator import itemgetter
from pathlib import Path

from aiida_crystalmath.crystal.outputs.line_batches import Batches
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Message, Resources, Timings
from aiida_crystalmath.crystal.outputs.program import VERSION, Preamble, Program, timings
from aiida_crystalmath.crystal.outputs.sections.base import KEY_LENGTH, READ_ERRORS, Handler, Rows
from aiida_crystalmath.crystal.outputs.sections.messages import is_noise

_STARTING = re.compile(r' EEEEEEEEEE STARTING\s+(DATE.*\S)')
_TERMINATION = re.compile(r' EEEEEEEEEE TERMINATION\s+(DATE.*[ \d]\d:[ \d]\d:[ \d]\d\.\d)')
_CRASH = re.compile(
    r'MPI_Abort|MPI_ABORT|^Abort\(|SIGSEGV|SIGABRT|[Ss]egmentation fault|[Oo]ut[- ]of[- ][Mm]emory|oom-kill'
    r'|BAD TERMINATION|^forrtl: severe|[Nn]o space left|[Dd]isk (?:full|quota)|[Ss]tack trace terminated'
)
_KILL = re.compile(r'SIGTERM|DUE TO TIME LIMIT|CANCELLED AT|job killed: walltime')
"""A program that was stopped from outside did not crash, whatever the machine prints while it cleans up."""
_key = itemgetter(slice(KEY_LENGTH))
_ENDS_OF_TABLES = (' EEEE', ' ERRO', 'ERROR')
_FOREIGN = ('[', 'MPI startup', 'forrtl: warning', 'libfabric:', 'srun: warning')
"""Starts of lines that MPI and the Fortran runtime put between those of a table; none of them is CRYSTAL's."""
_LONG_TABLE = 100
_LIMIT = 100
_LONGEST_NOISE = 1000
_NEAR = 3
"""Lines from one start to the same one printed again."""


def parse_stdout(source: str | Path | Iterable[str]) -> CrystalOutput:
    """Read an output.

    :param source: the text itself (str), a file (Path), or lines.
    :returns: what was found; of an empty or foreign text an empty :class:`CrystalOutput` with ``program`` None. Bad
        text never raises: what cannot be read is missing, and noted in ``unreadable``.
    """
    reader = _Reader()
    if isinstance(source, Path):
        with source.open(encoding='utf-8', errors='replace', newline='\n') as handle:
            reader.read(Batches(handle))
    else:
        reader.read(Batches(io.StringIO(source, newline='\n') if isinstance(source, str) else source))
    return reader.finish()


def _joined(resources: Resources, before: Resources) -> Resources:
    """Return what a program used, completed by what was told before it started."""
    known = {name: value for name, value in vars(resources).items() if value is not None}
    return replace(before, **known)


class _Reader:
    """The driver."""

    def __init__(self) -> None:
        """Begin before the first banner."""
        self.program: Program | Preamble
        self.programs: list[Program] = []
        self.preamble: Program | Preamble | None = None
        self.banner: list[str] = []
        self.banner_line = 0
        self.noise: list[Message] = []
        self.unreadable: list[Message] = []
        self.number = 0
        self.last_line = ''

    def read(self, batches: Batches) -> None:
        """Read all lines; most of them are of no interest and cost one look into a table."""
        for lines in batches:
            self._read_batch(lines)
        tail = batches.tail
        # Half a line may say anything (an energy without its exponent): only what cannot be read wrongly is read.
        if _TERMINATION.match(tail) or tail.startswith((' ERROR', 'ERROR')) or is_noise(tail):
            self._read_batch([tail])
        elif tail.strip():
            self.number += 1
            self.last_line = tail

    def _read_batch(self, lines: list[str]) -> None:
        """Read complete lines."""
        if self.preamble is None:
            starts = any(map(_STARTING.match, lines))
            self.preamble = Preamble(self) if starts else Program(self, -1, [], 0)
            self.program = self.preamble
        position = 0
        while position < len(lines):
            position = self._read_lines(lines, position)
        self.number += len(lines)
        self.last_line = next((line for line in reversed(lines) if line and not line.isspace()), self.last_line)

    def _read_lines(self, lines: list[str], first: int) -> int:
        """Read lines until another program begins or a long table ends, and return where the next one stands."""
        program, context, before = self.program, self.program.context, self.number + 1
        captures, readers, routes_of = context.captures, program.readers, program.routes.__getitem__
        position = self._read_captured(lines, first) if captures else first
        keys = map(_key, islice(lines, position, None))
        for i in compress(count(position), map(routes_of, keys)):
            if i < position:
                continue
            line = lines[i]
            context.line = before + i
            try:
                for start, reader, read in routes_of(line[:KEY_LENGTH]):
                    if line.startswith(start):
                        read(readers[reader], line)
            except READ_ERRORS:
                captures.clear()
                self._note_unreadable(line)
            if self.program is not program:
                return i + 1
            if captures:
                position = self._read_captured(lines, i + 1)
                if position > i + _LONG_TABLE:
                    # The starts of its rows need not be looked at.
                    return position
        return len(lines)

    def _read_captured(self, lines: list[str], position: int) -> int:
        """Give lines to who captures them, and return where the first one stands that is read as usual."""
        context = self.program.context
        captures = context.captures
        while captures and position < len(lines):
            capture = captures[0]
            if isinstance(capture, Rows):
                position = capture.take(lines, position)
                if position == len(lines):
                    break
            line = lines[position]
            context.line = self.number + position + 1
            if line[:KEY_LENGTH] in _ENDS_OF_TABLES:
                captures.clear()
            elif ('WORKING' in line and 'PROCESS' in line) or (line[:1] > ' ' and self._is_foreign(line)):
                position += 1
            else:
                try:
                    goes_on = capture(line)
                except READ_ERRORS:
                    goes_on = False
                    self._note_unreadable(line)
                if goes_on or (captures and captures[0] is not capture):
                    position += 1
                else:
                    captures.clear()
        return position

    def _is_foreign(self, line: str) -> bool:
        """Say whether a line is the machine's and tells of no trouble; a title may begin like one."""
        return line.startswith(_FOREIGN) and not is_noise(line) and self.program.context.captures != [self._title]

    def anchors(self) -> Mapping[str, Handler]:
        """Edges of programs, and boxes, which may be banners."""
        return {' EEEE': self._read_programs_edge, **dict.fromkeys((' *   ', ' * ST', ' * CR'), self._read_box)}

    def read_noise(self, line: str) -> None:
        """Keep what the machine tells of trouble."""
        if len(self.noise) < _LIMIT and is_noise(line):
            raw = line.strip()[:_LONGEST_NOISE]
            self.noise.append(Message('', raw, self.program.context.line, raw, self.program.index))

    def _note_unreadable(self, line: str) -> None:
        """Note a line that starts like a known one and cannot be read."""
        if len(self.unreadable) < _LIMIT:
            raw = line.strip()[:_LONGEST_NOISE]
            self.unreadable.append(Message('', 'cannot be read', self.program.context.line, raw, self.program.index))

    def _read_box(self, line: str) -> None:
        """Keep the lines of a box, which may be a banner."""
        if self.banner or ('CRYSTAL' in line and VERSION.match(line)) or 'STAND-IN' in line:
            if not self.banner:
                self.banner_line = self.program.context.line
            if len(self.banner) < _LIMIT:
                self.banner.append(line)

    def _read_programs_edge(self, line: str) -> None:
        """Read the start or the end of a program."""
        if found := _STARTING.match(line):
            here, last = self.program.context.line, self.programs[-1] if self.programs else None
            if last and last.output.timings.started == found[1] and here <= last.start_line + _NEAR:
                # Printed twice.
                return
            program = Program(self, len(self.programs), self.banner, self.program.context.line)
            program.properties.deck = self.program.deck.words
            program.banner_line = self.banner_line if self.banner else 0
            program.output.timings.started = found[1]
            program.context.capture(self._title)
            self.programs.append(program)
            self.banner = []
            self.program = program
        elif (found := _TERMINATION.match(line)) and self.programs:
            program = self.programs[-1]
            program.output.terminated = True
            program.output.timings.ended = found[1]
            self.banner = []
            if ends := timings(line for line in program.timing_lines if ' END ' in line):
                program.output.timings.wall_s, program.output.timings.cpu_s = ends[-1][1:]

    def _title(self, line: str) -> bool:
        """Read the title: the first line after the start that is neither a rule nor noise."""
        words = line.strip()
        if not words or words.startswith(('***', 'INFORMATION', 'WARNING')) or 'PROCESS' in words:
            return True
        self.program.context.captures.clear()
        self.program.output.title = words
        return True

    def finish(self) -> CrystalOutput:
        """Choose the program the result speaks of, and sum up."""
        if self.preamble is None:
            self.preamble = Program(self, -1, [], 0)
        for program in (self.preamble, *self.programs):
            for error in program.output.errors:
                # properties that fails before its title is known by the routine that complains
                if 'properties' in error.routine.lower() and program.output.initial_geometry is None:
                    program.output.program = 'properties'
            if program is not self.preamble and program.output.program is None:
                program.output.program = 'crystal'
            program.finish()
        crystals = [program for program in self.programs if program.output.program == 'crystal']
        everything: list[Program | Preamble] = [self.preamble, *(crystals or self.programs)]
        chosen = everything[-1]
        output = chosen.output
        if chosen is not self.preamble:
            output.errors.extend(self.preamble.output.errors)
            # Processes and threads are told before the banner.
            output.resources = _joined(output.resources, self.preamble.output.resources)
        # Properties reads the wave function of the program before it: an earlier one told of another run.
        later = [program.output for program in self.programs if program.index > chosen.index]
        if output.properties is None:
            others = [other.properties for other in later if other.properties]
            output.properties = others[-1] if others else None
        if output.population is None:
            tables = [other.population for other in later if other.population]
            output.population = replace(tables[-1], is_final=False) if tables else None
        output.stages = [program.stage() for program in self.programs]
        output.noise, output.unreadable = self.noise, [*self.unreadable, *output.unreadable]
        trouble = [message.raw for message in self.noise if message.stage == chosen.index]
        output.crashed = (
            not output.terminated and any(map(_CRASH.search, trouble)) and not any(map(_KILL.search, trouble))
        )
        output.n_lines = self.number
        output.last_line = self.last_line.strip()
        return output


__all__ = ('CrystalOutput', 'Timings', 'parse_stdout')
