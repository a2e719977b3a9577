"""CRYSTAL's geometry file fort.34 (``.gui``), read by EXTERNAL and written at the end of a geometry block.

Layout, from real files: a line ``dimensionality centring system`` (optimisers add ``E energy DE change(point)``),
three cell rows in Å, the number of operators, four rows for each operator (rotation, then translation, Cartesian, Å),
the number of atoms, one row per atom (conventional number, Cartesian position in Å), and a line
``group number-of-operators``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..elements import split_conventional
from ..geometry import NON_PERIODIC_LENGTH_ANGSTROM, Geometry, Site


class Fort34Error(ValueError):
    """A fort.34 file that cannot be read; the message tells the line."""


@dataclass(frozen=True, eq=False)
class SymmOps:
    """Symmetry operators ``r' = R r + t`` on Cartesian positions.

    :param rotations: orthogonal matrices R, shape (n, 3, 3).
    :param translations: vectors t in Å, shape (n, 3).
    """

    rotations: NDArray[np.float64]
    translations: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of operators."""
        return len(self.rotations)

    @classmethod
    def identity(cls) -> SymmOps:
        """Return the operators of a system without symmetry."""
        return cls(np.eye(3)[None], np.zeros((1, 3)))


@dataclass(frozen=True, eq=False)
class Fort34:
    """What a fort.34 file holds.

    :param dimensionality: number of periodic directions.
    :param centring: code of the lattice, 1 P, 2 A, 3 B, 4 C, 5 F, 6 I, 7 R; the cell rows are primitive anyway.
    :param system: code of the crystal system, 1 triclinic to 6 cubic.
    :param symmops: Cartesian operators.
    :param geometry: the atoms of the primitive cell.
    :param space_group: group number of the last line, None if CRYSTAL wrote 0 or the line is missing.
    :param comment: rest of the first line, ``E energy DE change(point)``.
    """

    dimensionality: int
    centring: int
    system: int
    symmops: SymmOps
    geometry: Geometry
    space_group: int | None = None
    comment: str = ''

    @property
    def energy_hartree(self) -> float | None:
        """Energy that an optimisation writes in the first line."""
        found = re.match(r'E\s*([-+\d.]+E[-+]\d+)', self.comment)
        return float(found.group(1)) if found else None


@dataclass
class _Lines:
    """Lines of a file with a position."""

    lines: Sequence[str]
    at: int = 0
    numbers: list[float] = field(default_factory=list)

    def take(self, count: int, what: str) -> list[float]:
        """Take a line and return its first ``count`` numbers."""
        if self.at >= len(self.lines):
            raise Fort34Error(f'fort.34 ends at line {self.at}, where {what} should follow: the file is incomplete')
        words = self.lines[self.at].split()
        self.at += 1
        try:
            values = [float(word.replace('D', 'E').replace('d', 'e')) for word in words[:count]]
        except ValueError:
            values = []
        if len(values) < count:
            raise Fort34Error(f'fort.34, line {self.at}: expected {what} ({count} numbers), found `{" ".join(words)}`')
        return values


def read_fort34(text: str) -> Fort34:
    """Read a fort.34 file.

    :raises Fort34Error: if it is not one, or incomplete.
    """
    lines = _Lines(text.splitlines())
    head = [int(value) for value in lines.take(3, 'dimensionality, centring and crystal system')]
    comment = ' '.join(lines.lines[0].split()[3:])
    if head[0] not in (0, 1, 2, 3):
        raise Fort34Error(f'fort.34, line 1: dimensionality {head[0]} is not 0, 1, 2 or 3')
    cell = np.array([lines.take(3, 'a lattice vector') for _ in range(3)])
    count = int(lines.take(1, 'the number of symmetry operators')[0])
    rows = [lines.take(3, f'a row of symmetry operator {i // 4 + 1}') for i in range(4 * count)]
    operators = np.array(rows).reshape(-1, 4, 3)
    n_atoms = int(lines.take(1, 'the number of atoms')[0])
    sites = [_site(lines.take(4, f'atom {i + 1}: number and position')) for i in range(n_atoms)]
    group = (
        int(lines.take(1, 'the space group')[0]) if lines.at < len(lines.lines) and lines.lines[lines.at].split() else 0
    )
    return Fort34(
        dimensionality=head[0],
        centring=head[1],
        system=head[2],
        symmops=SymmOps(operators[:, :3], operators[:, 3]) if count else SymmOps.identity(),
        geometry=Geometry(cell, head[0], tuple(sites)),
        space_group=group or None,
        comment=comment,
    )


def _site(values: Sequence[float]) -> Site:
    z, ecp, variant = split_conventional(int(values[0]))
    return Site(z, (values[1], values[2], values[3]), ghost=z == 0, ecp=ecp, variant=variant)


def format_fort34(content: Fort34) -> str:
    """Return the text of a fort.34 file as CRYSTAL writes it, readable to the 12th digit."""
    head = f'{content.dimensionality:4d}{content.centring:4d}{content.system:4d}'
    lines = [f'{head} {content.comment}'.rstrip()]
    lines += [_row(vector) for vector in content.geometry.cell]
    lines.append(f'{len(content.symmops):5d}')
    for rotation, translation in zip(content.symmops.rotations, content.symmops.translations, strict=True):
        lines += [_row(row) for row in rotation]
        lines.append(_row(translation))
    lines.append(f'{len(content.geometry):5d}')
    for site in content.geometry.sites:
        lines.append(f'{site.conventional_number:5d}' + ''.join(f'{x + 0.0:20.12f}' for x in site.position))
    lines.append(f'{content.space_group or 0:5d}{len(content.symmops) if content.space_group else 0:5d}')
    return '\n'.join(lines) + '\n'


def _row(values: ArrayLike) -> str:
    """Return a row of numbers in Fortran's fashion, all 17 digits: rotations must stay orthogonal."""
    return ''.join(f'{float(value) + 0.0:25.16E}' for value in np.asarray(values, dtype=float))


def write_fort34(
    geometry: Geometry,
    symmops: SymmOps | str | None = None,
    symprec: float = 1e-5,
    *,
    space_group: int | None = None,
) -> str:
    """Return the text of a fort.34 file for a primitive cell.

    :param geometry: the system; non-periodic vectors become 500 Å.
    :param symmops: Cartesian operators; ``'auto'`` searches them, None writes the identity only.
    :param symprec: tolerance of the search in Å.
    :param space_group: group number for the last line.
    """
    if isinstance(symmops, str):
        if symmops != 'auto':
            raise ValueError(f'symmops must be operators, None or `auto`, not `{symmops}`')
        from ..symmetry.search import cartesian_operators

        symmops = cartesian_operators(geometry, symprec)
    operators = SymmOps.identity() if symmops is None else symmops
    plain = Geometry(standard_cell(geometry), geometry.dimensionality, geometry.sites)
    return format_fort34(Fort34(geometry.dimensionality, 1, 1, operators, plain, space_group))


def standard_cell(geometry: Geometry) -> NDArray[np.float64]:
    """Return the cell with CRYSTAL's formal vectors of 500 Å along y and z, z, or all axes where nothing repeats."""
    cell = np.array(geometry.cell)
    for i in range(geometry.dimensionality, 3):
        cell[i] = NON_PERIODIC_LENGTH_ANGSTROM * np.eye(3)[i]
    return cell
