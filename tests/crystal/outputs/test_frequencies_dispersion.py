"""Phonon dispersion, bands and densities of states; every value read by eye in the file."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.models import frequencies as model
from aiida_crystalmath.crystal.outputs.sections.frequencies import modes
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus


def read(corpus, path):
    return parse_stdout(corpus / path).frequencies


def test_points_of_a_supercell(corpus):
    """mgo222_freq (CRYSTAL09): three points, degenerate modes off Gamma too."""
    run = read(corpus, 'mgo222_freq/mgo-222.out')
    assert run.is_dispersion and run.complete
    assert run.supercell == ((2.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 2.0))
    assert (run.n_qpoints, run.shrink, run.n_thermodynamic_modes) == (3, (2, 2, 2), 45)
    assert len(run.masses_amu) == 16
    assert run.reciprocal_vectors[1].tolist() == [1.5403708, -1.5403708, 1.5403708]
    assert [point.weight for point in run.qpoints] == [1.0, 4.0, 3.0]
    third = run.qpoints[2]
    assert (third.n, third.integers, third.coordinates) == (3, (0, 1, 1), (0.0, 0.5, 0.5))
    assert third.is_real and not third.is_gamma
    assert third.frequencies_cm1.tolist() == [383.31, 383.31, 574.3723, 574.8834, 574.8834, 823.202]
    assert third.irreps == ('2', '2', '1', '2', '2', '1')
    assert third.eigenvectors.shape == (6, 2, 3)
    assert np.allclose(third.eigenvectors[5], [[0.0785, 0, 0], [0.2308, 0, 0]])
    assert [mode.irrep for mode in run.modes] == ['FU'] * 6
    assert run.eigenvectors[4, 1].tolist() == [0.0956, 0.0, 0.0]
    assert run.thermodynamics[0].zero_point_hartree == 0.054215775804


def test_bands(corpus):
    """paracetamol_disp_f1 (CRYSTAL17): seven segments, the first table without header, Gamma at the 20th point."""
    run = read(corpus, 'paracetamol_disp_f1/f1-disp.out')
    assert run.complete and run.is_restart
    assert (len(run.qpoints), run.n_qpoints, run.shrink) == (140, 140, (38, 38, 38))
    assert [path.n_points for path in run.paths] == [20] * 7
    first = run.paths[0]
    assert (first.start, first.end, first.denominator) == ((0, 1, 0), (0, 0, 0), 2)
    assert run.qpoints[0].coordinates == (0.0, 0.5, 0.0) and run.qpoints[0].segment == 0
    assert run.qpoints[19].is_gamma and run.qpoints[20].segment == 1
    assert {len(point.frequencies_cm1) for point in run.qpoints} == {240}
    assert run.qpoints[0].frequencies_cm1[[0, 6, 239]].tolist() == [-11.0941, 54.8049, 3582.7295]
    assert run.frequencies_cm1 == run.qpoints[19].frequencies_cm1.tolist()
    assert run.line == 6386
    assert run.qpoints[5].eigenvectors is None and run.eigenvectors is None


def test_complex_eigenvectors_and_two_dimensions(corpus):
    """graphene_phonon_dos (CRYSTAL22), the second point."""
    run = read(corpus, 'graphene_phonon_dos/phono_Gstrain0DOS.out')
    assert run.complete and len(run.qpoints) == 144
    assert (run.shrink, run.supercell[2]) == ((12, 12, 1), (0.0, 0.0, 0.0))
    point = run.qpoints[1]
    assert point.coordinates == (0.0, pytest.approx(1 / 12), 0.0) and not point.is_real
    assert point.frequencies_cm1.tolist() == [19.5616, 183.8849, 291.4994, 826.4638, 1627.8008, 1677.5039]
    assert np.allclose(point.eigenvectors[2, 1], [-0.0992 + 0.0241j, -0.1718 + 0.0417j, -0.0001 - 0.0002j])
    assert [mode.irrep for mode in run.modes] == ['A', 'E1', 'E1', 'B', 'E2', 'E2']
    assert run.modes[5].raman_active is True and run.modes[5].ir_active is False
    assert run.eigenvectors[5].tolist() == [[0.0, 0.2041, 0.0], [0.0, -0.2041, 0.0]]


def test_density_of_states(corpus):
    """graphene_phonon_dos, line 7397 on."""
    run = read(corpus, 'graphene_phonon_dos/phono_Gstrain0DOS.out')
    dos = run.phonon_dos
    assert dos.complete and dos.integral == 6.0
    assert len(dos.frequencies_cm1) == 200 and dos.frequencies_cm1[-1] == 1700.0
    assert dos.total[0] == 0.00243873 and sorted(dos.atoms) == [1, 2] and sorted(dos.species) == [6]
    assert dos.atoms[2][2] == 0.00243873
    assert np.allclose(dos.atoms[1] + dos.atoms[2], dos.total, atol=1e-7)
    assert dos.total.sum() * dos.frequencies_cm1[1] == pytest.approx(6.0, abs=0.05)
    assert run.n_thermodynamic_modes == 861
    assert run.thermodynamics[0].heat_capacity_mhartree_per_k == 0.006327864204


def test_eigenvectors_of_many_points_are_bounded(corpus, monkeypatch):
    monkeypatch.setattr(modes, 'QPOINT_EIGENVECTOR_LIMIT', 8 * 36 * 10)
    run = read(corpus, 'graphene_phonon_dos/phono_Gstrain0DOS.out')
    assert [point.n for point in run.qpoints if point.eigenvectors is not None] == list(range(1, 11))
    assert run.eigenvectors_dropped and run.complete and run.eigenvectors is not None
    assert model.QPOINT_EIGENVECTOR_LIMIT > 1e6


def test_densities_along_a_path_are_none_of_the_zone(corpus):
    """BANDS with PDOS prints a density for the points of each segment."""
    text = (corpus / 'graphene_phonon_dos' / 'phono_Gstrain0DOS.out').read_text()
    title = '  PHONONS ALONG PATH:   1 NUMBER OF K POINTS:   41\n'
    start = text.index('DENSITY OF STATES  ')
    run = parse_stdout(text[:start] + '\n' + title + text[start:]).frequencies
    assert run.phonon_dos is None and len(run.path_dos) == 1
    assert run.path_dos[0].integral == 6.0 and sorted(run.path_dos[0].atoms) == [1, 2]
