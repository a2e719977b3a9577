"""Finding the CRYSTAL programs: only what answers as CRYSTAL is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiida_crystalmath.machines import programs


def program(folder: Path, name: str, script: str) -> Path:
    """Write an executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\n{script}\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    """Hide every program of this machine."""
    empty = tmp_path / 'empty'
    empty.mkdir()
    monkeypatch.setenv('PATH', str(empty))
    monkeypatch.delenv('CRY23_EXEDIR', raising=False)
    monkeypatch.delenv('CRY23_ROOT', raising=False)


def replay(corpus: Path, n_lines: int = 80) -> str:
    """Return a script that prints the beginning of a real CRYSTAL output, as a dry run would."""
    return f'/bin/cat > /dev/null\n/usr/bin/head -n {n_lines} "{corpus}/mgo_sto3g_scf/crystal.out"'


def test_nothing_found(no_engine):
    assert programs.find_real() == (None, [])


def test_another_program_called_crystal_is_refused_by_name(no_engine, monkeypatch, tmp_path):
    path = program(tmp_path / 'bin', 'crystal', 'echo "Usage: crystal [command] [switches] [program file]"')
    monkeypatch.setenv('PATH', str(path.parent))
    found, refused = programs.find_real()
    assert found is None
    assert str(path) in refused[0]
    assert 'banner' in refused[0]


def test_hanging_program_is_refused(tmp_path):
    assert not programs.is_crystal(program(tmp_path, 'crystal', 'sleep 30'), timeout_s=0.5)


@pytest.mark.corpus
@pytest.mark.parametrize('variable', ['PATH', 'CRY23_EXEDIR', 'CRY23_ROOT'])
def test_real_banner_is_believed(no_engine, monkeypatch, tmp_path, corpus, variable):
    folder = tmp_path / 'CRYSTAL23'
    below = folder / 'bin' / 'Linux-ifort' / 'std' if variable == 'CRY23_ROOT' else folder
    crystal = program(below, 'crystal', replay(corpus))
    properties = program(below, 'properties', 'true')
    monkeypatch.setenv(variable, str(folder))
    found, refused = programs.find_real()
    assert found is not None, refused
    assert (found.crystal, found.properties) == (crystal, properties)
    assert not found.is_standin
    assert not found.with_mpi
    assert found.origin == variable


@pytest.mark.corpus
def test_parallel_program_needs_mpirun(no_engine, monkeypatch, tmp_path, corpus):
    program(tmp_path / 'bin', 'Pcrystal', replay(corpus))
    monkeypatch.setenv('PATH', str(tmp_path / 'bin'))
    found, refused = programs.find_real()
    assert found is None
    assert 'mpirun' in refused[0]
    program(tmp_path / 'bin', 'mpirun', 'true')
    found, _ = programs.find_real()
    assert found is not None
    assert found.with_mpi


def test_the_standin_never_passes_for_crystal():
    standin = programs.find_standin()
    assert standin is not None, 'the tests need the extra "standin"'
    assert standin.is_standin
    assert not programs.is_crystal(standin.crystal)
