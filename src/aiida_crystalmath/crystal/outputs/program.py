"""One program of an output file: the sections that read it, and what follows from them all.

A further section is added to :class:`Program`; its result is a field of :class:`CrystalOutput`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from aiida_crystalmath.crystal.outputs.line_table import Anchored, Driver, Routes, routes_of
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Message, Stage
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import READ_ERRORS, Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.basis import BasisSection
from aiida_crystalmath.crystal.outputs.sections.boltztra import BoltztraSection
from aiida_crystalmath.crystal.outputs.sections.conclusions import conclude
from aiida_crystalmath.crystal.outputs.sections.elastic import ElasticSection
from aiida_crystalmath.crystal.outputs.sections.electronic import Electronic
from aiida_crystalmath.crystal.outputs.sections.equation_of_state import EquationOfStateSection
from aiida_crystalmath.crystal.outputs.sections.forces import ForcesSection
from aiida_crystalmath.crystal.outputs.sections.frequencies import FrequenciesSection, QuasiHarmonicSection
from aiida_crystalmath.crystal.outputs.sections.functional import FunctionalSection
from aiida_crystalmath.crystal.outputs.sections.geometry import GeometrySection
from aiida_crystalmath.crystal.outputs.sections.messages import Messages
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
from aiida_crystalmath.crystal.outputs.sections.two_component import TwoComponentSection
from aiida_crystalmath.crystal.outputs.sections.wave_function import WaveFunctionSection

VERSION = re.compile(r' \*.*?\b(CRYSTAL(?:0[69]|1\d|2\d))\b')
"""The line of the banner that names the version."""

_TIMING = re.compile(r' T+ (.{1,12}?)\s+TELAPSE\s*(\S+)\s+TCPU\s*(\S+)')
_TIMING_LIMIT = 50
_LONGEST_START = 300
"""More lines than ever stand between banner and start, but for those of many processes."""


class Preamble:
    """What stands before the first program of a file that has one: messages, processes, the echo of the input."""

    index = -1

    def __init__(self, driver: Driver) -> None:
        """Set up the sections.

        :param driver: reads some lines itself, after the sections.
        """
        self.context = Context(CrystalOutput())
        self.output = self.context.output
        self.deck = DeckEcho(self.context)
        self.sections: list[Section] = [Messages(self.context), ResourcesSection(self.context), self.deck]
        self.readers, self.routes = _readers(self.sections, driver)

    def finish(self) -> None:
        """Let all sections conclude."""
        for section in self.sections:
            section.finish()


class Program:
    """The sections of one program of the file."""

    def __init__(self, driver: Driver, index: int, banner: list[str], line: int) -> None:
        """Set up the sections.

        :param driver: reads some lines itself, after the sections.
        :param index: which program of the file; -1 for a text that has none (SCFOUT.LOG).
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
        frequencies = FrequenciesSection(self.context)
        self.sections: list[Section] = [
            Messages(self.context),
            Setup(self.context),
            FunctionalSection(self.context),
            self.geometry,
            self.electronic,
            Scf(self.context, self.electronic, self.geometry),
            TwoComponentSection(self.context),
            SettingsSection(self.context),
            self.optimisation,
            self.population,
            ForcesSection(self.context),
            SymmetrySection(self.context),
            WaveFunctionSection(self.context),
            BasisSection(self.context, self.geometry),
            self.resources,
            ElasticSection(self.context),
            PiezoSection(self.context),
            EquationOfStateSection(self.context),
            PolarisabilitySection(self.context),
            BoltztraSection(self.context),
            frequencies,
            QuasiHarmonicSection(self.context),
        ]
        self.readers, self.routes = _readers(
            [
                *self.sections,
                self.optimisation.echo,
                *frequencies.parts,
                self.properties,
                *self.properties.parts,
                self.deck,
                self,
            ],
            driver,
        )

    def anchors(self) -> Mapping[str, Handler]:
        """Return the reader of timing lines, which belong to no section."""
        return {' TTTT': self.read_timing}

    def _read_banner(self, banner: list[str]) -> None:
        """Read version, release and engine from the box; the release is the line below the version."""
        for number_, line in enumerate(banner):
            if 'STAND-IN' in line.upper():
                self.output.engine = 'STAND-IN'
            if self.output.version is None and (found := VERSION.match(line)):
                self.output.version = found[1]
                below = (text.strip().strip('*').strip() for text in banner[number_ + 1 : number_ + 4])
                self.output.release = next((text for text in below if text), None)

    def read_timing(self, line: str) -> None:
        """Keep a timing line."""
        self.timing_lines.append(line)
        if self.output.properties is not None:
            self.properties.read_time(line)
        if 'MEM' in line:
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
            try:
                section.finish()
            except READ_ERRORS as error:
                text = f'{type(section).__name__} cannot conclude: {error}'
                output.unreadable.append(Message('', text, self.context.line, text, self.index))
        output.timings.sections = timings(self.timing_lines)
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


def _readers(sections: Sequence[Anchored], driver: Driver) -> tuple[Sequence[Anchored], Routes]:
    """Return all who read lines, and who of them reads which."""
    return (*sections, driver), routes_of(sections, driver)


def timings(lines: Iterable[str]) -> list[tuple[str, float, float]]:
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
