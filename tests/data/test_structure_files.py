"""Reading structure files: every kind, and every way they are commonly broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiida_crystalmath.data.structure_files import (
    StructureFileError,
    file_format,
    geometry_file_beside,
    read_structure,
)

EXAMPLES = Path(__file__).parents[2] / 'examples'
CIF = (EXAMPLES / 'MgO.cif').read_text()
POSCAR = 'MgO\n1.0\n0 2.1 2.1\n2.1 0 2.1\n2.1 2.1 0\nMg O\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n'
EXTXYZ = '{n}\nLattice="{cell}" Properties=species:S:1:pos:R:3 pbc="{pbc}"\n{atoms}\n'
SLAB = EXTXYZ.format(n=2, cell='2.46 0 0 -1.23 2.13 0 0 0 20', pbc='T T F', atoms='C 0 1.42 0\nC 1.23 0.71 0')
CHAIN_ALONG_C = EXTXYZ.format(n=1, cell='9 0 0 0 9 0 0 0 3', pbc='F F T', atoms='He 0 0 0')
DECK = 'H2\nMOLECULE\n1\n2\n1 0 0 0\n1 0 0 0.74\nEND\n1 1\n1 0 3 1. 0.\n99 0\nEND\nEND\n'
EXTERNAL = 'He\nEXTERNAL\nEND\n2 1\n1 0 3 2. 0.\n99 0\nEND\nEND\n'


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('a.cif', 'cif'),
        ('A.CIF', 'cif'),
        ('POSCAR', 'poscar'),
        ('CONTCAR_2', 'poscar'),
        ('x.vasp', 'poscar'),
        ('m.xyz', 'xyz'),
        ('m.extxyz', 'xyz'),
        ('fort.34', 'gui'),
        ('x.gui', 'gui'),
        ('x.d12', 'd12'),
        ('INPUT', 'd12'),
    ],
)
def test_format_by_name(name, kind):
    assert file_format(name) == kind


def test_unknown_name_says_what_is_known():
    with pytest.raises(StructureFileError, match=r'foo\.txt: unknown kind.*\.cif.*POSCAR.*\.d12'):
        file_format('foo.txt')


@pytest.mark.parametrize(
    ('text', 'kind', 'dimensionality', 'symbols'),
    [
        (CIF, 'cif', 3, ['Mg'] * 4 + ['O'] * 4),
        (POSCAR, 'poscar', 3, ['Mg', 'O']),
        ((EXAMPLES / 'CO.xyz').read_text(), 'xyz', 0, ['C', 'O']),
        (SLAB, 'xyz', 2, ['C', 'C']),
        (DECK, 'd12', 0, ['H', 'H']),
    ],
)
def test_every_kind_is_read(text, kind, dimensionality, symbols):
    geometry = read_structure(text, kind)
    assert (geometry.dimensionality, geometry.symbols) == (dimensionality, symbols)


def test_periodic_direction_may_be_any():
    geometry = read_structure(CHAIN_ALONG_C, 'xyz')
    assert geometry.dimensionality == 1
    assert geometry.pbc == (False, False, True)


@pytest.mark.corpus
def test_gui_of_real_crystal(corpus):
    path = corpus / 'misc_gui_struct_S' / 'cubic-rocksalt.crystal.gui'
    geometry = read_structure(path.read_text(), 'gui', path.name)
    assert geometry.dimensionality == 3
    assert len(geometry) == 2


@pytest.mark.parametrize(
    ('text', 'kind', 'reason'),
    [
        ('', 'cif', 'the file is empty'),
        (' \n\n', 'd12', 'the file is empty'),
        ('\x00\x01\ufffd\ufffd\x07' * 50, 'cif', 'not a text file'),
        ('\ufffd\x05' * 50, 'xyz', 'not a text file'),
        ('garbage', 'cif', 'not a readable CIF file'),
        ('garbage', 'xyz', 'not a readable xyz file'),
        ('garbage', 'poscar', 'not a readable POSCAR file'),
        ('garbage', 'gui', 'line 1'),
        ('garbage', 'd12', 'no geometry'),
        ('title\nGARBAGE\n1\n', 'd12', 'line 2'),
        (EXTERNAL, 'd12', 'EXTERNAL takes the geometry from another file'),
        (CIF.replace('0.5  0.5  0.5  1.0', '0.5  0.5  0.5  0.7'), 'cif', 'partial occupancy'),
        ('2\n\nO 0 0 0\nO 0 0 0.01\n', 'xyz', r'atoms 1 \(O\) and 2 \(O\) are only 0.010 Å apart'),
        (POSCAR.replace('0.5 0.5 0.5', '0.99 0.99 0.99'), 'poscar', r'atoms 1 \(Mg\) and 2 \(O\) are only'),
        (POSCAR.replace('2.1 2.1 0', '2.1 2.1 4.2'), 'poscar', 'in one plane'),
    ],
)
def test_broken_file_is_refused_in_one_line(text, kind, reason):
    with pytest.raises(StructureFileError, match=f'^file: .*{reason}') as raised:
        read_structure(text, kind, 'file')
    assert '\n' not in str(raised.value)


def test_foreign_bytes_in_a_comment_are_no_harm():
    """A CIF in Latin-1 with an author's name."""
    text = CIF.replace('Smith', 'Sm\xefth').encode('latin-1').decode(errors='replace')
    assert len(read_structure(text, 'cif')) == 8


def test_geometry_file_beside_a_deck(tmp_path):
    deck = tmp_path / 'he.d12'
    deck.write_text(EXTERNAL)
    assert geometry_file_beside(deck) is None
    (tmp_path / 'fort.34').write_text('x')
    assert geometry_file_beside(deck) == tmp_path / 'fort.34'
    (tmp_path / 'he.gui').write_text('x')
    assert geometry_file_beside(deck) == tmp_path / 'he.gui'
    deck.write_text(DECK)
    assert geometry_file_beside(deck) is None
