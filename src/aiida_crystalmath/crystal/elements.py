"""Chemical symbols and atomic numbers, 1-118."""

from __future__ import annotations

# fmt: off
SYMBOLS: tuple[str, ...] = (
    'X',
    'H', 'He',
    'Li', 'Be', 'B', 'C', 'N', 'O', 'F', 'Ne',
    'Na', 'Mg', 'Al', 'Si', 'P', 'S', 'Cl', 'Ar',
    'K', 'Ca', 'Sc', 'Ti', 'V', 'Cr', 'Mn', 'Fe', 'Co', 'Ni', 'Cu', 'Zn', 'Ga', 'Ge', 'As', 'Se', 'Br', 'Kr',
    'Rb', 'Sr', 'Y', 'Zr', 'Nb', 'Mo', 'Tc', 'Ru', 'Rh', 'Pd', 'Ag', 'Cd', 'In', 'Sn', 'Sb', 'Te', 'I', 'Xe',
    'Cs', 'Ba', 'La', 'Ce', 'Pr', 'Nd', 'Pm', 'Sm', 'Eu', 'Gd', 'Tb', 'Dy', 'Ho', 'Er', 'Tm', 'Yb', 'Lu',
    'Hf', 'Ta', 'W', 'Re', 'Os', 'Ir', 'Pt', 'Au', 'Hg', 'Tl', 'Pb', 'Bi', 'Po', 'At', 'Rn',
    'Fr', 'Ra', 'Ac', 'Th', 'Pa', 'U', 'Np', 'Pu', 'Am', 'Cm', 'Bk', 'Cf', 'Es', 'Fm', 'Md', 'No', 'Lr',
    'Rf', 'Db', 'Sg', 'Bh', 'Hs', 'Mt', 'Ds', 'Rg', 'Cn', 'Nh', 'Fl', 'Mc', 'Lv', 'Ts', 'Og',
)
# fmt: on
"""Chemical symbols; the index is the atomic number, ``X`` (no element) stands at 0."""

NUMBERS: dict[str, int] = {symbol: z for z, symbol in enumerate(SYMBOLS)}
"""Atomic number of each chemical symbol."""


def symbol(z: int) -> str:
    """Return the chemical symbol of an atomic number.

    :raises ValueError: if it is not an atomic number from 0 (``X``) to 118.
    """
    if not 0 <= z < len(SYMBOLS):
        raise ValueError(f'{z} is not an atomic number; give one from 1 to {len(SYMBOLS) - 1}')
    return SYMBOLS[z]


def number(name: str) -> int:
    """Return the atomic number of a chemical symbol in any case: ``number('MG') == 12``.

    :raises ValueError: if no element has this symbol.
    """
    try:
        return NUMBERS[name.strip().capitalize()]
    except KeyError:
        raise ValueError(f'`{name}` is not a chemical symbol; write one such as `Mg`') from None


def split_conventional(conventional_number: int) -> tuple[int, bool, int]:
    """Split CRYSTAL's conventional atomic number into ``(Z, has_ecp, variant)``.

    The true number is the remainder by 100; 201 to 998 marks an effective core potential; one more hundred selects
    a further basis of the same element (108 is the second basis of O, 208 is O with an ECP, 1008 the third basis).

    :raises ValueError: if the number is negative.
    """
    if conventional_number < 0:
        raise ValueError(f'{conventional_number} is not a conventional atomic number; it must not be negative')
    hundreds, z = divmod(conventional_number, 100)
    # From 1000 on, the number stands for an all-electron basis again.
    has_ecp = 2 <= hundreds < 10
    return z, has_ecp, hundreds - 2 if has_ecp else hundreds
