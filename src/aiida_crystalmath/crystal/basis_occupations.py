"""Formal charges of shells: where the electrons of a neutral atom go before the SCF.

CRYSTAL starts from a superposition of atomic densities, and each atom from the number of electrons of each angular
momentum, which it takes from the shell charges. Basis Set Exchange leaves them 0: they are filled in here from the
ground state configurations of the atoms (NIST Atomic Spectra Database, ground levels), lowest shells first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .basis_models import BasisError, Shell

# Order in which subshells are filled (Madelung's rule).
_ORDER = ('1s 2s 2p 3s 3p 4s 3d 4p 5s 4d 5p 6s 4f 5d 6p 7s 5f').split()
_LETTERS = 'spdf'
# Ground states that do not follow the rule, as the difference to it.
_EXCEPTIONS: dict[int, dict[str, int]] = {
    24: {'4s': 1, '3d': 5},
    29: {'4s': 1, '3d': 10},
    41: {'5s': 1, '4d': 4},
    42: {'5s': 1, '4d': 5},
    44: {'5s': 1, '4d': 7},
    45: {'5s': 1, '4d': 8},
    46: {'5s': 0, '4d': 10},
    47: {'5s': 1, '4d': 10},
    57: {'4f': 0, '5d': 1},
    58: {'4f': 1, '5d': 1},
    64: {'4f': 7, '5d': 1},
    78: {'6s': 1, '5d': 9},
    79: {'6s': 1, '5d': 10},
}
# Cores that effective potentials replace.
_CORES = {
    0: '', 2: '1s', 10: '1s 2s 2p', 18: '1s 2s 2p 3s 3p', 28: '1s 2s 2p 3s 3p 3d', 36: '1s 2s 2p 3s 3p 3d 4s 4p',
    46: '1s 2s 2p 3s 3p 3d 4s 4p 4d', 54: '1s 2s 2p 3s 3p 3d 4s 4p 4d 5s 5p', 60: '1s 2s 2p 3s 3p 3d 4s 4p 4d 4f',
    68: '1s 2s 2p 3s 3p 3d 4s 4p 4d 5s 5p 4f', 78: '1s 2s 2p 3s 3p 3d 4s 4p 4d 5s 5p 4f 5d',
}  # fmt: skip


def configuration(number: int) -> dict[str, int]:
    """Electrons of each subshell ('1s', '2p', ...) of the neutral atom in its ground state.

    :param number: atomic number, 1 to 86.
    :raises BasisError: beyond radon, where the f shells follow no simple rule.
    """
    if not 1 <= number <= 86:
        raise BasisError(f'the ground state configuration of Z = {number} is not tabulated (1 to 86 are)')
    left = number
    filled: dict[str, int] = {}
    for subshell in _ORDER:
        count = min(left, _capacity(subshell))
        if count > 0:
            filled[subshell] = count
        left -= count
    filled.update(_EXCEPTIONS.get(number, {}))
    return filled


def occupy(shells: Sequence[Shell], number: int, n_core: int = 0) -> tuple[Shell, ...]:
    """Give the electrons of the neutral atom to its shells, the tightest of each angular momentum first.

    :param shells: shells with explicit primitives; their charges are replaced.
    :param number: atomic number.
    :param n_core: electrons that an effective core potential replaces.
    :raises BasisError: if the core is unusual, or the shells cannot hold the electrons.
    """
    left = _valence(number, n_core)
    charges = [0] * len(shells)
    tightest_first = sorted(range(len(shells)), key=lambda index: -max(row[0] for row in shells[index].primitives))
    for index in tightest_first:
        for letter in shells[index].type.lower():
            count = min(left.get(letter, 0), _capacity(letter))
            left[letter] = left.get(letter, 0) - count
            charges[index] += count
    if any(left.values()):
        missing = ', '.join(f'{count} {letter}' for letter, count in left.items() if count)
        raise BasisError(f'the shells of Z = {number} cannot hold its electrons: {missing} electrons have no place')
    return tuple(replace(shell, charge=float(charge)) for shell, charge in zip(shells, charges, strict=True))


def _capacity(subshell: str) -> int:
    letter = subshell[-1]
    return 2 * (2 * _LETTERS.index(letter) + 1) if letter in _LETTERS else 0


def _valence(number: int, n_core: int) -> dict[str, int]:
    """Electrons of each angular momentum that the core leaves."""
    if n_core not in _CORES:
        raise BasisError(f'a core of {n_core} electrons is unusual: give the shell charges of Z = {number} yourself')
    left: dict[str, int] = {}
    for subshell, count in configuration(number).items():
        left[subshell[-1]] = left.get(subshell[-1], 0) + count
    for subshell in _CORES[n_core].split():
        left[subshell[-1]] = left.get(subshell[-1], 0) - _capacity(subshell)
    if any(count < 0 for count in left.values()):
        raise BasisError(f'Z = {number} has fewer electrons than a core of {n_core} takes')
    return left
