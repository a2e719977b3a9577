"""The options of FREQCALC for a phonon dispersion: densities of states, and bands along a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aiida import orm

__all__ = (
    'band_lines',
    'default_supercell',
    'dos_lines',
    'highest_frequency',
    'locked_supercell',
    'n_primitive_atoms',
    'scelphono',
    'supercell_mesh',
)

N_BINS = 400
"""Fewest energies of a density of states."""

BIN_CM1 = 5.0
"""Largest distance between them."""

HIGHEST_CM1, HIGHEST_WITH_HYDROGEN_CM1 = 2500.0, 4500.0
"""Range of a density of states: vibrations of hydrogen go up to 4400 cm^-1, triple bonds without it to 2400."""


SHORTEST_ANGSTROM = 8.0
"""Shortest vector of the supercell that is taken if none is given."""


def default_supercell(structure: orm.StructureData, *, primitive: bool) -> list[int]:
    """Return three numbers whose supercell has vectors of at least 8 Å, one along directions that are not periodic.

    :param primitive: in units of CRYSTAL's primitive cell, else of the cell of the structure.
    """
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    cell = np.array(reduce_geometry(geometry).crystal_geometry.cell if primitive else geometry.cell)
    lengths = np.linalg.norm(cell, axis=1)
    return [
        max(1, int(np.ceil(SHORTEST_ANGSTROM / length - 1e-6))) if periodic else 1
        for length, periodic in zip(lengths, structure.pbc, strict=True)
    ]


def scelphono(matrix: list[list[int]], structure: orm.StructureData) -> list[list[int]]:
    """Return the matrix of SCELPHONO: only the periodic directions.

    :param matrix: 3 x 3, in units of CRYSTAL's primitive cell.
    """
    axes = [axis for axis, periodic in enumerate(structure.pbc) if periodic]
    return [[matrix[i][j] for j in axes] for i in axes]


def n_primitive_atoms(structure: orm.StructureData, inputs: Mapping[str, Any]) -> int:
    """Return the number of atoms in the cell of a structure that CRYSTAL computes.

    :param inputs: of CrystalBaseWorkChain: settings and starting spins decide which cell is primitive.
    """
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    crystal = inputs['crystal']
    settings, kinds = (crystal[name].get_dict() if name in crystal else {} for name in ('settings', 'kinds'))
    return len(reduce_geometry(to_geometry(structure, kinds), settings).crystal_geometry)


def locked_supercell(parameters: Mapping[str, Any], n_cells: int) -> dict[str, Any]:
    """Return the parameters that hold the spin of a supercell, empty where no spin is held.

    SPINLOCK is alpha minus beta electrons of the cell that is computed: of a supercell so many times those of
    CRYSTAL's primitive cell, which ``parameters`` are for.

    :param n_cells: primitive cells in the supercell.
    """
    lock = (parameters.get('scf') or {}).get('spinlock')
    return {'scf': {'spinlock': [n_cells * lock[0], lock[1]]}} if lock else {}


def supercell_mesh(
    inputs: Mapping[str, Any], structure: orm.StructureData, matrix: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Return SHRINK of a supercell of SCELPHONO, empty unless the inputs give the mesh by distance.

    SHRINK divides the reciprocal vectors of the supercell (MgO of the public corpus: 2 x 2 x 2, SHRINK 6). That of the
    primitive cell would be as many times too dense in every direction as the supercell is large.

    :param inputs: of CrystalBaseWorkChain, for the primitive cell.
    :param matrix: rows, in units of CRYSTAL's primitive cell, of the periodic directions or of all three.
    """
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.crystal.geometry import Geometry
    from aiida_crystalmath.data.structure import to_geometry
    from aiida_crystalmath.workflows.crystal.inputs import has_shrink
    from aiida_crystalmath.workflows.crystal.kmesh import shrink_from_distance

    if 'kpoints_distance' not in inputs or has_shrink(inputs['crystal']['parameters'].get_dict()):
        return {}
    settings = inputs['crystal']['settings'].get_dict() if 'settings' in inputs['crystal'] else {}
    primitive = reduce_geometry(to_geometry(structure), settings).crystal_geometry
    full = np.eye(3)
    full[: len(matrix), : len(matrix)] = matrix
    # One atom stands for all: a mesh that fits the symmetry of the lattice fits that of every crystal on it.
    atom = primitive.sites[0].moved_to((0.0, 0.0, 0.0))
    supercell = Geometry(full @ np.array(primitive.cell), primitive.dimensionality, (atom,))
    return {'scf': {'shrink': shrink_from_distance(supercell, inputs['kpoints_distance'].value)}}


def highest_frequency(structure: orm.StructureData) -> float:
    """Return how far a density of states must go for a structure, cm^-1: PDOS leaves out what lies above."""
    has_hydrogen = any(kind.symbol == 'H' for kind in structure.kinds)
    return HIGHEST_WITH_HYDROGEN_CM1 if has_hydrogen else HIGHEST_CM1


def dos_lines(maximum_cm1: float) -> list[str]:
    """Return PDOS as in a real deck of CRYSTAL22: highest frequency and number of bins, then 1 for projections."""
    return ['PDOS', f'{round(maximum_cm1)} {max(N_BINS, round(maximum_cm1 / BIN_CM1))}', '1']


def band_lines(structure: orm.StructureData, settings: dict[str, Any], n_points: int) -> list[str]:
    """Return BANDS as in a real deck of CRYSTAL22: unit of the coordinates and points a line, number of lines, ends.

    :param settings: of the calculation: they decide which cell is CRYSTAL's.
    """
    from aiida_crystalmath.calculations.band_path import PathSegment, integer_path
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry
    from aiida_crystalmath.workflows.functions.band_path import special_points

    geometry = to_geometry(structure)
    path, points = special_points(geometry)
    reduced = reduce_geometry(geometry, settings)
    told = {label: _triple(reduced.to_crystal_fractional_k(np.atleast_2d(q))[0]) for label, q in points.items()}
    segments = [PathSegment(told[start], told[end], start, end) for start, end in path]
    unit, ends = integer_path(segments)
    axes = [axis for axis, periodic in enumerate(structure.pbc) if periodic]
    lines = [' '.join(str(end[axis]) for end in one for axis in axes) for one in ends]
    return ['BANDS', f'{unit} {n_points}', str(len(lines)), *lines]


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    return (float(point[0]), float(point[1]), float(point[2]))
