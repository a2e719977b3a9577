"""Geometries: the one of the wave function, those of the points of an optimisation, the final one.

Every block has, in this order and as far as the dimensionality needs them: cell parameters, the atoms of the primitive
cell (fractional along periodic vectors, Å along the others), the crystallographic cell where it differs, and only for
the first and the final geometry the cell vectors. For the points in between the vectors are built from the parameters
and turned like the vectors printed before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from aiida_crystalmath.crystal.elements import split_conventional
from aiida_crystalmath.crystal.geometry import Geometry, Site, cell_from_parameters
from aiida_crystalmath.crystal.outputs.models import Array, CellParameters
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Capture, Context, Handler, Section

_DIMENSIONALITY = re.compile(r'DIMENSIONALITY OF THE SYSTEM\s+(\d)')
_ATOM_COUNTS = re.compile(r'ATOMS IN THE UNIT CELL:\s*(\d+)')
_ATOM = re.compile(r'\s*\d+ ([TF])\s*(\d+) ?([A-Za-z][A-Za-z0-9]*)?\s+(.*)')
"""A label may end with a digit, which is no coordinate: ``FE1`` is iron of the other starting spin."""
_VOLUME = re.compile(r'VOLUME=\s*([\d.]+)')
_GROUP = re.compile(r'GROUP.*?:\s+(\S.*?)\s*$')
_VACUUM_ANGSTROM = 500.0


@dataclass
class GeometryBlock:
    """One printed geometry."""

    kind: str
    dimensionality: int
    parameters: CellParameters | None = None
    n_atoms: int | None = None
    atoms: list[tuple[int, tuple[float, float, float]]] = field(default_factory=list)
    vectors: Array | None = None

    @property
    def complete(self) -> bool:
        """Whether all atoms, and the cell if there must be one, were read."""
        has_cell = self.dimensionality == 0 or self.parameters is not None or self.vectors is not None
        return bool(self.n_atoms) and len(self.atoms) == self.n_atoms and has_cell


class GeometrySection(Section):
    """Reads all geometries of one program.

    :ivar blocks: 'initial' and 'final' block (the last one of each sort).
    """

    def __init__(self, context: Context) -> None:
        """Start without geometry."""
        super().__init__(context)
        self.initial: GeometryBlock | None = None
        self.final: GeometryBlock | None = None
        self.current: GeometryBlock | None = None
        self.reference: Array | None = None
        self.points: list[GeometryBlock] = []

    def anchors(self) -> Mapping[str, Handler]:
        """Titles of the parts of a geometry."""
        return {
            ' GEOM': self.read_title,
            ' FINA': self.read_title,
            ' PRIM': self.read_primitive_cell,
            ' CRYS': self.read_crystallographic_cell,
            ' ATOM': self.read_atoms,
            ' DIRE': self.read_vectors,
            ' SPAC': self.read_group,
            ' TWO-': self.read_group,
            ' NUMB': self.read_symmops,
        }

    def read_title(self, line: str) -> None:
        """Start the first or the final geometry."""
        found = _DIMENSIONALITY.search(line)
        if found is None:
            return
        if line.startswith(' GEOMETRY FOR WAVE'):
            self.current = GeometryBlock('initial', int(found[1]))
            if self.initial is None:
                self.initial = self.current
                self.output.dimensionality = self.current.dimensionality
        elif line.startswith(' FINAL OPTIMIZED GEOMETRY'):
            self.current = self.final = GeometryBlock('final', int(found[1]))

    def start_point(self) -> GeometryBlock:
        """Start the geometry of an optimisation point (called by the optimisation)."""
        self.current = GeometryBlock('point', self.output.dimensionality or 0)
        return self.current

    def read_primitive_cell(self, line: str) -> None:
        """Read cell parameters, which stand two lines below."""
        if self.current is None or not line.startswith(' PRIMITIVE CELL'):
            return
        block = self.current

        def store(cell: CellParameters) -> None:
            block.parameters = cell
            self.output.primitive_cell = cell

        self.context.capture(_below(line, store))

    def read_crystallographic_cell(self, line: str) -> None:
        """Read the conventional cell, which stands two lines below."""
        if self.current is None or not line.startswith(' CRYSTALLOGRAPHIC CELL'):
            return

        def store(cell: CellParameters) -> None:
            self.output.crystallographic_cell = cell

        self.context.capture(_below(line, store))

    def read_atoms(self, line: str) -> None:
        """Read the atoms of the primitive cell."""
        found = _ATOM_COUNTS.search(line)
        if self.current is None or found is None or self.current.atoms:
            return
        self.current.n_atoms = int(found[1])
        if self.current is self.initial:
            self.output.n_atoms = self.current.n_atoms
        self.context.capture(partial(_read_atom, self.current))

    def read_vectors(self, line: str) -> None:
        """Read cell vectors in Å."""
        if self.current is None or not line.startswith(' DIRECT LATTICE VECTORS CARTESIAN'):
            return
        rows: list[list[float]] = []
        block = self.current

        def row(text: str) -> bool:
            values = numbers(text)
            if len(values) == 3:
                rows.append(values)
            elif rows:
                return False
            if len(rows) == 3:
                block.vectors = np.array(rows)
                self.reference = block.vectors
                return True
            return len(rows) < 3 and 'ATOM' not in text

        self.context.capture(row)

    def read_group(self, line: str) -> None:
        """Read the symbol of the space or layer group, or its number where the program has no symbol."""
        found = _GROUP.search(line)
        if found and self.output.space_group is None and 'CORRESPONDING' not in line:
            self.output.space_group = found[1]

    def read_symmops(self, line: str) -> None:
        """Read the number of symmetry operators and of orbitals."""
        value = line[40:].strip(' :')
        if line.startswith(' NUMBER OF SYMMETRY OPERATORS') and value.isdigit():
            self.output.n_symmops = int(value)
        elif line.startswith(' NUMBER OF AO'):
            self.output.n_ao = int(line[13:32])

    def finish(self) -> None:
        """Build the geometries."""
        if self.initial is not None:
            self.output.initial_geometry = self.build(self.initial)

    def build(self, block: GeometryBlock) -> Geometry | None:
        """Return the geometry of a block, None if it is not complete or makes no sense."""
        if not block.complete:
            return None
        try:
            cell = self._cell(block)
        except ValueError:
            return None
        frame = cell.copy()
        for axis in range(block.dimensionality, 3):
            frame[axis] /= np.linalg.norm(frame[axis])
        positions = np.array([position for _, position in block.atoms]) @ frame
        if not np.isfinite(positions).all():
            return None
        sites = tuple(_site(atom[0], position) for atom, position in zip(block.atoms, positions, strict=True))
        return Geometry(cell, block.dimensionality, sites)

    def _cell(self, block: GeometryBlock) -> Array:
        """Return the cell vectors of a block, turned like the ones printed last."""
        if block.dimensionality == 0:
            return np.eye(3) * _VACUUM_ANGSTROM
        if block.vectors is not None:
            return block.vectors
        if block.parameters is None:
            raise ValueError('no cell')
        cell = cell_from_parameters(block.parameters.lengths_and_angles)
        if self.reference is None:
            return cell
        # Orthogonal Procrustes problem: the rotation that brings the new vectors closest to the known ones.
        left, _, right = np.linalg.svd(cell.T @ self.reference)
        turned: Array = cell @ left @ right
        return turned


def _below(title: str, store: Callable[[CellParameters], None]) -> Capture:
    """Return a reader of the six cell parameters below a title."""
    volume = _VOLUME.search(title)

    def row(text: str) -> bool:
        values = numbers(text)
        if len(values) == 6:
            a, b, c, alpha, beta, gamma = values
            store(CellParameters(a, b, c, alpha, beta, gamma, number(volume[1]) if volume else None))
            return True
        return not values and ('ALPHA' in text)

    return row


def _read_atom(block: GeometryBlock, line: str) -> bool:
    """Read one row of the table of atoms; its header and rule are passed over."""
    found = _ATOM.match(line)
    if found is None:
        return not block.atoms and ('***' in line or 'ATOM' in line)
    values = numbers(found[4])
    if len(values) < 3:
        return False
    block.atoms.append((int(found[2]), (values[0], values[1], values[2])))
    return len(block.atoms) < (block.n_atoms or 0)


def _site(conventional: int, position: Array) -> Site:
    """Return the site of a conventional atomic number."""
    z, ecp, variant = split_conventional(conventional)
    x, y, w = (float(value) for value in position)
    return Site(z, (x, y, w), ghost=z == 0, ecp=ecp, variant=variant)
