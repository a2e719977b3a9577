"""CRYSTAL's lattice vectors: minimal cell parameters, conventional cells, primitive cells of each centring.

Orientation, from real outputs: c along z, b in the yz plane, x of a positive. Seen: hexagonal cells have
``a = (a√3/2, -a/2, 0)`` and ``b = (0, a, 0)``, orthogonal cells lie along x, y, z. Inferred from that rule: monoclinic
``a = (a sin β, 0, a cos β)``, and triclinic cells. Primitive vectors of P, F, I and R (obverse), from the
tables ``TRANSFORMATION MATRIX PRIMITIVE-CRYSTALLOGRAPHIC CELL`` of real outputs. C and A follow the User's Manual as
remembered, B is their analogue: no real file at hand proves these three.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .settings import Setting, setting, setting_of_symbol

Matrix = NDArray[np.float64]

CENTRING_CODES = {'P': 1, 'A': 2, 'B': 3, 'C': 4, 'F': 5, 'I': 6, 'R': 7}
"""CRYSTAL's centring code of each lattice letter."""

_PRIMITIVE = {
    'P': [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    'A': [[1, 0, 0], [0, 1 / 2, 1 / 2], [0, -1 / 2, 1 / 2]],
    'B': [[1 / 2, 0, 1 / 2], [0, 1, 0], [-1 / 2, 0, 1 / 2]],
    'C': [[1 / 2, 1 / 2, 0], [-1 / 2, 1 / 2, 0], [0, 0, 1]],
    'F': [[0, 1 / 2, 1 / 2], [1 / 2, 0, 1 / 2], [1 / 2, 1 / 2, 0]],
    'I': [[-1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [1 / 2, 1 / 2, -1 / 2]],
    'R': [[2 / 3, 1 / 3, 1 / 3], [-1 / 3, 1 / 3, 1 / 3], [-1 / 3, -2 / 3, 1 / 3]],
}


def primitive_matrix(centring: str) -> Matrix:
    """Return Q with ``primitive rows = Q @ conventional rows`` for a lattice letter."""
    return np.array(_PRIMITIVE[centring], dtype=np.float64)


_FREE = {
    'cubic': (0,),
    'tetragonal': (0, 2),
    'hexagonal': (0, 2),
    'rhombohedral': (0, 3),
    'orthorhombic': (0, 1, 2),
    'triclinic': (0, 1, 2, 3, 4, 5),
}


def _free_parameters(item: Setting) -> tuple[int, ...]:
    """Return which of a, b, c, alpha, beta, gamma a setting leaves free, in CRYSTAL's order."""
    if item.family == 'monoclinic':
        return (0, 1, 2, 3 + 'abc'.index(item.unique_axis))
    return _FREE[item.family]


def _setting_of(group: int | str, ifhr: int) -> Setting:
    if isinstance(group, str):
        return setting_of_symbol(group, rhombohedral_axes=bool(ifhr))
    return setting(group, rhombohedral_axes=bool(ifhr))


def minimal_cell(group: int | str, parameters: Sequence[float], ifhr: int = 0) -> tuple[float, ...]:
    """Return the cell parameters that CRYSTAL wants for a space group.

    :param parameters: ``a b c alpha beta gamma`` of the conventional cell, Å and degrees.
    :param ifhr: 1 for rhombohedral axes of a rhombohedral group.
    """
    a, b, c, alpha, beta, gamma = (float(value) for value in parameters)
    item = _setting_of(group, ifhr)
    means = {
        'cubic': (np.mean([a, b, c]),),
        'tetragonal': (np.mean([a, b]), c),
        'hexagonal': (np.mean([a, b]), c),
        'rhombohedral': (np.mean([a, b, c]), np.mean([alpha, beta, gamma])),
    }.get(item.family)
    if means is None:
        values = (a, b, c, alpha, beta, gamma)
        means = tuple(values[i] for i in _free_parameters(item))
    return tuple(float(value) for value in means)


def full_cell(item: Setting, cell: Sequence[float]) -> tuple[float, float, float, float, float, float]:
    """Return ``a b c alpha beta gamma`` from the minimal parameters of a setting; surplus values are ignored.

    :raises ValueError: if there are too few.
    """
    free = _free_parameters(item)
    if len(cell) < len(free):
        raise ValueError(f'a {item.family} cell needs {len(free)} parameters, but {len(cell)} are given: {tuple(cell)}')
    right = 120.0 if item.family == 'hexagonal' else 90.0
    values = [0.0, 0.0, 0.0, 90.0, 90.0, right]
    for index, value in zip(free, cell, strict=False):
        values[index] = float(value)
    if item.family in ('cubic', 'tetragonal', 'hexagonal', 'rhombohedral'):
        values[1] = values[0]
    if item.family in ('cubic', 'rhombohedral'):
        values[2] = values[0]
    if item.family == 'rhombohedral':
        values[4] = values[5] = values[3]
    return (values[0], values[1], values[2], values[3], values[4], values[5])


def conventional_cell(item: Setting, cell: Sequence[float]) -> Matrix:
    """Return the conventional cell (rows, Å) in CRYSTAL's orientation from the minimal parameters of a setting."""
    parameters = full_cell(item, cell)
    if item.family == 'rhombohedral':
        # The three-fold axis lies along z, as in the hexagonal setting of the same lattice.
        a, angle = parameters[0], np.radians(parameters[3])
        hexagonal = oriented_cell(
            [2 * a * np.sin(angle / 2)] * 2 + [a * np.sqrt(3 + 6 * np.cos(angle)), 90.0, 90.0, 120.0]
        )
        result: Matrix = primitive_matrix('R') @ hexagonal
        return result
    return oriented_cell(parameters)


def oriented_cell(parameters: ArrayLike) -> Matrix:
    """Return a cell (rows, Å) of ``a b c alpha beta gamma`` with c along z and b in the yz plane.

    :raises ValueError: if no cell has these parameters.
    """
    a, b, c, alpha, beta, gamma = (float(value) for value in np.asarray(parameters, dtype=float))
    (cos_a, sin_a), (cos_b, _), (cos_g, _) = (_cos_sin(angle) for angle in (alpha, beta, gamma))
    y = (cos_g - cos_a * cos_b) / sin_a
    x2 = 1 - cos_b**2 - y**2
    if min(a, b, c) <= 0 or x2 <= 0:
        raise ValueError(f'no cell has a, b, c = {a}, {b}, {c} Å and alpha, beta, gamma = {alpha}, {beta}, {gamma}')
    return np.array([[a * np.sqrt(x2), a * y, a * cos_b], [0, b * sin_a, b * cos_a], [0, 0, c]], dtype=np.float64)


def _cos_sin(angle: float) -> tuple[float, float]:
    """Return cosine and sine of an angle in degrees, exact for the angles of symmetric cells."""
    exact = {90.0: (0.0, 1.0), 60.0: (0.5, 3**0.5 / 2), 120.0: (-0.5, 3**0.5 / 2)}
    radians = np.radians(angle)
    return exact.get(angle, (float(np.cos(radians)), float(np.sin(radians))))
