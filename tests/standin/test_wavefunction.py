"""The stand-in's fort.9: round trip, refusals, GUESSP."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from aiida_crystalmath.crystal.basis import read_basis
from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.standin import wavefunction
from aiida_crystalmath.standin.engine import run_scf
from aiida_crystalmath.standin.model import Job, Method, ScfSettings, StandinError

pytestmark = pytest.mark.standin


def hydrogen(kmesh=(2, 1, 1), unrestricted=False, distance=0.8, **settings):
    """H2 in a cell of 2.5 x 4 x 4 Å: two orbitals, seconds at most."""
    geometry = Geometry(np.diag([2.5, 4.0, 4.0]), 3, (Site(1, (0.0, 0.0, 0.0)), Site(1, (distance, 0.0, 0.0))))
    one = read_basis('1 1\n1 0 3 1. 0.\n99 0\n')[0].resolved()
    method = Method('PBE', unrestricted=unrestricted, hybrid_percent=0.0)
    return Job('H2', geometry, (one, one), method, kmesh, kmesh, scf=ScfSettings(**settings))


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp('wavefunction') / 'fort.9'
    job = hydrogen()
    result = run_scf(job)
    wavefunction.save(path, job, result)
    return path, job, result


def test_round_trip(saved):
    path, job, result = saved
    read, written = wavefunction.load(path), wavefunction.from_result(job, result)
    for field in fields(read):
        one, other = getattr(read, field.name), getattr(written, field.name)
        if field.name == 'geometry':
            assert one.sites == other.sites
            assert np.array_equal(one.cell, other.cell)
        elif isinstance(one, np.ndarray):
            assert np.array_equal(one, other), field.name
            assert one.dtype == other.dtype
        else:
            assert one == other, field.name
    assert not list(path.parent.glob('*.partial'))


def test_missing_empty_foreign_and_damaged_files_are_told_apart(saved, tmp_path):
    path = tmp_path / 'fort.9'
    with pytest.raises(StandinError, match='can not be found'):
        wavefunction.load(path)
    path.write_bytes(b'')
    with pytest.raises(StandinError, match='IS EMPTY'):
        wavefunction.load(path)
    # records of unformatted Fortran begin with their length
    path.write_bytes((80).to_bytes(4, 'little') + b'MgO bulk'.ljust(80) + (80).to_bytes(4, 'little'))
    with pytest.raises(StandinError, match='WAS NOT WRITTEN BY THE STAND-IN'):
        wavefunction.load(path)
    whole = saved[0].read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StandinError, match='DAMAGED'):
        wavefunction.load(path)
    np.savez(path.with_suffix('.npz'), other=np.zeros(3))
    path.with_suffix('.npz').rename(path)
    with pytest.raises(StandinError, match='DAMAGED'):
        wavefunction.load(path)


def test_guessp_starts_where_the_last_run_ended(saved):
    path, _, result = saved
    again = run_scf(hydrogen(guess_path=path))
    assert again.cycles[0].energy == pytest.approx(result.energy, abs=1e-6)
    assert len(again.cycles) == 2 < len(result.cycles)


@pytest.mark.parametrize('change', [{'kmesh': (3, 1, 1)}, {'unrestricted': True}, {'distance': 0.82}])
def test_guessp_bends_to_another_mesh_spin_or_geometry(saved, change):
    again = run_scf(hydrogen(guess_path=saved[0], **change))
    assert again.converged
    assert again.energy == pytest.approx(run_scf(hydrogen(**change)).energy, abs=5e-6)


def test_guessp_of_another_basis_is_refused(saved):
    job = hydrogen(guess_path=saved[0])
    other = read_basis('1 1\n0 0 1 1. 1.\n0.5 1.0\n99 0\n')[0].resolved()
    with pytest.raises(StandinError, match='ANOTHER SYSTEM OR BASIS SET'):
        run_scf(replace(job, basis=(other, other)))
