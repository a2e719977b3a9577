"""Frequencies at Gamma, with intensities, charges, tensors and thermodynamics; every value read by eye in the file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus


def read(corpus, path):
    output = parse_stdout(corpus / path)
    assert output.unreadable == []
    return output.frequencies


def test_every_run_of_the_corpus(corpus):
    """Number, first and last frequency and imaginary ones against truth.json, and nothing where there is nothing."""
    truth = json.loads((corpus / 'truth.json').read_text())
    rows = [line.split('\t') for line in (corpus / 'manifest.tsv').read_text().splitlines()]
    checked = 0
    for path in (row[0] for row in rows if len(row) > 1 and row[1] == 'output'):
        run, found = truth[path.split('/')[0]], parse_stdout(corpus / path)
        if run['freq_n_modes'] is None:
            assert found.frequencies is None and not found.is_frequency_run, path
            continue
        frequencies = found.frequencies
        assert found.is_frequency_run and frequencies is not None and frequencies.complete, path
        checked += 1
        if path.startswith('graphene_phonon_band'):
            # Line 2520 is Gamma, whose table has no header; the truth took the second point (line 2530).
            assert frequencies.frequencies_cm1 == [-0.0504, 0.0185, 0.0239, 831.9192, 1656.5041, 1656.5041]
            assert frequencies.qpoints[1].frequencies_cm1[0] == run['freq_first'] == 0.7719
            continue
        printed = [frequencies.frequencies_cm1[0], frequencies.frequencies_cm1[-1]]
        assert printed == [run['freq_first'], run['freq_last']], path
        assert (len(frequencies.modes), frequencies.n_imaginary) == (run['freq_n_modes'], run['freq_n_imag']), path
    assert checked == 14


def test_modes_of_rock_salt(corpus):
    """nacl_freq_band_doss (CRYSTAL14), line 996: degenerate sets become modes of their own."""
    frequencies = read(corpus, 'nacl_freq_band_doss/NaCl.out')
    assert [mode.n for mode in frequencies.modes] == [1, 2, 3, 4, 5, 6]
    mode = frequencies.modes[4]
    assert (mode.frequency_cm1, mode.frequency_thz, mode.eigenvalue_hartree2) == (181.167, 5.4313, 0.6814e-6)
    assert (mode.irrep, mode.degeneracy, mode.ir_active, mode.raman_active) == ('Fu', 3, True, False)
    assert mode.ir_intensity_km_per_mol == 205.13
    assert mode.ir_intensity_share_km_per_mol == pytest.approx(205.13 / 3)
    assert frequencies.modes[0].ir_intensity_km_per_mol == 0.0
    assert not mode.is_imaginary
    assert frequencies.line == 996


def test_intensities_that_were_not_computed_are_none(corpus):
    """quartz_hf_freq and paracetamol_freq print 0.00 for every mode, without INTENS."""
    for path in ('quartz_hf_freq/qua_hf_2d_f.out', 'paracetamol_freq/phono_paracetamolG.out'):
        frequencies = read(corpus, path)
        assert frequencies.intensity_method is None
        assert {mode.ir_intensity_km_per_mol for mode in frequencies.modes} == {None}
    dry_ice = read(corpus, 'dryice_ir/spec_dryIceIR.out')
    assert dry_ice.intensity_method == 'cphf'
    assert dry_ice.modes[35].ir_intensity_km_per_mol == 3840.70
    assert read(corpus, 'nacl_freq_band_doss/NaCl.out').intensity_method == 'berry_phase'


def test_preparations(corpus):
    """Masses, step, displacements and symmetry species of CRYSTAL 06, 14, 17 and 22."""
    quartz = read(corpus, 'quartz_hf_freq/qua_hf_2d_f.out')
    assert quartz.symbols == ('Si',) * 3 + ('O',) * 6
    assert quartz.masses_amu == (27.97693,) * 3 + (15.99491,) * 6
    assert (quartz.step_angstrom, quartz.displacements_per_coordinate) == (0.001, None)
    assert (quartz.n_irreducible_atoms, quartz.n_calculations) == (2, 6)
    assert [(irrep.name, irrep.dimension, irrep.n_sets) for irrep in quartz.irreps] == [
        ('A1', 1, 4),
        ('A2', 1, 5),
        ('E', 2, 9),
    ]
    dry_ice = read(corpus, 'dryice_raman/spec_dryIceRaman.out')
    assert (dry_ice.step_angstrom, dry_ice.displacements_per_coordinate, dry_ice.is_restart) == (0.003, 2, True)
    assert [irrep.name for irrep in dry_ice.irreps] == ['Ag', 'Eg', 'Fg', 'Au', 'Eu', 'Fu']
    assert [irrep.n_sets for irrep in dry_ice.irreps] == [1, 2, 3, 2, 4, 6]
    assert not read(corpus, 'paracetamol_freq/phono_paracetamolG.out').is_restart


def test_displacements(corpus):
    """The tables of CRYSTAL 17 (line 1532) and 06 (line 1279), and restored ones of 22."""
    paracetamol = read(corpus, 'paracetamol_freq/phono_paracetamolG.out')
    assert paracetamol.displacements_complete and len(paracetamol.displacements) == 61
    central, first = paracetamol.displacements[:2]
    assert (central.atom, central.direction, central.energy_hartree) == (0, '', -2057.686915560)
    assert (first.atom, first.direction, first.source) == (1, 'X', 'computed')
    assert (first.max_gradient, first.energy_hartree) == (2.9503e-3, -2057.686906836)
    assert (first.n_cycles, first.energy_difference_hartree) == (7, 8.7236e-6)
    quartz = read(corpus, 'quartz_hf_freq/qua_hf_2d_f.out')
    assert quartz.displacements_complete
    assert [d.source for d in quartz.displacements] == ['computed'] * 2 + ['generated'] + ['computed'] * 4
    assert (quartz.displacements[1].max_gradient, quartz.displacements[1].n_cycles) == (None, 15)
    assert quartz.displacements[1].energy_difference_hartree == 8.1890e-7
    dry_ice = read(corpus, 'dryice_ir/spec_dryIceIR.out')
    assert [d.source for d in dry_ice.displacements[1:3]] == ['restored', 'restored']


def test_eigenvectors(corpus):
    """Columns in several blocks, with the machine's notes between their lines (paracetamol, line 11259)."""
    quartz = read(corpus, 'quartz_hf_freq/qua_hf_2d_f.out')
    assert quartz.eigenvectors.shape == (27, 9, 3)
    assert quartz.eigenvectors[3, 4].tolist() == [0.0143, 0.0452, 0.0309]
    assert quartz.eigenvectors[26, 8].tolist() == [0.0304, -0.0134, -0.0251]
    paracetamol = read(corpus, 'paracetamol_freq/phono_paracetamolG.out')
    assert paracetamol.eigenvectors.shape == (240, 80, 3)
    assert paracetamol.eigenvectors[233, 44].tolist() == [0.0013, 0.0009, -0.0001]
    assert paracetamol.eigenvectors[234, 79].tolist() == [-0.0001, 0.0005, -0.0001]


def test_eigenvectors_are_orthogonal(corpus):
    """Mass-weighted displacements of different modes: nothing else proves that rows and columns are in order."""
    quartz = read(corpus, 'quartz_hf_freq/qua_hf_2d_f.out')
    weighted = (quartz.eigenvectors * np.sqrt(quartz.masses_amu)[:, None]).reshape(27, 27)
    weighted /= np.linalg.norm(weighted, axis=1)[:, None]
    assert np.abs(weighted @ weighted.T - np.eye(27)).max() < 5e-3


def test_born_charges(corpus):
    """dryice_ir: atom 1 (first tensor) and the sum over the cell; nacl_freq_born: CRYSTAL17."""
    dry_ice = read(corpus, 'dryice_ir/spec_dryIceIR.out')
    assert dry_ice.born_charges_e.shape == (12, 3, 3)
    assert dry_ice.born_charges_e[1].tolist() == [
        [1.5961, 0.58324, -0.70974],
        [0.70974, 1.5961, -0.58324],
        [-0.58324, -0.70974, 1.5961],
    ]
    assert np.abs(dry_ice.born_charges_e.sum(axis=0)).max() < 1e-3
    assert dry_ice.mode_born_charges.shape == (36, 3)
    assert dry_ice.mode_born_charges[33].tolist() == [-0.10970e-17, 0.81261e-19, -0.26841e-1]
    nacl = read(corpus, 'nacl_freq_born/crystal.o')
    assert nacl.born_charges_e[0, 0, 0] == 1.0238 and nacl.born_charges_e[1, 2, 2] == -1.0238


def test_dielectric_tensors(corpus):
    """nacl_freq_band_doss has all of them; other runs have no high-frequency tensor."""
    dielectric = read(corpus, 'nacl_freq_band_doss/NaCl.out').dielectric
    assert np.diag(dielectric.electronic).tolist() == [1.50474] * 3
    assert np.diag(dielectric.vibrational).tolist() == [2.34430] * 3
    assert np.diag(dielectric.static).tolist() == [3.84904] * 3
    assert dielectric.electronic_source == 'INPUT'
    assert sorted(dielectric.oscillator_strengths) == [4, 5, 6]
    assert dielectric.oscillator_strengths[5][0, 0] == 2.34430
    assert dielectric.complete
    # CRYSTAL17 misprints the title: "CONTRIBUTIONS TO THE' STATIC".
    other = read(corpus, 'nacl_freq_born/crystal.o').dielectric
    assert other.complete and other.electronic is None and other.static is None
    assert other.vibrational[1, 1] == 2.01716
    dry_ice = read(corpus, 'dryice_raman/spec_dryIceRaman.out').dielectric
    assert sum(dry_ice.oscillator_strengths.values())[2, 2] == pytest.approx(dry_ice.vibrational[2, 2], abs=5e-5)
    assert dry_ice.vibrational[2, 2] == 0.33259


def test_longitudinal_modes(corpus):
    """nacl_freq_band_doss, line 1018 on."""
    lo_to = read(corpus, 'nacl_freq_band_doss/NaCl.out').lo_to
    (mode,) = lo_to.modes
    assert lo_to.complete
    assert (mode.first, mode.last, mode.irrep, mode.direction) == (4, 6, 'Fu', (1.0, 0.0, 0.0))
    assert (mode.frequency_cm1, mode.frequency_thz, mode.eigenvalue_hartree2) == (289.7508, 8.6865, 0.1743e-5)
    assert (mode.ir_intensity_km_per_mol, mode.shift_cm1, mode.shift_thz) == (205.1, 108.584, 3.2553)
    lo, to, overlap = lo_to.overlaps['Fu']
    assert lo.tolist() == [-0.0, 289.751] and to.tolist() == [0.0, 181.167]
    assert overlap.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    frequencies, vectors = lo_to.eigenvectors['Fu']
    assert frequencies.tolist() == [0.0, 289.75] * 3
    assert vectors[3].tolist() == [[0.0, 0.1044, 0.0], [0.0, -0.0687, 0.0]]


def test_raman_intensities(corpus):
    """dryice_raman, line 2381 on; a crystal without active modes has empty tables."""
    frequencies = read(corpus, 'dryice_raman/spec_dryIceRaman.out')
    assert frequencies.raman_complete is True
    mode = frequencies.modes[30]
    assert (mode.raman_total, mode.raman_parallel, mode.raman_perpendicular) == (260.75, 149.0, 111.75)
    assert mode.raman_single_crystal == {'xx': 0.0, 'xy': 186.25, 'xz': 186.25, 'yy': 0.0, 'yz': 186.25, 'zz': 0.0}
    assert frequencies.modes[31].raman_single_crystal['xx'] == 999.99
    assert frequencies.modes[0].raman_total is None
    assert read(corpus, 'mgo_raman/raman.out').raman_complete is True
    assert read(corpus, 'dryice_ir/spec_dryIceIR.out').raman_complete is None


def test_thermodynamics(corpus):
    """paracetamol_freq, line 11715 on."""
    (functions,) = read(corpus, 'paracetamol_freq/phono_paracetamolG.out').thermodynamics
    assert functions.complete
    assert (functions.temperature_k, functions.pressure_mpa) == (298.15, 0.101325)
    assert functions.electronic_hartree == -2057.686915559598
    assert functions.zero_point_hartree == 0.670005954735
    assert functions.thermal_hartree == 0.040831798552
    assert functions.pv_hartree == 0.000017530544
    assert functions.ts_hartree == 0.080307302905
    assert functions.gibbs_vibrational_hartree == -0.039457973810
    assert functions.gibbs_hartree == -2057.056367578673
    assert functions.entropy_mhartree_per_k == 0.269352013769
    assert functions.heat_capacity_mhartree_per_k == 0.253504784422
    assert functions.printed['HEAT CAPACITY'] == (0.253504784422, 6.898215882635, 665.57671770)


def test_the_zero_point_energy_is_half_the_sum_of_the_frequencies(corpus):
    """The modes and the thermodynamics of one run, read independently, agree."""
    frequencies = read(corpus, 'paracetamol_freq/phono_paracetamolG.out')
    half_sum = 0.5 * sum(mode.frequency_cm1 for mode in frequencies.modes) / 219474.6314
    assert half_sum == pytest.approx(frequencies.thermodynamics[0].zero_point_hartree, abs=1e-6)
