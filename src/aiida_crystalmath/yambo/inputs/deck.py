"""The deck: the text of an input, read and written.

Format, as ``yambo`` 5.2.4 writes and echoes it: a word alone switches a runlevel or a flag on; ``NAME= value unit``
sets a number, ``NAME= "words"`` a text; ``% NAME``, rows of numbers that end in bars, and ``%`` set a block, whose
unit may stand after the last bar. ``#`` begins a comment, so that ``#WehCpl`` is a flag that is off. Echoes have ``|``
before each line, and in tables ``#`` before that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from aiida_crystalmath.yambo.inputs.errors import YamboInputError
from aiida_crystalmath.yambo.inputs.variables import Program, variables_of

__all__ = ('Block', 'Deck', 'Number', 'Text', 'Value', 'read_deck', 'read_echo', 'write_deck')


@dataclass(frozen=True)
class Number:
    """A number with its unit: ``Ry``, ``eV``, ``RL`` (vectors of the reciprocal lattice), ``Mb`` ..., or none."""

    value: int | float
    unit: str = ''


@dataclass(frozen=True)
class Text:
    """Words between quotes."""

    value: str


@dataclass(frozen=True)
class Block:
    """Rows of numbers; most blocks have one."""

    rows: tuple[tuple[int | float, ...], ...]
    unit: str = ''


Value: TypeAlias = Number | Text | Block


@dataclass(frozen=True)
class Deck:
    """An input: what is switched on, and what is set."""

    runlevels: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    variables: Mapping[str, Value] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """All names that the deck has, in order."""
        return [*self.runlevels, *self.flags, *self.variables]

    def number(self, name: str) -> float | None:
        """Return the value of a number that is set; None otherwise."""
        value = self.variables.get(name)
        return float(value.value) if isinstance(value, Number) else None

    def text(self, name: str) -> str | None:
        """Return a text that is set; None otherwise."""
        value = self.variables.get(name)
        return value.value if isinstance(value, Text) else None

    def row(self, name: str) -> tuple[int | float, ...] | None:
        """Return the first row of a block that is set; None otherwise."""
        value = self.variables.get(name)
        return value.rows[0] if isinstance(value, Block) and value.rows else None

    @property
    def max_band(self) -> int | None:
        """The highest band that the deck asks for; None if it asks for none."""
        rows = [(name, row) for name, block in self.variables.items() if isinstance(block, Block) for row in block.rows]
        asked = [row[1] for name, row in rows if name.startswith('BndsRn') or name in ('GbndRnge', 'BSEBands')]
        asked += [row[3] for name, row in rows if name == 'QPkrange' and len(row) == 4]
        return int(max(asked)) if asked else None

    @property
    def max_kpoint(self) -> int | None:
        """The last k-point whose states the deck asks for; None if it asks for none."""
        value = self.variables.get('QPkrange')
        asked = [row[1] for row in value.rows if len(row) == 4] if isinstance(value, Block) else []
        return int(max(asked)) if asked else None

    @property
    def wants_quasiparticles(self) -> bool:
        """Whether quasi-particle energies are among the results."""
        return 'gw0' in self.runlevels and self.text('DysSolver') != 'g'

    @property
    def iterates(self) -> bool:
        """Whether GW goes on with its own eigenvalues."""
        return bool(self.number('GWIter') or self.number('GWoIter'))

    @property
    def wants_spectrum(self) -> bool:
        """Whether a spectrum is among the results."""
        return 'optics' in self.runlevels and ('chi' in self.runlevels or 'bss' in self.runlevels)

    @property
    def is_bse(self) -> bool:
        """Whether the Bethe-Salpeter equation is solved."""
        return 'bss' in self.runlevels

    @property
    def quasiparticle_database(self) -> str | None:
        """Path of the quasi-particle database that the BSE or optics is to start from, as the deck names it."""
        actions = [self.text(name) or '' for name in ('KfnQPdb', 'XfnQPdb')]
        return next((action.partition('<')[2].strip() for action in actions if '<' in action), None)


# ---------------------------------------------------------------------------------------------------------- reading

_NAME = re.compile(r'^[A-Za-z][A-Za-z0-9_+]*$')
_SETTING = re.compile(r'^(?P<name>[A-Za-z][A-Za-z0-9_+]*)\s*=\s*(?P<value>.*)$')
_BEGIN = re.compile(r'^%\s*(?P<name>[A-Za-z][A-Za-z0-9_+]*)$')
_ECHO_HEAD = re.compile(r'^\s*#?\s*\.-\s?Input file\b')
_ECHO_LINE = re.compile(r'^\s*#?\s*\|(?P<line>.*)$')


def read_deck(text: str, program: Program = 'yambo') -> Deck:
    """Read a deck.

    A word that the program does not know is taken for a flag: whether it is one, :func:`unknown_names` tells.

    :raises YamboInputError: a line that is neither of what a deck is made of.
    """
    kinds = variables_of(program)
    runlevels: list[str] = []
    flags: list[str] = []
    variables: dict[str, Value] = {}
    lines = _lines(text)
    for number, line in lines:
        begin = _BEGIN.match(line)
        setting = _SETTING.match(line)
        if begin is not None:
            variables[begin['name']] = _block(begin['name'], number, lines)
        elif setting is not None:
            variables[setting['name']] = _value(setting['value'].strip(), number)
        elif _NAME.match(line):
            (runlevels if kinds.kind(line) == 'runlevel' else flags).append(line)
        else:
            raise YamboInputError(f'`{line}` is neither a word, nor a setting, nor a block', number)
    return Deck(tuple(dict.fromkeys(runlevels)), tuple(dict.fromkeys(flags)), variables)


def read_echo(text: str, program: Program = 'yambo') -> Deck | None:
    """Read the input that a report or a table echoes at its end: the values that were used; None without an echo."""
    lines: list[str] | None = None
    for line in text.splitlines():
        if _ECHO_HEAD.match(line):
            lines = []
        elif lines is not None:
            match = _ECHO_LINE.match(line)
            if match is None:
                break
            lines.append(match['line'])
    return None if lines is None else read_deck('\n'.join(lines), program)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Give number and content of every line that has any, without comments."""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _without_comment(raw).strip()
        if line:
            yield number, line


def _without_comment(line: str) -> str:
    """Cut a comment off; a ``#`` between quotes begins none."""
    quoted = False
    for index, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == '#' and not quoted:
            return line[:index]
    return line


def _block(name: str, begin: int, lines: Iterator[tuple[int, str]]) -> Block:
    """Read a block up to its ``%``."""
    rows: list[tuple[int | float, ...]] = []
    unit = ''
    for number, line in lines:
        if line == '%':
            return Block(tuple(rows), unit)
        parts = [part.strip() for part in line.split('|')]
        if len(parts) == 1:
            raise YamboInputError(f'a row of `{name}` has no bars: `{line}`', number)
        last = parts.pop()
        # Echoes of directions have no bar after their last number.
        if last and _is_number(last):
            parts.append(last)
        elif last:
            unit = last
        rows.append(tuple(_number(part, number) for part in parts))
    raise YamboInputError(f'the block `{name}` has no end', begin)


def _value(text: str, line: int) -> Value:
    """Read what stands behind ``=``."""
    if text.startswith('"'):
        if len(text) < 2 or not text.endswith('"'):
            raise YamboInputError(f'a text has no second quote: {text}', line)
        return Text(text[1:-1])
    parts = text.split()
    if len(parts) not in (1, 2):
        raise YamboInputError(f'`{text}` is neither a number with its unit nor a text between quotes', line)
    return Number(_number(parts[0], line), parts[1] if len(parts) == 2 else '')


def _is_number(text: str) -> bool:
    try:
        float(text.replace('d', 'e').replace('D', 'E'))
    except ValueError:
        return False
    return True


def _number(text: str, line: int) -> int | float:
    """Read a number as Fortran writes it."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text.replace('d', 'e').replace('D', 'E'))
    except ValueError:
        raise YamboInputError(f'`{text}` is no number', line) from None


# ---------------------------------------------------------------------------------------------------------- writing


def write_deck(deck: Deck) -> str:
    """Write a deck.

    :raises YamboInputError: a value that a deck cannot hold: a quote within a text, a number that is none.
    """
    lines: list[str] = [*deck.runlevels, *deck.flags]
    for name, value in deck.variables.items():
        lines += _written(name, value)
    return '\n'.join(lines) + '\n'


_COMPACT = ('QPkrange', 'QPerange')
"""Blocks that Yambo itself writes, and reads by code of their own, without blanks."""


def _written(name: str, value: Value) -> Iterable[str]:
    """Give the lines of one setting."""
    if isinstance(value, Text):
        if '"' in value.value or '\n' in value.value:
            raise YamboInputError(f'`{name}`: a text of an input cannot have quotes or line ends: {value.value!r}')
        return [f'{name}= "{value.value}"']
    if isinstance(value, Number):
        return [f'{name}= {_digits(name, value.value)} {value.unit}'.rstrip()]
    if name in _COMPACT:
        compact = (''.join(f'{_digits(name, number)}|' for number in row) for row in value.rows)
        return [f'%{name}', *(f'{row} {value.unit}'.rstrip() for row in compact), '%']
    rows = (' | '.join(_digits(name, number) for number in row) for row in value.rows)
    return [f'% {name}', *(f' {row} | {value.unit}'.rstrip() for row in rows), '%']


def _digits(name: str, number: int | float) -> str:
    """Write a number so that it is read as the same."""
    if not math.isfinite(number):
        raise YamboInputError(f'`{name}`: {number} cannot be written into an input')
    return repr(number)
