"""Namelists: written, read back, and names that a program does not know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_crystalmath.crystal.inputs.errors import DeckError
from aiida_crystalmath.espresso.namelist import check_names, read_namelist, write_namelist

NAMES = st.from_regex(r'[a-z][a-z0-9_]{0,12}', fullmatch=True)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
VALUES = st.one_of(st.booleans(), st.integers(-(10**9), 10**9), NUMBERS, TEXTS)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_what_is_written_is_read(values):
    found = read_namelist(write_namelist('inputpp', values), 'INPUTPP')
    assert found == values
    assert {name: type(value) for name, value in found.items()} == {name: type(v) for name, v in values.items()}


@pytest.mark.parametrize('case', ['wannier90/pw2wannier90', 'berkeleygw/pw2bgw'])
def test_decks_that_the_programs_took(recorded, case):
    """The recorded decks are read; their entries come back after writing."""
    text = (recorded / case / 'deck.in').read_text()
    name = text.split()[0].removeprefix('&')
    values = read_namelist(text, name)
    assert values['outdir'] == './out'
    assert values['prefix'] == 'aiida'
    assert read_namelist(write_namelist(name, values), name) == values


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('&other\n/\n', 'the namelist &inputpp is not there'),
        ('&inputpp\n a = 1\n', 'not closed'),
        ('&inputpp\n nonsense\n/\n', 'line 2: no entry'),
    ],
)
def test_what_is_no_namelist(text, message):
    with pytest.raises(DeckError, match=message):
        read_namelist(text, 'inputpp')


def test_a_text_has_one_line():
    with pytest.raises(DeckError, match='`prefix`'):
        write_namelist('inputpp', {'prefix': 'a\nb'})


def test_unknown_names_come_with_what_they_may_mean():
    with pytest.raises(ValueError, match=r'pw2bgw.x does not know `wfn_flag` \(did you mean `wfng_flag`\?\)'):
        check_names(['wfn_flag'], {'wfng_flag', 'rhog_file'}, 'pw2bgw.x')
