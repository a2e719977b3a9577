"""The blocks of the input of properties (d3).

Source: CRYSTAL17 User's Manual, "Properties"; the names of the manual's variables are given in capitals.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from .block import Block, Items, reals, take_content, take_verbatim
from .d3_fields import Echg, Grid, Potm
from .errors import DeckError
from .model import Integer, Model, Real
from .scf import Shrink, shrink_lines, take_shrink
from .text import Cursor, is_end, keyword_of, numbers, real, record, wrap

__all__ = (
    'TYPED',
    'Band',
    'Boltztra',
    'Coop',
    'Doss',
    'Echg',
    'Grid',
    'Interaction',
    'Newk',
    'Potm',
    'Projection',
    'Verbatim',
)

#: Largest number of projections of one DOSS.
MAX_PROJECTIONS = 15

PrintOptions = tuple[tuple[Integer, Integer], ...]


def _take_pairs(cursor: Cursor, count: int) -> list[list[int]]:
    """Read ``count`` printing options: number and value."""
    values = cursor.wrapped_integers(2 * count, 'printing options')
    return [values[start : start + 2] for start in range(0, len(values), 2)]


class Newk(Model):
    """NEWK: eigenvectors on a new k-mesh.

    :param shrink: the mesh, as SHRINK has it.
    :param print_fermi: 1: compute the Fermi energy (IFE).
    :param options: printing options, pairs of number and value (NPR of them).
    """

    keyword: Literal['NEWK'] = 'NEWK'
    shrink: Shrink
    print_fermi: Integer = Field(1, ge=0, le=1)
    options: PrintOptions = ()

    @classmethod
    def take(cls, cursor: Cursor, keyword: str) -> dict[str, Any]:
        """Read what follows the keyword."""
        shrink = take_shrink(cursor)
        fermi, count = cursor.integers(2, 'IFE NPR of NEWK')
        return {'shrink': shrink, 'print_fermi': fermi, 'options': _take_pairs(cursor, count)}

    def lines(self) -> list[str]:
        """Write the block."""
        pairs = [record(pair) for pair in self.options]
        return ['NEWK', *shrink_lines(self.shrink), f'{self.print_fermi} {len(self.options)}', *pairs]


class Band(Model):
    """BAND: bands along a path.

    :param title: one free line.
    :param iss: unit 1/ISS of the coordinates; 0 for labels.
    :param n_points: points along the whole path (NSUB).
    :param first_band: first band, counted from 1 with the core (INZB).
    :param last_band: last band (IFNB).
    :param plot: 1: write the plot files (IPLO).
    :param print: printing of the eigenvalues (LPR).
    :param segments: straight lines, each with its two ends as integers in units 1/ISS of the reciprocal vectors.
    :param labels: straight lines, each with the labels of its ends, if ``iss`` is 0.
    """

    keyword: Literal['BAND'] = 'BAND'
    title: str = 'band structure'
    iss: Integer = Field(ge=0)
    n_points: Integer = Field(ge=2)
    first_band: Integer = Field(1, ge=1)
    last_band: Integer = Field(ge=1)
    plot: Integer = Field(1, ge=0)
    print: Integer = 0
    segments: tuple[tuple[tuple[Integer, ...], tuple[Integer, ...]], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @field_validator('title')
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value or len(value.splitlines()) > 1 or value != value.strip() or value[0] in '!#':
            raise ValueError('the title must be one line, not blank, without blanks around it')
        return value

    @field_validator('segments')
    @classmethod
    def _ends(cls, value: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]) -> Any:
        for start, end in value:
            if len(start) != len(end) or not 1 <= len(start) <= 3:
                raise ValueError(f'the ends {list(start)} and {list(end)} must have 1 to 3 coordinates, both as many')
        return value

    @field_validator('labels')
    @classmethod
    def _names(cls, value: tuple[tuple[str, str], ...]) -> Any:
        for label in (label for pair in value for label in pair):
            if not label.isalnum() or not label[0].isalpha():
                raise ValueError(f'{label!r} is not a label of CRYSTAL: letters and digits, such as G or X')
        return value

    @model_validator(mode='after')
    def _consistent(self) -> Band:
        if (self.iss == 0) != bool(self.labels) or bool(self.labels) == bool(self.segments):
            raise ValueError('give segments with iss > 0, or labels with iss = 0')
        if self.first_band > self.last_band:
            raise ValueError(f'first_band is {self.first_band}, behind last_band {self.last_band}')
        return self

    @classmethod
    def take(cls, cursor: Cursor, keyword: str) -> dict[str, Any]:
        """Read what follows the keyword."""
        title = cursor.take('the title of BAND')
        names = 'NLINE ISS NSUB INZB IFNB IPLO LPR of BAND'
        count, iss, points, first, last, plot, printing = cursor.integers(7, names)
        lines = [cls._take_line(cursor, labelled=iss == 0) for _ in range(count)]
        path = {'labels': lines} if iss == 0 else {'segments': lines}
        fields = {'title': title, 'iss': iss, 'n_points': points, 'first_band': first, 'last_band': last}
        return {**fields, 'plot': plot, 'print': printing, **path}

    @staticmethod
    def _take_line(cursor: Cursor, *, labelled: bool) -> list[Any]:
        line = cursor.take('a line of the path')
        if labelled:
            names = line.split()[:2]
            if len(names) < 2:
                raise cursor.error(f'expected the labels of both ends of a line, found {line!r}')
            return names
        values = [real(word) for word in numbers(line)[:6]]
        half = len(values) // 2
        if not values or len(values) % 2 or any(not value.is_integer() for value in values):
            raise cursor.error(f'expected the integer coordinates of both ends of a line, found {line!r}')
        return [[int(value) for value in values[:half]], [int(value) for value in values[half:]]]

    def lines(self) -> list[str]:
        """Write the block."""
        path = [' '.join(pair) for pair in self.labels]
        path += [f'{record(start)}  {record(end)}' for start, end in self.segments]
        head = record((len(path), self.iss, self.n_points, self.first_band, self.last_band, self.plot, self.print))
        return ['BAND', self.title, head, *path]


class Projection(Model):
    """Orbitals on which a density of states is projected: all of some atoms, or those listed.

    :param atoms: atoms, numbered from 1 in CRYSTAL's order.
    :param orbitals: atomic orbitals, numbered from 1.
    """

    atoms: tuple[Integer, ...] = ()
    orbitals: tuple[Integer, ...] = ()

    @model_validator(mode='after')
    def _one_kind(self) -> Projection:
        if bool(self.atoms) == bool(self.orbitals):
            raise ValueError('a projection has either atoms or orbitals')
        if min(self.atoms or self.orbitals) < 1:
            raise ValueError('atoms and orbitals are numbered from 1')
        return self

    @classmethod
    def take(cls, cursor: Cursor) -> dict[str, Any]:
        """Read ``N`` and the N numbers behind it; a negative N counts atoms."""
        count = int(cursor.reals(1, 'a projection: N and N numbers')[0])
        if count == 0:
            raise cursor.error('a projection is empty: N is 0')
        cursor.position -= 1
        values = cursor.wrapped_integers(abs(count) + 1, 'a projection: N and N numbers')[1:]
        return {'atoms' if count < 0 else 'orbitals': values}

    def lines(self) -> list[str]:
        """Write the projection."""
        if self.atoms:
            return wrap([-len(self.atoms), *self.atoms])
        return wrap([len(self.orbitals), *self.orbitals])


class _Densities(Model):
    """What DOSS, COOP and COHP share.

    :param n_points: number of energies (NPT).
    :param first_band: first band, counted from 1 (INZB); -1 with a window.
    :param last_band: last band (IFNB); -1 with a window.
    :param plot: 1: fort.25, 2: DOSS.DAT (IPLO).
    :param n_polynomials: Legendre polynomials of the expansion (NPOL).
    :param print: number of printing options (NPR).
    :param print_options: pairs of number and value.
    :param energy_window_hartree: lowest and highest energy; in place of first and last band.
    """

    n_points: Integer = Field(ge=2)
    first_band: Integer = -1
    last_band: Integer = -1
    plot: Integer = Field(1, ge=0)
    n_polynomials: Integer = Field(14, ge=1, le=25)
    print: Integer = Field(0, ge=0)
    print_options: PrintOptions = ()
    energy_window_hartree: tuple[Real, Real] | None = None

    @model_validator(mode='before')
    @classmethod
    def _printing(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get('print_options') and not data.get('print'):
            return {**data, 'print': len(data['print_options'])}
        return data

    @model_validator(mode='after')
    def _energies(self) -> Self:
        if len(self.print_options) != self.print:
            raise ValueError(f'print is {self.print}, but there are {len(self.print_options)} print_options')
        window = self.energy_window_hartree
        if window is None:
            if not 1 <= self.first_band <= self.last_band:
                raise ValueError('give energy_window_hartree, or first_band and last_band (from 1)')
        elif (self.first_band, self.last_band) != (-1, -1):
            raise ValueError('energy_window_hartree takes the place of first_band and last_band: leave them out')
        elif window[0] >= window[1]:
            raise ValueError(f'energy_window_hartree must rise: {list(window)}')
        return self

    @staticmethod
    def take_head(cursor: Cursor, keyword: str) -> tuple[int, dict[str, Any]]:
        """Read the head and, where it is, the window; return the number of entries and the fields."""
        names = f'NPRO NPT INZB IFNB IPLO NPOL NPR of {keyword}'
        count, points, first, last, plot, polynomials, printing = cursor.integers(7, names)
        fields: dict[str, Any] = {'n_points': points, 'plot': plot, 'n_polynomials': polynomials, 'print': printing}
        if first < 0 and last < 0:
            fields['energy_window_hartree'] = cursor.reals(2, f'the energy window of {keyword} (hartree)')
        else:
            fields |= {'first_band': first, 'last_band': last}
        return count, fields

    def head_lines(self, count: int) -> list[str]:
        """Write the head, and the window."""
        bands = (self.first_band, self.last_band)
        head = record((count, self.n_points, *bands, self.plot, self.n_polynomials, self.print))
        return [head, record(self.energy_window_hartree)] if self.energy_window_hartree is not None else [head]

    def print_lines(self) -> list[str]:
        """Write the printing options."""
        return [record(pair) for pair in self.print_options]


class Doss(_Densities):
    """DOSS: density of states, total and projected.

    :param projections: at most 15.
    """

    keyword: Literal['DOSS'] = 'DOSS'
    projections: tuple[Projection, ...] = Field((), max_length=MAX_PROJECTIONS)

    @classmethod
    def take(cls, cursor: Cursor, keyword: str) -> dict[str, Any]:
        """Read what follows the keyword."""
        count, fields = cls.take_head(cursor, keyword)
        fields['projections'] = [Projection.take(cursor) for _ in range(count)]
        fields['print_options'] = _take_pairs(cursor, fields['print'])
        return fields

    def lines(self) -> list[str]:
        """Write the block."""
        entries = [line for projection in self.projections for line in projection.lines()]
        return ['DOSS', *self.head_lines(len(self.projections)), *entries, *self.print_lines()]


class Interaction(Model):
    """Two groups of orbitals between which populations are analysed."""

    first: Projection
    second: Projection


class Coop(_Densities):
    """COOP and COHP: overlap and Hamilton populations between groups of orbitals."""

    keyword: Literal['COOP', 'COHP']
    interactions: tuple[Interaction, ...] = Field(min_length=1)

    @classmethod
    def take(cls, cursor: Cursor, keyword: str) -> dict[str, Any]:
        """Read what follows the keyword."""
        count, fields = cls.take_head(cursor, keyword)
        fields['interactions'] = [
            {'first': Projection.take(cursor), 'second': Projection.take(cursor)} for _ in range(count)
        ]
        fields['print_options'] = _take_pairs(cursor, fields['print'])
        return fields

    def lines(self) -> list[str]:
        """Write the block."""
        entries = [line for pair in self.interactions for line in (*pair.first.lines(), *pair.second.lines())]
        return [self.keyword, *self.head_lines(len(self.interactions)), *entries, *self.print_lines()]


class Boltztra(Block):
    """BOLTZTRA: transport coefficients by Boltzmann's equation.

    :param trange: lowest and highest temperature, and step (K).
    :param murange: lowest and highest chemical potential, and step (eV).
    :param tdfrange: lowest and highest energy of the transport distribution function, and step (eV).
    :param relaxtim: relaxation time (fs).
    """

    keyword: Literal['BOLTZTRA'] = 'BOLTZTRA'
    trange: tuple[Real, Real, Real] | None = None
    murange: tuple[Real, Real, Real] | None = None
    tdfrange: tuple[Real, Real, Real] | None = None
    relaxtim: tuple[Real] | None = None

    items: ClassVar[Items] = {
        'trange': reals('TRANGE', 3),
        'murange': reals('MURANGE', 3),
        'tdfrange': reals('TDFRANGE', 3),
        'relaxtim': reals('RELAXTIM', 1),
    }

    @field_validator('relaxtim', mode='before')
    @classmethod
    def _single(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) else value

    @field_validator('trange', 'murange', 'tdfrange')
    @classmethod
    def _rising(cls, value: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if value is not None and (value[0] > value[1] or value[2] <= 0):
            raise ValueError(f'must be minimum <= maximum and a positive step; it is {list(value)}')
        return value

    @classmethod
    def fields(cls, cursor: Cursor, keyword: str) -> dict[str, Any]:
        """Read what follows the keyword."""
        return take_content(cursor, cls.items, keyword).fields()

    def block_lines(self) -> list[str]:
        """Write the block."""
        return ['BOLTZTRA', *self.lines(), 'END']


TYPED = ('NEWK', 'BAND', 'DOSS', 'COOP', 'COHP', 'ECHG', 'POTM', 'ECH3', 'POT3', 'BOLTZTRA')


class Verbatim(Model):
    """Any other keyword, as it stands: PPAN, NOSYMADA, PATO, RDFMWF, ...

    :param keyword: the keyword.
    :param lines: what follows it, with its END if it opens a block.
    """

    keyword: str
    arguments: tuple[str, ...] = Field((), alias='lines')

    @model_validator(mode='after')
    def _readable(self) -> Verbatim:
        if not self.keyword[:1].isalpha() or self.keyword != keyword_of(self.keyword) or is_end(self.keyword):
            raise ValueError(f'{self.keyword!r} is not a keyword: one word in capitals')
        for line in self.arguments:
            if line != line.strip() or not line or len(line.splitlines()) > 1:
                raise ValueError(f'the line {line!r} must be one line, not blank, without blanks around it')
        cursor = Cursor((self.keyword, *self.arguments))
        try:
            found = take_verbatim(cursor)
        except DeckError as exception:
            raise ValueError(exception.message) from exception
        if tuple(found) != (self.keyword, *self.arguments):
            raise ValueError(f'lines: {self.keyword} ends before its last line; give what follows as another block')
        return self

    def lines(self) -> list[str]:
        """Write the block."""
        return [self.keyword, *self.arguments]
