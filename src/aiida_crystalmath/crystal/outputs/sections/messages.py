"""Messages of the form `` KIND **** ROUTINE **** TEXT``."""

from __future__ import annotations

import re

_MESSAGE = re.compile(r'\s*(ERROR|WARNING|INFORMATION)\s*\*{4}\s*(\S+)\s*\*{4}\s*(.*?)\s*$')


def split_message(line: str) -> tuple[str, str, str]:
    """Return kind ('ERROR', 'WARNING', 'INFORMATION' or ''), routine and text of a line."""
    found = _MESSAGE.match(line)
    if found is None:
        return '', '', line.strip()
    return found[1], found[2], found[3]
