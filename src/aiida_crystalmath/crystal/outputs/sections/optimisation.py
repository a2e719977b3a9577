"""Geometry optimisation: its points, convergence criteria and end.

A point begins at its title; everything up to the next title (or ``OPT END``) belongs to it. Geometries of points are
kept in little memory and only turned into the frame of the geometry printed last at the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import Array, Optimisation, OptPoint, PointGeometry
from aiida_crystalmath.crystal.outputs.models.deferred import Later
from aiida_crystalmath.crystal.outputs.numbers import integer, number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.geometry import GeometrySection
from aiida_crystalmath.crystal.outputs.sections.geometry_block import GeometryBlock, place
from aiida_crystalmath.crystal.outputs.sections.optimisation_echo import OptimisationEcho

_POINT = re.compile(r' (\S.*?) OPTIMIZATION - POINT\s*(\d+)')
_END = re.compile(r'\s*\* OPT END - (CONVERGED|FAILED)\s*\* E\(AU\):\s*(\S+)\s+POINTS\s*(\d+)')
_ENERGY = re.compile(r' TOTAL ENERGY\((?:DFT|HF)\)\(AU\)\(\s*(\d+|\*+)\)\s*(\S+)\s+DE(?:\s*\(AU\))?\s*(\S+)')
_CORRECTED = re.compile(r' TOTAL ENERGY \+ (?:DISP|GCP)\S*(?: \+ \w+)* \(AU\)\s*(\S+)')
_CRITERION = re.compile(r' (MAX|RMS) (GRADIENT|DISPLAC\.)\s+(\S+)\s+THRESHOLD\s+(\S+)\s+CONVERGED\s+(YES|NO)')
_STRESS = re.compile(r' TOTAL ENERGY CORRECTED: EXTERNAL STRESS CONTRIBUTION\s*=\s*(\S+)')
_NORM = re.compile(r' GRADIENT NORM\s+(\S+)')
_TRUST = re.compile(r' (?:UPDATED|INITIAL) TRUST RADIUS\s+(\S+)\s*$')
_PREDICTED = re.compile(r' PREDICTED ENERGY CHANGE\s+(\S+)')
_FINAL_GAP = re.compile(r'\s*(ALPHA |BETA )?BAND GAP:\s*(\S+)\s*eV')
_REASON = re.compile(r' (CONVERGENCE (?:TESTS|ON GRADIENTS?)\b.*?(?:SATISFIED|UNSATISFIED|STEPS))')
_NAMES = {
    ('MAX', 'GRADIENT'): 'max_gradient',
    ('RMS', 'GRADIENT'): 'rms_gradient',
    ('MAX', 'DISPLAC.'): 'max_displacement',
    ('RMS', 'DISPLAC.'): 'rms_displacement',
}
_MAX_POINTS = 4000
_MAX_ATOMS = 200_000
_MAX_OPTIMISATIONS = 100


class OptimisationSection(Section):
    """Follows optimisations; the output keeps all of them (at most 100), and the last one in ``optimisation``.

    Of one optimisation at most 4000 points are kept, and geometries of at most 200,000 atoms over all points: the
    first, the lowest and the last ones stay.

    :ivar final_gaps: gaps (eV) printed after OPT END, by channel ('', 'alpha', 'beta').
    :ivar scf_at_end: how many SCF had been read when OPT END came.
    :ivar last_point_scf: how many SCF had been read when the last point began.
    """

    def __init__(self, context: Context, geometry: GeometrySection) -> None:
        """Start without optimisation."""
        super().__init__(context)
        self.geometry = geometry
        self.echo = OptimisationEcho(context)
        self.block: GeometryBlock | None = None
        self.start: GeometryBlock | None = None
        self.blocks: dict[int, GeometryBlock] = {}
        self.kept_atoms = 0
        self.numbers: list[int] = []
        self.forces: Array | None = None
        self.final_gaps: dict[str, float] = {}
        self.scf_at_end = 0
        self.last_point_scf = 0
        self.ended = False

    def anchors(self) -> Mapping[str, Handler]:
        """Titles, criteria and ends."""
        return {
            **dict.fromkeys((' COOR', ' CELL', ' ATOM', ' INTE', ' CONS', ' SADD', ' TRAN'), self.read_point),
            ' TOTA': self.read_energy,
            ' MAX ': self.read_criterion,
            ' RMS ': self.read_criterion,
            ' GRAD': self.read_norm,
            ' UPDA': self.read_trust,
            ' INIT': self.read_trust,
            ' PRED': self.read_trust,
            ' ENER': self.read_rejection,
            ' FLAT': self.read_flat,
            ' CONV': self.read_reason,
            ' GEOM': self.read_reason,
            ' FINA': self.read_restart,
            ' * OP': self.read_end,
            ' *   ': self.read_start,
            ' STAR': self.read_start,
            '   BA': self.read_final_gap,
            '   AL': self.read_final_gap,
            '   BE': self.read_final_gap,
        }

    def read_start(self, line: str) -> None:
        """Read that an optimisation starts."""
        if 'OPTIMIZATION STARTS' in line or line.startswith(' STARTING GEOMETRY OPTIMIZATION'):
            self.output.is_optimisation = True

    # ------------------------------------------------------------------------------------------------ points

    def read_point(self, line: str) -> None:
        """Start a point."""
        found = _POINT.match(line)
        if found is None:
            self.echo.read_control(line)
            return
        n = int(found[2])
        optimisation = self.output.optimisation
        if optimisation is None or self.ended or (optimisation.points and n < optimisation.points[-1].n):
            optimisation = self._begin(found[1])
            self.start = self._printed_before()
        self._finish_point()
        self._thin(optimisation)
        self.output.is_optimisation = True
        self.last_point_scf = len(self.output.scf) + self.output.n_dropped_scf
        optimisation.points.append(OptPoint(n, line=self.context.line))
        self.forces = self.output.forces
        self.block = self.geometry.start_point()

    def _printed_before(self) -> GeometryBlock | None:
        """Return the block that is the geometry of the first point, which is not printed again.

        Other volumes of an equation of state print a cell without a title: then the block before is another geometry.
        """
        block, cell = self.geometry.current, self.output.primitive_cell
        if block is None or not block.complete:
            return None
        known = block.parameters
        is_last = known is None or cell is None or known.lengths_and_angles == cell.lengths_and_angles
        return block if is_last else None

    def _begin(self, kind: str) -> Optimisation:
        """Start an optimisation."""
        self._finish_point()
        self._build()
        optimisation = Optimisation(kind=kind, line=self.context.line, settings=self.echo.take())
        if self.output.optimisation is not None:
            if len(self.output.optimisations) >= _MAX_OPTIMISATIONS:
                del self.output.optimisations[1]
        self.output.optimisation = optimisation
        self.output.optimisations.append(optimisation)
        self.output.n_optimisations += 1
        self.ended = False
        self.final_gaps = {}
        return optimisation

    def _point(self) -> OptPoint | None:
        """Return the current point."""
        optimisation = self.output.optimisation
        return None if self.ended or optimisation is None or not optimisation.points else optimisation.points[-1]

    def _finish_point(self) -> None:
        """Keep geometry and forces of the point that ends."""
        optimisation, block = self.output.optimisation, self.block
        self.block = None
        if optimisation is None or not optimisation.points:
            return
        point = optimisation.points[-1]
        if self.output.forces is not self.forces:
            point.forces = self.output.forces
        if block is None or not block.complete:
            return
        # Neither labels nor the crystallographic cell of a point are results; the numbers are the same in all points.
        self.numbers = block.numbers = self.numbers if block.numbers == self.numbers else block.numbers
        block.labels, block.asymmetric, block.crystallographic_rows = [], [], []
        self.blocks[id(point)] = block
        self.kept_atoms += len(block.numbers)

    def _thin(self, optimisation: Optimisation) -> None:
        """Drop points, geometries and forces of the middle when there are too many."""
        points = optimisation.points
        if len(points) >= _MAX_POINTS:
            best = optimisation.best
            dropped = [point for point in points[1 : _MAX_POINTS // 2] if point is not best]
            for point in dropped:
                self.blocks.pop(id(point), None)
            gone = {id(point) for point in dropped}
            points[:] = [point for point in points if id(point) not in gone]
            optimisation.n_dropped_points += len(dropped)
        if self.kept_atoms > _MAX_ATOMS:
            spared = {id(points[0]), id(points[-1]), id(optimisation.best)}
            for point in points[: len(points) // 2 + 1]:
                if id(point) not in spared:
                    optimisation.n_dropped_geometries += self.blocks.pop(id(point), None) is not None
                    point.forces = None
            self.kept_atoms = sum(len(block.numbers) for block in self.blocks.values())

    # ------------------------------------------------------------------------------------------------ lines of a point

    def read_energy(self, line: str) -> None:
        """Read the energy of the point; dispersion has a line of its own in the first one and is included later."""
        point = self._point()
        if point is None:
            return
        if found := _CORRECTED.match(line):
            point.energy_hartree = number(found[1])
        elif found := _ENERGY.match(line):
            point.scf_cycles = integer(found[1])
            point.energy_hartree = number(found[2])
            point.includes_stress = 'DE (AU)' in line and point.stress_hartree is not None
            if 'DE (AU)' in line:
                point.delta_hartree = number(found[3])
        elif found := _STRESS.match(line):
            point.stress_hartree = number(found[1])

    def read_criterion(self, line: str) -> None:
        """Read one of the four convergence criteria."""
        point, found = self._point(), _CRITERION.match(line)
        if point is not None and found is not None:
            name = _NAMES[(found[1], found[2])]
            setattr(point, name, number(found[3]))
            point.flags = {**point.flags, name: found[5] == 'YES'}
            self.echo.read_threshold(name, found[4])

    def read_norm(self, line: str) -> None:
        """Read the norm of the gradient."""
        point, found = self._point(), _NORM.match(line)
        if point is not None and found is not None:
            point.gradient_norm = number(found[1])

    def read_trust(self, line: str) -> None:
        """Read the trust radius, or the change of the energy that the optimiser expects."""
        point = self._point()
        if point is None:
            return
        self.echo.read_restart(line)
        if found := _TRUST.match(line):
            point.trust_radius = number(found[1])
        elif found := _PREDICTED.match(line):
            point.predicted_change_hartree = number(found[1])

    def read_rejection(self, line: str) -> None:
        """Read that the step was rejected."""
        point = self._point()
        if point is not None and 'STEP REJECTED' in line:
            point.rejected = True

    def read_flat(self, line: str) -> None:
        """Read that the surface is flat."""
        point = self._point()
        if point is not None and line.startswith(' FLAT SURFACE'):
            point.flat_surface = True

    # ------------------------------------------------------------------------------------------------ end

    def read_reason(self, line: str) -> None:
        """Read why the optimisation stops; a later reason replaces one after which FINALRUN went on."""
        optimisation = self.output.optimisation
        if optimisation is None or self.ended or not optimisation.points:
            return
        if line.startswith(' GEOMETRY OPTIMIZATION STOPPED'):
            optimisation.reason = 'GEOMETRY OPTIMIZATION STOPPED'
        elif found := _REASON.match(line):
            if 'NO CHANGE IN ENERGY' in line:
                optimisation.points[-1].flat_surface = True
            else:
                optimisation.reason = found[1]

    def read_restart(self, line: str) -> None:
        """Read that FINALRUN goes on with the optimisation."""
        optimisation = self.output.optimisation
        if optimisation is not None and line.startswith(' FINALRUN OPTION: RE-STARTING OPTIMIZATION'):
            optimisation.restarts += 1

    def read_end(self, line: str) -> None:
        """Read the end of the optimisation."""
        found = _END.match(line)
        if found is None:
            return
        self.output.is_optimisation = True
        optimisation = self.output.optimisation
        if optimisation is None:
            optimisation = self._begin('')
        optimisation.status = 'converged' if found[1] == 'CONVERGED' else 'failed'
        optimisation.energy_hartree = number(found[2])
        optimisation.n_points = int(found[3])
        self._finish_point()
        self.scf_at_end = len(self.output.scf) + self.output.n_dropped_scf
        self.ended = True

    def read_final_gap(self, line: str) -> None:
        """Read the gap of the final geometry."""
        found = _FINAL_GAP.match(line)
        value = number(found[2]) if found else None
        if found and value is not None and self.ended:
            self.final_gaps[(found[1] or '').strip().lower()] = value

    def finish(self) -> None:
        """Build the geometries of the points."""
        self._finish_point()
        self._build()
        self.echo.finish()

    def _build(self) -> None:
        """Keep what the geometries of the points are made of; the first one is the initial geometry."""
        optimisation = self.output.optimisation
        if optimisation is None:
            return
        ghosts = frozenset(self.geometry.ghosts)
        numbers: tuple[int, ...] = ()
        for point in optimisation.points:
            block = self.blocks.get(id(point))
            if block is not None:
                numbers = numbers if list(numbers) == block.numbers else tuple(block.numbers)
                point.snapshot = Later(_snapshot, block, self.geometry.reference, numbers, ghosts)
        first = optimisation.points[0] if optimisation.points else None
        start = self.start
        if start is None and optimisation.n_points == 1:
            start = self.geometry.final
        if first is not None and first.n == 1 and first.snapshot is None and start is not None:
            geometry = self.geometry.build(start)
            first.snapshot = None if geometry is None else PointGeometry.of(geometry)
        self.blocks, self.kept_atoms = {}, 0


def _snapshot(
    block: GeometryBlock, reference: Array | None, numbers: tuple[int, ...], ghosts: frozenset[int]
) -> PointGeometry | None:
    """Turn a block into the frame of the geometry printed last; None where it makes no sense."""
    placed = place(block, reference)
    return None if placed is None else PointGeometry(placed[0], block.dimensionality, numbers, placed[1], ghosts)
