"""``crystalmath run --chain gw|bse`` and what shows its results, on recorded runs of pw.x and Yambo."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from click.testing import CliRunner
from yambo_parameters import G0W0

from aiida_crystalmath.cli import main, many_body
from aiida_crystalmath.cli.summaries.many_body import rows
from aiida_crystalmath.workflows.multicode.many_body import crystal_results_of
from aiida_crystalmath.workflows.retry import next_step

pytest.importorskip('aiida_quantumespresso')

TESTS = Path(__file__).parents[1]
PSEUDOS = Path('/usr/share/espresso/pseudo')
A = 10.2 * 0.529177210903
SILICON = f"""data_Si
_cell_length_a {A:.6f}
_cell_length_b {A:.6f}
_cell_length_c {A:.6f}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_Int_Tables_number 227
_symmetry_space_group_name_H-M 'F d -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Si1 Si 0 0 0
"""
RECORDED = """
gw_parameters: &gw
  valence_bands: 3
  conduction_bands: 3
  exchange_cutoff_ry: 12
  screening_bands: 30
  response_block_ry: 2
"""
RECORDED_BSE = f"""{RECORDED}
bse_parameters:
  valence_bands: 3
  conduction_bands: 3
  exchange_cutoff_ry: 8
  screened_cutoff_ry: 2
  screening_bands: 30
  response_block_ry: 2
  write_wavefunctions: true
"""
CUTOFF = ('--set', 'cutoff_ry=16')


@pytest.fixture
def call(aiida_profile_clean):
    """Return a function that calls the command in the test profile."""

    def command(*arguments):
        return CliRunner().invoke(main, ['-p', aiida_profile_clean.name, *map(str, arguments)])

    return command


@pytest.fixture
def silicon(tmp_path):
    path = tmp_path / 'Si.cif'
    path.write_text(SILICON)
    return path


def program(folder: Path, name: str, command: str) -> Path:
    """Write an executable that plays recorded runs."""
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def codes(call, yambo, yambo_corpus, aiida_code_installed, tmp_path):
    """Set up codes of all four programs, labelled by their names."""
    path = program(tmp_path, 'pw.x', f'{TESTS / "mock" / "pw_replay.py"} {yambo_corpus}')
    made = {name: yambo.code(name, label=name) for name in ('p2y', 'yambo', 'ypp')}
    made['pw'] = aiida_code_installed(
        label='pw',
        default_calc_job_plugin='quantumespresso.pw',
        computer=made['p2y'].computer,
        filepath_executable=str(path),
        with_mpi=False,
    )
    return made


@pytest.fixture
def family(call):
    """Return a factory of families of pseudopotentials of silicon, of Debian's quantum-espresso-data."""
    from aiida_pseudo.data.pseudo.upf import UpfData
    from aiida_pseudo.groups.family import PseudoPotentialFamily

    def factory(label='LDA', name='Si.pz-vbc.UPF'):
        if not (PSEUDOS / name).is_file():
            pytest.skip(f'{PSEUDOS / name} is not there: it comes with quantum-espresso-data')
        made = PseudoPotentialFamily(label=label).store()
        with (PSEUDOS / name).open('rb') as handle:
            made.add_nodes([UpfData(handle, filename=name).store()])
        return made

    return factory


def options(**changes):
    names = ('code', 'protocol', 'overrides', 'n_mpi', 'walltime', 'max_memory_gb', *many_body.OPTION_NAMES)
    return {**dict.fromkeys(names), 'arguments': ('cutoff_ry=16',), **changes}


def n_nodes() -> int:
    return orm.QueryBuilder().append(orm.Data, filters={'node_type': {'!like': 'data.core.code.%'}}).count()


# ------------------------------------------------------------------------------------------------ what is refused


def test_codes_that_are_missing_are_named_with_what_sets_them_up(call, silicon):
    result = call('run', silicon, '--chain', 'bse')
    assert result.exit_code == 1
    assert 'pw.x (quantumespresso.pw), p2y (crystalmath.p2y), yambo (crystalmath.yambo)' in result.stderr
    assert 'crystalmath setup code COMPUTER pw.x p2y yambo' in result.stderr
    assert n_nodes() == 0


def test_libraries_that_are_missing_are_named_with_the_extra(call, silicon, monkeypatch):
    monkeypatch.setattr(many_body, 'find_spec', lambda name: None if name == 'h5py' else object())
    result = call('run', silicon, '--chain', 'gw')
    assert result.exit_code == 1
    assert '--chain gw needs h5py, which is not installed.' in result.stderr
    assert 'pip install "aiida-crystalmath[yambo]"' in result.stderr


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (('--metal',), '--metal does not go with --chain gw: these chains are for insulators without spin'),
        (('--moment', 'Si=1'), '--moment does not go'),
        (('--resources', 'auto'), 'knows the costs of CRYSTAL only'),
        (('--pw-code', 'yambo@localhost'), 'is a code of crystalmath.yambo, not of quantumespresso.pw'),
        (('--pw-code', 'nope'), '--pw-code: no code "nope"'),
        (('--code', 'crystal@localhost'), 'names the code of CRYSTAL, which runs nothing here'),
        (('--set', 'crystal_chain=3'), 'has no argument "crystal_chain"'),
        (('--set', 'cutoff_ry=much'), '--set cutoff_ry=much: write a number.'),
        (('--set', 'relax_type=melt'), 'relax_type "melt" is not known'),
        (('--pseudo-family', 'nope'), 'no Group found with LABEL<nope>'),
    ],
)
def test_bad_option_is_explained_and_stores_nothing(call, silicon, codes, arguments, reason):
    before = n_nodes()
    result = call('run', silicon, '--chain', 'gw', *arguments)
    assert result.exit_code == 1, result.output
    assert reason in result.stderr
    assert n_nodes() == before


def test_file_or_finished_run(call, silicon):
    assert call('run').exit_code == 2
    assert 'not both' in call('run', silicon, '--from', '1', '--chain', 'gw').stderr
    assert '--from: only for --chain gw and --chain bse.' in call('run', '--from', '1').stderr
    assert '--yambo-code: only for' in call('run', silicon, '--yambo-code', 'x').stderr


def test_pseudopotentials_are_chosen_only_where_it_is_clear(call, silicon, codes, family):
    def said(*arguments):
        result = call('run', silicon, '--chain', 'gw', *arguments)
        assert result.exit_code == 1, result.output
        return result.stderr

    family('ultrasoft', 'Si.pbe-nl-rrkjus_psl.1.0.0.UPF')
    assert '"ultrasoft": Si is USPP, not norm-conserving' in said()
    assert 'aiida-pseudo install family FOLDER LABEL -P pseudo.upf' in said()
    assert 'and these are not: Si (USPP)' in said('--pseudo-family', 'ultrasoft')
    family('LDA')
    assert 'family "LDA" recommends no cutoff' in said()
    family('LDA-too')
    assert 'several families of pseudopotentials: LDA, LDA-too.' in said(*CUTOFF)


@pytest.mark.usefixtures('codes')
def test_several_codes_and_several_computers(call, silicon, yambo, aiida_computer_local, aiida_code_installed):
    yambo.code('p2y', label='p2y-too')
    result = call('run', silicon, '--chain', 'gw')
    assert 'several codes for p2y: ' in result.stderr
    assert 'Choose one with --p2y-code.' in result.stderr
    aiida_code_installed(
        label='far',
        default_calc_job_plugin='crystalmath.p2y',
        computer=aiida_computer_local(label='elsewhere'),
        filepath_executable='/bin/true',
    )
    result = call('run', silicon, '--chain', 'gw', '--p2y-code', 'far@elsewhere')
    assert 'the codes are not on one computer' in result.stderr
    assert 'p2y on elsewhere' in result.stderr


def test_overrides_that_nobody_reads_are_refused(call, silicon, codes, family, tmp_path):
    family()
    path = tmp_path / 'o.yaml'
    path.write_text('energies: none\n')
    result = call('run', silicon, '--chain', 'bse', *CUTOFF, '--overrides', path)
    assert result.exit_code == 1
    assert 'overrides: "energies" is not taken from there' in result.stderr


# ------------------------------------------------------------------------------------------------ what is made


def test_builder_has_what_was_asked_for(call, silicon, codes, family, tmp_path):
    from aiida_crystalmath.cli.repeats import stored_structure

    family()
    structure = stored_structure(silicon)
    path = tmp_path / 'o.yaml'
    path.write_text('bse_parameters:\n  write_wavefunctions: true\nlist_excitons: false\n')
    given = ('cutoff_ry=16', 'energies=scissor', 'scissor_ev=0.7')
    builder = many_body.make_builder(
        structure, 'bse', options(arguments=given, overrides=path, protocol='balanced', n_mpi=2, walltime=60)
    )
    assert builder.structure.uuid == structure.uuid
    assert {name: code.label for name, code in builder.codes.items()} == {name: name for name in codes}
    assert (builder.energies.value, builder.scissor_ev.value) == ('scissor', 0.7)
    assert 'gw_parameters' not in builder._inputs(prune=True)
    assert builder.list_excitons.value is False
    assert builder.kpoints_distance.value == 0.35
    assert builder.scf.pw.parameters['SYSTEM']['ecutwfc'] == 16.0
    resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 2}
    for job in (builder.scf.pw, builder.nscf.pw, builder.p2y, builder.bse['yambo']):
        assert job['metadata']['options']['resources'] == resources
        assert job['metadata']['options']['max_wallclock_seconds'] == 60


def test_excitons_that_need_ypp_need_its_code(call, silicon, codes, family, tmp_path):
    family()
    codes['ypp'].is_hidden = True
    path = tmp_path / 'o.yaml'
    path.write_text('bse_parameters:\n  write_wavefunctions: true\n')
    result = call('run', silicon, '--chain', 'bse', *CUTOFF, '--overrides', path)
    assert result.exit_code == 1
    assert 'leaves the list of excitons to ypp' in result.stderr


def test_a_finished_single_point_gives_structure_and_gap(aiida_profile_clean, generate_structure, fixture_code):
    """Its structure is an input only, as nothing was optimised."""
    from aiida.common.links import LinkType

    structure, results = generate_structure('Si').store(), orm.Dict({'gap_ev': 1.0}).store()
    node = orm.WorkChainNode()
    node.base.links.add_incoming(structure, LinkType.INPUT_WORK, 'crystal__structure')
    node.store()
    results.base.links.add_incoming(node, LinkType.RETURN, 'output_parameters')
    node.set_process_state('finished')
    node.set_exit_status(0)
    found, given = crystal_results_of(node)
    assert found.uuid == structure.uuid
    assert given['parameters'].uuid == results.uuid


# ------------------------------------------------------------------------------------------------ what is shown


def test_table_of_gaps(aiida_profile_clean, generate_calc_job_node):
    """Each with the calculations that it is from; functions of ours that handed it on are not told."""
    from rich.console import Console

    from aiida_crystalmath.cli.summaries.gaps import gaps_table, with_pks

    job = generate_calc_job_node('crystalmath.yambo', {}, {})
    passed_on = {'uuid': orm.Dict({}).store().uuid, 'creator': 'quasiparticle_edges', 'creator_uuid': 'gone'}
    source = {'uuid': orm.Dict({}).store().uuid, 'creator': 'YamboCalculation', 'creator_uuid': job.uuid}
    row = {
        'quantity': 'qp_gap',
        'value_ev': 1.02112,
        'kind': 'indirect',
        'kpoints': {'vbm': [[0, 0, 0]], 'cbm': [[0, -0.5, -0.5]]},
        'n_kpoints': 8,
        'code': 'yambo',
        'sources': [passed_on, source],
    }
    other = {'quantity': 'crystal_gap', 'value_ev': 2.0, 'code': 'STAND-IN', 'method': 'PBE', 'sources': [passed_on]}
    content = {'rows': [row, other], 'warnings': ['the gap is direct for CRYSTAL'], 'missing': {}}
    out = Console(width=140, record=True, file=io.StringIO())
    out.print(gaps_table(content))
    lines = [line.rstrip() for line in out.export_text().splitlines()]
    assert lines[1].split('  ')[0] == 'quasi-particle'
    assert '1.021  indirect  (0 0 0) → (0 -0.5 -0.5)   8  yambo' in lines[1]
    assert lines[1].endswith(f'Yambo {job.pk}')
    assert 'STAND-IN' in lines[2]
    assert lines[3] == '! the gap is direct for CRYSTAL'
    known = with_pks(content)['rows'][0]['sources']
    assert known[1]['creator_pk'] == job.pk
    assert 'creator_pk' not in known[0]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_show_plot_and_watch(call, silicon, codes, family, tmp_path):
    """Of a chain that plays recorded runs: each gap with what computed it."""
    from aiida_crystalmath.cli.repeats import stored_structure

    family()
    path = tmp_path / 'o.yaml'
    path.write_text(RECORDED)
    builder = many_body.make_builder(stored_structure(silicon), 'gw', options(overrides=path))
    node = run_get_node(builder)[1]
    assert node.is_finished_ok, node.exit_message
    text = call('show', node.pk).stdout
    assert f'YamboGWWorkChain PK {node.pk}: finished well' in text
    job = next(one for one in node.called_descendants if one.process_label == 'YamboCalculation')
    (line,) = [line for line in text.splitlines() if line.startswith('quasi-particle, direct')]
    assert line.split()[2:4] == ['3.077', 'direct']
    assert f'Yambo {job.pk}' in line
    assert '% from the input' not in text  # the primitive cell of what was given: nothing was squeezed
    assert f'crystalmath plot {node.pk}' in text
    told = json.loads(call('show', node.pk, '--json').stdout)
    found = {row['quantity']: row for row in told['comparison']['rows']}
    assert found['qp_gap']['value_ev'] == pytest.approx(1.0211, abs=1e-4)
    assert job.pk in [source.get('creator_pk') for source in found['qp_gap']['sources']]
    assert found['dft_gap']['n_kpoints'] == 8
    assert told['comparison']['missing']['crystal_gap'] == 'nothing of crystal was given'
    assert told['outputs']['comparison'] == node.outputs.comparison.pk
    drawn = call('plot', node.pk, '-o', tmp_path / 'pictures')
    assert drawn.exit_code == 0, drawn.output
    assert sorted(file.name for file in (tmp_path / 'pictures').iterdir()) == [
        f'Si_{node.pk}_quasiparticle_bands.png',
        f'Si_{node.pk}_quasiparticles.png',
    ]
    assert f'done    gw: YamboBaseWorkChain PK {job.caller.pk}' in call('watch', node.pk, '--once').stdout


def test_labels_of_estimates_and_of_the_stand_in(aiida_profile_clean):
    from aiida.common.links import LinkType

    told = {'engine': 'STAND-IN', 'gap_ev': 2.0}
    scissor = {'scissor_ev': 0.7, 'label': 'estimated: fundamental gap of STAND-IN (PBE0) minus that of pw.x'}
    node = orm.WorkChainNode()
    node.base.links.add_incoming(orm.Dict(told).store(), LinkType.INPUT_WORK, 'crystal_results__parameters')
    node.base.links.add_incoming(orm.Str('crystal_gap').store(), LinkType.INPUT_WORK, 'energies')
    node.store()
    summary = {'pk': node.pk, 'outputs': {'scissor': orm.Dict(scissor).store().pk}, 'results': {}}
    shown = {name: value for name, value, _ in rows(summary)}
    assert shown['begins with'] == 'a finished run of STAND-IN (PySCF), not CRYSTAL'
    assert shown['built on'] == 'DFT and a scissor of 0.700 eV'
    assert shown['scissor'] == scissor['label']
    limit = {'gap_direct_ev': 3.1, 'model': 'a + b / x', 'note': 'the limit of a fit: no program computed it'}
    series = {'parameter': 'bands', 'values': [1, 2, 3], 'is_converged': False, 'extrapolated': limit}
    other = {**summary, 'results': {'threshold_ev': 0.05, 'series': [series]}}
    shown = {name: value for name, value, _ in rows(other)}
    assert shown['bands'].startswith('not converged to 0.05 eV')
    assert shown['bands, limit'] == '3.100 eV, EXTRAPOLATED by a + b / x: the limit of a fit: no program computed it'


@pytest.mark.timeout(120)
def test_why_tells_yambos_failure_and_no_remedy_of_crystal(call, yambo):
    """404 is CRYSTAL's number of a run that was cut short, too, and its remedy would be wrong here."""
    yambo.kill(3)
    builder = WorkflowFactory('crystalmath.yambo.base').get_builder()
    builder.yambo.code, builder.yambo.parent_folder = yambo.code('yambo'), yambo.save()
    builder.yambo.parameters, builder.max_iterations = G0W0, orm.Int(1)
    node = run_get_node(builder)[1]
    assert node.exit_status == 401
    text = call('why', node.pk).stdout
    assert 'exit status 404, The program was stopped from outside' in text
    assert 'What to do: Go on from its databases (`restart_folder`)' in text
    assert next_step(node)[1].reason == 'It was stopped from outside: the same again.'
    assert not [word for word in ('GUESSP', 'wavefunction', 'densities') if word in text]
    assert json.loads(call('why', node.pk, '--json').stdout)['diagnoses'][0]['name'] == 'interrupted'


@pytest.mark.timeout(120)
def test_why_tells_the_last_words_of_a_program_that_left_nothing(call, yambo):
    builder = WorkflowFactory('crystalmath.yambo.base').get_builder()
    builder.yambo.code, builder.yambo.parent_folder = yambo.code('yambo'), yambo.save()
    builder.yambo.parameters = {'kind': 'hf', 'exchange_cutoff_ry': 1, 'qp_kpoints': [1, 1], 'qp_bands': [1, 1]}
    node = run_get_node(builder)[1]
    assert node.exit_status == 303
    text = call('why', node.pk).stdout
    assert 'REPLAY: there is no recording of this' in text
    assert text.count('Look at what the scheduler wrote') == 1


# ------------------------------------------------------------------------------------------------ all of it, for real


@pytest.mark.slow
@pytest.mark.daemon
@pytest.mark.standin
@pytest.mark.timeout(900)
def test_as_the_howto_says(tmp_path_factory, yambo_corpus):
    """The commands of docs/howto/gw_bse.md, in processes of their own, with a daemon, on replayed programs."""
    import importlib.util
    import tempfile

    if not (PSEUDOS / 'Si.pz-vbc.UPF').is_file():
        pytest.skip(f'{PSEUDOS} is not there: it comes with quantum-espresso-data')
    spec = importlib.util.spec_from_file_location('end_to_end', Path(__file__).with_name('test_end_to_end.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = Path(tempfile.mkdtemp(prefix='cm-'))  # short, for the broker's sockets
    home = module.Home(folder)
    (folder / 'replay' / 'calls').mkdir(parents=True)
    mock = TESTS / 'mock'
    programs = [program(folder, 'pw.x', f'{mock / "pw_replay.py"} {yambo_corpus}')]
    for name in ('p2y', 'yambo', 'ypp'):
        programs.append(program(folder, name, f'{mock / "yambo_replay.py"} {name} {folder / "replay"} {yambo_corpus}'))
    (folder / 'pseudos').mkdir()
    shutil.copyfile(PSEUDOS / 'Si.pz-vbc.UPF', folder / 'pseudos' / 'Si.pz-vbc.UPF')
    (folder / 'Si.cif').write_text(SILICON)
    (folder / 'recorded.yaml').write_text(RECORDED)
    (folder / 'recorded_bse.yaml').write_text(RECORDED_BSE)
    try:
        assert home('quickstart').returncode == 0
        answer = home('setup', 'code', 'localhost', '--no-mpi', *map(str, programs))
        assert answer.returncode == 0, answer.stderr
        assert 'Next: crystalmath run X.cif --chain gw' in answer.stdout
        install = ('-p', 'crystalmath', 'install', 'family', 'pseudos', 'LDA', '-P', 'pseudo.upf')
        answer = home(*install, program='aiida-pseudo')
        assert answer.returncode == 0, answer.stderr

        point = json.loads(home('run', 'Si.cif', '--chain', 'scf', '--json').stdout)
        command = ('--chain', 'gw', '--overrides', 'recorded.yaml', *CUTOFF)
        answer = home('run', '--from', str(point['pk']), *command, '--json', timeout=300)
        assert answer.returncode == 0, answer.stderr
        gw = json.loads(answer.stdout)
        found = {row['quantity']: row for row in gw['comparison']['rows']}
        assert found['crystal_gap']['code'] == 'STAND-IN'
        assert found['crystal_gap']['value_ev'] == pytest.approx(point['results']['gap_ev'])
        assert any('STAND-IN' in line for line in gw['comparison']['warnings'])

        command = ('--chain', 'bse', '--overrides', 'recorded_bse.yaml', *CUTOFF)
        answer = home('run', 'Si.cif', *command, '--json', timeout=400)
        assert answer.returncode == 0, answer.stderr
        bse = json.loads(answer.stdout)
        found = {row['quantity']: row['value_ev'] for row in bse['comparison']['rows']}
        assert found['optical_gap'] == pytest.approx(2.95893621)  # o-bse.exc_qpt1_E_sorted
        assert found['exciton_binding_energy'] == pytest.approx(found['qp_gap_direct'] - found['optical_gap'])
        again = home('run', 'Si.cif', *command)
        assert f'PK {bse["pk"]}: nothing is repeated' in again.stderr
        assert 'quasi-particle energies (GW)' in again.stdout
        answer = home('plot', str(bse['pk']), '-o', 'pictures')
        assert answer.returncode == 0, answer.stderr
        assert (folder / 'pictures' / f'Si_{bse["pk"]}_absorption.png').stat().st_size > 10_000
    finally:
        home('-p', 'crystalmath', 'daemon', 'stop', program='verdi')
        shutil.rmtree(folder, ignore_errors=True)
