"""Geometry optimisation: minima, restart, limits. Numbers of MgO and CO: see the names of the tests."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from aiida_crystalmath.crystal.basis import read_basis
from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.symmetry.search import search
from aiida_crystalmath.standin import molecule, optimise
from aiida_crystalmath.standin.coordinates import variables_of
from aiida_crystalmath.standin.model import Job, Method, NotSupported, OptSettings, ScfSettings, StandinError

pytestmark = pytest.mark.standin

TEXTS = {
    1: '1 1\n1 0 3 1. 0.\n',
    6: '6 2\n1 0 3 2. 0.\n1 1 3 4. 0.\n',
    8: '8 2\n1 0 3 2. 0.\n1 1 3 6. 0.\n',
    12: '12 3\n1 0 3 2. 0.\n1 1 3 8. 0.\n1 1 3 2. 0.\n',
}


def basis(number):
    return read_basis(TEXTS[number] + '99 0\n')[0].resolved()


def job_of(geometry, method, kmesh=(1, 1, 1), **settings):
    found = search(geometry) if geometry.dimensionality == 3 else None
    return Job(
        'test',
        geometry,
        tuple(basis(site.number) for site in geometry.sites),
        method,
        kmesh,
        scf=ScfSettings(**{'toldee': 7, **settings}),
        rotations=None if found is None else found.rotations,
        translations=None if found is None else found.translations,
    )


def hydrogen_crystal(a=2.3):
    """Simple cubic hydrogen: one orbital, one variable, a second for each energy."""
    return Geometry(a * np.eye(3), 3, (Site(1, (0.0, 0.0, 0.0)),))


PBE = Method('PBE', hybrid_percent=0.0)
B3LYP = Method('b3lyp5', hybrid_percent=20.0)


def co(distance=1.3):
    return Geometry(500.0 * np.eye(3), 0, (Site(6, (0.0, 0.0, 0.0)), Site(8, (0.0, 0.0, distance))))


class Watch:
    """Collects what an optimisation reports, and can stop it as a kill would."""

    def __init__(self, stop_after=None):
        self.points, self.starts, self.stop_after = [], 0, stop_after

    def on_point(self, point):
        self.points.append(point)

    def on_cycle(self, cycle):
        if cycle.n == 1:
            self.starts += 1
            if self.stop_after is not None and self.starts > self.stop_after:
                raise KeyboardInterrupt


def run(job, watch, path, **settings):
    return optimise.optimise(job, OptSettings(**settings), watch.on_point, watch.on_cycle, path)


def test_molecule_finds_the_distance_of_crystal(tmp_path):
    """CO B3LYP/STO-3G: CRYSTAL ends at 1.1879 Å and -111.720272 Ha."""
    watch = Watch()
    result = run(job_of(co(), B3LYP), watch, tmp_path / 'OPTINFO.DAT')
    distance = np.linalg.norm(np.subtract(result.geometry.sites[1].position, result.geometry.sites[0].position))
    assert result.converged
    assert distance == pytest.approx(1.1879, abs=2e-4)
    assert result.energy == pytest.approx(-111.720272, abs=2e-6)
    assert result.scf.energy == result.energy
    assert [point.n for point in watch.points] == list(range(1, len(watch.points) + 1))
    assert watch.points[0].gradients == pytest.approx(-watch.points[0].gradients[::-1], abs=1e-4)
    assert watch.starts == len(watch.points)


def test_analytic_gradient_is_the_slope_of_the_energy():
    job, step = job_of(co(1.2), replace(B3LYP, unrestricted=True), toldee=9), 0.002
    _, gradient = molecule.energy_and_gradient(job, lambda _: None, None)
    energies = [
        molecule.energy_and_gradient(job_of(co(1.2 + s), B3LYP, toldee=9), lambda _: None, None)[0].energy
        for s in (-step, step)
    ]
    slope = (energies[1] - energies[0]) / (2 * step / 0.529177210903)
    assert gradient[5] == pytest.approx(slope, abs=5e-5)


def test_killed_optimisation_goes_on_where_it_was(tmp_path):
    """A kill between any two energies loses none of those before; the end is the same as without it."""
    path = tmp_path / 'OPTINFO.DAT'
    job = job_of(hydrogen_crystal(), PBE, (2, 2, 2), smear=0.02)
    whole = Watch()
    reference = run(job, whole, tmp_path / 'whole')
    assert reference.converged
    assert whole.points[0].extra_energies == 2
    assert whole.starts == len(whole.points) + 2
    first, second = Watch(stop_after=2), Watch()
    with pytest.raises(KeyboardInterrupt):
        run(job, first, path)
    assert len(json.loads(path.read_text())['energies']) == 2
    result = run(job, second, path, restart=True)
    assert second.starts == whole.starts - 2
    assert [point.n for point in second.points] == [point.n for point in whole.points]
    assert result.energy == pytest.approx(reference.energy, abs=1e-6)


def test_optimisation_out_of_points_fails_and_can_be_continued(tmp_path):
    path = tmp_path / 'OPTINFO.DAT'
    first, second = Watch(), Watch()
    failed = run(job_of(co(), B3LYP), first, path, maxcycle=2)
    assert failed.status == 'failed'
    assert len(first.points) == 2
    result = run(job_of(co(), B3LYP), second, path, maxcycle=10, restart=True)
    assert result.converged
    # the numbers of the points go on
    assert second.points[0].n == 3
    assert second.starts == len(second.points)


def test_restart_without_a_usable_file(tmp_path):
    path = tmp_path / 'OPTINFO.DAT'
    with pytest.raises(StandinError, match='NOT FOUND OR EMPTY'):
        run(job_of(co(), B3LYP), Watch(), path, restart=True)
    path.write_bytes(b'\x00\x01\x02 binary of CRYSTAL \xff')
    with pytest.raises(StandinError, match='NOT A FILE OF THE STAND-IN'):
        run(job_of(co(), B3LYP), Watch(), path, restart=True)
    hydrogen = job_of(hydrogen_crystal(), PBE, smear=0.02)
    run(hydrogen, Watch(), path, maxcycle=1)
    with pytest.raises(StandinError, match='ANOTHER SYSTEM'):
        run(job_of(co(), B3LYP), Watch(), path, restart=True)
    # energies of different kinds would be fitted as one surface
    for change in ({'method': replace(PBE, xc='SVWN')}, {'kmesh': (2, 2, 2)}, {'scf': ScfSettings(smear=0.01)}):
        with pytest.raises(StandinError, match='ANOTHER HAMILTONIAN, BASIS SET, K-MESH'):
            run(replace(hydrogen, **change), Watch(), path, restart=True)
    # what only steers the SCF may change: that is how a failed one is helped
    steered = replace(hydrogen, scf=replace(hydrogen.scf, fmixing=60, maxcycle=80))
    assert run(steered, Watch(), path, restart=True, maxcycle=1).points[-1].n == 2


def test_failing_scf_ends_the_optimisation(tmp_path):
    result = run(job_of(co(), B3LYP, maxcycle=2), Watch(), tmp_path / 'OPTINFO.DAT')
    assert result.status == 'scf_failed'
    assert not result.scf.converged
    assert result.points == ()


def test_variables_are_those_that_symmetry_leaves():
    """Rutile TiO2: a, c and one coordinate u; with a fixed volume one strain less; hexagonal graphene: one."""
    a, c, u = 4.594, 2.959, 0.305
    fractional = [(0, 0, 0), (0.5, 0.5, 0.5), (u, u, 0), (-u, -u, 0), (0.5 + u, 0.5 - u, 0.5), (0.5 - u, 0.5 + u, 0.5)]
    cell = np.diag([a, a, c])
    sites = tuple(
        Site(22 if i < 2 else 8, tuple(float(x) for x in np.array(f) @ cell)) for i, f in enumerate(fractional)
    )
    geometry = Geometry(cell, 3, sites)
    found = search(geometry)
    job = Job('TiO2', geometry, (), rotations=found.rotations, translations=found.translations)
    counts = {}
    for kind in ('FULLOPTG', 'CELLONLY', 'ATOMONLY', 'CVOLOPT'):
        variables = variables_of(job, kind)
        counts[kind] = (len(variables.strains), len(variables.displacements))
    assert counts == {'FULLOPTG': (2, 1), 'CELLONLY': (2, 0), 'ATOMONLY': (0, 1), 'CVOLOPT': (1, 1)}
    moved = variables_of(job, 'FULLOPTG').geometry(np.array([0.1, -0.2, 0.15]))
    assert len(search(moved).rotations) == len(found.rotations)
    stretched = variables_of(job, 'CVOLOPT').geometry(np.array([0.8, 0.0]))
    assert abs(stretched.cell[2, 2] / c - 1) > 0.05
    assert abs(np.linalg.det(stretched.cell)) == pytest.approx(a * a * c, rel=1e-12)


def test_too_many_variables_are_refused():
    cell = np.array([[3.0, 0.0, 0.0], [0.2, 3.3, 0.0], [0.1, 0.4, 3.6]])
    geometry = Geometry(cell, 3, (Site(1, (0.0, 0.0, 0.0)), Site(1, (0.8, 0.1, 0.2))))
    with pytest.raises(NotSupported, match='6 free cell parameters and 3 free atomic coordinates'):
        variables_of(job_of(geometry, PBE), 'FULLOPTG')


def test_atoms_in_a_fixed_cell(tmp_path):
    """H2 molecules in a tetragonal cell under ATOMONLY: one free distance; the gradient vanishes at the end."""
    geometry = Geometry(np.diag([3.0, 3.0, 3.5]), 3, (Site(1, (0.0, 0.0, 0.0)), Site(1, (0.0, 0.0, 0.8))))
    watch = Watch()
    result = run(job_of(geometry, PBE), watch, tmp_path / 'OPTINFO.DAT', type='ATOMONLY')
    assert result.converged
    assert watch.points[-1].max_gradient < 4.5e-4
    assert np.array_equal(result.geometry.cell, geometry.cell)
    assert watch.points[0].gradients[:, :2] == pytest.approx(np.zeros((2, 2)), abs=1e-12)


@pytest.mark.parametrize('noise', [0.0, 1e-5])
def test_two_coupled_variables(tmp_path, monkeypatch, noise):
    """The walk itself, on an energy whose minimum is known (a = 4.6, c = 2.9 Å, coupled and anharmonic), with the noise
    that energies of different cells have.
    """
    random = np.random.default_rng(7)

    def energy(geometry):
        x, z = np.log(geometry.cell[0, 0] / 4.6), np.log(geometry.cell[2, 2] / 2.9)
        return 4.0 * x**2 + 2.0 * z**2 + 2.5 * x * z - 8.0 * x**3 - 4.0 * z**3 + noise * random.normal()

    def stand_for_scf(job, on_cycle, density):
        return SimpleNamespace(converged=True, energy=energy(job.geometry), density=None, cycles=(0,))

    monkeypatch.setattr(optimise, 'run_scf', stand_for_scf)
    geometry = Geometry(np.diag([4.4, 4.4, 3.1]), 3, (Site(12, (0.0, 0.0, 0.0)), Site(8, (2.2, 2.2, 1.55))))
    watch = Watch()
    result = run(job_of(geometry, PBE), watch, tmp_path / 'OPTINFO.DAT', type='CELLONLY')
    assert result.converged
    assert len(watch.points) < 9
    assert result.geometry.cell[0, 0] == pytest.approx(4.6, abs=0.01)
    assert result.geometry.cell[2, 2] == pytest.approx(2.9, abs=0.01)
