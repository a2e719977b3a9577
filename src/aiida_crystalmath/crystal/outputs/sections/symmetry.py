"""Symmetry operators: the table ``n SYMMOPS - TRANSLATORS IN FRACTIONAL UNITS``.

Rows are numbers of the operator and of its inverse, the nine elements of the matrix row by row, and the translator, in
two decimals. CRYSTAL06 and molecules print it without the line that names the frame; the frame is the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Array, SymmetryOperators
from aiida_crystalmath.crystal.outputs.numbers import numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_TITLE = re.compile(r' \*{4}\s*(\d+) SYMMOPS - TRANSLATORS IN FRACTION')
_COLUMNS = 14
_HEADERS = ('**** MATRICES', 'V INV')


class SymmetrySection(Section):
    """Keeps the rows of the last table, and converts them at the end."""

    def __init__(self, context: Context) -> None:
        """Start without operators."""
        super().__init__(context)
        self.count = 0
        self.rows: list[str] = []
        self.is_cartesian = False

    def anchors(self) -> Mapping[str, Handler]:
        """Title of the table; rules of asterisks start like it."""
        return {' **** ': self.read_title}

    def read_title(self, line: str) -> None:
        """Start a table."""
        found = _TITLE.match(line)
        if found is not None:
            self.count, self.rows, self.is_cartesian = int(found[1]), [], False
            self.context.capture(self._row)

    def _row(self, line: str) -> bool:
        """Keep a row; only numbers in order belong to the table."""
        words = line.split(maxsplit=1)
        if len(self.rows) < self.count and words and words[0] == str(len(self.rows) + 1):
            self.rows.append(line)
            return True
        if not self.rows and line.strip().startswith(_HEADERS):
            self.is_cartesian = self.is_cartesian or 'CARTESIAN' in line
            return True
        # A row printed twice counts once.
        return bool(self.rows) and line == self.rows[-1]

    def finish(self) -> None:
        """Convert the rows."""
        table = _table(self.rows)
        if not len(table) or not np.isfinite(table).all():
            return
        self.output.symmetry_operators = SymmetryOperators(
            rotations=table[:, 2:11].reshape(-1, 3, 3),
            translations=table[:, 11:],
            inverse=[int(value) - 1 for value in table[:, 1]],
            frame='cartesian' if self.is_cartesian else 'fractional',
            complete=len(table) == self.count,
        )
        if len(table) == self.count:
            # The number printed with the input is that before the geometry was edited (a slab cut from a crystal).
            self.output.n_symmops = len(table)


def _table(rows: list[str]) -> Array:
    """Return the numbers of the rows, shape (n, 14), up to the first row that cannot be read."""
    words = [row.split() for row in rows]
    try:
        if all(len(row) == _COLUMNS for row in words):
            return np.array(words, dtype=float).reshape(-1, _COLUMNS)
    except ValueError:
        pass
    # Glued columns, or asterisks.
    values = [numbers(row) for row in rows]
    good = next((i for i, row in enumerate(values) if len(row) != _COLUMNS), len(values))
    return np.array(values[:good]).reshape(-1, _COLUMNS)
