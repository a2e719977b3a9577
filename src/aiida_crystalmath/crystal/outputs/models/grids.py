"""Scalar fields: lines and planes (fort.25, TOPOND), boxes (cube, xsf), bands in reciprocal space (fort.35, bxsf).

Positions are in ångström whatever the unit of the file; values stay in the unit of the file, which ``unit`` names.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM


@dataclass(frozen=True)
class GridAtoms:
    """The atoms a grid file lists.

    :param numbers: conventional atomic numbers of CRYSTAL, or plain ones where the file has plain ones; shape (n,).
    :param symbols: element symbols as in the file; empty where it has none.
    :param positions: Cartesian, ångström, shape (n, 3).
    """

    numbers: NDArray[np.int64]
    positions: Array
    symbols: tuple[str, ...] = ()


@dataclass
class PlaneMap:
    """A field on a parallelogram.

    Point (i, j) of ``values`` is ``origin + i * step_x + j * step_y``.

    :param values: shape (n_x, n_y).
    :param origin: Cartesian, ångström, shape (3,); None where the file tells only coordinates within its plane.
    :param step_x: step of the first index, ångström, shape (3,), or shape (2,) within the plane where there is no
        origin; step_y likewise.
    :param corner: in-plane coordinates of point (0, 0), ångström, where there is no origin.
    :param quantity: 'charge', 'spin', ... as far as the file or its name tells it, else 'unknown'.
    :param unit: of the values, for example 'e/bohr^3'; '' when not known.
    :param n_periodic: periodic directions of the system, None if not told.
    :param lattice: rows are lattice vectors, ångström, shape (3, 3); None if not told.
    """

    values: Array
    step_x: Array
    step_y: Array
    origin: Array | None = None
    corner: tuple[float, float] | None = None
    quantity: str = 'unknown'
    unit: str = ''
    open_shell: bool = False
    atoms: GridAtoms | None = None
    lattice: Array | None = None
    n_periodic: int | None = None
    label: str = ''

    def points(self) -> Array:
        """Return the Cartesian positions, ångström, shape (n_x, n_y, 3); (n_x, n_y, 2) in the plane without origin."""
        start = self.origin if self.origin is not None else np.array(self.corner or (0.0, 0.0))
        i = np.arange(self.values.shape[0])[:, None, None]
        j = np.arange(self.values.shape[1])[None, :, None]
        points: Array = start + i * self.step_x + j * self.step_y
        return points


@dataclass
class Grid3D:
    """A field on a parallelepiped.

    Point (i, j, k) of ``values`` is ``origin + i * steps[0] + j * steps[1] + k * steps[2]``.

    :param values: shape (n_1, n_2, n_3).
    :param origin: Cartesian, ångström, shape (3,).
    :param steps: rows are the steps of the three indices, ångström, shape (3, 3).
    :param title: comment lines of the file.
    :param quantity: 'charge', 'spin', 'potential' or 'unknown'.
    :param unit: of the values: 'e/bohr^3', 'hartree/e'; '' when not known.
    :param cell: a, b, c (ångström) and alpha, beta, gamma (degrees) where the file prints them.
    :param lattice: rows are lattice vectors, ångström, where the file has them.
    :param closed: the last plane of each direction repeats the first one (general grids of xsf, 'periodic' ones of
        CRYSTAL), None if not known.
    """

    values: Array
    origin: Array
    steps: Array
    atoms: GridAtoms | None = None
    title: str = ''
    quantity: str = 'unknown'
    unit: str = ''
    cell: tuple[float, ...] | None = None
    lattice: Array | None = None
    n_periodic: int | None = None
    label: str = ''
    closed: bool | None = None

    @property
    def voxel_angstrom3(self) -> float:
        """Volume of one step of all three indices."""
        return float(abs(np.linalg.det(self.steps)))

    def integral(self) -> float:
        """Return the sum over the points times the volume of a step, in the unit of the values times bohr³.

        Along an edge of the cell, whose last plane repeats the first one, that plane is left out. This is as good as
        the grid: cusps at the nuclei of heavy atoms need steps far below those that are good to look at.
        """
        values = self.values
        for axis, length in enumerate((self.cell or ())[:3]):
            n_points = values.shape[axis]
            if n_points > 1 and abs(float(np.linalg.norm(self.steps[axis])) * (n_points - 1) - length) < 1e-3:
                values = np.take(values, range(n_points - 1), axis=axis)
        return float(values.sum() * self.voxel_angstrom3 / BOHR_ANGSTROM**3)


@dataclass
class BandGrid:
    """Energy bands on a grid in reciprocal space (for Fermi surfaces).

    Point (i, j, k) is ``origin + i * steps[0] + j * steps[1] + k * steps[2]``, factor 2 pi included.

    :param energies: shape (n_bands, n_1, n_2, n_3), in ``unit``; NaN where the file has none (outside the first zone).
    :param unit: 'hartree' or 'ev'; '' where the format tells none.
    :param fermi_energy: in ``unit``; None if the file does not tell it.
    :param origin: Cartesian, shape (3,), in ``k_unit``.
    :param steps: rows are the steps of the three indices, shape (3, 3), in ``k_unit``.
    :param k_unit: 'bohr^-1' or 'angstrom^-1'; '' where the format tells none.
    :param numbers: numbers of the bands in the file.
    """

    energies: Array
    unit: str
    origin: Array
    steps: Array
    k_unit: str = ''
    fermi_energy: float | None = None
    numbers: list[int] = field(default_factory=list)
    label: str = ''


@dataclass
class Profile:
    """A field along a line.

    :param distances: along the line, ångström, shape (n,).
    :param values: shape (n_columns, n).
    :param labels: one a column.
    :param unit: of the values; '' when not known.
    """

    distances: Array
    values: Array
    labels: list[str] = field(default_factory=list)
    unit: str = ''


@dataclass
class Trajectory:
    """One path of TOPOND (gradient path, bond path).

    :param points: Cartesian, ångström, shape (n, 3).
    :param weight: the number beside the count of points.
    """

    points: Array
    weight: int
