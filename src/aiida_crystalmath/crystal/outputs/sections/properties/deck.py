"""The deck of properties where a run script echoed it: before the program, or between two programs of a file."""

from __future__ import annotations

from collections.abc import Mapping

from aiida_crystalmath.crystal.inputs.keywords import VERBATIM_BLOCKS
from aiida_crystalmath.crystal.outputs.sections.base import KEY_LENGTH, Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.properties.base import KEYWORDS

_BLOCKS = (VERBATIM_BLOCKS & KEYWORDS) | {'CLAS', 'PROPS2COMP', 'XRDSPEC'}
"""Keywords with an END of their own."""
_STARTS = frozenset(f'{word}{blanks}'[:KEY_LENGTH] for word in (*KEYWORDS, 'END') for blanks in ('', ' ', '  '))
"""A keyword stands alone in its line, perhaps with blanks behind it."""
_LIMIT = 200


class DeckEcho(Section):
    """Collects keywords outside of programs, up to the END that closes the deck.

    :ivar words: keywords of the text before the first program, or after the end of this one.
    """

    def __init__(self, context: Context) -> None:
        """Start without a deck."""
        super().__init__(context)
        self.words: list[str] = []
        self.block = ''
        self.closed = False

    def anchors(self) -> Mapping[str, Handler]:
        """Return the starts of all keywords of properties."""
        return dict.fromkeys(_STARTS, self.read)

    def read(self, line: str) -> None:
        """Keep a keyword that stands alone in its line; within a block it belongs to the block."""
        word = line.strip()
        outside = self.context.stage < 0 or self.output.terminated
        if not outside or self.closed or len(self.words) >= _LIMIT:
            return
        if word == 'END':
            self.closed = bool(self.words) and not self.block
            self.block = ''
        elif word in KEYWORDS and not self.block:
            self.words.append(word)
            self.block = word if word in _BLOCKS else ''
