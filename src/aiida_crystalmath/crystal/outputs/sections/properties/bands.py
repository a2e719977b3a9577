"""BAND: the echo of the path; the bands themselves are in fort.25 and BAND.DAT."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import BandPathSegment, BandRun
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Handler
from aiida_crystalmath.crystal.outputs.sections.properties.base import RESULT_LIMIT, Part, Run

_LINE = re.compile(r' LINE\s+\d+ \(\s*(\S+)\s+(\S+)\s+(\S+):\s*(\S+)\s+(\S+)\s+(\S+)\) IN TERMS')
_COLUMNS = re.compile(r' LINE\s+\d+ \((.{5})(.{5})(.{5}):(.{5})(.{5})(.{5})\) IN TERMS')
_POINTS = re.compile(r'\s+(\d+) POINTS - SHRINKING_FACTOR\s*(\d+)')
_STEP = re.compile(r'.*STEP\s+(\S+)')
_BANDS = re.compile(r'FROM BAND\s+(\d+) TO BAND\s+(\d+)')
_TOTAL = re.compile(r'TOTAL OF\s+(\d+) K-POINTS')
_RANGE = re.compile(r' ENERGY RANGE \(A\.U\.\)\s*(\S+)\s+-\s*(\S+)\s+EFERMI\s+(\S+)')


class BandPart(Part):
    """Reads BAND into ``properties.band_runs``; the last run's path into ``properties.segments``."""

    def __init__(self, run: Run) -> None:
        """Start without bands."""
        super().__init__(run)
        self.result: BandRun | None = None

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of BAND."""
        return {' *  B': self.read_box, ' LINE': self.read_segment, ' ENER': self.read_range}

    def read_box(self, line: str) -> None:
        """Read title, bands and number of points."""
        properties = self.run.properties
        if not line.startswith(' *  BAND STRUCTURE') or properties is None:
            return
        if self.run.begin('BAND') or self.result is None:
            self.result = BandRun()
            properties.band_runs.append(self.result)
        result = self.result
        properties.segments = []
        result.n_segments = 0
        lines: list[str] = []

        def row(text: str) -> bool:
            words = text.strip().strip('*').strip()
            if words and not lines:
                result.title = properties.band_title = words
            if words:
                lines.append(words)
            if found := _BANDS.match(words):
                result.first_band, result.last_band = int(found[1]), int(found[2])
                properties.first_band, properties.last_band = result.first_band, result.last_band
            elif found := _TOTAL.match(words):
                result.n_kpoints = int(found[1])
            return text.startswith(' *') and not text.startswith(' ***')

        self.context.capture(row)

    def read_segment(self, line: str) -> None:
        """Read one segment of the path; its shrinking factor makes the two printed decimals exact."""
        properties, result = self.run.properties, self.result
        found = _COLUMNS.match(line) or _LINE.match(line)
        if found is None or properties is None or result is None:
            return
        values = [float(group) for group in found.groups()]
        segments = properties.segments

        def row(text: str) -> bool:
            if len(segments) < RESULT_LIMIT and (found := _POINTS.match(text)):
                exact = [_exact(value, int(found[2])) for value in values]
                start, end = (exact[0], exact[1], exact[2]), (exact[3], exact[4], exact[5])
                segments.append(BandPathSegment(start, end, int(found[1])))
                result.n_segments = len(segments)
                return True
            if (found := _STEP.match(text)) and segments:
                segments[-1].step = number(found[1])
            return False

        self.context.capture(row)

    def read_range(self, line: str) -> None:
        """Read the energies told with the bands; their Fermi energy has two digits more than the wavefunction's."""
        properties = self.run.properties
        if properties is None or not (found := _RANGE.match(line)):
            return
        low, high, fermi = (number(group) for group in found.groups())
        properties.fermi_energy_hartree = fermi
        if self.result is not None:
            self.result.fermi_energy_hartree = fermi
            if low is not None and high is not None:
                self.result.energy_range_hartree = (low, high)

    def finish(self) -> None:
        """Say which runs are complete."""
        properties = self.run.properties
        if properties is None:
            return
        done = [result.complete for result in properties.results if result.keyword == 'BAND']
        for run, complete in zip(properties.band_runs, done, strict=False):
            run.complete = complete


def _exact(value: float, shrink: int) -> float:
    """Return the multiple of 1/shrink that two decimals stand for, the value itself if none is near."""
    rounded = round(value * shrink) / shrink if shrink else value
    return rounded if abs(rounded - value) < 0.0051 else value
