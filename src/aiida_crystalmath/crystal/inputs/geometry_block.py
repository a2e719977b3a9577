"""The geometry block of a d12: what stands between the title and the geometry edits.

Source: CRYSTAL User's Manual, "Geometry input" (3D ``IFLAG IFHR IFSO``, 2D layer groups 1-80, 1D rod groups 1-99, 0D
point groups 1-47; ``EXTERNAL`` reads fort.34, ``DLVINPUT`` a file of the DLV program).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .errors import DeckError, reasons
from .text import Cursor, keyword_of, number_text, numbers, real, record

GeometryKeyword = Literal['CRYSTAL', 'SLAB', 'POLYMER', 'HELIX', 'MOLECULE', 'EXTERNAL', 'DLVINPUT']

GEOMETRY_KEYWORDS: tuple[GeometryKeyword, ...] = get_args(GeometryKeyword)

#: Keywords whose geometry is in another file.
FROM_FILE = ('EXTERNAL', 'DLVINPUT')

#: Number of groups CRYSTAL numbers, by keyword.
GROUP_RANGES = {'CRYSTAL': 230, 'SLAB': 80, 'POLYMER': 99, 'MOLECULE': 47}

#: Cubic to triclinic: first space group of the class and number of free cell parameters.
_SPACE_GROUP_CLASSES = ((195, 1), (75, 2), (16, 3), (3, 4), (1, 6))
_LAYER_GROUP_CLASSES = ((49, 1), (8, 2), (1, 3))


class AtomLine(BaseModel):
    """One atom of the asymmetric unit.

    :param conventional_number: atomic number, plus a multiple of 100 that selects the basis set or a potential.
    :param position: fractional along periodic directions, Å along the others.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    conventional_number: int = Field(ge=0)
    position: tuple[float, float, float]

    @field_validator('position')
    @classmethod
    def _finite(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(math.isfinite(x) for x in value):
            raise ValueError(f'the position {value} is not finite')
        return value


class GeometryBlock(BaseModel):
    """The geometry as a d12 gives it: group, minimal cell and asymmetric unit.

    :param keyword: CRYSTAL (3D), SLAB, POLYMER, HELIX, MOLECULE, EXTERNAL (fort.34) or DLVINPUT.
    :param iflag: 0: the space group is given by its number, 1: by its symbol. Only CRYSTAL.
    :param ifhr: 0: hexagonal, 1: rhombohedral cell of a rhombohedral group. Only CRYSTAL.
    :param ifso: origin: 0 default (inversion at the origin), 1 the other of the Tables, >1 shifted by ``origin_shift``.
    :param group: number of the group, its symbol if ``iflag`` is 1, or the record of HELIX as it stands.
    :param origin_shift: shift of the origin in units of 1/24 of the cell vectors, if ``ifso`` > 1.
    :param cell: the free cell parameters (Å, degrees) in the order a b c alpha beta gamma.
    :param atoms: the atoms of the asymmetric unit.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    keyword: GeometryKeyword
    iflag: int = Field(default=0, ge=0, le=1)
    ifhr: int = Field(default=0, ge=0, le=1)
    ifso: int = Field(default=0, ge=0)
    group: int | str | None = None
    origin_shift: tuple[int, int, int] | None = None
    cell: tuple[float, ...] = ()
    atoms: tuple[AtomLine, ...] = ()

    @property
    def dimensionality(self) -> int | None:
        """Number of periodic directions, None if another file tells."""
        return {'CRYSTAL': 3, 'SLAB': 2, 'POLYMER': 1, 'HELIX': 1, 'MOLECULE': 0}.get(self.keyword)

    @model_validator(mode='after')
    def _consistent(self) -> GeometryBlock:
        if self.keyword in FROM_FILE:
            if self.group is not None or self.cell or self.atoms:
                raise ValueError(f'{self.keyword} takes group, cell and atoms from a file: leave them out')
            return self
        if self.keyword != 'CRYSTAL' and (self.iflag or self.ifhr or self.ifso):
            raise ValueError('iflag, ifhr and ifso belong to CRYSTAL (3D) only')
        if (self.origin_shift is not None) != (self.ifso > 1):
            raise ValueError('origin_shift goes with ifso > 1, and only with it')
        self._check_group()
        self._check_cell()
        if not self.atoms:
            raise ValueError('a geometry needs at least one atom')
        return self

    def _check_group(self) -> None:
        if self.keyword == 'HELIX' or self.iflag == 1:
            text = self.group if isinstance(self.group, str) else ''
            if not text or text != ' '.join(text.split()):
                what = 'record of HELIX' if self.keyword == 'HELIX' else 'space-group symbol (iflag is 1)'
                raise ValueError(f'group must be the {what}, with single blanks; it is {self.group!r}')
            return
        highest = GROUP_RANGES[self.keyword]
        if not isinstance(self.group, int) or not 1 <= self.group <= highest:
            raise ValueError(f'group of {self.keyword} must be a number from 1 to {highest}; it is {self.group!r}')

    def _check_cell(self) -> None:
        if not all(math.isfinite(value) and value > 0 for value in self.cell):
            raise ValueError(f'cell parameters must be positive; they are {self.cell}')
        wanted = cell_size(self.keyword, self.group)
        if wanted is not None and len(self.cell) != wanted:
            raise ValueError(
                f'{self.keyword} with group {self.group} has {wanted} cell parameters, not {len(self.cell)}'
            )
        if wanted is None and not 1 <= len(self.cell) <= 6:
            raise ValueError(f'a cell has 1 to 6 parameters, not {len(self.cell)}')


def cell_size(keyword: str, group: int | str | None) -> int | None:
    """Return the number of free cell parameters of a group; None if it is given by a symbol."""
    if keyword == 'MOLECULE':
        return 0
    if keyword in ('POLYMER', 'HELIX'):
        return 1
    if not isinstance(group, int):
        return None
    classes = _SPACE_GROUP_CLASSES if keyword == 'CRYSTAL' else _LAYER_GROUP_CLASSES
    return next((size for first, size in classes if group >= first), None)


def read_geometry_block(lines: Sequence[str], start: int = 0) -> tuple[GeometryBlock, int]:
    """Read the geometry block of a deck.

    :param lines: lines of the deck.
    :param start: index (from 0) of the line with the geometry keyword.
    :return: the block, and the index of the line after it.
    :raises DeckError: with the line at fault.
    """
    cursor = Cursor(lines, start)
    block = take_geometry_block(cursor)
    return block, cursor.position


def take_geometry_block(cursor: Cursor) -> GeometryBlock:
    """Read the geometry block at a cursor.

    :raises DeckError: with the line at fault.
    """
    keyword = keyword_of(cursor.take('a geometry keyword'))
    if keyword not in GEOMETRY_KEYWORDS:
        known = ', '.join(GEOMETRY_KEYWORDS)
        raise cursor.error(f'{keyword!r} is not a geometry keyword: the line after the title must be one of {known}')
    first = cursor.line
    fields: dict[str, object] = {'keyword': keyword}
    if keyword not in FROM_FILE:
        _take_group(cursor, keyword, fields)
        _take_cell(cursor, keyword, fields)
        count = cursor.integer('the number of atoms')
        if count < 1:
            raise cursor.error(f'the number of atoms is {count}: a geometry has at least one')
        fields['atoms'] = tuple(_take_atom(cursor) for _ in range(count))
    try:
        return GeometryBlock.model_validate(fields)
    except ValueError as exception:
        raise DeckError(f'{keyword}: {reasons(exception)}', first) from exception


def _take_group(cursor: Cursor, keyword: str, fields: dict[str, object]) -> None:
    if keyword == 'CRYSTAL':
        flags = cursor.integers(3, 'IFLAG IFHR IFSO')
        fields.update(zip(('iflag', 'ifhr', 'ifso'), flags, strict=True))
    if keyword == 'HELIX' or fields.get('iflag') == 1:
        fields['group'] = ' '.join(cursor.take('the group').split())
    else:
        fields['group'] = cursor.integer('the number of the group')
    if int(str(fields.get('ifso', 0))) > 1:
        fields['origin_shift'] = tuple(cursor.integers(3, 'the shift of the origin IX IY IZ'))


def _take_cell(cursor: Cursor, keyword: str, fields: dict[str, object]) -> None:
    group = fields['group']
    wanted = cell_size(keyword, group if isinstance(group, int | str) else None)
    if wanted == 0:
        return
    found = [real(word) for word in numbers(cursor.take('the cell parameters'))]
    while wanted is not None and len(found) < wanted and len(numbers(cursor.peek())) > 1:
        found += [real(word) for word in numbers(cursor.take('the cell parameters'))]
    if not found:
        raise cursor.error(f'expected the cell parameters, found {cursor.lines[cursor.position - 1].strip()!r}')
    # Fortran takes the numbers it needs and ignores the rest of the record.
    fields['cell'] = tuple(found if wanted is None else found[:wanted])


def _take_atom(cursor: Cursor) -> AtomLine:
    values = cursor.reals(4, 'an atom: conventional atomic number and x y z')
    if not values[0].is_integer() or values[0] < 0:
        raise cursor.error(f'{values[0]} is not a conventional atomic number')
    return AtomLine(conventional_number=int(values[0]), position=(values[1], values[2], values[3]))


def write_geometry_block(block: GeometryBlock) -> str:
    """Write the geometry block, one record per line, with a newline at the end."""
    lines: list[str] = [block.keyword]
    if block.keyword not in FROM_FILE:
        if block.keyword == 'CRYSTAL':
            lines.append(f'{block.iflag} {block.ifhr} {block.ifso}')
        lines.append(str(block.group))
        if block.origin_shift is not None:
            lines.append(record(block.origin_shift))
        if block.cell:
            lines.append(record(block.cell))
        lines.append(str(len(block.atoms)))
        lines.extend(_atom_text(atom) for atom in block.atoms)
    return '\n'.join(lines) + '\n'


def _atom_text(atom: AtomLine) -> str:
    return f'{atom.conventional_number:3d} ' + ' '.join(f'{number_text(float(x)):>22}' for x in atom.position)
