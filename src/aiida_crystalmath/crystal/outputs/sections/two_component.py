"""The two-component SCF (TWOCOMPON, spin-orbit coupling): magnetisation and spinors of each cycle.

No whole file is at hand. The lines are those that users of CRYSTAL23 published of one cycle of a crystal of gold with
spin-orbit coupling (the test names the source); cycles, state and end of this SCF are those of any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.captures import capture_rows

_TOTAL = re.compile(r' TOTAL ([XYZ])-COMP MAGNETIZATION\s+(\S+)')
_ATOMIC = re.compile(r' ATOMIC M([XYZ])\s*:')
_SPINORS = re.compile(r' - NUMBER OF FULLY OCCUPIED/TOTAL SPINORS -\s*(\d+)\s*/\s*(\d+)')


class TwoComponentSection(Section):
    """Keeps the last magnetisation of each SCF."""

    def __init__(self, context: Context) -> None:
        """Start without magnetisation."""
        super().__init__(context)
        self.total: dict[str, float] = {}
        self.atoms: dict[str, list[float]] = {}

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of a cycle."""
        return {
            **{f' TOTAL {axis}-COMP MAGNETIZATION': self.read_total for axis in 'XYZ'},
            ' ATOMIC M': self.read_atoms,
            ' - NU': self.read_spinors,
        }

    def read_total(self, line: str) -> None:
        """Read one component; the last one, z, makes a vector of the three."""
        found = _TOTAL.match(line)
        value = number(found[2]) if found else None
        if found is None:
            return
        self.output.two_component = True
        if found[1] == 'X':
            self.total, self.atoms = {}, {}
        if value is not None:
            self.total[found[1]] = value
        if found[1] == 'Z' and self.output.scf:
            complete = len(self.total) == 3
            self.output.scf[-1].magnetisation = (
                (self.total['X'], self.total['Y'], self.total['Z']) if complete else None
            )

    def read_atoms(self, line: str) -> None:
        """Read one component of each atom."""
        found = _ATOMIC.match(line)
        if found is None:
            return
        values: list[float] = []

        def row(text: str) -> bool:
            fields = numbers(text)
            if not text.startswith('  ') or not fields or len(fields) != len(text.split()):
                return False
            values.extend(fields)
            return True

        def end() -> None:
            self.atoms[found[1]] = values
            if found[1] == 'Z' and self.output.scf:
                whole = len(self.atoms) == 3 and len({len(component) for component in self.atoms.values()}) == 1
                vectors = zip(*(self.atoms[axis] for axis in 'XYZ'), strict=True) if whole else ()
                self.output.scf[-1].atomic_magnetisation = tuple(vectors)

        capture_rows(self.context, row, end, limit=100_000)

    def read_spinors(self, line: str) -> None:
        """Read how many spinors there are."""
        if (found := _SPINORS.match(line)) and self.output.scf:
            self.output.two_component = True
            run = self.output.scf[-1]
            run.n_occupied_spinors, run.n_spinors = int(found[1]), int(found[2])
