"""Basis sets as nodes."""

from __future__ import annotations

import io

import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_crystalmath.crystal import basis_library
from aiida_crystalmath.crystal.basis import BasisError, BasisSet, Shell, write_basis
from aiida_crystalmath.data.basis_set import BasisSetData

OXYGEN = basis_library.load('sto-3g')[8]


def shell(exponent: float, charge: float = 2.0) -> Shell:
    return Shell('S', charge, primitives=((exponent, 1.0, None),))


def test_node_knows_its_element_and_reads_back():
    node = BasisSetData.from_basis_set(OXYGEN).store()
    loaded = orm.load_node(node.pk)
    assert isinstance(loaded, BasisSetData)
    assert (loaded.element, loaded.number, loaded.conventional_number, loaded.has_ecp) == ('O', 8, 8, False)
    assert (loaded.n_functions, loaded.n_electrons, loaded.filename) == (5, 8.0, 'O.basis')
    assert loaded.basis_set == OXYGEN
    assert (loaded.basis_set.name, loaded.basis_set.citation) == ('STO-3G', OXYGEN.citation)
    assert loaded.get_content() == write_basis(OXYGEN)


def test_plugin_is_found_by_its_entry_point():
    from aiida.plugins import DataFactory

    assert DataFactory('crystalmath.basis_set') is BasisSetData


def test_from_a_file_of_a_person(tmp_path):
    path = tmp_path / 'Sr.txt'
    path.write_text('! from a colleague\n238 1\nHAYWSC\n0 0 1 2. 1.\n  0.5D0 1.\n99 0\n')
    node = BasisSetData(str(path)).store()
    assert (node.element, node.conventional_number, node.has_ecp) == ('Sr', 238, True)
    assert node.base.attributes.get('n_core') == 28
    assert node.filename == 'Sr.txt'
    assert node.get_content().startswith('! from a colleague')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', 'found 0'),
        (write_basis(OXYGEN) + write_basis(basis_library.load('sto-3g')[1]), 'found 2'),
        ('8 1\n0 0 2 2. 1.\n1. 1.\n', 'line 4'),
    ],
)
def test_content_that_is_not_one_basis_set_is_refused(content, message):
    with pytest.raises(BasisError, match=message):
        BasisSetData(io.BytesIO(content.encode()))


def test_attributes_must_belong_to_the_content():
    node = BasisSetData.from_basis_set(OXYGEN)
    node.base.attributes.set('n_functions', 6)
    node.base.attributes.set('element', 'N')
    with pytest.raises(ValidationError, match='element, n_functions'):
        node.store()


def test_content_that_crystal_refuses_is_not_stored():
    node = BasisSetData(content='8 1\n0 0 1 3. 1.\n1. 1.\n')
    with pytest.raises(ValidationError, match=r'shell 1 \(S\) is given 3 electrons'):
        node.store()


def test_same_content_is_stored_once():
    basis = BasisSet(2, shells=(shell(0.123456),))
    first = BasisSetData.get_or_create(basis)
    assert first.is_stored
    assert BasisSetData.get_or_create(basis).uuid == first.uuid
    other = BasisSetData.get_or_create(BasisSet(2, shells=(shell(0.123457),)))
    assert other.uuid != first.uuid


def test_a_name_keeps_sets_apart():
    shells = (shell(0.654321),)
    mine = BasisSetData.get_or_create(BasisSet(2, shells=shells, name='mine'))
    yours = BasisSetData.get_or_create(BasisSet(2, shells=shells, name='yours'))
    assert mine.uuid != yours.uuid
    assert BasisSetData.get_or_create(BasisSet(2, shells=shells, name='yours')).uuid == yours.uuid
    # Without a name, any node with this content does.
    assert BasisSetData.get_or_create(BasisSet(2, shells=shells)).uuid in (mine.uuid, yours.uuid)


def test_many_at_once_store_equal_ones_once_and_nothing_if_one_is_wrong():
    good = BasisSet(2, shells=(shell(0.777),))
    first, second = BasisSetData.get_or_create_many([good, good])
    assert first.uuid == second.uuid
    assert BasisSetData.get_or_create_many([]) == []
    count = orm.QueryBuilder().append(BasisSetData).count()
    with pytest.raises(BasisError, match='given 9 electrons'):
        BasisSetData.get_or_create_many([BasisSet(2, shells=(shell(0.888),)), BasisSet(2, shells=(shell(0.9, 9.0),))])
    assert orm.QueryBuilder().append(BasisSetData).count() == count
