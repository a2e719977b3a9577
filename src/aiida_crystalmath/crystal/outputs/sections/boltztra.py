"""What the properties program says of BOLTZTRA (layout of CRYSTAL22)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import TransportSettings
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_TIME = re.compile(r'\s*RELAXATION TIME \(fs\):\s*(\S+)')
_RANGE = re.compile(r'  (MIN|MAX|STEP) (TEMPERATURE|CHEMICAL POTENTIAL|TDF) VALUE \((?:K|eV)\):\s*(\S+)')
_SMEARING = re.compile(r'  SMEARING (FACTOR|SCHEME):\s*(\S+)')
_DIRECTIONS = re.compile(r' TDF CALCULATED ALONG THE (\S+) DIRECTIONS?')
_WRITTEN = re.compile(r' .* DATA WRITTEN ON (\S+\.DAT)')


class BoltztraSection(Section):
    """Reads the echo of BOLTZTRA into ``output.properties.transport``."""

    def __init__(self, context: Context) -> None:
        """Start without transport."""
        super().__init__(context)
        self.settings: TransportSettings | None = None
        self.ranges: dict[tuple[str, str], float | None] = {}

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of the echo, then what was calculated and written."""
        return {
            '  REL': self.read_time,
            '  MIN': self.read_range,
            '  MAX': self.read_range,
            '  STE': self.read_range,
            '  SME': self.read_smearing,
            ' TDF ': self.read_directions,
            ' ELEC': self.read_file,
            ' SEEB': self.read_file,
            ' TRAN': self.read_file,
        }

    def read_time(self, line: str) -> None:
        """Read the relaxation time, the first line of the echo."""
        if found := _TIME.match(line):
            self.settings = TransportSettings(relaxation_time_fs=number(found[1]), line=self.context.line)
            self.ranges = {}

    def read_range(self, line: str) -> None:
        """Read one end, or the step, of a range."""
        if self.settings is not None and (found := _RANGE.match(line)):
            self.ranges[(found[2], found[1])] = number(found[3])

    def read_smearing(self, line: str) -> None:
        """Read how the distribution is smeared."""
        if self.settings is not None and (found := _SMEARING.match(line)):
            if found[1] == 'FACTOR':
                self.settings.smearing = number(found[2])
            else:
                self.settings.smearing_scheme = found[2]

    def read_directions(self, line: str) -> None:
        """Read the components."""
        if self.settings is not None and (found := _DIRECTIONS.match(line)):
            self.settings.directions = found[1].split(',')

    def read_file(self, line: str) -> None:
        """Read the name of a file that was written."""
        if self.settings is not None and (found := _WRITTEN.match(line)) and found[1] not in self.settings.files:
            self.settings.files.append(found[1])

    def _range(self, name: str) -> tuple[float, float, float] | None:
        """Return a range if all of it was read."""
        low, high, step = (self.ranges.get((name, end)) for end in ('MIN', 'MAX', 'STEP'))
        return None if low is None or high is None or step is None else (low, high, step)

    def finish(self) -> None:
        """Hand the echo to the results of properties; the distribution is the last file the program writes."""
        settings = self.settings
        if settings is None:
            return
        settings.temperature_range_k = self._range('TEMPERATURE')
        settings.chemical_potential_range_ev = self._range('CHEMICAL POTENTIAL')
        settings.tdf_range_ev = self._range('TDF')
        settings.complete = 'TDF.DAT' in settings.files
        if self.output.properties is not None:
            self.output.properties.transport = settings
