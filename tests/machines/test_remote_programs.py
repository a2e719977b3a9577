"""Programs on a machine: found as its shell finds them, believed if they answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiida_crystalmath.machines import remote_programs as remote
from aiida_crystalmath.machines.shell import open_shell


def program(path: Path, script: str = 'true') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n{script}\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def shell(aiida_profile):
    with open_shell('core.local', 'localhost') as opened:
        yield opened


def test_found_on_path_and_below_a_root(shell, tmp_path):
    on_path = program(tmp_path / 'bin' / 'Pcrystal')
    below = program(tmp_path / 'root' / 'a b' / 'v1' / 'properties')
    (tmp_path / 'root' / 'crystal').write_text('not a program')
    before = f'export PATH="{on_path.parent}:$PATH" CRY23_EXEDIR="" CRY23_ROOT="{tmp_path}/root"'
    assert remote.find(shell, before, ('Pcrystal', 'crystal', 'properties', 'none')) == [str(on_path), str(below)]


def test_hostile_names_are_only_names(shell, tmp_path):
    hostile = program(tmp_path / "x'; touch bad; $(touch bad) #" / 'crystal')
    assert remote.find(shell, '', (str(hostile), 'a;touch bad', '$(touch bad)')) == [str(hostile)]
    assert remote.banner(shell, '', remote.Program(str(hostile), False))[0] is None
    assert remote.environment(['a; touch bad'], 'umask 077') == "module load 'a; touch bad'\numask 077"
    assert not list(tmp_path.rglob('bad')) and not Path('bad').exists()


@pytest.mark.corpus
def test_banner(shell, corpus, tmp_path):
    """A parallel program gets its input as the file INPUT, a serial one as standard input; both are there."""
    script = f'grep -q TESTGEOM INPUT && grep -q TESTGEOM && head -n 80 "{corpus}/mgo_sto3g_scf/crystal.out"'
    real = remote.Program(str(program(tmp_path / 'Pcrystal', script)), True)
    other = remote.Program(str(program(tmp_path / 'crystal', 'echo Usage: crystal; exit 1')), False)
    slow = remote.Program(str(program(tmp_path / 'slow', 'sleep 60')), False)
    assert remote.banner(shell, '', real)[0] == 'CRYSTAL'
    assert remote.banner(shell, '', other) == (None, 'Usage: crystal\n')
    assert remote.banner(shell, '', slow, timeout_s=0.5)[0] is None


@pytest.mark.parametrize(
    ('name', 'parallel', 'label', 'plugin'),
    [
        ('Pcrystal', True, 'Pcrystal', 'crystalmath.crystal23'),
        ('MPPcrystalOMP', True, 'MPPcrystalOMP', 'crystalmath.crystal23'),
        ('crystalOMP', False, 'crystalOMP', 'crystalmath.crystal23'),
        ('properties', False, 'properties', 'crystalmath.properties23'),
        ('crystalmath-crystal', False, 'crystal-standin', 'crystalmath.crystal23'),
        ('crystalmath-properties', False, 'properties-standin', 'crystalmath.properties23'),
    ],
)
def test_what_a_name_says(name, parallel, label, plugin):
    assert remote.is_parallel(f'/opt/{name}') is parallel
    one = remote.Program(f'/opt/{name}', parallel)
    assert (one.label, one.plugin) == (label, plugin)


def test_threads():
    serial, hybrid = remote.Program('/crystalOMP', False), remote.Program('/PcrystalOMP', True)
    assert remote.threads_text(hybrid, 8, 'crystalmath.slurm', 'srun') == 'export OMP_NUM_THREADS=8'
    assert (
        remote.threads_text(remote.Program('/crystal', False), None, 'crystalmath.slurm', 'srun') == remote.ONE_THREAD
    )
    assert remote.threads_text(serial, None, 'core.direct', 'mpirun') == remote.ONE_THREAD
    assert 'OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}' in remote.threads_text(serial, None, 'core.slurm', 'srun')
    assert 'SRUN_CPUS_PER_TASK' in remote.threads_text(hybrid, None, 'core.slurm', 'srun')
