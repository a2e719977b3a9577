"""fort.87: the one or two lines in which CRYSTAL leaves the reason of an abort.

In parallel runs the reason often stands here only, while stdout ends with the noise of MPI.
Format seen in real files: `` ERROR **** ROUTINE **** MESSAGE``.
"""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.models import Message
from aiida_crystalmath.crystal.outputs.sections.messages import split_message


def read_fort87(text: str) -> list[Message]:
    """Return the messages of fort.87 in order; an empty file gives an empty list.

    Lines without asterisks are kept as messages without routine, since whatever stands in this file is a reason.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip().strip('\0').strip()
        if stripped:
            _, routine, words = split_message(stripped)
            found.append(Message(routine, words, number, stripped))
    return found
