"""Fields in space as the properties program writes them: MAPN blocks of fort.25, cube files, and what stdout says.

Formats: real files of CRYSTAL17 and 22 (ECHG of MgO and hematite, ECH3 of MgO and of a slab); see the readers
:mod:`aiida_crystalmath.crystal.outputs.fort25_maps` and :mod:`aiida_crystalmath.crystal.outputs.cube`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

from .fortran import clean, fixed, integers, rows, scientific, zero_scientific

Real = NDArray[np.float64]

FIELDS = ('ALPHA+BETA ELECTRONS DENSITY', 'ALPHA-BETA ELECTRONS DENSITY')
CUBE_TITLES = (' Charge density - 3D GRID - GAUSSIAN CUBE FORMAT ', ' Spin density  - 3D GRID - GAUSSIAN CUBE FORMAT ')
FLAT = 500.0
"""Length (Å) of the formal lattice vectors along directions that do not repeat, as CRYSTAL prints them."""


@dataclass(frozen=True)
class Window:
    """A parallelogram of points: from A to B, then from B to C.

    :param corners: A, B and C, Å, shape (3, 3).
    :param shape: points from A to B (NPY) and from B to C (NPX).
    """

    corners: Real
    shape: tuple[int, int]

    @classmethod
    def of(cls, corners: Real, n_points: int) -> Window:
        """Return the window with ``n_points`` from A to B and steps at most as long from B to C."""
        sides = np.linalg.norm(np.diff(corners, axis=0), axis=1)
        return cls(corners, (n_points, max(2, int(np.ceil(sides[1] / sides[0] * (n_points - 1) - 1e-6)) + 1)))

    @property
    def steps(self) -> Real:
        """Steps from A to B and from B to C, Å, shape (2, 3)."""
        return np.asarray(np.diff(self.corners, axis=0) / (np.array(self.shape)[:, None] - 1))

    @property
    def cosine(self) -> float:
        """Cosine of the angle A-B-C."""
        first, second = -self.steps[0], self.steps[1]
        return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))

    def points(self) -> Real:
        """Return the points, Å, those from A to B running fastest, shape (n, 3)."""
        n_y, n_x = self.shape
        j, i = np.mgrid[:n_x, :n_y]
        points: Real = self.corners[0] + i.reshape(-1, 1) * self.steps[0] + j.reshape(-1, 1) * self.steps[1]
        return points


def map_header(window: Window, lengths: Sequence[float], *, open_shell: bool) -> str:
    """Return the first line of a MAPN block; ``lengths`` are its two steps."""
    columns = ''.join(zero_scientific(value, 12, 5) for value in (*lengths, window.cosine))
    return f'-%-{1 if open_shell else 0}MAPN{integers(window.shape, 5)}{columns}'


def map_blocks(window: Window, fields: Real, geometry: Geometry) -> list[str]:
    """Return the lines of fort.25: one block for each field, lengths in Å.

    :param fields: atomic units, shape (nfield, n).
    """
    a, b, c = (''.join(scientific(float(x), 12, 5) for x in corner) for corner in clean(window.corners, 1e-9))
    lengths = [float(length) for length in np.linalg.norm(window.steps, axis=1)]
    atoms = [
        f'{site.conventional_number:4d} {site.symbol.upper():<2s}'
        + ''.join(scientific(float(x), 20, 12) for x in position)
        for site, position in zip(geometry.sites, clean(geometry.positions), strict=True)
    ]
    vectors = [''.join(zero_scientific(float(x), 20, 12) for x in vector) for vector in clean(formal_cell(geometry))]
    lines: list[str] = []
    for field in fields:
        lines += [map_header(window, lengths, open_shell=len(fields) > 1), a + b]
        lines.append(f'{c}    {integers((len(atoms), geometry.dimensionality), 4)}')
        lines += rows([scientific(float(value), 12, 5) for value in field], 6)
        lines += [*atoms, *vectors]
    return lines


def map_section(window: Window, fields: Real) -> list[str]:
    """Return the report of ECHG."""
    ruler = ' ' + 'CH' * 38
    n_y, n_x = window.shape
    labels = ('(  1,  1)', '(NPY,  1)', '(NPY,NPX)')
    corners = clean(window.corners / BOHR_ANGSTROM, 1e-9)
    count = n_y * n_x
    lines = [
        ruler,
        '',
        ' ELECTRON CHARGE (AND SPIN) DENSITY - DERIVATIVES UP TO ORDER 0',
        '',
        ruler,
        '',
        ' CO-ORDINATES IN ANGSTROM',
        '',
        '                        COORDINATES OF THE 3 POINTS (BOHR):',
        *(
            f'              {letter}){"".join(fixed(float(x), 9, 3) for x in corner)} POINT INDICES {label}'
            for letter, corner, label in zip('ABC', corners, labels, strict=True)
        ),
        '',
        f' N. OF POINTS ALONG THE A-B SEGMENT (NPY){n_y:5d}',
        f' N. OF POINTS ALONG THE B-C SEGMENT (NPX){n_x:5d}',
        f' N. OF POINTS IN THE GRID :{count:19d}',
        f' COSINE OF THE ANGLE A-B-C{fixed(window.cosine, 20, 4)}',
        '',
    ]
    lengths = [float(length) for length in np.linalg.norm(window.steps, axis=1) / BOHR_ANGSTROM]
    for name, field in zip(FIELDS, fields, strict=False):
        low, high = scientific(float(field.min()), 12, 4), scientific(float(field.max()), 12, 4)
        lines += [
            '',
            f'    {name} - VALMIN{low} VALMAX{high}',
            '',
            f'{count:5d} DATA WRITTEN ON UNIT 25 WITH THE FOLLOWING HEADER',
            map_header(window, lengths, open_shell=len(fields) > 1),
        ]
    return lines


def formal_cell(geometry: Geometry) -> Real:
    """Return the lattice vectors, Å, with formal ones along the directions that do not repeat."""
    cell = np.array(geometry.cell, dtype=float)
    for axis in range(geometry.dimensionality, 3):
        cell[axis] = FLAT * np.eye(3)[axis]
    return cell


@dataclass(frozen=True)
class Box:
    """A parallelepiped of points that holds both ends of every edge.

    :param origin: bohr, shape (3,).
    :param steps: rows are the steps, bohr, shape (3, 3).
    :param shape: number of points.
    """

    origin: Real
    steps: Real
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, geometry: Geometry, n_points: int, limits: Real) -> Box:
        """Return the box of a grid: the cell, and ``limits`` along the directions that do not repeat.

        :param n_points: along the first edge; the others are divided about as finely.
        :param limits: lowest and highest coordinate, bohr, of each direction that does not repeat, shape (2, n).
        """
        edges = formal_cell(geometry) / BOHR_ANGSTROM
        origin = np.zeros(3)
        for axis in range(geometry.dimensionality, 3):
            low, high = limits[:, axis - geometry.dimensionality]
            edges[axis] *= (high - low) / np.linalg.norm(edges[axis])
            origin[axis] = low
        lengths = np.linalg.norm(edges, axis=1)
        counts = np.maximum(2, np.rint(lengths / lengths[0] * (n_points - 1)).astype(int) + 1)
        shape = (int(counts[0]), int(counts[1]), int(counts[2]))
        return cls(origin, edges / (counts[:, None] - 1), shape)

    def points(self) -> Real:
        """Return the points, bohr, the last index running fastest, shape (n, 3)."""
        index = np.indices(self.shape).reshape(3, -1).T
        points: Real = self.origin + index @ self.steps
        return points


def cube_text(title: str, box: Box, values: Real, geometry: Geometry) -> str:
    """Return a cube file.

    :param title: the first line, field and title of the run.
    :param values: atomic units, shape (n,).
    """
    a, b, c, *angles = _parameters(geometry)
    count = len(geometry.sites)
    lines = [
        f'{title:<79.79s}',
        f'{a:15.8f}{b:15.8f}{c:15.8f}  ' + ''.join(f'{angle:11.6f}' for angle in angles),
        f'{count:5d}' + ''.join(f'{x:12.6f}' for x in clean(box.origin)),
    ]
    lines += [
        f'{n:5d}' + ''.join(f'{x:12.6f}' for x in step)
        for n, step in zip(box.shape, clean(box.steps, 1e-9), strict=True)
    ]
    for site, position in zip(geometry.sites, clean(geometry.positions / BOHR_ANGSTROM, 1e-9), strict=True):
        numbers = (float(site.conventional_number), *position)
        lines.append(f'{site.conventional_number:5d}' + ''.join(f'{x:12.6f}' for x in numbers))
    for column in values.reshape(-1, box.shape[2]):
        lines += rows([zero_scientific(float(value), 13, 5) for value in column], 6)
    return '\n'.join(lines) + '\n'


def _parameters(geometry: Geometry) -> tuple[float, ...]:
    """Return a, b, c in bohr and the angles of the formal cell."""
    cell = formal_cell(geometry)
    lengths = np.linalg.norm(cell, axis=1)
    pairs = ((1, 2), (0, 2), (0, 1))
    angles = [np.degrees(np.arccos(cell[i] @ cell[j] / lengths[i] / lengths[j])) for i, j in pairs]
    return (*(float(length) / BOHR_ANGSTROM for length in lengths), *(float(angle) for angle in angles))


def grid_section(box: Box, dimensionality: int) -> list[str]:
    """Return the report of ECH3."""
    n_1, n_2, n_3 = box.shape
    lines = ['', ' ' + '3D' * 38, f' 3D DENSITY, GRID IS{n_1:4d}*{n_2:3d}*{n_3:3d}']
    for axis in range(dimensionality, 3):
        low = float(box.origin[axis])
        high = low + float(np.linalg.norm(box.steps[axis])) * (box.shape[axis] - 1)
        lines.append(f'    {"XYZ"[axis]} COORDINATE RANGE IS{fixed(low, 10, 3)} TO{fixed(high, 10, 3)}')
    return lines
