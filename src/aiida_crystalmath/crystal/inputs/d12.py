"""The main input of CRYSTAL (d12, or INPUT): title, geometry, basis set, Hamiltonian and SCF.

A deck is read into :class:`D12` and written from it. Keywords without a field keep their lines and their place. What
stands behind the last END is not read, as CRYSTAL does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from ..basis_models import BasisError, BasisSet
from ..basis_text import is_terminator, read_element_basis, write_basis
from .block import take_content, take_verbatim, write_content
from .errors import DeckError, reasons
from .geometry_block import GeometryBlock, take_geometry_block, write_geometry_block
from .hamiltonian import HAMILTONIAN_ITEMS
from .keywords import LIBRARY_OPTIONS
from .model import Model
from .parameters import BASIS_ITEMS, SECTION_ITEMS, CrystalParameters
from .scf import model_values
from .tasks import TASK_ITEMS
from .text import Cursor, is_end, keyword_of

__all__ = ('D12', 'DeckError', 'read_d12', 'take_d12', 'write_d12')


class D12(Model):
    """An input deck.

    :param geometry: the structure.
    :param parameters: everything but structure and basis sets.
    :param basis: basis sets in the order of the deck; none if ``parameters.basis.library`` names an internal one, or if
        the deck ends behind the geometry (TESTGEOM).
    """

    geometry: GeometryBlock
    parameters: CrystalParameters = Field(default_factory=CrystalParameters)
    basis: list[BasisSet] = Field(default_factory=list)

    @property
    def title(self) -> str:
        """The first line."""
        return self.parameters.title

    @property
    def ends_behind_geometry(self) -> bool:
        """Whether the deck has the geometry section only."""
        return not self.basis and self.parameters.basis.library is None

    @model_validator(mode='after')
    def _complete(self) -> Self:
        if self.basis and self.parameters.basis.library is not None:
            raise ValueError(
                f'basis sets are given, and basis.library names {self.parameters.basis.library}: CRYSTAL takes one'
            )
        if self.ends_behind_geometry:
            rest = self.parameters.model_dump(include={'basis', 'hamiltonian', 'scf'}, exclude_defaults=True)
            if not self.parameters.geometry.testgeom or any(rest.values()):
                raise ValueError('there is no basis set: give basis sets, or the name of a library in basis.library')
        return self

    @classmethod
    def build(
        cls,
        geometry: GeometryBlock,
        basis_sets: Sequence[BasisSet] = (),
        parameters: CrystalParameters | Mapping[str, Any] | None = None,
    ) -> D12:
        """Put a deck together.

        :param basis_sets: basis sets in the order they are to be written.
        :raises DeckError: naming the field and the reason.
        """
        given = parameters if isinstance(parameters, CrystalParameters) else dict(parameters or {})
        try:
            return cls.model_validate({'geometry': geometry, 'parameters': given, 'basis': list(basis_sets)})
        except ValueError as exception:
            raise DeckError(reasons(exception)) from exception


def read_d12(text: str) -> D12:
    """Read an input deck.

    :raises DeckError: with the line at fault.
    """
    return take_d12(text.splitlines())[0]


def take_d12(lines: Sequence[str], start: int = 0) -> tuple[D12, int]:
    """Read the input deck whose title is line ``start`` (counted from 0); anything may follow it.

    :return: the deck, and the index of the line behind it.
    :raises DeckError: with the line at fault.
    """
    if start >= len(lines):
        raise DeckError('the deck is empty')
    cursor = Cursor(lines, start + 1)
    geometry = take_geometry_block(cursor)
    fields: dict[str, Any] = {'title': lines[start].strip()}
    tasks = take_content(cursor, TASK_ITEMS, 'the geometry section', ('BASISSET',), end='ENDG')
    fields['geometry'] = tasks.fields('edits')
    basis, fields['basis'] = _take_basis(cursor)
    if basis or fields['basis']:
        fields |= _take_section(cursor)
    try:
        parameters = CrystalParameters.model_validate(fields)
        return D12(geometry=geometry, parameters=parameters, basis=basis), cursor.position
    except ValueError as exception:
        raise DeckError(reasons(exception)) from exception


def _take_basis(cursor: Cursor) -> tuple[list[BasisSet], dict[str, Any]]:
    """Read basis sets and their options, or the name of a library."""
    if cursor.at_end:
        return [], {}
    if keyword_of(cursor.peek()) == 'BASISSET':
        return [], _take_library(cursor)
    basis: list[BasisSet] = []
    while not is_terminator(cursor.peek()):
        if cursor.at_end:
            raise DeckError('the basis set is not closed: 99 0 is missing', len(cursor.lines))
        try:
            found, cursor.position = read_element_basis(cursor.lines, cursor.position)
        except BasisError as exception:
            raise DeckError(str(exception)) from exception
        basis.append(found)
    cursor.take('99 0')
    return basis, take_content(cursor, BASIS_ITEMS, 'the basis set').fields()


def _take_library(cursor: Cursor) -> dict[str, Any]:
    """Read ``BASISSET``, its name and the options behind it, which nothing closes."""
    cursor.take('BASISSET')
    name = cursor.take('the name of a basis library')
    options: list[str] = []
    while keyword_of(cursor.peek()) in LIBRARY_OPTIONS:
        options += take_verbatim(cursor)
    found = take_content(Cursor([*options, 'END']), BASIS_ITEMS, 'the basis set').fields()
    # Some decks close the geometry before BASISSET, and the basis set after it.
    behind = Cursor(cursor.lines, cursor.position)
    if is_end(behind.peek()):
        behind.take('END')
        if not behind.at_end and not is_end(behind.peek()):
            cursor.take('END')
    return {**found, 'library': name.split()[0]}


def _take_section(cursor: Cursor) -> dict[str, Any]:
    """Read the third section: Hamiltonian and SCF."""
    content = take_content(cursor, SECTION_ITEMS, 'the section of Hamiltonian and SCF')
    values = content.fields()
    layout = values.pop('layout')
    extra = {'extra': values.pop('extra')} if 'extra' in values else {}
    hamiltonian = {name: value for name, value in values.items() if name in HAMILTONIAN_ITEMS}
    scf = {name: value for name, value in values.items() if name not in HAMILTONIAN_ITEMS}
    found: dict[str, Any] = {'layout': layout}
    if hamiltonian:
        found['hamiltonian'] = hamiltonian
    if scf or extra:
        found['scf'] = {**model_values(scf), **extra}
    return found


def write_d12(d12: D12) -> str:
    """Write an input deck, with a newline at the end."""
    parameters = d12.parameters
    geometry = parameters.geometry
    lines = [parameters.title, *write_geometry_block(d12.geometry).splitlines()]
    lines += write_content(geometry.items, geometry.__dict__, geometry.edits, geometry.layout, geometry.extra_first)
    if parameters.basis.library is None:
        lines.append('END')
    if not d12.ends_behind_geometry:
        lines += _basis_lines(d12)
        lines += write_content(parameters.items, parameters.section_values, parameters.scf.extra, parameters.layout)
        lines.append('END')
    return '\n'.join(lines) + '\n'


def _basis_lines(d12: D12) -> list[str]:
    options = d12.parameters.basis
    written = write_content(options.items, options.__dict__, options.extra, options.layout)
    if options.library is not None:
        return ['BASISSET', options.library, *written]
    lines: list[str] = []
    for basis in d12.basis:
        lines += write_basis(basis).splitlines()
    return [*lines, '99 0', *written, 'END']
