"""What follows from elastic constants: averages of a polycrystal, stability, and how stiffness depends on direction.

Free of AiiDA. Tensors are 6 x 6 in Voigt's notation (xx, yy, zz, yz, xz, xy) for a crystal, 3 x 3 (xx, yy, xy) for a
slab; compliances count shear strains twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = (
    'Averages',
    'Extremes',
    'Layer',
    'Stability',
    'averages',
    'extremes',
    'layer_moduli',
    'stability',
    'youngs_modulus',
)

Array = NDArray[np.float64]

PATTERN_TOLERANCE = 0.02
"""Relative difference below which elastic constants that a crystal system makes equal count as equal: the noise of
numerical second derivatives."""


@dataclass(frozen=True)
class Averages:
    """Moduli of a polycrystal after Voigt, Reuss and Hill, in the unit of the constants (R. Hill, 1952).

    :param universal_anisotropy: 5 G_V/G_R + K_V/K_R - 6; nothing for an isotropic crystal (Ranganathan, Ostoja-
        Starzewski, Phys. Rev. Lett. 101, 055504 (2008)).
    """

    bulk_voigt: float
    bulk_reuss: float
    bulk_hill: float
    shear_voigt: float
    shear_reuss: float
    shear_hill: float
    young_hill: float
    poisson_hill: float
    pugh_ratio: float
    universal_anisotropy: float


@dataclass(frozen=True)
class Stability:
    """Whether a crystal resists every small strain.

    :param eigenvalues: of the matrix of constants, ascending, in its unit.
    :param is_stable: all are positive: necessary and sufficient for every crystal system (F. Mouhat, F.-X. Coudert,
        Phys. Rev. B 90, 224104 (2014)).
    :param conditions: Born's conditions of the crystal system whose pattern the constants have, by their formula;
        empty for a system of lower symmetry, whose conditions say no more than the eigenvalues.
    :param system: ``cubic``, ``hexagonal`` (also rhombohedral of high symmetry without C14), ``tetragonal``,
        ``orthorhombic``, ``square``, ``rectangular`` or ``hexagonal layer``; empty for any other pattern.
    """

    eigenvalues: tuple[float, ...]
    is_stable: bool
    conditions: dict[str, bool] = field(default_factory=dict)
    system: str = ''


@dataclass(frozen=True)
class Extremes:
    """Smallest and largest Young's modulus (unit of the constants) and Poisson's ratio over all directions.

    :param softest: unit vector of the smallest Young's modulus, :param stiffest: of the largest.
    """

    young_minimum: float
    young_maximum: float
    poisson_minimum: float
    poisson_maximum: float
    softest: tuple[float, float, float]
    stiffest: tuple[float, float, float]


@dataclass(frozen=True)
class Layer:
    """Moduli of a slab per width, in the unit of its constants (N/m).

    :param young_x: along x, free along y; :param poisson_xy: contraction along y for strain along x.
    :param area_modulus: resistance against a change of the area, (C11 + C22 + 2 C12)/4.
    """

    young_x: float
    young_y: float
    poisson_xy: float
    poisson_yx: float
    shear: float
    area_modulus: float


def averages(constants: ArrayLike) -> Averages:
    """Return the averages of a polycrystal.

    :param constants: shape (6, 6).
    :raises ValueError: for a tensor of another shape, with a number that is not known, or that cannot be inverted.
    """
    c = _tensor(constants, 6)
    s = np.linalg.inv(c)
    bulk_voigt = (np.trace(c[:3, :3]) + 2.0 * (c[0, 1] + c[0, 2] + c[1, 2])) / 9.0
    bulk_reuss = 1.0 / float(np.sum(s[:3, :3]))
    shear_voigt = (np.trace(c[:3, :3]) - (c[0, 1] + c[0, 2] + c[1, 2]) + 3.0 * np.trace(c[3:, 3:])) / 15.0
    shear_reuss = 15.0 / (4.0 * np.trace(s[:3, :3]) - 4.0 * (s[0, 1] + s[0, 2] + s[1, 2]) + 3.0 * np.trace(s[3:, 3:]))
    bulk, shear = 0.5 * (bulk_voigt + bulk_reuss), 0.5 * (shear_voigt + shear_reuss)
    return Averages(
        bulk_voigt=float(bulk_voigt),
        bulk_reuss=float(bulk_reuss),
        bulk_hill=float(bulk),
        shear_voigt=float(shear_voigt),
        shear_reuss=float(shear_reuss),
        shear_hill=float(shear),
        young_hill=float(9.0 * bulk * shear / (3.0 * bulk + shear)),
        poisson_hill=float((3.0 * bulk - 2.0 * shear) / (2.0 * (3.0 * bulk + shear))),
        pugh_ratio=float(bulk / shear),
        universal_anisotropy=float(5.0 * shear_voigt / shear_reuss + bulk_voigt / bulk_reuss - 6.0),
    )


def stability(constants: ArrayLike) -> Stability:
    """Test the mechanical stability at zero stress; under pressure the constants must be those corrected for it.

    :param constants: shape (6, 6) or, of a slab, (3, 3).
    :raises ValueError: for a tensor of another shape, or with a number that is not known.
    """
    found = np.asarray(constants, dtype=float)
    c = _tensor(found, len(found))
    eigenvalues = np.linalg.eigvalsh(c)
    system, conditions = _born_crystal(c) if len(c) == 6 else _born_layer(c)
    return Stability(tuple(float(x) for x in eigenvalues), bool(eigenvalues[0] > 0.0), conditions, system)


def _born_crystal(c: Array) -> tuple[str, dict[str, bool]]:
    """Return the crystal system whose pattern the constants show, and its conditions (Mouhat and Coudert)."""
    c11, c22, c33, c44, c55, c66 = np.diag(c)
    c12, c13, c23 = c[0, 1], c[0, 2], c[1, 2]
    scale = float(np.abs(c).max())

    def same(*values: float) -> bool:
        return max(values) - min(values) < PATTERN_TOLERANCE * scale

    off = [c[i, j] for i in range(6) for j in range(max(i + 1, 3), 6)]
    if not same(0.0, *off):
        return '', {}
    if same(c11, c22, c33) and same(c12, c13, c23) and same(c44, c55, c66):
        return 'cubic', {
            'C11 - C12 > 0': bool(c11 > c12),
            'C11 + 2 C12 > 0': bool(c11 + 2.0 * c12 > 0.0),
            'C44 > 0': bool(c44 > 0.0),
        }
    if same(c11, c22) and same(c13, c23) and same(c44, c55):
        conditions = {
            'C11 > |C12|': bool(c11 > abs(c12)),
            '2 C13^2 < C33 (C11 + C12)': bool(2.0 * c13**2 < c33 * (c11 + c12)),
            'C44 > 0': bool(c44 > 0.0),
        }
        if same(c66, 0.5 * (c11 - c12)):
            return 'hexagonal', conditions
        return 'tetragonal', {**conditions, 'C66 > 0': bool(c66 > 0.0)}
    determinant = c11 * c22 * c33 + 2.0 * c12 * c13 * c23 - c11 * c23**2 - c22 * c13**2 - c33 * c12**2
    return 'orthorhombic', {
        'C11 > 0': bool(c11 > 0.0),
        'C11 C22 > C12^2': bool(c11 * c22 > c12**2),
        'C11 C22 C33 + 2 C12 C13 C23 - C11 C23^2 - C22 C13^2 - C33 C12^2 > 0': bool(determinant > 0.0),
        'C44, C55, C66 > 0': bool(min(c44, c55, c66) > 0.0),
    }


def _born_layer(c: Array) -> tuple[str, dict[str, bool]]:
    """Return the same for a slab."""
    scale = float(np.abs(c).max())
    if max(abs(c[0, 2]), abs(c[1, 2])) > PATTERN_TOLERANCE * scale:
        return '', {}
    conditions = {
        'C11 > 0': bool(c[0, 0] > 0.0),
        'C11 C22 > C12^2': bool(c[0, 0] * c[1, 1] > c[0, 1] ** 2),
        'C66 > 0': bool(c[2, 2] > 0.0),
    }
    if abs(c[0, 0] - c[1, 1]) > PATTERN_TOLERANCE * scale:
        return 'rectangular', conditions
    isotropic = abs(c[2, 2] - 0.5 * (c[0, 0] - c[0, 1])) < PATTERN_TOLERANCE * scale
    return 'hexagonal layer' if isotropic else 'square', conditions


def youngs_modulus(constants: ArrayLike, directions: ArrayLike) -> Array:
    """Return Young's modulus along unit vectors, in the unit of the constants.

    :param constants: shape (6, 6), :param directions: shape (n, 3).
    """
    s = np.linalg.inv(_tensor(constants, 6))
    strains = _squares(np.asarray(directions, dtype=float))
    return np.asarray(1.0 / np.einsum('ni,ij,nj->n', strains, s, strains))


def extremes(constants: ArrayLike) -> Extremes:
    """Search all directions for the extremes of Young's modulus and Poisson's ratio, on a grid of about two degrees.

    :param constants: shape (6, 6), stable.
    """
    s = np.linalg.inv(_tensor(constants, 6))
    grid = np.meshgrid(np.linspace(0.0, np.pi / 2, 46), np.linspace(0.0, 2.0 * np.pi, 180, endpoint=False))
    theta, phi = grid[0].ravel(), grid[1].ravel()
    along = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    first = np.stack([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)], axis=1)
    second = np.cross(along, first)
    strains = _squares(along)
    responses = strains @ s
    inverse = np.sum(responses * strains, axis=1)
    poisson = []
    for angle in np.linspace(0.0, np.pi, 45, endpoint=False):
        across = np.cos(angle) * first + np.sin(angle) * second
        poisson.append(-np.sum(responses * _squares(across), axis=1) / inverse)
    young = 1.0 / inverse
    soft, stiff = along[int(np.argmin(young))], along[int(np.argmax(young))]
    return Extremes(
        young_minimum=float(young.min()),
        young_maximum=float(young.max()),
        poisson_minimum=float(np.min(poisson)),
        poisson_maximum=float(np.max(poisson)),
        softest=(float(soft[0]), float(soft[1]), float(soft[2])),
        stiffest=(float(stiff[0]), float(stiff[1]), float(stiff[2])),
    )


def layer_moduli(constants: ArrayLike) -> Layer:
    """Return the moduli of a slab.

    :param constants: shape (3, 3), N/m.
    """
    c = _tensor(constants, 3)
    s = np.linalg.inv(c)
    return Layer(
        young_x=float(1.0 / s[0, 0]),
        young_y=float(1.0 / s[1, 1]),
        poisson_xy=float(-s[0, 1] / s[0, 0]),
        poisson_yx=float(-s[0, 1] / s[1, 1]),
        shear=float(1.0 / s[2, 2]),
        area_modulus=float((c[0, 0] + c[1, 1] + 2.0 * c[0, 1]) / 4.0),
    )


def _squares(vectors: Array) -> Array:
    """Return n_i n_j in Voigt's order for compliances that count shear twice: (xx, yy, zz, yz, xz, xy)."""
    x, y, z = vectors.T
    return np.stack([x * x, y * y, z * z, y * z, x * z, x * y], axis=1)


def _tensor(constants: ArrayLike, size: int) -> Array:
    found = np.asarray(constants, dtype=float)
    if found.shape != (size, size) or size not in (3, 6):
        raise ValueError(f'elastic constants of shape (6, 6) or (3, 3) are needed, not {found.shape}.')
    if not np.isfinite(found).all():
        raise ValueError('some elastic constants are not known: the program printed asterisks in their place.')
    return np.asarray(0.5 * (found + found.T))
