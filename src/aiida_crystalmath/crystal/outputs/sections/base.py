"""What a section reader is, and what it shares with the driver.

A section registers, by the first five characters of a line, the lines it wants; everything else costs it nothing. To
read a table it asks the driver for the lines that follow (:meth:`Context.capture`). Sections never raise on bad text
(the driver notes a line that cannot be read) and draw their conclusions in :meth:`Section.finish`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiida_crystalmath.crystal.outputs.models import CrystalOutput

Handler = Callable[[str], None]
Capture = Callable[[str], bool]

KEY_LENGTH = 5
"""Characters at the start of a line that choose its reader."""


@dataclass
class Context:
    """Where the reading stands; shared by the driver and the sections of one program.

    :param output: what is being filled.
    :param line: number of the current line, 1 is the first.
    :param stage: which program of the file this is.
    """

    output: CrystalOutput
    line: int = 0
    stage: int = -1
    captures: list[Capture] = field(default_factory=list)

    def capture(self, reader: Capture) -> None:
        """Give the following lines to ``reader`` until it returns False (that line is then read as usual)."""
        self.captures[:] = [reader]


class Section:
    """One subject of the output."""

    def __init__(self, context: Context) -> None:
        """Keep the context."""
        self.context = context
        self.output = context.output

    def anchors(self) -> Mapping[str, Handler]:
        """Return the reader of each line start of five characters."""
        raise NotImplementedError

    def finish(self) -> None:
        """Draw conclusions at the end of the text."""
