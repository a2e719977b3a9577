"""What a check found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

State = Literal['ok', 'warn', 'fail']


@dataclass(frozen=True)
class Finding:
    """One line of ``crystalmath doctor``.

    :param check: what was looked at, in a word.
    :param state: ``ok``; ``warn``: work goes on, but somebody should look; ``fail``: work stands still.
    :param text: what was found.
    :param remedy: the command that mends it; empty where all is well, or where a person must think first.
    :param fix: mends it and returns what was done; ``None`` where that is not for a program to do.
    """

    check: str
    state: State
    text: str
    remedy: str = ''
    fix: Callable[[], str] | None = field(default=None, compare=False)

    def as_dict(self) -> dict[str, object]:
        """Return the finding for scripts."""
        return {
            'check': self.check,
            'state': self.state,
            'text': self.text,
            'remedy': self.remedy,
            'fixable': self.fix is not None,
        }
