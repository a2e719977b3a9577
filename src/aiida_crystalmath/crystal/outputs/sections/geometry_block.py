"""One printed geometry: what its lines told, and the structure they make."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from aiida_crystalmath.crystal.elements import split_conventional
from aiida_crystalmath.crystal.geometry import NON_PERIODIC_LENGTH_ANGSTROM, Geometry, Site, cell_from_parameters
from aiida_crystalmath.crystal.outputs.models import Array, CellParameters, CellReport
from aiida_crystalmath.crystal.outputs.numbers import numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context

_ATOM = re.compile(r'\s*(\d+) ([TF])\s*(\d+) ?([A-Za-z][A-Za-z0-9]*)?\s+(.*)')
"""A label may end with a digit, which is no coordinate: ``FE1`` is iron of the other starting spin."""
_WORDS = 7
"""Words of a row of the table of atoms."""
_INDEX = re.compile(r'\s*(\d+) [TF][\s\d]')


@dataclass
class GeometryBlock:
    """One printed geometry, filled line by line.

    :param kind: 'initial', 'final' or 'point'.
    :param coordinates: shape (n_atoms, 3): fractions along periodic vectors, Å along the others; None until the table
        of atoms was read to its end.
    :param vectors: cell vectors in Å, rows; None where only the parameters are printed.
    """

    kind: str
    dimensionality: int
    parameters: CellParameters | None = None
    crystallographic: CellParameters | None = None
    matrix: Array | None = None
    centring: int | None = None
    density: float | None = None
    n_atoms: int | None = None
    n_asymmetric: int | None = None
    rows: list[str] = field(default_factory=list)
    crystallographic_rows: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    asymmetric: list[bool] = field(default_factory=list)
    coordinates: Array | None = None
    vectors: Array | None = None
    geometry: Geometry | None = None

    @property
    def complete(self) -> bool:
        """Whether all atoms, and the cell if there must be one, were read."""
        self.convert()
        has_cell = self.dimensionality == 0 or self.parameters is not None or self.vectors is not None
        return self.coordinates is not None and has_cell

    def capture_atoms(self, context: Context) -> None:
        """Read the table of atoms below its title; its header and rule are passed over."""

        def other(line: str) -> bool:
            if not self.rows:
                return '***' in line or 'ATOM' in line
            self.convert()
            return False

        context.capture_rows(self.rows, _INDEX.match, other)

    def convert(self) -> None:
        """Convert the rows as soon as they are all there. Atoms of rows out of order are not certain."""
        n_atoms = self.n_atoms or 0
        if self.coordinates is not None or not 0 < n_atoms <= len(self.rows):
            return
        rows = self.rows[:n_atoms]
        table = _parse_usual(rows)
        if table is None:
            # A row printed twice counts once.
            rows = [row for before, row in pairwise(('', *self.rows)) if row != before][:n_atoms]
            if [row.split(maxsplit=1)[0] for row in rows] != [str(n) for n in range(1, n_atoms + 1)]:
                return
            table = parse_rows(rows)
        self.rows = []
        if table is not None:
            self.asymmetric, self.numbers, self.labels, self.coordinates = table


def take_row(rows: list[str], line: str) -> bool:
    """Append a line to a table of atoms if it is its next row.

    :returns: False where the table ends. A row printed twice counts once.
    """
    found = _INDEX.match(line)
    if found is None:
        return not rows and ('***' in line or 'ATOM' in line)
    if int(found[1]) != len(rows) + 1:
        return bool(rows) and line == rows[-1]
    rows.append(line)
    return True


AtomTable = tuple[list[bool], list[int], list[str], Array]


def parse_rows(rows: list[str]) -> AtomTable | None:
    """Convert rows ``n T Z LABEL x y z``.

    :returns: which belong to the asymmetric unit, conventional numbers, labels and coordinates (n, 3); None if a row
        cannot be read.
    """
    return _parse_usual(rows) or _parse_unusual(rows)


def _parse_usual(rows: list[str]) -> AtomTable | None:
    """Convert rows numbered in order that have all their words, None if they have not."""
    words = ' '.join(rows).split()
    labels = words[3::_WORDS]
    if len(words) != _WORDS * len(rows) or not all(label[0].isalpha() for label in labels):
        return None
    try:
        if list(map(int, words[::_WORDS])) != list(range(1, len(rows) + 1)):
            return None
        coordinates = np.array([list(map(float, words[column::_WORDS])) for column in (4, 5, 6)])
        conventional = list(map(int, words[2::_WORDS]))
    except ValueError:
        return None
    return [word == 'T' for word in words[1::_WORDS]], conventional, labels, np.ascontiguousarray(coordinates.T)


def _parse_unusual(rows: list[str]) -> AtomTable | None:
    """Convert rows with missing labels, glued columns or further words."""
    flags, conventional, labels, coordinates = [], [], [], []
    for row in rows:
        found = _ATOM.match(row)
        values = numbers(found[5]) if found else []
        if found is None or len(values) < 3 or '*' in row:
            return None
        flags.append(found[2] == 'T')
        conventional.append(int(found[3]))
        labels.append(found[4] or '')
        coordinates.append(values[:3])
    return flags, conventional, labels, np.array(coordinates)


def build(block: GeometryBlock, reference: Array | None, ghosts: frozenset[int]) -> Geometry | None:
    """Return the geometry of a block, None if it is not complete or makes no sense.

    :param reference: cell vectors known before: parameters are turned into vectors like them.
    :param ghosts: atoms (from 1) that the run turned into ghosts.
    """
    if block.geometry is not None or not block.complete or block.coordinates is None:
        return block.geometry
    placed = place(block, reference)
    if placed is None:
        return None
    cell, positions = placed
    try:
        sites = tuple(
            _site(number, position, i in ghosts)
            for i, (number, position) in enumerate(zip(block.numbers, positions.tolist(), strict=True), 1)
        )
        block.geometry = Geometry(cell, block.dimensionality, sites)
    except ValueError:
        return None
    return block.geometry


def place(block: GeometryBlock, reference: Array | None) -> tuple[Array, Array] | None:
    """Return cell vectors and Cartesian positions (Å) of a block, None if it is not complete or makes no sense."""
    if not block.complete or block.coordinates is None:
        return None
    try:
        cell = _cell(block, reference)
    except (ValueError, np.linalg.LinAlgError):
        return None
    frame = cell.copy()
    for axis in range(block.dimensionality, 3):
        frame[axis] /= math.hypot(*frame[axis])
    positions: Array = block.coordinates @ frame
    return (cell, positions) if math.isfinite(positions.sum()) else None


def _cell(block: GeometryBlock, reference: Array | None) -> Array:
    """Return the cell vectors of a block, turned like the ones printed last."""
    if block.dimensionality == 0:
        return np.eye(3) * NON_PERIODIC_LENGTH_ANGSTROM
    if block.vectors is not None:
        return block.vectors
    if block.parameters is None:
        raise ValueError('no cell')
    cell = cell_from_parameters(block.parameters.lengths_and_angles)
    if reference is None:
        return cell
    # Orthogonal Procrustes problem: the rotation that brings the new vectors closest to the known ones.
    overlap = cell.T @ reference
    if not math.isfinite(overlap.sum()):
        raise ValueError('the cell is not finite')  # on which the singular value decomposition never ends
    left, _, right = np.linalg.svd(overlap)
    turned: Array = cell @ left @ right
    return turned


def _site(conventional: int, position: list[float], is_ghost: bool) -> Site:
    """Return the site of a conventional atomic number."""
    z, ecp, variant = split_conventional(conventional)
    x, y, w = position
    return Site(z, (x, y, w), ghost=is_ghost or z == 0, ecp=ecp, variant=variant)


def report(block: GeometryBlock) -> CellReport:
    """Return what a block told; its geometry must have been built before."""
    result = CellReport(
        block.dimensionality,
        primitive=block.parameters if block.dimensionality else None,
        crystallographic=block.crystallographic,
        transformation=block.matrix,
        centring=block.centring,
        density_g_per_cm3=block.density,
        n_atoms=block.n_atoms,
        n_asymmetric=block.n_asymmetric,
        asymmetric=block.asymmetric,
        numbers=block.numbers,
        labels=block.labels,
        geometry=block.geometry,
        complete=block.geometry is not None,
    )
    if block.crystallographic_rows and len(block.crystallographic_rows) == block.n_atoms:
        table = parse_rows(block.crystallographic_rows)
        result.crystallographic_coordinates = None if table is None else table[3]
    if result.crystallographic is None and block.matrix is not None and block.geometry is not None:
        result.crystallographic = _transformed(block.matrix, block.geometry)
        result.crystallographic_is_computed = result.crystallographic is not None
    return result


def _transformed(matrix: Array, geometry: Geometry) -> CellParameters | None:
    """Return the conventional cell that the printed matrix makes of the primitive one."""
    if geometry.dimensionality != 3 or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 0.5:
        return None
    conventional = Geometry(matrix @ geometry.cell, 3, ())
    return CellParameters(*conventional.cell_parameters, conventional.volume_angstrom3, volume_is_computed=True)


def with_volume(parameters: CellParameters, dimensionality: int) -> CellParameters:
    """Fill in the volume of a crystal's cell where the program printed asterisks."""
    if dimensionality == 3 and parameters.volume_angstrom3 is None:
        try:
            cell = cell_from_parameters(parameters.lengths_and_angles)
        except ValueError:
            return parameters
        parameters.volume_angstrom3 = abs(float(np.linalg.det(cell)))
        parameters.volume_is_computed = True
    return parameters
