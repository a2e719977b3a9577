"""Mulliken population analysis (PPAN): atoms, orbitals, shells, and overlap populations.

The analysis of a density is a title with its electrons, a table of orbitals, one of shells, and one of overlaps. In an
open shell that of alpha + beta is followed by that of alpha - beta.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.elements import split_conventional
from aiida_crystalmath.crystal.outputs.models import DensityPopulation, Mulliken, OverlapPopulation, PopulationAnalysis
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_TOTAL = re.compile(r' MULLIKEN POPULATION ANALYSIS - NO\. OF ELECTRONS\s*(\S+)')
_ROW = re.compile(r'\s*(\d+) ([A-Z][A-Z0-9]{0,2})\s+(\d+)\s*(-?\d+\.\d+)(.*)')
_CONTINUED = re.compile(r'\s{12,}-?\d+\.')
_NEIGHBOUR = re.compile(r'\s*(\d+) [A-Z]\w*\s*\(\s*(-?\d+)\s*(-?\d+)\s*(-?\d+)\)(.*)')
_CENTRE = re.compile(r' ATOM A\s*(\d+) ')
_TABLE = re.compile(r'\s*ATOM\s+Z CHARGE\s+(A\.O\.|SHELL) POPULATION| OVERLAP POPULATION CONDENSED')
_LINE = re.compile('|'.join(pattern.pattern for pattern in (_NEIGHBOUR, _ROW, _CONTINUED, _CENTRE, _TABLE)))
"""Any line of an analysis, the most frequent ones first."""


class _Analysis:
    """The lines of the analysis of one density."""

    def __init__(self, n_electrons: float | None, line: int) -> None:
        self.n_electrons = n_electrons
        self.line = line
        self.rows: list[str] = []
        self.ended = False

    def capture(self, context: Context) -> None:
        """Keep the lines that follow; the analysis ends at one of another form."""
        context.capture_rows(self.rows, _LINE.match, self._end)

    def _end(self, line: str) -> bool:
        """Pass over blank lines; another one ends the analysis."""
        if not line or line.isspace():
            return True
        self.ended = True
        return False

    def convert(self) -> DensityPopulation:
        """Return what the lines tell."""
        result = DensityPopulation(self.n_electrons)
        tables: dict[str, dict[int, list[float]]] = {'A.O.': {}, 'SHELL': {}}
        atoms: dict[int, tuple[int, str, float]] = {}
        table: dict[int, list[float]] | None = None
        values: list[float] | None = None
        centre = 0
        for row in self.rows:
            if found := _NEIGHBOUR.match(row):
                result.overlap += _overlap(centre, found)
            elif found := _CENTRE.match(row):
                centre = int(found[1])
            elif title := _TABLE.match(row):
                table, values = tables.get(title[1] or ''), None
            elif (found := _ROW.match(row)) and table is not None:
                n = int(found[1])
                atoms.setdefault(n, (int(found[3]), found[2].capitalize(), float(found[4])))
                values = table[n] = numbers(found[5])
            elif values is not None:
                values += numbers(row)
        return _fill(result, atoms, tables, ended=self.ended)


def _overlap(centre: int, found: re.Match[str]) -> list[OverlapPopulation]:
    """Return the overlap population of one row, none if its numbers are not all there."""
    values = numbers(found[5])
    if len(values) != 3 or not centre:
        return []
    cell = (int(found[2]), int(found[3]), int(found[4]))
    return [OverlapPopulation(centre, int(found[1]), cell, values[0], values[1], values[2])]


def _fill(
    result: DensityPopulation,
    atoms: dict[int, tuple[int, str, float]],
    tables: dict[str, dict[int, list[float]]],
    *,
    ended: bool,
) -> DensityPopulation:
    """Put the tables in the order of the atoms; tables with other atoms than the first are not certain."""
    order = list(range(1, len(atoms) + 1))
    if sorted(atoms) != order:
        return result
    for n in order:
        conventional, symbol, electrons = atoms[n]
        result.numbers.append(conventional)
        result.symbols.append(symbol)
        result.atoms.append(electrons)
    whole = {name: sorted(table) == order for name, table in tables.items()}
    result.orbitals = [tables['A.O.'][n] for n in order] if whole['A.O.'] else []
    result.shells = [tables['SHELL'][n] for n in order] if whole['SHELL'] else []
    result.complete = ended and bool(order) and all(whole[name] or not tables[name] for name in tables)
    return result


class Population(Section):
    """Reads the last analysis of charges and, in an open shell, of spins.

    :ivar result: charges of the last analysis printed; None without one. Filled by :meth:`finish`.
    :ivar n_electrons: its number of electrons as printed.
    :ivar line: line of its title.
    """

    def __init__(self, context: Context) -> None:
        """Start without analysis."""
        super().__init__(context)
        self.result: Mulliken | None = None
        self.n_electrons: float | None = None
        self.is_spin = False
        self.line = 0
        self.end_line = 0
        self.total: _Analysis | None = None
        self.spin: _Analysis | None = None

    def anchors(self) -> Mapping[str, Handler]:
        """Titles."""
        return {'     ALPHA': self.read_kind, ' MULL': self.read_title, ' * OP': self.read_optimisation_end}

    def read_kind(self, line: str) -> None:
        """Read whether the sum or the difference of the spins follows."""
        if 'ELECTRONS' in line:
            self.is_spin = 'ALPHA-BETA' in line

    def read_optimisation_end(self, line: str) -> None:
        """Remember where the optimisation ended: what is printed later belongs to the final geometry."""
        if 'OPT END' in line:
            self.end_line = self.context.line

    def read_title(self, line: str) -> None:
        """Start an analysis."""
        found = _TOTAL.match(line)
        if found is None:
            return
        is_spin, self.is_spin = self.is_spin, False
        analysis = _Analysis(number(found[1]), self.context.line)
        if not is_spin:
            self.total, self.spin = analysis, None
            self.n_electrons, self.line = analysis.n_electrons, analysis.line
        elif self.total is None or self.spin is not None:
            # The charges that belong to these spins were not told.
            return
        else:
            self.spin = analysis
        analysis.capture(self.context)

    def finish(self) -> None:
        """Convert the last analysis."""
        if self.total is None:
            return
        total = self.total.convert()
        spin = self.spin.convert() if self.spin is not None else None
        for density in (total, spin):
            if density is not None and self.output.n_atoms not in (None, len(density.atoms)):
                density.complete = False
        self.output.population = PopulationAnalysis(total, spin, line=self.line)
        spins = spin.atoms if spin is not None and spin.numbers == total.numbers else None
        self.result = Mulliken(list(total.atoms), list(total.numbers), list(total.symbols), spins=spins)

    def conclude(self) -> None:
        """Say whether the analysis is that of the final geometry, and what net charges are known.

        Called when the final results are chosen: they are taken back in a run that did not end or converge.
        """
        output = self.output
        if output.mulliken is not None:
            output.mulliken.net_charges = self._net_charges(output.mulliken)
            if output.population is not None:
                single = output.optimisation is None and not output.is_optimisation
                output.population.is_final = single or self.line > self.end_line > 0

    def _net_charges(self, mulliken: Mulliken) -> list[float | None]:
        """Return nuclear charge minus electrons; potentials count with the charge the output prints of them."""
        geometry = self.output.final_geometry
        sites = geometry.sites if geometry is not None and len(geometry) == len(mulliken.numbers) else ()
        charges: list[float | None] = []
        for i, (conventional, electrons) in enumerate(zip(mulliken.numbers, mulliken.electrons, strict=False)):
            z, has_ecp, _ = split_conventional(conventional)
            if sites and sites[i].ghost:
                charges.append(-electrons)
            elif not has_ecp:
                charges.append(z - electrons)
            else:
                basis = self.output.basis
                potential = None if basis is None else basis.potentials.get(z)
                charges.append(None if potential is None else potential.charge - electrons)
        return charges
