"""Parsers we did not write (pycrystal, CRYSTALpytools) and our own read the same from the stand-in's files.

The peers live in an environment of their own (setup_scripts/peers_env.sh), whose Python ``CRYSTALMATH_PEERS_PYTHON``
names.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.band_dat import read_band_dat
from aiida_crystalmath.crystal.outputs.doss_dat import read_doss_dat
from aiida_crystalmath.crystal.outputs.fort25 import Fort25Bands, Fort25Doss, read_fort25
from aiida_crystalmath.crystal.outputs.fort34 import read_fort34
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = [pytest.mark.peers, pytest.mark.standin]


def read(python: Path, folder: Path) -> dict[str, Any]:
    script = Path(__file__).with_name('peers_read.py')
    done = subprocess.run([python, script, folder], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope='session')
def scf(peers_python: Path, mgo_run: Path) -> dict[str, Any]:
    return read(peers_python, mgo_run)


@pytest.fixture(scope='session')
def opt(peers_python: Path, mgo_opt: Path) -> dict[str, Any]:
    return read(peers_python, mgo_opt)


@pytest.fixture(scope='session')
def molecule(peers_python: Path, h2_opt: Path) -> dict[str, Any]:
    return read(peers_python, h2_opt)


def test_energy_gap_and_counts(scf: dict[str, Any], mgo_run: Path) -> None:
    ours = parse_stdout(mgo_run / 'crystal.out')
    pycrystal, pytools = scf['pycrystal'], scf['crystalpytools']
    assert pycrystal['energy'] == pytest.approx(ours.energy_hartree, abs=1e-9)
    assert pytools['energy'] == pytest.approx(ours.energy_hartree, abs=1e-6)
    assert pycrystal['finished'] and pycrystal['scf_converged']
    assert pytools['scf_status'] == 'converged'
    assert pytools['scf_energies'] == pytest.approx([c.energy_hartree for c in ours.scf[0].cycles], abs=1e-6)
    (edges,) = pycrystal['conduction']
    assert edges['band_gap'] == pytools['gap_ev'] == ours.gap_ev
    assert edges['band_gap_type'].lower() == ours.gap_kind
    assert (pycrystal['n_ao'], pycrystal['n_electrons'], pycrystal['n_symops']) == (14, 20, 48)
    assert pycrystal['hamiltonian'] == 'PBE'
    assert pycrystal['k'] == [2, 2, 2]


def test_charges(scf: dict[str, Any], mgo_run: Path) -> None:
    mulliken = parse_stdout(mgo_run / 'crystal.out').mulliken
    assert mulliken is not None
    assert scf['crystalpytools']['electrons'] == pytest.approx(mulliken.electrons, abs=1e-3)
    assert scf['pycrystal']['charges'] == pytest.approx(mulliken.net_charges, abs=1e-3)


def test_geometry_in_the_output(scf: dict[str, Any], mgo_run: Path) -> None:
    ours = parse_stdout(mgo_run / 'crystal.out').final_geometry
    assert ours is not None
    assert scf['pycrystal']['symbols'][-1] == scf['crystalpytools']['symbols'] == ours.symbols
    assert abs(np.linalg.det(scf['pycrystal']['cells'][-1])) == pytest.approx(ours.measure, abs=1e-6)
    assert scf['crystalpytools']['volume'] == pytest.approx(ours.measure, abs=1e-6)
    assert scf['crystalpytools']['distances'][0][1] == pytest.approx(4.21 / 2, abs=1e-6)
    assert scf['crystalpytools']['dimensionality'] == 3


def test_optimisation_points(opt: dict[str, Any], mgo_opt: Path) -> None:
    ours = parse_stdout(mgo_opt / 'crystal.out')
    assert ours.optimisation is not None
    energies = [point.energy_hartree for point in ours.optimisation.points]
    assert len(energies) > 2
    assert opt['pycrystal']['opt_energies'] == pytest.approx(energies, abs=1e-9)
    assert opt['crystalpytools']['opt_energies'] == pytest.approx(energies, abs=1e-6)
    gradients = [point.max_gradient for point in ours.optimisation.points]
    assert opt['crystalpytools']['opt_max_gradient'] == pytest.approx(gradients, abs=1e-6)
    assert opt['crystalpytools']['opt_status'] == 'converged'
    assert opt['pycrystal']['opt_converged'] is True
    assert ours.optimisation.status == 'converged'
    assert opt['pycrystal']['energy'] == pytest.approx(ours.energy_hartree, abs=1e-9)


def test_geometry_files_of_an_optimisation(opt: dict[str, Any], mgo_opt: Path) -> None:
    files = opt['geometry files']
    points = parse_stdout(mgo_opt / 'crystal.out').optimisation.points
    assert sorted(files) == sorted(['fort.34', *(f'optc{number:03d}' for number in range(1, len(points) + 1))])
    for name, theirs in files.items():
        ours = read_fort34((mgo_opt / name).read_text())
        assert theirs['symbols'] == ours.geometry.symbols
        assert np.allclose(theirs['cell'], ours.geometry.cell, atol=1e-8)
        assert len(ours.symmops) == 48
    final = parse_stdout(mgo_opt / 'crystal.out').final_geometry
    assert np.allclose(files['fort.34']['cell'], final.cell, atol=1e-8)


def test_molecule(molecule: dict[str, Any], h2_opt: Path) -> None:
    ours = parse_stdout(h2_opt / 'crystal.out')
    assert molecule['pycrystal']['energy'] == pytest.approx(ours.energy_hartree, abs=1e-9)
    assert molecule['crystalpytools']['dimensionality'] == 0
    assert molecule['crystalpytools']['opt_energies'][-1] == pytest.approx(ours.energy_hartree, abs=1e-6)
    length = np.linalg.norm(np.subtract(*ours.final_geometry.positions))
    assert molecule['crystalpytools']['distances'][0][1] == pytest.approx(length, abs=1e-8)
    assert np.linalg.norm(np.subtract(*molecule['pycrystal']['positions'][-1])) == pytest.approx(length, abs=1e-8)


def test_bands(scf: dict[str, Any], mgo_run: Path) -> None:
    ours = read_band_dat((mgo_run / 'BAND.DAT').read_text())
    blocks = [b for b in read_fort25((mgo_run / 'fort.25').read_text()) if isinstance(b, Fort25Bands)]
    fermi = ours.fermi_energy_hartree
    plot, raw = scf['properties']['bands BAND.DAT'], scf['properties']['bands fort.25']
    assert plot['fermi'] == pytest.approx(fermi, abs=1e-6)
    assert raw['fermi'] == pytest.approx(blocks[0].fermi_energy_hartree, abs=1e-6)
    theirs = np.array(plot['energies'])[:, :, 0].T + fermi
    assert np.allclose(theirs, ours.energies_hartree[0], atol=1e-6)
    absolute = np.concatenate([block.energies_hartree for block in blocks])
    theirs = np.array(raw['energies'])[:, :, 0].T + raw['fermi']
    assert np.allclose(theirs, absolute, atol=1e-6)
    # The two files hold five significant digits each: the core levels agree to 1e-3 hartree only.
    assert np.allclose(absolute, ours.energies_hartree[0], atol=2e-3)
    assert np.allclose(absolute[:, 6:], ours.energies_hartree[0][:, 6:], atol=3e-5)
    assert plot['n_k'] == raw['n_k'] == len(absolute)
    assert plot['labels'] == ['(0,0,0)/4', '(2,0,2)/4', '(2,1,3)/4', '(0,0,0)/4']


def test_densities_of_states(scf: dict[str, Any], mgo_run: Path) -> None:
    ours = read_doss_dat((mgo_run / 'DOSS.DAT').read_text())
    blocks = [b for b in read_fort25((mgo_run / 'fort.25').read_text()) if isinstance(b, Fort25Doss)]
    plot, raw = scf['properties']['dos DOSS.DAT'], scf['properties']['dos fort.25']
    assert np.allclose(np.array(plot['densities'])[:, :, 0], ours.densities[0], atol=1e-6)
    assert np.allclose(np.array(plot['energies']) + plot['fermi'], ours.energies_hartree, atol=1e-6)
    densities = np.array([block.densities for block in blocks])
    assert densities.shape == (3, 202)
    assert np.allclose(np.array(raw['densities'])[:, :, 0], densities, atol=1e-6)
    assert np.allclose(densities, ours.densities[0], rtol=1e-4, atol=1e-4)
    assert np.allclose(densities[0] + densities[1], densities[2], rtol=1e-3, atol=1e-2)
