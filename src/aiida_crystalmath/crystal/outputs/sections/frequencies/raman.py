"""Raman intensities: of a powder (total, parallel, perpendicular) and of a single crystal (six directions)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from aiida_crystalmath.crystal.outputs.models import Mode
from aiida_crystalmath.crystal.outputs.models.frequencies import RamanComponent
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs

_ROW = re.compile(r'\s*(\d+)-\s*(\d+)\s*(-?\d+\.\d+|\*+)\s*\(\s*(.*?)\s*\)(.*)')
_DIRECTIONS: tuple[RamanComponent, ...] = ('xx', 'xy', 'xz', 'yy', 'yz', 'zz')
_ROUNDING = 0.0002
Store = Callable[[Mode, list[float]], None]


class RamanPart(Part):
    """Reads the two tables, and gives their values to the modes."""

    def __init__(self, context: Context, runs: Runs) -> None:
        """Start without table."""
        super().__init__(context, runs)
        self.powder_is_whole = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles."""
        return {
            '  POLYCRYSTALLINE ISOTROPIC INTENSITIES': self.read_powder,
            '  SINGLE CRYSTAL DIRECTIONAL INTENSITIES': self.read_crystal,
        }

    def read_powder(self, line: str) -> None:
        """Read the powder's intensities."""
        self.runs.current.raman_complete = False
        self.powder_is_whole = False

        def store(mode: Mode, values: list[float]) -> None:
            mode.raman_total, mode.raman_parallel, mode.raman_perpendicular = values

        def closed(rows: list[str]) -> None:
            self.powder_is_whole = self._store(rows, 3, store)

        self._collect_below_rule(closed)

    def read_crystal(self, line: str) -> None:
        """Read the single crystal's intensities, the second table."""

        def store(mode: Mode, values: list[float]) -> None:
            mode.raman_single_crystal = dict(zip(_DIRECTIONS, values, strict=True))

        def closed(rows: list[str]) -> None:
            self.runs.current.raman_complete = self._store(rows, 6, store) and self.powder_is_whole

        self._collect_below_rule(closed)

    def _collect_below_rule(self, closed: Callable[[list[str]], None]) -> None:
        """Collect the rows below the dashed line; there may be none (no mode is active)."""
        rows: list[str] = []
        below = False

        def row(text: str) -> bool:
            nonlocal below
            if not below:
                below = '----' in text
                return below or not text.strip() or 'FREQUENCIES' in text
            if _ROW.match(text):
                rows.append(text)
                return True
            closed(rows)
            return False

        self.capture(row)

    def _store(self, rows: list[str], n_values: int, store: Store) -> bool:
        """Give the values of each row to its modes, and say whether all could be read."""
        all_modes, whole = self.runs.current.modes, True
        for row in rows:
            found = _ROW.match(row)
            if found is None:
                return False
            values = [value for value in map(number, found[5].split()) if value is not None]
            modes = all_modes[int(found[1]) - 1 : int(found[2])]
            if len(values) != n_values or not _same(modes, number(found[3])):
                whole = False
                continue
            for mode in modes:
                store(mode, values)
        return whole


def _same(modes: list[Mode], frequency: float | None) -> bool:
    """Say whether the row is of these modes."""
    return bool(modes) and all(
        frequency is None or mode.frequency_cm1 is None or abs(mode.frequency_cm1 - frequency) < _ROUNDING
        for mode in modes
    )
