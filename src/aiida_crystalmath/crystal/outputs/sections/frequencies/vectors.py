"""Normal modes: blocks of up to six columns, below ``FREQ(CM**-1)`` and their frequencies.

Components are in bohr, normalised to classical amplitudes (CRYSTAL 22/23 says ``(IN BOHR)``, older versions print the
same numbers without saying so). At points that are not real two sets follow each other, ``MODES IN PHASE`` and
``MODES IN ANTI-PHASE`` (``REAL PART`` and ``IMAGINARY PART`` according to old scripts; no real file seen). Sets are
announced by the reader of frequencies (:meth:`VectorsPart.expect`): a block whose frequencies are others than announced
belongs to something else and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aiida_crystalmath.crystal.outputs.columns import characters, numbers_at
from aiida_crystalmath.crystal.outputs.models import Array
from aiida_crystalmath.crystal.outputs.numbers import numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs, is_end_by_force, is_foreign

Store = Callable[[Array, Array | None, Sequence[float]], None]
"""Takes real and imaginary parts, shape (n_modes, n_atoms, 3), and the frequencies of the columns."""

_ROW = re.compile(r'(?: AT\.........|\s{12})[XYZ]')
_LETTER = 12
_WIDTH = 10
_TITLE = ' FREQ(CM**-1)'
_START = 14
_POINT = 5
"""Where in a column the decimal point stands."""
_FEW = 20
"""Rows that are converted as fast one by one."""
_ROUNDING = 0.0051


@dataclass
class _Expected:
    """A set of eigenvectors on its way.

    :param frequencies: of its columns; None when only the blocks tell.
    """

    store: Store
    frequencies: Array | None
    blocks: tuple[list[Array], list[Array]] = field(default_factory=lambda: ([], []))
    columns: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    broken: bool = False


class VectorsPart(Part):
    """Reads eigenvectors for who expects them."""

    def __init__(self, context: Context, runs: Runs) -> None:
        """Expect nothing."""
        super().__init__(context, runs)
        self.expected: _Expected | None = None
        self.phase = 0

    def anchors(self) -> Mapping[str, Handler]:
        """Headers of blocks and of phases."""
        return {
            _TITLE: self.read_block,
            ' MODES IN PHASE': self.read_phase,
            ' MODES IN ANTI-PHASE': self.read_phase,
            ' REAL PART': self.read_phase,
            ' IMAGINARY PART': self.read_phase,
            ' LO MODES FOR IRREP': self.read_longitudinal,
        }

    def expect(self, store: Store, frequencies: Array | None) -> None:
        """Give the blocks that follow to ``store``, once they are all there."""
        self.conclude()
        self.expected = _Expected(store, frequencies)
        self.phase = 0

    def read_phase(self, line: str) -> None:
        """Read which part of complex eigenvectors follows."""
        self.phase = 1 if 'ANTI' in line or 'IMAGINARY' in line else 0

    def read_longitudinal(self, line: str) -> None:
        """Expect the longitudinal modes of an irrep."""
        words = line.split()
        splitting = self.runs.current.lo_to

        def store(real: Array, imaginary: Array | None, frequencies: Sequence[float]) -> None:
            if splitting is not None:
                splitting.eigenvectors[words[4]] = (np.array(frequencies), real)

        self.conclude()
        if len(words) == 5:
            self.expect(store, None)

    def read_block(self, line: str) -> None:
        """Read a block."""
        expected = self.expected
        if expected is None:
            return
        phase, frequencies = self.phase, numbers(line[len(_TITLE) :])
        rows: list[str] = []

        def other(text: str) -> bool:
            if is_foreign(text) or (not rows and not text.strip()):
                return True
            block = None if is_end_by_force(text) else _convert(rows, len(frequencies))
            if block is None:
                expected.broken = True
            else:
                expected.blocks[phase].append(block)
                expected.columns[phase].extend(frequencies)
            return False

        self.context.capture_rows(rows, _ROW.match, other)

    def conclude(self) -> None:
        """Store the set at hand if it is whole."""
        expected, self.expected = self.expected, None
        if expected is None or expected.broken or not expected.blocks[0]:
            return
        frequencies = expected.frequencies
        columns = np.array(expected.columns[0])
        if frequencies is not None and (
            columns.shape != frequencies.shape or not np.all(np.abs(columns - frequencies) < _ROUNDING)
        ):
            return
        real = _join(expected.blocks[0])
        imaginary = _join(expected.blocks[1]) if expected.blocks[1] else None
        if real is None or (expected.blocks[1] and (imaginary is None or imaginary.shape != real.shape)):
            return
        if not self._has_all_atoms(real, None if frequencies is None else len(frequencies)):
            return
        expected.store(real, imaginary, expected.columns[0])

    def _has_all_atoms(self, vectors: Array, n_modes: int | None) -> bool:
        """Say whether no atom lacks: there are as many coordinates as modes, or as atoms with a mass (a FRAGMENT)."""
        n_coordinates, n_masses = 3 * vectors.shape[1], len(self.runs.current.masses_amu)
        return n_coordinates in (n_modes, 3 * n_masses) or (n_modes is None and not n_masses)

    def finish(self) -> None:
        """Store the last set, which the end of the text or of the program may follow directly."""
        self.conclude()


def _convert(rows: list[str], n_columns: int) -> Array | None:
    """Return the components of a block, shape (3 n_atoms, n_columns); None if a row is missing, cut or not readable."""
    letters = ''.join([row[_LETTER] for row in rows])
    if not rows or not n_columns or letters != 'XYZ' * (len(rows) // 3) or len(set(map(len, rows))) != 1:
        return None
    table = characters(rows) if len(rows) > _FEW else None
    if table is not None and table.shape[1] == _START + _WIDTH * n_columns:
        if (table[:, _START + _POINT :: _WIDTH] == ord('.')).all():
            return numbers_at(table, _START, _WIDTH, n_columns)
    try:
        return np.array([list(map(float, row[_LETTER + 1 :].split())) for row in rows]).reshape(len(rows), n_columns)
    except ValueError:
        return None


def _join(blocks: list[Array]) -> Array | None:
    """Return the blocks as one array (n_modes, n_atoms, 3)."""
    if any(len(block) != len(blocks[0]) for block in blocks):
        return None
    joined = np.concatenate(blocks, axis=1).T
    return np.ascontiguousarray(joined).reshape(joined.shape[0], -1, 3)
