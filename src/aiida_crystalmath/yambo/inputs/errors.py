"""The error that an input of Yambo raises."""

from __future__ import annotations

__all__ = ('YamboInputError',)


class YamboInputError(ValueError):
    """An input of Yambo that cannot be read or written, or that Yambo would not obey.

    :param message: what is wrong and what to do.
    :param line: number of the line at fault, counted from 1; None if no line is.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f'line {line}: {message}')
        self.message = message
        self.line = line
