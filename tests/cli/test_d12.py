"""``crystalmath d12``: the input, without AiiDA."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.crystal.inputs.d12 import read_d12

MGO = Path(__file__).parents[2] / 'examples' / 'MgO.cif'
CO = MGO.with_name('CO.xyz')


def call(*arguments: object):
    return CliRunner().invoke(main, ['d12', *map(str, arguments)])


def test_cif():
    result = call(MGO)
    assert result.exit_code == 0, result.output
    deck = read_d12(result.stdout)
    assert deck.title == 'MgO'  # the conventional cell of the file has Mg4O4
    assert deck.geometry.keyword == 'CRYSTAL'
    assert deck.geometry.group == 225
    assert deck.geometry.cell == (4.2117,)


def test_molecule_needs_its_geometry_file():
    result = call(CO, '--task', 'opt')
    assert 'ATOMONLY' in result.stdout
    assert 'note: ' in result.stderr
    assert call(CO, '--external').stdout.split()[:3] == ['0', '1', '1']


def test_crystal_has_no_geometry_file():
    result = call(MGO, '--external')
    assert result.exit_code == 1
    assert 'needs no fort.34' in result.stderr


@pytest.mark.corpus
def test_deck_is_printed_as_it_stands(corpus):
    path = corpus / 'misc_d12_aiida_dft_S' / 'mgo_sto3g_opt.crystal.d12'
    result = call(path)
    assert result.exit_code == 0, result.output
    assert read_d12(result.stdout) == read_d12(path.read_text())
    rebuilt = call(path, '--protocol', 'fast')
    assert rebuilt.exit_code == 0, rebuilt.output
    assert read_d12(rebuilt.stdout).parameters.hamiltonian.dft is not None


@pytest.mark.corpus
def test_deck_with_external_is_printed_without_the_file_too(corpus, tmp_path):
    path = tmp_path / 'mgo.d12'
    path.write_text((corpus / 'misc_d12_aiida_dft_S' / 'mgo_sto3g_external.crystal.d12').read_text())
    assert call(path).exit_code == 0
    result = call(path, '--external')
    assert result.exit_code == 1
    assert 'a fort.34 that is not beside it' in result.stderr


def test_task_does_not_change_a_deck(tmp_path):
    path = tmp_path / 'x.d12'
    path.write_text(call(MGO).stdout)
    result = call(path, '--task', 'opt')
    assert result.exit_code == 1
    assert '--protocol' in result.stderr


def test_output_never_writes_over_another_file(tmp_path):
    path = tmp_path / 'x.d12'
    assert call(MGO, '-o', path).exit_code == 0
    assert call(MGO, '-o', path).exit_code == 0  # the same content
    written = path.read_text()
    result = call(MGO, '--task', 'opt', '-o', path)
    assert result.exit_code == 1
    assert '--force' in result.stderr
    assert path.read_text() == written
    assert call(MGO, '--task', 'opt', '-o', path, '--force').exit_code == 0
    assert 'OPTGEOM' in path.read_text()


def test_output_of_a_molecule_comes_with_fort34(tmp_path):
    assert call(CO, '-o', tmp_path / 'co.d12').exit_code == 0
    assert (tmp_path / 'fort.34').is_file()
    again = call(tmp_path / 'co.d12', '--external')
    assert again.stdout == (tmp_path / 'fort.34').read_text()


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        ((MGO, '-o', '/nowhere/x.d12'), 'cannot write /nowhere/x.d12'),
        ((MGO, '--protocol', 'sloppy'), 'unknown protocol "sloppy"'),
    ],
)
def test_failures_are_explained(arguments, reason):
    result = call(*arguments)
    assert result.exit_code == 1
    assert reason in result.stderr
