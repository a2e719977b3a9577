"""``seedname.win``: the deck of wannier90.x, as a model, written and read.

The format is that of the Wannier90 3.x user guide: ``keyword = value`` lines (also with ``:`` or a blank between),
blocks between ``begin`` and ``end``, comments after ``!`` and ``#``, no difference between capitals and small letters.
Lengths are in Å, k-points and atoms fractional.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aiida_crystalmath.crystal.inputs.errors import DeckError
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM
from aiida_crystalmath.espresso.namelist import check_names
from aiida_crystalmath.wannier90.keywords import BLOCKS, KEYWORDS, LOGICAL, OWN

__all__ = ('Atom', 'PathLine', 'Win', 'grid_of', 'mesh_kpoints', 'read_win', 'write_win')

Vector = tuple[float, float, float]
Value = bool | int | float | str | tuple[int | float | str, ...]

_TOLERANCE = 1e-6
"""How far a k-point may be off the grid; that of pw2wannier90.x, which compares those of its own run."""

_RANGE = re.compile(r'[\d,\s-]+')


class Atom(BaseModel):
    """An atom: its label, by which projections name it, and where it is, fractional."""

    model_config = ConfigDict(frozen=True, extra='forbid')
    symbol: str = Field(pattern=r'^[A-Za-z][A-Za-z0-9_]{0,19}$')
    position: Vector


class PathLine(BaseModel):
    """A straight line of a band path, ends fractional in the reciprocal cell."""

    model_config = ConfigDict(frozen=True, extra='forbid')
    first_label: str = Field(pattern=r'^\S{1,20}$')
    first: Vector
    last_label: str = Field(pattern=r'^\S{1,20}$')
    last: Vector


class Win(BaseModel):
    """A deck.

    ``keywords`` has everything but what stands in fields of its own. Names that the program does not know are refused.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    num_wann: Annotated[int, Field(ge=1)]
    mp_grid: tuple[int, int, int]
    cell_angstrom: tuple[Vector, Vector, Vector]
    atoms: Annotated[tuple[Atom, ...], Field(min_length=1)]
    kpoints: tuple[Vector, ...]
    projections: tuple[str, ...] = ()
    kpoint_path: tuple[PathLine, ...] = ()
    keywords: dict[str, Value] = Field(default_factory=dict)

    @field_validator('keywords', mode='before')
    @classmethod
    def _check_keywords(cls, value: Any) -> Any:
        """Check the names, and that logical keywords have logical values."""
        if not isinstance(value, dict):
            return value
        value = {str(key).lower(): item for key, item in value.items()}
        check_names(value, KEYWORDS, 'wannier90.x')
        for name, item in value.items():
            if name in OWN:
                raise ValueError(f'`{name}` is not set among the keywords: it follows from the rest of the deck')
            if (name in LOGICAL) != isinstance(item, bool):
                expected = 'true or false' if name in LOGICAL else 'a number, a text or a list of these'
                raise ValueError(f'`{name}` is {expected}, not {item!r}')
        return value

    @model_validator(mode='after')
    def _check(self) -> Win:
        """Check what the program would stop at, after it has been waited for in a queue."""
        count = int(np.prod(self.mp_grid))
        if len(self.kpoints) != count:
            raise ValueError(
                f'a grid of {"x".join(map(str, self.mp_grid))} has {count} k-points, not {len(self.kpoints)}'
            )
        if self.num_bands < self.num_wann:
            raise ValueError(f'`num_bands` ({self.num_bands}) is less than `num_wann` ({self.num_wann})')
        if abs(np.linalg.det(np.array(self.cell_angstrom))) < _TOLERANCE:
            raise ValueError('the cell has no volume')
        windows = [self.keywords.get(name) for name in ('dis_win_min', 'dis_froz_min', 'dis_froz_max', 'dis_win_max')]
        given = [value for value in windows if isinstance(value, int | float)]
        if given != sorted(given):
            raise ValueError('the frozen window does not lie within the outer window')
        for line in self.projections:
            if not line.strip() or '\n' in line or line.strip().lower().startswith(('end', 'begin')):
                raise ValueError(f'no projection: {line!r}')
        return self

    @property
    def num_bands(self) -> int:
        """Number of Bloch bands that the functions are made of."""
        given = self.keywords.get('num_bands', self.num_wann)
        return given if isinstance(given, int) else self.num_wann

    @property
    def disentangles(self) -> bool:
        """Whether there are more bands than functions."""
        return self.num_bands > self.num_wann


def mesh_kpoints(mp_grid: Sequence[int]) -> list[Vector]:
    """Return the k-points of a grid with its origin at Gamma, from 0 up to 1, the last index fastest."""
    axes = [[index / size for index in range(size)] for size in mp_grid]
    return [(a, b, c) for a, b, c in product(*axes)]


def grid_of(kpoints: Any) -> tuple[int, int, int]:
    """Return the grid that k-points are the whole of.

    :param kpoints: (n, 3), fractional, in any order and any period.
    :raises ValueError: they are not a full, evenly spaced grid through Gamma.
    """
    points = np.asarray(kpoints, dtype=float).reshape(-1, 3) % 1.0
    points[np.abs(points - 1.0) < _TOLERANCE] = 0.0
    sizes = [len(np.unique(np.round(points[:, axis], 5))) for axis in range(3)]
    grid = (sizes[0], sizes[1], sizes[2])
    whole = np.rint(points * grid)
    full = len({tuple(row) for row in whole.astype(int).tolist()}) == len(points) == int(np.prod(grid))
    if not full or np.abs(points * grid - whole).max() > _TOLERANCE * max(grid):
        raise ValueError(
            f'the {len(points)} k-points are no full, even grid through Gamma: Wannier90 needs all of one '
            '(pw.x with a list of points, `nosym` and `noinv`)'
        )
    return grid


# ---------------------------------------------------------------------------------------------------------- writing


def write_win(win: Win, *, postproc_setup: bool = False) -> str:
    """Return a deck as text.

    :param postproc_setup: have the program write ``seedname.nnkp`` and nothing else, as ``wannier90.x -pp`` does.
    """
    lines = [f'num_wann = {win.num_wann}', *(f'{name} = {_write(value)}' for name, value in win.keywords.items())]
    lines += ['postproc_setup = true'] if postproc_setup else []
    lines += [f'mp_grid = {" ".join(map(str, win.mp_grid))}']
    lines += _block('unit_cell_cart', ['ang', *(_row(row) for row in win.cell_angstrom)])
    lines += _block('atoms_frac', [f'{atom.symbol:4s} {_row(atom.position)}' for atom in win.atoms])
    if win.projections:
        lines += _block('projections', [line.strip() for line in win.projections])
    if win.kpoint_path:
        rows = [
            f'{line.first_label} {_row(line.first)}  {line.last_label} {_row(line.last)}' for line in win.kpoint_path
        ]
        lines += _block('kpoint_path', rows)
    return '\n'.join([*lines, *_block('kpoints', [_row(point) for point in win.kpoints])]) + '\n'


def _block(name: str, rows: Sequence[str]) -> list[str]:
    return ['', f'begin {name}', *(f'  {row}' for row in rows), f'end {name}']


def _row(values: Sequence[float]) -> str:
    return ' '.join(f'{value:15.10f}' for value in values)


def _write(value: Value) -> str:
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, tuple):
        return ' '.join(_write(item) for item in value)
    return value if isinstance(value, str) else repr(value)


# ---------------------------------------------------------------------------------------------------------- reading


def read_win(text: str) -> Win:
    """Return the deck that a text holds.

    :raises DeckError: with the line at fault where there is one.
    """
    keywords, blocks = _scan(text)
    cell = _cell(blocks)
    data: dict[str, Any] = {
        'num_wann': keywords.pop('num_wann', None),
        'mp_grid': keywords.pop('mp_grid', None),
        'cell_angstrom': cell,
        'atoms': _atoms(blocks, cell),
        'kpoints': [_numbers(line, number_of_line)[:3] for number_of_line, line in blocks.get('kpoints', [])],
        'projections': [line for _, line in blocks.get('projections', [])],
        'kpoint_path': [_path_line(line, number_of_line) for number_of_line, line in blocks.get('kpoint_path', [])],
        'keywords': {key: value for key, value in keywords.items() if key != 'postproc_setup'},
    }
    lost = sorted(set(blocks) & {'nnkpts', 'slwf_centres', 'dis_spheres'})
    if lost:
        raise DeckError(f'the block `{lost[0]}` is not supported')
    try:
        return Win.model_validate(data)
    except ValueError as exception:
        from aiida_crystalmath.crystal.inputs.errors import reasons

        raise DeckError(reasons(exception)) from exception


_Block = list[tuple[int, str]]


def _scan(text: str) -> tuple[dict[str, Value], dict[str, _Block]]:
    """Return keywords with values, and the numbered lines of each block."""
    keywords: dict[str, Value] = {}
    blocks: dict[str, _Block] = {}
    inside: str | None = None
    for number_of_line, raw in enumerate(text.splitlines(), start=1):
        line = re.split('[!#]', raw, maxsplit=1)[0].strip()
        words = line.lower().split()
        if not words:
            continue
        if words[0] in ('begin', 'end') and len(words) == 2:
            inside = _cross(inside, words[0], words[1], blocks, number_of_line)
        elif inside is not None:
            blocks[inside].append((number_of_line, line))
        else:
            found = re.match(r'(\w+)\s*[=:\s]\s*(.+)', line)
            if found is None:
                raise DeckError(f'no `keyword = value`: {line!r}', number_of_line)
            name = found[1].lower()
            if name in keywords:
                raise DeckError(f'`{name}` is given twice', number_of_line)
            keywords[name] = _read(name, found[2].strip(), number_of_line)
    if inside is not None:
        raise DeckError(f'the block `{inside}` has no end')
    return keywords, blocks


def _cross(inside: str | None, word: str, name: str, blocks: dict[str, _Block], number_of_line: int) -> str | None:
    """Go into a block or out of it; return the one that is open then."""
    if word == 'end':
        if inside != name:
            raise DeckError(f'`end {name}` without its `begin`', number_of_line)
        return None
    if inside is not None or name in blocks or name not in BLOCKS:
        why = 'is not known' if name not in BLOCKS else 'begins where it cannot'
        raise DeckError(f'the block `{name}` {why}', number_of_line)
    blocks[name] = []
    return name


def _read(name: str, text: str, number_of_line: int) -> Value:
    """Return the value of a keyword: logical, numbers, or text."""
    if name in LOGICAL:
        word = text.strip('.').lower()
        if word not in ('t', 'true', 'f', 'false'):
            raise DeckError(f'`{name}` is true or false, not {text!r}', number_of_line)
        return word.startswith('t')
    words = text.replace(',', ' ').split()
    values = [_number(word) for word in words]
    if any(value is None for value in values):
        return text
    numbers = tuple(value for value in values if value is not None)
    return numbers[0] if len(numbers) == 1 else numbers


def _number(word: str) -> int | float | None:
    try:
        return int(word)
    except ValueError:
        return number(word)


def _numbers(line: str, number_of_line: int) -> list[float]:
    values = [number(word) for word in line.split()]
    if len(values) < 3 or any(value is None for value in values):
        raise DeckError(f'three numbers expected: {line!r}', number_of_line)
    return [value for value in values if value is not None]


def _unit(block: _Block) -> tuple[float, _Block]:
    """Return the factor to Å that the first line of a block may tell, and the other lines."""
    if block and block[0][1].lower() in ('ang', 'bohr'):
        return (BOHR_ANGSTROM if block[0][1].lower() == 'bohr' else 1.0), block[1:]
    return 1.0, block


def _cell(blocks: dict[str, _Block]) -> list[list[float]]:
    factor, rows = _unit(blocks.get('unit_cell_cart', []))
    if len(rows) != 3:
        raise DeckError('the block `unit_cell_cart` with three vectors is missing')
    return [[factor * value for value in _numbers(line, number_of_line)[:3]] for number_of_line, line in rows]


def _atoms(blocks: dict[str, _Block], cell: list[list[float]]) -> list[dict[str, Any]]:
    factor, rows = _unit(blocks.get('atoms_cart', []))
    to_fractional = np.linalg.inv(np.array(cell)) * factor
    if 'atoms_frac' in blocks:
        rows, to_fractional = blocks['atoms_frac'], np.eye(3)
    atoms = []
    for number_of_line, line in rows:
        symbol, _, rest = line.partition(' ')
        position = (np.array(_numbers(rest, number_of_line)[:3]) @ to_fractional).tolist()
        atoms.append({'symbol': symbol, 'position': position})
    return atoms


def _path_line(line: str, number_of_line: int) -> dict[str, Any]:
    words = line.split()
    if len(words) != 8:
        raise DeckError(f'a line of a path is `label x y z label x y z`: {line!r}', number_of_line)
    first, last = (_numbers(' '.join(words[start : start + 3]), number_of_line) for start in (1, 5))
    return {'first_label': words[0], 'first': first, 'last_label': words[4], 'last': last}
