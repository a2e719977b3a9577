"""Settings of the 230 space groups and 80 layer groups as CRYSTAL means them.

CRYSTAL's rules (User's Manual, "Geometry input"): monoclinic groups have unique axis b and cell choice 1; of two
origins the one at the centre of symmetry is the default (IFSO 0) and the other needs IFSO 1; the seven rhombohedral
groups are given on hexagonal (IFHR 0) or rhombohedral axes (IFHR 1). The operators come from spglib's database.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray

N_HALL = 530
RHOMBOHEDRAL_GROUPS = (146, 148, 155, 160, 161, 166, 167)


@dataclass(frozen=True)
class Setting:
    """One setting of a space group.

    :param hall_number: number of the setting in spglib's database, 1-530.
    :param number: number of the space group, 1-230.
    :param symbol: Hermann-Mauguin symbol of the setting, ``F m -3 m``.
    :param choice: spglib's name of axes and origin: ``''``, ``b1``, ``2``, ``H``, ``R``, ``cab`` ...
    """

    hall_number: int
    number: int
    symbol: str
    choice: str

    @property
    def centring(self) -> str:
        """Letter of the lattice: P, A, B, C, I, F or R (hexagonal axes of a rhombohedral lattice)."""
        letter = self.symbol[0]
        return 'P' if letter == 'R' and self.choice == 'R' else letter

    @property
    def family(self) -> str:
        """Kind of cell: triclinic, monoclinic, orthorhombic, tetragonal, hexagonal, rhombohedral or cubic."""
        if self.choice == 'R':
            return 'rhombohedral'
        bounds = ((195, 'cubic'), (143, 'hexagonal'), (75, 'tetragonal'), (16, 'orthorhombic'), (3, 'monoclinic'))
        return next((name for first, name in bounds if self.number >= first), 'triclinic')

    @property
    def unique_axis(self) -> str:
        """Unique axis of a monoclinic setting: a, b or c."""
        return self.choice.lstrip('-')[:1] or 'b'


def _space_group_type(hall_number: int) -> Any:
    """Return spglib's description of a setting, without its warning about error handling to come."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        return spglib.get_spacegroup_type(hall_number)


@cache
def settings() -> tuple[Setting, ...]:
    """Return all settings of spglib's database in its order."""
    result = []
    for hall_number in range(1, N_HALL + 1):
        kind = _space_group_type(hall_number)
        symbol = str(kind.international).split('=')[-1].strip()
        result.append(Setting(hall_number, int(kind.number), symbol, str(kind.choice)))
    return tuple(result)


@cache
def setting(number: int, rhombohedral_axes: bool = False, first_origin: bool = False) -> Setting:
    """Return the setting that CRYSTAL takes for a space-group number.

    :param rhombohedral_axes: IFHR 1; only the seven rhombohedral groups have these axes.
    :param first_origin: IFSO 1: the origin that is not the centre of symmetry; no effect on groups with one origin.
    :raises ValueError: for a number that is none, or rhombohedral axes of a group without them.
    """
    candidates = [item for item in settings() if item.number == number]
    if not candidates:
        raise ValueError(f'{number} is not a space group; give a number from 1 to 230')
    if rhombohedral_axes and number not in RHOMBOHEDRAL_GROUPS:
        raise ValueError(f'space group {number} is not rhombohedral: IFHR must be 0')
    if number in RHOMBOHEDRAL_GROUPS:
        wanted = 'R' if rhombohedral_axes else 'H'
        return next(item for item in candidates if item.choice == wanted)
    if any(item.choice == '2' for item in candidates):
        wanted = '1' if first_origin else '2'
        return next(item for item in candidates if item.choice == wanted)
    return next((item for item in candidates if item.choice in ('b', 'b1')), candidates[0])


@cache
def _by_symbol() -> Mapping[str, tuple[Setting, ...]]:
    """Return all settings by every way to write their symbols, see :func:`_symbol_key`."""
    table: dict[str, list[Setting]] = {}
    for item in settings():
        kind = _space_group_type(item.hall_number)
        names = {part.strip() for part in str(kind.international).split('=')} | {str(kind.international_full)}
        keys = {_symbol_key(name) for name in names}
        if item.number >= 195:
            # Older Tables, and CRYSTAL itself when it prints, write F M 3 M for F m -3 m.
            keys |= {key.replace('-3', '3') for key in keys}
        for key in keys:
            table.setdefault(key, []).append(item)
    return {key: tuple(items) for key, items in table.items()}


def _symbol_key(symbol: str) -> str:
    """Return a space-group symbol without blanks, underscores and case."""
    return ''.join(symbol.replace('_', '').split()).upper()


def setting_of_symbol(symbol: str, rhombohedral_axes: bool = False, first_origin: bool = False) -> Setting:
    """Return the setting of a symbol as IFLAG 1 gives it, for example ``P B N M`` or ``C 1 2/C 1``.

    :raises ValueError: if no space group has this symbol.
    """
    candidates = _by_symbol().get(_symbol_key(symbol), ())
    if not candidates:
        raise ValueError(
            f'`{symbol}` is not a space-group symbol that is known here; give the number of the group (IFLAG 0)'
        )
    standard = setting(candidates[0].number, rhombohedral_axes, first_origin)
    if standard in candidates:
        return standard
    ending = '1' if first_origin else '2'
    two_origins = [item for item in candidates if item.choice[:1] == ending]
    return (two_origins or list(candidates))[0]


# ------------------------------------------------------------------------------------------ operators


@dataclass(frozen=True, eq=False)
class Operators:
    """Symmetry operators ``x' = W x + t`` on fractional coordinates, one per rotation.

    :param rotations: integer matrices W, shape (n, 3, 3).
    :param translations: vectors t, fractional, shape (n, 3).
    """

    rotations: NDArray[np.int64]
    translations: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of operators."""
        return len(self.rotations)

    def shifted(self, origin: Sequence[float]) -> Operators:
        """Return the same operators for coordinates counted from ``origin`` (fractional)."""
        shift = np.asarray(origin, dtype=float)
        moved = self.translations + self.rotations @ shift - shift
        return Operators(self.rotations, moved - np.floor(moved + 1e-9))


@cache
def operators(hall_number: int) -> Operators:
    """Return the operators of a setting, one per rotation, in CRYSTAL's order (:func:`crystal_order`)."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        database: Any = spglib.get_symmetry_from_database(hall_number)
    rotations, translations = [], []
    seen: set[bytes] = set()
    for rotation, translation in zip(database['rotations'], database['translations'], strict=True):
        key = np.asarray(rotation, dtype=np.int8).tobytes()
        if key not in seen:
            seen.add(key)
            rotations.append(np.asarray(rotation, dtype=np.int64))
            translations.append(np.asarray(translation, dtype=np.float64))
    item = settings()[hall_number - 1]
    order = crystal_order(rotations, item.family)
    return Operators(np.array([rotations[i] for i in order]), np.array([translations[i] for i in order]))


_CUBIC = (
    'x,y,z -x,-y,z x,-y,-z -x,y,-z z,x,y y,z,x -z,-x,y -y,z,-x z,-x,-y -y,-z,x -z,x,-y y,-z,-x '
    '-y,-x,-z y,x,-z y,-x,z -y,x,z -x,-z,-y -z,-y,-x x,z,-y -z,y,x x,-z,y z,y,-x -x,z,y z,-y,x'
)
_HEXAGONAL = 'x,y,z -x,-y,z -y,x-y,z -x+y,-x,z x-y,x,z y,-x+y,z x-y,-y,-z -x,-x+y,-z y,x,-z -y,-x,-z x,x-y,-z -x+y,y,-z'
# The three-fold axis of rhombohedral axes is [111]: the same rotations as in the hexagonal list, in its order.
_RHOMBOHEDRAL = 'x,y,z z,x,y y,z,x -y,-x,-z -x,-z,-y -z,-y,-x'


def _matrix(text: str) -> NDArray[np.int64]:
    """Return the matrix of a coordinate triplet such as ``-y,x-y,z``."""
    rows = []
    for part in text.split(','):
        row = [0, 0, 0]
        sign = 1
        for character in part:
            if character in '+-':
                sign = 1 if character == '+' else -1
            else:
                row['xyz'.index(character)] = sign
                sign = 1
        rows.append(row)
    return np.array(rows, dtype=np.int64)


@cache
def _ranks(family: str) -> dict[bytes, int]:
    """Return the place of each proper rotation in CRYSTAL's list."""
    text = {'hexagonal': _HEXAGONAL, 'rhombohedral': _RHOMBOHEDRAL}.get(family, _CUBIC)
    return {_matrix(triplet).tobytes(): rank for rank, triplet in enumerate(text.split())}


def crystal_order(rotations: Sequence[NDArray[np.int64]], family: str) -> list[int]:
    """Return the indices that put rotations in CRYSTAL's order: all proper ones, then the others.

    Each half follows one fixed list. The lists were read off real outputs (SYMMOPS tables of F m -3 m, I m -3 m,
    P m -3 m, P a -3, I -4 3 m, I 4/m c m, P 4/n m m, P b n m, P 63/m m c, R -3 c, P 32 2 1, and layer groups 64 and 77,
    CRYSTAL06-22); that the other groups follow the same lists is inferred. Only the order of equivalent atoms depends
    on it.
    """
    ranks = _ranks(family)

    def key(index: int) -> tuple[bool, int]:
        matrix = np.asarray(rotations[index], dtype=np.int64)
        improper = round(float(np.linalg.det(matrix))) < 0
        proper = np.ascontiguousarray(-matrix if improper else matrix)
        return improper, ranks.get(proper.tobytes(), len(ranks))

    return sorted(range(len(rotations)), key=key)
