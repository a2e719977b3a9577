"""The blocks of the input of properties (d3) that give a field on a plane or in a box: ECHG, POTM, ECH3, POT3.

Source: CRYSTAL17 User's Manual, "Properties"; the names of the manual's variables are given in capitals.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from .block import Block, Item, Items, flag, reals, take_content
from .model import Flag, Integer, Model, Real
from .text import Cursor, keyword_of, numbers, real, record

__all__ = ('Echg', 'Grid', 'Potm')


def _corners(keyword: str, width: int) -> Item:
    """Make a keyword with three records that fix a plane."""

    def read(cursor: Cursor, _: str) -> list[list[float]]:
        return [cursor.reals(width, f'a corner of {keyword}') for _ in range(3)]

    return Item((keyword,), read, lambda value: [keyword, *(record(row) for row in value)])


class Echg(Block):
    """ECHG: electron density, or a derivative, on a plane.

    :param order: order of the derivative (IAS): 0 the density.
    :param n_points: points along the side from B to A (NPY).
    :param coordina: corners A, B, C of the window, by coordinates.
    :param atoms: corners by atoms: label and indices of the cell.
    :param rectangu: make the window rectangular.
    :param margins: widen the window on its four sides.
    """

    keyword: Literal['ECHG'] = 'ECHG'
    order: Integer = Field(0, ge=0)
    n_points: Integer = Field(ge=2)
    coordina: tuple[tuple[Real, Real, Real], tuple[Real, Real, Real], tuple[Real, Real, Real]] | None = None
    atoms: tuple[tuple[Integer, Integer, Integer, Integer], ...] | None = Field(None, min_length=3, max_length=3)
    rectangu: Flag = False
    margins: tuple[Real, Real, Real, Real] | None = None

    items: ClassVar[Items] = {
        'coordina': _corners('COORDINA', 3),
        'atoms': _corners('ATOMS', 4),
        'rectangu': flag('RECTANGU'),
        'margins': reals('MARGINS', 4),
    }

    @model_validator(mode='after')
    def _plane(self) -> Echg:
        if (self.coordina is None) == (self.atoms is None):
            raise ValueError('the plane is fixed by coordina or by atoms, one of the two')
        return self

    @classmethod
    def fields(cls, cursor: Cursor, keyword: str) -> dict[str, Any]:
        """Read what follows the keyword."""
        order, points = cursor.integer('the order of ECHG'), cursor.integer('the number of points of ECHG')
        return {'order': order, 'n_points': points, **take_content(cursor, cls.items, keyword).fields()}

    def block_lines(self) -> list[str]:
        """Write the block."""
        return ['ECHG', str(self.order), str(self.n_points), *self.lines(), 'END']


class Potm(Echg):
    """POTM: electrostatic potential, and optionally its derivatives, on a plane; ``order`` is IDER.

    No real deck seen. The three numbers (IDER, ITOL, NPY) stand on a line each, which reads the same whether the
    program takes them by one READ or by several.

    :param tolerance: penetration tolerance (ITOL).
    """

    keyword: Literal['POTM'] = 'POTM'  # type: ignore[assignment]
    tolerance: Integer = Field(5, ge=0)

    @classmethod
    def fields(cls, cursor: Cursor, keyword: str) -> dict[str, Any]:
        """Read what follows the keyword: IDER and ITOL on one line or two, then the window."""
        found = [int(real(word)) for word in numbers(cursor.take('IDER and ITOL of POTM'))]
        order = found[0] if found else cursor.integer('IDER of POTM')
        tolerance = found[1] if len(found) > 1 else cursor.integer('ITOL of POTM')
        points = cursor.integer('the number of points of POTM')
        content = take_content(cursor, cls.items, keyword).fields()
        return {'order': order, 'tolerance': tolerance, 'n_points': points, **content}

    def block_lines(self) -> list[str]:
        """Write the block."""
        return ['POTM', str(self.order), str(self.tolerance), str(self.n_points), *self.lines(), 'END']


class Grid(Model):
    """ECH3 and POT3: density or electrostatic potential on a grid in space.

    :param n_points: points along the first direction.
    :param tolerance: penetration tolerance (ITOL), POT3 only.
    :param area: how the box is fixed along directions that do not repeat.
    :param area_values: its records: factors (SCALE), or lower and upper limits (RANGE, bohr).
    """

    keyword: Literal['ECH3', 'POT3']
    n_points: Integer = Field(ge=2)
    tolerance: Integer | None = None
    area: Literal['SCALE', 'RANGE'] | None = None
    area_values: tuple[tuple[Real, ...], ...] = ()

    @model_validator(mode='after')
    def _consistent(self) -> Grid:
        if self.tolerance is not None and self.keyword != 'POT3':
            raise ValueError('tolerance belongs to POT3')
        if (self.area is None) != (not self.area_values) or not all(self.area_values):
            raise ValueError('area and area_values go together, and no record is empty')
        return self

    @classmethod
    def take(cls, cursor: Cursor, keyword: str) -> dict[str, Any]:
        """Read what follows the keyword."""
        found = [real(word) for word in numbers(cursor.take(f'the number of points of {keyword}'))]
        if keyword == 'POT3' and len(found) == 1 and cursor.at_numbers:
            found.append(cursor.integer('the tolerance of POT3'))
        if not found:
            raise cursor.error(f'expected the number of points of {keyword}')
        fields: dict[str, Any] = {'n_points': found[0]}
        if keyword == 'POT3' and len(found) > 1:
            fields['tolerance'] = found[1]
        if keyword_of(cursor.peek()) in ('SCALE', 'RANGE'):
            fields['area'] = keyword_of(cursor.take('the area'))
            values = []
            while cursor.at_numbers:
                values.append([real(word) for word in numbers(cursor.take('the area'))])
            fields['area_values'] = values
        return fields

    def lines(self) -> list[str]:
        """Write the block."""
        tolerance = [] if self.tolerance is None else [str(self.tolerance)]
        area = [] if self.area is None else [self.area, *(record(row) for row in self.area_values)]
        return [self.keyword, str(self.n_points), *tolerance, *area]
