"""``crystalmath sequence`` and ``crystalmath run`` on many files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.cli.sequence import parse_changes
from aiida_crystalmath.cli.summaries.sequence import number

EXAMPLES = Path(__file__).parents[2] / 'examples'
H2 = '2\n\nH 0 0 0\nH 0 0 0.74\n'


def invoke(*arguments: object):
    return CliRunner().invoke(main, [*map(str, arguments)])


@pytest.fixture
def cli(aiida_profile_clean, crystal_code, properties_code):
    """Return a function that calls the command in the test profile, where the stand-in's codes are."""
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    BasisSetFamily.create_from_library('sto-3g')
    return lambda *arguments: invoke('-p', aiida_profile_clean.name, *arguments)


def test_list_names_sequences_and_kinds():
    found = json.loads(invoke('sequence', 'list', '--json').stdout)
    assert found['sequences']['full_electronic']['steps'] == ['opt', 'sp', 'bands', 'dos']
    assert found['kinds']['eos'] == 'equation of state'
    assert 'full_electronic' in invoke('sequence', 'list').stdout


def test_what_show_prints_can_be_given_back(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text(invoke('sequence', 'show', 'full_electronic').stdout)
    result = invoke('sequence', 'check', path)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()[1:]]
    assert [line[0] for line in lines] == ['opt', 'sp', 'bands', 'dos']
    assert 'bands            band structure, from wavefunction of sp' in result.stdout


def test_check_names_file_step_and_key(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('steps: [{name: opt, protocl: fast}]')
    result = invoke('sequence', 'check', path)
    assert result.exit_code == 1
    assert 'mine.yaml: step "opt": unknown key "protocl": did you mean "protocol"' in result.stderr


def test_changes_are_nested_and_typed():
    changes = parse_changes(('bands.protocol=stringent', 'sp.overrides.kpoints_distance=0.5'))
    assert changes == {'bands': {'protocol': 'stringent'}, 'sp': {'overrides': {'kpoints_distance': 0.5}}}
    with pytest.raises(SystemExit):
        parse_changes(('protocol=fast',))


@pytest.mark.parametrize(
    ('key', 'value', 'text'),
    [
        ('energy_hartree', -1.25, 'energy -1.250000 hartree'),
        ('gap_ev', 3.0, 'gap 3.000 eV'),
        ('bulk_modulus_gpa', 160.04, 'bulk modulus 160.0 gpa'),
        ('n_imaginary', 0, 'n imaginary 0'),
        ('is_conducting', True, 'conducting'),
        ('is_conducting', False, ''),
    ],
)
def test_numbers_have_their_units(key, value, text):
    assert number(key, value) == text


def test_other_processes_are_no_sequences(cli):
    node = orm.WorkChainNode()
    node.set_process_label('CrystalBaseWorkChain')
    node.store()
    for command in (('pause',), ('resume',), ('skip', 'sp'), ('redo', '--from', 'sp')):
        result = cli('sequence', command[0], node.pk, *command[1:])
        assert result.exit_code == 1
        assert 'is a CrystalBaseWorkChain, not a sequence' in result.stderr


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (('--sequence', 'full_elektronic'), 'did you mean "full_electronic"'),
        (('--sequence', 'opt_sp', '--chain', 'scf'), '--chain and --sequence are both given'),
        (('--sequence', 'opt_sp', '--set', 'relax_type=cell'), '--set is for the arguments of one chain'),
        (('--chain', 'geopt', '--set', 'relax=cell'), 'this chain has no argument "relax": did you mean "relax_type"'),
        (('--chain', 'geopt', '--set', 'relax_type=volume'), 'CRYSTAL has no such optimisation'),
        (('--chain', 'bands'), 'a molecule has no band structure'),
        (('--max-running', '2', '--no-wait'), '--max-running needs this command to stay'),
    ],
)
def test_bad_option_is_explained(cli, tmp_path, arguments, reason):
    (tmp_path / 'h2.xyz').write_text(H2)
    result = cli('run', tmp_path / 'h2.xyz', *arguments)
    assert result.exit_code == 1, result.output
    assert reason in result.stderr


def test_files_that_cannot_be_read_are_told_of_one_by_one(cli, tmp_path):
    """None of them stops the command before all were looked at, and nothing is submitted for them."""
    (tmp_path / 'empty.cif').write_text('')
    (tmp_path / 'notes.txt').write_text('H2')
    result = cli('run', tmp_path / 'empty.cif', tmp_path / 'notes.txt', '--json')
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert (answer['n_files'], answer['n_not_submitted'], answer['n_finished']) == (2, 2, 0)
    assert 'the file is empty' in answer['files'][0]['reason']
    assert 'unknown kind of structure file' in answer['files'][1]['reason']


@pytest.mark.slow
@pytest.mark.daemon
@pytest.mark.standin
@pytest.mark.timeout(600)
def test_ten_materials_eight_finish(cli, started_daemon_client, tmp_path):
    """Molecules and crystals, a file that is cut off and one whose SCF fails: none stops another; then nothing runs."""
    (tmp_path / 'short.yaml').write_text(
        'steps:\n  - {name: sp, overrides: {max_iterations: 1}}\n  - {name: dos, needs: [sp]}\n'
    )
    for path in [*(EXAMPLES / 'campaign').iterdir(), EXAMPLES / 'CO.xyz']:
        shutil.copy(path, tmp_path)
    files = sorted([*tmp_path.glob('*.xyz'), *tmp_path.glob('*.cif')])
    assert len(files) == 10
    result = cli('run', *files, '--sequence', tmp_path / 'short.yaml', '--max-running', 2, '--json')
    assert result.exit_code == 2, result.output
    answer = json.loads(result.stdout)
    assert (answer['n_finished'], answer['n_failed'], answer['n_not_submitted']) == (8, 1, 1)
    states = {Path(entry['file']).name: entry for entry in answer['files']}
    assert states['LiH.cif']['steps'] == {'sp': 'finished', 'dos': 'finished'}
    assert states['H2O.xyz']['steps'] == {'sp': 'finished', 'dos': 'left out'}
    assert states['O3_apart.xyz']['reason'].startswith('The step "sp" <')
    assert 'broken.cif: not a readable CIF file' in states['broken.cif']['reason']

    again = json.loads(
        cli(
            'run', states['H2O.xyz']['file'], states['LiH.cif']['file'], '--sequence', tmp_path / 'short.yaml', '--json'
        ).stdout
    )
    assert [entry['finished_before'] for entry in again['files']] == [True, True]
    assert [entry['pk'] for entry in again['files']] == [states[name]['pk'] for name in ('H2O.xyz', 'LiH.cif')]
