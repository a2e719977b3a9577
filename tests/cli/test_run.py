"""What ``crystalmath run`` refuses, and that it then leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.cli.chains import make_builder
from aiida_crystalmath.cli.repeats import fingerprint_of, stored_structure
from aiida_crystalmath.data.basis_family import BasisSetFamily
from aiida_crystalmath.workflows.resources import suggest_resources

EXAMPLES = Path(__file__).parents[2] / 'examples'
MGO = str(EXAMPLES / 'MgO.cif')
DECK = 'H2\nMOLECULE\n1\n2\n1 0 0 0\n1 0 0 0.74\nEND\n1 1\n1 0 3 1. 0.\n99 0\nEND\nTOLDEE\n8\nEND\n'


@pytest.fixture(scope='module')
def clean_profile(aiida_profile):
    """Return the test profile without what other tests left, such as further codes."""
    aiida_profile.reset_storage()
    return aiida_profile


@pytest.fixture
def cli(clean_profile, crystal_code, properties_code):
    """Return a function that calls the command in the test profile, where the stand-in's codes are."""
    for family in ('sto-3g', 'pob-tzvp-rev2'):
        BasisSetFamily.create_from_library(family)

    def call(*arguments: str):
        return CliRunner().invoke(main, ['-p', clean_profile.name, *map(str, arguments)])

    return call


def n_nodes() -> int:
    """Count everything stored but codes."""
    return orm.QueryBuilder().append(orm.Data, filters={'node_type': {'!like': 'data.core.code.%'}}).count()


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('empty.cif', b'', 'empty.cif: the file is empty'),
        ('binary.cif', bytes(range(256)) * 8, 'binary.cif: this is not a text file'),
        ('notes.txt', b'MgO', 'notes.txt: unknown kind of structure file; use .cif'),
        ('overlap.xyz', b'2\n\nO 0 0 0\nO 0 0 0.01\n', 'overlap.xyz: atoms 1 (O) and 2 (O) are only'),
        ('bad.d12', b'title\nNONSENSE\n', 'bad.d12: line 2'),
        (
            'external.d12',
            b'title\nEXTERNAL\nEND\n99 0\nEND\nEND\n',
            'external.d12: line 2: EXTERNAL takes the geometry',
        ),
    ],
)
def test_bad_file_is_one_line_and_stores_nothing(cli, tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    before = n_nodes()
    result = cli('run', tmp_path / name)
    assert result.exit_code == 1, result.output
    assert result.stdout == ''
    assert f'Error: {reason}' in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert n_nodes() == before


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (('--protocol', 'sloppy'), 'unknown protocol "sloppy"'),
        (('--moment', 'Fe=2'), 'the structure has no kind "Fe"'),
        (('--moment', 'Mg'), '--moment Mg: write KIND=MOMENT'),
        (('--code', 'nope'), 'no code "nope"'),
        (('--chain', 'deck'), 'MgO.cif is a structure'),
        (('--chain', 'slab'), 'this chain needs --set miller=... (Sequence[int]) and --set layers=...'),
        (('--chain', 'slab', '--set', 'miller=3', '--set', 'layers=2'), 'takes miller: Sequence[int]; layers:'),
        (('--chain', 'eos', '--set', 'scale_factors=abc'), '--set scale_factors=abc: must be positive numbers'),
        (('--chain', 'counterpoise', '--set', 'fragments=[1]'), 'takes fragments: Mapping['),
        (('--chain', 'frequencies', '--set', 'raman=maybe'), 'write raman=true or raman=false'),
        (('--chain', 'magnetic'), 'Give moments, for example Fe=2 (--moment Fe=2)'),
        (('--resources', 'auto', '--walltime', '60'), '--resources auto and --walltime are both given'),
        (('--resources', 'auto', '--chain', 'phonons'), 'jobs on its supercells are larger'),
        (('--resources', 'auto', '--chain', 'quasi_harmonic'), 'a run over many volumes takes longer'),
        (
            ('--resources', 'auto', '--chain', 'slab', '--set', 'miller=[0,0,1]', '--set', 'layers=2'),
            'slabs of it are larger',
        ),
    ],
)
def test_bad_option_is_explained_and_stores_nothing(cli, arguments, reason):
    before = n_nodes()
    result = cli('run', MGO, *arguments)
    assert result.exit_code == 1, result.output
    assert reason in result.stderr
    assert n_nodes() == before


OPTIONS = {
    **dict.fromkeys(('code', 'properties_code', 'protocol', 'overrides', 'sequence', 'n_mpi', 'walltime')),
    **dict.fromkeys(('moments', 'arguments'), ()),
    'max_memory_gb': None,
    'metal': False,
    'resources': 'auto',
}


def test_resources_are_those_suggested(cli, generate_structure):
    structure = generate_structure('LiH')
    chain = make_builder(Path('LiH.cif'), structure, 'geopt', {**OPTIONS, 'protocol': 'balanced'})
    basis_sets = BasisSetFamily.collection.get(label='pob-tzvp-rev2').get_basis_sets(structure=structure)
    suggested = suggest_resources(
        structure, basis_sets, 'OPT', code=chain.base.crystal.code, kpoints_distance=chain.base.kpoints_distance.value
    )
    options = chain.base.crystal.metadata['options']
    assert options['max_wallclock_seconds'] == suggested.walltime_s != 43200

    sequence = make_builder(Path('LiH.cif'), structure, 'opt_sp', {**OPTIONS, 'sequence': 'opt_sp'})
    assert sequence.sequence['sequence']['defaults']['options'] == 'auto'


def test_resources_of_a_deck_are_not_suggested(cli, tmp_path):
    (tmp_path / 'h2.d12').write_text(DECK)
    result = cli('run', tmp_path / 'h2.d12', '--resources', 'auto')
    assert result.exit_code == 1
    assert 'for a .d12 as it stands use --walltime' in result.stderr


def test_a_node_that_is_not_there(cli):
    result = cli('show', '999999')
    assert result.exit_code == 1
    assert 'there is no node "999999" in this profile' in result.stderr


@pytest.mark.parametrize('arguments', [('--walltime', '-5'), ('--mpi', '0'), ('--max-memory-gb', '0')])
def test_limits_must_be_positive(cli, arguments):
    result = cli('run', MGO, *arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        ('bogus: 1\n', 'unknown key "bogus"'),
        ('scf: {crystal: {parameters: {scf: {tolldee: 5}}}}\n', "did you mean 'toldee'?"),
        ('scf: [1', 'not valid YAML'),
        ('- 1\n', 'expected a mapping'),
    ],
)
def test_bad_overrides(cli, tmp_path, content, reason):
    path = tmp_path / 'changes.yaml'
    path.write_text(content)
    result = cli('run', MGO, '--overrides', path)
    assert result.exit_code == 1, result.output
    assert reason in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_element_missing_in_the_family(cli, tmp_path):
    (tmp_path / 'xe.xyz').write_text('1\n\nXe 0 0 0\n')
    result = cli('run', tmp_path / 'xe.xyz', '--protocol', 'balanced')
    assert result.exit_code == 1
    assert 'pob-tzvp-rev2' in result.stderr
    assert 'Xe' in result.stderr


def test_no_code_at_all(aiida_profile_clean):
    result = CliRunner().invoke(main, ['-p', aiida_profile_clean.name, 'run', MGO])
    assert result.exit_code == 1
    assert 'no code for the program crystal' in result.stderr
    assert 'crystalmath quickstart' in result.stderr


def test_two_codes_must_be_chosen_from(aiida_profile_clean, aiida_code_installed):
    for label in ('one', 'two'):
        aiida_code_installed(
            label=label, default_calc_job_plugin='crystalmath.crystal23', filepath_executable='/bin/true'
        )
    result = CliRunner().invoke(main, ['-p', aiida_profile_clean.name, 'run', MGO])
    assert result.exit_code == 1
    assert 'one@localhost, two@localhost' in result.stderr
    assert '--code' in result.stderr


@pytest.mark.parametrize('named', [True, False])
def test_code_whose_program_is_gone(aiida_profile_clean, aiida_code_installed, tmp_path, named):
    program = tmp_path / 'crystal'
    aiida_code_installed(
        label='moved', default_calc_job_plugin='crystalmath.crystal23', filepath_executable=str(program)
    )
    arguments = ['--code', 'moved@localhost'] if named else []
    result = CliRunner().invoke(main, ['-p', aiida_profile_clean.name, 'run', MGO, *arguments])
    assert result.exit_code == 1
    assert f'{program}' in result.stderr
    assert 'is not there any more' in result.stderr
    assert 'crystalmath quickstart' in result.stderr


@pytest.mark.parametrize(
    'options', [('--protocol', 'fast'), ('--moment', 'H=1'), ('--metal',), ('--protocol', 'fast', '--metal')]
)
def test_a_deck_as_it_stands_takes_no_options_of_a_protocol(cli, tmp_path, options):
    (tmp_path / 'h2.d12').write_text(DECK)
    result = cli('run', tmp_path / 'h2.d12', '--chain', 'deck', *options)
    assert result.exit_code == 1
    assert options[0] in result.stderr


@pytest.mark.parametrize(
    ('asked', 'chain'), [({}, 'deck'), ({'protocol': 'fast'}, 'characterise'), ({'chain': 'scf'}, 'scf')]
)
def test_default_chain_of_a_deck(tmp_path, asked, chain):
    from aiida_crystalmath.cli.run import choose_chain

    options = {'chain': None, 'protocol': None, 'moments': (), 'metal': False, 'overrides': None}
    assert choose_chain(tmp_path / 'h2.d12', {**options, **asked}) == chain


def test_a_file_is_stored_once(tmp_path):
    path = tmp_path / 'h2.xyz'
    path.write_text('2\n\nH 0 0 0\nH 0 0 0.741\n')
    first, again = stored_structure(path), stored_structure(path)
    assert first.uuid == again.uuid
    path.write_text('2\n\nH 0 0 0\nH 0 0 0.75\n')
    assert stored_structure(path).uuid != first.uuid


def test_fingerprint_changes_with_what_is_asked(crystal_code, generate_structure, tmp_path):
    from aiida_crystalmath.cli.deck_builder import builder_from_deck

    path = tmp_path / 'h2.d12'

    def fingerprint(text: str) -> str:
        path.write_text(text)
        builder = builder_from_deck(path, generate_structure('H2').store(), crystal_code, None)
        builder.crystal.structure = structure
        return fingerprint_of(builder, 'deck')

    structure = generate_structure('H2').store()
    assert fingerprint(DECK) == fingerprint(DECK)
    assert fingerprint(DECK) != fingerprint(DECK.replace('TOLDEE\n8', 'TOLDEE\n9'))
