"""From a distance between k-points to CRYSTAL's SHRINK. No AiiDA here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('GILAT_FACTOR', 'reciprocal_rotations', 'shrink_from_distance', 'thick_cell')

GILAT_FACTOR = 2
"""ISP over IS: a Gilat net twice as dense is usual; only conductors use it."""


def shrink_from_distance(primitive: Geometry, distance: float, symprec: float = 1e-5) -> dict[str, Any]:
    """Return ``{'is': n or [n1, n2, n3], 'isp': m}``, the coarsest net at most ``distance`` apart.

    :param primitive: CRYSTAL's primitive cell, whose reciprocal vectors SHRINK divides.
    :param distance: largest distance between neighbouring points along a reciprocal vector, 1/Å, with the factor 2π
        (the meaning of ``kpoints_distance`` in aiida-quantumespresso).
    :param symprec: tolerance on positions for the symmetry search, Å.
    :raises ValueError: for a molecule, or a distance that is not positive.

    Where symmetry mixes reciprocal vectors that would be divided differently (ERROR **** ANISOTROPIC SHRINKING FACTOR),
    all get the densest division.
    """
    if primitive.dimensionality == 0:
        raise ValueError('a molecule has no k-points: leave out the k-points distance.')
    if not distance > 0:
        raise ValueError(f'the distance between k-points must be positive (1/Å), not {distance}.')
    lengths = np.linalg.norm(primitive.reciprocal_cell, axis=1)
    periodic = np.array(primitive.pbc)
    # A length that is a multiple of the distance must not be rounded up because of the last digit.
    divisions = np.where(periodic, np.maximum(1, np.ceil(lengths / distance - 1e-6)), 1).astype(int)
    if not _is_invariant(divisions, reciprocal_rotations(primitive, symprec)):
        divisions = np.where(periodic, divisions.max(), 1)
    densest = int(divisions.max())
    uniform = len(set(divisions[periodic].tolist())) == 1
    return {'is': densest if uniform else [int(n) for n in divisions], 'isp': GILAT_FACTOR * densest}


def reciprocal_rotations(geometry: Geometry, symprec: float) -> NDArray[np.int64]:
    """Return the point group in the basis of the reciprocal vectors, integers, shape (n, 3, 3)."""
    import spglib

    species = {name: index for index, name in enumerate(dict.fromkeys(site.species for site in geometry.sites), 1)}
    numbers = [species[site.species] for site in geometry.sites]
    cell = thick_cell(geometry)
    positions = geometry.positions @ np.linalg.inv(cell)
    found = spglib.get_symmetry((cell.tolist(), positions.tolist(), numbers), symprec=symprec)
    rotations = np.array(found['rotations']) if found is not None else np.eye(3, dtype=int)[None]
    # Columns of a direct rotation are the images of a, b, c; the reciprocal vectors follow its inverse transpose.
    return np.rint(np.linalg.inv(rotations).transpose(0, 2, 1)).astype(np.int64)


def thick_cell(geometry: Geometry) -> NDArray[np.float64]:
    """Return the cell with each non-periodic vector normal to the periodic ones and too long to be taken for them."""
    cell = np.array(geometry.reciprocal_cell)
    periodic = np.array(geometry.pbc)
    if periodic.all():
        return np.array(geometry.cell)
    direct = np.array(geometry.cell)
    rest = np.linalg.svd(cell[periodic])[2][int(periodic.sum()) :]
    thickness = 20.0 + 3.0 * max(np.ptp(geometry.positions @ row) for row in rest)
    longest = max(np.linalg.norm(direct[periodic], axis=1).max(), thickness)
    for scale, (index, row) in enumerate(zip(np.flatnonzero(~periodic), rest, strict=True), 1):
        direct[index] = row * longest * (1.37 + 0.53 * scale)
    return direct


def _is_invariant(divisions: NDArray[np.int64], rotations: NDArray[np.int64]) -> bool:
    """Tell whether every rotation takes the net of points (i/n1, j/n2, k/n3) into itself."""
    # The net's steps are b_i / n_i; in them an operation reads W_ij n_i / n_j, which must be integer.
    scaled = rotations * (divisions[:, None] / divisions[None, :])
    return bool(np.allclose(scaled, np.rint(scaled), atol=1e-8))
