"""What was asked for, against what was used: Yambo changes input without a word, but echoes what it used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aiida_crystalmath.yambo.inputs.deck import Block, Deck, Number, Text, Value
from aiida_crystalmath.yambo.inputs.variables import Program, variables_of

__all__ = ('Difference', 'compare')

Sort = Literal['unknown', 'ignored', 'rounded', 'replaced', 'changed']

_CUTOFF_UNITS = ('ry', 'ha', 'ev', 'mha', 'rl', '')
_CUTOFFS = ('NGsBlk', 'EXXRLvcs', 'VXCRLvcs', 'CORRLvcs', 'BSENGexx', 'BSENGBlk', 'FFTGvecs', 'FxcGRLc', 'RandGvec')
_PARALLEL = ('_CPU', '_ROLEs', '_nCPU_LinAlg_INV', '_nCPU_LinAlg_DIAGO')
_DIRECTIONS = ('LongDr', 'BLongDir')
_TOLERANCE = 1e-4
"""Echoes have six or seven digits."""


@dataclass(frozen=True)
class Difference:
    """A name whose value was not used as it was asked for.

    :param sort: ``unknown`` (no such name), ``ignored`` (not among what was used), ``rounded`` (a cutoff, to the next
        closed shell of G-vectors), ``replaced`` (how work is shared out), ``changed``.
    """

    name: str
    sort: Sort
    asked: str
    used: str | None = None

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.used is None:
            reason = 'no such name' if self.sort == 'unknown' else 'it is not among what this calculation used'
            return f'{self.name} ({self.asked}) was ignored: {reason}'
        return f'{self.name} was {self.asked} and {self.used} was used ({self.sort})'


def compare(asked: Deck, used: Deck, program: Program = 'yambo') -> list[Difference]:
    """Return what was used otherwise than asked for; what nobody asked for is a default and no difference."""
    known = variables_of(program)
    found: list[Difference] = []
    for word in (*asked.runlevels, *asked.flags):
        if word not in used.runlevels and word not in used.flags:
            found.append(Difference(word, 'ignored' if known.kind(word) else 'unknown', 'on'))
    for name, value in asked.variables.items():
        other = used.variables.get(name)
        if other is None:
            found.append(Difference(name, 'ignored' if known.kind(name) else 'unknown', _words(value)))
        elif not _same(name, value, other):
            found.append(Difference(name, _sort(name, value, other), _words(value), _words(other)))
    return found


def _same(name: str, asked: Value, used: Value) -> bool:
    """Tell whether a value was used as asked for, within the digits of the echo."""
    if isinstance(asked, Text) and isinstance(used, Text):
        return _plain(asked.value) == _plain(used.value)
    if isinstance(asked, Number) and isinstance(used, Number):
        return asked.unit.lower() == used.unit.lower() and _close(asked.value, used.value)
    if isinstance(asked, Block) and isinstance(used, Block):
        if name.startswith(_DIRECTIONS):
            return len(asked.rows) == len(used.rows) == 1 and _parallel(asked.rows[0], used.rows[0])
        return len(asked.rows) == len(used.rows) and all(
            len(row) == len(other) and all(map(_close, row, other))
            for row, other in zip(asked.rows, used.rows, strict=True)
        )
    return False


def _sort(name: str, asked: Value, used: Value) -> Sort:
    """Tell what sort of change it is."""
    if name.endswith(_PARALLEL):
        return 'replaced'
    if isinstance(asked, Number) and isinstance(used, Number) and name.startswith(_CUTOFFS):
        same_unit = asked.unit.lower() == used.unit.lower() and used.unit.lower() in _CUTOFF_UNITS
        return 'rounded' if same_unit and used.value >= asked.value > 0 else 'changed'
    return 'changed'


def _plain(text: str) -> str:
    """Return a text without what makes no difference: case, and how the parts of a list are divided."""
    return ' '.join(text.replace('.', ' ').replace(',', ' ').split()).lower()


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=1e-6)


def _parallel(a: Sequence[float], b: Sequence[float]) -> bool:
    """Tell whether two directions are the same: Yambo normalises them, to a small length."""
    lengths = math.hypot(*a), math.hypot(*b)
    if len(a) != len(b) or 0.0 in lengths:
        return False
    cosine = sum(x * y for x, y in zip(a, b, strict=True)) / (lengths[0] * lengths[1])
    return math.isclose(cosine, 1.0, abs_tol=_TOLERANCE)


def _words(value: Value) -> str:
    """Return a value as a person would write it."""
    if isinstance(value, Text):
        return f'"{value.value}"'
    if isinstance(value, Number):
        return f'{value.value:.10g} {value.unit}'.strip()
    rows = '; '.join(' | '.join(f'{number:.10g}' for number in row) for row in value.rows)
    return f'{rows} {value.unit}'.strip()
