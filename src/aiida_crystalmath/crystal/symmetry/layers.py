"""The 80 layer groups (CRYSTAL: "two-sided plane groups") as space groups that do not move along c.

Numbers and symbols are those of the International Tables, volume E; CRYSTAL uses the same numbers (real files show 2,
64 and 77). Axes of the groups 8-18 follow volume E (unique axis a), which no real file at hand shows.
"""

from __future__ import annotations

from functools import cache

from .settings import Setting, setting_of_symbol

_SYMBOLS = (
    'P 1|P -1|P 1 1 2|P 1 1 m|P 1 1 a|P 1 1 2/m|P 1 1 2/a|P 2 1 1|P 21 1 1|C 2 1 1|P m 1 1|P b 1 1|C m 1 1|'
    'P 2/m 1 1|P 21/m 1 1|P 2/b 1 1|P 21/b 1 1|C 2/m 1 1|P 2 2 2|P 21 2 2|P 21 21 2|C 2 2 2|P m m 2|P m a 2|'
    'P b a 2|C m m 2|P m 2 m|P m 21 b|P b 21 m|P b 2 b|P m 2 a|P m 21 n|P b 21 a|P b 2 n|C m 2 m|C m 2 e|P m m m|'
    'P m a a|P b a n|P m a m|P m m a|P m a n|P b a a|P b a m|P b m a|P m m n|C m m m|C m m e|P 4|P -4|P 4/m|P 4/n|'
    'P 4 2 2|P 4 21 2|P 4 m m|P 4 b m|P -4 2 m|P -4 21 m|P -4 m 2|P -4 b 2|P 4/m m m|P 4/n b m|P 4/m b m|P 4/n m m|'
    'P 3|P -3|P 3 1 2|P 3 2 1|P 3 m 1|P 3 1 m|P -3 1 m|P -3 m 1|P 6|P -6|P 6/m|P 6 2 2|P 6 m m|P -6 m 2|P -6 2 m|'
    'P 6/m m m'
)
SYMBOLS: tuple[str, ...] = tuple(symbol.lower().capitalize() for symbol in _SYMBOLS.split('|'))
"""Symbols of the layer groups; the index is the number less one."""


@cache
def layer_setting(number: int) -> Setting:
    """Return the space-group setting whose operators, taken without lattice vectors along c, are the layer group.

    :raises ValueError: if it is not a layer group, or its setting is not in the database.
    """
    if not 1 <= number <= len(SYMBOLS):
        raise ValueError(f'{number} is not a layer group; give a number from 1 to {len(SYMBOLS)}')
    return setting_of_symbol(SYMBOLS[number - 1])


def layer_family(number: int) -> str:
    """Return the kind of 2D cell: oblique, rectangular, square or hexagonal."""
    bounds = ((65, 'hexagonal'), (49, 'square'), (8, 'rectangular'))
    return next((name for first, name in bounds if number >= first), 'oblique')
