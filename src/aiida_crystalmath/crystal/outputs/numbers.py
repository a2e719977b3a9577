"""Numbers as Fortran prints them: glued columns, leading dots, D exponents, asterisks."""

from __future__ import annotations

import re
from math import isfinite

NUMBER = r'[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?'
"""Pattern of one number, without groups."""

_NUMBER = re.compile(NUMBER)


def number(text: str) -> float | None:
    """Return the number ``text`` holds, None where it is none (asterisks, NaN, text)."""
    try:
        value = float(text)
    except ValueError:
        try:
            value = float(text.replace('D', 'E').replace('d', 'e'))
        except ValueError:
            return None
    # NaN and infinities are printed by broken runs only: they are no results.
    return value if isfinite(value) else None


def numbers(text: str) -> list[float]:
    """Return all finite numbers of ``text``; a sign starts a new number even without a blank before it.

    NaN, infinities and what is too large for a number are words here.
    """
    try:
        found = list(map(float, text.split()))
    except ValueError:
        pass  # words, glued columns, or exponents with D
    else:
        if isfinite(sum(found)):
            return found
    return list(filter(isfinite, map(float, _NUMBER.findall(text.replace('D', 'E').replace('d', 'e')))))


def integer(text: str) -> int | None:
    """Return the integer ``text`` holds, None where it is none."""
    try:
        return int(text)
    except ValueError:
        return None
