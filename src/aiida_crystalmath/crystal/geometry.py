"""Geometry of 0D-3D systems: one type for molecules, polymers, slabs and crystals.

Lengths are in Å. The non-periodic directions follow CRYSTAL's conventions: a polymer repeats along x (first vector),
a slab along its first two vectors in the xy plane, and a non-periodic vector is 500 Å long in CRYSTAL's files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .elements import symbol

NON_PERIODIC_LENGTH_ANGSTROM = 500.0
"""Length CRYSTAL gives to the lattice vector of a direction that does not repeat."""


@dataclass(frozen=True)
class Site:
    """One atom (or ghost) of a :class:`Geometry`.

    :param number: true atomic number, 1-118 (never CRYSTAL's conventional number).
    :param position: Cartesian position in Å.
    :param kind: name that separates species further than the element does (for example ``Fe1``/``Fe2``);
        empty means the chemical symbol.
    :param ghost: basis functions without nucleus and electrons.
    :param ecp: the core is replaced by an effective core potential (conventional number Z + 200).
    :param variant: n selects the n-th further basis of the same element (conventional number Z + 100 n), 0 the first.
    :param spin: sign of the starting spin moment, CRYSTAL's ATOMSPIN: 1, -1 or 0.
    """

    number: int
    position: tuple[float, float, float]
    kind: str = ''
    ghost: bool = False
    ecp: bool = False
    variant: int = 0
    spin: int = 0

    @property
    def conventional_number(self) -> int:
        """CRYSTAL's conventional atomic number: Z, Z + 100 n (further basis), Z + 200 (+ 100 n) with an ECP."""
        return self.number + 100 * self.variant + (200 if self.ecp else 0)

    @property
    def symbol(self) -> str:
        """Chemical symbol."""
        return symbol(self.number)

    @property
    def species(self) -> tuple[int, str, bool, bool, int, int]:
        """All that makes one atom different from another: two sites are symmetry-equivalent only if it is equal."""
        return (self.number, self.kind or self.symbol, self.ghost, self.ecp, self.variant, self.spin)

    def moved_to(self, position: ArrayLike) -> Site:
        """Return the same atom at another Cartesian position (Å)."""
        x, y, z = (float(value) for value in np.asarray(position, dtype=float))
        return replace(self, position=(x, y, z))


@dataclass(frozen=True, eq=False)
class Geometry:
    """A periodic or molecular arrangement of :class:`Site` objects.

    :param cell: lattice vectors as rows, Å, shape (3, 3).
    :param dimensionality: 0 molecule, 1 polymer (vector 1 periodic), 2 slab (vectors 1, 2), 3 crystal.
    :param sites: the atoms, order significant.
    :param periodic: which vectors repeat, if not the first ``dimensionality`` ones: structures of other programs may
        have their vacuum anywhere. CRYSTAL's own geometries never need it.
    """

    cell: NDArray[np.float64]
    dimensionality: int
    sites: tuple[Site, ...]
    periodic: tuple[bool, bool, bool] | None = None

    def __post_init__(self) -> None:
        """Check shapes and make the cell read-only.

        :raises ValueError: if cell, dimensionality and periodic directions do not fit together.
        """
        cell = np.array(self.cell, dtype=np.float64)
        if cell.shape != (3, 3) or not np.isfinite(cell).all():
            raise ValueError(f'the cell must be 3 x 3 finite numbers (Å, vectors as rows), not {self.cell!r}')
        if self.dimensionality not in (0, 1, 2, 3):
            raise ValueError(f'dimensionality must be 0, 1, 2 or 3, not {self.dimensionality!r}')
        if self.periodic is not None and sum(self.periodic) != self.dimensionality:
            raise ValueError(f'periodic={self.periodic} does not fit a dimensionality of {self.dimensionality}')
        cell.setflags(write=False)
        object.__setattr__(self, 'cell', cell)
        object.__setattr__(self, 'sites', tuple(self.sites))

    # ------------------------------------------------------------------------------------------ constructors

    @classmethod
    def from_arrays(
        cls,
        cell: ArrayLike,
        positions: ArrayLike,
        numbers: Sequence[int],
        dimensionality: int = 3,
        *,
        kinds: Sequence[str] | None = None,
        periodic: tuple[bool, bool, bool] | None = None,
    ) -> Geometry:
        """Build from Cartesian positions (n, 3) in Å."""
        rows = np.asarray(positions, dtype=float).reshape(-1, 3)
        names = [''] * len(rows) if kinds is None else list(kinds)
        sites = tuple(
            Site(int(z), (float(x[0]), float(x[1]), float(x[2])), kind=kind)
            for z, x, kind in zip(numbers, rows, names, strict=True)
        )
        return cls(np.asarray(cell, dtype=float), dimensionality, sites, periodic)

    @classmethod
    def from_fractional(
        cls,
        cell: ArrayLike,
        fractional: ArrayLike,
        numbers: Sequence[int],
        dimensionality: int = 3,
        *,
        kinds: Sequence[str] | None = None,
        periodic: tuple[bool, bool, bool] | None = None,
    ) -> Geometry:
        """Build from fractional positions (n, 3); components along non-periodic vectors are lengths in Å."""
        geometry = cls(np.asarray(cell, dtype=float), dimensionality, (), periodic)
        positions = np.asarray(fractional, dtype=float).reshape(-1, 3) @ geometry.frame
        return cls.from_arrays(geometry.cell, positions, numbers, dimensionality, kinds=kinds, periodic=periodic)

    # ------------------------------------------------------------------------------------------ atoms

    def __len__(self) -> int:
        """Return the number of sites, ghosts included."""
        return len(self.sites)

    @property
    def positions(self) -> NDArray[np.float64]:
        """Cartesian positions in Å, shape (n, 3)."""
        return np.array([site.position for site in self.sites], dtype=np.float64).reshape(-1, 3)

    @property
    def fractional(self) -> NDArray[np.float64]:
        """Positions along the cell vectors, shape (n, 3): fractions if the vector repeats, Å if it does not."""
        result: NDArray[np.float64] = self.positions @ np.linalg.inv(self.frame)
        return result

    @property
    def numbers(self) -> list[int]:
        """Atomic numbers."""
        return [site.number for site in self.sites]

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols."""
        return [site.symbol for site in self.sites]

    @property
    def kinds(self) -> list[str]:
        """Kind names; the chemical symbol where a site has no kind of its own."""
        return [site.kind or site.symbol for site in self.sites]

    @property
    def formula(self) -> str:
        """Chemical formula of the cell in Hill order, ghosts left out: ``Mg4O4``, ``C2H6``."""
        return self._hill(1)

    @property
    def reduced_formula(self) -> str:
        """Formula unit of what repeats (``MgO`` for a cell of ``Mg4O4``); the whole formula of a molecule."""
        counts = Counter(site.symbol for site in self.sites if not site.ghost)
        return self._hill(math.gcd(*counts.values()) if self.dimensionality and counts else 1)

    def _hill(self, units: int) -> str:
        """Return the formula in Hill order, ghosts left out, divided by a number of formula units."""
        counts = Counter(site.symbol for site in self.sites if not site.ghost)
        names = sorted(counts)
        if 'C' in counts:
            names = [name for name in ('C', 'H') if name in counts] + [n for n in names if n not in ('C', 'H')]
        return ''.join(f'{name}{counts[name] // units if counts[name] > units else ""}' for name in names)

    def with_sites(self, sites: Iterable[Site]) -> Geometry:
        """Return the same cell with other sites."""
        return replace(self, sites=tuple(sites))

    def with_positions(self, positions: ArrayLike, cell: ArrayLike | None = None) -> Geometry:
        """Return the same atoms at other Cartesian positions (n, 3) in Å, in another cell if one is given.

        :raises ValueError: if the number of positions is not the number of sites.
        """
        rows = np.asarray(positions, dtype=float).reshape(-1, 3)
        if len(rows) != len(self.sites):
            raise ValueError(f'{len(rows)} positions were given for {len(self.sites)} atoms')
        sites = tuple(site.moved_to(row) for site, row in zip(self.sites, rows, strict=True))
        new_cell = self.cell if cell is None else np.asarray(cell, dtype=float)
        return replace(self, cell=new_cell, sites=sites)

    # ------------------------------------------------------------------------------------------ cell

    @property
    def pbc(self) -> tuple[bool, bool, bool]:
        """Which of the three cell vectors repeat."""
        if self.periodic is not None:
            return self.periodic
        return (self.dimensionality > 0, self.dimensionality > 1, self.dimensionality > 2)

    @property
    def periodic_cell(self) -> NDArray[np.float64]:
        """The vectors that repeat, shape (dimensionality, 3), Å."""
        return np.array(self.cell[list(self.pbc)], dtype=np.float64)

    @property
    def measure(self) -> float:
        """Volume (Å³), area (Å²) or length (Å) of the repeating cell; 0 for a molecule."""
        rows = self.periodic_cell
        if len(rows) == 0:
            return 0.0
        return float(np.sqrt(max(np.linalg.det(rows @ rows.T), 0.0)))

    @property
    def volume_angstrom3(self) -> float:
        """Volume of a crystal's cell in Å³.

        :raises ValueError: if the system is not a crystal: use :attr:`measure`.
        """
        if self.dimensionality != 3:
            raise ValueError(f'a {self.dimensionality}D system has no cell volume; use `measure` (area or length)')
        return self.measure

    @property
    def cell_parameters(self) -> tuple[float, float, float, float, float, float]:
        """``(a, b, c, alpha, beta, gamma)`` in Å and degrees."""
        lengths = np.linalg.norm(self.cell, axis=1)
        angles = []
        for i, j in ((1, 2), (0, 2), (0, 1)):
            norm = lengths[i] * lengths[j]
            cosine = float(self.cell[i] @ self.cell[j] / norm) if norm else 0.0
            angles.append(float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))))
        return (float(lengths[0]), float(lengths[1]), float(lengths[2]), angles[0], angles[1], angles[2])

    @property
    def reciprocal_cell(self) -> NDArray[np.float64]:
        """Reciprocal vectors as rows, with the factor 2π, 1/Å, shape (3, 3); zero along non-periodic vectors."""
        frame = self.frame
        reciprocal = np.asarray(2 * np.pi * np.linalg.inv(frame).T, dtype=np.float64)
        reciprocal[~np.array(self.pbc)] = 0.0
        return reciprocal

    @property
    def frame(self) -> NDArray[np.float64]:
        """The cell with unit vectors, normal to the periodic ones, in place of the non-periodic vectors, shape (3, 3).

        The normal's sense is that of the vector it replaces; a missing (zero) vector gets any normal.
        """
        pbc = np.array(self.pbc)
        if pbc.all():
            return np.array(self.cell)
        if not pbc.any():
            return np.eye(3)
        frame = np.array(self.cell)
        if pbc.sum() == 2:
            i = int(np.flatnonzero(~pbc)[0])
            normal = np.cross(frame[(i + 1) % 3], frame[(i + 2) % 3])
            normal /= np.linalg.norm(normal)
            frame[i] = normal if float(normal @ self.cell[i]) >= 0 else -normal
            return frame
        return _polymer_frame(frame, int(np.flatnonzero(pbc)[0]))


def _polymer_frame(cell: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return a frame of the repeating vector and two orthonormal vectors normal to it, near the cell's own."""
    direction = cell[axis] / np.linalg.norm(cell[axis])
    frame = np.array(cell)
    taken: list[NDArray[np.float64]] = [direction]
    for i in ((axis + 1) % 3, (axis + 2) % 3):
        for candidate in (cell[i], *np.eye(3)[np.argsort(np.abs(direction))]):
            rest = candidate - np.sum([float(candidate @ unit) * unit for unit in taken], axis=0)
            length = float(np.linalg.norm(rest))
            if length > 1e-6:
                unit: NDArray[np.float64] = rest / length
                frame[i] = unit
                taken.append(unit)
                break
    return frame


def cell_from_parameters(parameters: Sequence[float]) -> NDArray[np.float64]:
    """Return cell vectors as rows (Å) of ``(a, b, c, alpha, beta, gamma)``, Å and degrees.

    ``a`` lies along x and ``b`` in the xy plane.

    :raises ValueError: if no cell has these angles.
    """
    a, b, c, alpha, beta, gamma = (float(value) for value in parameters)
    cos_a, cos_b, cos_g = (_cosine(angle) for angle in (alpha, beta, gamma))
    sin_g = float(np.sqrt(1 - cos_g**2))
    y = (cos_a - cos_b * cos_g) / sin_g if sin_g else 0.0
    z2 = 1 - cos_b**2 - y**2
    if sin_g < 1e-8 or z2 <= 0 or min(a, b, c) <= 0:
        raise ValueError(f'no cell has a, b, c = {a}, {b}, {c} Å and alpha, beta, gamma = {alpha}, {beta}, {gamma}')
    return np.array([[a, 0, 0], [b * cos_g, b * sin_g, 0], [c * cos_b, c * y, c * float(np.sqrt(z2))]])


def _cosine(angle: float) -> float:
    """Return the cosine of an angle in degrees, exact for the angles of symmetric cells."""
    exact = {90.0: 0.0, 60.0: 0.5, 120.0: -0.5}.get(angle)
    return float(np.cos(np.radians(angle))) if exact is None else exact
