"""The stdout of CRYSTAL 06-23 (crystal and properties) and of its stand-in, read in one streaming pass.

The driver knows programs (a file may hold several) and sends every line, by its first five characters, to the sections
that want it (:mod:`aiida_crystalmath.crystal.outputs.sections`). A further subject is a further section: write it
there, give its result a field of :class:`CrystalOutput` and add it to :class:`_Program`.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from aiida_crystalmath.crystal.outputs.line_batches import Batches
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Message, Resources, Stage, Timings
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import KEY_LENGTH, Capture, Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.basis import BasisSection
from aiida_crystalmath.crystal.outputs.sections.boltztra import BoltztraSection
from aiida_crystalmath.crystal.outputs.sections.conclusions import conclude
from aiida_crystalmath.crystal.outputs.sections.elastic import ElasticSection
from aiida_crystalmath.crystal.outputs.sections.electronic import Electronic
from aiida_crystalmath.crystal.outputs.sections.equation_of_state import EquationOfStateSection
from aiida_crystalmath.crystal.outputs.sections.forces import ForcesSection
from aiida_crystalmath.crystal.outputs.sections.frequencies import FrequenciesSection, QuasiHarmonicSection
from aiida_crystalmath.crystal.outputs.sections.geometry import GeometrySection
from aiida_crystalmath.crystal.outputs.sections.messages import Messages, is_noise
from aiida_crystalmath.crystal.outputs.sections.mulliken import Population
from aiida_crystalmath.crystal.outputs.sections.optimisation import OptimisationSection
from aiida_crystalmath.crystal.outputs.sections.piezo import PiezoSection
from aiida_crystalmath.crystal.outputs.sections.polarisability import PolarisabilitySection
from aiida_crystalmath.crystal.outputs.sections.properties import DeckEcho, PropertiesSection
from aiida_crystalmath.crystal.outputs.sections.resources import ResourcesSection
from aiida_crystalmath.crystal.outputs.sections.scf import Scf
from aiida_crystalmath.crystal.outputs.sections.scf_settings import SettingsSection
from aiida_crystalmath.crystal.outputs.sections.setup import Setup
from aiida_crystalmath.crystal.outputs.sections.symmetry import SymmetrySection

_VERSION = re.compile(r' \*.*?\b(CRYSTAL(?:0[69]|1\d|2\d))\b')
_STARTING = re.compile(r' EEEEEEEEEE STARTING\s+(DATE.*\S)')
_TERMINATION = re.compile(r' EEEEEEEEEE TERMINATION\s+(DATE.*\d\d:\d\d:\d\d\.\d)')
_TIMING = re.compile(r' T+ (.{1,12}?)\s+TELAPSE\s*(\S+)\s+TCPU\s*(\S+)')
_READ_ERRORS = (ValueError, IndexError, KeyError, TypeError, AttributeError, ZeroDivisionError, OverflowError)
_CRASH = re.compile(
    r'MPI_Abort|MPI_ABORT|^Abort\(|SIGSEGV|SIGABRT|[Ss]egmentation fault|[Oo]ut[- ]of[- ][Mm]emory|oom-kill'
    r'|BAD TERMINATION|^forrtl: severe|[Nn]o space left|[Dd]isk (?:full|quota)|[Ss]tack trace terminated'
)
_KILL = re.compile(r'SIGTERM|DUE TO TIME LIMIT|CANCELLED AT|job killed: walltime')
"""A program that was stopped from outside did not crash, whatever the machine prints while it cleans up."""
_NOISE_STARTS = frozenset('=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')
"""First characters of the machine's lines; CRYSTAL's own lines start with a blank, or with a digit or bracket."""
_ENDS_OF_TABLES = (' EEEE', ' ERRO', 'ERROR')
_LIMIT = 100
_LONGEST_NOISE = 1000
_LONGEST_START = 300
"""More lines than ever stand between banner and start, but for those of many processes."""
_TIMING_LIMIT = 50


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


class _Program:
    """The sections of one program of the file."""

    def __init__(self, index: int, banner: list[str], line: int, *, messages_only: bool = False) -> None:
        """Set up the sections.

        :param index: which program of the file; -1 for what stands before the first banner.
        :param messages_only: read errors and the like only: a script's text before a program that does start.
        """
        self.index = index
        self.context = Context(CrystalOutput(), line, index)
        self.output = self.context.output
        self.start_line = self.banner_line = line
        self.timing_lines: deque[str] = deque(maxlen=_TIMING_LIMIT)
        self._read_banner(banner)
        self.electronic = Electronic(self.context)
        self.geometry = GeometrySection(self.context)
        self.optimisation = OptimisationSection(self.context, self.geometry)
        self.population = Population(self.context)
        self.resources = ResourcesSection(self.context)
        self.properties = PropertiesSection(self.context, self.electronic)
        self.deck = DeckEcho(self.context)
        self.sections: list[Section] = [
            Messages(self.context),
            Setup(self.context),
            self.geometry,
            self.electronic,
            Scf(self.context, self.electronic),
            SettingsSection(self.context),
            self.optimisation,
            self.population,
            ForcesSection(self.context),
            SymmetrySection(self.context),
            BasisSection(self.context, self.geometry),
            self.resources,
            ElasticSection(self.context),
            PiezoSection(self.context),
            EquationOfStateSection(self.context),
            PolarisabilitySection(self.context),
            BoltztraSection(self.context),
            FrequenciesSection(self.context),
            QuasiHarmonicSection(self.context),
        ]
        sections = [self.sections[0], self.resources] if messages_only else [*self.sections, self.properties]
        self.table = _merge([*sections, self.deck])
        self.table[' TTTT'] = self.read_timing

    def _read_banner(self, banner: list[str]) -> None:
        """Read version, release and engine from the box; the release is the line below the version."""
        for number_, line in enumerate(banner):
            if 'STAND-IN' in line.upper():
                self.output.engine = 'STAND-IN'
            if self.output.version is None and (found := _VERSION.match(line)):
                self.output.version = found[1]
                below = (text.strip().strip('*').strip() for text in banner[number_ + 1 : number_ + 4])
                self.output.release = next((text for text in below if text), None)

    def read_timing(self, line: str) -> None:
        """Keep a timing line."""
        self.timing_lines.append(line)
        self.properties.read_time(line)
        self.resources.read_memory(line)

    def finish(self) -> None:
        """Let all sections conclude."""
        output = self.output
        displaced = self.start_line - self.banner_line > _LONGEST_START
        if displaced and output.dimensionality is None and output.program != 'properties':
            # The line of the start stands far below its banner, and geometry and input above it: the end that follows
            # is that of a program whose beginning was read as something else.
            output.terminated = False
        for section in self.sections:
            section.finish()
        output.timings.sections = _timings(self.timing_lines)
        conclude(
            output,
            self.electronic.state,
            geometry=self.geometry,
            optimisation=self.optimisation,
            population=self.population,
        )
        self.population.conclude()
        self.properties.finish()

    def stage(self) -> Stage:
        """Return the summary of this program."""
        output = self.output
        return Stage(
            program=output.program or 'crystal',
            engine=output.engine,
            version=output.version,
            release=output.release,
            line=self.start_line,
            terminated=output.terminated,
            timings=output.timings,
            errors=output.errors,
        )


def _merge(sections: list[Section]) -> dict[str, Handler]:
    """Return one table of line starts; sections that share one are called in order."""
    lists: dict[str, list[Handler]] = {}
    for section in sections:
        for key, handler in section.anchors().items():
            lists.setdefault(key, []).append(handler)
    return {key: handlers[0] if len(handlers) == 1 else _each(handlers) for key, handlers in lists.items()}


def _each(handlers: list[Handler]) -> Handler:
    """Return a reader that calls several."""

    def call(line: str) -> None:
        for handler in handlers:
            handler(line)

    return call


def _joined(resources: Resources, before: Resources) -> Resources:
    """Return what a program used, completed by what was told before it started."""
    known = {name: value for name, value in vars(resources).items() if value is not None}
    return replace(before, **known)


def _timings(lines: Iterable[str]) -> list[tuple[str, float, float]]:
    """Convert timing lines."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) > 5 and words[-4] == 'TELAPSE' and words[-2] == 'TCPU':
            name, wall, cpu = ' '.join(words[1:-4]), number(words[-3]), number(words[-1])
        elif match := _TIMING.match(line):
            name, wall, cpu = match[1].strip(), number(match[2]), number(match[3])
        else:
            continue
        if wall is not None and cpu is not None:
            found.append((name, wall, cpu))
    return found


class _Reader:
    """The driver."""

    def __init__(self) -> None:
        """Begin before the first banner."""
        self.program: _Program
        self.table: dict[str, Handler]
        self.programs: list[_Program] = []
        self.preamble: _Program | None = None
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
            self._use(_Program(-1, [], 0, messages_only=starts))
            self.preamble = self.program
        context, table = self.program.context, self.table
        captures = context.captures
        number_ = self.number
        for number_, line in enumerate(lines, start=self.number + 1):
            key = line[:KEY_LENGTH]
            if captures:
                context.line = number_
                try:
                    if self._captured(line, key, captures):
                        continue
                except _READ_ERRORS:
                    captures.clear()
                    self._note_unreadable(line, number_)
            handler = table.get(key)
            if handler is not None:
                context.line = number_
                try:
                    handler(line)
                except _READ_ERRORS:
                    captures.clear()
                    self._note_unreadable(line, number_)
                if self.program.context is not context:
                    context, table = self.program.context, self.table
                    captures = context.captures
            elif key[:1] in _NOISE_STARTS and is_noise(line) and len(self.noise) < _LIMIT:
                raw = line.strip()[:_LONGEST_NOISE]
                self.noise.append(Message('', raw, number_, raw, self.program.index))
        self.number = number_
        self.last_line = next((line for line in reversed(lines) if line and not line.isspace()), self.last_line)

    def _use(self, program: _Program) -> None:
        """Let a program read the lines that follow, and the driver its edges and boxes."""
        self.program = program
        self.table = table = program.table
        table[' EEEE'] = self._read_programs_edge
        for key in (' *   ', ' * ST', ' * CR'):
            known = table.get(key)
            table[key] = self._read_box if known is None else _each([known, self._read_box])

    def _captured(self, line: str, key: str, captures: list[Capture]) -> bool:
        """Give a line to the table that is being read; it ends where a message or another program begins.

        :returns: whether the line was part of it.
        """
        if key in _ENDS_OF_TABLES:
            captures.clear()
            return False
        if 'WORKING' in line and 'PROCESS' in line:
            return True
        capture = captures[0]
        if capture(line):
            return True
        if captures and captures[0] is capture:
            captures.clear()
        return False

    def _note_unreadable(self, line: str, number_: int) -> None:
        """Note a line that starts like a known one and cannot be read."""
        if len(self.unreadable) < _LIMIT:
            raw = line.strip()[:_LONGEST_NOISE]
            self.unreadable.append(Message('', 'cannot be read', number_, raw, self.program.index))

    def _read_box(self, line: str) -> None:
        """Keep the lines of a box, which may be a banner."""
        if self.banner or ('CRYSTAL' in line and _VERSION.match(line)) or 'STAND-IN' in line:
            if not self.banner:
                self.banner_line = self.program.context.line
            if len(self.banner) < _LIMIT:
                self.banner.append(line)

    def _read_programs_edge(self, line: str) -> None:
        """Read the start or the end of a program."""
        if found := _STARTING.match(line):
            deck = self.program.deck.words
            self._use(_Program(len(self.programs), self.banner, self.program.context.line))
            self.program.properties.deck = deck
            self.program.banner_line = self.banner_line if self.banner else 0
            self.program.output.timings.started = found[1]
            self.programs.append(self.program)
            self.banner = []
            self.program.context.capture(self._title)
        elif (found := _TERMINATION.match(line)) and self.programs:
            output = self.program.output
            output.terminated = True
            output.timings.ended = found[1]
            self.banner = []
            if ends := _timings(line for line in self.program.timing_lines if ' END ' in line):
                output.timings.wall_s, output.timings.cpu_s = ends[-1][1:]

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
            self.preamble = _Program(-1, [], 0)
        for program in (self.preamble, *self.programs):
            for error in program.output.errors:
                # properties that fails before its title is known by the routine that complains
                if 'properties' in error.routine.lower() and program.output.initial_geometry is None:
                    program.output.program = 'properties'
            if program is not self.preamble and program.output.program is None:
                program.output.program = 'crystal'
            program.finish()
        crystals = [program for program in self.programs if program.output.program == 'crystal']
        chosen = (crystals or self.programs or [self.preamble])[-1]
        output = chosen.output
        if chosen is not self.preamble:
            output.errors.extend(self.preamble.output.errors)
            # Processes and threads are told before the banner.
            output.resources = _joined(output.resources, self.preamble.output.resources)
        if output.properties is None:
            others = [program.output.properties for program in self.programs if program.output.properties]
            output.properties = others[-1] if others else None
        if output.population is None:
            # PPAN of the properties program of the same job
            tables = [program.output.population for program in self.programs if program.output.population]
            output.population = replace(tables[-1], is_final=False) if tables else None
        output.stages = [program.stage() for program in self.programs]
        output.noise, output.unreadable = self.noise, self.unreadable
        trouble = [message.raw for message in self.noise if message.stage == chosen.index]
        output.crashed = (
            not output.terminated and any(map(_CRASH.search, trouble)) and not any(map(_KILL.search, trouble))
        )
        output.n_lines = self.number
        output.last_line = self.last_line.strip()
        return output


__all__ = ('CrystalOutput', 'Timings', 'parse_stdout')
