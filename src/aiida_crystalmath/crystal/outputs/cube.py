"""Gaussian cube files as properties writes them: DENS_CUBE.DAT, SPIN_CUBE.DAT, POT_CUBE.DAT (ECH3, POT3) and others.

Two comment lines (the first tells field and title, the second the cell: a, b, c in bohr and the angles), the number of
atoms and the origin, three lines with number of points and step, one line an atom (number, charge, position), then
the values, the last index running fastest; lengths in bohr. Checked on real files of CRYSTAL17 and 22. CRYSTAL's
grids hold both ends of a period: the last plane repeats the first one. Two-component runs write further fields
(MX_CUBE.DAT ... JSZZ_CUBE.DAT) and TOPOND writes 3D*.CUBE in the same format (their stdout says so; no such file
seen), as any program that writes cube files.
"""

from __future__ import annotations

from math import prod

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import file_lines
from aiida_crystalmath.crystal.outputs.models import Array, Grid3D, GridAtoms
from aiida_crystalmath.crystal.outputs.number_table import read_numbers
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

_FILE = 'cube'
_QUANTITIES = (
    ('CHARGE DENSITY', 'charge', 'e/bohr^3'),
    ('SPIN DENSITY', 'spin', 'e/bohr^3'),
    ('POTENTIAL', 'potential', 'hartree/e'),
)


def read_cube(text: str) -> Grid3D:
    """Return the field of a cube file.

    :raises OutputFileError: the header cannot be read, or values are missing.
    """
    lines = file_lines(text)
    try:
        n_atoms, origin = _counted(lines[2])
        axes = [_counted(lines[number]) for number in (3, 4, 5)]
        atoms = _atoms(lines[6 : 6 + abs(n_atoms)])
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the header cannot be read ({exc})', _FILE, 3) from exc
    # An orbital cube (negative number of atoms) has a line of orbital numbers before the values.
    first = 6 + abs(n_atoms) + (1 if n_atoms < 0 else 0)
    shape = [abs(count) for count, _ in axes]
    if not all(shape):
        raise OutputFileError('a direction has no points', _FILE, 4)
    # Negative numbers of points mean ångström, by the rules of the format.
    unit = 1.0 if axes[0][0] < 0 else BOHR_ANGSTROM
    values = read_numbers(lines[first:], prod(shape), _FILE, first + 1)
    steps = np.array([step for _, step in axes]) * unit
    cell = _cell(lines[1])
    atoms.positions[:] *= unit
    quantity, unit_of_values = _quantity(lines[0])
    return Grid3D(
        values=values.reshape(shape),
        origin=origin * unit,
        steps=steps,
        atoms=atoms,
        title=lines[0].strip(),
        quantity=quantity,
        unit=unit_of_values,
        cell=cell,
        closed=_closed(shape, steps, cell),
    )


def _counted(line: str) -> tuple[int, Array]:
    """Return the integer and the three numbers of a header line."""
    words = line.split()
    if len(words) < 4:
        raise ValueError(f'four numbers expected in {line.strip()!r}')
    return int(words[0]), np.array([float(word) for word in words[1:4]])


def _atoms(lines: list[str]) -> GridAtoms:
    """Read the atoms; positions still in the unit of the file."""
    rows = [[float(word) for word in line.split()] for line in lines]
    if any(len(row) != 5 for row in rows):
        raise ValueError('an atom has not five numbers')
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return GridAtoms(table[:, 0].astype(np.int64), table[:, 2:].copy())


def _cell(line: str) -> tuple[float, ...] | None:
    """Return a, b, c (ångström) and the angles if the comment holds them, as CRYSTAL's does."""
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        return None
    if len(values) != 6:
        return None
    return (*(length * BOHR_ANGSTROM for length in values[:3]), *values[3:])


def _closed(shape: list[int], steps: Array, cell: tuple[float, ...] | None) -> bool | None:
    """Return whether the last plane of the first axis repeats the first one; None if the box is not the cell."""
    if cell is None:
        return None
    length = float(np.linalg.norm(steps[0]))
    if abs(length * (shape[0] - 1) - cell[0]) < 1e-3:
        return True
    return False if abs(length * shape[0] - cell[0]) < 1e-3 else None


def _quantity(title: str) -> tuple[str, str]:
    """Return what the field is, and its unit; CRYSTAL's words for the fields that are not listed above."""
    words, grid, _ = title.partition('3D GRID')
    if not grid:
        words = title
    known = next(((name, unit) for start, name, unit in _QUANTITIES if start in words.upper()), None)
    if known is not None:
        return known
    return (words.strip(' -').lower() if grid else 'unknown'), ''
