"""ECHG, ECH3 and PATO of the stand-in's properties program: densities on a plane and in a box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry

from .density import Density
from .failures import FatalError
from .model import NotSupported, Real
from .system import limit_of
from .writers.fortran import RULE
from .writers.frame import notes
from .writers.maps import CUBE_TITLES, Box, Window, cube_text, grid_section, map_blocks, map_section

if TYPE_CHECKING:
    from .properties_run import State

CUBE_FILES = ('DENS_CUBE.DAT', 'SPIN_CUBE.DAT')
MAX_POINTS = 2_000_000
"""Largest number of points of a grid (environment: CRYSTALMATH_STANDIN_MAX_POINTS)."""


def echg(state: State, block: Any) -> None:
    """ECHG: the density on a plane, a MAPN block of fort.25 for each field."""
    if block.order:
        raise NotSupported('ECHG WITH DERIVATIVES', 'the stand-in gives the density itself: order 0')
    if block.coordina is None or block.rectangu or block.margins is not None:
        raise NotSupported('ECHG WITH ATOMS, RECTANGU OR MARGINS', 'give the corners of the window with COORDINA')
    window = Window.of(np.array(block.coordina, dtype=float), block.n_points)
    if min(np.linalg.norm(window.steps, axis=1)) < 1e-6 or abs(window.cosine) > 0.999:
        raise FatalError('ECHG', 'THE THREE POINTS LIE ON A LINE')
    _check(window.shape, 'ECHG')
    fields = density_of(state).at(_bohr(window.points()))
    state.out.lines(map_section(window, fields))
    state.fort25 += map_blocks(window, fields, state.wfn.geometry)


def ech3(state: State, block: Any) -> None:
    """ECH3: the density in a box, a cube file for each field."""
    geometry = state.wfn.geometry
    box = Box.of(geometry, block.n_points, _limits(geometry, block))
    _check(box.shape, 'ECH3')
    state.out.lines(grid_section(box, geometry.dimensionality))
    fields = density_of(state).at(box.points())
    for name, title, values in zip(CUBE_FILES, CUBE_TITLES, fields, strict=False):
        (state.folder / name).write_text(cube_text(title + state.wfn.title, box, values, geometry))
    state.out.timing('CHARGE')


def pato(state: State, block: Any) -> None:
    """PATO: from here on the density is that of atoms, as this basis set describes them."""
    if tuple(block.arguments) not in ((), ('0 0',)):
        raise NotSupported('PATO WITH OTHER CONFIGURATIONS', 'give "0 0": atoms as they are, in the basis of the run')
    density_of(state).superpose_atoms()
    state.out.lines(['', RULE, ' DENSITY MATRIX AS SUPERPOSITION OF ATOMIC DENSITIES', RULE])
    state.out.lines(notes(('THE ATOMS ARE SPHERICAL AND WITHOUT SPIN',)))


def density_of(state: State) -> Density:
    """Return the density that the blocks of a d3 share."""
    if state.density is None:
        state.density = Density(state.wfn)
    return state.density


def _limits(geometry: Geometry, block: Any) -> Real:
    """Return the lowest and highest coordinates, bohr, along the directions that do not repeat, (2, n)."""
    n_free = 3 - geometry.dimensionality
    if n_free == 0:
        return np.zeros((2, 0))
    values = [row for row in block.area_values if row]
    if block.area != 'RANGE' or [len(row) for row in values] != [n_free, n_free]:
        raise NotSupported(
            f'{block.keyword} WITHOUT RANGE',
            f'give RANGE, then {n_free} lowest and {n_free} highest coordinates in bohr, as a record each',
        )
    limits = np.array(values, dtype=float)
    if np.any(limits[0] >= limits[1]):
        raise FatalError(str(block.keyword), 'THE RANGE IS EMPTY')
    return limits


def _check(shape: tuple[int, ...], keyword: str) -> None:
    """Refuse grids that would take too long."""
    count, limit = int(np.prod(shape)), limit_of('CRYSTALMATH_STANDIN_MAX_POINTS', MAX_POINTS)
    if count > limit:
        raise NotSupported(
            f'{keyword} ON {count} POINTS', f'the stand-in takes up to {limit}; set CRYSTALMATH_STANDIN_MAX_POINTS'
        )


def _bohr(points: Real) -> Real:
    from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

    return np.asarray(points / BOHR_ANGSTROM)
