"""pw2bgw.x: its deck, its errors, and two that it goes on after."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.berkeleygw.pw2bgw import (
    CATALOGUE,
    Pw2BgwDeck,
    diagnose_pw2bgw,
    read_vxc,
    write_pw2bgw,
    written,
)
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.espresso.namelist import read_namelist
from aiida_crystalmath.espresso.stdout import read_stdout

VALUES = {
    'real_or_complex': 2,
    'wfng_flag': True,
    'wfng_kgrid': True,
    'wfng_nk1': 3,
    'wfng_nk2': 3,
    'wfng_nk3': 3,
    'rhog_flag': True,
    'vxc_flag': True,
    'vxc_integral': 'g',
    'vxc_diag_nmin': 1,
    'vxc_diag_nmax': 8,
}


def read(recorded, case):
    return read_stdout((recorded / 'berkeleygw' / case / 'stdout').read_text())


def test_the_deck_that_the_program_took(recorded):
    taken = read_namelist((recorded / 'berkeleygw' / 'pw2bgw' / 'deck.in').read_text(), 'input_pw2bgw')
    deck = Pw2BgwDeck(values=VALUES)
    assert read_namelist(write_pw2bgw(deck), 'input_pw2bgw') == taken
    assert deck.outputs == {'wfng': 'WFN', 'rhog': 'RHO', 'vxc': 'vxc.dat'}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'wfn_flag': True}, 'did you mean `wfng_flag`'),
        ({'kih_flag': True}, 'pw2bgw.x does not know `kih_flag`'),
        ({'wfng_file': 'x'}, 'the files have the names'),
        ({'real_or_complex': 3}, '`real_or_complex` is 1'),
        ({'wfng_nk3': 0}, '`wfng_kgrid` needs the grid'),
        ({'wfng_flag': False, 'rhog_flag': False, 'vxc_flag': False}, 'nothing to write'),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Pw2BgwDeck(values={**VALUES, **changes})


def test_a_run_that_ended(recorded):
    output = read(recorded, 'pw2bgw')
    assert written(output) == {'wfng', 'rhog', 'vxc'}
    assert diagnose_pw2bgw(output) == []


@pytest.mark.parametrize(
    ('case', 'name', 'status'),
    [
        ('pw2bgw_no_save', 'wavefunctions_missing', '1'),
        ('pw2bgw_unknown', 'deck_unreadable', '1'),
        ('pw2bgw_real', 'no_inversion', '0'),
        ('pw2bgw_bands', 'too_few_bands', '0'),
    ],
)
def test_what_goes_wrong(recorded, case, name, status):
    """The last two end with JOB DONE and 0, and with files that are wrong or not whole."""
    assert (recorded / 'berkeleygw' / case / 'exit_status').read_text().strip() == status
    assert [finding.name for finding in diagnose_pw2bgw(read(recorded, case))] == [name]


def test_warnings_may_stand_in_stderr():
    """As where streams are not joined."""
    output = read_stdout('     Program PW2BGW v.6.7MaX starts on 21Nov2026 at 18:35:51 \n   JOB DONE.\n')
    stderr = 'WARNING: resetting diag_nmax to max number of bands    12\n'
    finding = diagnose_pw2bgw(output, stderr=stderr)[0]
    assert (finding.name, finding.values) == ('too_few_bands', {'n_bands': '12'})


def test_matrix_elements(recorded):
    found = read_vxc((recorded / 'berkeleygw' / 'pw2bgw' / 'vxc.dat').read_text())
    assert found.values_ev.shape == (1, 27, 8)
    assert found.bands.tolist() == list(range(1, 9))
    assert np.abs(3 * found.kpoints - np.rint(3 * found.kpoints)).max() < 1e-6
    assert (found.values_ev.real < 0).all(), 'exchange and correlation bind'
    assert np.abs(found.values_ev.imag).max() < 1e-6
    assert found.values_ev[0, 0, 1:4] == pytest.approx(found.values_ev[0, 0, 1], abs=1e-5), 'degenerate at Gamma'


def test_cut_matrix_elements_are_told(recorded):
    lines = (recorded / 'berkeleygw' / 'pw2bgw' / 'vxc.dat').read_text().splitlines()
    for end in range(1, 40):
        if end % 9:
            with pytest.raises(OutputFileError):
                read_vxc('\n'.join(lines[:end]))


def test_every_example_of_the_catalogue_is_found_by_its_marker():
    for entry in CATALOGUE.entries:
        assert entry.marker is None or entry.search(entry.example), entry.name
