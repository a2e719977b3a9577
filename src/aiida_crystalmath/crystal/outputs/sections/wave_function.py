"""The wave function that properties reads: cell, atoms, energy."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import WaveFunction
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.units import CRYSTAL_BOHR_ANGSTROM

_TITLE = re.compile(r'\s*ATOM\s+N\.AT\.\s+SHELL\s+X\((A|AU)\)')
_ROW = re.compile(r'\s*(\d+)\s+(\d+)\s+([A-Z][A-Z0-9]*)\s+(\d+)\s+(-?\d.*)')
_VECTORS = re.compile(r' DIRECT LATTICE VECTOR COMPONENTS \((ANGSTROM|BOHR)\)')
_ENERGY = re.compile(r' TOTAL ENERGY\s+(-?\d\S*)\s+CONVERGENCE ON ENER')
_CYCLES = re.compile(r' N\. OF SCF CYCLES\s+(\d+)')


class WaveFunctionSection(Section):
    """Reads the block that properties prints before its first section."""

    def __init__(self, context: Context) -> None:
        """Start without wave function."""
        super().__init__(context)
        self.found = WaveFunction()
        self.rows: list[str] = []
        self.ended = False
        self.unit = 1.0

    def anchors(self) -> Mapping[str, Handler]:
        """Titles of cell and atoms, energy and cycles."""
        return {
            ' DIRECT LATTICE VECTOR COMPONENTS': self.read_cell,
            '   AT': self.read_title,
            ' TOTAL ENERGY ': self.read_energy,
            ' N. OF SCF CYCLES': self.read_cycles,
        }

    def read_cell(self, line: str) -> None:
        """Read the vectors."""
        title = _VECTORS.match(line)
        if title is None or self.found.cell is not None:
            return
        unit = 1.0 if title[1] == 'ANGSTROM' else CRYSTAL_BOHR_ANGSTROM
        rows: list[list[float]] = []

        def row(text: str) -> bool:
            values = numbers(text)
            if len(rows) == 3 or len(values) != 3 or '*' in text:
                return False
            rows.append(values)
            if len(rows) == 3:
                self.found.cell = np.array(rows) * unit
            return True

        self.context.capture(row)

    def read_title(self, line: str) -> None:
        """Start the table of atoms."""
        title = _TITLE.match(line)
        if title is not None and not self.rows:
            self.unit = 1.0 if title[1] == 'A' else CRYSTAL_BOHR_ANGSTROM
            self.context.capture(self._row)

    def _row(self, line: str) -> bool:
        """Keep a row; the table ends at a rule."""
        words = line.split(maxsplit=1)
        if words and words[0] == str(len(self.rows) + 1):
            self.rows.append(line)
            return True
        is_rule = line.startswith(' ****')
        self.ended = is_rule and bool(self.rows)
        return is_rule and not self.rows

    def read_energy(self, line: str) -> None:
        """Read the energy, which has another form than that of an SCF."""
        if self.found.total_energy_hartree is None and (found := _ENERGY.match(line)):
            self.found.total_energy_hartree = number(found[1])

    def read_cycles(self, line: str) -> None:
        """Read the number of cycles."""
        if self.found.n_scf_cycles is None and (found := _CYCLES.match(line)):
            self.found.n_scf_cycles = int(found[1])

    def finish(self) -> None:
        """Convert the table."""
        result = self.found
        matches = [_ROW.match(row) for row in self.rows]
        found = [(match, numbers(match[5])) for match in matches if match is not None and '*' not in match[5]]
        if found and len(found) == len(matches) and self.ended and all(len(values) == 5 for _, values in found):
            result.complete = self.output.n_atoms in (None, len(found))
            result.numbers = [int(match[2]) for match, _ in found]
            result.labels = [match[3] for match, _ in found]
            result.n_shells = [int(match[4]) for match, _ in found]
            result.positions = np.array([values[:3] for _, values in found]) * self.unit
            result.electrons = [values[4] for _, values in found]
        if result.complete or result.total_energy_hartree is not None:
            self.output.wave_function = result
