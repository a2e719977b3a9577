"""Tensors in other Cartesian axes, and the six-component notation of Voigt.

Rotations are those of row vectors: ``v' = v @ rotation``; they may be improper. Pairs of axes are numbered as Voigt
does and as CRYSTAL prints: xx, yy, zz, yz, xz, xy (J. F. Nye, Physical Properties of Crystals, Oxford 1957, ch. VIII).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ('PLANE', 'VOIGT', 'rotate', 'rotate_piezoelectric', 'rotate_voigt', 'rotates_periodic_axes')

Matrix = NDArray[np.float64]

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Axes of the six components."""

PLANE = ((0, 0), (1, 1), (0, 1))
"""Axes of the three components of a slab: xx, yy, xy."""

LINE = ((0, 0),)
"""Axes of the one component of a polymer: xx."""

_PAIRS = {6: VOIGT, 3: PLANE, 1: LINE}

Factors = Literal['stiffness', 'compliance']


def rotate(tensors: ArrayLike, rotation: ArrayLike, rank: int = 2) -> Matrix:
    """Return polar tensors in other Cartesian axes.

    :param tensors: the last ``rank`` dimensions, each of length 3, are Cartesian; those before them count tensors.
    :param rotation: of row vectors, shape (3, 3).
    """
    result = np.array(tensors, dtype=float)
    matrix = np.asarray(rotation, dtype=float)
    if np.allclose(matrix, np.eye(3), rtol=0, atol=1e-12):
        # Not only quicker: a component that is not known leaves the others as they are.
        return result
    for _ in range(rank):
        # Contracts the first Cartesian axis that is left, and puts the new one behind the last.
        result = np.tensordot(result, matrix, axes=(result.ndim - rank, 0))
    return result


def rotate_voigt(matrix: ArrayLike, rotation: ArrayLike, kind: Factors = 'stiffness') -> Matrix:
    """Return elastic constants or compliances in other Cartesian axes.

    :param matrix: in the notation of Voigt, shape (6, 6), (3, 3) of a slab in the plane xy or (1, 1) of a polymer
        along x.
    :param rotation: of row vectors; of a slab or polymer it must keep the periodic axes, see
        :func:`rotates_periodic_axes`.
    :param kind: ``compliance`` counts a shear strain twice, so that factors of 2 and 4 come in (Nye, ch. VIII).
    :raises ValueError: for another shape.
    """
    values = np.asarray(matrix, dtype=float)
    if values.shape not in {(size, size) for size in _PAIRS}:
        raise ValueError(f'a matrix in the notation of Voigt is 6 x 6, 3 x 3 or 1 x 1, not {values.shape}')
    pairs = _PAIRS[len(values)]
    weights = np.array([1.0 if i == j or kind == 'stiffness' else 2.0 for i, j in pairs])
    full = np.zeros((3, 3, 3, 3))
    for row, (i, j) in enumerate(pairs):
        for column, (k, l) in enumerate(pairs):
            value = values[row, column] / (weights[row] * weights[column])
            full[i, j, k, l] = full[j, i, k, l] = full[i, j, l, k] = full[j, i, l, k] = value
    turned = rotate(full, rotation, rank=4)
    result = np.array([[turned[i, j, k, l] for k, l in pairs] for i, j in pairs])
    return np.asarray(result * weights[:, None] * weights[None, :], dtype=np.float64)


def rotate_piezoelectric(matrix: ArrayLike, rotation: ArrayLike, kind: Factors = 'stiffness') -> Matrix:
    """Return piezoelectric constants in other Cartesian axes.

    :param matrix: shape (3, 6), direction of the field by component of the strain in the notation of Voigt.
    :param rotation: of row vectors, shape (3, 3).
    :param kind: ``stiffness`` for the direct tensor e, ``compliance`` for the converse one d, whose shear components
        are counted twice (Nye, ch. VII).
    :raises ValueError: for another shape.
    """
    values = np.asarray(matrix, dtype=float)
    if values.shape != (3, 6):
        raise ValueError(f'piezoelectric constants are 3 x 6, not {values.shape}')
    weights = np.array([1.0 if i == j or kind == 'stiffness' else 2.0 for i, j in VOIGT])
    full = np.zeros((3, 3, 3))
    for column, (j, k) in enumerate(VOIGT):
        full[:, j, k] = full[:, k, j] = values[:, column] / weights[column]
    turned = rotate(full, rotation, rank=3)
    return np.asarray(np.stack([turned[:, j, k] for j, k in VOIGT], axis=1) * weights, dtype=np.float64)


def rotates_periodic_axes(rotation: ArrayLike, dimensionality: int) -> bool:
    """Say whether a rotation turns the axes in which a slab (x, y) or polymer (x) repeats among themselves only."""
    matrix = np.asarray(rotation, dtype=float)
    if dimensionality not in (1, 2):
        return True
    d = dimensionality
    return bool(np.abs(matrix[:d, d:]).max() < 1e-6 and np.abs(matrix[d:, :d]).max() < 1e-6)
