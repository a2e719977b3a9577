"""The controller in a real daemon: what is submitted, when, and that it is submitted once whatever is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest
from aiida import orm

from aiida_crystalmath.tracking import items
from aiida_crystalmath.tracking.items import Item, link_label

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(900)]


def submitted(campaign) -> dict[str, int]:
    """Return how many processes were ever called for each item, by the label of the item; from the links alone."""
    query = orm.QueryBuilder().append(orm.WorkChainNode, tag='controller')
    query.append(orm.ProcessNode, with_incoming='controller', edge_filters={'label': {'like': 'item_%'}})
    query.add_projection('controller', 'id')
    rows = orm.QueryBuilder().append(orm.WorkChainNode, tag='controller')
    rows.append(orm.ProcessNode, with_incoming='controller', edge_project='label')
    calls = Counter(label for (label,) in rows.all())
    return {item.label: calls[link_label(item.uuid)] for item in campaign.items()}


def states(campaign) -> Counter[str]:
    """Return how many items are in which state now."""
    return Counter(item.state for item in campaign.look())


def most_at_once(found: list[Item]) -> int:
    """Return how many of the processes of items ran at once at most."""
    nodes = [orm.load_node(uuid=item.process) for item in found]
    changes = sorted([(node.ctime, 1) for node in nodes] + [(node.mtime, -1) for node in nodes])
    running, most = 0, 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most


def test_limit_priority_and_end(campaign, sums, started_daemon_client, until):
    for number, priority in ((1, 0), (2, 0), (3, 7)):
        campaign.add(sums(number), label=f's{number}', priority=priority)
    campaign.change(limit=1)
    node = campaign.start()
    assert campaign.start().pk == node.pk, 'a second controller was started'
    until(lambda: node.is_terminated, 'the end of the campaign')
    assert node.is_finished_ok, node.exit_message or node.exception
    found = campaign.items()
    assert [(item.label, item.state) for item in found] == [(f's{n}', items.FINISHED) for n in (1, 2, 3)]
    assert submitted(campaign) == {'s1': 1, 's2': 1, 's3': 1}
    assert most_at_once(found) == 1
    order = sorted(found, key=lambda item: orm.load_node(uuid=item.process).pk)
    assert [item.label for item in order] == ['s3', 's1', 's2']
    assert campaign.start() is None, 'a controller was started for nothing'
