"""What quickstart finds and repairs."""

from __future__ import annotations

import sys
from pathlib import Path

from aiida import orm
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.cli.quickstart import code_steps
from aiida_crystalmath.machines.codes import CRYSTAL, PROPERTIES, make_code, real_codes
from aiida_crystalmath.machines.programs import Engine

PROGRAM = Path(sys.executable)


def steps_of(program: Path):
    return code_steps('test', Engine(program, None, False, False, 'PATH'), profile_exists=True)


def test_code_that_is_there_is_left(aiida_profile_clean, aiida_localhost, tmp_path):
    """Also where another program of that name is found now: what works is not touched."""
    make_code(PROGRAM.name, 'localhost', str(PROGRAM), CRYSTAL, with_mpi=False)
    (step,) = steps_of(tmp_path / PROGRAM.name)
    assert step.present
    assert str(PROGRAM) in step.detail


def test_code_whose_program_moved_is_put_aside_and_made_anew(aiida_profile_clean, aiida_localhost, tmp_path):
    gone = tmp_path / 'old' / PROGRAM.name
    make_code(PROGRAM.name, 'localhost', str(gone), CRYSTAL, with_mpi=False)
    old = orm.load_code(f'{PROGRAM.name}@localhost')
    (step,) = steps_of(PROGRAM)
    assert not step.present
    assert f'in place of {gone}' in step.detail
    step.action()
    assert str(orm.load_code(f'{PROGRAM.name}@localhost').filepath_executable) == str(PROGRAM)
    old = orm.load_node(old.pk)
    assert old.is_hidden
    assert old.label == f'{PROGRAM.name}-old-{old.pk}'
    (step,) = steps_of(PROGRAM)
    assert step.present


def test_codes_of_a_real_crystal_are_known_from_before(aiida_profile_clean, aiida_localhost, tmp_path):
    make_code('crystal', 'localhost', str(PROGRAM), CRYSTAL, with_mpi=False)
    make_code('crystal-gone', 'localhost', str(tmp_path / 'crystal'), CRYSTAL, with_mpi=False)
    make_code('crystal-standin', 'localhost', str(PROGRAM.with_name('crystalmath-crystal')), CRYSTAL, with_mpi=False)
    make_code('properties', 'localhost', str(PROGRAM), PROPERTIES, with_mpi=False)
    assert real_codes() == ['crystal@localhost']


def test_missing_ps_stops_before_anything_is_made(monkeypatch, tmp_path):
    """Met on a minimal Debian: without ps the first job was parsed while it still ran."""
    monkeypatch.setenv('PATH', str(tmp_path))
    result = CliRunner().invoke(main, ['quickstart', '--dry-run'])
    assert result.exit_code == 1
    assert 'the program ps is missing' in result.output
    assert 'procps' in result.output
