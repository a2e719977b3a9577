"""Phonon density of states (PDOS): total, per atom, and per atomic species, as CRYSTAL 17 and later print it.

With BANDS it is printed after each segment of the path, of the points of that segment (seen in CRYSTALpytools'
examples).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Array, PhononDos
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs

_ATOM = re.compile(r'   ATOM(IC NUMBER)?\s+(\d+)\s*$')
_ROW = re.compile(r'\s+[-\d]')
_INTEGRAL = re.compile(r' INTEGRAL OF THE TOTAL PDOS:\s*(\S+)')


class DosPart(Part):
    """Reads the tables of the density of states."""

    def __init__(self, context: Context, runs: Runs) -> None:
        """Start without projection."""
        super().__init__(context, runs)
        self.atom: int | None = None
        self.species: int | None = None
        self.dos: PhononDos | None = None
        self.broken = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles."""
        return {
            ' FREQUENCY (CM**-1)': self.read_table,
            '   ATOM    ': self.read_projection,
            '   ATOMIC NUMBER': self.read_projection,
            ' INTEGRAL OF THE TOTAL PDOS': self.read_integral,
        }

    def read_projection(self, line: str) -> None:
        """Read whose projection follows."""
        if found := _ATOM.match(line):
            self.atom, self.species = (None, int(found[2])) if found[1] else (int(found[2]), None)

    def read_integral(self, line: str) -> None:
        """Read the integral of the total density."""
        found = _INTEGRAL.match(line)
        if self.dos is not None and found is not None:
            self.dos.integral = number(found[1])

    def read_table(self, line: str) -> None:
        """Read a table of frequencies and densities."""
        atom, species = self.atom, self.species
        self.atom = self.species = None
        if line.rstrip().endswith('TOTAL PDOS'):
            self._start()
        elif self.dos is None or (atom is None and species is None):
            return
        dos = self.dos
        if dos is None:
            return
        dos.complete = False

        def closed(rows: list[str]) -> None:
            table = _table(rows)
            if table is None or (len(dos.frequencies_cm1) and not np.array_equal(dos.frequencies_cm1, table[:, 0])):
                self.broken = True
                return
            dos.complete = not self.broken
            dos.frequencies_cm1 = table[:, 0]
            if atom is not None:
                dos.atoms[atom] = table[:, 1]
            elif species is not None:
                dos.species[species] = table[:, 1]
            else:
                dos.total = table[:, 1]

        self.collect(_ROW.match, closed)

    def _start(self) -> None:
        """Start the densities of a run, or of a segment of its band path."""
        run = self.runs.current
        self.dos, self.broken = PhononDos(np.empty(0)), False
        if run.paths:
            run.path_dos.append(self.dos)
        elif run.phonon_dos is None:
            # A further one would be weighted (INS); it is left out.
            run.phonon_dos = self.dos


def _table(rows: list[str]) -> Array | None:
    """Return two columns; None if a row is not readable or the frequencies do not ascend."""
    try:
        table = np.array(list(map(float, ' '.join(rows).split()))).reshape(-1, 2)
    except ValueError:
        return None
    ascending = bool(np.all(np.diff(table[:, 0]) > 0))
    return table if len(table) == len(rows) and ascending else None
