"""The basis set as printed: ``LOCAL ATOMIC FUNCTIONS BASIS SET``."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiida_crystalmath.crystal.basis_models import ShellType


@dataclass
class PrintedShell:
    """One shell.

    :param first_orbital: number of its first atomic orbital in the cell, from 1.
    :param last_orbital: number of its last one.
    :param exponents: bohr^-2, four significant digits as printed.
    :param coefficients: rows (s, p, d/f/g) as printed; of an SP shell s and p count, of every other shell one column.
    """

    type: ShellType
    first_orbital: int
    last_orbital: int
    exponents: list[float] = field(default_factory=list)
    coefficients: list[tuple[float, float, float]] = field(default_factory=list)


@dataclass
class PrintedAtomBasis:
    """The basis of one species, printed under the first atom that has it.

    :param atom: number of that atom in the primitive cell, from 1.
    :param label: its label as printed (``MG``, ``FE1``, ``XX`` a ghost).
    :param conventional_number: of that atom in the geometry printed before; None without geometry.
    :param atoms: numbers of all atoms that have this basis (from 1): the ones printed without shells follow the atom
        of the same conventional number.
    """

    atom: int
    label: str
    conventional_number: int | None = None
    atoms: list[int] = field(default_factory=list)
    shells: list[PrintedShell] = field(default_factory=list)


@dataclass(frozen=True)
class PrintedPotential:
    """One effective core potential of ``*** PSEUDOPOTENTIAL INFORMATION ***``.

    :param number: true atomic number.
    :param charge: effective nuclear charge (e): electrons replaced are ``number - charge``.
    :param name: ``GIVEN IN INPUT`` or the name of the program's table, as printed.
    :param terms: the groups printed, by name: ``W0`` the local term, ``P0`` to ``P4`` those of l = 0 to 4; rows
        (exponent in bohr^-2, coefficient, power of r) with seven decimals. Empty where they are not certain.
    """

    number: int
    charge: float
    name: str = ''
    terms: tuple[tuple[str, tuple[tuple[float, float, int], ...]], ...] = ()


@dataclass
class PrintedBasis:
    """All basis sets of a run, to the printed precision: four significant digits.

    The program does not print formal shell charges (CHE). :func:`..printed_basis.basis_sets` makes basis sets of it.

    :param species: in the order of the atoms.
    :param potentials: effective core potentials, by true atomic number.
    :param is_normalised: the coefficients are those of the unnormalised functions the program works with, which it
        prints of a basis read from a wave function (properties, and the second table of a restart);
        :func:`..printed_basis.basis_sets` turns them back.
    :param complete: the table was read to its end: every atom of the cell has a row.
    """

    species: list[PrintedAtomBasis] = field(default_factory=list)
    potentials: dict[int, PrintedPotential] = field(default_factory=dict)
    is_normalised: bool = False
    complete: bool = False
