"""A common way to read the lines that follow a title."""

from __future__ import annotations

from collections.abc import Callable

from aiida_crystalmath.crystal.outputs.sections.base import Context


def capture_rows(
    context: Context, read: Callable[[str], bool], end: Callable[[], None] | None = None, limit: int = 1000
) -> None:
    """Give the lines that follow to ``read`` until it returns False (or after ``limit``), then call ``end``.

    Blank lines before the first row that ``read`` accepts are skipped.
    """
    count = 0

    def row(line: str) -> bool:
        nonlocal count
        if not line.strip() and count == 0:
            return True
        count += 1
        if count <= limit and read(line):
            return True
        if end is not None:
            end()
        return False

    context.capture(row)
