"""What a frequency calculation sets out to do: masses, displacements, restart, supercell, points and species."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Displacement, Irrep
from aiida_crystalmath.crystal.outputs.models.frequencies import IntensityMethod
from aiida_crystalmath.crystal.outputs.numbers import integer, number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs

_MASS = re.compile(r'\s*(\d+) ([A-Z]{1,2})\s+(\d*\.\d+)')
_ATOM = re.compile(r'\s+\d+ [A-Z]{1,2}\s')
_STEP = re.compile(r' (?:DX=|STEP SIZE)\s*(\d*\.\S+)', re.IGNORECASE)
_COUNT = re.compile(r' NUMBER OF (IRREDUCIBLE ATOMS|SCF\+GRADIENT CALCULATIONS)\s+(\d+)')
_DISPLACEMENT = re.compile(r'\s*(\d+) ([A-Z]{1,2})\s+D([XYZ])\s+(\S.*)')
_COMPUTED = re.compile(r'(?:\d \*\s+)?(\S+)\s+(-?\d\.\d+E[-+]\d+)\s+(\d+)\s+(\S+)')
_CENTRAL = re.compile(r'\s*CENTRAL POINT\s+(-?\d\.\d+E[-+]\d+)\s+(\d+)')
_IRREP = re.compile(r"([A-Za-z0-9'\"*+-]+?)\s*-\(\s*(\d+),\s*(\d+)\s*\)")
_QPOINT = re.compile(r' \*\s+\d+\s+\d+\.\s+-?\d+\s+-?\d+\s+-?\d+\s+\*')
_SHRINK = re.compile(r'IS1 =\s*(\d+)\s+IS2 =\s*(\d+)\s+IS3 =\s*(\d+)')
_METHODS: tuple[tuple[str, IntensityMethod], ...] = (
    ('BERRY PHASE', 'berry_phase'),
    ('WANNIER', 'wannier'),
    ('CPHF', 'cphf'),
)
_INPUT_ECHO = ' INFORMATION **** INPFREQ ****'


class SetupPart(Part):
    """Reads the echo of the input and the module's preparations."""

    def __init__(self, context: Context, runs: Runs) -> None:
        """Start without a restart."""
        super().__init__(context, runs)
        self.is_restart = False
        self.irreps_done = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles and single lines."""
        return {
            ' FRQFRQ': self.read_request,
            _INPUT_ECHO: self.read_input_echo,
            ' * CALCULATION OF PHONON FREQUENCIES': self.read_title,
            ' * INTENSITIES COMPUTED VIA': self.read_method,
            ' ATOMS ISOTOPIC MASS': self.read_masses,
            ' NUMERICAL GRADIENT COMPUTED WITH': self.read_scheme,
            ' DX= ': self.read_step,
            ' dx= ': self.read_step,
            ' STEP SIZE': self.read_step,
            ' NUMBER OF IRREDUCIBLE ATOMS': self.read_count,
            ' NUMBER OF SCF+GRADIENT': self.read_count,
            '   ATOM      MAX ABS(DGRAD)': self.read_displacements,
            '   ATOM          STEP  ': self.read_displacements,
            ' * SCHEME. THE FOLLOWING SUPERCELL': self.read_supercell,
            ' *  K       WEIGHT': self.read_qpoint_list,
            ' * WITH SHRINKING FACTORS': self.read_shrink,
            ' IRREP/CLA': self.read_irreps,
        }

    def read_request(self, line: str) -> None:
        """Read that FREQCALC was asked for."""
        self.context.output.is_frequency_run = True

    def read_input_echo(self, line: str) -> None:
        """Read a choice of the input."""
        self.context.output.is_frequency_run = True
        if 'CALCULATION RESTART' in line:
            self.is_restart = True

    def read_title(self, line: str) -> None:
        """Start a run."""
        self.context.output.is_frequency_run = True
        run = self.runs.current
        # CRYSTAL 09 prints the title of a dispersion twice, the second time below masses and step.
        if run.modes or run.qpoints or run.displacements or run.thermodynamics:
            run = self.runs.start()
        run.is_restart = self.is_restart
        run.is_dispersion = 'SET OF K' in line
        self.irreps_done = False

    def read_method(self, line: str) -> None:
        """Read how intensities are computed; a dispersion prints the line whether they are or not."""
        for words, method in _METHODS:
            if words in line:
                self.runs.current.intensity_method = method

    def read_masses(self, line: str) -> None:
        """Read the isotopic masses, four atoms a line (decimals differ between versions)."""

        def closed(rows: list[str]) -> None:
            found = [match for row in rows for match in _MASS.finditer(row)]
            numbered = [int(match[1]) for match in found] == list(range(1, len(found) + 1))
            if numbered and 3 * len(found) == sum(len(row.split()) for row in rows):
                self.runs.current.symbols = tuple(match[2].capitalize() for match in found)
                self.runs.current.masses_amu = tuple(float(match[3]) for match in found)

        self.collect(_ATOM.match, closed)

    def read_scheme(self, line: str) -> None:
        """Read whether each coordinate is displaced once or both ways."""
        run = self.runs.known
        if run is not None and ('SINGLE' in line or 'DOUBLE' in line):
            run.displacements_per_coordinate = 2 if 'DOUBLE' in line else 1

    def read_step(self, line: str) -> None:
        """Read the step in angstrom; CRYSTAL 06 prints no unit, its displacements in bohr show that it is the same."""
        run, found = self.runs.known, _STEP.match(line)
        if run is not None and found is not None:
            run.step_angstrom = number(found[1])

    def read_count(self, line: str) -> None:
        """Read how many irreducible atoms and calculations there are."""
        run, found = self.runs.known, _COUNT.match(line)
        if run is None or found is None:
            return
        if found[1] == 'IRREDUCIBLE ATOMS':
            run.n_irreducible_atoms = int(found[2])
        else:
            run.n_calculations = int(found[2])

    def read_displacements(self, line: str) -> None:
        """Read the table of displaced geometries, which grows as the run proceeds.

        CRYSTAL 06 prints the step (bohr) where later versions print the largest gradient.
        """
        run = self.runs.current
        has_gradient = 'DGRAD' in line

        def row(text: str) -> bool:
            found = _displacement(text, has_gradient=has_gradient)
            if found is None:
                run.displacements_complete = bool(run.displacements) and not text.strip()
                return False
            run.displacements.append(found)
            return True

        self.context.capture(row)

    def read_supercell(self, line: str) -> None:
        """Read the expansion of the reference cell."""

        def closed(rows: list[str]) -> None:
            matrix = [numbers(row) for row in rows]
            if [len(row) for row in matrix] == [3, 3, 3]:
                self.runs.current.supercell = tuple((row[0], row[1], row[2]) for row in matrix)

        self.collect(lambda row: row.startswith(' *   ') and len(numbers(row)) == 3, closed)

    def read_qpoint_list(self, line: str) -> None:
        """Count the points announced."""

        def closed(rows: list[str]) -> None:
            self.runs.current.n_qpoints = len(rows)
            if rows and integer(rows[-1].split()[1]) != len(rows):
                self.runs.current.n_qpoints = None

        self.collect(_QPOINT.match, closed)

    def read_shrink(self, line: str) -> None:
        """Read the shrinking factors, and the reciprocal vectors that follow."""
        if found := _SHRINK.search(line):
            self.runs.current.shrink = (int(found[1]), int(found[2]), int(found[3]))
        run = self.runs.current
        rows: list[list[float]] = []

        def row(text: str) -> bool:
            if 'RECIPROCAL LATTICE VECTORS' in text:
                return True
            values = numbers(text) if text.startswith(' *   ') else []
            if len(values) == 3:
                rows.append(values)
                return True
            if len(rows) == 3:
                run.reciprocal_vectors = np.array(rows)
            return False

        self.capture(row)

    def read_irreps(self, line: str) -> None:
        """Read the symmetry species, below the character table; in a dispersion those of the first point."""
        run = self.runs.known
        if self.irreps_done or run is None:
            return
        found: list[Irrep] = []

        def row(text: str) -> bool:
            if matches := _IRREP.findall(text):
                found.extend(Irrep(name, int(size), int(count)) for name, size, count in matches)
                return True
            if not found and (not text.strip(' -') or '|' in text or text.startswith(' IRREP/CLA')):
                return True
            self.irreps_done = bool(found)
            run.irreps = found
            return False

        self.capture(row)


def _displacement(text: str, *, has_gradient: bool) -> Displacement | None:
    """Return what a row of the table of displacements tells; None if it is no row."""
    if found := _CENTRAL.match(text):
        return Displacement(0, '', 'computed', None, number(found[1]), int(found[2]), 0.0)
    found = _DISPLACEMENT.match(text)
    if found is None:
        return None
    atom, direction, rest = int(found[1]), found[3], found[4]
    if 'GENERATED' in rest:
        return Displacement(atom, direction, 'generated')
    if 'RESTORED' in rest:
        return Displacement(atom, direction, 'restored')
    values = _COMPUTED.match(rest)
    if values is None:
        return None
    first, energy, cycles, difference = values.groups()
    gradient = number(first) if has_gradient else None
    return Displacement(atom, direction, 'computed', gradient, number(energy), int(cycles), number(difference))
