"""``verdi data crystalmath.basis``."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from aiida.common.links import LinkType
from click.testing import CliRunner

from aiida_crystalmath.cli.data_basis import basis
from aiida_crystalmath.crystal import basis_library
from aiida_crystalmath.crystal.basis import read_basis, write_basis
from aiida_crystalmath.data.basis_family import BasisSetFamily
from aiida_crystalmath.data.basis_set import BasisSetData

STO_3G = basis_library.load('sto-3g')


@pytest.fixture(autouse=True)
def _clean(aiida_profile_clean):
    """Start each test without families."""


@pytest.fixture
def family() -> BasisSetFamily:
    return BasisSetFamily.create_from_basis_sets('mine', [STO_3G[z] for z in (8, 12, 13)], 'a few')


def run(*arguments: str, status: int = 0, typed: str | None = None) -> str:
    result = CliRunner().invoke(basis, arguments, input=typed)
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize('command', ['list', 'show', 'install', 'export', 'delete'])
def test_help(command):
    assert f'{command} ' in run(command, '--help').splitlines()[0]


def test_verdi_finds_the_commands():
    from aiida.cmdline.commands.cmd_data import verdi_data

    result = CliRunner().invoke(verdi_data, ['crystalmath.basis', '--help'])
    assert result.exit_code == 0
    assert 'install' in result.output


def test_list_before_and_after_an_installation():
    output = run('list')
    assert 'sto-3g' in output and 'shipped, not installed' in output and 'install sto-3g' in output
    assert 'H, Li-F, Na-P, Cl, K-Br' in output
    assert 'has 54 elements' in run('install', 'STO-3G')
    rows = {row['label']: row for row in json.loads(run('list', '--json'))}
    assert rows['sto-3g']['pk'] == BasisSetFamily.find('sto-3g').pk
    assert len(rows['sto-3g']['elements']) == 54
    assert rows['pob-tzvp-rev2']['pk'] is None
    pk = json.loads(run('install', 'sto-3g', '--json'))['pk']
    assert pk == rows['sto-3g']['pk']


def test_install_a_file_and_a_folder(tmp_path):
    file = tmp_path / 'o.basis'
    file.write_text(write_basis(STO_3G[8]))
    assert 'has 1 elements' in run('install', str(file), '--label', 'mine')
    assert 'has 1 elements' in run('install', str(tmp_path))
    assert {family.label for family in BasisSetFamily.installed()} == {'mine', tmp_path.name}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('nonsense',), 'neither a shipped set (sto-3g, pob-tzvp-rev2) nor a file'),
        (('sto-3g', '--element', 'O'), '--element goes with --exchange'),
    ],
)
def test_install_errors(arguments, message):
    assert message in run('install', *arguments, status=1)


def test_install_from_the_exchange():
    run('install', '--exchange', '6-31G', '--element', 'O', '--element', 'mg')
    assert BasisSetFamily.find('6-31g').elements == ['O', 'Mg']


def test_show(family):
    output = run('show', 'mine')
    assert 'a few' in output and '9 functions' in output and '1S 2SP' in output
    data = json.loads(run('show', 'mine', '--json'))
    assert [row['element'] for row in data['basis_sets']] == ['O', 'Mg', 'Al']
    node = family.get_basis_set('Mg')
    for arguments in (('mine', 'mg'), (str(node.pk),), (node.uuid,)):
        assert read_basis(run('show', *arguments)) == [STO_3G[12]]
    assert json.loads(run('show', 'mine', 'Mg', '--json'))['content'] == write_basis(STO_3G[12])


def test_show_errors(family):
    assert 'has no basis set for Fe' in run('show', 'mine', 'Fe', status=1)
    assert "no basis-set family 'yours' is installed; there are: mine" in run('show', 'yours', status=1)
    other = orm.Int(1).store()
    assert 'is a Int, not a basis set' in run('show', str(other.pk), status=1)


def test_export(family, tmp_path):
    text = run('export', 'mine', 'O', 'mg')
    assert text.endswith('99 0\n')
    assert read_basis(text) == [STO_3G[8], STO_3G[12]]
    target = tmp_path / 'out.basis'
    run('export', 'mine', '-o', str(target))
    assert len(read_basis(target.read_text())) == 3
    assert 'exists' in run('export', 'mine', '-o', str(target), status=1)
    run('export', str(family.get_basis_set('O').pk), '-o', str(target), '--force')
    assert read_basis(target.read_text()) == [STO_3G[8]]


def test_delete_asks_and_keeps_the_basis_sets(family):
    run('delete', 'mine', status=1, typed='n\n')
    assert BasisSetFamily.find('mine') is not None
    run('delete', 'mine', typed='y\n')
    assert BasisSetFamily.find('mine') is None
    assert orm.QueryBuilder().append(BasisSetData).count() == 3


def test_delete_with_nodes_spares_what_is_used(family):
    used, shared = family.get_basis_set('O'), family.get_basis_set('Mg')
    process = orm.CalculationNode()
    process.base.links.add_incoming(used, link_type=LinkType.INPUT_CALC, link_label='basis_sets__O')
    process.store()
    BasisSetFamily.create_from_basis_sets('other', [STO_3G[12]])
    assert 'with 1 basis sets' in run('delete', 'mine', '--nodes', '--force')
    left = orm.QueryBuilder().append(BasisSetData, project='uuid').all(flat=True)
    assert sorted(left) == sorted([used.uuid, shared.uuid])
    assert orm.load_node(process.pk).base.links.get_incoming().all_nodes()[0].uuid == used.uuid
