"""Mulliken population analysis (PPAN): atoms, orbitals, shells, and overlap populations.

The analysis of a density is a title with its electrons, a table of orbitals, one of shells, and one of overlaps. In an
open shell that of alpha + beta is followed by that of alpha - beta.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.elements import split_conventional
from aiida_crystalmath.crystal.outputs.models import DensityPopulation, Mulliken, OverlapPopulation, PopulationAnalysis
from aiida_crystalmath.crystal.outputs.models.deferred import Later
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_TOTAL = re.compile(r' MULLIKEN POPULATION ANALYSIS - NO\. OF ELECTRONS\s*(\S+)')
_ROW = re.compile(r'\s*(\d+) ([A-Z][A-Z0-9]{0,2})\s+(\d+)\s*(-?\d+\.\d+)(.*)')
_CONTINUED = re.compile(r'\s{12,}-?\d+\.')
_NEIGHBOUR = re.compile(r'\s*(\d+) [A-Z]\w*\s*\(\s*(-?\d+)\s*(-?\d+)\s*(-?\d+)\)(.*)')
_CENTRE = re.compile(r' ATOM A\s*(\d+) ')
_TABLE = re.compile(r'\s*ATOM\s+Z CHARGE\s+(A\.O\.|SHELL) POPULATION| OVERLAP POPULATION CONDENSED')
_INDENT = 12
"""Blanks before the numbers that continue a row of an atom."""
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


Atoms = dict[int, tuple[int, str, float]]
"""Conventional number, symbol and electrons of the atoms, by their number from 1."""


def _atoms(rows: list[str]) -> Atoms:
    """Return the atoms of an analysis, of which each table of orbitals or shells has a row; empty if one is missing."""
    atoms: Atoms = {}
    in_table = False
    for row in rows:
        if 'POPULATION' in row:
            title = _TABLE.match(row)
            in_table = title is not None and title[1] is not None
        elif in_table and not row[:_INDENT].isspace() and (found := _ROW.match(row)):
            atoms.setdefault(int(found[1]), (int(found[3]), found[2].capitalize(), float(found[4])))
    return atoms if sorted(atoms) == list(range(1, len(atoms) + 1)) else {}


def _convert(rows: list[str], n_electrons: float | None, n_atoms: int | None, ended: bool) -> DensityPopulation:
    """Return what the lines of an analysis tell.

    :param n_atoms: number of atoms, None if not known.
    :param ended: whether the analysis was read to its end.
    """
    result = DensityPopulation(n_electrons)
    tables: dict[str, dict[int, list[float]]] = {'A.O.': {}, 'SHELL': {}}
    table: dict[int, list[float]] | None = None
    values: list[float] | None = None
    centre = 0
    for row in rows:
        if found := _NEIGHBOUR.match(row):
            result.overlap += _overlap(centre, found)
        elif found := _CENTRE.match(row):
            centre = int(found[1])
        elif title := _TABLE.match(row):
            table, values = tables.get(title[1] or ''), None
        elif (found := _ROW.match(row)) and table is not None:
            values = table[int(found[1])] = numbers(found[5])
        elif values is not None:
            values += numbers(row)
    atoms = _atoms(rows)
    return _fill(result, atoms, tables, ended=ended and n_atoms in (None, len(atoms)))


def _overlap(centre: int, found: re.Match[str]) -> list[OverlapPopulation]:
    """Return the overlap population of one row, none if its numbers are not all there."""
    values = numbers(found[5])
    if len(values) != 3 or not centre:
        return []
    cell = (int(found[2]), int(found[3]), int(found[4]))
    return [OverlapPopulation(centre, int(found[1]), cell, values[0], values[1], values[2])]


def _fill(
    result: DensityPopulation,
    atoms: Atoms,
    tables: dict[str, dict[int, list[float]]],
    *,
    ended: bool,
) -> DensityPopulation:
    """Put the tables in the order of the atoms; tables with other atoms than the first are not certain."""
    if not atoms:
        return result
    order = sorted(atoms)
    result.numbers, result.symbols, result.atoms = _columns(atoms)
    whole = {name: sorted(table) == order for name, table in tables.items()}
    result.orbitals = [tables['A.O.'][n] for n in order] if whole['A.O.'] else []
    result.shells = [tables['SHELL'][n] for n in order] if whole['SHELL'] else []
    result.complete = ended and all(whole[name] or not tables[name] for name in tables)
    return result


def _columns(atoms: Atoms) -> tuple[list[int], list[str], list[float]]:
    """Return conventional numbers, symbols and electrons in the order of the atoms."""
    rows = [atoms[n] for n in sorted(atoms)]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


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
        """Convert the charges of the last analysis, and keep the rest for who asks for it."""
        if self.total is None:
            return
        self.output.population = PopulationAnalysis(
            self._later(self.total), None if self.spin is None else self._later(self.spin), line=self.line
        )
        numbers_, symbols, electrons = _columns(_atoms(self.total.rows))
        spins = None
        if self.spin is not None:
            others, _, values = _columns(_atoms(self.spin.rows))
            spins = values if others == numbers_ else None
        self.result = Mulliken(electrons, numbers_, symbols, spins=spins)

    def _later(self, analysis: _Analysis) -> Later[DensityPopulation]:
        """Return what converts an analysis."""
        return Later(_convert, analysis.rows, analysis.n_electrons, self.output.n_atoms, analysis.ended)

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
