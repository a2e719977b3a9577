"""What wannier90.x prints, on recorded outputs; the numbers are those that stand in the files."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.units import BOHR_ANGSTROM
from aiida_crystalmath.wannier90.diagnosis import CATALOGUE, diagnose_wannier90
from aiida_crystalmath.wannier90.wout import read_wout


@pytest.fixture
def read(recorded):
    def factory(case: str):
        folder = recorded / 'wannier90' / case
        path = folder / 'aiida.wout'
        return read_wout((path if path.exists() else folder / 'aiida.werr').read_text())

    return factory


def test_a_run_that_converged(read):
    output = read('si')
    assert (output.release, output.end, output.errors) == ('3.1.0', 'all_done', [])
    assert (output.num_wann, output.num_bands, output.mp_grid) == (8, 12, (3, 3, 3))
    assert (output.converged, output.n_iterations, output.conv_window) == (True, 17, 3)
    assert output.spreads.omega_total == pytest.approx(13.333331511)
    assert len(output.final) == len(output.initial) == 8
    assert sum(function.spread_angstrom2 for function in output.final) == pytest.approx(13.333331511, abs=1e-6)
    parts = (output.spreads.omega_i, output.spreads.omega_d, output.spreads.omega_od)
    assert sum(parts) == pytest.approx(output.spreads.omega_total, abs=1e-8)
    assert output.spreads_angstrom2[-1] == pytest.approx(output.spreads.omega_total, abs=1e-8)
    assert abs(output.changes_angstrom2[-1]) < 1e-8
    subspace = output.disentanglement
    assert (subspace.converged, subspace.n_iterations) == (True, 52)
    assert subspace.frozen_window_ev == (pytest.approx(-5.72767), 6.4)
    assert subspace.outer_window_ev == (pytest.approx(-5.72767), 17.0)


def test_the_initial_functions_are_wider(read):
    output = read('si')
    before, after = (sum(item.spread_angstrom2 for item in functions) for functions in (output.initial, output.final))
    assert before > after


def test_lengths_in_bohr_become_angstrom(read, recorded):
    output = read('not_frozen_bohr')
    printed = (recorded / 'wannier90' / 'not_frozen_bohr' / 'aiida.wout').read_text()
    line = next(line for line in printed.splitlines() if 'Omega Total' in line)
    assert 'Bohr^2' in line
    assert output.spreads.omega_total == pytest.approx(float(line.split()[-1]) * BOHR_ANGSTROM**2)
    assert output.spreads_angstrom2[-1] == pytest.approx(output.spreads.omega_total, abs=1e-6)
    assert sum(function.spread_angstrom2 for function in output.final) == pytest.approx(output.spreads.omega_total)
    assert output.disentanglement.frozen_window_ev is None


def test_without_a_criterion_nobody_knows(read):
    """`conv_window` is -1 by default: the program then never says whether the spread has converged."""
    output = read('no_criterion')
    assert (output.end, output.converged, output.n_iterations) == ('all_done', None, 3)
    assert diagnose_wannier90(output) == []


def test_the_setup(read):
    output = read('setup')
    assert (output.end, output.final) == ('nnkp_written', [])
    assert diagnose_wannier90(output) == []


@pytest.mark.parametrize(
    ('case', 'name', 'evidence'),
    [
        ('setup_unknown_keyword', 'unknown_keyword', 'Unrecognised keyword'),
        ('setup_wrong_grid', 'deck_unreadable', 'Wrong number of lines in block kpoints'),
        ('no_deck', 'deck_unreadable', 'Problem opening input file aiida.win'),
        ('no_eig', 'file_missing', 'aiida.eig'),
        ('no_amn', 'file_missing', 'aiida.amn'),
        ('no_mmn', 'file_missing', 'aiida.mmn'),
        ('no_unk', 'file_missing', 'UNK00001.1'),
        ('cut_mmn', 'overlaps_unreadable', 'aiida.mmn'),
        ('wrong_bands', 'bands_mismatch', 'aiida.eig'),
        ('frozen_window', 'frozen_window_too_wide', 'More states in the frozen window'),
        ('outer_window', 'outer_window_too_narrow', 'fewer states'),
    ],
)
def test_what_stops_the_program(read, recorded, case, name, evidence):
    """It returns 0 to the shell whatever happened: the words decide."""
    output = read(case)
    assert (recorded / 'wannier90' / case / 'exit_status').read_text().strip() == '0'
    assert output.end == 'error'
    assert (output.final == []) == (case != 'no_unk'), 'the functions were there before their plot failed'
    findings = diagnose_wannier90(output)
    assert [finding.name for finding in findings] == [name]
    assert evidence in findings[0].evidence


@pytest.mark.parametrize(
    ('case', 'name'),
    [('few_disentangling', 'disentanglement_not_converged'), ('few_iterations', 'spread_not_converged')],
)
def test_what_did_not_converge(read, case, name):
    output = read(case)
    assert output.end == 'all_done'
    assert [finding.name for finding in diagnose_wannier90(output)] == [name]


def test_a_cut_output_is_interrupted(recorded):
    text = (recorded / 'wannier90' / 'si' / 'aiida.wout').read_text()
    before_the_end = text.index('All done')
    for end in range(0, before_the_end, 997):
        output = read_wout(text[:end])
        assert output.end is None
        assert 'interrupted' in {finding.name for finding in diagnose_wannier90(output)}


def test_an_error_that_nobody_knows():
    """The words are made up; the form is the program's."""
    output = read_wout(' Wannier90: Execution started on 21Nov2026 at 18:35:46 \n Exiting.......\n a new reason\n')
    finding = diagnose_wannier90(output)[0]
    assert (finding.name, finding.evidence) == ('unclassified_error', 'a new reason')


def test_functions_that_are_plotted_are_real(read):
    output = read('plotted')
    assert output.end == 'all_done'
    assert 0 <= output.max_imaginary_ratio < 1e-3
    assert diagnose_wannier90(output) == []


def test_functions_that_are_not_real(recorded):
    """The recorded line with another number."""
    text = (recorded / 'wannier90' / 'plotted' / 'aiida.wout').read_text()
    line = next(line for line in text.splitlines() if 'Maximum Im/Re Ratio' in line)
    output = read_wout(text.replace(line, line[: line.index('=')] + '=    0.500000'))
    assert [finding.name for finding in diagnose_wannier90(output)] == ['complex_functions']


def test_every_example_of_the_catalogue_is_found_by_its_marker():
    for entry in CATALOGUE.entries:
        assert (entry.marker is None) == (entry.rule is not None)
        if entry.marker:
            assert entry.search(entry.example), entry.name
