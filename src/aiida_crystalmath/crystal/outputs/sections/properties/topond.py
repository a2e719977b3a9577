"""TOPO (TOPOND): what was plotted, and critical points.

Plots are seen in real outputs of TOPOND 2021. The lines of a critical point (``CP TYPE``, ``COORD(AU)`` ...) are those
that Jmol and other public readers quote from real TOPOND outputs; none is in the test corpus, so both with and without
a leading blank is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import CriticalPoint, Topond
from aiida_crystalmath.crystal.outputs.numbers import numbers
from aiida_crystalmath.crystal.outputs.sections.base import Handler
from aiida_crystalmath.crystal.outputs.sections.properties.base import ROW_LIMIT, Part, Run

_TITLE = re.compile(r' \*\s+T O P O N D\s+([\d ]+?)\s+\*')
_TASK = re.compile(r'\*+\s*T O P O L O G I C A L\s+A N A L [IY] S [IY] S :\s*(.*?)\s*S E C T I O N')
_CUBE = re.compile(r' (\S.*?)\s+\(CUBE\)\s*:\s*(\S+)')
_NUMBER = re.compile(r' ?CP N\.\s*(\d+)\s*(.*)')
_KIND = re.compile(r'.*CP TYPE\s*:\s*\((\d),\s*([-+]?\d)\)')
_LONGEST_LIST = 100
_POINT_STARTS = ('CP N.', 'CP TY', 'ATTRA', 'COORD', 'PROPE', 'KINET', 'VIRIA', 'ELF(P')


class TopondPart(Part):
    """Reads TOPO into ``properties.topond``."""

    def __init__(self, run: Run) -> None:
        """Start without TOPOND."""
        super().__init__(run)
        self.result: Topond | None = None
        self.functions: list[str] = []

    def anchors(self) -> Mapping[str, Handler]:
        """Titles, the list of plots, critical points."""
        points = {start: self.read_point for start in _POINT_STARTS}
        points.update({f' {start[:4]}': self.read_point for start in _POINT_STARTS})
        return {
            ' *   ': self.read_title,
            '*****': self.read_task,
            ' X AX': self.read_axis,
            ' Y AX': self.read_axis,
            ' Z AX': self.read_axis,
            ' PLOT': self.read_functions,
            ' FUNC': self.read_files,
            ' SPIN': self.read_cube,
            ' LAPL': self.read_cube,
            ' NEGA': self.read_cube,
            ' MAGN': self.read_cube,
            ' HAMI': self.read_cube,
            ' LAGR': self.read_cube,
            ' BECK': self.read_cube,
            ' ELEC': self.read_cube,
            **points,
            ' VIRI': self.read_virial,
        }

    def read_title(self, line: str) -> None:
        """Read the box with the version."""
        properties = self.run.properties
        if properties is not None and (found := _TITLE.match(line)):
            self.run.begin('TOPO')
            self.result = properties.topond = Topond(version=found[1].replace(' ', ''))

    def read_task(self, line: str) -> None:
        """Read which section begins."""
        if self.result is not None and (found := _TASK.match(line)):
            self.result.tasks.append(found[1].replace(' ', ''))

    def read_axis(self, line: str) -> None:
        """Read the range of an axis of a plot."""
        if self.result is None or 'AXIS RANGES AND INCREMENTS (ANG)' not in line:
            return
        values = numbers(line.partition(':')[2])
        if len(values) == 3:
            self.result.plot_ranges_angstrom.append((values[0], values[1], values[2]))

    def read_functions(self, line: str) -> None:
        """Read the names of the plotted functions."""
        if self.result is not None and line.startswith(' PLOTTED FUNCTIONS'):
            self.functions = [line.partition(':')[2].strip()]
            self.context.capture(lambda text: _continued(text, self.functions))

    def read_files(self, line: str) -> None:
        """Read the files of the functions."""
        if self.result is None or not line.startswith(' FUNCTION FILES'):
            return
        result, functions = self.result, self.functions
        files = [line.partition(':')[2].strip()]

        def row(text: str) -> bool:
            if _continued(text, files):
                return True
            if len(files) == len(functions):
                result.files.update(zip(files, functions, strict=True))
            return False

        self.context.capture(row)

    def read_cube(self, line: str) -> None:
        """Read the cube file of a function."""
        if self.result is not None and (found := _CUBE.match(line)):
            self.result.files[found[2]] = found[1]

    def read_virial(self, line: str) -> None:
        """Read a line that is of a cube file or of a critical point."""
        self.read_cube(line)
        self.read_point(line)

    def read_point(self, line: str) -> None:
        """Read one line of a critical point."""
        if self.result is None:
            return
        points = self.result.critical_points
        if (found := _NUMBER.match(line)) and len(points) < ROW_LIMIT:
            points.append(CriticalPoint(int(found[1]), words=found[2].strip()))
        elif points and ':' in line:
            _fill(points[-1], line)

    def end(self, keyword: str) -> None:
        """Complete it at the time line of one of its sections."""
        if self.result is not None and keyword in ('TOPO', 'PL2D', 'PL3D', 'TRHO', 'TLAP', 'ATBP'):
            self.result.complete = True
            self.run.end('TOPO')

    def finish(self) -> None:
        """Say whether the keyword ended, where it has no time line of its own."""
        properties = self.run.properties
        if properties is not None and self.result is not None:
            done = [result.complete for result in properties.results if result.keyword == 'TOPO']
            self.result.complete = bool(done) and all(done)


def _continued(text: str, words: list[str]) -> bool:
    """Keep a line of a list that goes on below its title."""
    if not text.startswith(' ' * 20) or ':' in text or not text.strip() or len(words) >= _LONGEST_LIST:
        return False
    words.append(text.strip())
    return True


def _fill(point: CriticalPoint, line: str) -> None:
    """Take the values of one line."""
    name, _, rest = line.partition(':')
    name, values = name.strip(), numbers(rest)
    if found := _KIND.match(line):
        point.kind = (int(found[1]), int(found[2]))
    elif name.startswith('COORD(AU)') and len(values) == 3:
        point.position_bohr = (values[0], values[1], values[2])
    elif name.startswith('COORD FRACT') and len(values) == 3:
        point.fractional = (values[0], values[1], values[2])
    elif name == 'PROPERTIES (RHO,GRHO,LAP)' and len(values) == 3:
        point.density, point.gradient, point.laplacian = values
    elif name.startswith('KINETIC ENERGY DENSITIES') and len(values) == 2:
        point.kinetic_energy = (values[0], values[1])
    elif name == 'VIRIAL DENSITY' and values:
        point.virial = values[0]
    elif name.startswith('ELF') and values:
        point.elf = values[0]
