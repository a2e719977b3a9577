"""The one error of this floor."""

from __future__ import annotations


class MachineError(Exception):
    """A machine, service or program is not as it must be.

    :param message: what is wrong, and where.
    :param hint: what to do about it; may have several lines.
    """

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__(message)
        self.hint = hint
