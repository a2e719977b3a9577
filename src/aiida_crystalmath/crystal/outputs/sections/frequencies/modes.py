"""Tables of frequencies: at Gamma, with activities and intensities, and at the points of a dispersion.

The table of a point off Gamma has no activities, and the first point of a band path has not even a header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from aiida_crystalmath.crystal.outputs.columns import characters, numbers_at
from aiida_crystalmath.crystal.outputs.models import Array, Frequencies, Mode, PhononPath, PhononQPoint
from aiida_crystalmath.crystal.outputs.models.frequencies import QPOINT_EIGENVECTOR_LIMIT
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler
from aiida_crystalmath.crystal.outputs.sections.frequencies.lo_to import LoToPart
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs, is_end_by_force, is_foreign
from aiida_crystalmath.crystal.outputs.sections.frequencies.vectors import Store, VectorsPart

_RANGE = re.compile(r'....\d-|\s*\d+-\s*\d+\s')
_MODE = re.compile(
    r'\s*(\d+)-\s*(\d+)\s+(-?\d*\.\d+(?:E[-+]\d+)?|\*+|-?NaN)\s*(-?\d+\.\d+|\*+|-?NaN)\s*(-?\d+\.\d+|\*+|-?NaN)'
    r'\s*\(\s*(.*?)\s*\)(?:\s+([AI])\s*\(\s*(\S+?)\s*\)\s+([AI]))?\s*$'
)
_POINT = re.compile(
    r'\s*DISPERSION K POINT NUMBER\s*(\d+)\s+COORD:\s*([RC])\(\s*(-?\d+)\s*(-?\d+)\s*(-?\d+)\s*\)'
    r'\s*WEIGHT:\s*(\d*\.?\d*)'
)
_PATH_SIZE = re.compile(r'\s*PHONONS ALONG PATH:\s*(\d+)\s*NUMBER OF K POINTS:\s*(\d+)')
_PATH_ENDS = re.compile(
    r'\s*FROM K\s*\(\s*(-?\d+)\s*(-?\d+)\s*(-?\d+)\s*\) TO K\s*\(\s*(-?\d+)\s*(-?\d+)\s*(-?\d+)\s*\)'
    r'\s*WITH DENOMINATOR\s*(\d+)'
)
_SUM = re.compile(r'\s*THERMODYNAMICAL PROPERTIES ARE CALCULATED AS A SUM OVER\s*(\d+)')


class ModesPart(Part):
    """Reads the tables of frequencies and the points they are at.

    :param lo_to: takes the table of longitudinal modes, whose header starts alike.
    """

    def __init__(self, context: Context, runs: Runs, vectors: VectorsPart, lo_to: LoToPart) -> None:
        """Start without table."""
        super().__init__(context, runs)
        self.vectors = vectors
        self.lo_to = lo_to
        self.pending: PhononQPoint | None = None
        self.open: tuple[Frequencies, list[str]] | None = None
        self.last_ranges = self.last_labels = b''
        self.last_irreps: tuple[str, ...] = ()
        self.vector_bytes = 0

    def anchors(self) -> Mapping[str, Handler]:
        """Headers of tables, points and paths."""
        return {
            '    MODES         ': self.read_header,
            '  DISPERSION K POINT': self.read_point,
            '  PHONONS ALONG PATH': self.read_path_size,
            '  FROM K': self.read_path_ends,
            '  THERMODYNAMICAL PROPERTIES ARE': self.read_sum,
            ' INTEGRATED IR INTENSITIES': self.read_intensities,
        }

    def read_intensities(self, line: str) -> None:
        """Read that infrared intensities were computed."""
        self.runs.current.intensities_computed = True

    def read_sum(self, line: str) -> None:
        """Read how many modes the thermodynamics sum over."""
        if found := _SUM.match(line):
            self.runs.current.n_thermodynamic_modes = int(found[1])

    def read_path_size(self, line: str) -> None:
        """Start a segment of a band path."""
        if found := _PATH_SIZE.match(line):
            run = self.runs.current
            run.is_dispersion = True
            run.paths.append(PhononPath((0, 0, 0), (0, 0, 0), 0, int(found[2])))

    def read_path_ends(self, line: str) -> None:
        """Read the ends of the segment."""
        paths, found = self.runs.current.paths, _PATH_ENDS.match(line)
        if found and paths:
            values = [int(group) for group in found.groups()]
            paths[-1].start = (values[0], values[1], values[2])
            paths[-1].end = (values[3], values[4], values[5])
            paths[-1].denominator = values[6]

    def read_point(self, line: str) -> None:
        """Start a point of a dispersion; its table may follow without a header."""
        found = _POINT.match(line)
        if found is None:
            return
        run = self.runs.current
        run.is_dispersion = True
        integers = (int(found[3]), int(found[4]), int(found[5]))
        fractions = None
        if run.shrink is not None and all(run.shrink):
            a, b, c = (i / shrink for i, shrink in zip(integers, run.shrink, strict=True))
            fractions = (a, b, c)
        self.pending = PhononQPoint(
            n=int(found[1]),
            integers=integers,
            coordinates=fractions,
            is_real=found[2] == 'R',
            weight=number(found[6]) or 0.0,
            frequencies_cm1=np.empty(0),
            segment=len(run.paths) - 1 if run.paths else None,
            complete=False,
        )
        self._collect_table()

    def read_header(self, line: str) -> None:
        """Start a table at its header."""
        if 'SHIFTS' in line:
            self.lo_to.read_modes(line)
        elif self.pending is not None or not self.runs.current.is_dispersion:
            self._collect_table()

    def _collect_table(self) -> None:
        """Collect a table, after its header or, if it has none, after the line of its point."""
        run, point = self.runs.current, self.pending
        rows: list[str] = []
        line_number = self.context.line
        if point is None or point.is_gamma:
            self.open = (run, rows)

        def other(text: str) -> bool:
            if not rows and (not text.strip() or text.startswith(('    MODES  ', '          '))):
                return True
            if is_foreign(text):
                return True
            if rows and not is_end_by_force(text):
                self._close_table(run, point, rows, line_number)
            return False

        self.context.capture_rows(rows, _RANGE.match, other)

    def _close_table(self, run: Frequencies, point: PhononQPoint | None, rows: list[str], line: int) -> None:
        """Convert a table that was seen to its end."""
        self.pending = self.open = None
        if not run.modes and (point is None or point.is_gamma):
            run.modes, whole = _modes(rows)
            run.line = line
            run.complete = whole and not run.is_dispersion and _is_all(run)
            if point is None:
                self.vectors.expect(_store_gamma(run), _column(run.modes))
        if point is not None:
            self._close_point(run, point, rows)

    def _close_point(self, run: Frequencies, point: PhononQPoint, rows: list[str]) -> None:
        """Convert the table of a point of a dispersion."""
        frequencies = self._fast(rows)
        if frequencies is None:
            modes, whole = _modes(rows)
            point.complete = whole
            frequencies = _column(modes)
            point.irreps = tuple(mode.irrep or '' for mode in modes)
        else:
            point.complete = True
            point.irreps = self.last_irreps
        point.frequencies_cm1 = frequencies
        run.qpoints.append(point)
        self.vectors.expect(self._store_point(run, point), frequencies)

    def _fast(self, rows: list[str]) -> Array | None:
        """Return the frequencies of a table in its usual columns without degenerate sets; None if it is another.

        Ranges and species are those of the points before, as a rule, and need not be looked at again.
        """
        table = characters(rows)
        if table is None:
            return None
        ranges = table[:, :10].tobytes()
        if ranges != self.last_ranges:
            if ranges.decode() != ''.join([f'{n:5d}-{n:4d}' for n in range(1, len(rows) + 1)]):
                return None
            self.last_ranges = ranges
        labels = table[:, 46:].tobytes()
        if labels != self.last_labels:
            words = [row[46:] for row in rows]
            if any(not word.startswith('  (') or not word.rstrip().endswith(')') for word in words):
                return None
            self.last_irreps = tuple(word.strip(' ()') for word in words)
            self.last_labels = labels
        values = numbers_at(table, 24, 12)
        return None if values is None else values[:, 0]

    def _store_point(self, run: Frequencies, point: PhononQPoint) -> Store:
        """Return what keeps the eigenvectors of a point, while they are few enough."""

        def store(real: Array, imaginary: Array | None, columns: Sequence[float]) -> None:
            if point.is_gamma and imaginary is None and run.eigenvectors is None:
                run.eigenvectors = real
            if imaginary is None and not point.is_real:
                return
            if self.vector_bytes + 8 * real.size > QPOINT_EIGENVECTOR_LIMIT:
                run.eigenvectors_dropped = True
                return
            self.vector_bytes += 8 * real.size
            vectors = real.astype(np.complex64)
            if imaginary is not None:
                vectors.imag = imaginary
            point.eigenvectors = vectors

        return store

    def finish(self) -> None:
        """Keep what is certain of a table the text stops in, and judge what was computed and what is complete."""
        if self.open is not None and not self.open[0].modes:
            run, rows = self.open
            run.modes, _ = _modes(rows)
            run.complete = False
        chosen = self.runs.chosen
        if chosen is None:
            return
        if chosen.is_dispersion:
            chosen.complete = _is_whole_dispersion(chosen, self.context.output.terminated)
        elif not chosen.complete:
            chosen.complete = _is_confirmed(chosen)
        if any(mode.ir_intensity_km_per_mol for mode in chosen.modes):
            chosen.intensities_computed = True
        if not chosen.intensities_computed:
            chosen.intensity_method = None
            for mode in chosen.modes:
                mode.ir_intensity_km_per_mol = None


def _modes(rows: Sequence[str]) -> tuple[list[Mode], bool]:
    """Return the modes of a table, degenerate sets expanded, and whether no row is missing or unreadable."""
    modes: list[Mode] = []
    # A row printed twice counts once.
    for row in (row for before, row in pairwise(('', *rows)) if row != before):
        found = _MODE.match(row)
        first, last = (int(found[1]), int(found[2])) if found else (0, 0)
        if found is None or first != len(modes) + 1 or not first <= last < first + 100:
            return modes, False
        for n in range(first, last + 1):
            mode = Mode(
                n,
                frequency_cm1=number(found[4]),
                frequency_thz=number(found[5]),
                # Versions before 06 print other eigenvalues ("EV (AU)", as Jmol's sources show), without exponent.
                eigenvalue_hartree2=number(found[3]) if 'E' in found[3] else None,
                irrep=found[6] or None,
                degeneracy=last - first + 1,
            )
            if found[7]:
                mode.ir_active, mode.raman_active = found[7] == 'A', found[9] == 'A'
                mode.ir_intensity_km_per_mol = number(found[8])
            modes.append(mode)
    return modes, all(mode.frequency_cm1 is not None for mode in modes)


def _column(modes: Sequence[Mode]) -> Array:
    """Return the frequencies, NaN for one that is not readable."""
    return np.array([float('nan') if mode.frequency_cm1 is None else mode.frequency_cm1 for mode in modes])


def _is_all(run: Frequencies) -> bool:
    """Say whether the table has three modes for each atom; a FRAGMENT is judged by its eigenvectors, at the end."""
    n_modes, n_atoms = len(run.modes), len(run.masses_amu)
    return n_modes == 3 * n_atoms if n_atoms else bool(n_modes) and n_modes % 3 == 0


def _is_confirmed(run: Frequencies) -> bool:
    """Say whether as many eigenvectors follow as the table has modes: then no row of a FRAGMENT's table is missing."""
    vectors, n_modes = run.eigenvectors, len(run.modes)
    return vectors is not None and bool(n_modes) and n_modes % 3 == 0 and vectors.shape[0] == n_modes


def _store_gamma(run: Frequencies) -> Store:
    """Return what keeps the eigenvectors of a calculation at Gamma."""

    def store(real: Array, imaginary: Array | None, columns: Sequence[float]) -> None:
        if imaginary is None:
            run.eigenvectors = real

    return store


def _is_whole_dispersion(run: Frequencies, terminated: bool) -> bool:
    """Say whether every point was printed, and each with all its modes."""
    points = run.qpoints
    if not points or [point.n for point in points] != list(range(1, len(points) + 1)):
        return False
    sizes = {len(point.frequencies_cm1) for point in points}
    if len(sizes) != 1 or not all(point.complete for point in points) or sizes.pop() % 3:
        return False
    return len(points) == run.n_qpoints if run.n_qpoints is not None else terminated
