"""Files that hold the output of several programs, one after the other: where each one begins and ends.

Run scripts print ``crystal`` and ``properties`` into one file, or append one run to another. The part of a program
begins behind the end of the one before, so that it has the deck that the script echoes in front of the banner.
"""

from __future__ import annotations

import re
from itertools import pairwise

_STARTING = re.compile(rb'^ EEEEEEEEEE STARTING\s', re.MULTILINE)
_LAST_WORDS = re.compile(rb'^ (?:EEEEEEEEEE TERMINATION  ?DATE|TTTTTTTTTT|ERROR \*\*\*\*)[^\n]*\n?', re.MULTILINE)
_BANNER = re.compile(rb'^ \*{70,}\s*\n(?: \*[^\n]*\n)*?[^\n]*\bCRYSTAL(?:0[69]|1\d|2\d)\b', re.MULTILINE)


def parts_of(content: bytes) -> list[tuple[int, int]]:
    """Return where (first byte, end) the output of each program stands; the whole if there are fewer than two."""
    starts = [match.start() for match in _STARTING.finditer(content)]
    edges = [0]
    for start, following in pairwise(starts):
        ends = [match.end() for match in _LAST_WORDS.finditer(content, start, following)]
        if not ends:
            banner = _BANNER.search(content, start, following)
            ends = [banner.start() if banner else following]
        edges.append(ends[-1])
    return list(zip(edges, [*edges[1:], len(content)], strict=True))


def part_of(content: bytes, index: int) -> bytes:
    """Return the output of one program of a file, all of it if there is no such program."""
    parts = parts_of(content)
    if index >= len(parts):
        return content
    first, end = parts[index]
    return content[first:end]
