"""Bands, energies, overlaps' heads and .nnkp, on recorded files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.wannier90.comparison import compare_bands
from aiida_crystalmath.wannier90.files import read_amn_head, read_band_files, read_eig, read_mmn_head, read_nnkp
from aiida_crystalmath.wannier90.win import mesh_kpoints

ENDS = ('_band.dat', '_band.kpt', '_band.labelinfo.dat')


@pytest.fixture
def texts(recorded):
    return [(recorded / 'wannier90' / 'si' / f'aiida{end}').read_text() for end in ENDS]


def test_bands(texts):
    bands = read_band_files(*texts)
    assert bands.energies_ev.shape == (16, 8)
    assert bands.kpoints[0].tolist() == [0, 0, 0]
    assert bands.labels == [(0, 'G'), (6, 'X'), (8, 'U'), (9, 'K'), (15, 'G')]
    assert bands.distances_per_angstrom[8] == bands.distances_per_angstrom[9], 'U|K is a jump'
    assert bands.energies_ev[0] == pytest.approx(bands.energies_ev[-1]), 'both ends are Gamma'
    assert (np.diff(bands.energies_ev, axis=1) >= 0).all()


@pytest.mark.parametrize(('index', 'cut'), [(0, 3), (1, 2)])
def test_cut_bands_are_told(texts, index, cut):
    texts[index] = '\n'.join(texts[index].splitlines()[:-cut])
    with pytest.raises(OutputFileError, match=r'_band\.'):
        read_band_files(*texts)


@pytest.mark.parametrize('text', ['', '\n', '   0.0 ****\n'])
def test_bands_that_are_none(texts, text):
    with pytest.raises(OutputFileError):
        read_band_files(text, texts[1])


def test_a_label_of_no_point(texts):
    with pytest.raises(OutputFileError, match='labelinfo'):
        read_band_files(texts[0], texts[1], 'G  99  0.0 0.0 0.0 0.0\n')


def test_energies_on_the_grid(recorded):
    energies = read_eig((recorded / 'wannier90' / 'pw2wannier90' / 'aiida.eig').read_text())
    assert energies.shape == (27, 12)
    assert energies[0, 1:4] == pytest.approx(energies[0, 1]), 'three-fold top of the valence band'


def test_cut_energies_are_told(recorded):
    text = (recorded / 'wannier90' / 'pw2wannier90' / 'aiida.eig').read_text()
    with pytest.raises(OutputFileError, match='not every one of 12 bands'):
        read_eig('\n'.join(text.splitlines()[:-1]))
    with pytest.raises(OutputFileError, match='no energies'):
        read_eig('')


def test_nnkp(recorded):
    found = read_nnkp((recorded / 'wannier90' / 'setup' / 'aiida.nnkp').read_text())
    assert found.cell_angstrom[0] == pytest.approx([2.6988, 2.6988, 0])
    assert np.abs(found.kpoints - np.array(mesh_kpoints((3, 3, 3)))).max() < 1e-7
    assert (found.n_projections, found.n_neighbours, found.excluded_bands) == (8, 8, [])


def test_a_cut_nnkp_is_told(recorded):
    text = (recorded / 'wannier90' / 'setup' / 'aiida.nnkp').read_text()
    for end in range(0, text.index('end exclude_bands'), 211):
        with pytest.raises(OutputFileError):
            read_nnkp(text[:end])


def test_heads_of_overlaps():
    """First lines of files that pw2wannier90.x wrote (12 bands, 4x4x4, 8 functions, 8 neighbours)."""
    head = ' Created on 21Nov2026 at 18:34:27                            \n          12          64           8\n'
    assert read_amn_head(head + '    1    1    1   -0.245830895938    0.394459484297\n').n_last == 8
    assert read_mmn_head(head).num_bands == 12
    with pytest.raises(OutputFileError):
        read_mmn_head(head.splitlines()[0])


def test_interpolated_bands_against_those_of_pw(texts, recorded):
    """The recorded bands of pw.x on the same points; on this grid the error is as large as told here."""
    bands = read_band_files(*texts)
    truth = json.loads((recorded / 'wannier90' / 'pw_bands.json').read_text())
    assert np.abs(bands.kpoints - np.array(truth['kpoints'])).max() < 1e-6
    found = compare_bands(bands.energies_ev, np.array(truth['energies_ev']), upper_ev=6.4)
    assert found.n_compared == 16 * 4, 'four valence bands lie in the frozen window'
    assert set(found.max_error_of_band_ev) == {1, 2, 3, 4}
    steps = 3 * bands.kpoints
    on_grid = np.abs(steps - np.rint(steps)).max(axis=1) < 1e-5
    errors = np.abs(bands.energies_ev[:, :4] - np.array(truth['energies_ev'])[:, :4])
    assert found.max_error_ev == pytest.approx(errors.max())
    assert on_grid.sum() == 3
    assert errors[on_grid].max() < 1e-4, 'on the grid the frozen bands are repeated'
    assert found.max_error_ev == pytest.approx(0.4420161)
