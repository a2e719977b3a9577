"""Geometry optimisation: its points, convergence criteria and end."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import Optimisation, OptPoint, PointGeometry
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.geometry import GeometryBlock, GeometrySection

_POINT = re.compile(r' (COORDINATE AND CELL|COORDINATE|CELL) OPTIMIZATION - POINT\s*(\d+)')
_END = re.compile(r'\s*\* OPT END - (CONVERGED|FAILED)\s*\* E\(AU\):\s*(\S+)\s+POINTS\s*(\d+)')
_ENERGY = re.compile(r' TOTAL ENERGY\((?:DFT|HF)\)\(AU\)\(\s*\d+\)\s*(\S+)\s+DE(?:\s*\(AU\))?\s*(\S+)')
_CORRECTED = re.compile(r' TOTAL ENERGY \+ DISP(?: \+ GCP)? \(AU\)\s*(\S+)')
_CRITERION = re.compile(r' (MAX|RMS) (GRADIENT|DISPLAC\.)\s+(\S+)\s+THRESHOLD\s+\S+\s+CONVERGED\s+(YES|NO)')
_NORM = re.compile(r' GRADIENT NORM\s+(\S+)')
_FINAL_GAP = re.compile(r'\s*(ALPHA |BETA )?BAND GAP:\s*(\S+)\s*eV')
_NAMES = {
    ('MAX', 'GRADIENT'): 'max_gradient',
    ('RMS', 'GRADIENT'): 'rms_gradient',
    ('MAX', 'DISPLAC.'): 'max_displacement',
    ('RMS', 'DISPLAC.'): 'rms_displacement',
}


class OptimisationSection(Section):
    """Follows optimisations; the output keeps the last one.

    :ivar final_gaps: gaps (eV) printed after OPT END, by channel ('', 'alpha', 'beta').
    :ivar scf_at_end: how many SCF had been read when OPT END came.
    """

    def __init__(self, context: Context, geometry: GeometrySection) -> None:
        """Start without optimisation."""
        super().__init__(context)
        self.geometry = geometry
        self.blocks: list[tuple[OptPoint, GeometryBlock]] = []
        self.final_gaps: dict[str, float] = {}
        self.scf_at_end = 0
        self.ended = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles, criteria and ends."""
        return {
            ' COOR': self.read_point,
            ' CELL': self.read_point,
            ' TOTA': self.read_energy,
            ' MAX ': self.read_criterion,
            ' RMS ': self.read_criterion,
            ' GRAD': self.read_norm,
            ' ENER': self.read_rejection,
            ' * OP': self.read_end,
            ' *   ': self.read_start,
            '   BA': self.read_final_gap,
            '   AL': self.read_final_gap,
            '   BE': self.read_final_gap,
        }

    def read_start(self, line: str) -> None:
        """Read that an optimisation starts."""
        if 'OPTIMIZATION STARTS' in line:
            self.output.is_optimisation = True

    def read_point(self, line: str) -> None:
        """Start a point."""
        found = _POINT.match(line)
        if found is None:
            return
        output, n = self.output, int(found[2])
        optimisation = output.optimisation
        if optimisation is None or self.ended or (optimisation.points and n < optimisation.points[-1].n):
            optimisation = output.optimisation = Optimisation(kind=found[1], line=self.context.line)
            output.n_optimisations += 1
            self.ended = False
            self.blocks = []
            self.final_gaps = {}
        output.is_optimisation = True
        point = OptPoint(n)
        optimisation.points.append(point)
        self.blocks.append((point, self.geometry.start_point()))

    def _point(self) -> OptPoint | None:
        """Return the current point."""
        optimisation = self.output.optimisation
        return None if self.ended or optimisation is None or not optimisation.points else optimisation.points[-1]

    def read_energy(self, line: str) -> None:
        """Read the energy of the point; dispersion has a line of its own in the first one and is included later."""
        point = self._point()
        if point is None:
            return
        if found := _CORRECTED.match(line):
            point.energy_hartree = number(found[1])
        elif found := _ENERGY.match(line):
            point.energy_hartree = number(found[1])
            if 'DE (AU)' in line:
                point.delta_hartree = number(found[2])

    def read_criterion(self, line: str) -> None:
        """Read one of the four convergence criteria."""
        point, found = self._point(), _CRITERION.match(line)
        if point is not None and found is not None:
            name = _NAMES[(found[1], found[2])]
            setattr(point, name, number(found[3]))
            point.flags = {**point.flags, name: found[4] == 'YES'}

    def read_norm(self, line: str) -> None:
        """Read the norm of the gradient."""
        point, found = self._point(), _NORM.match(line)
        if point is not None and found is not None:
            point.gradient_norm = number(found[1])

    def read_rejection(self, line: str) -> None:
        """Read that the step was rejected."""
        point = self._point()
        if point is not None and 'STEP REJECTED' in line:
            point.rejected = True

    def read_end(self, line: str) -> None:
        """Read the end of the optimisation."""
        found = _END.match(line)
        if found is None:
            return
        if self.output.optimisation is None:
            self.output.optimisation = Optimisation(line=self.context.line)
            self.output.n_optimisations += 1
        self.output.is_optimisation = True
        optimisation = self.output.optimisation
        optimisation.status = 'converged' if found[1] == 'CONVERGED' else 'failed'
        optimisation.energy_hartree = number(found[2])
        optimisation.n_points = int(found[3])
        self.scf_at_end = len(self.output.scf)
        self.ended = True

    def read_final_gap(self, line: str) -> None:
        """Read the gap of the final geometry."""
        found = _FINAL_GAP.match(line)
        value = number(found[2]) if found else None
        if found and value is not None and self.ended:
            self.final_gaps[(found[1] or '').strip().lower()] = value

    def finish(self) -> None:
        """Build the geometries of the points; the first one is the initial geometry and not printed again."""
        for point, block in self.blocks:
            geometry = self.geometry.build(block)
            if geometry is None and point.n == 1:
                geometry = self.output.initial_geometry
            point.snapshot = None if geometry is None else PointGeometry.of(geometry)
