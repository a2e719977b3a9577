"""Longitudinal optical modes: their table, their overlaps with the transverse ones, and their directions.

Only modes that differ from the transverse ones are printed. The overlaps of an irrep are printed six columns at a
time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import LoMode, LoToSplitting
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs

_LO = re.compile(
    r'\s*(\d+)-\s*(\d+)\s+(-?\d*\.\d+E[-+]\d+|\*+)\s*(-?\d+\.\d+)\s*(-?\d+\.\d+|\*+)\s*\(\s*(.*?)\s*\)'
    r'\s*(\d+\.\d+|\*+)\s*(-?\d+\.\d+|\*+)\s*(-?\d+\.\d+|\*+)\s*$'
)
_DIRECTION = re.compile(r"\s+([A-Za-z0-9'\"]+)\s+(-?\d\.\d+)\s+(-?\d\.\d+)\s+(-?\d\.\d+)\s*$")


class LoToPart(Part):
    """Reads the splitting of longitudinal and transverse optical modes."""

    def __init__(self, context: Context, runs: Runs) -> None:
        """Start without directions."""
        super().__init__(context, runs)
        self.directions: dict[str, tuple[float, float, float] | None] = {}

    def anchors(self) -> Mapping[str, Handler]:
        """Titles."""
        return {
            ' SYMMETRY ADAPTED DIRECTIONS': self.read_directions,
            ' LONGITUDINAL OPTICAL (LO)': self.read_title,
            ' OVERLAP BETWEEN THE EIGENVECTORS OF LO': self.read_overlaps,
        }

    def read_directions(self, line: str) -> None:
        """Read the direction of the field of each irrep."""
        self.directions = {}

        def row(text: str) -> bool:
            if text.startswith(' IRREP '):
                return True
            found = _DIRECTION.match(text)
            if found is None:
                return False
            direction = (float(found[2]), float(found[3]), float(found[4]))
            # Of several directions of an irrep no mode says which one is its own.
            self.directions[found[1]] = None if found[1] in self.directions else direction
            return True

        self.capture(row)

    def read_title(self, line: str) -> None:
        """Note that longitudinal modes were computed."""
        self.runs.current.lo_to = LoToSplitting()

    def read_modes(self, line: str) -> None:
        """Read the table of longitudinal modes; called at its header."""
        run = self.runs.current
        splitting = run.lo_to = run.lo_to or LoToSplitting()

        def row(text: str) -> bool:
            if 'HARTREE**2' in text:
                return True
            found = _LO.match(text)
            if found is None:
                splitting.complete = not text.strip()
                return False
            splitting.modes.append(self._mode(found))
            return True

        self.capture(row)

    def _mode(self, found: re.Match[str]) -> LoMode:
        """Return the mode of a row."""
        irrep = found[6] or None
        return LoMode(
            first=int(found[1]),
            last=int(found[2]),
            frequency_cm1=float(found[4]),
            frequency_thz=number(found[5]),
            eigenvalue_hartree2=number(found[3]),
            irrep=irrep,
            ir_intensity_km_per_mol=number(found[7]),
            shift_cm1=number(found[8]),
            shift_thz=number(found[9]),
            direction=self.directions.get(irrep or ''),
        )

    def read_overlaps(self, line: str) -> None:
        """Read the overlaps of all irreps."""
        run = self.runs.current
        run.lo_to = run.lo_to or LoToSplitting()
        reader = _Overlaps(run.lo_to)
        self.capture(reader.read)


class _Overlaps:
    """Reads overlaps: per irrep blocks of a line of TO frequencies and rows of a LO frequency and its overlaps."""

    def __init__(self, splitting: LoToSplitting) -> None:
        """Start before the first irrep."""
        self.splitting = splitting
        self.irrep = ''
        self.to: list[list[float]] = []
        self.rows: list[list[list[float]]] = []

    def read(self, line: str) -> bool:
        """Read a line; False at the first one that does not belong here."""
        words = line.split()
        if not words or words[0] == 'ENTRIES':
            return True
        if words[0] == 'IRREP':
            self._store()
            self.irrep = words[1] if len(words) > 1 else ''
        elif words[0] == 'LO/TO':
            self.to.append(numbers(line.replace('LO/TO', '')))
            self.rows.append([])
        elif self.rows and number(words[0]) is not None:
            self.rows[-1].append(numbers(line))
        else:
            self._store()
            return False
        return True

    def _store(self) -> None:
        """Keep the irrep at hand if its blocks fit together."""
        to, rows = self.to, self.rows
        self.to, self.rows = [], []
        if not self.irrep or not rows or not rows[0]:
            return
        lo = [row[0] for row in rows[0]]
        fits = all(
            [row[0] for row in block] == lo and all(len(row) == len(columns) + 1 for row in block)
            for columns, block in zip(to, rows, strict=True)
        )
        if fits:
            overlaps = np.concatenate([np.array(block)[:, 1:] for block in rows], axis=1)
            self.splitting.overlaps[self.irrep] = (np.array(lo), np.concatenate([np.array(c) for c in to]), overlaps)
