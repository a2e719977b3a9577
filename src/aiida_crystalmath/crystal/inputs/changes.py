"""Changes of an input as users say them: ``FMIXING=70``, ``OPTGEOM.MAXCYCLE=200``, ``SHRINK=8 16``, ``NODIIS``.

A keyword of the third section (SCF, RHF, UHF) stands alone, one of a block behind the block's name. Values are read by
the readers of the deck, so that what is refused there is refused here, with the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from .block import Items, take_verbatim
from .errors import DeckError, reasons
from .hamiltonian import HAMILTONIAN_ITEMS, Dft, Dispersion
from .keywords import SCF, lookup, tables
from .parameters import CrystalParameters
from .scf import SCF_ITEMS
from .tasks import Cphf, Elastcon, Eos, Freqcalc, Optgeom
from .text import Cursor, numbers

__all__ = ('Change', 'MissingBlockError', 'apply_changes', 'differences', 'has_block', 'known_keywords', 'parse_change')

Path = tuple[str, ...]

BLOCKS: Mapping[str, tuple[Path, Items]] = {
    'OPTGEOM': (('geometry', 'optgeom'), Optgeom.items),
    'FREQCALC': (('geometry', 'freqcalc'), Freqcalc.items),
    'FREQCALC.PREOPTGEOM': (('geometry', 'freqcalc', 'preoptgeom'), Optgeom.items),
    'ELASTCON': (('geometry', 'elastcon'), Elastcon.items),
    'ELASTCON.PREOPTGEOM': (('geometry', 'elastcon', 'preoptgeom'), Optgeom.items),
    'EOS': (('geometry', 'eos'), Eos.items),
    'EOS.PREOPTGEOM': (('geometry', 'eos', 'preoptgeom'), Optgeom.items),
    'CPHF': (('geometry', 'cphf'), Cphf.items),
    'DFT': (('hamiltonian', 'dft'), Dft.items),
    'DFTD3': (('hamiltonian', 'dispersion'), Dispersion.items),
}
"""Blocks whose keywords can be changed: where the parameters keep them, and their fields."""

REMOVE = ('off', 'none', 'no', 'false')
ON = ('', 'on', 'yes', 'true')
VERBATIM = 'extra'


class MissingBlockError(ValueError):
    """A change of a keyword of a block that the input does not have."""


@dataclass(frozen=True)
class Change:
    """One change of an input.

    :param keyword: as CRYSTAL knows it, behind its block: ``OPTGEOM.MAXCYCLE``.
    :param path: where the parameters keep it.
    :param value: plain value; None removes the keyword.
    :param part: beginning of the name of the part of a work chain that it is meant for; empty: wherever it fits.
    :param typed: the value as it was written, empty for a keyword that stands alone.
    """

    keyword: str
    path: Path
    value: Any
    part: str = ''
    typed: str = ''

    @property
    def text(self) -> str:
        """The change as it is typed."""
        head = f'{self.part}:{self.keyword}' if self.part else self.keyword
        return f'{head}={self.typed}' if self.typed else head


def known_keywords() -> list[str]:
    """Return every keyword that can be changed, those of blocks behind the block's name."""
    return sorted(_registry())


@cache
def _registry() -> dict[str, tuple[Path, str, Items]]:
    """Return for every keyword where its value stands: path of the block, field, items."""
    found: dict[str, tuple[Path, str, Items]] = {}
    sections: list[tuple[str, Path, Items]] = [('', ('scf',), SCF_ITEMS), ('', ('hamiltonian',), HAMILTONIAN_ITEMS)]
    sections += [(f'{name}.', path, items) for name, (path, items) in BLOCKS.items()]
    inner = {path for path, _ in BLOCKS.values()}
    for prefix, path, items in sections:
        for field, item in items.items():
            if (*path, field) not in inner and field != 'composite':
                found |= {f'{prefix}{keyword}': (path, field, items) for keyword in item.keywords}
    return found


def parse_change(text: str) -> Change:
    """Read one change: ``KEYWORD=VALUE``, ``KEYWORD`` alone if it takes none, ``KEYWORD=off`` to leave it out.

    Numbers are separated by blanks or commas, records by semicolons. Before a colon may stand the part of a work chain
    that is meant (``scf:FMIXING=70``).

    :raises ValueError: with the nearest known keywords, or with what the keyword takes.
    """
    head, _, tail = text.partition('=')
    part, colon, name = head.rpartition(':')
    keyword = name.strip().upper()
    value = tail.strip().strip('\'"').strip()
    if not keyword or (colon and not part.strip()):
        raise ValueError(f'{text!r} is no change of an input: write KEYWORD=VALUE, as in FMIXING=70')
    keyword = _full_name(keyword)
    if keyword not in _registry():
        removed = value.lower() in REMOVE
        return Change(keyword, ('scf', VERBATIM), None if removed else value, part.strip(), value)
    path, field, items = _registry()[keyword]
    short = keyword.rpartition('.')[2]
    if value.lower() in REMOVE:
        return Change(keyword, (*path, field), None, part.strip(), 'off')
    read = _read(items, field, short, value)
    if read is None:
        raise ValueError(f'{keyword} takes a value: write {keyword}=VALUE, or {keyword}=off to leave it out')
    return Change(keyword, (*path, field), read, part.strip(), '' if value.lower() in ON else value)


def _full_name(keyword: str) -> str:
    """Return the known keyword that is meant, its block before it.

    :raises ValueError: if none is, or several.
    """
    registry = _registry()
    if keyword in registry:
        return keyword
    inside = [name for name in registry if name.endswith(f'.{keyword}') and 'PREOPTGEOM' not in name]
    if len(inside) == 1:
        return inside[0]
    if inside:
        raise ValueError(f'{keyword} is a keyword of several blocks: write {" or ".join(inside)}')
    entry = lookup(keyword, SCF)
    if entry is not None and entry.field == VERBATIM and 'END' not in entry.arguments:
        return keyword
    block = BLOCKS.get(keyword)
    if block is not None:
        examples = ', '.join(f'{keyword}.{word}' for item in block[1].values() for word in item.keywords[:1])
        raise ValueError(f'{keyword} is a block: name the keyword in it, one of {examples}')
    near = get_close_matches(keyword, [*registry, *(name.rpartition('.')[2] for name in registry)], n=3, cutoff=0.6)
    hint = f'did you mean {" or ".join(dict.fromkeys(near))}?' if near else 'known are ' + ', '.join(_plain_names())
    elsewhere = any(keyword == row[0] for rows in tables().values() for row in rows)
    is_known = 'cannot be set this way' if elsewhere else 'is not a keyword of CRYSTAL known here'
    raise ValueError(f'{keyword} {is_known}: {hint}')


def _plain_names() -> list[str]:
    return [name for name in _registry() if '.' not in name] + ['OPTGEOM.MAXCYCLE and the like']


def _read(items: Items, field: str, keyword: str, value: str) -> Any:
    """Read a value as the deck's reader does.

    :return: the value as plain lists and numbers; None if the keyword needs a value and there is none.
    """
    item = items[field]
    if keyword == 'BROYDEN' and not value:
        return 'BROYDEN'
    try:
        alone = item.read(Cursor([]), keyword)
    except DeckError:
        if not value:
            return None
    else:
        if value.lower() not in (*ON, '1'):
            raise ValueError(f'{keyword} takes no value: write {keyword}, or {keyword}=off to leave it out')
        return alone
    lines = _records(keyword, value)
    cursor = Cursor(lines)
    try:
        read = item.read(cursor, keyword)
        written = item.write(read)
    except DeckError as exception:
        raise ValueError(f'{keyword}={value}: {exception.message}') from exception
    given = [word for line in lines for word in line.replace(',', ' ').split()]
    used = [word for line in written for word in line.split()][1:]
    if not cursor.at_end or len(given) != len(used):
        shown = ' '.join(used)
        raise ValueError(f'{keyword}={value}: it would be read as {f"{keyword} {shown}".strip()!r}; give that, or more')
    return _json(read)


def _records(keyword: str, value: str) -> list[str]:
    """Split a value into the records it has in the deck; SHRINK may be given in fewer words."""
    lines = [line.strip() for line in re.split(r'[;\n]', value) if line.strip()]
    if keyword != 'SHRINK' or len(lines) != 1:
        return lines
    words = numbers(lines[0])
    if len(words) == 5 and words[0] == '0':
        return [' '.join(words[:2]), ' '.join(words[2:])]
    if len(words) == 3:
        return [f'0 {max(words, key=float)}', ' '.join(words)]
    return [f'{words[0]} {words[0]}'] if len(words) == 1 else lines


def _json(value: Any) -> Any:
    """Return plain lists, numbers and dictionaries."""
    if hasattr(value, 'model_dump'):
        return value.model_dump(mode='json', by_alias=True, exclude_unset=True)
    return [_json(item) for item in value] if isinstance(value, list | tuple) else value


def has_block(parameters: Mapping[str, Any], change: Change) -> bool:
    """Whether an input has the block whose keyword is to change."""
    try:
        _apply(deepcopy(dict(parameters)), change)
    except MissingBlockError:
        return False
    return True


def apply_changes(parameters: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """Return parameters with the changes made, complete and checked.

    :raises MissingBlockError: if a block is not there whose keyword is to change.
    :raises ValueError: if what comes out is no input, with the reason.
    """
    changed = deepcopy(dict(parameters))
    for change in changes:
        _apply(changed, change)
    try:
        CrystalParameters.model_validate(changed)
    except ValueError as exception:
        raise ValueError(f'with {", ".join(change.text for change in changes)}: {reasons(exception)}') from exception
    return changed


def _apply(parameters: dict[str, Any], change: Change) -> None:
    """Make one change in place."""
    *blocks, field = change.path
    holder = parameters
    for depth, name in enumerate(blocks):
        inner = holder.get(name)
        if depth and inner is None:  # the sections may be left out, the blocks in them are there or not
            raise MissingBlockError(f'{change.keyword}: the input has no {change.keyword.rpartition(".")[0]}')
        holder[name] = holder = dict(inner or {})
    if field == VERBATIM:
        holder[VERBATIM] = _replaced(holder.get(VERBATIM) or (), change)
        return
    if field == 'diis':
        holder.pop('broyden', None)
        if isinstance(change.value, list):
            holder.update(diis='BROYDEN', broyden=[change.value[0], int(change.value[1]), int(change.value[2])])
            return
    if change.value is None:
        holder.pop(field, None)
    else:
        holder[field] = change.value


def _replaced(extra: Sequence[str], change: Change) -> list[str]:
    """Return the lines of other keywords with one of them replaced, added, or left out."""
    cursor = Cursor(list(extra))
    kept: list[str] = []
    while not cursor.at_end:
        record = take_verbatim(cursor)
        if record[0].split()[0].upper() != change.keyword:
            kept += record
    if change.value is None:
        return kept
    return [*kept, change.keyword, *[line.strip() for line in change.value.split(';') if line.strip()]]


# ------------------------------------------------------------------------------------------------------- differences


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what differs between two inputs: keyword, old and new value in words (``-``: not there)."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    found = []
    for path in [*before, *(path for path in after if path not in before)]:
        one, other = _shown(path, before), _shown(path, after)
        if one != other:
            found.append((_name(path), one, other))
    return found


def _name(path: Path) -> str:
    """Return the keyword of a path, or what several keywords are about."""
    special = {'diis': 'accelerator', 'broyden': 'BROYDEN', 'type': 'what moves'}
    names = {(*where, field): keyword for keyword, (where, field, _) in reversed(_registry().items())}
    return special.get(path[-1]) or names.get(path) or '.'.join(path)


def _shown(path: Path, values: Mapping[Path, Any]) -> str:
    """Return the value at a path in words."""
    value = values.get(path)
    if value is None or value is False:
        return 'NODIIS' if path[-1] == 'diis' and value is False else '-'
    return value_text(path, value) or 'on'


def _leaves(parameters: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every value with its path; SHRINK stays whole."""
    for name, value in parameters.items():
        if isinstance(value, Mapping) and name != 'shrink':
            yield from _leaves(value, (*path, name))
        elif name != 'layout':
            yield (*path, name), value


def value_text(path: Path, value: Any) -> str:
    """Return a value as it is typed behind the equals sign; empty for a keyword that is simply there."""
    if value is True:
        return ''
    if path[-1] == 'shrink' and isinstance(value, Mapping):
        factors = value['is'] if isinstance(value['is'], list | tuple) else None
        isp = value.get('isp') or (max(factors) if factors else value['is'])
        return f'0 {isp} {" ".join(map(str, factors))}' if factors else f'{value["is"]} {isp}'
    if isinstance(value, list | tuple):
        return ' '.join(value_text(path, item) for item in value)
    return str(value)
