"""Densities in space and populations of bonds: they sum up to the electrons, and are those of PySCF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.cube import read_cube
from aiida_crystalmath.crystal.outputs.fort25_maps import read_fort25_maps
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.standin import bonding, interpolate, populations, wavefunction
from aiida_crystalmath.standin.density import Density
from aiida_crystalmath.standin.writers.maps import Box, Window

pytestmark = pytest.mark.standin

MAPS = """NEWK
1 1
1 0
ECH3
31
RANGE
-6 -6 -6
6 6 6
ECHG
0
21
COORDINA
-1.0 0.0 -1.0
1.0 0.0 -1.0
1.0 0.0 2.0
END
PATO
0 0
ECHG
0
21
COORDINA
-1.0 0.0 -1.0
1.0 0.0 -1.0
1.0 0.0 2.0
END
END
"""


@pytest.fixture(scope='module')
def triplet(crystal, deck: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of H2 with parallel spins, and its densities."""
    folder = tmp_path_factory.mktemp('triplet')
    done = crystal(deck('H2', hamiltonian='UHF\n', scf='SPINLOCK\n2 100\n'), folder)
    assert done.returncode == 0, done.stdout[-1500:]
    done = crystal(MAPS, folder, 'properties')
    assert done.returncode == 0, done.stdout[-1500:]
    (folder / 'properties.out').write_text(done.stdout)
    return folder


def test_cubes_hold_the_electrons(triplet: Path) -> None:
    for name, quantity in (('DENS', 'charge'), ('SPIN', 'spin')):
        grid = read_cube((triplet / f'{name}_CUBE.DAT').read_text())
        assert grid.quantity == quantity
        assert grid.values.shape == (31, 31, 31)
        assert grid.integral() == pytest.approx(2.0, abs=2e-3)  # both electrons, with parallel spins


def test_maps_are_named_by_stdout(triplet: Path) -> None:
    output = parse_stdout(triplet / 'properties.out')
    maps = read_fort25_maps((triplet / 'fort.25').read_text(), output.properties.maps)
    assert [found.quantity for found in maps] == ['charge', 'spin', 'charge', 'spin']
    assert [told.atomic for told in output.properties.maps] == [False, False, True, True]
    assert maps[0].values.shape == (21, 31)
    assert np.allclose(maps[0].values, maps[1].values, rtol=1e-4)  # no beta electron
    assert np.allclose(maps[3].values, 0.0)  # the atoms are without spin
    assert maps[0].values.max() == pytest.approx(output.properties.maps[0].maximum, rel=1e-3)
    atoms = maps[0].atoms
    assert atoms is not None
    assert atoms.symbols == ('H', 'H')


def test_crystal_is_periodic_and_even(mgo_run: Path) -> None:
    """The density of MgO repeats with the lattice, and does not change by inversion at an atom."""
    wfn = wavefunction.load(mgo_run / 'fort.9')
    density = Density(wfn)
    cell = np.asarray(wfn.geometry.cell) / 0.529177210903
    points = np.array([[0.3, 0.7, 1.1], [1.9, 0.2, -0.8]])
    values = density.at(points)
    assert density.at(points + cell[1])[0] == pytest.approx(values[0], rel=1e-6)
    assert density.at(-points)[0] == pytest.approx(values[0], rel=1e-6)


def test_atoms_are_spheres(mgo_run: Path) -> None:
    """Superposed atoms have the electrons of the cell, and more between the ions than these."""
    wfn = wavefunction.load(mgo_run / 'fort.9')
    density = Density(wfn)
    bond = np.asarray(wfn.geometry.positions[1]) / 0.529177210903 * np.linspace(0.2, 0.8, 5)[:, None]
    ions = density.at(bond)
    density.superpose_atoms()
    atoms = density.at(bond)
    assert atoms.shape == (1, 5)
    assert not np.allclose(ions, atoms, rtol=1e-2)


def test_populations_sum_up_to_those_of_mulliken(mgo_run: Path) -> None:
    """On the mesh of the SCF, COOP of the occupied bands is the overlap population; COHP sums up to the band energy."""
    wfn = wavefunction.load(mgo_run / 'fort.9')
    groups = [interpolate.atom_orbitals(wfn, [atom]) for atom in (0, 1)]
    pairs = [(a, b) for a in groups for b in groups]
    occupied = (1, round(wfn.n_electrons / 2))
    found = bonding.populations(wfn, wfn.kmesh, pairs, window=None, n_points=60001, band_range=occupied)
    step = found.energies[1] - found.energies[0]
    expected = populations.mulliken(wfn.density, wfn.overlap, wfn.basis).overlap
    assert found.overlap.sum(axis=(0, 2)) * step == pytest.approx(
        expected.ravel(), abs=5e-3
    )  # levels are cut three widths away
    band_energy = float(np.sum(wfn.occupations * wfn.eigenvalues)) / len(wfn.kpoints)
    assert found.hamilton.sum() * step == pytest.approx(band_energy, rel=2e-3)


def test_windows_and_boxes() -> None:
    """Steps along the second edge are at most as long as along the first (NPX of real runs of hematite)."""
    corners = np.array([[2.93009, 0.0, 4.61958], [0.0, 0.0, 0.0], [-2.93010, 0.0, 9.23916]])
    window = Window.of(corners, 24)
    assert window.shape == (24, 42)
    assert window.cosine == pytest.approx(0.6430, abs=1e-4)
    assert np.allclose(window.points()[23], corners[1])
    assert np.allclose(window.points()[-1], corners[2])


def test_box_of_a_slab(corpus: Path) -> None:
    """NP 20 and a range of 40 bohr make 136 points along the normal, as in a real run of CRYSTAL22."""
    real = read_cube((corpus / 'mgoco_ech3' / 'dens_MgOCO.cube').read_text())
    from aiida_crystalmath.crystal.geometry import Geometry

    a = float(np.linalg.norm(real.steps[0])) * 19
    geometry = Geometry.from_arrays(np.diag([a, a, 500.0]), [[0.0, 0.0, 0.0]], [8], 2)
    box = Box.of(geometry, 20, np.array([[-20.0], [20.0]]))
    assert box.shape == real.values.shape
    assert np.allclose(box.steps * 0.529177210903, real.steps, atol=1e-5)
    assert np.allclose(box.origin * 0.529177210903, real.origin, atol=1e-5)
