"""Mulliken population analysis (PPAN), and forces."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Mulliken
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_TOTAL = re.compile(r' MULLIKEN POPULATION ANALYSIS - NO\. OF ELECTRONS\s*(\S+)')
_ROW = re.compile(r'\s*(\d+) ([A-Z]{1,2})\s+(\d+)\s*(-?\d+\.\d+)')


class Population(Section):
    """Reads the analysis of charges and, in an open shell, of spins.

    :ivar result: the last analysis printed; None without one.
    :ivar n_electrons: its number of electrons as printed.
    :ivar scf_count: how many SCF had been read when it was printed.
    """

    def __init__(self, context: Context) -> None:
        """Start without analysis."""
        super().__init__(context)
        self.result: Mulliken | None = None
        self.n_electrons: float | None = None
        self.is_spin = False
        self.line = 0

    def anchors(self) -> Mapping[str, Handler]:
        """Titles."""
        return {'     ': self.read_kind, ' MULL': self.read_title, ' CART': self.read_forces}

    def read_kind(self, line: str) -> None:
        """Read whether the sum or the difference of the spins follows."""
        if 'ALPHA' in line and 'ELECTRONS' in line:
            self.is_spin = 'ALPHA-BETA' in line

    def read_title(self, line: str) -> None:
        """Start an analysis."""
        found = _TOTAL.match(line)
        if found is None:
            return
        is_spin, self.is_spin = self.is_spin, False
        target = Mulliken([])
        if is_spin and self.result is not None:
            self.result.spins = target.electrons
        else:
            self.result, self.n_electrons = target, number(found[1])
            self.line = self.context.line

        def row(text: str) -> bool:
            if found := _ROW.match(text):
                target.numbers.append(int(found[3]))
                target.symbols.append(found[2].capitalize())
                target.electrons.append(float(found[4]))
                return True
            # Rows of orbital populations of one atom, blank lines and the header belong to the table.
            return 'A.O. POPULATION' in text or not text.strip() or text.startswith('                ')

        self.context.capture(row)

    def read_forces(self, line: str) -> None:
        """Read Cartesian forces; the last table stays."""
        if not line.startswith(' CARTESIAN FORCES IN HARTREE/BOHR'):
            return
        rows: list[list[float]] = []

        def row(text: str) -> bool:
            if 'ATOM' in text:
                return True
            values = numbers(text)
            if len(values) != 5:
                if rows:
                    self.output.forces = np.array(rows)
                return False
            rows.append(values[2:])
            return True

        self.context.capture(row)
