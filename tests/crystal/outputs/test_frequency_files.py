"""Files of FREQCALC: real ones against the outputs beside them, and broken ones."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.born import read_born
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.freqinfo import read_freqinfo
from aiida_crystalmath.crystal.outputs.hessfreq import read_hessian
from aiida_crystalmath.crystal.outputs.phonon_plots import read_phonbands_dat, read_phondos_dat
from aiida_crystalmath.crystal.outputs.spectra import read_irspec, read_ramspec
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.crystal.outputs.tensors import read_tens_ir, read_tens_raman

AMU = 1822.888486209
HARTREE_CM1 = 219474.6313632


def frequencies_of(hessian, masses):
    weights = np.sqrt(np.repeat(masses, 3) * AMU)
    dynamical = hessian / np.outer(weights, weights)
    values = np.linalg.eigvalsh((dynamical + dynamical.T) / 2)
    return np.sign(values) * np.sqrt(np.abs(values)) * HARTREE_CM1


@pytest.mark.corpus
def test_hessian_gives_the_frequencies_of_the_output(corpus):
    """NaCl.hessfreq: units, order and masses at once; paracetamol's is asymmetric and has no Eckart conditions."""
    folder = corpus / 'nacl_freq_band_doss'
    run = parse_stdout(folder / 'NaCl.out').frequencies
    hessian = read_hessian((folder / 'NaCl.hessfreq').read_text(), n_atoms=2)
    assert hessian[0, 0] == 1.7228525742251e-2
    assert frequencies_of(hessian, run.masses_amu)[3:] == pytest.approx(181.167, abs=1e-3)
    folder = corpus / 'paracetamol_freq'
    run = parse_stdout(folder / 'phono_paracetamolG.out').frequencies
    hessian = read_hessian((folder / 'ha_paracetamolG.HESSFREQ').read_text())
    assert hessian.shape == (240, 240)
    assert frequencies_of(hessian, run.masses_amu)[-1] == pytest.approx(3582.7295, abs=0.1)


@pytest.mark.corpus
def test_hessian_of_an_optimisation(corpus):
    """nio_opt_walltime (CRYSTAL17): HESSOPT.DAT has a row for each coordinate that moves, not three an atom."""
    text = (corpus / 'nio_opt_walltime/HESSOPT.DAT').read_text()
    hessian = read_hessian(text)
    assert hessian.shape == (2, 2)
    assert hessian[0, 1] == hessian[1, 0] == 0.15321860422911
    with pytest.raises(OutputFileError, match='144 numbers expected, 4 numbers found'):
        read_hessian(text, n_atoms=4)


@pytest.mark.corpus
def test_born_charges_are_those_of_the_output(corpus):
    folder = corpus / 'nacl_freq_band_doss'
    charges = read_born((folder / 'NaCl.born').read_text(), n_atoms=2)
    assert charges[1, 2, 2] == -0.98636050
    assert np.allclose(charges, parse_stdout(folder / 'NaCl.out').frequencies.born_charges_e, atol=1e-6)


@pytest.mark.corpus
def test_restart_file(corpus):
    """NaCl.freqinfo: only atom 2 was displaced, along +x; the output has the same step and central energy."""
    folder = corpus / 'nacl_freq_band_doss'
    info = read_freqinfo((folder / 'NaCl.freqinfo').read_text())
    run = parse_stdout(folder / 'NaCl.out').frequencies
    assert (info.n_atoms, info.option, info.n_computed) == (2, 1, 1)
    assert info.computed[1, 0, 0] and info.computed.shape == (2, 3, 2)
    assert info.step_bohr * 0.529177208 == pytest.approx(run.step_angstrom, abs=1e-9)
    assert info.energy_hartree == pytest.approx(run.displacements[0].energy_hartree, abs=1e-9)


@pytest.mark.corpus
def test_spectra(corpus):
    infrared = read_irspec((corpus / 'dryice_ir' / 'spec_dryIceIR.IRSPEC').read_text())
    assert infrared.frequencies_cm1.shape == (2794,) and infrared.frequencies_cm1[-1] == 2793.0
    assert (infrared.wavelengths_nm[1], infrared.absorbance_raw[1]) == (9.99001e6, 4.13410e-3)
    assert infrared.absorbance_ellipsoidal[-1] == 1.39190e1
    assert infrared.reflectance.shape == (3, 2794) and infrared.reflectance[2, 0] == 4.25833e-2
    raman = read_ramspec((corpus / 'dryice_raman' / 'spec_dryIceRaman.RAMSPEC').read_text())
    assert (raman.total[1], raman.parallel[1], raman.perpendicular[1]) == (4.39652e-2, 2.54180e-2, 1.85473e-2)
    assert raman.single_crystal.shape == (6, 3112) and raman.single_crystal[5, 2] == 5.00250e-2
    assert raman.frequencies_cm1[raman.total.argmax()] == 1361.0


@pytest.mark.corpus
def test_cut_files_are_refused(corpus):
    folder = corpus / 'nacl_freq_band_doss'
    hessian, born = (folder / 'NaCl.hessfreq').read_text(), (folder / 'NaCl.born').read_text()
    freqinfo = (folder / 'NaCl.freqinfo').read_text()
    spectrum = (corpus / 'dryice_raman' / 'spec_dryIceRaman.RAMSPEC').read_text()
    for read, text in (
        (read_hessian, hessian[:-30]),
        (read_hessian, hessian[:-6]),
        (read_hessian, ''),
        (lambda text: read_hessian(text, n_atoms=3), hessian),
        (read_born, born[:-60]),
        (read_born, born[:-5]),
        (lambda text: read_born(text, n_atoms=3), born),
        (read_freqinfo, freqinfo[:60]),
        (read_freqinfo, 'no such file\n'),
        (read_ramspec, spectrum[:-20]),
        (read_irspec, '1.0 2.0 3.0\n1.0 2.0 3.0\n'),
        (read_irspec, '1.0 2.0 3.0 4.0\n'),
    ):
        with pytest.raises(OutputFileError):
            read(text)


def test_tensors():
    """The layouts that public documentation gives; no real file is in the corpus."""
    row = '    2.7949547088    0.0966621381    0.1971868140'
    assert read_tens_ir('\n'.join([row] * 6), n_atoms=2).shape == (2, 3, 3)
    assert read_tens_raman('\n'.join([row + row] * 3))[0, 2].tolist() == [2.7949547088, 0.0966621381, 0.1971868140] * 2
    with pytest.raises(OutputFileError):
        read_tens_raman('\n'.join([row] * 3))


def test_phonon_plots():
    bands = read_phonbands_dat(
        '# NKPT    2 NBND    2 NSPIN    1\n# NPANEL    1\n# 1 (0,0,0)/2\n# 2 (1,0,0)/2\n'
        '@ XAXIS TICK 0, 0.0\n@ XAXIS TICK 1, 0.5\n 0.0 -1.5 20.0\n 0.5 3.0 30.0\n'
    )
    assert bands.frequencies_cm1.tolist() == [[-1.5, 20.0], [3.0, 30.0]] and bands.distances.tolist() == [0.0, 0.5]
    dos = read_phondos_dat('# NEPTS    2 NPROJ    1 NSPIN    1\n 0.0 0.1\n 8.5 0.2\n')
    assert dos.densities.tolist() == [[0.1, 0.2]] and dos.frequencies_cm1.tolist() == [0.0, 8.5]
    with pytest.raises(OutputFileError, match='electronic'):
        read_phondos_dat('# NEPTS 1 NPROJ 1 NSPIN 1\n 0.0 0.1\n# EFERMI (HARTREE)  -0.1\n')
