"""pw2wannier90.x: its deck, its summary, its errors."""

from __future__ import annotations

import pytest

from aiida_crystalmath.espresso.namelist import read_namelist
from aiida_crystalmath.espresso.stdout import read_stdout
from aiida_crystalmath.wannier90.diagnosis import diagnose_pw2wannier90
from aiida_crystalmath.wannier90.pw2wannier90 import Pw2Wannier90Deck, summary, write_pw2wannier90


def read(recorded, case):
    return read_stdout((recorded / 'wannier90' / case / 'stdout').read_text())


def test_the_deck_that_the_program_took(recorded):
    taken = read_namelist((recorded / 'wannier90' / 'pw2wannier90' / 'deck.in').read_text(), 'inputpp')
    assert read_namelist(write_pw2wannier90(Pw2Wannier90Deck()), 'inputpp') == taken


def test_what_is_asked_for_replaces_what_is_usual():
    deck = Pw2Wannier90Deck(values={'WRITE_AMN': False, 'spin_component': 'up'})
    assert read_namelist(write_pw2wannier90(deck), 'inputpp')['write_amn'] is False


@pytest.mark.parametrize(
    ('values', 'message'),
    [({'write_anm': True}, 'did you mean `write_amn`'), ({'spin_component': 'sideways'}, "'none', 'up' or 'down'")],
)
def test_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Pw2Wannier90Deck(values=values)


def test_summary(recorded):
    output = read(recorded, 'pw2wannier90')
    found = summary(output)
    assert (found.spin, found.n_wannier, found.n_kpoints) == ('none', 8, 27)
    assert found.amn_calculated
    assert found.mmn_calculated
    assert diagnose_pw2wannier90(output) == []


@pytest.mark.parametrize(
    ('case', 'name'),
    [
        ('pw2wannier90_no_nnkp', 'file_missing'),
        ('pw2wannier90_no_save', 'wavefunctions_missing'),
        ('pw2wannier90_unknown', 'deck_unreadable'),
        ('pw2wannier90_other_grid', 'kpoints_mismatch'),
    ],
)
def test_what_stops_the_program(recorded, case, name):
    output = read(recorded, case)
    assert [finding.name for finding in diagnose_pw2wannier90(output)] == [name]
    assert not summary(output).mmn_calculated


def test_a_cut_output_is_interrupted(recorded):
    text = (recorded / 'wannier90' / 'pw2wannier90' / 'stdout').read_text()
    cut = read_stdout(text[: text.index('MMN calculated')])
    assert [finding.name for finding in diagnose_pw2wannier90(cut)] == ['interrupted']
    assert not summary(cut).mmn_calculated
