"""Changes of an input as users say them: read, refused with help, made, and told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_crystalmath.crystal.inputs.changes import (
    MissingBlockError,
    apply_changes,
    differences,
    has_block,
    known_keywords,
    parse_change,
)


@pytest.mark.parametrize(
    ('text', 'path', 'value'),
    [
        ('FMIXING=70', 'scf.fmixing', 70),
        (' fmixing = "70" ', 'scf.fmixing', 70),
        ('SHRINK=8', 'scf.shrink', {'is': 8, 'isp': 8}),
        ('SHRINK=8 16', 'scf.shrink', {'is': 8, 'isp': 16}),
        ('SHRINK=4,4,2', 'scf.shrink', {'is': [4, 4, 2], 'isp': 4}),
        ('SHRINK=0 8 4 4 2', 'scf.shrink', {'is': [4, 4, 2], 'isp': 8}),
        ('SHRINK=0 8; 4 4 2', 'scf.shrink', {'is': [4, 4, 2], 'isp': 8}),
        ('TOLINTEG=8 8 8 8 16', 'scf.tolinteg', [8, 8, 8, 8, 16]),
        ('LEVSHIFT=6 1', 'scf.levshift', [6, 1]),
        ('SMEAR=1d-2', 'scf.smear', 0.01),
        ('SMEAR=off', 'scf.smear', None),
        ('NODIIS', 'scf.diis', False),
        ('DIIS', 'scf.diis', True),
        ('BROYDEN', 'scf.diis', 'BROYDEN'),
        ('GUESSP=yes', 'scf.guessp', True),
        ('BIPOSIZE=12000000', 'scf.biposize', 12000000),
        ('UHF', 'hamiltonian.method', 'UHF'),
        ('XLGRID', 'hamiltonian.dft.grid', 'XLGRID'),
        ('MAXCYCLE=300', 'scf.maxcycle', 300),
        ('OPTGEOM.MAXCYCLE=300', 'geometry.optgeom.maxcycle', 300),
        ('MAXTRADIUS=0.1', 'geometry.optgeom.maxtradius', 0.1),
        ('FREQCALC.PREOPTGEOM.TOLDEG=0.0001', 'geometry.freqcalc.preoptgeom.toldeg', 0.0001),
    ],
)
def test_what_users_write(text, path, value):
    change = parse_change(text)
    assert ('.'.join(change.path), change.value) == (path, value)
    assert parse_change(change.text) == change, 'what is shown can be typed again'


@pytest.mark.parametrize(
    ('text', 'says'),
    [
        ('FMIXNG=70', 'did you mean FMIXING?'),
        ('FMIXING', 'takes a value: write FMIXING=VALUE'),
        ('FMIXING=x', 'expected FMIXING'),
        ('FMIXING=30 40', "would be read as 'FMIXING 30'"),
        ('MAXCYCLE=2.5', 'must be integers'),
        ('TOLINTEG=8', '5 numbers'),
        ('GUESSP=3', 'takes no value'),
        ('OPTGEOM=3', 'is a block: name the keyword in it, one of OPTGEOM.FULLOPTG'),
        ('STEPSIZE=0.01', 'write FREQCALC.STEPSIZE or ELASTCON.STEPSIZE'),
        ('=3', 'write KEYWORD=VALUE'),
        ('BAND=3', 'cannot be set this way'),
        ('WHATEVER9=3', 'known are'),
    ],
)
def test_what_is_refused(text, says):
    """Each with what to write instead."""
    with pytest.raises(ValueError, match=says.replace('?', r'\?').replace('.', r'\.')):
        parse_change(text)


def test_values_that_crystal_would_refuse():
    with pytest.raises(ValueError, match=r'with FMIXING=170: scf\.fmixing'):
        apply_changes({}, [parse_change('FMIXING=170')])


def test_blocks_must_be_there():
    """MAXCYCLE of an optimisation means nothing to a single point."""
    change = parse_change('OPTGEOM.MAXCYCLE=9')
    with pytest.raises(MissingBlockError, match='the input has no OPTGEOM'):
        apply_changes({'scf': {}}, [change])
    assert has_block({'geometry': {'optgeom': {}}}, change) and not has_block({}, change)


def test_nothing_else_changes():
    before = {'scf': {'fmixing': 30, 'toldee': 7}, 'geometry': {'optgeom': {'maxcycle': 5}}}
    kept = {'scf': {'fmixing': 30, 'toldee': 7}, 'geometry': {'optgeom': {'maxcycle': 5}}}
    after = apply_changes(before, [parse_change('FMIXING=70'), parse_change('OPTGEOM.MAXCYCLE=50')])
    assert before == kept
    assert after == {'scf': {'fmixing': 70, 'toldee': 7}, 'geometry': {'optgeom': {'maxcycle': 50}}}


def test_another_accelerator_leaves_no_numbers_of_broyden():
    broyden = {'scf': {'diis': 'BROYDEN', 'broyden': [0.0001, 50, 2]}}
    assert apply_changes(broyden, [parse_change('ANDERSON')])['scf'] == {'diis': 'ANDERSON'}
    numbers = apply_changes({}, [parse_change('BROYDEN=0.001 40 3')])['scf']
    assert numbers == {'diis': 'BROYDEN', 'broyden': [0.001, 40, 3]}


def test_other_keywords_of_the_third_section():
    """Kept verbatim: replaced, added, taken out."""
    before = {'scf': {'extra': ['TOLPSEUD', '6', 'NODIRECT']}}
    assert apply_changes(before, [parse_change('TOLPSEUD=8')])['scf']['extra'] == ['NODIRECT', 'TOLPSEUD', '8']
    assert apply_changes(before, [parse_change('NODIRECT=off')])['scf']['extra'] == ['TOLPSEUD', '6']


def test_differences_are_told_by_keyword():
    before = {'scf': {'fmixing': 30, 'shrink': {'is': 4, 'isp': 4}}, 'geometry': {'optgeom': {}}}
    after = {'scf': {'shrink': {'is': [4, 4, 2], 'isp': 8}, 'guessp': True, 'diis': False}, 'geometry': {'optgeom': {}}}
    assert differences(before, after) == [
        ('FMIXING', '30', '-'),
        ('SHRINK', '4 4', '0 8 4 4 2'),
        ('GUESSP', '-', 'on'),
        ('accelerator', '-', 'NODIIS'),
    ]
    assert differences(before, before) == []


@given(st.sampled_from(known_keywords()), st.text(max_size=12))
def test_nothing_but_an_explanation_comes_of_nonsense(keyword, value):
    """Whatever is typed behind a keyword is a change that can be typed again, or a ValueError."""
    try:
        change = parse_change(f'{keyword}={value}')
    except ValueError as exception:
        assert str(exception)
    else:
        assert parse_change(change.text).value == change.value
