"""DOSS: the echo of the projections and the integrated densities; the curves are in fort.25 and DOSS.DAT."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import DosRun
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Handler
from aiida_crystalmath.crystal.outputs.sections.properties.base import RESULT_LIMIT, Part, Run

_RANGE = re.compile(r' FROM BAND\s+(\d+) TO BAND\s+(\d+)(?:\s+ENERGY RANGE\s*([-+.\dE]{11,12})\s*([-+.\dE]+))?')
_COUNT = re.compile(r' NUMBER OF (LEGENDRE POLYNOMIALS|PROJECTIONS|ENERGY POINTS)\s+(\d+)')
_PROJECTION = re.compile(r' \*\*\* PROJECTION\s+(\d+) ATOMIC ORBITALS(.*)')
_BAND_ROW = re.compile(r'\s*(\d+)\s+(-?\d*\.\d.*)')
_ORBITALS = re.compile(r'\s+[\d\s]+$')


class DosPart(Part):
    """Reads DOSS into ``properties.dos_runs``."""

    def __init__(self, run: Run) -> None:
        """Start without densities."""
        super().__init__(run)
        self.result: DosRun | None = None

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of DOSS."""
        return {
            ' TOTAL AND PROJECTED DENSITY OF STATES': self.read_title,
            ' TOTAL DENSITY OF STATES': self.read_title,
            ' FROM': self.read_range,
            ' NUMBER OF LEGENDRE POLYNOMIALS': self.read_count,
            ' NUMBER OF PROJECTIONS': self.read_count,
            ' NUMBER OF ENERGY POINTS': self.read_count,
            ' *** ': self.read_table,
            ' BAND': self.read_bands,
        }

    def read_title(self, line: str) -> None:
        """Read that DOSS was begun."""
        properties = self.run.properties
        if properties is not None and self.run.begin('DOSS'):
            self.result = DosRun()
            properties.dos_runs.append(self.result)

    def read_range(self, line: str) -> None:
        """Read the bands and the energy window."""
        properties, result = self.run.properties, self.result
        if properties is None or result is None or not (found := _RANGE.match(line)):
            return
        result.bands = (int(found[1]), int(found[2]))
        low, high = (number(found[group] or '') for group in (3, 4))
        if low is not None and high is not None:
            result.energy_range_hartree = properties.dos_range_hartree = (low, high)

    def read_count(self, line: str) -> None:
        """Read the numbers of polynomials, projections and energies."""
        properties, result = self.run.properties, self.result
        if properties is None or result is None or not (found := _COUNT.match(line)):
            return
        value = int(found[2])
        if found[1] == 'PROJECTIONS':
            result.n_projections = properties.dos_projections = value
        elif found[1] == 'ENERGY POINTS':
            result.n_energies = value
        else:
            result.n_polynomials = value

    def read_table(self, line: str) -> None:
        """Read the orbitals of a projection, or the integrals in the energy interval."""
        result = self.result
        if result is None:
            return
        if found := _PROJECTION.match(line):
            orbitals = [int(word) for word in found[2].split()]
            result.projections.append(orbitals)

            def more(text: str) -> bool:
                if len(orbitals) < RESULT_LIMIT and _ORBITALS.match(text):
                    orbitals.extend(int(word) for word in text.split())
                    return True
                return False

            self.context.capture(more)
        elif 'INTEGRATED DENSITIES' in line:
            integrals: list[float] = []
            result.integrals.append(integrals)

            def row(text: str) -> bool:
                if '.' in text and not text.startswith(' ***') and len(integrals) < RESULT_LIMIT:
                    integrals.extend(numbers(text))
                    return True
                return not integrals and (not text.strip() or text.split(maxsplit=1)[0] in ('1', 'T'))

            self.context.capture(row)

    def read_bands(self, line: str) -> None:
        """Read the densities of the single bands."""
        result = self.result
        if result is None or not line.startswith(' BAND     INTEGRATED DOSS'):
            return
        table = result.band_integrals
        band = 0

        def row(text: str) -> bool:
            nonlocal band
            words = text.split()
            if words and words[0] in ('1', 'T') and '.' not in text:
                return True
            if len(table) < RESULT_LIMIT and (found := _BAND_ROW.match(text)):
                band = int(found[1])
                table[band] = numbers(found[2])
                return True
            if words and band and '.' in text and not text.startswith(' *') and len(table[band]) < RESULT_LIMIT:
                table[band].extend(numbers(text))
                return True
            return False

        self.context.capture(row)

    def finish(self) -> None:
        """Say which runs are complete."""
        properties = self.run.properties
        if properties is None:
            return
        done = [result.complete for result in properties.results if result.keyword == 'DOSS']
        for run, complete in zip(properties.dos_runs, done, strict=False):
            run.complete = complete
