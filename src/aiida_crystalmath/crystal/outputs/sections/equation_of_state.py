"""The equation of state: volumes, energies, fits (block EOS, also part of a quasi-harmonic run).

The layout is proven by a quasi-harmonic run of CRYSTAL14 in the corpus and one of CRYSTAL17 published elsewhere
(gfulian/quantas); of CRYSTAL23 other public readers know the same names of the fits. With few points the program prints
fewer polynomials.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import EosCurve, EosFit, EosPoint, EquationOfState
from aiida_crystalmath.crystal.outputs.numbers import NUMBER, number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.captures import capture_rows

_ASKED = re.compile(r' NUMBER OF POINTS \(TOTAL\) DETERMINING E-V CURVE=\s*(\d+)')
_RANGE = re.compile(rf' RANGE OF VOLUMES, IN %:\s*({NUMBER})\s+({NUMBER})')
_VOLUME = re.compile(r' VOLUME OF PRIMITIVE CELL \(A\^3\)=\s*(\S+)')
_SELECTION = re.compile(r' \+{5,} FITTING USING (.*?) \+{5,}')
_FIT = re.compile(r' (\S.*?)\s{2,}(\S.*)$')
_VALUE = re.compile(rf'\*+|NaN|[-+]?Infinity|{NUMBER}', re.IGNORECASE)
_CURVE = re.compile(r' THERMODYNAMIC FUNCTIONS OBTAINED AT 0 K WITH EOS:\s*(\S.*?)\s*$')
_COLUMNS = 5


class EquationOfStateSection(Section):
    """Reads EOS; ``output.equation_of_state`` exists from its title on."""

    def __init__(self, context: Context) -> None:
        """Start without equation of state."""
        super().__init__(context)
        self.selection = ''
        self.ended = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles and lines of the block."""
        return {
            ' EOSE': self.read_rule,
            ' EOS ': self.read_option,
            ' * EO': self.read_option,
            ' NUMB': self.read_asked,
            ' RANG': self.read_range,
            ' VOLU': self.read_volume,
            ' SORT': self.read_points,
            ' ++++': self.read_selection,
            ' EQUA': self.read_fits,
            ' POLY': self.read_polynomials,
            ' THER': self.read_curve,
        }

    def _start(self) -> EquationOfState:
        """Return the result; the title starts it."""
        output = self.output
        output.is_equation_of_state_run = True
        if output.equation_of_state is None:
            output.equation_of_state = EquationOfState(line=self.context.line)
        return output.equation_of_state

    def read_rule(self, line: str) -> None:
        """Read the rule ``EOSEOS...``: it opens the block with a title below, opens the results, and ends them."""
        result = self.output.equation_of_state
        if result is not None and result.fits:
            self.ended = True
            return

        def title(text: str) -> bool:
            if text.strip() == 'EQUATION OF STATE CALCULATION':
                self._start()
            return False

        capture_rows(self.context, title)

    def read_option(self, line: str) -> None:
        """Read the second title."""
        if 'EOS OPTION' in line:
            self._start()

    def read_asked(self, line: str) -> None:
        """Read the number of volumes asked for."""
        if self.output.equation_of_state is not None and (found := _ASKED.match(line)):
            self.output.equation_of_state.n_points_asked = int(found[1])

    def read_range(self, line: str) -> None:
        """Read the range of volumes."""
        if self.output.equation_of_state is not None and (found := _RANGE.match(line)):
            self.output.equation_of_state.range_percent = (float(found[1]), float(found[2]))

    def read_volume(self, line: str) -> None:
        """Read the volume of the undeformed cell."""
        if self.output.equation_of_state is not None and (found := _VOLUME.match(line)):
            self.output.equation_of_state.reference_volume_angstrom3 = number(found[1])

    def read_points(self, line: str) -> None:
        """Read the sorted table of volumes and energies."""
        if not line.startswith(' SORTING VOLUMES/ENERGIES'):
            return
        result = self._start()
        points: list[EosPoint] = []

        def row(text: str) -> bool:
            values = numbers(text)
            if len(values) == 2 and 'VOLUME' not in text:
                points.append(EosPoint(*values))
                return True
            return not points and ('VOLUME' in text or not text.strip())

        def end() -> None:
            result.points = points

        capture_rows(self.context, row, end)

    def read_selection(self, line: str) -> None:
        """Read which points the fits below use."""
        if found := _SELECTION.match(line):
            self.selection = found[1].strip()

    def read_fits(self, line: str) -> None:
        """Read the table of equations of state."""
        if line.startswith(' EQUATION OF STATE') and 'VOL(A^3)' in line:
            self._table(4)

    def read_polynomials(self, line: str) -> None:
        """Read the table of polynomials."""
        if line.startswith(' POLYNOMIAL FITTING') and 'VOL(A^3)' in line:
            self._table(3)

    def _table(self, columns: int) -> None:
        """Read a table of fits with so many numbers in a row."""
        result = self._start()
        fits: list[EosFit] = []
        selection = self.selection

        def row(text: str) -> bool:
            if text.startswith(' ---'):
                return True
            found = _FIT.match(text)
            values = [number(word) for word in _VALUE.findall(found[2])] if found else []
            if found is None or len(values) != columns:
                return False
            prime = values[3] if columns == 4 else None
            fits.append(EosFit(found[1], values[0], values[1], values[2], prime, selection))
            return True

        def end() -> None:
            result.fits.extend(fits)
            self.ended = self.ended or (columns == 3 and bool(fits))

        capture_rows(self.context, row, end)

    def read_curve(self, line: str) -> None:
        """Read the functions along one equation of state."""
        found, result = _CURVE.match(line), self.output.equation_of_state
        if found is None or result is None:
            return
        rows: list[list[float]] = []

        def row(text: str) -> bool:
            if not rows and (not text.strip() or text.startswith((' +++', ' V = ', ' V ('))):
                return True
            values = numbers(text)
            if len(values) == _COLUMNS and '*' not in text:
                rows.append(values)
                return True
            return False

        def end() -> None:
            if rows:
                columns = np.array(rows).T
                result.curves.append(EosCurve(found[1], *columns))

        capture_rows(self.context, row, end)

    def finish(self) -> None:
        """Say whether the fits were read to their end."""
        result = self.output.equation_of_state
        if result is not None:
            result.complete = bool(result.fits) and (self.ended or self.output.terminated)
