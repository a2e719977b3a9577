"""Born charges, and what the vibrations contribute to the static dielectric tensor."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Array, Dielectric
from aiida_crystalmath.crystal.outputs.numbers import numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs

_ATOM = re.compile(r' ATOM\s*(\d+) ([A-Z]{1,2})\s+DYNAMIC CHARGE\s*(-?\d*\.\d+)')
_SOURCE = re.compile(r'\(FROM (.+?)\)')
_TRACE_TOLERANCE = 2e-4
_SUM_TOLERANCE = 5e-3


class ResponsesPart(Part):
    """Reads charges and dielectric tensors (pure numbers; only those of FREQCALC, not those of a CPHF before it).

    Systems that are not periodic in three dimensions have polarisabilities in their place (so pycrystal's sources
    say), which are left out: no real file shows their unit.
    """

    def __init__(self, context: Context, runs: Runs) -> None:
        """Expect dielectric tensors."""
        super().__init__(context, runs)
        self.is_dielectric = True

    def anchors(self) -> Mapping[str, Handler]:
        """Titles."""
        return {
            ' ATOMIC BORN CHARGE TENSOR': self.read_born,
            ' BORN CHARGE VECTOR IN THE BASIS OF NORMAL MODES': self.read_mode_charges,
            ' VIBRATIONAL CONTRIBUTIONS TO THE STATIC': self.read_title,
            ' MODE      CARTESIAN AXES SYSTEM': self.read_strengths,
            ' SUM TENSOR OF THE VIBRATIONAL CONTRIBUTIONS': self.read_vibrational,
            ' HIGH FREQUENCY DIELECTRIC': self.read_electronic,
            ' STATIC DIELECTRIC': self.read_static,
        }

    def read_born(self, line: str) -> None:
        """Read the tensor of each atom; a third of its trace, printed too, tells whether it was read well."""
        run = self.runs.current
        tensors: list[list[list[float]]] = []
        charges: list[float] = []

        def row(text: str) -> bool:
            if found := _ATOM.match(text):
                tensors.append([])
                charges.append(float(found[3]))
                return int(found[1]) == len(charges)
            values = _row(text)
            if not text.strip() or 'DYNAMIC CHARGE =' in text or text.split() == ['1', '2', '3']:
                return True
            if tensors and len(tensors[-1]) < 3 and len(values) == 4 and values[0] == len(tensors[-1]) + 1:
                tensors[-1].append(values[1:])
                return True
            run.born_charges_e = _born(tensors, charges, len(run.masses_amu))
            return False

        self.capture(row)

    def read_mode_charges(self, line: str) -> None:
        """Read the charge vector of each mode."""
        run = self.runs.current
        rows: list[list[float]] = []

        def row(text: str) -> bool:
            if not rows and (not text.strip() or ' MODE ' in text or 'UNITS OF ELECTRON' in text):
                return True
            values = _row(text)
            if len(values) == 4 and values[0] == len(rows) + 1:
                rows.append(values[1:])
                return True
            if rows and not text.strip():
                run.mode_born_charges = np.array(rows)
            return False

        self.capture(row)

    def read_title(self, line: str) -> None:
        """Read which quantity the vibrations contribute to."""
        self.is_dielectric = 'DIELECTRIC' in line

    def _dielectric(self) -> Dielectric:
        """Return the result of the run."""
        run = self.runs.current
        run.dielectric = run.dielectric or Dielectric()
        return run.dielectric

    def read_strengths(self, line: str) -> None:
        """Read the contribution of each mode, a matrix each; those along principal axes are another table."""
        if not self.is_dielectric:
            return
        dielectric = self._dielectric()
        rows: list[list[float]] = []
        modes: list[int] = []

        def row(text: str) -> bool:
            values = _row(text)
            if len(values) == 4 and values[0] == int(values[0]):
                modes.append(int(values[0]))
                rows.append(values[1:])
            elif len(values) == 3 and rows and not text[:5].strip():
                rows.append(values)
            elif text.strip():
                if len(rows) == 3 * len(modes):
                    matrices = np.array(rows).reshape(-1, 3, 3)
                    dielectric.oscillator_strengths = dict(zip(modes, matrices, strict=True))
                return False
            return True

        self.capture(row)

    def read_vibrational(self, line: str) -> None:
        """Read the sum over all modes; it ends the section unless a high-frequency tensor was given."""
        if 'DIELECTRIC' in line:
            dielectric = self._dielectric()
            self._read_tensor(dielectric, 'vibrational')

    def read_electronic(self, line: str) -> None:
        """Read the high-frequency tensor used."""
        dielectric = self._dielectric()
        dielectric.complete = False
        if found := _SOURCE.search(line):
            dielectric.electronic_source = found[1]
        self._read_tensor(dielectric, 'electronic')

    def read_static(self, line: str) -> None:
        """Read the sum of both."""
        self._read_tensor(self._dielectric(), 'static')

    def _read_tensor(self, dielectric: Dielectric, name: str) -> None:
        """Read a symmetric matrix."""

        def closed(rows: list[str]) -> None:
            matrix = [_row(row) for row in rows]
            dielectric.complete = False
            if [len(row) for row in matrix] == [3, 3, 3] and _fits(dielectric, name, np.array(matrix)):
                setattr(dielectric, name, np.array(matrix))
                dielectric.complete = name != 'electronic'

        self.collect(lambda row: bool(row.strip()) and len(numbers(row)) == 3 and '(' not in row, closed)


def _fits(dielectric: Dielectric, name: str, matrix: Array) -> bool:
    """Say whether a tensor is symmetric and the sum that it should be: otherwise it has lost or swapped a row."""
    if name == 'vibrational' and (parts := list(dielectric.oscillator_strengths.values())):
        # Contributions that round to zero are not printed: leave room for a few hundred of them.
        return bool(np.abs(matrix - np.sum(parts, axis=0)).max() < _SUM_TOLERANCE)
    if name == 'static' and dielectric.electronic is not None and dielectric.vibrational is not None:
        return bool(np.abs(matrix - dielectric.electronic - dielectric.vibrational).max() < _SUM_TOLERANCE)
    return bool(np.abs(matrix - matrix.T).max() < _SUM_TOLERANCE)


def _row(text: str) -> list[float]:
    """Return the numbers of a row, none of them if one overflowed its field."""
    return [] if '*' in text else numbers(text)


def _born(tensors: list[list[list[float]]], charges: list[float], n_atoms: int) -> Array | None:
    """Return the tensors, if they are whole, agree with their traces and are as many as there are atoms."""
    if not tensors or any(len(tensor) != 3 for tensor in tensors) or (n_atoms and len(tensors) != n_atoms):
        return None
    result = np.array(tensors)
    traces = np.trace(result, axis1=1, axis2=2) / 3
    tolerance = _TRACE_TOLERANCE * max(1.0, float(np.abs(result).max()))
    return result if np.all(np.abs(traces - np.array(charges)) < tolerance) else None
