"""``crystalmath why`` and ``crystalmath retry`` on work chains whose calculations play recorded failures."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory, WorkflowFactory
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.cli.why_story import attempts, attempts_along

pytestmark = pytest.mark.corpus

SCF = {'scf': {'shrink': {'is': 2, 'isp': 2}, 'maxcycle': 10, 'toldee': 7}}


def call(*arguments):
    from aiida.manage.manager import get_manager

    name = get_manager().get_profile().name
    return CliRunner().invoke(main, ['-p', name, *map(str, arguments)])


def submit(entry_point, **inputs):
    return run_get_node(WorkflowFactory(entry_point), **inputs)[1]


@pytest.fixture(scope='module')
def kept():
    """Hold the chain of this module; nothing changes it."""
    return {}


@pytest.fixture
def out_of_cycles(kept, replay, corpus, generate_inputs_crystal):
    """Return a base chain that gave up: its SCF ran out of cycles in both runs that it was allowed."""
    if kept:
        return kept['node']
    code = replay(replay.run(corpus / 'nio_scf_maxcyc', files={'fort.9': b'x'}), repeat=True)
    inputs = generate_inputs_crystal(parameters=SCF, code=code)
    kept['node'] = submit('crystalmath.crystal.base', crystal=inputs, max_iterations=orm.Int(2))
    return kept['node']


def test_one_screen_for_a_chain_that_gave_up(out_of_cycles):
    """Where it began, the line that shows it, what was tried and changed, and the command that goes on."""
    job = max(out_of_cycles.called, key=lambda child: child.pk)
    text = call('why', out_of_cycles.pk).stdout
    assert f'CrystalBaseWorkChain PK {out_of_cycles.pk}: failed, exit status 401' in text
    assert f'It began in iteration_02: Crystal23Calculation PK {job.pk}: exit status 410' in text
    assert '> 580 |  == SCF ENDED - TOO MANY CYCLES' in text
    assert f'What was tried in CrystalBaseWorkChain PK {out_of_cycles.pk}:' in text
    assert 'run 1: exit 410' in text and 'MAXCYCLE 10 -> 20' in text
    command = f'crystalmath retry {out_of_cycles.pk} --set MAXCYCLE=40'
    assert f'Next step: The SCF was on its way: more cycles, from its wavefunction.\n    {command}' in text
    assert len(text.splitlines()) < 50


def test_the_same_for_scripts(out_of_cycles):
    found = json.loads(call('why', out_of_cycles.pk, '--json').stdout)
    assert [level['process'] for level in found['path']] == ['CrystalBaseWorkChain', 'Crystal23Calculation']
    assert found['next_steps'][0]['command'] == f'crystalmath retry {out_of_cycles.pk} --set MAXCYCLE=40'
    assert found['recovery'][0]['actions'][0]['exit_status'] == 410
    assert found['explanation']['causes'][0]['name'] == 'scf_too_many_cycles'


def test_a_dry_run_shows_the_difference_and_submits_nothing(out_of_cycles):
    before = orm.QueryBuilder().append(orm.Node).count()
    text = call('retry', out_of_cycles.pk, '--dry-run').stdout
    assert f'Retry of CrystalBaseWorkChain PK {out_of_cycles.pk}: The SCF was on its way' in text
    assert '  MAXCYCLE: 10 -> 40' in text
    assert '(GUESSP)' in text
    found = json.loads(call('retry', out_of_cycles.pk, '--dry-run', '--json', '--set', 'FMIXING=70').stdout)
    assert found['changes'] == ['FMIXING=70']
    assert orm.QueryBuilder().append(orm.Node).count() == before


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        (['--set', 'FMIXNG=70'], 'did you mean FMIXING?'),
        (['--set', 'FMIXING=170'], 'less than or equal to 100'),
        (['--set', 'FMIXING=70', '--as-is'], 'Leave out one of them'),
        (['--code', 'nobody@nowhere'], 'no node "nobody@nowhere"'),
    ],
)
def test_what_cannot_be_retried_is_refused_before_anything_runs(out_of_cycles, arguments, says):
    result = call('retry', out_of_cycles.pk, *arguments)
    assert result.exit_code == 1 and says in result.stderr


def test_what_the_input_is_to_blame_for_is_left_to_a_person(replay, corpus, generate_inputs_crystal):
    """No command is offered, `retry` says what to do, and refuses to run the same into the same wall."""
    inputs = generate_inputs_crystal(parameters=SCF, code=replay(corpus / 'mgo100_itol_error'))
    node = submit('crystalmath.crystal.base', crystal=inputs)
    text = call('why', node.pk).stdout
    assert 'What to do:' in text and 'crystalmath retry' not in text
    result = call('retry', node.pk)
    assert result.exit_code == 1 and '--set KEYWORD=VALUE' in result.stderr


def test_a_part_of_properties_is_retried_alone(replay, corpus, generate_inputs_crystal):
    """The wavefunction is there: it is not computed again, and the new run has it as its input."""
    scf = replay.run(corpus / 'mgo_sto3g_scf', files={'fort.9': b'wavefunction'})
    inputs = generate_inputs_crystal(parameters=SCF, code=replay(scf))
    broken = replay.files(' ERROR **** init_properties_io **** Wavefunction file can not be found\n', exit_status=1)
    properties = {'code': replay.properties(broken, repeat=True)}
    structure = inputs.pop('structure')
    node = submit('crystalmath.crystal.bands', structure=structure, scf={'crystal': inputs}, properties=properties)
    assert node.exit_status == 424
    text = call('why', node.pk).stdout
    assert 'It began in properties: Crystal23PropertiesCalculation' in text
    assert 'init_properties_io' in text
    result = call('retry', node.pk, '--as-is', '--dry-run')
    assert 'From the wavefunction of' in result.stdout, result.output
    assert 'run of crystal: yes -> -' in result.stdout


def test_a_report_handed_on_is_told_once():
    """By the chain that made it, not again by those above."""
    outer, inner = orm.WorkChainNode().store(), orm.WorkChainNode().store()
    report = orm.Dict({'outcome': 'given_up', 'actions': [{'exit_status': 410}]}).store()
    for node, label in ((outer, 'recovery_reports__geopt'), (inner, 'recovery_report')):
        report.base.links.add_incoming(node, link_type=LinkType.RETURN, link_label=label)
    assert len(attempts(outer)) == 1
    (told,) = attempts_along([outer, inner])
    assert (told['pk'], told['report']) == (inner.pk, report.pk)


def test_a_sequence_is_taken_up_at_the_step_that_failed(replay, corpus, generate_structure, generate_basis_sets):
    """`why` names the step and the command, `retry` runs from there on; a change is left to the words of its file."""
    structure, code = generate_structure('MgO'), replay(corpus / 'mgo100_itol_error')
    generate_basis_sets(structure)  # installs the family
    chain = WorkflowFactory('crystalmath.crystal.sequence')
    steps = {'steps': [{'name': 'first', 'kind': 'sp'}]}
    builder = chain.get_builder_from_protocol(code, structure, 'fast', sequence=steps)
    node = run_get_node(builder)[1]
    assert not node.is_finished_ok
    text = call('why', node.pk).stdout
    assert f'crystalmath sequence redo {node.pk} --from first --set first.KEY=VALUE' in text
    result = call('retry', node.pk, '--as-is', '--dry-run')
    assert 'From step "first"; what finished well before it is taken as it is.' in result.stdout, result.output
    result = call('retry', node.pk, '--set', 'FMIXING=70')
    assert result.exit_code == 1 and 'crystalmath sequence redo' in result.stderr


@pytest.mark.parametrize(
    ('state', 'words', 'says'),
    [
        (
            'excepted',
            'ValueError: no such thing',
            ['It broke down with an exception: ValueError', 'verdi process report'],
        ),
        ('killed', None, ['It was killed']),
        ('waiting', None, ['The daemon is not running', 'verdi daemon start']),
    ],
)
@pytest.mark.usefixtures('stopped_daemon_client')
def test_processes_that_did_not_simply_end(state, words, says):
    node = orm.WorkChainNode(process_type='aiida.workflows:crystalmath.crystal.base')
    node.set_process_label('CrystalBaseWorkChain')
    node.store()
    node.set_process_state(state)
    if words:
        node.set_exception(f'Traceback\n{words}\n')
    text = call('why', node.pk).stdout
    for said in says:
        assert said in text


def test_a_paused_process_says_how_to_go_on():
    node = orm.WorkChainNode(process_type='aiida.workflows:crystalmath.crystal.base').store()
    node.set_process_state('waiting')
    node.pause()
    node.set_process_status('Pausing after failed transport task: submit_calculation failed 5 times consecutively')
    text = call('why', node.pk).stdout
    assert 'It is paused: Pausing after failed transport task' in text
    assert f'verdi process play {node.pk}' in text and f'verdi process kill {node.pk}' in text
    result = call('retry', node.pk)
    assert result.exit_code == 1 and f'verdi process play {node.pk}' in result.stderr


@pytest.mark.daemon
def test_a_retry_runs_in_the_daemon_and_is_linked(started_daemon_client, replay, corpus, generate_inputs_crystal):
    """From the failure to a good end by one command; both runs know of each other, and scripts get the numbers."""
    code = replay(replay.run(corpus / 'nio_scf_maxcyc', files={'fort.9': b'x'}), corpus / 'mgo_sto3g_scf')
    inputs = generate_inputs_crystal(parameters=SCF, code=code)
    failed = run_get_node(CalculationFactory('crystalmath.crystal23'), **inputs)[1]
    result = call('retry', failed.pk, '--set', 'LEVSHIFT=6 1', '--json')
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    new = orm.load_node(found['pk'])
    assert found['is_ok'] and found['retry']['changes'] == ['LEVSHIFT=6 1']
    assert new.base.extras.get('crystalmath_retry_of') == failed.uuid
    assert failed.base.extras.get('crystalmath_retries') == [new.uuid]
    assert 'LEVSHIFT\n6 1' in replay.decks[1] and 'GUESSP' in replay.decks[1]
