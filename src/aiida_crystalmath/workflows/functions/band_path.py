"""The path through the Brillouin zone for a band structure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('band_path', 'sampled_path', 'special_points')

SYMPREC = 1e-5
"""Tolerance of seekpath, in Å."""

MIN_INTERVALS = 2
"""Every segment has a point inside, so that two labelled neighbours can only be a jump of the path."""

Path = list[tuple[str, str]]
Points = dict[str, NDArray[np.float64]]


@calcfunction
def band_path(structure: orm.StructureData, distance: orm.Float) -> orm.KpointsData:
    """Return a path along lines of high symmetry, in the reciprocal cell of ``structure`` as it is given.

    :param structure: a crystal, slab or polymer.
    :param distance: largest distance between neighbouring points, 1/Å.
    :return: points in fractional coordinates, labelled at both ends of every segment; two labelled neighbours are a
        jump of the path.
    :raises ValueError: for a molecule.
    """
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    path, points = special_points(geometry)
    kpoints, labels = sampled_path(path, points, geometry.reciprocal_cell, distance.value)
    node = orm.KpointsData()
    node.set_cell_from_structure(structure)
    node.set_kpoints(kpoints, labels=labels)
    return node


def special_points(geometry: Geometry) -> tuple[Path, Points]:
    """Return the segments of the path by their labels, and the points in fractional coordinates of ``geometry``.

    Crystals: Hinuma, Pizzi, Kumagai, Oba, Tanaka, Comput. Mater. Sci. 128, 140 (2017), by seekpath; a conventional
    cell gets the path of its primitive one. Slabs: the segments of that path which lie in the plane.

    :raises ValueError: for a molecule.
    """
    if geometry.dimensionality == 0:
        raise ValueError('a molecule has no band structure: ask for the levels in its output parameters instead.')
    periodic = np.array(geometry.pbc)
    if geometry.dimensionality == 1:
        return [('GAMMA', 'X')], {'GAMMA': np.zeros(3), 'X': np.where(periodic, 0.5, 0.0)}
    path, points = _seekpath(geometry)
    if geometry.dimensionality == 2:
        flat = {label: point for label, point in points.items() if abs(point[~periodic]).max() < 1e-8}
        path = [(start, end) for start, end in path if start in flat and end in flat]
        points = flat
    return path, points


def _seekpath(geometry: Geometry) -> tuple[Path, Points]:
    """Return path and points of seekpath, turned back from its standard orientation.

    ``get_path_orig_cell`` of seekpath 2 does that too; aiida-core[atomic-tools], and with it aiida-quantumespresso,
    holds seekpath at 1.9, which has not got it.

    :raises ValueError: no symmetry was found, as of atoms on top of each other.
    """
    import warnings

    import spglib
    from seekpath.getpaths import get_path

    from aiida_crystalmath.workflows.crystal.kmesh import thick_cell

    species = list(dict.fromkeys(site.species for site in geometry.sites))
    numbers = [species.index(site.species) + 1 for site in geometry.sites]
    cell = thick_cell(geometry)
    positions = geometry.positions @ np.linalg.inv(cell)
    structure = (cell.tolist(), positions.tolist(), numbers)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # how seekpath 1.9 reads what spglib found
        dataset = spglib.get_symmetry_dataset(structure, symprec=SYMPREC)
        if dataset is None:
            raise ValueError('no symmetry was found: are there atoms on top of each other?')
        found: dict[str, Any] = get_path(structure, symprec=SYMPREC)  # type: ignore[no-untyped-call]
    reciprocal = np.array(found['reciprocal_primitive_lattice'])
    turned = reciprocal @ dataset.std_rotation_matrix @ cell.T / (2 * np.pi)
    # Rounded: the transformations leave 1e-17 where a coordinate is zero.
    points = {label: np.round(point @ turned, 12) + 0.0 for label, point in found['point_coords'].items()}
    return [(str(start), str(end)) for start, end in found['path']], points


def sampled_path(
    path: Path, points: Points, reciprocal_cell: NDArray[np.float64], distance: float
) -> tuple[NDArray[np.float64], list[tuple[int, str]]]:
    """Return the points of a path, evenly spaced on each segment, and the labels with their indices.

    :param path: segments by their labels.
    :param points: fractional coordinates of the labelled points.
    :param reciprocal_cell: rows, 1/Å with 2π, shape (3, 3).
    :param distance: largest distance between neighbouring points, 1/Å.
    :return: fractional coordinates, shape (n, 3), and ``(index, label)`` of both ends of each segment.
    """
    if not path:
        raise ValueError('the path has no segment.')
    if not distance > 0:
        raise ValueError(f'the distance between points of the path must be positive (1/Å), not {distance}.')
    kpoints: list[NDArray[np.float64]] = []
    labels: list[tuple[int, str]] = []
    for previous, (start, end) in pairwise([('', ''), *path]):
        step = points[end] - points[start]
        count = max(MIN_INTERVALS, int(np.ceil(np.linalg.norm(step @ reciprocal_cell) / distance - 1e-6)))
        if previous[1] != start:
            labels.append((len(kpoints), start))
            kpoints.append(points[start])
        kpoints.extend(points[start] + step * i / count for i in range(1, count + 1))
        labels.append((len(kpoints) - 1, end))
    return np.array(kpoints), labels
