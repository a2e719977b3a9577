"""Array nodes: from arrays of which some may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from aiida import orm
from numpy.typing import ArrayLike, NDArray

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.parsers.base import finite

__all__ = ('array_node', 'floats', 'geometry_arrays', 'set_pbc')


def floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    """Return numbers as an array, NaN where one is not known."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def array_node(arrays: Mapping[str, ArrayLike | None], attributes: Mapping[str, Any] | None = None) -> orm.ArrayData:
    """Return a node of the arrays that are there.

    :param arrays: by name; None leaves one out.
    :param attributes: plain values that say how to read them; None leaves one out.
    """
    node = orm.ArrayData()
    for name, values in arrays.items():
        if values is not None:
            node.set_array(name, np.asarray(values))
    for name, value in finite(attributes or {}).items():
        if value is not None:
            node.base.attributes.set(name, value)
    return node


def geometry_arrays(geometry: Geometry | None) -> dict[str, Any]:
    """Return the cell and atoms that arrays belong to: ``cell_angstrom``, ``positions_angstrom``, ``numbers``."""
    if geometry is None:
        return {}
    return {
        'cell_angstrom': geometry.cell,
        'positions_angstrom': geometry.positions,
        'numbers': np.array(geometry.numbers, dtype=np.int64),
    }


def set_pbc(geometry: Geometry | None) -> dict[str, Any]:
    """Return the attribute ``pbc`` of a node with :func:`geometry_arrays`."""
    return {} if geometry is None else {'pbc': [bool(periodic) for periodic in geometry.pbc]}
