"""fort.98 (``.f98``), the formatted wave function: what its head tells of the run.

The file is a title, the sizes of three arrays (``LIMINF LIMTOL LIMPAR``), these arrays (``INF`` integers, ``TOL``
integers, ``PAR`` reals), and blocks of data under their Fortran names. Integers have 10 columns, reals 20.

Only what a real file (silicon, CRYSTAL14) proves against the output of the same run is read: ``XYVGVE`` (Cartesian
operators, translations, cell, matrix to the conventional cell), and the two blocks ``BASATO`` (atoms and basis).
The counts that lay them out stand in INF; where they do not explain the length of a block exactly, it is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.units import CRYSTAL_BOHR_ANGSTROM

_LABEL = re.compile(r'[A-Z][A-Z0-9]*\s*$')
_OPERATORS, _ORBITALS, _DIMENSIONALITY, _SHELLS, _ATOMS = 0, 6, 9, 19, 23
"""Places in INF, from 0."""
_ENERGY, _FERMI = 5, 6
"""Places in PAR, from 0."""
_TYPES = ('S', 'SP', 'P', 'D', 'F', 'G')
_INTEGER_WIDTH, _REAL_WIDTH = 10, 20


@dataclass
class Fort98Shell:
    """One shell.

    :param atom: its atom, from 1.
    :param charge: formal electrons in the starting density (CHE).
    :param exponents: bohr^-2, all digits.
    """

    atom: int
    type: str
    charge: float
    exponents: list[float]


@dataclass
class Fort98:
    """The head of a formatted wave function; None and empty where the file does not prove it.

    :param total_energy_hartree: of the wave function (SCF).
    :param fermi_energy_hartree: of the wave function.
    :param cell: vectors as rows, Å; None where the file leaves open whether they are rows or columns.
    :param to_conventional: matrix whose product with the cell (rows) is the conventional cell; proved for a symmetric
        one, read like the output's otherwise.
    :param rotations: Cartesian operators, shape (n, 3, 3).
    :param translations: Å, shape (n, 3).
    :param nuclear_charges: of the atoms, without the electrons that a potential replaces.
    :param conventional_numbers: of the atoms.
    :param positions: Cartesian, Å, shape (n, 3).
    :param complete: operators, atoms and basis were read.
    """

    title: str
    limits: tuple[int, int, int]
    dimensionality: int | None = None
    n_symmops: int | None = None
    n_ao: int | None = None
    n_shells: int | None = None
    n_atoms: int | None = None
    total_energy_hartree: float | None = None
    fermi_energy_hartree: float | None = None
    cell: Array | None = None
    to_conventional: Array | None = None
    rotations: Array | None = None
    translations: Array | None = None
    nuclear_charges: list[float] = field(default_factory=list)
    conventional_numbers: list[int] = field(default_factory=list)
    positions: Array | None = None
    shells: list[Fort98Shell] = field(default_factory=list)
    complete: bool = False


def read_fort98(text: str) -> Fort98:
    """Read the head of a formatted wave function.

    A file that was cut gives what stands before the cut.

    :raises OutputFileError: if it is no formatted wave function, or ends before its arrays.
    """
    lines = text.splitlines()
    if len(lines) < 4 or not lines[1].startswith('LIMINF LIMTOL LIMPAR'):
        raise OutputFileError('the second line is not `LIMINF LIMTOL LIMPAR`', 'fort.98', 2)
    limits = lines[2].split()
    if len(limits) != 3 or not all(word.isdigit() for word in limits):
        raise OutputFileError('three sizes of arrays are expected', 'fort.98', 3)
    sizes = (int(limits[0]), int(limits[1]), int(limits[2]))
    if sizes[0] <= _ATOMS or sizes[2] <= _FERMI:
        raise OutputFileError('its arrays are too short', 'fort.98', 3)
    blocks = _blocks(lines[3:])
    result = Fort98(lines[0].strip(), sizes)
    inf = _fields(_block(blocks, 'INF'), _INTEGER_WIDTH)
    par = _fields(_block(blocks, 'PAR'), _REAL_WIDTH)
    if len(inf) != sizes[0] or len(par) != sizes[2]:
        raise OutputFileError('its arrays are shorter than announced', 'fort.98', 4)
    result.n_symmops, result.n_ao = int(inf[_OPERATORS]), int(inf[_ORBITALS])
    result.dimensionality = int(inf[_DIMENSIONALITY])
    result.n_shells, result.n_atoms = int(inf[_SHELLS]), int(inf[_ATOMS])
    result.total_energy_hartree, result.fermi_energy_hartree = par[_ENERGY], par[_FERMI]
    _read_symmetry(result, _fields(_block(blocks, 'XYVGVE'), _REAL_WIDTH))
    basis = [rows for name, rows in blocks if name == 'BASATO']
    if len(basis) >= 2:
        _read_basis(result, _fields(basis[0], _REAL_WIDTH), _fields(basis[1], _INTEGER_WIDTH))
    return result


def _blocks(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Return the blocks up to the density matrices (``SPINOR``), which are not read."""
    blocks: list[tuple[str, list[str]]] = []
    for line in lines:
        if _LABEL.match(line):
            if line.startswith('SPINOR'):
                break
            blocks.append((line.strip(), []))
        elif blocks:
            blocks[-1][1].append(line)
    return blocks


def _block(blocks: list[tuple[str, list[str]]], name: str) -> list[str]:
    """Return the rows of the first block of a name, none without it."""
    return next((rows for label, rows in blocks if label == name), [])


def _fields(rows: list[str], width: int) -> list[float]:
    """Return the numbers of fixed columns, up to the first that is none."""
    values: list[float] = []
    for row in rows:
        text = row.rstrip('\r\n')
        for start in range(0, len(text.rstrip()), width):
            value = number(text[start : start + width])
            if value is None:
                return values
            values.append(value)
    return values


def _read_symmetry(result: Fort98, values: list[float]) -> None:
    """Read operators, translations, cell and matrix, if they explain the length of the block."""
    n = result.n_symmops or 0
    if n < 1 or len(values) != 12 * n + 18:
        return
    array = np.array(values)
    # All matrices are written column by column.
    result.rotations = array[: 9 * n].reshape(n, 3, 3).transpose(0, 2, 1)
    result.translations = array[9 * n : 12 * n].reshape(n, 3) * CRYSTAL_BOHR_ANGSTROM
    result.cell = _cell(array[12 * n : 12 * n + 9].reshape(3, 3) * CRYSTAL_BOHR_ANGSTROM, result.rotations)
    result.to_conventional = array[12 * n + 9 :].reshape(3, 3).T


def _cell(matrix: Array, rotations: Array) -> Array | None:
    """Return the vectors as rows; None if the operators do not tell them from the columns.

    The real file has a symmetric matrix. In the frame of the vectors, and of no others, operators are integers.
    """
    if np.allclose(matrix, matrix.T, atol=1e-9):
        return matrix
    fits = []
    for cell in (matrix, matrix.T):
        if abs(np.linalg.det(cell)) > 1e-6:
            fractional = np.linalg.inv(cell.T) @ rotations @ cell.T
            if np.allclose(fractional, np.rint(fractional), atol=1e-5):
                fits.append(cell)
    return fits[0] if len(fits) == 1 else None


def _read_basis(result: Fort98, reals: list[float], integers: list[float]) -> None:
    """Read atoms and shells.

    Reals: nuclear charges, positions, shell charges, smallest exponents, positions of the shells, and seven arrays over
    the primitives, of which the first are the exponents. Integers: conventional numbers, first shell of each atom (and
    one more), potential flags, first primitive of each shell (and one more), number of primitives, types, orbitals,
    first orbital of each shell (and one more), atom of each shell.
    """
    atoms, shells = result.n_atoms or 0, result.n_shells or 0
    if atoms < 1 or shells < 1 or len(integers) != 3 * atoms + 6 * shells + 3:
        return
    whole = [int(value) for value in integers]
    first = whole[3 * atoms + 1 : 3 * atoms + 2 + shells]
    at = 3 * atoms + 2 + shells
    counts, types = whole[at : at + shells], whole[at + shells : at + 2 * shells]
    owners = whole[-shells:]
    primitives = first[-1] - 1
    start = 4 * atoms + 5 * shells
    if (
        len(reals) != start + 7 * primitives
        or [b - a for a, b in pairwise(first)] != counts
        or not all(0 <= code < len(_TYPES) for code in types)
        or not all(1 <= owner <= atoms for owner in owners)
    ):
        return
    result.nuclear_charges = reals[:atoms]
    result.conventional_numbers = whole[:atoms]
    result.positions = np.array(reals[atoms : 4 * atoms]).reshape(-1, 3) * CRYSTAL_BOHR_ANGSTROM
    charges = reals[4 * atoms : 4 * atoms + shells]
    exponents = reals[start : start + primitives]
    for i in range(shells):
        own = exponents[first[i] - 1 : first[i + 1] - 1]
        result.shells.append(Fort98Shell(owners[i], _TYPES[types[i]], charges[i], own))
    result.complete = result.rotations is not None
