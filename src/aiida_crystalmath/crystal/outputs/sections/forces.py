"""Forces on the atoms, gradients of the cell, and the stress tensor."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Array, Gradients
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_FORCE = re.compile(r'\s*\d+\s+\d')
_ALLOWED = re.compile(r'\s*(\d+)\s+(-?\d+\.\d+E[-+]\d+)')


class ForcesSection(Section):
    """Keeps the last forces, and what belongs to the same point."""

    def __init__(self, context: Context) -> None:
        """Start without forces."""
        super().__init__(context)
        self.current = Gradients()
        self.open_tables = 0
        self.rows: list[str] = []
        self.in_cell = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles; some have no blank before them, those of the cell gradient in CRYSTAL09 only."""
        return {
            ' CART': self.read_forces,
            ' RESU': self.read_resultant,
            ' SYMMETRY ALLOWED FORCES': self.read_allowed,
            ' CELL': self.read_part,
            ' GRADIENT WITH RESPECT TO THE CELL PARAMETER': self.read_cell,
            'GRADIENT WITH RESPECT TO THE CELL PARAMETER': self.read_cell,
            'STRES': self.read_stress,
            ' STRE': self.read_stress,
            'IN HA': self.read_pressure,
            ' IN H': self.read_pressure,
            'PRESS': self.read_pressure,
            ' PRES': self.read_pressure,
            'ENTHA': self.read_enthalpy,
        }

    def read_forces(self, line: str) -> None:
        """Read Cartesian forces, ``atom, conventional number, x, y, z``; CRYSTAL06 names no unit in some of them."""
        if not line.startswith((' CARTESIAN FORCES IN HARTREE/BOHR', ' CARTESIAN FORCES (')):
            return
        self.current = Gradients(line=self.context.line, is_analytical='NUMERICAL' not in line)
        self.in_cell = False
        self.open_tables = 1
        self.rows = []
        self.context.capture_rows(self.rows, _FORCE.match, self._end_of_forces)

    def _end_of_forces(self, line: str) -> bool:
        """Pass over the header, and convert the table at the first line below it."""
        if not self.rows:
            return 'ATOM' in line
        self._convert()
        return False

    def _convert(self) -> None:
        """Convert the rows of forces; none of them is kept if one cannot be read."""
        # A row printed twice counts once.
        values = [numbers(row) for before, row in pairwise(('', *self.rows)) if row != before]
        self.rows = []
        self.open_tables = 0
        in_order = [row[0] for row in values if row] == list(range(1, len(values) + 1))
        if not in_order or any(len(row) != 5 for row in values) or self.output.n_atoms not in (None, len(values)):
            return
        table = np.array(values)
        self.current.forces = self.output.forces = table[:, 2:]
        self.current.numbers = [int(value) for value in table[:, 1]]
        self.output.gradients = self.current

    def read_resultant(self, line: str) -> None:
        """Read the sum of the forces."""
        values = numbers(line)
        if line.startswith(' RESULTANT FORCE') and len(values) == 3:
            self.current.resultant = np.array(values)

    def read_part(self, line: str) -> None:
        """Read that the part of the cell begins."""
        if line.startswith(' CELL PART'):
            self.in_cell = True

    def read_allowed(self, line: str) -> None:
        """Read the symmetry allowed forces: pairs of direction and force below a blank line."""
        target = self.current.symmetrised_cell if self.in_cell else self.current.symmetrised
        target.clear()

        def row(text: str) -> bool:
            pairs = _ALLOWED.findall(text)
            for direction, force in pairs:
                target[int(direction)] = float(force)
            return bool(pairs) or (not target and not text.strip())

        self.context.capture(row)

    def read_cell(self, line: str) -> None:
        """Read the gradient of the cell: one row per periodic vector."""
        current = self.current
        # Where an external stress is added, a second line of the title says so.
        name = 'cell_under_stress' if line.rstrip().endswith(',') else 'cell'
        self._matrix(lambda matrix: setattr(current, name, matrix))

    def read_stress(self, line: str) -> None:
        """Read the stress tensor."""
        if 'STRESS TENSOR, IN HARTREE/BOHR' in line:
            current = self.current
            self._matrix(lambda matrix: setattr(current, 'stress', matrix))

    def _matrix(self, store: Callable[[Array], None]) -> None:
        """Read a square matrix below lines that name the order of its elements."""
        rows: list[list[float]] = []
        self.open_tables += 1

        def row(text: str) -> bool:
            values = numbers(text)
            if rows and len(rows) == len(rows[0]):
                return False
            if 'ORDER' in text or '/DA' in text or '.' not in text:
                return not rows
            if '*' in text or not 1 <= len(values) <= 3 or (rows and len(values) != len(rows[0])):
                return False
            rows.append(values)
            if len(rows) == len(rows[0]):
                store(np.array(rows))
                self.open_tables -= 1
            return True

        self.context.capture(row)

    def read_pressure(self, line: str) -> None:
        """Read the pressure, in both units."""
        words = line.strip()
        if self.current.stress is None:
            return
        if words.startswith('IN HARTREE/BOHR^3:'):
            self.current.pressure_hartree_per_bohr3 = number(words[18:].strip())
        elif words.startswith('PRESSURE IN GIGAPASCAL:'):
            self.current.pressure_gpa = number(words[23:].strip())

    def read_enthalpy(self, line: str) -> None:
        """Read the enthalpy of the internal pressure."""
        if self.current.stress is not None and line.startswith('ENTHALPY:'):
            self.current.enthalpy_hartree = number(line[9:].strip())

    def finish(self) -> None:
        """Say whether every table was read to its end."""
        if self.output.gradients is not None:
            self.output.gradients.complete = self.output.gradients is self.current and self.open_tables == 0
