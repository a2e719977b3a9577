"""Thermodynamic functions of the harmonic vibrations, at each temperature and pressure asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import Thermodynamics
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs

_AT = re.compile(r' AT \(T =\s*(\S+)\s*K, P =\s*(\S+)\s*MPA\)')
_FIELDS = {
    'EL': 'electronic_hartree',
    'E0': 'zero_point_hartree',
    'ET': 'thermal_hartree',
    'PV': 'pv_hartree',
    'TS': 'ts_hartree',
    'ET+PV-TS': 'gibbs_vibrational_hartree',
    'EL+E0+ET+PV-TS': 'gibbs_hartree',
    'ENTROPY': 'entropy_mhartree_per_k',
    'HEAT CAPACITY': 'heat_capacity_mhartree_per_k',
}
Printed = tuple[float | None, float | None, float | None]


class ThermoPart(Part):
    """Reads the functions; EL and E0 are printed once for all temperatures."""

    def __init__(self, context: Context, runs: Runs) -> None:
        """Start before the first table."""
        super().__init__(context, runs)
        self.common: dict[str, Printed] = {}
        self.block: Thermodynamics | None = None

    def anchors(self) -> Mapping[str, Handler]:
        """Titles and rows."""
        rows: dict[str, Handler] = {f' {label:<14}:': self.read_row for label in _FIELDS}
        return {
            ' HARMONIC VIBRATIONAL CONTRIBUTIONS': self.read_title,
            ' AT (T =': self.read_conditions,
            **rows,
        }

    def read_title(self, line: str) -> None:
        """Start the tables of a run."""
        self.common, self.block = {}, None

    def read_conditions(self, line: str) -> None:
        """Start the functions at one temperature and pressure."""
        found = _AT.match(line)
        temperature = number(found[1]) if found else None
        if found is None or temperature is None:
            self.block = None
            return
        self.block = Thermodynamics(temperature, number(found[2]))
        for label, printed in self.common.items():
            _fill(self.block, label, printed)
        self.runs.current.thermodynamics.append(self.block)

    def read_row(self, line: str) -> None:
        """Read a function in its three units."""
        head, _, tail = line.partition(':')
        label, words = head.strip(), tail.split()
        if len(words) != 3:
            return
        printed = (number(words[0]), number(words[1]), number(words[2]))
        if label in ('EL', 'E0'):
            self.common[label] = printed
        elif (block := self.block) is not None:
            _fill(block, label, printed)
            if label == 'HEAT CAPACITY':
                self.context.capture(lambda text: self._end(block))

    def _end(self, block: Thermodynamics) -> bool:
        """Note that the last row of the block is whole: another line follows it."""
        block.complete = set(_FIELDS) <= set(block.printed)
        self.block = None
        return False


def _fill(block: Thermodynamics, label: str, printed: Printed) -> None:
    """Put a row into its fields."""
    block.printed[label] = printed
    setattr(block, _FIELDS[label], printed[0])
