"""Fortran namelists, as Quantum ESPRESSO's programs read them on stdin.

A program stops at a name that it does not know (``reading inputpp namelist``), but only once the job runs; the lists of
names that the floors above keep were tried out on the real programs.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

from aiida_crystalmath.crystal.inputs.errors import DeckError
from aiida_crystalmath.crystal.outputs.numbers import number

__all__ = ('Scalar', 'check_names', 'read_namelist', 'write_namelist')

Scalar = bool | int | float | str

_ENTRY = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>'(?:[^']|'')*'|\"[^\"]*\"|[^,!\s]+)\s*,?")


def write_namelist(name: str, values: Mapping[str, Scalar]) -> str:
    """Return a namelist as text, its entries in the order given.

    :raises DeckError: for a text with a line break, which no namelist can hold.
    """
    lines = [f'&{name}', *(f'  {key} = {_write(key, value)}' for key, value in values.items()), '/']
    return '\n'.join(lines) + '\n'


def _write(key: str, value: Scalar) -> str:
    if isinstance(value, bool):
        return '.true.' if value else '.false.'
    if isinstance(value, str):
        if '\n' in value:
            raise DeckError(f'`{key}`: a text of a namelist has one line, this has several: {value!r}')
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def read_namelist(text: str, name: str) -> dict[str, Scalar]:
    """Return the entries of a namelist, names in lower case.

    :raises DeckError: it is not there, not closed, or holds what is no entry.
    """
    values: dict[str, Scalar] = {}
    inside = False
    for number_of_line, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not inside:
            inside = stripped.lower() == f'&{name.lower()}'
        elif stripped == '/':
            return values
        else:
            values.update(_entries(stripped, number_of_line))
    raise DeckError(f'the namelist &{name} {"is not closed by a line with /" if inside else "is not there"}')


def _entries(line: str, number_of_line: int) -> dict[str, Scalar]:
    """Return the entries of one line."""
    found: dict[str, Scalar] = {}
    position = 0
    while position < len(line) and not line[position:].lstrip().startswith('!'):
        match = _ENTRY.match(line, position)
        if match is None:
            raise DeckError(f'no entry of the form `name = value`: {line[position:]!r}', number_of_line)
        found[match['name'].lower()] = _read(match['value'])
        position = match.end()
    return found


def _read(text: str) -> Scalar:
    if text[0] in '\'"':
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1]
    if text.strip('.').lower() in ('true', 't', 'false', 'f'):
        return text.strip('.').lower().startswith('t')
    try:
        return int(text)
    except ValueError:
        value = number(text)
        return text if value is None else value


def check_names(given: Collection[str], known: Collection[str], program: str) -> None:
    """Check names against those that a program knows.

    :raises ValueError: for unknown names, with those that look like them.
    """
    unknown = [name for name in given if name not in known]
    if unknown:
        told = []
        for name in unknown:
            close = difflib.get_close_matches(name, sorted(known), n=2)
            told.append(
                f'`{name}`' + (f' (did you mean {" or ".join(f"`{word}`" for word in close)}?)' if close else '')
            )
        raise ValueError(f'{program} does not know {", ".join(told)}')
