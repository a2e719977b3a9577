"""Families of basis sets."""

from __future__ import annotations

import re

import pytest
from aiida import orm
from aiida.plugins import GroupFactory

from aiida_crystalmath.crystal import basis_library
from aiida_crystalmath.crystal.basis import BasisError, BasisSet, Shell, write_basis
from aiida_crystalmath.data.basis_family import BasisFamilyError, BasisSetFamily
from aiida_crystalmath.data.basis_set import BasisSetData

STO_3G = basis_library.load('sto-3g')


@pytest.fixture(autouse=True)
def _clean(aiida_profile_clean):
    """Start each test without families."""


def structure(*symbols: str, kinds: tuple[str, ...] = ()) -> orm.StructureData:
    made = orm.StructureData(cell=[[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]])
    for index, symbol in enumerate(symbols):
        made.append_atom(position=(index, 0, 0), symbols=symbol, name=kinds[index] if kinds else symbol)
    return made


def tiny(number: int, exponent: float = 0.5) -> BasisSet:
    return BasisSet(number, shells=(Shell('SP', 0.0, primitives=((exponent, 1.0, 1.0),)),))


def counts() -> tuple[int, int]:
    return orm.QueryBuilder().append(BasisSetFamily).count(), orm.QueryBuilder().append(BasisSetData).count()


# ---------------------------------------------------------------------------------------------------- installing


def test_shipped_set_is_installed_once():
    assert GroupFactory('crystalmath.basis_family') is BasisSetFamily
    family = BasisSetFamily.create_from_library('STO-3G')
    assert (family.label, len(family.elements), family.count()) == ('sto-3g', 54, 54)
    assert family.elements[:3] == ['H', 'He', 'Li']
    assert any('10.1063/1.1672392' in line for line in family.base.extras.get('references'))
    before = counts()
    again = BasisSetFamily.create_from_library('sto-3g')
    assert again.pk == family.pk
    assert counts() == before == (1, 54)
    assert orm.load_group('sto-3g').pk == family.pk


def test_interrupted_installation_is_completed():
    family = BasisSetFamily.create_from_library('sto-3g')
    family.remove_nodes(list(family.basis_sets.values())[:10])
    assert len(family.elements) == 44
    assert len(BasisSetFamily.create_from_library('sto-3g').elements) == 54
    assert counts() == (1, 54)


def test_nothing_is_stored_twice_by_another_label():
    BasisSetFamily.create_from_library('sto-3g')
    BasisSetFamily.create_from_library('sto-3g', label='minimal')
    assert counts() == (2, 54)


def test_other_content_under_the_same_label_is_refused():
    BasisSetFamily.create_from_basis_sets('mine', [tiny(8)])
    with pytest.raises(BasisFamilyError, match=r'"mine" with other basis sets \(for O\).*delete mine'):
        BasisSetFamily.create_from_basis_sets('mine', [tiny(8, 0.6)])
    with pytest.raises(BasisFamilyError, match='for O'):
        BasisSetFamily.create_from_basis_sets('mine', [tiny(7)])
    assert BasisSetFamily.find('mine').elements == ['O']


def test_from_a_folder_and_a_file(tmp_path):
    folder = tmp_path / 'my-set'
    folder.mkdir()
    (folder / 'O.basis').write_text(write_basis(STO_3G[8]))
    (folder / 'metals').write_text(write_basis(STO_3G[12]) + write_basis(STO_3G[28]) + '99 0\nEND\n')
    (folder / '.hidden').write_text('nonsense')
    family = BasisSetFamily.create_from_folder(folder)
    assert (family.label, family.elements) == ('my-set', ['O', 'Mg', 'Ni'])
    assert family.get_basis_set('Ni').name == 'my-set'
    assert family.get_basis_set('Ni').basis_set == STO_3G[28]
    assert BasisSetFamily.create_from_folder(folder).pk == family.pk
    assert BasisSetFamily.create_from_file(folder / 'metals').elements == ['Mg', 'Ni']
    # A second basis set of an element, and text that is no basis set, are named.
    (folder / 'O2.basis').write_text(write_basis(STO_3G[8]))
    with pytest.raises(BasisError, match='two basis sets for O'):
        BasisSetFamily.create_from_folder(folder, label='b')
    (folder / 'O2.basis').write_text('8 1\nno basis')
    with pytest.raises(BasisError, match=re.escape('O2.basis, line 2')):
        BasisSetFamily.create_from_folder(folder, label='b')
    (folder / 'O2.basis').write_text('')
    with pytest.raises(BasisError, match=re.escape('O2.basis has no basis set')):
        BasisSetFamily.create_from_folder(folder, label='b')
    assert BasisSetFamily.find('b') is None


def test_empty_folder_makes_no_family(tmp_path):
    with pytest.raises(BasisError, match='no basis sets'):
        BasisSetFamily.create_from_folder(tmp_path)
    assert counts() == (0, 0)


def test_from_the_exchange():
    family = BasisSetFamily.create_from_exchange('LANL2DZ', elements=['Sr', 8])
    assert (family.label, family.elements) == ('lanl2dz', ['O', 'Sr'])
    assert family.get_basis_set('Sr').has_ecp
    assert family.base.extras.get('references')
    with pytest.raises(BasisError, match="'Zz' is no element"):
        BasisSetFamily.create_from_exchange('LANL2DZ', elements=['Zz'])


# ---------------------------------------------------------------------------------------------------- asking


def test_basis_set_for_every_kind():
    family = BasisSetFamily.create_from_library('sto-3g')
    found = family.get_basis_sets(structure=structure('Ni', 'Ni', 'O', kinds=('Ni1', 'Ni2', 'O')))
    assert {kind: node.element for kind, node in found.items()} == {'Ni1': 'Ni', 'Ni2': 'Ni', 'O': 'O'}
    assert found['Ni1'].uuid == found['Ni2'].uuid
    assert family.get_basis_sets(kinds={'Ni7': 'Ni'})['Ni7'].uuid == found['Ni1'].uuid
    assert list(family.get_basis_sets(elements=['O'])) == ['O']
    assert family.get_basis_sets(structure=structure('O'), kinds={'O': {'ghost': True}})['O'].element == 'O'
    with pytest.raises(BasisFamilyError, match='Xx is no kind of the structure, which has O'):
        family.get_basis_sets(structure=structure('O'), kinds={'Xx': {'spin': 1}})
    with pytest.raises(BasisFamilyError, match='give a structure'):
        family.get_basis_sets()
    with pytest.raises(BasisFamilyError, match='names elements; it does not for O'):
        family.get_basis_sets(kinds={'O': {'ghost': True}})


def test_missing_elements_are_named_with_the_families_that_have_them():
    small = BasisSetFamily.create_from_basis_sets('small', [tiny(8)])
    with pytest.raises(
        BasisFamilyError, match=r'"small" has no basis set for Na, Cl\. No installed family.*install sto-3g`'
    ):
        small.get_basis_sets(structure=structure('O', 'Cl', 'Na'))
    BasisSetFamily.create_from_basis_sets('salts', [tiny(8), tiny(11), tiny(17)])
    with pytest.raises(BasisFamilyError, match='Installed families that have all of Cl, Na, O: salts'):
        small.get_basis_sets(structure=structure('O', 'Cl', 'Na'))
    with pytest.raises(BasisFamilyError, match=r'No installed or shipped family.*--exchange'):
        small.get_basis_sets(structure=structure('O', 'U'))


# ---------------------------------------------------------------------------------------------------- keeping


def test_one_basis_set_per_element():
    family = BasisSetFamily.create_from_basis_sets('mine', [tiny(8)])
    with pytest.raises(BasisFamilyError, match='already has another basis set for O'):
        family.add_nodes(BasisSetData.get_or_create(tiny(8, 0.9)))
    with pytest.raises(TypeError, match='BasisSetData'):
        family.add_nodes(orm.Int(1).store())
    family.add_nodes(family.get_basis_set('O'))
    family.add_nodes([BasisSetData.get_or_create(tiny(7))])
    assert family.elements == ['N', 'O']
    with pytest.raises(BasisFamilyError, match='for H'):
        family.add_nodes([BasisSetData.get_or_create(tiny(1, 0.1)), BasisSetData.get_or_create(tiny(1, 0.2))])


def test_deleting_a_family_keeps_its_basis_sets():
    family = BasisSetFamily.create_from_basis_sets('mine', [tiny(8)])
    node = family.get_basis_set('O')
    BasisSetFamily.collection.delete(family.pk)
    assert orm.load_node(node.pk).uuid == node.uuid
    # Installing it again finds the node that is there.
    assert BasisSetFamily.create_from_basis_sets('mine', [tiny(8)]).get_basis_set('O').uuid == node.uuid
