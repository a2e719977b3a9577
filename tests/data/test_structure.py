"""Structures survive the way to CRYSTAL's geometry and back."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.data.structure import StructureError, from_geometry, to_geometry


@pytest.mark.parametrize('structure_id', ['MgO', 'MgO-conventional', 'NiO', 'H2O', 'graphene'])
def test_round_trip(generate_structure, structure_id):
    structure = generate_structure(structure_id)
    back = from_geometry(to_geometry(structure))
    assert np.allclose(back.cell, structure.cell, atol=1e-12)
    assert tuple(back.pbc) == tuple(structure.pbc)
    assert [site.kind_name for site in back.sites] == [site.kind_name for site in structure.sites]
    assert np.allclose([site.position for site in back.sites], [site.position for site in structure.sites], atol=1e-12)
    assert back.get_formula() == structure.get_formula()


def test_vacuum_along_any_direction_is_kept():
    structure = orm.StructureData(cell=np.diag([20.0, 2.5, 2.5]).tolist(), pbc=(False, True, True))
    structure.append_atom(position=(10, 0, 0), symbols='C')
    geometry = to_geometry(structure)
    assert geometry.dimensionality == 2
    assert geometry.pbc == (False, True, True)
    assert tuple(from_geometry(geometry).pbc) == (False, True, True)


def test_kinds_carry_spin_and_ghosts(generate_structure):
    geometry = to_geometry(generate_structure('NiO'), {'Ni1': {'spin': 1}, 'Ni2': {'spin': -1}, 'O': {'ghost': True}})
    assert [site.spin for site in geometry.sites] == [1, -1, 0, 0]
    assert [site.ghost for site in geometry.sites] == [False, False, True, True]


@pytest.mark.parametrize(
    ('kinds', 'message'),
    [
        ({'Fe': {'spin': 1}}, 'the structure has Ni1, Ni2, O'),
        ({'Ni1': {'spin': 2}}, 'not 2'),
        ({'Ni1': {'spn': 1}}, 'unknown key'),
        ({'Ni1': 1}, 'expected a dictionary'),
        ({'Ni1': {'ghost': 'yes'}}, 'true or false'),
    ],
)
def test_bad_kinds_are_refused(generate_structure, kinds, message):
    with pytest.raises(StructureError, match=message):
        to_geometry(generate_structure('NiO'), kinds)


def test_disorder_is_refused():
    structure = orm.StructureData(cell=np.eye(3).tolist())
    structure.append_atom(position=(0, 0, 0), symbols=['Fe', 'Ni'], weights=[0.5, 0.5])
    with pytest.raises(StructureError, match='disordered'):
        to_geometry(structure)


def test_structure_without_atoms_is_refused():
    with pytest.raises(StructureError, match='no atoms'):
        to_geometry(orm.StructureData(cell=np.eye(3).tolist()))
