"""Blocks of keywords that are closed by END: one engine that reads, writes and keeps their order.

A block model has one field per keyword it understands, and ``extra``, the lines of every other keyword as they stand.
``layout`` keeps the order of both where it differs from the usual one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import model_validator

from .errors import DeckError, reasons
from .keywords import VERBATIM_BLOCKS
from .model import Model
from .text import Cursor, is_end, keyword_of, record, strip_remark, wrap


@dataclass(frozen=True)
class Item:
    """How a field stands in the deck.

    :param keywords: the keywords that announce it.
    :param read: takes the cursor behind the keyword, and the keyword, and returns the value.
    :param write: returns the lines of a value, none if the value is the default.
    :param accepts: whether the field can hold what follows the keyword; if not it stays verbatim.
    """

    keywords: tuple[str, ...]
    read: Callable[[Cursor, str], Any]
    write: Callable[[Any], list[str]]
    accepts: Callable[[Cursor], bool] | None = None


Items = Mapping[str, Item]


def flag(keyword: str) -> Item:
    """Make a keyword without arguments."""
    return Item((keyword,), lambda _, __: True, lambda value: [keyword] if value else [])


def choice(*keywords: str) -> Item:
    """Make a field whose value is one of several keywords."""
    return Item(keywords, lambda _, keyword: keyword, lambda value: [value])


def integer(keyword: str) -> Item:
    """Make a keyword with one integer."""
    return Item((keyword,), lambda cursor, _: cursor.integer(keyword), lambda value: [keyword, str(value)])


def real(keyword: str) -> Item:
    """Make a keyword with one number."""
    return Item((keyword,), lambda cursor, _: cursor.real(keyword), lambda value: [keyword, record([value])])


def integers(keyword: str, count: int) -> Item:
    """Make a keyword with a record of integers."""
    return Item((keyword,), lambda cursor, _: cursor.integers(count, keyword), lambda value: [keyword, record(value)])


def reals(keyword: str, count: int) -> Item:
    """Make a keyword with a record of numbers."""
    return Item((keyword,), lambda cursor, _: cursor.reals(count, keyword), lambda value: [keyword, record(value)])


def word(keyword: str) -> Item:
    """Make a keyword with a word on the next line."""

    def read(cursor: Cursor, _: str) -> str:
        return keyword_of(cursor.take(f'the argument of {keyword}'))

    return Item((keyword,), read, lambda value: [keyword, value])


def listed(keyword: str, per_entry: int = 1) -> Item:
    """Make a keyword with a count and that many integers, or records of ``per_entry`` integers."""

    def read(cursor: Cursor, _: str) -> list[Any]:
        count = cursor.integer(f'the number of entries of {keyword}')
        if count < 0:
            raise cursor.error(f'the number of entries of {keyword} is {count}: it cannot be negative')
        values = cursor.wrapped_integers(count * per_entry, f'the entries of {keyword}')
        if per_entry == 1:
            return values
        return [values[start : start + per_entry] for start in range(0, len(values), per_entry)]

    def write(value: Sequence[Any]) -> list[str]:
        lines = wrap(value) if per_entry == 1 else [record(entry) for entry in value]
        return [keyword, str(len(value)), *lines] if value else []

    return Item((keyword,), read, write)


def rows(keyword: str, whole: bool = False) -> Item:
    """Make a keyword with a square matrix, as wide as its first record.

    :param whole: whether the numbers must be integers.
    """

    def read(cursor: Cursor, _: str) -> list[list[Any]]:
        from .text import numbers

        size = len(numbers(cursor.peek()))
        if not 1 <= size <= 3:
            raise cursor.error(f'{keyword} wants a matrix of 1 to 3 rows, found {cursor.peek()!r}')
        if whole:
            return [cursor.integers(size, f'a row of {keyword}') for _ in range(size)]
        return [cursor.reals(size, f'a row of {keyword}') for _ in range(size)]

    return Item((keyword,), read, lambda value: [keyword, *(record(row) for row in value)])


def nested(keyword: str, model: Callable[[], type[Block]], closing: str = 'END') -> Item:
    """Make a keyword that opens a block of its own.

    :param model: returns the model of the block.
    """

    def read(cursor: Cursor, _: str) -> Block:
        return model().take(cursor, keyword)

    return Item((keyword,), read, lambda value: [keyword, *value.lines(), closing])


class Block(Model):
    """A block of keywords.

    :param extra: lines of keywords without a field, as they stand.
    :param layout: order of the fields and of ``extra`` if it is not the usual one: names of fields, and ``extra:3`` for
        the next three lines of ``extra``.
    """

    extra: tuple[str, ...] = ()
    layout: tuple[str, ...] | None = None

    items: ClassVar[Items] = {}
    #: Where ``extra`` stands in the usual order.
    extra_first: ClassVar[bool] = False

    @model_validator(mode='after')
    def _check_order(self) -> Self:
        layout = check_extra(self.items, self.__dict__, self.extra, self.layout, extra_first=self.extra_first)
        set_layout(self, layout)
        return self

    @classmethod
    def take(cls, cursor: Cursor, name: str) -> Self:
        """Read the block up to and with its END.

        :param name: the keyword that opened it, for messages.
        :raises DeckError: with the line at fault.
        """
        first = cursor.line
        content = take_content(cursor, cls.items, name)
        try:
            return cls.model_validate(content.fields())
        except ValueError as exception:
            raise DeckError(f'{name}: {reasons(exception)}', first) from exception

    def lines(self) -> list[str]:
        """Write the content of the block, without the keyword that opens it and its END."""
        return write_content(self.items, self.__dict__, self.extra, self.layout, self.extra_first)


@dataclass
class Content:
    """What was read of a block: values of fields, other lines, and the order of both."""

    values: dict[str, Any]
    extra: list[str]
    layout: list[str]

    def fields(self, extra: str = 'extra') -> dict[str, Any]:
        """Return the input of the block's model.

        :param extra: name of the field of the other lines.
        """
        found = dict(self.values)
        if self.extra:
            found[extra] = tuple(self.extra)
        found['layout'] = tuple(self.layout)
        return found


def take_content(
    cursor: Cursor, items: Items, name: str, closing: tuple[str, ...] = (), end: str | None = None
) -> Content:
    """Read keywords up to END.

    :param name: name of the block, for messages.
    :param closing: keywords that close the block as well; they are left for the caller, END is taken.
    :param end: spelling of the END of this block that closes it also where an inner block took it for its own, if
        numbers follow: CRYSTAL22 ran a deck with ``ELASTCON PREOPTGEOM END ENDGEOM`` and then the basis set.
    :raises DeckError: at the end of the deck, or at something that is not a keyword.
    """
    by_keyword = _by_keyword(items)
    content = Content({}, [], [])
    while True:
        line = cursor.peek()
        if not line:
            raise DeckError(f'the deck ends within {name}: END is missing', len(cursor.lines))
        if keyword_of(line) in closing:
            return content
        if is_end(line):
            cursor.take('END')
            return content
        if end is not None and cursor.at_numbers and keyword_of(cursor.lines[cursor.line - 1]).startswith(end):
            return content
        field = by_keyword.get(keyword_of(line))
        if field is not None and field not in content.values and _accepted(items[field], cursor):
            keyword = keyword_of(cursor.take('a keyword'))
            content.values[field] = items[field].read(cursor, keyword)
            content.layout.append(field)
        else:
            found = take_verbatim(cursor)
            content.extra += found
            content.layout.append(f'extra:{len(found)}')


def take_verbatim(cursor: Cursor) -> list[str]:
    """Take a keyword that has no field with its arguments: lines that do not begin with a letter, or all up to END.

    :raises DeckError: if the line is not a keyword.
    """
    line = cursor.take('a keyword')
    if not line[0].isalpha():
        raise cursor.error(f'{line!r} stands where a keyword is expected')
    found = [line]
    if keyword_of(line) in VERBATIM_BLOCKS:
        while not is_end(found[-1]):
            found.append(cursor.take(f'END of {keyword_of(line)}'))
        return found
    while cursor.peek() and not cursor.peek()[0].isalpha():
        found.append(cursor.take('an argument'))
    return found


def verbatim_keywords(extra: Sequence[str]) -> list[str]:
    """Return the keywords of lines without a field, in capitals."""
    cursor = Cursor(extra)
    found: list[str] = []
    while not cursor.at_end:
        found.append(keyword_of(take_verbatim(cursor)[0]))
    return found


def write_content(
    items: Items,
    values: Mapping[str, Any],
    extra: Sequence[str],
    layout: Sequence[str] | None,
    extra_first: bool = False,
) -> list[str]:
    """Write fields and other lines in their order."""
    lines: list[str] = []
    used = 0
    for entry in layout if layout is not None else _usual(items, values, len(extra), extra_first):
        if entry.startswith('extra:'):
            count = int(entry.removeprefix('extra:'))
            lines += extra[used : used + count]
            used += count
        else:
            lines += items[entry].write(values[entry])
    return lines


def check_extra(
    items: Items,
    values: Mapping[str, Any],
    extra: Sequence[str],
    layout: Sequence[str] | None,
    *,
    extra_first: bool = False,
    closing: tuple[str, ...] = (),
    label: str = 'extra',
) -> tuple[str, ...] | None:
    """Check the lines without a field, and bring the layout to its one form.

    :param closing: keywords besides END that would close the block.
    :param label: name of the lines, for messages.
    :return: the layout, None if it is the usual one.
    :raises ValueError: if a line would be read as something else, or stands where it cannot.
    """
    for line in extra:
        if '\n' in line or line != line.strip() or not strip_remark(line):
            raise ValueError(f'{label}: the line {line!r} must be one line, not blank, without blanks around it')
    usual = _usual(items, values, len(extra), extra_first)
    order = usual if layout is None else _complete(layout, usual, len(extra))
    _check_records(items, values, extra, order, closing=closing, label=label)
    return None if order == usual else tuple(order)


def set_layout(model: Model, layout: tuple[str, ...] | None) -> None:
    """Give a model its layout while it is made; the usual one counts as not set."""
    object.__setattr__(model, 'layout', layout)
    if layout is None:
        model.model_fields_set.discard('layout')


def is_written(items: Items, values: Mapping[str, Any], name: str) -> bool:
    """Whether a field appears in the deck."""
    value = values.get(name)
    return value is not None and bool(items[name].write(value))


def _usual(items: Items, values: Mapping[str, Any], n_extra: int, extra_first: bool) -> list[str]:
    order = [name for name in items if is_written(items, values, name)]
    if n_extra:
        order.insert(0 if extra_first else len(order), f'extra:{n_extra}')
    return order


def _complete(layout: Sequence[str], usual: list[str], n_extra: int) -> list[str]:
    """Return the layout with what is missing, without what is not there, and with neighbouring lines joined."""
    order: list[str] = []
    left = n_extra
    fields = [name for name in usual if not name.startswith('extra:')]
    for entry in [*layout, *fields, f'extra:{n_extra}']:
        if not entry.startswith('extra:'):
            if entry in fields and entry not in order:
                order.append(entry)
            continue
        number = entry.removeprefix('extra:')
        if not number.isdigit():
            raise ValueError(f'layout: {entry!r} is neither the name of a field nor extra:N')
        count = min(int(number), left)
        left -= count
        if count and order and order[-1].startswith('extra:'):
            order[-1] = f'extra:{int(order[-1].removeprefix("extra:")) + count}'
        elif count:
            order.append(f'extra:{count}')
    return order


def _check_records(
    items: Items,
    values: Mapping[str, Any],
    extra: Sequence[str],
    order: Sequence[str],
    *,
    closing: tuple[str, ...],
    label: str,
) -> None:
    """Check that each record of the other lines is read back as what it is.

    A keyword that has a field may stand here only as a repetition, after the field.
    """
    by_keyword = _by_keyword(items)
    used = 0
    seen: set[str] = set()
    for entry in order:
        if not entry.startswith('extra:'):
            seen.add(entry)
            continue
        count = int(entry.removeprefix('extra:'))
        cursor = Cursor(extra[used : used + count])
        used += count
        while not cursor.at_end:
            keyword = keyword_of(cursor.peek())
            field = by_keyword.get(keyword)
            if is_end(keyword) or keyword in closing:
                raise ValueError(f'{label}: {keyword} would close the block')
            if field is not None and field not in seen and _accepted(items[field], cursor):
                raise ValueError(f'{label}: {keyword} has a field of its own: use {field!r}')
            try:
                take_verbatim(cursor)
            except DeckError as exception:
                raise ValueError(f'{label}: {exception.message}') from exception


def _by_keyword(items: Items) -> dict[str, str]:
    return {keyword: field for field, item in items.items() for keyword in item.keywords}


def _accepted(item: Item, cursor: Cursor) -> bool:
    if item.accepts is None:
        return True
    behind = Cursor(cursor.lines, cursor.position)
    behind.take('a keyword')
    return item.accepts(behind)
