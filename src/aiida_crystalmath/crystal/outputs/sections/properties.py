"""The properties program: NEWK, the echo of the band path, DOSS."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import BandPathSegment, Properties
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_CYCLES = re.compile(r' N\. OF SCF CYCLES\s+\d+\s+FERMI ENERGY\s+(\S+)')
_LINE = re.compile(r' LINE\s+\d+ \(\s*(\S+)\s+(\S+)\s+(\S+):\s*(\S+)\s+(\S+)\s+(\S+)\) IN TERMS')
_COLUMNS = re.compile(r' LINE\s+\d+ \((.{5})(.{5})(.{5}):(.{5})(.{5})(.{5})\) IN TERMS')
_POINTS = re.compile(r'\s+(\d+) POINTS - SHRINKING_FACTOR\s*(\d+)')
_STEP = re.compile(r'.*STEP\s+(\S+)')
_RANGE = re.compile(r' FROM BAND\s+(\d+) TO BAND\s+(\d+)(?:\s+ENERGY RANGE\s*([-+.\dE]{11,12})\s*([-+.\dE]+))?')
_EFERMI = re.compile(r' ENERGY RANGE \(A\.U\.\).*EFERMI\s+(\S+)')
_MESH = re.compile(r' SHRINK FACTORS\(MONK\.\)\s+(\d+)\s+(\d+)\s+(\d+)\s+SHRINK FACTOR\(GILAT\)\s+(\d+)')


class PropertiesSection(Section):
    """Reads what properties tells; nothing happens in an output of the crystal program."""

    def __init__(self, context: Context) -> None:
        """Start without properties."""
        super().__init__(context)
        self.fermi_of_wavefunction: float | None = None

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of properties."""
        return {
            ' CRYS': self.read_title,
            ' N. O': self.read_fermi,
            ' REST': self.read_newk,
            ' SHRI': self.read_mesh,
            ' *  B': self.read_bands,
            ' LINE': self.read_segment,
            ' TOTA': self.read_doss,
            ' FROM': self.read_range,
            ' NUMB': self.read_projections,
            ' ENER': self.read_band_fermi,
        }

    def read_title(self, line: str) -> None:
        """Notice that this is properties."""
        if line.startswith(' CRYSTAL - PROPERTIES'):
            self.output.program = 'properties'
            self.output.properties = Properties(title=self.output.title or '')

    def _add(self, keyword: str) -> Properties | None:
        """Note a section."""
        properties = self.output.properties
        if properties is not None:
            properties.keywords.append(keyword)
        return properties

    def read_fermi(self, line: str) -> None:
        """Read the Fermi energy stored with the wavefunction (three decimals)."""
        if found := _CYCLES.match(line):
            self.fermi_of_wavefunction = number(found[1])

    def read_newk(self, line: str) -> None:
        """Read that NEWK was done."""
        if line.startswith(' RESTART WITH NEW K POINTS NET') and (properties := self._add('NEWK')):
            properties.newk = True

    def read_mesh(self, line: str) -> None:
        """Read the mesh of NEWK."""
        if (found := _MESH.match(line)) and self.output.properties is not None:
            values = [int(group) for group in found.groups()]
            self.output.properties.shrink = (values[0], values[1], values[2], values[3])

    def read_bands(self, line: str) -> None:
        """Read the box of a band structure: title and bands."""
        properties = self.output.properties
        if not line.startswith(' *  BAND STRUCTURE') or properties is None:
            return
        self._add('BAND')
        properties.segments = []
        lines: list[str] = []

        def row(text: str) -> bool:
            words = text.strip().strip('*').strip()
            if words and not lines:
                properties.band_title = words
            if words:
                lines.append(words)
            if found := _RANGE.match(f' {words}'):
                properties.first_band, properties.last_band = int(found[1]), int(found[2])
            return text.startswith(' *') and not text.startswith(' ***')

        self.context.capture(row)

    def read_segment(self, line: str) -> None:
        """Read one segment of the path; its shrinking factor makes the two printed decimals exact."""
        properties = self.output.properties
        found = _COLUMNS.match(line) or _LINE.match(line)
        if found is None or properties is None:
            return
        values = [float(group) for group in found.groups()]
        segments = properties.segments

        def row(text: str) -> bool:
            if found := _POINTS.match(text):
                exact = [_exact(value, int(found[2])) for value in values]
                start, end = (exact[0], exact[1], exact[2]), (exact[3], exact[4], exact[5])
                segments.append(BandPathSegment(start, end, int(found[1])))
                return True
            if (found := _STEP.match(text)) and segments:
                segments[-1].step = number(found[1])
                return True
            return False

        self.context.capture(row)

    def read_doss(self, line: str) -> None:
        """Read that DOSS was done."""
        if line.startswith((' TOTAL AND PROJECTED DENSITY OF STATES', ' TOTAL DENSITY OF STATES')):
            self._add('DOSS')

    def read_range(self, line: str) -> None:
        """Read the bands (and the energy window) of DOSS."""
        properties = self.output.properties
        if properties is not None and (found := _RANGE.match(line)) and found[3]:
            low, high = number(found[3]), number(found[4])
            if low is not None and high is not None:
                properties.dos_range_hartree = (low, high)

    def read_projections(self, line: str) -> None:
        """Read the number of projections."""
        if line.startswith(' NUMBER OF PROJECTIONS') and self.output.properties is not None:
            self.output.properties.dos_projections = int(line[23:])

    def read_band_fermi(self, line: str) -> None:
        """Read the Fermi energy told with the bands."""
        if (found := _EFERMI.match(line)) and self.output.properties is not None:
            self.output.properties.fermi_energy_hartree = number(found[1])

    def finish(self) -> None:
        """Fill in what NEWK or the wavefunction tells better than the sections."""
        properties = self.output.properties
        if properties is None:
            return
        properties.n_electrons, properties.n_ao = self.output.n_electrons, self.output.n_ao
        properties.n_kpoints = self.output.n_kpoints
        properties.fermi_wavefunction_hartree = self.fermi_of_wavefunction
        if self.output.fermi_energy_hartree is not None:
            properties.fermi_energy_hartree = self.output.fermi_energy_hartree
        elif properties.fermi_energy_hartree is None:
            properties.fermi_energy_hartree = self.fermi_of_wavefunction
        self.output.fermi_energy_hartree = properties.fermi_energy_hartree


def _exact(value: float, shrink: int) -> float:
    """Return the multiple of 1/shrink that two decimals stand for, the value itself if none is near."""
    rounded = round(value * shrink) / shrink if shrink else value
    return rounded if abs(rounded - value) < 0.0051 else value
