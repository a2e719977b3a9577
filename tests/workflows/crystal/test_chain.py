"""What chains that launch others share."""

from __future__ import annotations

import pytest
from aiida import orm

from aiida_crystalmath.workflows.crystal.chain import base_inputs, fixed_mesh, link_label
from aiida_crystalmath.workflows.functions.energies import check_repairs, repaired


@pytest.mark.parametrize(
    ('parts', 'expected'),
    [(('scale', 0.94), 'scale_0p94'), (('ferro',), 'ferro'), (('strain', -0.01), 'strain_m0p01')],
)
def test_labels_of_calls(parts, expected):
    assert link_label(*parts) == expected


@pytest.mark.parametrize('parts', [('a b',), ('', 1), ('a__b',), ('ä/b',)])
def test_labels_that_aiida_would_refuse(parts):
    with pytest.raises(ValueError, match='cannot make a label'):
        link_label(*parts)


def test_mesh_of_a_distance_is_written_out(generate_structure):
    """That of the structure given, once and for all; inputs with a mesh of their own keep it."""
    mgo = generate_structure('MgO')
    inputs = {'crystal': {'parameters': orm.Dict({'scf': {'toldee': 8}})}, 'kpoints_distance': orm.Float(1.5)}
    fixed = fixed_mesh(inputs, mgo)
    assert fixed.crystal.parameters.get_dict() == {'scf': {'toldee': 8, 'shrink': {'is': 2, 'isp': 4}}}
    assert 'kpoints_distance' not in fixed
    assert inputs['crystal']['parameters'].get_dict() == {'scf': {'toldee': 8}}
    own = {'crystal': {'parameters': orm.Dict({'scf': {'shrink': {'is': 5}}})}, 'kpoints_distance': orm.Float(1.5)}
    assert fixed_mesh(own, mgo).crystal.parameters['scf']['shrink'] == {'is': 5}


def test_energies_are_not_compared_if_a_remedy_changed_one_of_them():
    """One volume with smeared occupations or a denser mesh lies on another curve than the rest."""
    smeared = {'actions': [{'changes': {'SMEAR': {'old': None, 'new': 0.005}, 'GUESSP': {'old': None, 'new': True}}}]}
    damped = {'actions': [{'changes': {'FMIXING': {'old': 30, 'new': 60}}}]}
    denser = {'actions': [{'changes': {'SHRINK': {'old': {'is': 4}, 'new': {'is': 8}}}}]}
    back = {'actions': [*smeared['actions'], {'changes': {'SMEAR': {'old': 0.005, 'new': None}}}]}
    check_repairs({'a': {}, 'b': damped, 'c': back})
    check_repairs({'a': smeared, 'b': smeared})
    check_repairs({})
    for other, name in ((smeared, 'SMEAR'), (denser, 'SHRINK')):
        with pytest.raises(ValueError, match=f'a remedy changed {name} in one of a and b'):
            check_repairs({'a': damped, 'b': other})
    assert repaired(denser) == {'SHRINK': True}


def test_inputs_for_one_structure_leave_the_others_alone(generate_structure):
    shared = {'crystal': {'parameters': orm.Dict({'scf': {'toldee': 8}})}}
    one = base_inputs(shared, generate_structure('MgO'), {'scf': {'tolinteg': [7, 7, 7, 7, 14]}})
    assert one.crystal.parameters.get_dict() == {'scf': {'toldee': 8, 'tolinteg': [7, 7, 7, 7, 14]}}
    assert one.crystal.structure.get_formula() == 'MgO'
    assert 'structure' not in shared['crystal']
