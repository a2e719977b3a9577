"""The equation of state of a quasi-harmonic run (corundum_qha, CRYSTAL14; values checked by eye), whole and cut."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus

TITLE = 'EQUATION OF STATE CALCULATION'
FITS = ' +++++++ FITTING USING ALL POINTS'


@pytest.fixture(scope='module')
def text(corpus):
    return (corpus / 'corundum_qha' / 'propinp_Al2O3crys.out').read_text()


@pytest.fixture(scope='module')
def results(text):
    """The lines from the table of volumes on, as the end of a run of EOS alone."""
    start = text.index(' EOSEOS', text.index(FITS) - 2000)
    end = text.index(' EOSEOS', text.index(FITS))
    head = ' EEEEEEEEEE STARTING  DATE 01 01 2020 TIME 00:00:00.0\n corundum\n\n'
    return f'{head} {"EOS" * 26}\n\n                       {TITLE}\n\n{text[start:end]}'


def test_fits(text):
    output = parse_stdout(text)
    result = output.equation_of_state
    assert output.is_equation_of_state_run
    assert result.complete
    assert [(fit.name, fit.volume_angstrom3, fit.energy_hartree, fit.bulk_modulus_gpa) for fit in result.fits] == [
        ('MURNAGHAN 1944', 264.8935, -4263.44395040, 230.70),
        ('BIRCH-MURNAGHAN 1947', 264.8959, -4263.44395044, 230.78),
        ('POIRIER-TARANTOLA 1998', 264.8978, -4263.44395047, 230.83),
        ('VINET 1987', 264.8968, -4263.44395046, 230.81),
        ('THIRD ORDER POLYNOMIAL', 264.9108, -4263.44395072, 231.21),
    ]
    assert [fit.bulk_modulus_prime for fit in result.fits] == [4.08, 4.02, 3.98, 4.00, None]
    assert [fit.is_polynomial for fit in result.fits] == [False] * 4 + [True]
    assert {fit.selection for fit in result.fits} == {'ALL POINTS'}
    assert result.fit('birch').bulk_modulus_gpa == 230.78
    assert result.fit('nobody') is None


def test_points_and_setting(text):
    """Six points are asked for, four were computed."""
    result = parse_stdout(text).equation_of_state
    assert [(point.volume_angstrom3, point.energy_hartree) for point in result.points] == [
        (256.867612, -4263.437170374),
        (264.812216, -4263.443949744),
        (272.918658, -4263.437833105),
        (281.188635, -4263.419954286),
    ]
    assert result.n_points_asked == 6
    assert result.range_percent == (92.0, 108.0)
    assert result.reference_volume_angstrom3 == 264.812215564275


def test_curves(text):
    """The functions at 0 K: four equations of state, 25 volumes."""
    curves = parse_stdout(text).equation_of_state.curves
    assert [curve.name for curve in curves] == [
        'MURNAGHAN 1944',
        'BIRCH-MURNAGHAN 1947',
        'POIRIER-TARANTOLA 1998',
        'VINET 1987',
    ]
    first, last = curves[0], curves[-1]
    assert first.volumes_angstrom3.shape == (25,)
    assert (first.pressures_gpa[0], first.gibbs_hartree[0]) == (7.56, -4262.99157072)
    assert (last.energies_hartree[-1], last.bulk_moduli_gpa[-1]) == (-4263.41995428, 179.86)


def test_no_single_energy(text):
    """Neither has a run of several volumes one energy."""
    output = parse_stdout(text)
    assert output.energy_hartree is None


def test_polynomials_of_many_points(results):
    """With more points the program fits higher polynomials too."""
    line = ' THIRD ORDER POLYNOMIAL        264.9108     -4263.44395072  231.21\n'
    more = line + line.replace('THIRD', 'FOURTH') + line.replace('THIRD', 'FIFTH').replace('231.21', '******')
    fits = parse_stdout(results.replace(line, more)).equation_of_state.fits
    assert [fit.name for fit in fits[4:]] == [
        'THIRD ORDER POLYNOMIAL',
        'FOURTH ORDER POLYNOMIAL',
        'FIFTH ORDER POLYNOMIAL',
    ]
    assert fits[-1].bulk_modulus_gpa is None


def test_complete_without_termination_only_after_the_fits(results):
    fits = results.index(' POLYNOMIAL FITTING')
    for cut in np.linspace(results.index(TITLE) + len(TITLE) + 1, fits, 40, dtype=int):
        output = parse_stdout(results[:cut])
        assert output.is_equation_of_state_run
        assert not output.equation_of_state.complete
        assert output.energy_hartree is None
    assert parse_stdout(results).equation_of_state.complete


def test_cut_tables_are_not_taken(results):
    lines = results.split('\n')
    sorting = next(i for i, line in enumerate(lines) if 'SORTING VOLUMES' in line)
    table = next(i for i, line in enumerate(lines) if line.startswith(' EQUATION OF STATE  '))
    assert parse_stdout('\n'.join(lines[: sorting + 6])).equation_of_state.points == []
    cut = parse_stdout('\n'.join(lines[: table + 4]) + '\n').equation_of_state
    assert len(cut.points) == 4
    assert cut.fits == []


def test_run_cut_before_the_table_is_recognised(text):
    """Most of the file: frequencies at the volumes."""
    output = parse_stdout(text[: text.index(' SORTING VOLUMES')])
    assert output.is_equation_of_state_run
    assert not output.equation_of_state.complete
    assert output.equation_of_state.points == []
    assert output.energy_hartree is None
    assert not output.succeeded


def test_terminated_without_fits(text):
    """A run that ended without its table has not succeeded."""
    start, end = text.index(' SORTING VOLUMES'), text.rindex(' TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT END')
    output = parse_stdout(text[:start] + text[end:])
    assert output.terminated
    assert not output.equation_of_state.complete
    assert not output.succeeded
