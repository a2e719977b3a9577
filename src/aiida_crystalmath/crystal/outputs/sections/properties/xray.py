"""XFAC and XRDSPEC: X-ray structure factors and the powder spectrum (layout of CRYSTAL22)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import StructureFactor, XraySpectrum
from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Handler
from aiida_crystalmath.crystal.outputs.sections.properties.base import ROW_LIMIT, Part, Run

_WAVELENGTH = re.compile(r' WAVELENGTH LAMBDA =\s*(\S+) ANGSTROM')
_THERMAL = re.compile(r' ISOTROPIC DEBYE-WALLER THERMAL FACTOR B =\s*(\S+) ANGSTROM')
_COUNT = re.compile(r' NUMBER OF FACTORS COMPUTED :\s*(\d+)')
_N_PEAK, _N_POINT = 8, 4
"""Columns of the tables of peaks and of the spectrum."""


class XrayPart(Part):
    """Reads both keywords from their title to their time line."""

    def __init__(self, run: Run) -> None:
        """Start without X-rays."""
        super().__init__(run)
        self.table = ''
        self.rows: dict[str, list[str]] = {}
        self.count: int | None = None
        self.spin = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles in boxes."""
        return {' *   ': self.read_title}

    def read_title(self, line: str) -> None:
        """Read the title of XRDSPEC, or of XFAC alone."""
        properties = self.run.properties
        if properties is None or 'X' not in line:
            return
        if 'XRD SPECTRUM' in line:
            self.run.begin('XRDSPEC')
            properties.xray_spectrum = XraySpectrum()
        elif 'X-RAY STATIC STRUCTURE FACTORS' in line:
            self.run.begin('XFAC')
        else:
            return
        self.table, self.rows, self.count, self.spin = '', {}, None, False
        self.context.capture(self._line)

    def _line(self, text: str) -> bool:
        """Read one line of either."""
        if self.run.interrupts(text):
            return False
        if self.table == 'spectrum' and text[:6] == '      ':
            # Thousands of rows: they are looked at once, at the end.
            return self._keep(text)
        words = text.split()
        if not words:
            return True
        if words[:3] == ['H', 'K', 'L']:
            self.table = 'factors' if 'REAL' in words else 'peaks'
        elif words[0] == '2THETA':
            self.table = 'spectrum'
        elif 'ALPHA-BETA ELECTRONS' in text:
            self.spin = True
        elif found := _COUNT.match(text):
            self.count = int(found[1])
        elif self.table and not (self.spin and self.table == 'factors') and _is_row(text):
            return self._keep(text)
        else:
            self._setting(text)
        return True

    def _keep(self, text: str) -> bool:
        """Keep a row; a table without end is none of this program."""
        rows = self.rows.setdefault(self.table, [])
        rows.append(text)
        if len(rows) < ROW_LIMIT:
            return True
        self.rows = {}
        return False

    def _setting(self, text: str) -> None:
        """Read wavelength and thermal factor."""
        properties = self.run.properties
        spectrum = properties.xray_spectrum if properties else None
        if spectrum is None:
            return
        if found := _WAVELENGTH.match(text):
            spectrum.wavelength_angstrom = number(found[1])
        elif found := _THERMAL.match(text):
            spectrum.debye_waller_angstrom2 = number(found[1])

    def end(self, keyword: str) -> None:
        """Convert the tables, whose end is certain now."""
        properties = self.run.properties
        if properties is None or keyword not in ('XRDSPEC', 'XFAC'):
            return
        factors = [factor for row in self.rows.get('factors', ()) if (factor := _factor(row)) is not None]
        if self.count in (None, len(factors)):
            properties.structure_factors = factors
        spectrum = properties.xray_spectrum
        if keyword == 'XRDSPEC' and spectrum is not None:
            spectrum.peaks = _array(self.rows.get('peaks', []), _N_PEAK)
            spectrum.spectrum = _array(self.rows.get('spectrum', []), _N_POINT)
            spectrum.complete = spectrum.peaks is not None and spectrum.spectrum is not None
        self.rows = {}

    def finish(self) -> None:
        """Say that the keyword is not complete when its spectrum is not."""
        properties = self.run.properties
        if properties is None or properties.xray_spectrum is None or properties.xray_spectrum.complete:
            return
        for result in properties.results:
            if result.keyword == 'XRDSPEC':
                result.complete = False


def _is_row(text: str) -> bool:
    """Return whether a line holds numbers only; a rule of asterisks holds none."""
    return not text.strip('0123456789.+-E* ') and bool(text.strip('* '))


def _factor(row: str) -> StructureFactor | None:
    """Return one structure factor."""
    words = row.split()
    values = numbers(' '.join(words[3:]))
    if len(values) < 6:
        return None
    return StructureFactor(
        hkl=(int(words[0]), int(words[1]), int(words[2])),
        vector=(values[0], values[1], values[2]),
        value=complex(values[3], values[4]),
        multiplicity=int(values[6]) if len(values) > 6 else None,
    )


def _array(rows: list[str], n_columns: int) -> Array | None:
    """Return a table as an array, None where a row is not whole."""
    words = ' '.join(rows).split()
    if words and len(words) == len(rows) * n_columns:
        try:
            return np.array(words, dtype=np.float64).reshape(len(rows), n_columns)
        except ValueError:
            pass  # glued columns, or asterisks
    table = [numbers(row) for row in rows]
    if not table or any(len(row) != n_columns for row in table):
        return None
    return np.array(table)
