"""Cells and geometries as printed, and the group the program names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.models.arrays import Array

GroupKind = Literal['space', 'layer', 'rod', 'point']


@dataclass
class CellParameters:
    """a, b, c in Å; alpha, beta, gamma in degrees.

    :param volume_angstrom3: volume in Å^3 of a crystal's cell, as printed. Where the program prints asterisks it is
        computed from the six parameters and ``volume_is_computed`` is set. None below three dimensions.
    """

    a: float
    b: float
    c: float
    alpha: float
    beta: float
    gamma: float
    volume_angstrom3: float | None = None
    volume_is_computed: bool = False

    @property
    def lengths_and_angles(self) -> tuple[float, float, float, float, float, float]:
        """The six numbers in CRYSTAL's order."""
        return (self.a, self.b, self.c, self.alpha, self.beta, self.gamma)


@dataclass(frozen=True)
class SymmetryGroup:
    """The group as the program names it.

    :param kind: space (3D), layer (2D), rod (1D) or point (0D) group.
    :param symbol: as printed, ``F M 3 M``; None where only a number is printed.
    :param number: as printed; None where only a symbol is printed.
    :param centrosymmetric: None where it is not said.
    """

    kind: GroupKind
    symbol: str | None = None
    number: int | None = None
    centrosymmetric: bool | None = None


@dataclass
class CellReport:
    """What one block ``GEOMETRY FOR WAVE FUNCTION`` or ``FINAL OPTIMIZED GEOMETRY`` tells.

    :param dimensionality: number of periodic directions.
    :param primitive: primitive cell; c (and b) are formally 500 Å in a slab (a polymer). None for a molecule.
    :param crystallographic: the conventional cell where the program prints it, which it does when it differs.
    :param transformation: matrix M, shape (3, 3), of ``TRANSFORMATION MATRIX PRIMITIVE-CRYSTALLOGRAPHIC CELL``: the
        rows of ``M @ primitive vectors`` are the conventional vectors.
    :param centring: the first number of ``CENTRING CODE``, 1 P, 2 A, 3 B, 4 C, 5 F, 6 I, 7 R.
    :param density_g_per_cm3: as printed (crystals).
    :param n_asymmetric: atoms of the asymmetric unit.
    :param asymmetric: of each atom, whether it belongs to the asymmetric unit (``T``).
    :param numbers: conventional atomic numbers as printed (Z + 100 n further basis, Z + 200 ECP, 0 ghost).
    :param labels: chemical symbols as printed (``MG``, ``FE1``, ``XX`` a ghost).
    :param crystallographic_coordinates: atoms of the *primitive* cell in fractions of the conventional one, shape
        (n, 3); None where not printed.
    :param geometry: primitive cell and atoms; None unless printed in full.
    :param complete: the atoms and, in a periodic system, the cell were read to their end.
    """

    dimensionality: int
    primitive: CellParameters | None = None
    crystallographic: CellParameters | None = None
    transformation: Array | None = None
    centring: int | None = None
    density_g_per_cm3: float | None = None
    n_atoms: int | None = None
    n_asymmetric: int | None = None
    asymmetric: list[bool] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    crystallographic_coordinates: Array | None = None
    geometry: Geometry | None = None
    complete: bool = False
    crystallographic_is_computed: bool = False
    """The program printed only the matrix; ``crystallographic`` was computed from it and the primitive vectors."""

    @property
    def conventional(self) -> CellParameters | None:
        """The conventional cell: the crystallographic one, which is the primitive one where the program prints none."""
        return self.crystallographic or self.primitive
