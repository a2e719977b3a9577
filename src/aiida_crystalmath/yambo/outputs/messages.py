"""Errors and warnings, as they stand in reports and logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ('Message', 'messages_in')

_MESSAGE = re.compile(r'\[(?P<kind>ERROR|WARNING)\]\s*(?P<text>.*)$')


@dataclass(frozen=True)
class Message:
    """A message of the program.

    :param text: its words.
    :param where: the file that it stands in.
    :param line: number of the line, from 1.
    """

    kind: Literal['error', 'warning']
    text: str
    where: str
    line: int


def messages_in(text: str, where: str) -> Iterator[Message]:
    """Give the messages of a report or a log, in order."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = _MESSAGE.search(line)
        if match is not None:
            kind: Literal['error', 'warning'] = 'error' if match['kind'] == 'ERROR' else 'warning'
            yield Message(kind, match['text'].strip(), where, number)
