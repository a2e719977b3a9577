"""Vibrations of molecules by the stand-in: physics against PySCF's own Hessian, files, restart after a kill."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.freqinfo import read_freqinfo
from aiida_crystalmath.crystal.outputs.hessfreq import read_hessian
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.standin

PROGRAM = Path(sys.executable).parent / 'crystalmath-crystal'
HARTREE_CM1, AMU = 219474.6313632, 1822.888486209
BASIS = {
    'H': '1 1\n1 0 3 1.0 0.0\n',
    'C': '6 2\n1 0 3 2.0 0.0\n1 1 3 4.0 0.0\n',
    'O': '8 2\n1 0 3 2.0 0.0\n1 1 3 6.0 0.0\n',
}
ATOMS = {
    # The minimum of Hartree-Fock in STO-3G: elsewhere rotations, which are projected out here, mix with vibrations.
    'H2O': [('O', (0.0, 0.0, 0.0)), ('H', (0.0, 0.7580, 0.6358)), ('H', (0.0, -0.7580, 0.6358))],
    'H2': [('H', (0.0, 0.0, 0.0)), ('H', (0.0, 0.0, 0.72))],
    'CO': [('C', (0.0, 0.0, 0.0)), ('O', (0.0, 0.0, 1.14))],
}
NUMBERS = {'H': 1, 'C': 6, 'O': 8}


def deck(molecule: str, options: str = 'INTENS\nNUMDERIV\n2\n', scf: str = 'TOLDEE\n11\n') -> str:
    atoms = ATOMS[molecule]
    lines = [f'{NUMBERS[name]} {x[0]} {x[1]} {x[2]}' for name, x in atoms]
    basis = ''.join(BASIS[name] for name in dict.fromkeys(name for name, _ in atoms))
    head = f'{molecule}\nMOLECULE\n1\n{len(atoms)}\n' + '\n'.join(lines)
    return f'{head}\nFREQCALC\n{options}ENDFREQ\nEND\n{basis}99 0\nEND\n{scf}END\n'


def run(folder: Path, text: str):
    done = subprocess.run([PROGRAM], check=False, input=text, cwd=folder, capture_output=True, text=True, timeout=300)
    (folder / 'crystal.out').write_text(done.stdout)
    return done


def reference(molecule: str):
    """Frequencies (cm^-1) and infrared intensities (km/mol) from PySCF alone, without any file of ours."""
    from pyscf import gto, scf
    from pyscf.data.elements import COMMON_ISOTOPE_MASSES

    atoms = ATOMS[molecule]
    mole = gto.M(atom=atoms, basis='sto-3g', verbose=0)
    field = scf.RHF(mole).set(conv_tol=1e-13).run()
    n = 3 * len(atoms)
    hessian = field.Hessian().kernel().transpose(0, 2, 1, 3).reshape(n, n)
    root = np.repeat(np.sqrt([AMU * COMMON_ISOTOPE_MASSES[NUMBERS[name]] for name, _ in atoms]), 3)
    values, vectors = np.linalg.eigh(hessian / np.outer(root, root))
    derivatives = []
    for mode in vectors.T:  # the dipole along the whole mode, where the program differentiates coordinate by coordinate
        dipoles = []
        for sign in (0.5, -0.5):
            moved = mole.set_geom_(mole.atom_coords() + sign * (mode / root).reshape(-1, 3), unit='Bohr', inplace=False)
            again = scf.RHF(moved).set(conv_tol=1e-13, verbose=0).run()
            dipoles.append(again.dip_moment(unit='AU', verbose=0))
        derivatives.append(np.subtract(*dipoles))
    intensities = 1777071.2 * np.sum(np.square(derivatives), axis=1)
    return np.sign(values) * np.sqrt(np.abs(values)) * HARTREE_CM1, intensities


@pytest.mark.parametrize(('molecule', 'n_vibrations'), [('H2O', 3), ('H2', 1), ('CO', 1)])
def test_frequencies_and_intensities(tmp_path, molecule, n_vibrations):
    assert run(tmp_path, deck(molecule, scf='TOLDEE\n13\n')).returncode == 0
    output = parse_stdout(tmp_path / 'crystal.out')
    found = output.frequencies
    assert output.terminated
    assert found.complete
    frequencies, intensities = reference(molecule)
    ours = [mode.frequency_cm1 for mode in found.modes]
    assert ours[-n_vibrations:] == pytest.approx(frequencies[-n_vibrations:], abs=0.5)
    assert np.abs(ours[:-n_vibrations]).max() < 0.01  # projected out, as Eckart's conditions want
    shown = [mode.ir_intensity_km_per_mol for mode in found.modes]
    assert shown[-n_vibrations:] == pytest.approx(intensities[-n_vibrations:], rel=0.02, abs=0.02)
    zero_point = 0.5 * sum(frequencies[-n_vibrations:]) / HARTREE_CM1
    assert found.thermodynamics[0].zero_point_hartree == pytest.approx(zero_point, abs=2e-6)
    assert np.abs(found.born_charges_e.sum(axis=0)).max() < 1e-3  # a neutral molecule feels no uniform shift
    assert 'STAND-IN' in (tmp_path / 'crystal.out').read_text()


def test_files_are_crystals(tmp_path):
    """HESSFREQ.DAT and the head of FREQINFO.DAT are read by the readers of CRYSTAL's own."""
    assert run(tmp_path, deck('H2')).returncode == 0
    hessian = read_hessian((tmp_path / 'HESSFREQ.DAT').read_text(), 2)
    assert hessian == pytest.approx(hessian.T, abs=1e-4)
    info = read_freqinfo((tmp_path / 'FREQINFO.DAT').read_text())
    assert (info.n_atoms, info.option, info.n_computed) == (2, 2, 12)
    assert info.step_bohr == pytest.approx(0.003 / 0.529177210903)
    found = parse_stdout(tmp_path / 'crystal.out')
    assert found.frequencies.step_angstrom == pytest.approx(0.003)
    assert len(found.frequencies.displacements) == 13


def test_restart_after_a_kill(tmp_path):
    """Killed between two displacements, a run goes on where it was, and its frequencies are those of a whole run."""
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    for folder in (whole, cut):
        folder.mkdir()
    assert run(whole, deck('H2O')).returncode == 0
    job = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=cut, text=True)
    job.stdin.write(deck('H2O'))
    job.stdin.close()
    for _ in range(12000):
        path = cut / 'FREQINFO.DAT'
        if path.is_file() and 2 <= read_freqinfo(path.read_text()).n_computed:
            break
        time.sleep(0.005)
    job.send_signal(signal.SIGKILL)
    job.wait()
    done = read_freqinfo((cut / 'FREQINFO.DAT').read_text()).n_computed
    assert 2 <= done < 18
    assert not (cut / 'HESSFREQ.DAT').exists()
    again = tmp_path / 'again'
    again.mkdir()
    for name in ('FREQINFO.DAT', 'fort.13'):  # what the calculation brings
        shutil.copyfile(cut / name, again / name)
    assert run(again, deck('H2O', 'RESTART\nINTENS\nNUMDERIV\n2\n')).returncode == 0
    one, other = (parse_stdout(folder / 'crystal.out').frequencies for folder in (whole, again))
    assert other.is_restart
    assert sum(step.source == 'restored' for step in other.displacements) == done
    assert other.frequencies_cm1 == pytest.approx(one.frequencies_cm1, abs=0.02)
    assert [m.ir_intensity_km_per_mol for m in other.modes[6:]] == pytest.approx(
        [m.ir_intensity_km_per_mol for m in one.modes[6:]], abs=0.02
    )


@pytest.mark.parametrize(
    ('files', 'options', 'message'),
    [
        ({}, 'RESTART\n', 'RESTART: FREQINFO.DAT NOT FOUND'),
        ({'FREQINFO.DAT': 'rubbish\n'}, 'RESTART\n', 'FREQINFO.DAT CANNOT BE READ'),
        ({}, 'INTENS\nINTRAMAN\nINTCPHF\nEND\n', 'INTRAMAN NOT SUPPORTED'),
        ({}, 'FRAGMENT\n1\n1\n', 'FRAGMENT NOT SUPPORTED'),
        ({}, 'ISOTOPES\n1\n7 2.0\n', 'ISOTOPES: ATOM 7 DOES NOT EXIST'),
        ({}, 'ISOTOPES\n1\nH 2.0\n', 'ISOTOPES: THE NUMBER OF ATOMS'),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, files, options, message):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    done = run(tmp_path, deck('H2', options))
    assert done.returncode == 1
    assert message in (tmp_path / 'fort.87').read_text()


def test_loose_scf_is_warned_of(tmp_path):
    assert 'PROBABLE LOSS IN FREQCALC ACCURACY' in run(tmp_path, deck('H2', '', 'TOLDEE\n8\n')).stdout


def test_forces_of_a_molecule(tmp_path):
    """GRADCAL: minus PySCF's gradient, in the order of the atoms."""
    from pyscf import gto, scf

    text = deck('H2O', scf='TOLDEE\n11\nGRADCAL\n').replace('FREQCALC\nINTENS\nNUMDERIV\n2\nENDFREQ\n', '')
    assert run(tmp_path, text).returncode == 0
    mole = gto.M(atom=ATOMS['H2O'], basis='sto-3g', verbose=0)
    expected = -scf.RHF(mole).set(conv_tol=1e-13).run().nuc_grad_method().kernel()
    assert parse_stdout(tmp_path / 'crystal.out').gradients.forces == pytest.approx(expected, abs=1e-6)


def test_forces_of_a_crystal_are_slopes_of_its_energy(tmp_path):
    """GRADCAL on a crystal of hydrogen: the force along the bond is the slope of the energies of two runs."""
    atoms = '1 0.0 0.0 0.0\n1 0.0 0.0 {}\n'
    cell = 'hydrogen\nCRYSTAL\n0 0 0\n99\n3.5 3.5\n2\n' + atoms + 'END\n' + BASIS['H']
    text = cell + '99 0\nEND\nSHRINK\n1 1\nTOLDEE\n10\n{}END\n'
    length, step = 0.70, 0.01
    assert run(tmp_path, text.format(length / 3.5, 'GRADCAL\n')).returncode == 0
    output = parse_stdout(tmp_path / 'crystal.out')
    forces = output.gradients.forces
    energies = []
    for sign in (1, -1):
        assert run(tmp_path, text.format((length + sign * step) / 3.5, '')).returncode == 0
        energies.append(parse_stdout(tmp_path / 'crystal.out').energy_hartree)
    slope = (energies[0] - energies[1]) / (2 * step / 0.529177210903)
    assert forces[1, 2] == pytest.approx(-slope, rel=5e-3)
    assert np.abs(forces.sum(axis=0)).max() < 1e-10
