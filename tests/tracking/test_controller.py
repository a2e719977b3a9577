"""The controller in a real daemon: what is submitted, when, and that it is submitted once whatever is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from functools import partial

import pytest
from aiida import orm
from aiida.common.datastructures import CalcJobState
from aiida.engine import ProcessState, run_get_node, submit
from aiida.engine.processes.control import kill_processes, pause_processes
from aiida.manage import get_config
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.tracking import controller, items
from aiida_crystalmath.tracking.controller import CrystalCampaignWorkChain
from aiida_crystalmath.tracking.items import Item, link_label

pytestmark = pytest.mark.timeout(900)


def submitted(campaign) -> dict[str, int]:
    """Return how many processes were ever called for each item, by its label: from the provenance alone."""
    query = orm.QueryBuilder().append(orm.WorkChainNode, tag='controller')
    query.append(orm.ProcessNode, with_incoming='controller', edge_project='label')
    calls = Counter(query.all(flat=True))
    return {item.label: calls[link_label(item.uuid)] for item in campaign.items()}


def states(campaign) -> Counter[str]:
    """Return how many items are in which state now."""
    return Counter(item.state for item in campaign.look())


def by_label(campaign) -> dict[str, Item]:
    return {item.label: item for item in campaign.look()}


def most_at_once(found: list[Item]) -> int:
    """Return how many of the processes of items ran at once at most."""
    nodes = [orm.load_node(uuid=item.process) for item in found if item.process]
    changes = sorted([(node.ctime, 1) for node in nodes] + [(node.mtime, -1) for node in nodes])
    running, most = 0, 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most


def kill_worker(client) -> None:
    """Kill every worker as nobody should; the daemon starts new ones."""
    for pid in client.get_worker_info()['info']:
        os.kill(int(pid), signal.SIGKILL)


# ------------------------------------------------------------------------------------------------ limits


@pytest.mark.daemon
def test_limit_priority_and_end(campaign, sums, started_daemon_client, until):
    """The ends of processes wake the controller: its clock would not for an hour."""
    for number, priority in ((1, 0), (2, 0), (3, 7)):
        campaign.add(sums(number), label=f's{number}', priority=priority)
    campaign.change(limit=1, interval_s=3600.0)
    node = campaign.start()
    assert campaign.start().pk == node.pk, 'a second controller was started'
    until(lambda: node.is_terminated, 'the end of the campaign')
    assert node.is_finished_ok, node.exit_message or node.exception
    found = campaign.look()
    assert [(item.label, item.state) for item in found] == [(f's{n}', items.FINISHED) for n in (1, 2, 3)]
    assert submitted(campaign) == {'s1': 1, 's2': 1, 's3': 1}
    assert most_at_once(found) == 1
    assert [item.label for item in sorted(found, key=lambda item: item.process_pk)] == ['s3', 's1', 's2']
    assert campaign.start() is None, 'a controller was started for nothing'


@pytest.mark.slow
@pytest.mark.daemon
def test_commands_are_heeded_while_it_goes_on(campaign, sums, started_daemon_client, until):
    """Pause, a cap, an item added, resume and another limit take effect at once, by messages alone."""
    campaign.change(limit=5, caps={'long': 1}, interval_s=3600.0)
    for number in (1, 2):
        campaign.add(sums(number, sleep=15), label=f'long{number}', kind='long')
    node = campaign.start()
    until(lambda: states(campaign)[items.RUNNING] == 1, 'the first of a kind')
    campaign.change(paused=True)
    campaign.add(sums(3), label='short', kind='short')
    campaign.notify()
    first = orm.load_node(uuid=by_label(campaign)['long1'].process)
    until(lambda: first.is_terminated, 'the end of what ran before the pause')
    until(lambda: campaign.items(items.FINISHED), 'the controller that looks at it')
    assert states(campaign) == {items.FINISHED: 1, items.WAITING: 2}
    assert not node.is_terminated, 'it ended while it was paused'
    campaign.change(paused=False)
    until(lambda: by_label(campaign)['short'].state == items.FINISHED, 'what was added')
    until(lambda: node.is_terminated, 'the end of the campaign')
    assert node.is_finished_ok, node.exit_message or node.exception
    assert set(submitted(campaign).values()) == {1}
    assert most_at_once([item for item in campaign.look() if item.kind == 'long']) == 1


@pytest.mark.slow
@pytest.mark.daemon
def test_of_two_controllers_one_submits(campaign, sums, started_daemon_client, until):
    for number in (1, 2):
        campaign.add(sums(number), label=f's{number}')
    inputs = {'campaign': orm.Str(campaign.uuid)}
    nodes = [submit(CrystalCampaignWorkChain, inputs) for _ in range(2)]
    until(lambda: all(node.is_terminated for node in nodes), 'the end of both')
    assert [node.exit_status for node in nodes] == [0, 0]
    assert submitted(campaign) == {'s1': 1, 's2': 1}
    assert sorted(len(node.called) for node in nodes) == [0, 2]


# ------------------------------------------------------------------------------------------------ killed


@pytest.mark.slow
@pytest.mark.daemon
def test_nothing_is_lost_or_repeated_whatever_is_killed(campaign, sums, started_daemon_client, until, mend):
    """Workers killed as they submit, a daemon restarted, one that is down while processes end.

    The doctor looks at the processes meanwhile: ZeroMQ's broker misses the death of a worker now and then.
    """
    client = started_daemon_client
    until = partial(until, meanwhile=mend)
    for number in range(8):
        campaign.add(sums(number, sleep=2), label=f's{number}')
    campaign.change(limit=3)
    node = campaign.start()
    for n_begun in (1, 3, 5):
        until(lambda n=n_begun: 8 - len(campaign.items(items.WAITING)) >= n, f'{n_begun} items to be submitted')
        kill_worker(client)
    until(lambda: states(campaign)[items.FINISHED] >= 3, 'three that are over')
    client.restart_daemon(wait=True, timeout=120)
    until(lambda: len(campaign.items(items.WAITING)) == 0, 'the last to be submitted')
    client.stop_daemon(wait=True, timeout=120)
    client.start_daemon(number_workers=1, timeout=120)
    until(lambda: node.is_terminated, 'the end of the campaign')
    assert node.is_finished_ok, node.exit_message or node.exception
    found = campaign.look()
    assert Counter(item.state for item in found) == {items.FINISHED: 8}
    begun = {item.label: len(ran(item)) for item in found}
    assert set(begun.values()) == {1}, begun
    assert most_at_once(found) <= 3


def ran(item: Item) -> list[orm.ProcessNode]:
    """Return the processes of an item that ever began."""
    return [node for node in controller.called_for(item) if node.process_status != controller.NEVER_BEGUN]


@pytest.mark.slow
@pytest.mark.daemon
def test_a_killed_controller_takes_all_with_it_and_can_be_followed(campaign, sums, started_daemon_client, until):
    campaign.add(sums(1), label='first', priority=1)
    campaign.add(sums(2, sleep=600), label='long')
    campaign.add(sums(3), label='last', priority=-1)
    campaign.change(limit=1)
    first = campaign.start()
    until(lambda: by_label(campaign)['long'].state == items.RUNNING, 'the long one to run')
    running = orm.load_node(uuid=by_label(campaign)['long'].process)
    until(lambda: running.process_state is ProcessState.WAITING, 'the long one to be at work')
    kill_processes([first], timeout=60)
    until(lambda: first.is_killed and running.is_killed, 'both to be killed')
    assert by_label(campaign)['long'].reason.startswith('killed')
    second = campaign.start()
    assert second.pk != first.pk
    until(lambda: second.is_terminated, 'the end of the campaign')
    assert second.exit_status == CrystalCampaignWorkChain.exit_codes.ERROR_ITEMS_FAILED.status
    assert {label: item.state for label, item in by_label(campaign).items()} == {
        'first': items.FINISHED,
        'long': items.FAILED,
        'last': items.FINISHED,
    }
    assert submitted(campaign) == {'first': 1, 'long': 1, 'last': 1}


@pytest.mark.slow
@pytest.mark.daemon
def test_stop_and_kill_leaves_nothing_behind(campaign, sums, started_daemon_client, until):
    """A job that is paused heeds no message, and one that no worker has a place for gets none."""
    client, config, name = started_daemon_client, get_config(), campaign.backend.profile.name
    client.stop_daemon(wait=True, timeout=120)
    config.set_option('daemon.worker_process_slots', 2, scope=name)
    config.store()
    try:
        client.start_daemon(number_workers=1, timeout=120)
        for number in (1, 2, 3):
            campaign.add(sums(number, sleep=600), label=f's{number}')
        campaign.start()
        until(lambda: states(campaign)[items.RUNNING] == 3, 'all to be submitted')
        nodes = [orm.load_node(uuid=item.process) for item in campaign.look()]
        until(lambda: any(node.get_state() is CalcJobState.WITHSCHEDULER for node in nodes), 'one to be at work')
        pause_processes([node for node in nodes if node.process_state is ProcessState.WAITING], timeout=60)
        until(lambda: any(node.paused for node in nodes), 'the pause')
        assert any(node.process_state is ProcessState.CREATED for node in nodes), 'all have a place'
        result = CliRunner().invoke(main, ['-p', name, 'campaign', 'stop', '--kill'])
        assert result.exit_code == 0, result.output
        assert [node.is_killed for node in nodes] == [True] * 3
        assert campaign.at_work() == []
    finally:
        client.stop_daemon(wait=True, timeout=120)
        config.unset_option('daemon.worker_process_slots', scope=name)
        config.store()


# ------------------------------------------------------------------------------------------------ without a daemon


def carry_out(campaign) -> orm.WorkChainNode:
    """Run a controller to its end in this program."""
    return run_get_node(CrystalCampaignWorkChain, campaign=orm.Str(campaign.uuid)).node


def test_a_note_that_was_lost_is_made_again(campaign, sums):
    """Killed between the submission of an item and the note of it: the process is found, whatever came of it."""
    campaign.add(sums(1), label='one')
    assert carry_out(campaign).is_finished_ok
    (done,) = campaign.look()
    campaign.note(done, state=items.WAITING, process=None, exit_status=None)
    assert carry_out(campaign).is_finished_ok
    assert campaign.look() == [done]
    assert submitted(campaign) == {'one': 1}


def test_what_belongs_to_a_submission_is_done_again_by_the_next_worker(campaign, sums, monkeypatch):
    """Killed right after the submission: the process is found, gets its extras, and becomes a member."""
    campaign.add(sums(1), label='one', extras={'crystalmath_fingerprint': 'abc'})
    submit_one = CrystalCampaignWorkChain.submit

    def die(self, process, inputs=None, **kwargs):
        submit_one(self, process, inputs, **kwargs)
        raise RuntimeError('killed')

    with monkeypatch.context() as patched:
        patched.setattr(CrystalCampaignWorkChain, 'submit', die)
        with pytest.raises(RuntimeError, match='killed'):
            carry_out(campaign)
    monkeypatch.setattr(controller, 'DOUBT_S', 0.0)
    assert carry_out(campaign).is_finished_ok
    (item,) = campaign.look()
    node = orm.load_node(uuid=item.process)
    assert node.base.extras.get('crystalmath_fingerprint') == 'abc'
    assert node.pk in {member.pk for member in campaign.nodes}


def test_a_process_that_was_never_handed_over_is_replaced(campaign, sums, monkeypatch):
    """Killed between making a process and telling the daemon: nobody would ever run it."""
    monkeypatch.setattr(controller, 'DOUBT_S', 0.5)
    campaign.add(sums(1), label='one')
    from aiida.engine.runners import Runner

    def die(self, process, inputs=None, **kwargs):
        self.instantiate_process(process, **(inputs or {}), **kwargs).close()
        raise RuntimeError('killed')

    with monkeypatch.context() as patched:
        patched.setattr(Runner, 'submit', die)
        with pytest.raises(RuntimeError, match='killed'):
            carry_out(campaign)
    assert campaign.items()[0].state == items.WAITING
    assert carry_out(campaign).is_finished_ok
    replacement, lost = controller.called_for(campaign.items()[0])
    assert replacement.is_finished_ok
    assert lost.is_killed
    assert lost.is_sealed, 'a worker that is handed it late could go on with it'
    assert lost.process_status == controller.NEVER_BEGUN
    assert campaign.items()[0].process == replacement.uuid


def test_one_that_fails_and_one_that_cannot_be_made_stop_no_other(campaign, sums):
    from aiida.tools import delete_nodes

    gone = sums(2)
    campaign.add(gone, label='gone')
    failing = sums(1)
    failing.metadata.options.parser_name = 'core.templatereplacer'
    campaign.add(failing, label='failing')
    campaign.add(sums(3), label='good')
    delete_nodes([gone.x.pk], dry_run=False)
    node = carry_out(campaign)
    assert node.exit_status == CrystalCampaignWorkChain.exit_codes.ERROR_ITEMS_FAILED.status
    assert '2 of 3 failed' in node.exit_message
    found = by_label(campaign)
    assert {label: item.state for label, item in found.items()} == {
        'gone': items.REFUSED,
        'failing': items.FAILED,
        'good': items.FINISHED,
    }
    assert 'No result was found' in found['gone'].reason
    assert found['failing'].reason
    assert submitted(campaign) == {'gone': 0, 'failing': 1, 'good': 1}


def test_stopped_ends_with_what_waits_still_there(campaign, sums):
    campaign.add(sums(1), label='one')
    campaign.change(stopped=True)
    assert carry_out(campaign).exit_status == CrystalCampaignWorkChain.exit_codes.ERROR_STOPPED.status
    assert states(campaign) == {items.WAITING: 1}
    campaign.change(stopped=False)
    assert carry_out(campaign).is_finished_ok
    assert states(campaign) == {items.FINISHED: 1}


def test_a_group_that_was_deleted_ends_its_controller(aiida_profile_clean):
    node = run_get_node(CrystalCampaignWorkChain, campaign=orm.Str('no-such-group')).node
    assert node.exit_status == CrystalCampaignWorkChain.exit_codes.ERROR_NO_CAMPAIGN.status
