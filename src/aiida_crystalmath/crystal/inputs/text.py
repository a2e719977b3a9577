"""Records of an input deck: the cursor of the readers, and numbers as Fortran reads and writes them.

CRYSTAL reads values by list-directed input: blanks or commas separate, ``D`` may stand for the exponent, ``2*0.5``
repeats, and whatever stands after the last number wanted is ignored. ``!`` and ``#`` therefore start remarks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from .errors import DeckError

_NUMBER = re.compile(r'[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?')
_REMARK = re.compile(r'[!#]')


class Cursor:
    """Lines of a deck, read one record after the other.

    :param lines: the lines.
    :param position: index (from 0) of the next line.
    """

    def __init__(self, lines: Sequence[str], position: int = 0) -> None:
        self.lines = lines
        self.position = position

    @property
    def line(self) -> int:
        """Number, counted from 1, of the record read last."""
        return max(self.position, 1)

    def skip_blank(self) -> None:
        """Move to the next line that is neither blank nor a remark."""
        while self.position < len(self.lines) and not strip_remark(self.lines[self.position]):
            self.position += 1

    @property
    def at_end(self) -> bool:
        """Whether nothing but blank lines is left."""
        self.skip_blank()
        return self.position >= len(self.lines)

    def peek(self) -> str:
        """Return the next record without taking it, an empty string at the end."""
        self.skip_blank()
        return self.lines[self.position].strip() if self.position < len(self.lines) else ''

    def take(self, what: str) -> str:
        """Take the next record.

        :param what: what is expected, for the message.
        :raises DeckError: at the end of the deck.
        """
        self.skip_blank()
        if self.position >= len(self.lines):
            raise DeckError(f'the deck ends where {what} is expected', len(self.lines))
        self.position += 1
        return self.lines[self.position - 1].strip()

    def reals(self, count: int, what: str) -> list[float]:
        """Take a record and read exactly ``count`` numbers of it.

        :raises DeckError: if there are fewer.
        """
        found = numbers(self.take(what))
        if len(found) < count:
            raise self.error(f'expected {what} ({count} numbers), found {self.lines[self.position - 1].strip()!r}')
        return [real(word) for word in found[:count]]

    def integers(self, count: int, what: str) -> list[int]:
        """Take a record and read exactly ``count`` integers of it.

        :raises DeckError: if there are fewer, or one is not an integer.
        """
        values = self.reals(count, what)
        if any(not value.is_integer() for value in values):
            raise self.error(f'{what} must be integers, found {self.lines[self.position - 1].strip()!r}')
        return [int(value) for value in values]

    def integer(self, what: str) -> int:
        """Take a record of one integer."""
        return self.integers(1, what)[0]

    def real(self, what: str) -> float:
        """Take a record of one number."""
        return self.reals(1, what)[0]

    def wrapped(self, count: int, what: str) -> list[float]:
        """Take ``count`` numbers that may spread over several records.

        :raises DeckError: if the deck ends before, or something else than a number comes.
        """
        found: list[str] = []
        while len(found) < count:
            more = numbers(self.take(what))
            if not more:
                raise self.error(f'expected {what} ({count} numbers), found only {len(found)}')
            found += more
        return [real(word) for word in found[:count]]

    def wrapped_integers(self, count: int, what: str) -> list[int]:
        """Take ``count`` integers that may spread over several records."""
        values = self.wrapped(count, what)
        if any(not value.is_integer() for value in values):
            raise self.error(f'{what} must be integers')
        return [int(value) for value in values]

    @property
    def at_numbers(self) -> bool:
        """Whether the next record begins with a number."""
        return bool(numbers(self.peek()))

    def error(self, message: str) -> DeckError:
        """Make an error that points to the record read last."""
        return DeckError(message, self.line)


def strip_remark(line: str) -> str:
    """Return a line without the remark behind ``!`` or ``#`` and without blanks around it."""
    return _REMARK.split(line, maxsplit=1)[0].strip()


def keyword_of(line: str) -> str:
    """Return the keyword of a line in capitals: its first word without a remark."""
    words = strip_remark(line).split()
    return words[0].upper() if words else ''


def is_end(line: str) -> bool:
    """Whether a line closes a block: CRYSTAL looks at the first three letters only."""
    return line.strip().upper().startswith('END')


def numbers(line: str) -> list[str]:
    """Return the words of a line that are numbers, up to the first that is not; repeat counts are spelt out."""
    found: list[str] = []
    for word in strip_remark(line).replace(',', ' ').split():
        times, star, rest = word.partition('*')
        value = rest if star and times.isdigit() else word
        if not _NUMBER.fullmatch(value):
            break
        found.extend([value] * (int(times) if value is rest else 1))
    return found


def real(word: str) -> float:
    """Read a number written by Fortran."""
    return float(word.upper().replace('D', 'E'))


def number_text(value: float) -> str:
    """Write a number so that it is read back as the same double.

    :raises DeckError: if it is not finite.
    """
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise DeckError(f'{value} cannot be written: numbers of a deck must be finite')
    mantissa, exponent_mark, exponent = repr(float(value)).partition('e')
    if not exponent_mark:
        return mantissa
    return f'{mantissa if "." in mantissa else mantissa + ".0"}E{exponent}'


#: Longest record that lists are written in; Fortran reads on in the next one.
_WIDTH = 78


def wrap(values: Sequence[int]) -> list[str]:
    """Write a list of integers in records of a readable length."""
    lines: list[str] = []
    for value in values:
        word = str(value)
        if lines and len(lines[-1]) + 1 + len(word) <= _WIDTH:
            lines[-1] += f' {word}'
        else:
            lines.append(word)
    return lines


def record(values: Iterable[float]) -> str:
    """Write numbers as one record."""
    return ' '.join(number_text(value) for value in values)
