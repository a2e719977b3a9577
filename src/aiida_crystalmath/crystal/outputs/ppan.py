"""PPAN.DAT: the Mulliken analysis as a file.

Six lines of comment name the layout: ``NSPIN,NATOM``; then, for the sum of the spins and in an open shell once more for
their difference, per atom ``IAT,NSHELL`` (conventional number, shells), its position in bohr, its electrons and those
of its shells, ``NORB``, and the electrons of its orbitals. Numbers have three decimals. Real file: NiO, CRYSTAL17.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_crystalmath.crystal.elements import split_conventional, symbol
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array, DensityPopulation
from aiida_crystalmath.crystal.outputs.numbers import numbers

_LIMIT = 100_000
"""More atoms, shells or orbitals than this are no real count."""


@dataclass(frozen=True)
class Ppan:
    """What PPAN.DAT holds.

    :param total: alpha + beta; :attr:`DensityPopulation.n_electrons` is None (not in the file).
    :param spin: alpha - beta; None in a closed shell.
    :param positions_bohr: of the atoms, shape (n, 3), three decimals.
    """

    total: DensityPopulation
    spin: DensityPopulation | None
    positions_bohr: Array


class _Numbers:
    """The numbers of the file, one after the other."""

    def __init__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if not line.lstrip().startswith('#')]
        self.values = [value for line in lines for value in numbers(line)]
        self.at = 0

    def take(self, count: int, what: str) -> list[float]:
        """Take numbers.

        :raises OutputFileError: if there are not as many.
        """
        if self.at + count > len(self.values):
            raise OutputFileError(f'it ends where {what} should follow', 'PPAN.DAT')
        self.at += count
        return self.values[self.at - count : self.at]

    def count(self, what: str) -> int:
        """Take a count.

        :raises OutputFileError: if it is none.
        """
        value = self.take(1, what)[0]
        if value != int(value) or not 0 < value <= _LIMIT:
            raise OutputFileError(f'{what} cannot be {value:g}', 'PPAN.DAT')
        return int(value)


def read_ppan(text: str) -> Ppan:
    """Read PPAN.DAT.

    :raises OutputFileError: if it is not one, or incomplete.
    """
    stream = _Numbers(text)
    n_spin, n_atoms = stream.count('the number of densities'), stream.count('the number of atoms')
    if n_spin > 2:
        raise OutputFileError(f'it tells of {n_spin} densities; there are one or two', 'PPAN.DAT')
    densities, positions = [], []
    for _ in range(n_spin):
        density = DensityPopulation()
        rows = [_atom(stream, density) for _ in range(n_atoms)]
        density.complete = True
        densities.append(density)
        positions.append(rows)
    return Ppan(densities[0], densities[1] if n_spin == 2 else None, np.array(positions[0]))


def _atom(stream: _Numbers, density: DensityPopulation) -> list[float]:
    """Read one atom into ``density``, and return its position."""
    conventional = int(stream.take(1, 'an atomic number')[0])
    try:
        name = symbol(split_conventional(conventional)[0])
    except ValueError as error:
        raise OutputFileError(str(error), 'PPAN.DAT') from error
    n_shells = stream.count('a number of shells')
    position = stream.take(3, 'a position')
    density.numbers.append(conventional)
    density.symbols.append(name)
    density.atoms += stream.take(1, 'the electrons of an atom')
    density.shells.append(stream.take(n_shells, 'the electrons of its shells'))
    density.orbitals.append(stream.take(stream.count('a number of orbitals'), 'the electrons of its orbitals'))
    return position
