"""The command's face: help, unknown commands, and what it costs to start."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from aiida_crystalmath import __version__
from aiida_crystalmath.cli import COMMANDS, main

HEAVY = ('pymatgen', 'pyscf', 'matplotlib', 'ase', 'basis_set_exchange', 'scipy', 'seekpath')


def test_help_lists_every_command():
    result = CliRunner().invoke(main, ['--help'])
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f'\n  {name} ' in result.output


@pytest.mark.parametrize('name', COMMANDS)
def test_each_command_has_help(name):
    result = CliRunner().invoke(main, [name, '--help'])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f'Usage: main {name}')


def test_unknown_command_names_the_nearest():
    result = CliRunner().invoke(main, ['rnu'])
    assert result.exit_code == 2
    assert 'Did you mean "run"?' in result.output


def test_version():
    assert CliRunner().invoke(main, ['--version']).output == f'aiida-crystalmath {__version__}\n'


def loaded_by(code: str) -> set[str]:
    """Return the names of the modules that running ``code`` in a new Python loads."""
    script = f'{code}\nimport sys\nprint("\\n".join(sys.modules))'
    answer = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    'module',
    [
        'aiida_crystalmath.workflows.crystal.characterise',
        'aiida_crystalmath.parsers.crystal23',
        'aiida_crystalmath.parsers.properties23',
        'aiida_crystalmath.calculations.properties23',
        'aiida_crystalmath.cli.run',
    ],
)
def test_import_budget_nothing_heavy(module):
    """Each daemon worker and each call of a command pays for what a module imports."""
    heavy = {name.split('.')[0] for name in loaded_by(f'import {module}')} & set(HEAVY)
    assert not heavy, f'{module} imports {heavy} at module level'


def test_the_bare_command_does_not_import_aiida():
    names = loaded_by(
        'from click.testing import CliRunner\n'
        'from aiida_crystalmath.cli import main\n'
        'CliRunner().invoke(main, ["--help"])'
    )
    assert 'aiida' not in {name.split('.')[0] for name in names}


def test_crystal_floor_is_usable_without_aiida():
    names = loaded_by('import aiida_crystalmath.crystal.inputs.d12, aiida_crystalmath.crystal.outputs.stdout')
    assert 'aiida' not in {name.split('.')[0] for name in names}
