"""Piezoelectric and photoelastic tensors.

No real output of PIEZOCON, ELAPIEZO or PHOTOELA has been seen, and no public reader describes their tensors (the
elastic part of ELAPIEZO is read by :mod:`~aiida_crystalmath.crystal.outputs.sections.elastic`). What is read is
therefore little: a title that says what follows, and tables of the form of the elastic ones (numbers between bars),
which are kept as printed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Array, Photoelastic, Piezoelectric, PrintedTensor
from aiida_crystalmath.crystal.outputs.sections.base import Handler, Section
from aiida_crystalmath.crystal.outputs.sections.elastic_tables import capture_bars, cells

_ROWS = (3, 6)
_COLUMNS = 6
_LIMIT = 20


class PiezoSection(Section):
    """Keeps tables whose title says PIEZOELECTRIC or PHOTOELASTIC."""

    def anchors(self) -> Mapping[str, Handler]:
        """Return the starts a title may have."""
        starts = (' PIEZ', '  PIE', ' DIRE', ' CONV', ' SYMM', ' PHOT', '  PHO', ' ELAS')
        return dict.fromkeys(starts, self.read)

    def read(self, line: str) -> None:
        """Start a table below its title."""
        if 'PIEZOELECTRIC' in line:
            self.output.is_piezoelectric_run = True
            if self.output.piezoelectric is None:
                self.output.piezoelectric = Piezoelectric(line=self.context.line)
            self._table(line, self.output.piezoelectric)
        elif 'PHOTOELASTIC' in line:
            self.output.is_photoelastic_run = True
            if self.output.photoelastic is None:
                self.output.photoelastic = Photoelastic(line=self.context.line)
            self._table(line, self.output.photoelastic)

    def _table(self, line: str, target: Piezoelectric | Photoelastic) -> None:
        """Read the rows that follow, if there are any."""
        title = line.strip()

        def take(rows: list[str]) -> None:
            values = _rectangle(rows)
            if values is not None and len(target.tables) < _LIMIT:
                target.tables.append(PrintedTensor(title, values))

        capture_bars(self.context, take)

    def finish(self) -> None:
        """Call complete what was printed by a program that ended."""
        for result in (self.output.piezoelectric, self.output.photoelastic):
            if result is not None:
                result.complete = self.output.terminated


def _rectangle(rows: list[str]) -> Array | None:
    """Return three or six rows of six numbers, None if they are something else."""
    if len(rows) not in _ROWS:
        return None
    values = [cells(row, _COLUMNS) for row in rows]
    filled = [row for row in values if row is not None]
    return np.array(filled) if len(filled) == len(rows) else None
