"""What QE's small programs print, on recorded outputs."""

from __future__ import annotations

import pytest

from aiida_crystalmath.espresso.stdout import read_stdout

DONE = {'wannier90/pw2wannier90': 'PW2WANNIER', 'berkeleygw/pw2bgw': 'PW2BGW'}


@pytest.mark.parametrize(('case', 'program'), DONE.items())
def test_a_run_that_ended(recorded, case, program):
    output = read_stdout((recorded / case / 'stdout').read_text())
    assert (output.program, output.version, output.done, output.n_processes) == (program, '6.7MaX', True, 1)
    assert output.errors == []
    assert 0 < output.cpu_time_s < 60
    assert 0 < output.wall_time_s < 60


@pytest.mark.parametrize(
    ('case', 'routine', 'code', 'text'),
    [
        ('wannier90/pw2wannier90_no_nnkp', 'pw2wannier90', 1, 'Could not find the file aiida.nnkp'),
        ('wannier90/pw2wannier90_no_save', 'read_xml_file', 1, 'fatal error reading xml file'),
        ('wannier90/pw2wannier90_unknown', 'pw2wannier90', 5010, 'reading inputpp namelist'),
        ('berkeleygw/pw2bgw_unknown', 'PW2BGW', 5010, 'input_pw2bgw'),
    ],
)
def test_an_error_in_a_box(recorded, case, routine, code, text):
    output = read_stdout((recorded / case / 'stdout').read_text())
    assert not output.done
    assert [(error.routine, error.code, error.text) for error in output.errors] == [(routine, code, text)]
    assert text in output.lines[output.errors[0].line]


def test_warnings_of_libraries(recorded):
    output = read_stdout((recorded / 'berkeleygw' / 'pw2bgw_real' / 'stdout').read_text())
    assert output.done
    assert 'Inversion symmetry about the origin is absent' in output.warnings[0]


def test_an_output_cut_anywhere_is_read(recorded):
    text = (recorded / 'wannier90' / 'pw2wannier90_other_grid' / 'stdout').read_text()
    for end in range(0, len(text), 37):
        output = read_stdout(text[:end])
        assert not output.done
    assert len(read_stdout(text).errors) == 1


@pytest.mark.parametrize(
    ('told', 'seconds'), [('2.35s', 2.35), ('1m 2.35s', 62.35), ('1h 2m', 3720.0), ('3h10m', 11400.0)]
)
def test_times(told, seconds):
    text = f'     Program PW2BGW v.6.7MaX starts on 21Nov2026\n     PW2BGW       :  {told} CPU  {told} WALL\n'
    output = read_stdout(text)
    assert (output.cpu_time_s, output.wall_time_s) == (seconds, seconds)
