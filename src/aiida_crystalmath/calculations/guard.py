"""Shell text around the program of a job: nothing runs twice in one directory (docs/topics/nothing_twice.md)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ('guard_begin', 'guard_end')


def guard_begin() -> str:
    """Return the shell text before the program: it goes on in the first job of a directory only."""
    return _text('guard_begin.sh')


def guard_end() -> str:
    """Return the shell text after the program, which tells other jobs of the directory how it ended."""
    return _text('guard_end.sh')


@cache
def _text(name: str) -> str:
    return files('aiida_crystalmath.calculations').joinpath(name).read_text(encoding='utf-8').rstrip()
