"""The quasi-harmonic approximation (QHA), as CRYSTAL14 and 17 print it after the runs at all volumes.

The columns of its tables against temperature are known by their headers. The corpus proves those of CRYSTAL14, a public
run (gfulian/quantas, magnesium oxide, 2019) those of CRYSTAL17, which adds three energies to the tables at pressures.
That ``WARNING - PRESSURE OUT OF RANGE`` stands between rows is known from a published script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Array, EquationOfState, PvtTable, QuasiHarmonic, ThermalTable
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import is_end_by_force, is_foreign

_ROW = re.compile(r'  \s*\d')
_ORDER = re.compile(r'\s*ORDER OF POLYNOMIALS:\s*(\d+)')
_PRESSURE = re.compile(r'AT P =\s*(-?\d+\.\d+)')
_COLUMN = re.compile(r'(\S+) \(([^)]*)\)|(GRUNEISEN)')
_COLUMNS = {
    'V': 'volumes_angstrom3',
    'Bt': 'bulk_modulus_gpa',
    'B': 'bulk_modulus_gpa',
    'Bs': 'adiabatic_bulk_modulus_gpa',
    'ALPHA': 'expansion_per_k',
    'GRUNEISEN': 'grueneisen',
    'Cp-Cv': 'cp_minus_cv_j_per_mol_k',
    'Sp-Sv': 'sp_minus_sv_j_per_mol_k',
    'U': 'internal_energy_hartree',
    'H': 'enthalpy_hartree',
    'F': 'helmholtz_hartree',
}
_LATTICE = ['T', 'a', 'ALPHA_a', 'b', 'ALPHA_b', 'c', 'ALPHA_c']
_VOLUME_ROUNDING = 1e-3
_PVT = ['T', 'V', 'P', 'F', 'G']


class QuasiHarmonicSection(Section):
    """Reads the tables of the approximation, and which of them were whole."""

    def __init__(self, context: Context) -> None:
        """Start outside."""
        super().__init__(context)
        self.kind = ''
        self.pressure: float | None = None
        self.order: int | None = None
        self.table: ThermalTable | None = None
        self.open_tables = 0
        self.frequencies_open = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles and headers."""
        return {
            ' ESTA': self.read_start,
            ' FOUN': self.read_frequencies,
            ' ZERO': self.read_zero_point,
            ' THERMAL PROPERTIES FROM': self.read_title,
            ' LINEAR THERMAL EXPANSION': self.read_title,
            ' PRESSURE-VOLUME-TEMP': self.read_title,
            '    O': self.read_order,
            '    T': self.read_header,
        }

    def read_start(self, line: str) -> None:
        """Start the results."""
        if line.startswith(' ESTABLISHING CONTINUITY OF NORMAL MODES'):
            self.output.quasi_harmonic = QuasiHarmonic()
            self.output.is_frequency_run = True

    def read_zero_point(self, line: str) -> None:
        """Read that the free energy includes the zero-point energy."""
        if self.output.quasi_harmonic is not None and line.startswith(' ZERO-POINT ENERGY INCLUDED'):
            self.output.quasi_harmonic.zero_point_included = True

    def read_frequencies(self, line: str) -> None:
        """Read the frequencies of each mode at all volumes."""
        result = self.output.quasi_harmonic
        if result is None or not line.startswith(' FOUND CONTINUITY OF FREQUENCIES'):
            return
        modes: list[list[str]] = []
        self.frequencies_open = True

        def row(text: str) -> bool:
            if text.startswith(' FREQUENCY #'):
                modes.append([])
            elif modes and text[:4].isspace() and text.strip()[:1].isdigit():
                modes[-1].append(text)
            elif text.strip() and not text.startswith('    VOL (A^3)') and not is_foreign(text):
                self.frequencies_open = not _store_frequencies(result, modes)
                return False
            return True

        self.context.capture(row)

    def read_title(self, line: str) -> None:
        """Read which table follows."""
        self.kind = line.strip()
        if line.startswith(' THERMAL'):
            found = _PRESSURE.search(line)
            self.pressure = number(found[1]) if found else None
            self.table = self.order = None

    def read_order(self, line: str) -> None:
        """Read the order of the polynomials of the fit."""
        if found := _ORDER.match(line):
            self.order = int(found[1])

    def read_header(self, line: str) -> None:
        """Read a table against temperature."""
        result = self.output.quasi_harmonic
        if result is None or not line.startswith('    T (K)'):
            return
        names = [match[1] or match[3] for match in _COLUMN.finditer(line)]
        rows: list[str] = []
        is_pvt = names == _PVT
        self.open_tables += 1

        def other(text: str) -> bool:
            if is_foreign(text) or (not text.strip() and (is_pvt or not rows)):
                return True
            if is_pvt and text.startswith(' WARNING - PRESSURE OUT OF RANGE'):
                return True
            if not is_end_by_force(text):
                self._close(result, names, rows)
            return False

        self.context.capture_rows(rows, _ROW.match, other)

    def _close(self, result: QuasiHarmonic, names: list[str], rows: list[str]) -> None:
        """Keep a table that was seen to its end."""
        values = _values(rows, len(names))
        if values is None:
            return
        self.open_tables -= 1
        if names == _PVT:
            t, v, p, f, g = values.T
            result.pvt = PvtTable(t, v, p, f, g, complete=True)
        elif names == _LATTICE:
            table = self.table
            if table is not None and np.array_equal(table.temperatures_k, values[:, 0]):
                table.lattice_angstrom, table.lattice_expansion_per_k = values[:, 1::2], values[:, 2::2]
        elif all(name in _COLUMNS for name in names[1:]):
            self._keep(result, names, values)

    def _keep(self, result: QuasiHarmonic, names: list[str], values: Array) -> None:
        """Keep a table of thermal properties."""
        table = ThermalTable(values[:, 0], self.pressure, self.order, complete=True)
        for i, name in enumerate(names[1:], start=1):
            setattr(table, _COLUMNS[name], values[:, i])
        self.table = table
        if 'GRUNEISEN' in self.kind:
            result.grueneisen_fits.append(table)
        elif self.pressure is None:
            result.helmholtz_fits.append(table)
        else:
            result.at_pressure.append(table)

    def finish(self) -> None:
        """Say whether everything that was started was read."""
        result = self.output.quasi_harmonic
        if result is not None:
            result.complete = self.output.terminated and not self.open_tables and not self.frequencies_open
            result.energies_hartree = _energies(result.volumes_angstrom3, self.output.equation_of_state)


def _store_frequencies(result: QuasiHarmonic, modes: list[list[str]]) -> bool:
    """Keep volumes and frequencies if every mode has all volumes, and say whether."""
    table = _values([row for rows in modes for row in rows], 3)
    if table is None or any(len(rows) != len(modes[0]) for rows in modes):
        return False
    shaped = table.reshape(len(modes), -1, 3)
    same_volumes = bool(np.all(shaped[:, :, 0] == shaped[0, :, 0])) and bool(np.isfinite(shaped[:, 0, 2]).all())
    if same_volumes:
        result.volumes_angstrom3 = shaped[0, :, 0]
        result.frequencies_cm1 = shaped[:, :, 1]
        result.irreps = tuple(shaped[:, 0, 2].astype(int).tolist())
    return same_volumes


def _energies(volumes: Array | None, equation: EquationOfState | None) -> Array | None:
    """Return the energies of the volumes from the equation of state, whose reader comes first; None if one lacks."""
    if volumes is None or equation is None:
        return None
    found = [
        next((p.energy_hartree for p in equation.points if abs(p.volume_angstrom3 - v) < _VOLUME_ROUNDING), None)
        for v in volumes.tolist()
    ]
    certain = [energy for energy in found if energy is not None]
    return np.array(certain) if len(certain) == len(found) else None


def _values(rows: list[str], n_columns: int) -> Array | None:
    """Return a table, with NaN for a number that overflowed its field; None if a row has not all columns."""
    words = [row.split() for row in rows]
    if set(map(len, words)) != {n_columns}:
        return None
    try:
        return np.array(list(map(float, chain.from_iterable(words)))).reshape(len(rows), n_columns)
    except ValueError:
        found = [[number(word) for word in row] for row in words]
        return np.array([[float('nan') if value is None else value for value in row] for row in found])
