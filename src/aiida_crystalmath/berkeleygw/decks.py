"""Decks of BerkeleyGW's four programs, as models, written and read.

Format: one keyword a line with its value behind it, blocks between ``begin`` and ``end``, comments after ``#``.
Source: the BerkeleyGW manual, see :mod:`~aiida_crystalmath.berkeleygw.keywords`. **Untested on the real programs**, as
none can be installed; what the program requires is checked here as far as the manual states it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aiida_crystalmath.berkeleygw.keywords import KEYWORDS, Kind, Program
from aiida_crystalmath.crystal.inputs.errors import DeckError, reasons
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.espresso.namelist import check_names

__all__ = ('AbsorptionDeck', 'BerkeleyGwDeck', 'EpsilonDeck', 'KernelDeck', 'Point', 'SigmaDeck')

Value = bool | int | float | tuple[int | float, ...]

_SPELLING = {'exciton_q_shift': 'exciton_Q_shift'}

_EXCLUSIVE = (
    ('cell_box_truncation', 'cell_wire_truncation', 'cell_slab_truncation', 'spherical_truncation'),
    ('fermi_level_absolute', 'fermi_level_relative'),
    ('screening_semiconductor', 'screening_metal', 'screening_graphene'),
    ('gcomm_matrix', 'gcomm_elements'),
    ('no_symmetries_q_grid', 'use_symmetries_q_grid'),
    ('no_symmetries_coarse_grid', 'use_symmetries_coarse_grid'),
    ('no_symmetries_fine_grid', 'use_symmetries_fine_grid'),
    ('no_symmetries_shifted_grid', 'use_symmetries_shifted_grid'),
    ('use_velocity', 'use_momentum', 'use_dos'),
    ('diagonalization', 'haydock'),
    ('spin_triplet', 'spin_singlet', 'local_fields'),
    ('lorentzian_broadening', 'gaussian_broadening', 'voigt_broadening'),
)
"""Flags of which a deck has one at most: they choose between the same things."""


class Point(BaseModel):
    """A k- or q-point, fractional; ``is_q0`` of the q-points: 0 regular, 1 small (semiconductor), 2 small (metal)."""

    model_config = ConfigDict(frozen=True, extra='forbid')
    position: tuple[float, float, float]
    is_q0: int = Field(default=0, ge=0, le=2)


class BerkeleyGwDeck(BaseModel):
    """What the decks have in common: keywords with values; a flag has the value True. Untested on the real programs."""

    model_config = ConfigDict(frozen=True, extra='forbid')

    program: ClassVar[Program]
    required: ClassVar[tuple[str, ...]] = ()
    block: ClassVar[str | None] = None

    keywords: dict[str, Value] = Field(default_factory=dict)
    points: tuple[Point, ...] = ()

    @field_validator('keywords', mode='before')
    @classmethod
    def _check_keywords(cls, value: Any) -> Any:
        """Check names against the program's, and values against their kinds."""
        if not isinstance(value, dict):
            return value
        known = KEYWORDS[cls.program]
        value = {str(key).lower(): tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        check_names(value, known, f'{cls.program} of BerkeleyGW')
        for name, item in value.items():
            if not _fits(item, known[name]):
                raise ValueError(f'`{name}` takes {_TOLD[known[name]]}, not {item!r}')
        return {name: item for name, item in value.items() if item is not False}

    @model_validator(mode='after')
    def _check(self) -> Self:
        """Check what the manual requires."""
        missing = [name for name in self.required if name not in self.keywords]
        if missing:
            raise ValueError(f'{self.program} needs {", ".join(f"`{name}`" for name in missing)}')
        for group in _EXCLUSIVE:
            both = [name for name in group if name in self.keywords]
            if len(both) > 1:
                raise ValueError(f'{" and ".join(f"`{name}`" for name in both)} exclude each other')
        if ('spherical_truncation' in self.keywords) != ('coulomb_truncation_radius' in self.keywords):
            raise ValueError('`spherical_truncation` and `coulomb_truncation_radius` belong together')
        if self.points and self.block is None:
            raise ValueError(f'the deck of {self.program} has no list of points')
        if self.block is not None and not self.points:
            raise ValueError(f'{self.program} needs a list of {self.block}')
        self._check_program()
        return self

    def _check_program(self) -> None:
        """Check what only this program requires.

        :raises ValueError: if something is wrong.
        """

    def write(self) -> str:
        """Return the deck as text."""
        lines = [_line(name, value) for name, value in self.keywords.items()]
        if self.block is not None:
            with_q0 = self.block == 'qpoints'
            lines += ['', f'begin {self.block}', *(_point(point, with_q0) for point in self.points), 'end']
        return '\n'.join(lines) + '\n'

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the deck that a text holds.

        :raises DeckError: with the line at fault where there is one.
        """
        keywords: dict[str, Value] = {}
        points: list[dict[str, Any]] = []
        block: str | None = None
        for number_of_line, raw in enumerate(text.splitlines(), start=1):
            words = raw.partition('#')[0].split()
            if not words:
                continue
            first = words[0].lower()
            if block is not None:
                if first == 'end':
                    block = None
                else:
                    points.append(_read_point(words, number_of_line))
            elif first == 'begin':
                block = ' '.join(words[1:]).lower()
                if block != cls.block:
                    raise DeckError(f'a block `{block}` is not supported in the deck of {cls.program}', number_of_line)
            elif first in keywords:
                raise DeckError(f'`{first}` is given twice', number_of_line)
            else:
                keywords[first] = _read_value(words[1:], number_of_line)
        if block is not None:
            raise DeckError(f'the block `{block}` has no end')
        try:
            return cls.model_validate({'keywords': keywords, 'points': points})
        except ValueError as exception:
            raise DeckError(reasons(exception)) from exception


class EpsilonDeck(BerkeleyGwDeck):
    """``epsilon.inp``. Untested on the real program."""

    program = 'epsilon'
    required = ('epsilon_cutoff',)
    block = 'qpoints'

    def _check_program(self) -> None:
        small = [index for index, point in enumerate(self.points) if point.is_q0]
        if small not in ([], [0]) and 'subsample' not in self.keywords:
            raise ValueError('the small q-point stands first, and there is one of it')
        for point in self.points:
            if bool(point.is_q0) == (max(map(abs, point.position)) > 0.1) or not any(point.position):
                raise ValueError(
                    f'q-point {point.position}: q = 0 is stood for by a small vector with `is_q0` 1 (semiconductors) '
                    'or 2 (metals), all others have `is_q0` 0'
                )


class SigmaDeck(BerkeleyGwDeck):
    """``sigma.inp`` for diagonal elements. Untested on the real program."""

    program = 'sigma'
    required = ('band_index_min', 'band_index_max')
    block = 'kpoints'

    def _check_program(self) -> None:
        first, last = self.keywords['band_index_min'], self.keywords['band_index_max']
        if isinstance(first, int) and isinstance(last, int) and not 1 <= first <= last:
            raise ValueError(f'bands {first} to {last} are no range')


class KernelDeck(BerkeleyGwDeck):
    """``kernel.inp``. Untested on the real program."""

    program = 'kernel'
    required = ('number_val_bands', 'number_cond_bands')


class AbsorptionDeck(BerkeleyGwDeck):
    """``absorption.inp``. Untested on the real program."""

    program = 'absorption'
    required = (
        'number_val_bands_fine',
        'number_val_bands_coarse',
        'number_cond_bands_fine',
        'number_cond_bands_coarse',
        'energy_resolution',
    )

    def _check_program(self) -> None:
        if not {'use_velocity', 'use_momentum', 'use_dos'} & set(self.keywords):
            raise ValueError('one of `use_velocity`, `use_momentum` and `use_dos` has to be chosen')
        if ('use_momentum' in self.keywords) != ('polarization' in self.keywords):
            raise ValueError('`use_momentum` and `polarization` belong together')
        if 'lanczos' in self.keywords and 'diagonalization' not in self.keywords:
            raise ValueError('`lanczos` needs `diagonalization` beside it')
        if {'haydock', 'lanczos'} & set(self.keywords) and 'number_iterations' not in self.keywords:
            raise ValueError('an iterative solver needs `number_iterations`')


_TOLD: dict[Kind, str] = {
    'flag': 'no value (true or false here)',
    'integer': 'a whole number',
    'real': 'a number',
    'integers': 'whole numbers',
    'reals': 'numbers',
    'numbers': 'numbers',
}


def _fits(value: Any, kind: Kind) -> bool:
    """Tell whether a value is of its kind."""
    if kind == 'flag' or isinstance(value, bool):
        return kind == 'flag' and isinstance(value, bool)
    if kind in ('integer', 'real'):
        return isinstance(value, int if kind == 'integer' else int | float)
    single = int if kind == 'integers' else int | float
    return isinstance(value, tuple) and all(isinstance(item, single) and not isinstance(item, bool) for item in value)


def _line(name: str, value: Value) -> str:
    name = _SPELLING.get(name, name)
    if value is True:
        return name
    values = value if isinstance(value, tuple) else (value,)
    return f'{name} {" ".join(map(repr, values))}'


def _point(point: Point, with_q0: bool) -> str:
    place = ' '.join(f'{value:13.9f}' for value in point.position)
    return f'  {place}  1.0{f"  {point.is_q0}" if with_q0 else ""}'


def _read_point(words: list[str], number_of_line: int) -> dict[str, Any]:
    values = [number(word) for word in words]
    if len(values) not in (4, 5) or any(value is None for value in values) or not values[3]:
        raise DeckError('a point is three numbers, what they are divided by, and for q-points `is_q0`', number_of_line)
    x, y, z, scale = (value or 0.0 for value in values[:4])
    return {'position': (x / scale, y / scale, z / scale), 'is_q0': int(values[4] or 0) if len(values) == 5 else 0}


def _read_value(words: list[str], number_of_line: int) -> Value:
    """Return what stands behind a keyword: nothing makes it a flag."""
    values: list[int | float] = []
    for word in words:
        value = int(word) if word.lstrip('+-').isdigit() else number(word)
        if value is None:
            raise DeckError(f'no number: {word!r}', number_of_line)
        values.append(value)
    if not values:
        return True
    return values[0] if len(values) == 1 else tuple(values)
