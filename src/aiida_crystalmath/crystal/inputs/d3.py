"""The input of properties (d3): a sequence of keyword blocks, closed by END."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast

from pydantic import Discriminator, Field, Tag

from .block import take_verbatim
from .d3_blocks import (
    TYPED,
    Band,
    Boltztra,
    Coop,
    Doss,
    Echg,
    Grid,
    Interaction,
    Newk,
    Potm,
    Projection,
    Verbatim,
)
from .errors import DeckError, reasons
from .model import Model
from .text import Cursor, is_end, keyword_of

__all__ = (
    'D3',
    'Band',
    'Boltztra',
    'Coop',
    'DeckError',
    'Doss',
    'Echg',
    'Grid',
    'Interaction',
    'Newk',
    'Potm',
    'Projection',
    'Verbatim',
    'read_d3',
    'take_d3',
    'write_d3',
)


def _keyword(block: Any) -> str:
    """Tell the kind of a block from its keyword."""
    keyword = block.get('keyword') if isinstance(block, dict) else getattr(block, 'keyword', None)
    return {'COHP': 'COOP', 'POT3': 'ECH3'}.get(str(keyword), str(keyword)) if keyword in TYPED else 'other'


PropertiesBlock = Annotated[
    Annotated[Newk, Tag('NEWK')]
    | Annotated[Band, Tag('BAND')]
    | Annotated[Doss, Tag('DOSS')]
    | Annotated[Coop, Tag('COOP')]
    | Annotated[Echg, Tag('ECHG')]
    | Annotated[Potm, Tag('POTM')]
    | Annotated[Grid, Tag('ECH3')]
    | Annotated[Boltztra, Tag('BOLTZTRA')]
    | Annotated[Verbatim, Tag('other')],
    Discriminator(_keyword),
]


class D3(Model):
    """An input of properties.

    :param blocks: its keywords in their order, each ``{'keyword': ..., fields}``.
    """

    blocks: list[PropertiesBlock] = Field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return what was set, as plain lists and dictionaries that can be stored as JSON."""
        blocks = []
        for block in self.blocks:
            content = block.model_dump(mode='json', by_alias=True, exclude_unset=True)
            blocks.append({'keyword': block.keyword, **content})
        return {'blocks': blocks}


def read_d3(text: str) -> D3:
    """Read an input of properties, up to the END that closes it.

    :raises DeckError: with the line at fault.
    """
    return take_d3(text.splitlines())[0]


def take_d3(lines: Sequence[str], start: int = 0) -> tuple[D3, int]:
    """Read the input of properties that begins at line ``start`` (counted from 0); anything may follow it.

    :return: the input, and the index of the line behind its END.
    :raises DeckError: with the line at fault.
    """
    cursor = Cursor(lines, start)
    blocks: list[dict[str, Any]] = []
    while not cursor.at_end:
        if is_end(cursor.peek()):
            cursor.take('END')
            return _checked(blocks), cursor.position
        blocks.append(_take_block(cursor))
    raise DeckError('END is missing: it closes the input of properties', max(len(cursor.lines), 1))


def _take_block(cursor: Cursor) -> dict[str, Any]:
    keyword = keyword_of(cursor.peek())
    if keyword not in TYPED:
        lines = take_verbatim(cursor)
        return {'keyword': keyword, 'lines': lines[1:]} if len(lines) > 1 else {'keyword': keyword}
    cursor.take('a keyword')
    first = cursor.line
    opening: dict[str, type[Echg | Boltztra]] = {'ECHG': Echg, 'POTM': Potm, 'BOLTZTRA': Boltztra}
    if keyword in opening:
        fields = opening[keyword].fields(cursor, keyword)
    else:
        model = {'NEWK': Newk, 'BAND': Band, 'DOSS': Doss, 'COOP': Coop, 'COHP': Coop}.get(keyword, Grid)
        fields = cast('type[Newk]', model).take(cursor, keyword)
    block = {'keyword': keyword, **fields}
    try:
        D3(blocks=[cast('Any', block)])
    except ValueError as exception:
        raise DeckError(f'{keyword}: {reasons(exception)}', first) from exception
    return block


def _checked(blocks: list[dict[str, Any]]) -> D3:
    try:
        return D3.model_validate({'blocks': blocks})
    except ValueError as exception:
        raise DeckError(reasons(exception)) from exception


def write_d3(d3: D3) -> str:
    """Write an input of properties, with a newline at the end."""
    lines: list[str] = []
    for block in d3.blocks:
        lines += block.block_lines() if isinstance(block, Echg | Boltztra) else block.lines()
    return '\n'.join([*lines, 'END']) + '\n'
