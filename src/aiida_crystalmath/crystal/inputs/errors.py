"""The error that a deck raises, with its line."""

from __future__ import annotations

from pydantic import ValidationError


class DeckError(ValueError):
    """An input deck that cannot be read or written.

    :param message: what is wrong and what to do.
    :param line: number of the line at fault, counted from 1; None if no line is.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f'line {line}: {message}')
        self.message = message
        self.line = line


def reasons(exception: ValueError) -> str:
    """Return what an error of validation says, in one line: for each field, its name, the reason and the value."""
    if not isinstance(exception, ValidationError):
        return str(exception)
    found = []
    for error in exception.errors(include_url=False):
        where = '.'.join(str(part) for part in error['loc'])
        text = error['msg'].removeprefix('Value error, ')
        if error['type'] != 'value_error' and isinstance(error['input'], str | int | float | bool | list | tuple):
            text = f'{text[0].lower()}{text[1:]}, it is {error["input"]!r}'
        found.append(f'{where}: {text}' if where else text)
    return '; '.join(found)
