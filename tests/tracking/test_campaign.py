"""What waits, in which order it goes, and what is kept of it; no process runs here."""

from __future__ import annotations

import os
import subprocess
import sys
from uuid import uuid4

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from aiida.orm.entities import EntityTypes

from aiida_crystalmath.calculations import one_worker
from aiida_crystalmath.tracking import items
from aiida_crystalmath.tracking.calls import at_work
from aiida_crystalmath.tracking.campaign import ADDING, Campaign, CampaignError
from aiida_crystalmath.tracking.controller import CrystalCampaignWorkChain
from aiida_crystalmath.tracking.items import Item, Settings, next_item

COPIED = ('node_type', 'attributes', 'extras', 'user_id', 'repository_metadata')


def item(pk: int, kind: str = '', priority: int = 0, state: str = items.WAITING) -> Item:
    return Item(pk, str(pk), f'{pk}.cif', kind, priority, state=state)


def order_of(waiting: list[Item], settings: Settings) -> list[int]:
    """Return the order in which items are taken as long as none ends."""
    taken = []
    while chosen := next_item(waiting, settings):
        taken.append(chosen.pk)
        waiting = [item(i.pk, i.kind, i.priority, items.RUNNING) if i is chosen else i for i in waiting]
    return taken


@pytest.mark.parametrize(
    ('settings', 'order'),
    [
        ({}, [3, 1, 2, 4, 5]),
        ({'limit': 2}, [3, 1]),
        ({'limit': 0}, []),
        ({'caps': {'geopt': 1}}, [3, 1, 4]),
        ({'caps': {'geopt': 0, 'scf': 1}}, [3]),
        ({'limit': 3, 'caps': {'geopt': 5}}, [3, 1, 2]),
        ({'paused': True}, []),
        ({'stopped': True}, []),
    ],
)
def test_limits_caps_and_priorities(settings, order):
    waiting = [
        item(1, 'geopt'),
        item(2, 'geopt'),
        item(3, 'scf', priority=5),
        item(4, 'scf', priority=-1),
        item(5, 'geopt', priority=-1),
    ]
    assert order_of(waiting, Settings(**settings)) == order


def test_what_runs_counts_whatever_its_kind():
    running = [item(1, 'scf', state=items.RUNNING), item(2, 'geopt', state=items.RUNNING)]
    assert next_item([*running, item(3, 'geopt')], Settings(limit=2)) is None
    assert next_item([*running, item(3, 'geopt')], Settings(limit=3, caps={'geopt': 1})) is None
    assert next_item([*running, item(3, 'scf')], Settings(limit=3, caps={'geopt': 1})).pk == 3


@pytest.mark.parametrize(
    'changes', [{'limit': -1}, {'limit': True}, {'limit': 2.5}, {'caps': {'scf': -1}}, {'interval_s': 0.0}]
)
def test_settings_that_make_no_sense(campaign, changes):
    with pytest.raises(ValueError, match=r'limit|cap of "scf"|interval_s'):
        campaign.change(**changes)
    assert campaign.settings == Settings(interval_s=1.0)


@pytest.mark.parametrize('label', ['', '  ', 'a\nb', 'a\x1b[31m'])
def test_names_that_nobody_could_type(aiida_profile, label):
    with pytest.raises(CampaignError, match='is no name for a campaign'):
        Campaign.make(label)


def test_settings_are_kept_with_the_group(campaign):
    campaign.change(limit=3, caps={'eos': 1}, paused=True)
    found = Campaign.find('sums')
    assert found is not None
    assert found.settings == Settings(limit=3, caps={'eos': 1}, paused=True, interval_s=1.0)
    assert Campaign.find('other') is None
    assert Campaign.make('sums').pk == campaign.pk


def test_an_item_gives_back_what_was_put_in(campaign, sums):
    builder = sums(4, sleep=2)
    builder.metadata.label = 'mine; $(touch hacked)'
    node = campaign.add(builder, label='four', kind='sum', priority=3, extras={'crystalmath_fingerprint': 'abc'})
    (found,) = campaign.items()
    assert found == Item(node.pk, node.uuid, 'four', 'sum', 3)
    process, inputs = items.load_inputs(found)
    assert process is builder.process_class
    assert inputs['x'].value == 4
    assert inputs['code'].uuid == builder.code.uuid
    assert inputs['metadata']['options'] == {
        'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1},
        'sleep': 2,
    }
    assert inputs['metadata']['label'] == 'mine; $(touch hacked)'
    assert items.load_extras(found) == {'crystalmath_fingerprint': 'abc'}


def test_inputs_that_are_not_valid_are_refused_before_they_wait(campaign, sums):
    builder = sums(1)
    del builder['x']
    with pytest.raises(ValueError, match='x: required value was not provided'):
        campaign.add(builder, label='none')
    assert campaign.items() == []
    assert campaign.is_empty


def test_what_defaults_make_valid_may_wait(campaign, sums):
    """A job without options is submitted as it is by AiiDA: its process fills them in."""
    builder = sums(1)
    del builder.metadata['options']
    campaign.add(builder, label='one')
    assert 'options' not in items.load_inputs(campaign.items()[0])[1].get('metadata', {})


def test_a_node_that_is_gone_is_told_of(campaign, sums):
    from aiida.tools import delete_nodes

    builder = sums(1)
    campaign.add(builder, label='one')
    pk, uuid = builder.x.pk, builder.x.uuid
    delete_nodes([pk], dry_run=False)
    with pytest.raises(ValueError, match=uuid):
        items.load_inputs(campaign.items()[0])


def test_what_failed_waits_again_as_another_item(campaign, sums):
    campaign.add(sums(1), label='one', kind='sum', priority=2, key='abc')
    failed = campaign.note(campaign.items()[0], state=items.FAILED, reason='no luck')
    campaign.repeat([failed])
    (again,) = campaign.items()
    assert (again.label, again.kind, again.priority, again.state) == ('one', 'sum', 2, items.WAITING)
    assert again.pk != failed.pk
    assert again.key == 'abc'
    assert [found.pk for found in campaign.items(items.REPLACED)] == [failed.pk]
    assert items.load_inputs(again)[1]['x'].value == 1


def test_one_that_takes_the_place_of_another_comes_with_its_going(campaign, sums, monkeypatch):
    """Stopped (Ctrl-C) between the two, both would be submitted by the next command."""
    campaign.add(sums(1), label='one')
    failed = campaign.note(campaign.items()[0], state=items.FAILED)

    def stop(self, *_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Campaign, 'note', stop)
        with pytest.raises(KeyboardInterrupt):
            campaign.repeat([failed])
    assert campaign.items() == [failed]
    campaign.repeat([failed])
    assert [item.state for item in campaign.items()] == [items.WAITING]


CLAIMED = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, int(sys.argv[2]))
print('claimed', flush=True)
sys.stdin.read()
"""


def test_who_adds_is_alone_until_he_is_gone(campaign):
    """Another program that adds is waited for, and no longer than it lives."""
    path, number = one_worker.claims_file(), ADDING + campaign.pk
    path.touch(mode=0o600)
    other = subprocess.Popen(
        [sys.executable, '-c', CLAIMED, str(path), str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b'claimed\n'
        with campaign.alone(other.kill):
            assert other.wait() != 0
            assert one_worker.claimant(number) == os.getpid()
        assert one_worker.claimant(number) is None
    finally:
        other.kill()
        other.communicate()


def test_what_ran_before_is_not_submitted(campaign, sums):
    from aiida.engine import run_get_node

    process = run_get_node(sums(1)).node
    campaign.add_run(process, sums(1), label='one')
    (found,) = campaign.look()
    assert (found.state, found.process, found.exit_status) == (items.FINISHED, process.uuid, 0)
    assert next_item([found], Settings()) is None


def test_a_thousand_items_are_one_query(campaign, sums):
    """What the controller does each time it looks must not load a thousand nodes."""
    builder = sums(1)
    first = campaign.add(builder, label='0')
    row = orm.QueryBuilder().append(orm.Node, filters={'id': first.pk}, project=list(COPIED)).dict()[0]
    row = next(iter(row.values()))
    storage = first.backend
    rows = [{**row, 'uuid': str(uuid4()), 'label': str(number)} for number in range(1, 1000)]
    with storage.transaction():
        pks = storage.bulk_insert(EntityTypes.NODE, rows, allow_defaults=True)
        links = [{'dbnode_id': pk, 'dbgroup_id': campaign.pk} for pk in pks]
        storage.bulk_insert(EntityTypes.GROUP_NODE, links, allow_defaults=True)
    statements = []
    from sqlalchemy import event

    engine = orm.QueryBuilder().backend.get_session().get_bind()
    event.listen(engine, 'before_cursor_execute', lambda *arguments: statements.append(arguments[2]))
    found = campaign.look(*items.OPEN)
    assert len(found) == 1000
    assert sum('db_dbnode' in statement for statement in statements) == 1, statements
    assert next_item(found, Settings()).label == '0'


def test_nobody_waits_for_a_process_that_was_deleted(campaign, sums):
    campaign.add(sums(1), label='one')
    campaign.note(campaign.items()[0], state=items.RUNNING, process=str(uuid4()))
    (found,) = campaign.look(*items.OPEN)
    assert (found.state, found.reason) == (items.FAILED, 'its process was deleted')


def process(kind: type[orm.ProcessNode], caller: orm.ProcessNode | None = None, state: str = 'waiting'):
    """Return a stored process, as one that runs or ran is."""
    node = kind()
    if caller is not None:
        work = isinstance(node, orm.WorkChainNode)
        node.base.links.add_incoming(caller, LinkType.CALL_WORK if work else LinkType.CALL_CALC, 'CALL')
    node.set_process_state(ProcessState(state))
    return node.store()


def controller_of(campaign: Campaign, state: str = 'waiting') -> orm.WorkChainNode:
    """Return a controller that nobody carries out."""
    node = orm.WorkChainNode(process_type=CrystalCampaignWorkChain.build_process_type())
    node.base.links.add_incoming(orm.Str(campaign.uuid).store(), LinkType.INPUT_WORK, 'campaign')
    node.set_process_state(ProcessState(state))
    return node.store()


def test_nobody_is_started_for_what_was_stopped(campaign, sums):
    campaign.add(sums(1), label='one')
    campaign.change(stopped=True)
    assert campaign.start() is None
    assert campaign.controllers(active=False) == []


def test_what_is_at_work_is_found_at_any_depth(campaign):
    """Also under a process that is over, and under a controller that is; what others called is not."""
    dead = controller_of(campaign, 'killed')
    controller = controller_of(campaign)
    chain = process(orm.WorkChainNode, dead, 'killed')
    queued = process(orm.CalcJobNode, chain, 'created')
    process(orm.CalcJobNode, chain, 'finished')
    paused = process(orm.CalcJobNode, process(orm.WorkChainNode, controller))
    paused.pause()
    process(orm.CalcJobNode, process(orm.WorkChainNode))
    found = campaign.at_work()
    assert {node.pk for node in found} == {controller.pk, queued.pk, paused.caller.pk, paused.pk}
    assert at_work([dead.pk, chain.pk]) == {queued.pk: chain.pk}
    assert at_work([controller.pk], paused=True) == {paused.pk: controller.pk}


@pytest.mark.parametrize(
    ('process', 'places'),
    [
        ('aiida.calculations:core.arithmetic.add', 1),
        ('aiida.workflows:core.arithmetic.multiply_add', items.PLACES),
        ('aiida.workflows:crystalmath.crystal.base', 2),
        ('aiida.workflows:crystalmath.crystal.elastic', 4),
        ('aiida.workflows:crystalmath.crystal.eos', 1 + 11 * 3),
        ('aiida.workflows:no.such', 1),
    ],
)
def test_places_in_the_daemon(aiida_profile, process, places):
    assert items.places_of(process) == places


def test_the_places_of_the_largest_count(campaign, sums):
    campaign.add(sums(1), label='one')
    assert campaign.places() == 1
    chain = orm.Dict({'process': 'aiida.workflows:crystalmath.crystal.geopt', 'inputs': {}})
    chain.base.extras.set(items.STATE, {'state': items.WAITING})
    campaign.add_nodes(chain.store())
    assert campaign.places() == 3
