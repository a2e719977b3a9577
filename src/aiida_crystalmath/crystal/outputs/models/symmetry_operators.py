"""Symmetry operators as printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aiida_crystalmath.crystal.outputs.models.arrays import Array

Frame = Literal['fractional', 'cartesian']


@dataclass
class SymmetryOperators:
    """Operators ``r' = R r + t`` of the table ``SYMMOPS - TRANSLATORS IN FRACTIONAL UNITS``.

    :param rotations: matrices R, shape (n, 3, 3), on column vectors of the frame.
    :param translations: vectors t in fractions of the primitive cell's vectors, shape (n, 3).
    :param inverse: index (from 0) of each operator's inverse, shape (n,).
    :param frame: ``fractional``: R acts on fractions of the primitive cell (the program's own word is
        "crystallographic reference frame"); ``cartesian``: R acts on Cartesian vectors. Translations are fractional in
        both cases, as the title says.
    :param complete: as many operators as the title announces were read.
    """

    rotations: Array
    translations: Array
    inverse: list[int]
    frame: Frame = 'fractional'
    complete: bool = False

    def __len__(self) -> int:
        """Return the number of operators."""
        return len(self.rotations)

    @property
    def has_inversion(self) -> bool:
        """Whether one of the rotations is the inversion."""
        return any(np.allclose(rotation, -np.eye(3), atol=1e-3) for rotation in self.rotations)
