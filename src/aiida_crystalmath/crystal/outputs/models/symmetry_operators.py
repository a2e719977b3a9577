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

    :param rotations: matrices R, shape (n, 3, 3), on column vectors: fractions of the primitive cell's vectors along
        periodic directions (and Å along the others). Two decimals are printed: exact in a crystal, rounded for the
        rotations of a helix.
    :param translations: vectors t in the same units, shape (n, 3); rounded, a third is 0.33.
    :param inverse: index (from 0) of each operator's inverse.
    :param frame: ``fractional``, as in every real file seen (the program's words are "crystallographic reference
        frame"); ``cartesian`` where the title says so.
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
