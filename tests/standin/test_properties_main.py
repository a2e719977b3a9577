"""The executable ``crystalmath-properties``: bands, densities of states, populations and errors."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.band_dat import read_band_dat
from aiida_crystalmath.crystal.outputs.doss_dat import read_doss_dat
from aiida_crystalmath.crystal.outputs.fort25 import Fort25Bands, Fort25Doss, read_fort25
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.standin

Runner = Callable[..., 'subprocess.CompletedProcess[str]']
Deck = Callable[..., str]


def test_files_of_bands_and_dos(mgo_run: Path) -> None:
    blocks = read_fort25((mgo_run / 'fort.25').read_text())
    assert [type(block) for block in blocks] == [Fort25Bands] * 3 + [Fort25Doss] * 3
    bands = read_band_dat((mgo_run / 'BAND.DAT').read_text())
    assert bands.energies_hartree.shape[2] == 14
    # Gamma is on the mesh of the SCF, where the interpolation is exact: the conduction band has its bottom there.
    scf = parse_stdout(mgo_run / 'crystal.out')
    assert bands.energies_hartree[0, 0, 10] == pytest.approx(scf.cbm_hartree, abs=2e-5)
    # A path that leaves off and goes on elsewhere keeps both its ends.
    assert np.allclose(bands.energies_hartree[0, 0], bands.energies_hartree[0, -1], atol=1e-4)


def test_dos_counts_the_electrons(mgo_run: Path) -> None:
    dos = read_doss_dat((mgo_run / 'DOSS.DAT').read_text())
    below = dos.energies_hartree < dos.fermi_energy_hartree + 0.045
    step = dos.energies_hartree[1] - dos.energies_hartree[0]
    in_window = dos.densities[0, -1][below].sum() * step
    assert in_window == pytest.approx(8.0, abs=0.1)  # oxygen 2s and 2p
    projections = dos.densities[0, :-1].sum(axis=0)
    assert np.allclose(projections, dos.densities[0, -1], atol=1e-2)


def test_output_has_the_sections_of_properties(mgo_run: Path) -> None:
    text = (mgo_run / 'properties.out').read_text()
    assert 'STAND-IN' in text
    assert ' CRYSTAL - PROPERTIES - TYPE OF CALCULATION :  RESTRICTED CLOSED SHELL' in text
    assert ' RESTART WITH NEW K POINTS NET' in text
    assert 'BANDS ARE INTERPOLATED FROM THE 2x2x2 MESH' in text
    assert text.rstrip().splitlines()[-1].startswith(' EEEEEEEEEE TERMINATION')
    ours = parse_stdout(mgo_run / 'properties.out')
    assert ours.program == 'properties'
    assert ours.terminated
    assert not ours.errors


def test_without_wavefunction_it_says_so(crystal: Runner, tmp_path: Path) -> None:
    done = crystal('PPAN\nEND\n', tmp_path, 'properties')
    assert done.returncode == 1
    line = ' ERROR **** init_properties_io **** Wavefunction file can not be found'
    assert line in done.stdout.splitlines()
    assert (tmp_path / 'fort.87').read_text() == line + '\n'


def test_empty_wavefunction_is_an_error(crystal: Runner, tmp_path: Path) -> None:
    (tmp_path / 'fort.9').write_bytes(b'')
    done = crystal('PPAN\nEND\n', tmp_path, 'properties')
    assert done.returncode == 1
    assert 'EMPTY' in (tmp_path / 'fort.87').read_text()


@pytest.mark.parametrize(
    ('block', 'line'),
    [
        ('POTM\n0 5\n65\nCOORDINA\n0. 0. 0.\n1. 0. 0.\n1. 1. 0.\nEND\nEND\n', 'POTM NOT SUPPORTED'),
        ('ECHG\n1\n65\nCOORDINA\n0. 0. 0.\n1. 0. 0.\n1. 1. 0.\nEND\nEND\n', 'ECHG WITH DERIVATIVES NOT SUPPORTED'),
        ('DOSS\n0 100 1 14 1 14 0\nEND\n', 'NEWK MUST COME BEFORE DOSS'),
        ('BAND\ntitle\n1 4 10 1 99 1 0\n0 0 0 2 0 2\nEND\n', 'BANDS 1 TO 99 REQUESTED, THERE ARE 14'),
    ],
)
def test_what_it_cannot_do_is_refused(crystal: Runner, mgo_run: Path, tmp_path: Path, block: str, line: str) -> None:
    shutil.copy(mgo_run / 'fort.9', tmp_path)
    done = crystal(block, tmp_path, 'properties')
    assert done.returncode == 1, done.stdout[-1500:]
    assert line in (tmp_path / 'fort.87').read_text()


def test_spin_polarised_bands_and_dos(crystal: Runner, deck: Deck, tmp_path: Path) -> None:
    text = deck('H2', hamiltonian='UHF\n', scf='SPINLOCK\n2 100\nPPAN\n')
    done = crystal(text, tmp_path)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr
    ours = parse_stdout(tmp_path / 'crystal.out')
    assert ours.is_spin_polarized
    assert ours.mulliken.spins == pytest.approx([1.0, 1.0], abs=1e-3)
    done = crystal('NEWK\n1 1\n1 0\nDOSS\n1 50 1 2 1 14 0\n-1 1\nPPAN\nEND\n', tmp_path, 'properties')
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr
    dos = read_doss_dat((tmp_path / 'DOSS.DAT').read_text())
    assert dos.densities.shape[:2] == (2, 2)
    assert (dos.densities >= 0.0).all()
    blocks = read_fort25((tmp_path / 'fort.25').read_text())
    assert len(blocks) == 4
    assert all(block.open_shell for block in blocks)
    assert blocks[2].densities.min() < 0.0
    assert 'ALPHA-BETA ELECTRONS' in done.stdout
