"""Geometries: the one of the wave function, those of the points of an optimisation, the final one.

Every block has, in this order and as far as the dimensionality needs them: cell parameters, the atoms of the primitive
cell (fractional along periodic vectors, Å along the others), the crystallographic cell where it differs, and only for
the first and the final geometry the cell vectors. For the points in between the vectors are built from the parameters
and turned like the vectors printed before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.models import Array, CellParameters, GroupKind, SymmetryGroup
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Capture, Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.geometry_block import (
    GeometryBlock,
    build,
    report,
    take_row,
    with_volume,
)

_DIMENSIONALITY = re.compile(r'DIMENSIONALITY OF THE SYSTEM\s+([0-3])\b')
_ATOM_COUNTS = re.compile(r'ATOMS IN THE ASYMMETRIC UNIT\s*(\d+)?\D*?- ATOMS IN THE UNIT CELL:\s*(\d+)')
_VOLUME = re.compile(r'VOLUME=\s*([\d.]+)')
_CENTRING = re.compile(r'CENTRING CODE\s*(\d+)')
_DENSITY = re.compile(r'DENSITY\s+([\d.]+)\s*g/cm')
_GHOST = re.compile(r'(\d+)\(\s*\d+\)')
_GROUP = re.compile(
    r' (SPACE|TWO-SIDED PLANE|POLYMER|ROD|POINT)\s+GROUP\s*'
    r'(?:\((NON)?CENTROSYMMETRIC\))?(?:N\.\s*(\d+)?)?\s*:?\s*(\S.*?)?\s*$'
)
"""The polymer's line (``POLYMER GROUP N. 28 :  P M M M``) is that of public runs of CRYSTAL23 (tests of MACE)."""
_KINDS: dict[str, GroupKind] = {
    'SPACE': 'space',
    'TWO-SIDED PLANE': 'layer',
    'POLYMER': 'rod',
    'ROD': 'rod',
    'POINT': 'point',
}


class GeometrySection(Section):
    """Reads all geometries of one program.

    :ivar initial: first ``GEOMETRY FOR WAVE FUNCTION``.
    :ivar final: last ``FINAL OPTIMIZED GEOMETRY``.
    """

    def __init__(self, context: Context) -> None:
        """Start without geometry."""
        super().__init__(context)
        self.initial: GeometryBlock | None = None
        self.final: GeometryBlock | None = None
        self.current: GeometryBlock | None = None
        self.reference: Array | None = None
        self.ghosts: set[int] = set()

    def anchors(self) -> Mapping[str, Handler]:
        """Titles of the parts of a geometry."""
        return {
            ' GEOM': self.read_title,
            ' FINA': self.read_title,
            ' PRIMITIVE CELL': self.read_primitive_cell,
            ' CRYSTALLOGRAPHIC CELL': self.read_crystallographic_cell,
            ' TRANSFORMATION MATRIX PRIMITIVE': self.read_matrix,
            ' COORDINATES IN THE CRYSTALLOGRAPHIC': self.read_crystallographic_atoms,
            ' ATOMS IN THE ASYMMETRIC UNIT': self.read_atoms,
            ' DIRECT LATTICE VECTORS CARTESIAN': self.read_vectors,
            ' SPAC': self.read_group,
            ' TWO-': self.read_group,
            ' POLY': self.read_group,
            ' ROD ': self.read_group,
            ' POIN': self.read_group,
            ' SYMM': self.read_lost_group,
            ' * ATOMS TRANSFORMED INTO GHOSTS': self.read_ghosts,
            ' NUMBER OF SYMMETRY OPERATORS': self.read_symmops,
            ' NUMBER OF AO': self.read_ao,
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
        block = self.current
        if block is None:
            return
        if block.parameters is None:
            block.centring = int(found[1]) if (found := _CENTRING.search(line)) else None
            block.density = number(found[1]) if (found := _DENSITY.search(line)) else None

        def store(cell: CellParameters) -> None:
            self.output.primitive_cell = with_volume(cell, block.dimensionality)
            if block.parameters is None:
                block.parameters = cell

        self.context.capture(_below(line, store))

    def read_crystallographic_cell(self, line: str) -> None:
        """Read the conventional cell, which stands two lines below."""
        block = self.current
        if block is None:
            return

        def store(cell: CellParameters) -> None:
            self.output.crystallographic_cell = with_volume(cell, block.dimensionality)
            if block.crystallographic is None:
                block.crystallographic = cell

        self.context.capture(_below(line, store))

    def read_matrix(self, line: str) -> None:
        """Read the matrix that makes conventional vectors of primitive ones: nine numbers on the next line."""
        block = self.current
        if block is None or block.kind == 'point':
            return

        def row(text: str) -> bool:
            values = numbers(text)
            if block.matrix is None and len(values) == 9:
                # The program writes it column by column.
                block.matrix = np.array(values).reshape(3, 3).T
                return True
            return False

        self.context.capture(row)

    def read_crystallographic_atoms(self, line: str) -> None:
        """Keep the rows of the primitive cell's atoms in fractions of the conventional cell."""
        block = self.current
        if block is None or block.kind == 'point':
            return
        if not block.crystallographic_rows:
            self.context.capture(lambda text: take_row(block.crystallographic_rows, text))

    def read_atoms(self, line: str) -> None:
        """Read the atoms of the primitive cell."""
        block, found = self.current, _ATOM_COUNTS.search(line)
        if block is None or found is None or block.coordinates is not None or block.rows:
            return
        block.n_asymmetric = int(found[1]) if found[1] else None
        block.n_atoms = int(found[2])
        if block is self.initial:
            self.output.n_atoms = block.n_atoms
        block.capture_atoms(self.context)

    def read_vectors(self, line: str) -> None:
        """Read cell vectors in Å."""
        block = self.current
        if block is None:
            return
        rows: list[list[float]] = []

        def row(text: str) -> bool:
            values = numbers(text)
            if len(values) != 3 or '*' in text:
                return not rows and 'X' in text
            rows.append(values)
            if len(rows) == 3:
                block.vectors = self.reference = np.array(rows)
            return len(rows) < 4

        self.context.capture(row)

    def read_group(self, line: str) -> None:
        """Read the group's symbol, or its number where the program has no symbol."""
        found = _GROUP.match(line)
        if found is None or self.output.group is not None:
            return
        kind, words = _KINDS[found[1]], ' '.join((found[4] or '').split()) or None
        if found[3] is None and words is not None and words.isdigit():
            group = SymmetryGroup(kind, number=int(words))
        else:
            told = None if 'CENTRO' not in line else found[2] is None
            group = SymmetryGroup(kind, words, int(found[3]) if found[3] else None, told)
        if kind != 'point':
            self.output.space_group = group.symbol or str(group.number)
        self.output.group = group

    def read_lost_group(self, line: str) -> None:
        """Read that the symmetry was changed so that no group is known."""
        if 'INFORMATION ON SPACE GROUP LOST' in line:
            self.output.group_lost = True

    def read_ghosts(self, line: str) -> None:
        """Read which atoms are only basis functions: ``n( Z)`` on the following lines."""

        def row(text: str) -> bool:
            found = _GHOST.findall(text)
            self.ghosts.update(int(n) for n in found)
            return bool(found)

        self.context.capture(row)

    def read_symmops(self, line: str) -> None:
        """Read the number of symmetry operators."""
        value = line[40:].strip(' :')
        if value.isdigit():
            self.output.n_symmops = int(value)

    def read_ao(self, line: str) -> None:
        """Read the number of orbitals."""
        if line[13:32].strip().isdigit():
            self.output.n_ao = int(line[13:32])

    def finish(self) -> None:
        """Build the first and the final geometry."""
        if self.initial is not None:
            self.output.initial_geometry = self.build(self.initial)
            self.output.initial_cell = report(self.initial)
        if self.final is not None:
            self.build(self.final)
            self.output.final_cell = report(self.final)

    def build(self, block: GeometryBlock) -> Geometry | None:
        """Return the geometry of a block, None if it is not complete or makes no sense."""
        return build(block, self.reference, frozenset(self.ghosts))


def _below(title: str, store: Callable[[CellParameters], None]) -> Capture:
    """Return a reader of the six cell parameters below a title."""
    volume = _VOLUME.search(title)
    read: list[str] = []

    def row(text: str) -> bool:
        if read or 'ALPHA' in text:
            # A row printed twice counts once.
            return not read or text == read[0]
        values = numbers(text)
        if len(values) != 6:
            return False
        a, b, c, alpha, beta, gamma = values
        read.append(text)
        store(CellParameters(a, b, c, alpha, beta, gamma, number(volume[1]) if volume else None))
        return True

    return row
