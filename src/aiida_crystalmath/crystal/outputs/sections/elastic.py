"""Elastic constants: the block of ELASTCON.

Layouts proven by real files: CRYSTAL14 and 17 (3D), 22 (2D, 1D), a restarted run with PRINT whose deformed geometries
stand between the strain and its energies, and one under pressure (``ELASTIC PROPERTIES AT PRESSURE``). CRYSTAL23
prints the same (public runs of gfulian/quantas, magnesium oxide and dolomite under pressure).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import Elastic, ElasticFit, ElasticStrain, SeismicVelocity
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.captures import capture_rows
from aiida_crystalmath.crystal.outputs.sections.elastic_tables import (
    capture_bars,
    moduli,
    square,
    triangle,
)

_SYMMETRISED = re.compile(r' SYMMETRIZED ELASTIC CONSTANTS(?: FOR (.*?) CASE)?,? +IN (\S+)', re.IGNORECASE)
_STRAIN = re.compile(r' STRAIN MATRIX\s+(\d+)')
_POINT = re.compile(r'\s*(-?\d+\.\d+)\s*(-?\d\.\d+E[-+]\d+)\s*(-?\d\.\d+E[-+]\d+)\s*$')
_RAW = re.compile(r'\s*(c\d\d)\s*=\s*(\S+)\s+(\S+)')
_FIT = re.compile(r'\s*NUMBER OF POINTS, ORDER=\s*(\d+)\s+(\d+)')
_POINTS = re.compile(r' NUMBER OF POINTS \(TOTAL\) IN NUMERICAL 2ND DERIVATIVE=\s*(\d+)')
_ORDER = re.compile(r' THIS PERMITS TO PERFORM A FITTING UP TO\s+(\S+)\s+ORDER')
_PRESSURE = re.compile(r' ELASTIC PROPERTIES AT PRESSURE \(GPa\)\s*=\s*(\S+)', re.IGNORECASE)
_BULK = re.compile(r' K =\s*(\S+)')
_CRITERION = re.compile(r'\s+(\S.*?)\s{3,}(YES|NO)\s*$')


class ElasticSection(Section):
    """Reads ELASTCON; ``output.elastic`` exists from its title on."""

    def __init__(self, context: Context) -> None:
        """Start without elastic constants."""
        super().__init__(context)
        self.strain: ElasticStrain | None = None
        self.fit: ElasticFit | None = None
        self.in_points = False
        self.in_results = False
        self.ended = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles and lines of the block."""
        return {
            ' ELAE': self.read_title,
            ' * EL': self.read_option,
            ' ELAS': self.read_elastic,
            ' ELAP': self.read_option,
            ' OPTI': self.read_preoptimisation,
            ' MAGN': self.read_step,
            ' NUMB': self.read_points,
            '  NUM': self.read_points,
            ' VOLU': self.read_volume,
            ' DENS': self.read_density,
            ' WARN': self.read_warning,
            ' STRA': self.read_strain,
            '   DI': self.read_energies,
            '  ELA': self.read_raw,
            ' THIS': self.read_order,
            ' SYMM': self.read_constants,
            '  C-M': self.read_fit,
            ' BULK': self.read_moduli,
            ' ****': self.read_rule,
            ' SEIS': self.read_velocities,
            ' K = ': self.read_bulk,
        }

    def _start(self) -> Elastic:
        """Return the result; the title starts it."""
        output = self.output
        output.is_elastic_run = True
        if output.elastic is None:
            output.elastic = Elastic(line=self.context.line)
        return output.elastic

    def read_title(self, line: str) -> None:
        """Read the rule ``ELAELAELA...`` and, two lines below, ``ELASTIC CALCULATION``."""

        def title(text: str) -> bool:
            if text.strip() == 'ELASTIC CALCULATION':
                self._start()
            return False

        capture_rows(self.context, title)

    def read_option(self, line: str) -> None:
        """Read the second title, inside a box; that of ELAPIEZO is known from Quantas, which reads both alike."""
        if 'ELASTCON OPTION' in line or 'ELAPIEZO OPTION' in line:
            self._start()
            self.output.is_piezoelectric_run |= 'ELAPIEZO' in line

    def read_elastic(self, line: str) -> None:
        """Read lines that start with ELAST: option, pressure, compliance."""
        self.read_option(line)
        elastic = self.output.elastic
        if elastic is None:
            return
        if found := _PRESSURE.match(line):
            elastic.pressure_gpa = number(found[1])
        elif line.startswith(' ELASTIC MODULI (COMPLIANCE'):
            target = self.fit or elastic

            def take(rows: list[str]) -> None:
                target.compliance_per_tpa = triangle(rows)

            capture_bars(self.context, take)

    def read_preoptimisation(self, line: str) -> None:
        """Read that the geometry is optimised first."""
        if self.output.elastic is not None and line.startswith(' OPTIMIZATION PERFORMED BEFORE ELASTCON'):
            self.output.elastic.preoptimised = True

    def read_step(self, line: str) -> None:
        """Read the amplitude of the deformations."""
        if self.output.elastic is not None and line.startswith(' MAGNITUDE OF STEPSIZE'):
            self.output.elastic.strain_step = number(line.partition('=')[2])

    def read_points(self, line: str) -> None:
        """Read the number of points, or the head of a table of fewer."""
        elastic = self.output.elastic
        if elastic is None:
            return
        if found := _POINTS.match(line):
            elastic.n_points = int(found[1])
        elif found := _FIT.match(line):
            points, order = int(found[1]), int(found[2])
            known = [fit for fit in elastic.fits if (fit.n_points, fit.order) == (points, order)]
            self.fit = known[0] if known else ElasticFit(points, order)
            if not known:
                elastic.fits.append(self.fit)

    def read_volume(self, line: str) -> None:
        """Read the volume; big ones are overprinted."""
        if self.output.elastic is not None and line.startswith(' VOLUME OF THE CELL:'):
            self.output.elastic.volume_angstrom3 = number(line.partition(':')[2])

    def read_density(self, line: str) -> None:
        """Read the density."""
        if self.output.elastic is not None and line.startswith(' DENSITY OF THE CRYSTAL'):
            values = line.partition('=')[2].split()
            self.output.elastic.density_g_per_cm3 = number(values[0]) if values else None

    def read_warning(self, line: str) -> None:
        """Read that the run is not to be trusted; go on with a table that the warning interrupted."""
        elastic = self.output.elastic
        if elastic is None:
            return
        if 'OPTIMIZE THE STRUCTURE AND RE-RUN' in line:
            elastic.needs_optimisation = True
        elif 'ELAPIEZO' in line and 'LOWER THAN' in line:
            elastic.lower_than_reference = True
            if self.in_points:
                capture_rows(self.context, self._point)

    def read_strain(self, line: str) -> None:
        """Read the matrix of a deformation."""
        found, elastic = _STRAIN.match(line), self.output.elastic
        if found is None or elastic is None:
            return
        strain = self.strain = ElasticStrain(int(found[1]))
        elastic.strains.append(strain)
        self.in_points = False

        def take(rows: list[str]) -> None:
            strain.matrix = square(rows)

        capture_bars(self.context, take)

    def read_energies(self, line: str) -> None:
        """Read the energies along a deformation."""
        if self.strain is not None and line.split()[:2] == ['DISPL', 'ENERGY']:
            self.in_points = True
            capture_rows(self.context, self._point)

    def _point(self, line: str) -> bool:
        """Read one amplitude and its energy."""
        found, strain = _POINT.match(line), self.strain
        if found is None or strain is None:
            return False
        values = [float(group) for group in found.groups()]
        strain.displacements.append(values[0])
        strain.energies_hartree.append(values[1])
        strain.deltas_hartree.append(values[2])
        return True

    def read_raw(self, line: str) -> None:
        """Read the second derivatives of one deformation."""
        strain = self.strain
        if strain is None or not line.startswith('  ELASTIC TENSOR CONSTANTS'):
            return
        self.in_points = False

        def row(text: str) -> bool:
            found = _RAW.match(text)
            value = number(found[2]) if found else None
            if found is None:
                return False
            if value is not None:
                strain.constants[found[1]] = value
            strain.unit = 'GPa' if found[3].lower() == 'gpa' else found[3].lower()
            return True

        def end() -> None:
            strain.complete = bool(strain.constants)

        capture_rows(self.context, row, end)

    def read_order(self, line: str) -> None:
        """Read the order of the fit."""
        if self.output.elastic is not None and (found := _ORDER.match(line)):
            self.output.elastic.fit_order = found[1]

    def read_constants(self, line: str) -> None:
        """Read the symmetrised constants."""
        found = _SYMMETRISED.match(line)
        if found is None:
            return
        elastic = self._start()
        self.fit, self.in_results = None, True
        unit = found[2].lower()
        elastic.crystal_system = (found[1] or '').strip() or None
        elastic.unit = 'GPa' if unit == 'gpa' else 'hartree' if unit == 'hartree' else None

        def take(rows: list[str]) -> None:
            elastic.constants = triangle(rows)
            if elastic.constants is not None:
                elastic.dimensionality = {1: 1, 3: 2, 6: 3}[len(elastic.constants)]

        capture_bars(self.context, take)

    def read_fit(self, line: str) -> None:
        """Read the constants of fewer points."""
        fit = self.fit
        if fit is not None and line.startswith('  C-MATRIX'):

            def take(rows: list[str]) -> None:
                fit.constants = triangle(rows)

            capture_bars(self.context, take)

    def read_moduli(self, line: str) -> None:
        """Read the averages of a polycrystal: a line of names and one of numbers in columns of eight."""
        elastic = self.output.elastic
        if elastic is None or not line.startswith(' BULK MODULUS K, SHEAR'):
            return
        names: list[str] = []

        def row(text: str) -> bool:
            words = text.split()
            if not words or words[0] == 'POISSON':
                return True
            if not names:
                names.extend(words)
                return 'K_V' in words
            elastic.moduli = moduli(names, text.rstrip())
            return False

        capture_rows(self.context, row)

    def read_rule(self, line: str) -> None:
        """Look for the end of the results below a rule, and for the criteria of stability."""
        elastic = self.output.elastic
        if elastic is None or not self.in_results:
            return
        if 'BORN STABILITY' in line:
            self.read_stability(elastic)
            return

        def below(text: str) -> bool:
            if text.startswith(' ****') and 'BORN' not in text:
                return True
            if text.strip() == 'FINAL RESULTS END':
                self.ended, self.in_results = True, False
            return False

        self.context.capture(below)

    def read_stability(self, elastic: Elastic) -> None:
        """Read Born's criteria."""

        def row(text: str) -> bool:
            words = text.strip()
            if not words or words.startswith(('***', 'CONDITION')):
                return True
            if found := _CRITERION.match(text):
                elastic.stability[found[1]] = found[2] == 'YES'
            return found is not None

        capture_rows(self.context, row)

    def read_velocities(self, line: str) -> None:
        """Read the velocities of sound up to the rule below; unstable directions have a line of words instead."""
        elastic = self.output.elastic
        if elastic is None or not line.startswith(' SEISMIC VELOCITIES'):
            return
        velocities: list[SeismicVelocity] = []

        def row(text: str) -> bool:
            if text.startswith(' ['):
                direction, _, rest = text[2:].partition(']')
                vector, values = numbers(direction), [number(word) for word in rest.split()]
                if len(vector) == 3 and len(values) == 3:
                    velocities.append(SeismicVelocity((vector[0], vector[1], vector[2]), *values))
            elif 'NEGATIVE EIGENVALUE' in text:
                elastic.negative_eigenvalues = True
            elif text.startswith(' **'):
                elastic.velocities = velocities
                return False
            else:
                return not text.strip() or 'WAVE VECTOR' in text
            return True

        capture_rows(self.context, row)

    def read_bulk(self, line: str) -> None:
        """Read a bulk modulus; several are printed for several fits."""
        elastic, found = self.output.elastic, _BULK.match(line)
        if elastic is None or found is None:
            return
        if self.fit is not None:
            self.fit.bulk_modulus_gpa = number(found[1])
        else:
            elastic.bulk_modulus_gpa = number(found[1])

    def finish(self) -> None:
        """Say whether the results were read to their end."""
        elastic = self.output.elastic
        if elastic is None:
            return
        if elastic.fits:  # the last fit is the one of all points and full order
            elastic.bulk_modulus_gpa = elastic.fits[-1].bulk_modulus_gpa
        elastic.complete = elastic.constants is not None and (self.ended or self.output.terminated)
