"""The one error of this floor, and words for those of others."""

from __future__ import annotations


class MachineError(Exception):
    """A machine, service or program is not as it must be.

    :param message: what is wrong, and where.
    :param hint: what to do about it; may have several lines.
    """

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__(message)
        self.hint = hint


class UnreachableError(MachineError):
    """No connection comes about at all."""


def in_words(exception: Exception) -> str:
    """Return what an exception says, and what it is where that is not ours."""
    if isinstance(exception, MachineError):
        return str(exception)
    return f'{type(exception).__name__}: {" ".join(str(exception).split())}'
