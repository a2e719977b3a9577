"""Decks, in files of their own and where a run script copied one to the head of the output."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..inputs.d3 import D3, take_d3
from ..inputs.d12 import D12, take_d12
from ..inputs.errors import DeckError
from ..inputs.geometry_block import GEOMETRY_KEYWORDS
from ..inputs.text import strip_remark
from .files import is_properties_keyword
from .runs import Deck

MAX_PREAMBLE_BYTES = 1 << 22
_BANNER = re.compile(r'^ \*{70,}\s*$|^ EEEEEEEEEE STARTING', re.MULTILINE)
_NOISE = re.compile(r'\s*PROCESS\s+\d+\s+OF\s+\d+\s+WORKING')


def read_deck(path: Path, program: str) -> Deck:
    """Read a deck of a file.

    :param program: ``crystal`` or ``properties``.
    :return: the deck, or one with the reason why it cannot be read in ``problem``.
    """
    text = decode(path.read_bytes())
    lines = text.splitlines()
    try:
        content: D12 | D3 = take_d12(lines)[0] if program == 'crystal' else take_d3(lines)[0]
    except (DeckError, ValueError) as exception:
        return Deck('file', text, None, path, problem=str(exception).splitlines()[0])
    return Deck('file', text, content, path)


def echoed_deck(text: str, program: str) -> Deck | None:
    """Return the deck that stands in front of the banner of a program's output, None if there is none.

    Every line that may begin one is tried; the first deck that can be read to its end is taken.
    """
    banner = _BANNER.search(text)
    preamble = text[: banner.start() if banner else 0][-MAX_PREAMBLE_BYTES:]
    lines = [line for line in preamble.splitlines() if not _NOISE.match(line)]
    starts = _crystal_starts(lines) if program == 'crystal' else _properties_starts(lines)
    for start in starts:
        try:
            content, end = take_d12(lines, start) if program == 'crystal' else take_d3(lines, start)
        except (DeckError, ValueError):
            continue
        return Deck('echo', '\n'.join(lines[start:end]) + '\n', content)
    return None


def _crystal_starts(lines: Sequence[str]) -> list[int]:
    """Return the lines above a geometry keyword, alone on its line: the scripts write sentences with these words."""
    return [
        number - 1
        for number, line in enumerate(lines)
        if number > 0 and strip_remark(line).upper() in GEOMETRY_KEYWORDS
    ]


def _properties_starts(lines: Sequence[str]) -> list[int]:
    """Return the lines that are a keyword of properties, alone on its line."""
    return [
        number
        for number, line in enumerate(lines)
        if len(words := line.split()) == 1 and line[:1].isupper() and is_properties_keyword(words[0])
    ]


def decode(content: bytes) -> str:
    """Return bytes as text: UTF-8, else Latin-1, in which older scripts wrote names and dates."""
    try:
        return content.decode('utf-8')
    except UnicodeDecodeError:
        return content.decode('latin-1')
