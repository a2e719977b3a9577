"""``crystalmath campaign``: which files become items, and what people are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from click.testing import CliRunner

from aiida_crystalmath.calculations import one_worker
from aiida_crystalmath.cli import campaign as cli_campaign
from aiida_crystalmath.cli import main
from aiida_crystalmath.cli.campaign_files import RECIPE, add_files, default_name, repeat_failed, same_as_before
from aiida_crystalmath.cli.repeats import FINGERPRINT
from aiida_crystalmath.machines.checks.campaigns import check
from aiida_crystalmath.tracking import items
from aiida_crystalmath.tracking.campaign import ADDING, Campaign

DECK = 'H2\nMOLECULE\n1\n2\n1 0 0 0\n1 0 0 {z}\nEND\n1 1\n1 0 3 1. 0.\n99 0\nEND\nTOLDEE\n8\nEND\n'
OPTIONS = {
    **dict.fromkeys(('code', 'properties_code', 'protocol', 'overrides', 'sequence', 'n_mpi', 'walltime', 'chain')),
    **dict.fromkeys(('moments', 'arguments'), ()),
    **dict.fromkeys(('max_memory_gb', 'resources', 'kind', 'priority')),
    'metal': False,
    'again': False,
}


@pytest.fixture
def cli(aiida_profile_clean, crystal_code):
    """Return a function that calls ``crystalmath campaign`` in the test profile."""
    name = aiida_profile_clean.name
    return lambda *arguments: CliRunner().invoke(main, ['-p', name, 'campaign', *map(str, arguments)])


@pytest.fixture
def decks(tmp_path) -> list[Path]:
    paths = [tmp_path / f'h{number}.d12' for number in range(3)]
    for number, path in enumerate(paths):
        path.write_text(DECK.format(z=0.7 + number / 100))
    return paths


def add(campaign: Campaign, files: list[Path], **options: object) -> dict:
    return add_files(campaign, 'none', files, {**OPTIONS, **options})


def test_a_file_is_one_item(cli, decks):
    """Given again it is left alone, or put where it is asked to be; what failed is taken once more."""
    campaign = Campaign.make('h2')
    assert add(campaign, decks) == {'added': 3, 'finished before': 0, 'in it already': 0, 'refused': {}}
    assert [(item.label, item.kind, item.priority) for item in campaign.items()] == [
        (path.name, 'deck', 0) for path in decks
    ]
    assert add(campaign, decks[:1], priority=4, kind='urgent')['in it already'] == 1
    first, second, _ = campaign.items()
    assert (first.kind, first.priority, second.kind) == ('urgent', 4, 'deck')

    campaign.note(second, state=items.FAILED, reason='no luck')
    assert add(campaign, decks)['added'] == 1
    assert [item.label for item in campaign.items()] == ['h0.d12', 'h2.d12', 'h1.d12']
    process, inputs = items.load_inputs(campaign.items()[-1])
    assert process.__name__ == 'CrystalBaseWorkChain'
    assert items.load_extras(campaign.items()[-1]) == {FINGERPRINT: second.key}
    assert inputs['crystal']['parameters'].get_dict()['scf']['toldee'] == 8


def test_the_same_file_from_two_folders_is_one_item(cli, decks, tmp_path):
    copy = tmp_path / 'copy' / decks[0].name
    copy.parent.mkdir()
    copy.write_text(decks[0].read_text())
    campaign = Campaign.make('h2')
    counts = add(campaign, [decks[0], copy])
    assert (counts['added'], counts['in it already']) == (1, 1)
    campaign.note(campaign.items()[0], state=items.FAILED)
    counts = add(campaign, [decks[0], copy])
    assert (counts['added'], counts['in it already']) == (1, 1)
    assert len(campaign.items()) == 1


def test_a_command_that_is_stopped_replaces_nothing_by_halves(cli, decks, monkeypatch):
    campaign = Campaign.make('h2')
    add(campaign, decks[:1])
    failed = campaign.note(campaign.items()[0], state=items.FAILED)

    def stop(self, *_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Campaign, 'note', stop)
        with pytest.raises(KeyboardInterrupt):
            add(campaign, decks[:1])
    assert campaign.items() == [failed]
    assert add(campaign, decks[:1])['added'] == 1
    assert [item.state for item in campaign.items()] == [items.WAITING]


def test_what_is_missing_is_found_out_with_nobody_else_at_it(cli, decks, monkeypatch):
    """Two commands at once would each add what the other does."""
    campaign = Campaign.make('h2')
    looks = []
    look = Campaign.look

    def watched(self, *states):
        looks.append(one_worker.is_claimed_here(ADDING + self.pk))
        return look(self, *states)

    monkeypatch.setattr(Campaign, 'look', watched)
    add(campaign, decks[:1])
    repeat_failed(campaign)
    assert looks == [True, True]
    assert not one_worker.is_claimed_here(ADDING + campaign.pk)


@pytest.mark.parametrize(('exit_status', 'counted'), [(0, 'finished before'), (410, 'added')])
def test_what_ran_elsewhere_is_not_repeated_unless_it_failed(cli, decks, exit_status, counted):
    campaign = Campaign.make('first')
    add(campaign, decks[:1])
    node = orm.WorkChainNode(process_type='aiida.workflows:crystalmath.crystal.base').store()
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(exit_status)
    node.base.extras.set(FINGERPRINT, campaign.items()[0].key)
    node.seal()
    other = Campaign.make('other')
    assert add(other, decks[:1])[counted] == 1
    (item,) = other.look()
    assert (item.state, item.process) == ((items.FINISHED, node.uuid) if exit_status == 0 else (items.WAITING, None))
    anew = Campaign.make('anew')
    assert add(anew, decks[:1], again=True)['added'] == 1


def test_more_files_are_run_as_the_first_were(cli, decks, tmp_path):
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    BasisSetFamily.create_from_library('sto-3g')
    (tmp_path / 'changes.yaml').write_text('{}')
    campaign = Campaign.make('h2')
    add(campaign, decks[:1], chain='scf', protocol='fast', overrides=tmp_path / 'changes.yaml', moments=('H=1',))
    again = same_as_before(campaign, {**OPTIONS, 'protocol': 'balanced'})
    assert (again['chain'], again['protocol'], again['moments']) == ('scf', 'balanced', ('H=1',))
    assert again['overrides'] == tmp_path / 'changes.yaml'
    other = same_as_before(campaign, {**OPTIONS, 'sequence': 'opt_sp'})
    assert (other['chain'], other['sequence'], other['protocol']) == (None, 'opt_sp', 'fast')


def test_other_limits_of_jobs_take_the_place_of_those_before(cli, decks):
    """``--resources auto`` and limits of one's own exclude each other; what is asked for last holds."""
    campaign = Campaign.make('h2')
    campaign.base.extras.set(RECIPE, {'resources': 'auto'})
    own = same_as_before(campaign, {**OPTIONS, 'walltime': 60})
    assert (own['walltime'], own['resources']) == (60, None)
    assert same_as_before(campaign, OPTIONS)['resources'] == 'auto'
    campaign.base.extras.set(RECIPE, {'walltime': 60, 'n_mpi': 4})
    auto = same_as_before(campaign, {**OPTIONS, 'resources': 'auto'})
    assert (auto['walltime'], auto['n_mpi'], auto['resources']) == (None, None, 'auto')


def test_a_command_that_added_nothing_is_not_remembered(cli, decks, tmp_path):
    (tmp_path / 'empty.cif').write_text('')
    campaign = Campaign.make('h2')
    assert len(add(campaign, [tmp_path / 'empty.cif'], chain='elastic')['refused']) == 1
    assert same_as_before(campaign, OPTIONS)['chain'] is None
    add(campaign, decks[:1], walltime=60)
    assert same_as_before(campaign, OPTIONS)['walltime'] == 60


def test_files_that_are_not_good_are_told_of_one_by_one(cli, tmp_path):
    (tmp_path / 'empty.cif').write_text('')
    (tmp_path / 'notes.txt').write_text('H2')
    result = cli('start', tmp_path / 'empty.cif', tmp_path / 'notes.txt', '--chain', 'scf', '--limit', 2, '--json')
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert (answer['name'], answer['added'], answer['controller'], len(answer['refused'])) == ('scf', 0, None, 2)
    assert 'Not added: empty.cif: the file is empty' in result.stderr
    assert 'Not added: notes.txt: unknown kind of structure file' in result.stderr


def test_a_first_file_that_is_not_good_stops_no_other(cli, decks, tmp_path):
    notes = tmp_path / 'notes.txt'
    assert default_name([notes, *decks], OPTIONS) == 'deck'
    assert default_name([notes], {**OPTIONS, 'chain': 'deck'}) == 'deck'
    with pytest.raises(SystemExit):
        default_name([notes], OPTIONS)


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (('start',), 'which campaign?'),
        (('start', '--name', 'nope'), 'there is no campaign "nope"'),
        (('status',), 'which campaign?'),
        (('status', 'nope'), 'There are: none; start one with'),
        (('add', 'nope'), 'there is no campaign "nope"'),
        (('start', '--name', 'x', '--cap', 'eos'), '--cap eos: write KIND=N'),
        (('start', '--name', 'x', '--cap', 'eos=-1'), '--cap eos=-1: write KIND=N'),
        (('start', '--name', 'x', '--chain', 'scf', '--sequence', 'opt_sp'), '--chain and --sequence are both given'),
    ],
)
def test_bad_options_are_explained(cli, arguments, reason):
    result = cli(*arguments)
    assert result.exit_code == 1, result.output
    assert reason in result.stderr


def test_names_are_hostile_until_they_are_printed(cli, decks):
    campaign = Campaign.make('[red]; touch hacked #')
    add(campaign, decks[:1])
    campaign.note(campaign.items()[0], state=items.FAILED, reason='[/bold] no [link=x]luck[/]')
    shown = cli('status')
    assert shown.exit_code == 0, shown.output
    assert '[red]; touch hacked #: over, 1 of 1 over' in shown.stdout
    assert "crystalmath campaign start --name '[red]; touch hacked #' --failed" in shown.stdout
    assert 'h0.d12: [/bold] no [link=x]luck[/]' in shown.stdout
    assert '[red]; touch hacked #' in cli('list').stdout


def test_hints_can_be_typed_whatever_the_name_begins_with(cli, decks):
    campaign = Campaign.make('-x y')
    add(campaign, decks[:1])
    hint = "crystalmath campaign resume -- '-x y'"
    assert f'nobody submits: {hint}' in cli('status').stdout
    assert hint in cli('pause', '--', '-x y').stdout
    assert [finding.remedy for finding in check('p')] == ["crystalmath -p p campaign resume -- '-x y'"]


def test_status_and_list_count(cli, decks):
    campaign = Campaign.make('h2')
    add(campaign, decks)
    campaign.change(limit=2, caps={'deck': 1})
    campaign.note(campaign.items()[0], state=items.REFUSED, reason='its code is gone')
    known = json.loads(cli('status', '--json').stdout)
    assert (known['state'], known['n_items'], known['n_waiting'], known['n_not_submitted']) == ('running', 3, 2, 1)
    assert known['settings']['caps'] == {'deck': 1}
    assert known['controller'] is None
    shown = cli('status').stdout
    assert 'nobody submits: crystalmath campaign resume h2' in shown
    assert 'not submitted: h0.d12: its code is gone' in shown
    assert [line.split() for line in shown.splitlines() if line.startswith('deck')] == [['deck', '1', '2', '1']]
    (entry,) = json.loads(cli('list', '--json').stdout)
    assert (entry['name'], entry['n_waiting'], 'items' in entry) == ('h2', 2, False)


def test_what_is_paused_is_not_taken_for_work(cli, decks):
    """The chain runs; a job of it gave up on its computer, and holds the place until somebody sees to it."""
    campaign = Campaign.make('h2')
    add(campaign, decks[:2])
    chain, job = orm.WorkChainNode().store(), orm.CalcJobNode()
    job.base.links.add_incoming(chain, LinkType.CALL_CALC, 'CALL')
    for node in (chain, job):
        node.set_process_state(ProcessState.WAITING)
    job.store().pause()
    campaign.note(campaign.items()[0], state=items.RUNNING, process=chain.uuid)
    known = json.loads(cli('status', '--json').stdout)
    assert (known['n_paused'], [item['paused'] for item in known['items']]) == (1, [[job.pk], []])
    assert f'paused, and keeps its place until: verdi process play {job.pk}' in cli('status').stdout
    job.unpause()
    assert json.loads(cli('status', '--json').stdout)['n_paused'] == 0


def test_pause_and_stop_are_kept_until_the_campaign_goes_on(cli):
    Campaign.make('h2')
    assert 'crystalmath campaign resume h2' in cli('pause').stdout
    assert Campaign.find('h2').settings.paused
    assert 'crystalmath campaign resume h2' in cli('stop').stdout
    assert Campaign.find('h2').settings.stopped
    assert 'has nothing left to do' in cli('resume', 'h2').stdout
    assert not Campaign.find('h2').settings.paused
    assert not Campaign.find('h2').settings.stopped


@pytest.mark.parametrize('command', ['pause', 'stop'])
def test_what_is_added_while_nothing_is_submitted_waits_for_resume(cli, decks, command):
    """Nobody is started, who would only end at once; and nobody is said to submit."""
    campaign = Campaign.make('h2')
    add(campaign, decks[:1])
    assert cli(command, 'h2').exit_code == 0
    result = cli('add', 'h2', decks[1])
    assert (result.exit_code, result.stderr) == (0, '')
    assert '1 added' in result.stdout
    assert 'It submits nothing for now; go on with: crystalmath campaign resume h2' in result.stdout
    assert campaign.controllers(active=False) == []


def test_kill_goes_on_until_nothing_is_left(cli, decks, monkeypatch):
    """Killed with the first message: the controller. Its job is paused, and dies only after it was played."""
    from aiida.engine.processes import control

    campaign = Campaign.make('h2')
    add(campaign, decks)
    first, second, _ = campaign.items()
    controller, job, other = orm.WorkChainNode(), orm.CalcJobNode(), orm.CalcJobNode()
    controller.process_type = 'aiida.workflows:crystalmath.campaign'
    controller.base.links.add_incoming(orm.Str(campaign.uuid).store(), LinkType.INPUT_WORK, 'campaign')
    controller.store()
    job.base.links.add_incoming(controller, LinkType.CALL_CALC, 'CALL')
    for node, item in ((controller, None), (job, first), (other, second)):
        node.store().set_process_state(ProcessState.WAITING)
        if item is not None:
            campaign.note(item, state=items.RUNNING, process=node.uuid)
    job.pause()

    def kill(processes, timeout):
        for node in processes:
            if not node.paused:
                node.set_process_state(ProcessState.KILLED)

    monkeypatch.setattr(control, 'kill_processes', kill)
    monkeypatch.setattr(control, 'play_processes', lambda processes, timeout: [node.unpause() for node in processes])
    result = cli('stop', 'h2', '--kill')
    assert result.exit_code == 0, result.output
    assert (controller.is_killed, job.is_killed, other.is_killed) == (True, True, False)
    assert f'verdi process kill {other.pk}"' in result.stdout

    monkeypatch.setattr(cli_campaign, 'KILL_TIMEOUT_S', 0.0)
    monkeypatch.setattr(control, 'kill_processes', lambda processes, timeout: None)
    job.set_process_state(ProcessState.CREATED)
    result = cli('stop', 'h2', '--kill')
    assert result.exit_code == 1
    assert f'PK {job.pk} is not over yet' in result.stderr


def test_no_more_at_once_than_the_daemon_has_places_for(cli, decks, capsys, monkeypatch):
    """Chains that only wait for what finds no place would wait for ever."""
    campaign = Campaign.make('h2')
    add(campaign, decks[:1])
    for limit, fits in ((400, 100), (100, 100), (0, 0)):
        campaign.change(limit=limit)
        cli_campaign.fit_limit(campaign, campaign.backend.profile.name)
        assert campaign.settings.limit == fits
    said = capsys.readouterr().err
    assert said.startswith('note: 100 at once instead of 400: each may need 2 places in the daemon, which has 200.')
    assert said.count('note:') == 1
    assert 'config set daemon.worker_process_slots 800;' in said

    monkeypatch.setattr(Campaign, 'places', lambda self: 201)
    campaign.change(limit=1)
    cli_campaign.fit_limit(campaign, campaign.backend.profile.name)
    assert 'even one may wait for ever' in capsys.readouterr().err
    assert campaign.settings.limit == 1


@pytest.mark.slow
@pytest.mark.daemon
@pytest.mark.standin
@pytest.mark.timeout(900)
def test_from_files_to_results(cli, decks, started_daemon_client):
    """Start, add while it goes on, the same again; then nothing runs any more and nothing ran twice."""
    assert cli('start', *decks[:2], '--name', 'h2', '--limit', 1).exit_code == 0
    assert '1 added' in cli('add', 'h2', decks[2], '--priority', 1).stdout
    assert '2 in it already' in cli('start', *decks[1:], '--name', 'h2').stdout
    campaign = Campaign.find('h2')
    import time

    deadline = time.monotonic() + 600
    while campaign.controllers():
        assert time.monotonic() < deadline, cli('status').output
        time.sleep(0.5)
    known = json.loads(cli('status', 'h2', '--json').stdout)
    assert (known['state'], known['n_finished'], known['n_items']) == ('over', 3, 3)
    assert orm.QueryBuilder().append(orm.CalcJobNode).count() == 3
    other = CliRunner().invoke(main, ['-p', campaign.backend.profile.name, 'run', str(decks[0]), '--json'])
    assert json.loads(other.stdout)['finished_before']
