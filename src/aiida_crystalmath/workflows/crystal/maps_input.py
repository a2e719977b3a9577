"""The input of ``properties`` for densities and potentials on a plane (ECHG, POTM) and in a box (ECH3, POT3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.crystal.planes import box_limits, plane_window, sensible_points
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

if TYPE_CHECKING:
    from aiida import orm

    from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('QUANTITIES', 'Cube', 'MapRequest', 'cube_of', 'map_blocks')

QUANTITIES = ('density', 'potential')

MAX_POINTS_OF_AN_EDGE = 500
"""More points along the edge of a map than anybody sees, and megabytes of fort.25."""

BYTES_OF_A_VALUE = 13.2
"""In a cube file: 13 columns, and a line end after six values (real files)."""

PENETRATION_TOLERANCE = 5
"""ITOL of POTM and POT3: the value that the CRYSTAL23 manual suggests."""


@dataclass(frozen=True)
class MapRequest:
    """What is asked for.

    :param quantities: on the plane; empty for no plane.
    :param points: three points of the plane, Å, in CRYSTAL's axes; None to choose them.
    :param margin: around them, Å.
    :param spacing: between points of the plane, Å.
    :param difference: also the superposition of atoms, to subtract.
    :param cube_quantities: in the box; empty for no box.
    :param cube_spacing: between points of the box, Å.
    :param cube_points: along the first edge, in place of ``cube_spacing``.
    :param vacuum: beyond the atoms along directions that do not repeat, Å.
    """

    quantities: Sequence[str] = ('density',)
    points: NDArray[np.float64] | None = None
    margin: float = 1.5
    spacing: float = 0.1
    difference: bool = True
    cube_quantities: Sequence[str] = ()
    cube_spacing: float = 0.2
    cube_points: int | None = None
    vacuum: float = 4.0


@dataclass(frozen=True)
class Cube:
    """The grid of ECH3 and POT3 as CRYSTAL makes it.

    :param n_points: along the first edge (NP).
    :param shape: points along each edge.
    :param limits: lowest and highest coordinates, Å, along directions that do not repeat, shape (2, n).
    """

    n_points: int
    shape: tuple[int, int, int]
    limits: NDArray[np.float64]

    def megabytes(self, n_fields: int) -> float:
        """Return about how large the cube files are."""
        return float(np.prod(self.shape)) * BYTES_OF_A_VALUE * n_fields / 1e6


def map_blocks(geometry: Geometry, request: MapRequest) -> list[dict[str, Any]]:
    """Return the blocks of the input; the density of the atoms comes last, for PATO replaces the density matrix.

    :param geometry: of the wavefunction, in CRYSTAL's axes.
    :raises ValueError: if nothing is asked for, or the plane is none, or a map has too many points.
    """
    blocks: list[dict[str, Any]] = []
    if request.cube_quantities:
        cube = cube_of(geometry, request)
        blocks += [_cube_block(cube, quantity) for quantity in request.cube_quantities]
    if request.quantities:
        window = _window(geometry, request)
        if 'density' in request.quantities:
            blocks.append({'keyword': 'ECHG', **window})
        if 'potential' in request.quantities:
            blocks.append({'keyword': 'POTM', 'tolerance': PENETRATION_TOLERANCE, **window})
        if 'density' in request.quantities and request.difference:
            blocks += [{'keyword': 'PATO', 'lines': ['0 0']}, {'keyword': 'ECHG', **window}]
    if not blocks:
        raise ValueError('neither a map nor a cube is asked for: name quantities in one of both.')
    return blocks


def cube_of(geometry: Geometry, request: MapRequest) -> Cube:
    """Return the grid of a box: the cell, and the atoms with vacuum along directions that do not repeat.

    CRYSTAL divides the other edges about as finely as the first (real files of CRYSTAL17 and 22).
    """
    limits = box_limits(geometry, request.vacuum)
    d = geometry.dimensionality
    edges = [*np.linalg.norm(geometry.cell[:d], axis=1), *(limits[1] - limits[0])]
    n_points = request.cube_points or max(2, int(np.ceil(edges[0] / request.cube_spacing)) + 1)
    counts = [max(2, round(float(edge) / float(edges[0]) * (n_points - 1)) + 1) for edge in edges]
    return Cube(n_points, (counts[0], counts[1], counts[2]), limits)


def points_of_structure(folder: orm.RemoteData, points: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return points given in the axes of the structure of a wavefunction, in CRYSTAL's, Å.

    :raises ValueError: if no way leads from one to the other.
    """
    from aiida_crystalmath.data.structure import to_geometry

    parent = Parent.of(folder)
    cells = parent.cells()
    if not cells.is_users:
        raise ValueError(
            'the input of the wavefunction edits the geometry: points of the structure mean nothing there.'
        )
    user, crystal = to_geometry(parent.structure), parent.wavefunction_geometry()
    order = cells.atoms(range(len(crystal)))
    # Any atom tells the shift of the origin, up to a lattice vector, which changes no field.
    shift = user.positions[0] - crystal.positions[order[0]] @ cells.rotation
    result: NDArray[np.float64] = (np.asarray(points, dtype=float) - shift) @ cells.rotation.T
    return result


def points_of_atoms(folder: orm.RemoteData, atoms: Sequence[int]) -> NDArray[np.float64]:
    """Return the positions of atoms of the structure (numbered from 1) in CRYSTAL's axes, Å.

    The second and third are taken in the image nearest to the first.

    :raises ValueError: if there is no such atom.
    """
    from aiida_crystalmath.crystal.planes import neighbours
    from aiida_crystalmath.data.structure import to_geometry

    user = to_geometry(Parent.of(folder).structure)
    if any(not 1 <= atom <= len(user) for atom in atoms):
        raise ValueError(f'the plane is to hold atoms {list(atoms)}, but the structure has {len(user)} (from 1).')
    first = user.positions[atoms[0] - 1]
    positions = [first]
    reach = float(np.linalg.norm(user.cell[list(user.pbc)], axis=1).sum()) + 1e-3
    reach += float(np.linalg.norm(user.positions - first, axis=1).max())
    around = [pair for pair in neighbours(user, reach) if pair.first == atoms[0] - 1]
    for atom in atoms[1:]:
        others = [
            first + pair.vector
            for pair in around
            if pair.second == atom - 1 and not any(np.allclose(first + pair.vector, seen) for seen in positions)
        ]
        on_line = len(positions) == 2
        positions.append(
            next(
                (
                    place
                    for place in others
                    if not on_line or np.linalg.norm(np.cross(positions[1] - first, place - first)) > 1e-2
                ),
                others[0],
            )
        )
    return points_of_structure(folder, [list(position) for position in positions])


def _window(geometry: Geometry, request: MapRequest) -> dict[str, Any]:
    """Return the fields of ECHG and POTM that fix the window."""
    points = sensible_points(geometry) if request.points is None else request.points
    corners = plane_window(geometry, points, request.margin)
    first, second = (float(np.linalg.norm(corners[i + 1] - corners[i])) for i in (0, 1))
    n_points = max(2, int(np.ceil(first / request.spacing)) + 1)
    if max(first, second) / request.spacing > MAX_POINTS_OF_AN_EDGE:
        raise ValueError(
            f'the map is {first:.1f} Å x {second:.1f} Å large: at {request.spacing:g} Å between points it would have '
            f'more than {MAX_POINTS_OF_AN_EDGE} along an edge; ask for more Å between them.'
        )
    return {'n_points': n_points, 'coordina': np.round(corners, 6).tolist()}


def _cube_block(cube: Cube, quantity: str) -> dict[str, Any]:
    """Return an ECH3 or POT3; ranges are in bohr (CRYSTAL23 manual, ECH3)."""
    block: dict[str, Any] = {'keyword': 'ECH3' if quantity == 'density' else 'POT3', 'n_points': cube.n_points}
    if quantity == 'potential':
        block['tolerance'] = PENETRATION_TOLERANCE
    if cube.limits.size:
        block |= {'area': 'RANGE', 'area_values': np.round(cube.limits / BOHR_ANGSTROM, 6).tolist()}
    return block
