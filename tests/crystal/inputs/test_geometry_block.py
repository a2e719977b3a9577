"""The geometry block: every keyword round-trips, wrong blocks are refused with the line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_crystalmath.crystal.inputs.errors import DeckError
from aiida_crystalmath.crystal.inputs.geometry_block import (
    AtomLine,
    GeometryBlock,
    cell_size,
    read_geometry_block,
    write_geometry_block,
)

POSITIONS = st.floats(-1e3, 1e3)
ATOMS = st.lists(
    st.builds(AtomLine, conventional_number=st.integers(0, 998), position=st.tuples(POSITIONS, POSITIONS, POSITIONS)),
    min_size=1,
    max_size=4,
).map(tuple)
LENGTHS = st.floats(0.1, 1e4)


def _cells(keyword: str, group: int | str) -> st.SearchStrategy[tuple[float, ...]]:
    size = cell_size(keyword, group)
    lower, upper = (1, 6) if size is None else (size, size)
    return st.lists(LENGTHS, min_size=lower, max_size=upper).map(tuple)


@st.composite
def blocks(draw: st.DrawFn) -> GeometryBlock:
    keyword = draw(st.sampled_from(['CRYSTAL', 'SLAB', 'POLYMER', 'HELIX', 'MOLECULE', 'EXTERNAL', 'DLVINPUT']))
    if keyword in ('EXTERNAL', 'DLVINPUT'):
        return GeometryBlock(keyword=keyword)
    fields: dict[str, object] = {'keyword': keyword, 'atoms': draw(ATOMS)}
    group: int | str = draw(st.integers(1, {'CRYSTAL': 230, 'SLAB': 80, 'POLYMER': 99}.get(keyword, 47)))
    if keyword == 'CRYSTAL':
        fields |= {'iflag': draw(st.integers(0, 1)), 'ifhr': draw(st.integers(0, 1)), 'ifso': draw(st.integers(0, 2))}
        if fields['iflag']:
            group = draw(st.sampled_from(['F M 3 M', 'P 63/M M C', 'P -1']))
        if fields['ifso'] == 2:
            fields['origin_shift'] = draw(st.tuples(*[st.integers(-24, 24)] * 3))
    if keyword == 'HELIX':
        group = '7 2'
    return GeometryBlock(**fields, group=group, cell=draw(_cells(keyword, group)))


@given(blocks())
def test_reads_what_it_writes(block: GeometryBlock) -> None:
    lines = write_geometry_block(block).splitlines()
    assert read_geometry_block([*lines, 'END'], 0) == (block, len(lines))


def test_numbers_as_fortran_has_them() -> None:
    text = 'CRYSTAL\n0 0 1\n194\n2.29D0, 3.59\n1\n4 0.333333333333 2*.25 ! beryllium\nEND'
    block, position = read_geometry_block(text.splitlines())
    assert block.cell == (2.29, 3.59)
    assert block.atoms[0].position == (0.333333333333, 0.25, 0.25)
    assert position == 6


def test_ignores_cell_parameters_that_the_group_fixes() -> None:
    # As in the corpus: a cubic group with six parameters, of which CRYSTAL reads one.
    block, _ = read_geometry_block('CRYSTAL\n0 0 0\n221\n1.68 1.68 1.68 90 90 90\n1\n1 0 0 0'.splitlines())
    assert block.cell == (1.68,)


@pytest.mark.parametrize(
    ('text', 'line', 'reason'),
    [
        ('BULK', 1, 'not a geometry keyword'),
        ('CRYSTAL\n0 0\n225', 2, 'IFLAG IFHR IFSO'),
        ('CRYSTAL\n0 0 0\n231\n4.2\n1\n1 0 0 0', 1, 'from 1 to 230'),
        ('SLAB\n81\n4.2 4.2 90\n1\n1 0 0 0', 1, 'from 1 to 80'),
        ('CRYSTAL\n0 0 0\n225\n-4.2\n1\n1 0 0 0', 1, 'must be positive'),
        ('CRYSTAL\n0 0 0\n225\n4.2\n2\n1 0 0 0', 6, 'the deck ends where an atom'),
        ('CRYSTAL\n0 0 0\n225\n4.2\n1\n1 0 0', 6, '4 numbers'),
        ('CRYSTAL\n0 0 0\n194\n4.2\n1\n1 0 0 0', 1, '2 cell parameters, not 1'),
        ('MOLECULE\n1\n0', 3, 'at least one'),
    ],
)
def test_refuses_with_line_and_reason(text: str, line: int, reason: str) -> None:
    with pytest.raises(DeckError, match=reason) as error:
        read_geometry_block(text.splitlines())
    assert error.value.line == line


def test_external_has_no_atoms() -> None:
    with pytest.raises(ValueError, match='from a file'):
        GeometryBlock(keyword='EXTERNAL', atoms=(AtomLine(conventional_number=1, position=(0, 0, 0)),))
