"""Plans through a real daemon: steps begin as soon as they can, and a worker that is killed loses nothing."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_crystalmath.calculations.one_worker import claimant
from aiida_crystalmath.workflows.multicode.builder import MultiCodeBuilder

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

ADD = 'core.arithmetic.add'


@pytest.fixture
def add(aiida_code_installed):
    """Return the inputs of a sum that takes its time: ``add(4, x=1)``."""
    code = aiida_code_installed(label='add', default_calc_job_plugin=ADD, filepath_executable='/bin/bash')

    def factory(seconds=0, **inputs):
        options = {'resources': {'num_machines': 1}, **({'sleep': seconds} if seconds else {})}
        return {'code': code, 'metadata': {'options': options}, **inputs}

    return factory


def jobs_of(node):
    """Return the jobs that a plan called, by label."""
    links = node.base.links.get_outgoing(link_type=LinkType.CALL_CALC).all()
    return {link.link_label: link.node for link in links if isinstance(link.node, orm.CalcJobNode)}


def test_a_step_begins_as_soon_as_what_it_needs_is_there(started_daemon_client, add, submit_and_await):
    """`after` needs `quick` only: it has ended before `slow`, which was begun together with `quick`."""
    plan = MultiCodeBuilder().add_step('slow', ADD, add(15, x=1, y=1)).add_step('quick', ADD, add(x=1, y=2))
    plan.add_step('after', ADD, add(y=3)).add_handoff(None, 'quick', 'after', pass_on={'sum': 'x'})
    node = submit_and_await(plan.builder(), timeout=120)
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.steps.after.sum == 6
    jobs = jobs_of(node)
    assert jobs['after'].mtime < jobs['slow'].mtime
    assert len(node.called) == 4  # three jobs and the summary, none twice


@pytest.mark.timeout(900)
def test_a_plan_goes_on_after_its_worker_was_killed(started_daemon_client, add, until, mend):
    """Killed without warning while a step runs: another worker takes the plan up, and no step is run twice."""
    until = partial(until, meanwhile=mend)
    plan = MultiCodeBuilder().add_step('first', ADD, add(6, x=1, y=2)).add_step('other', ADD, add(x=1, y=1))
    plan.add_step('second', ADD, add(y=3)).add_handoff(None, 'first', 'second', pass_on={'sum': 'x'})
    node = plan.submit()
    until(lambda: 'first' in jobs_of(node) and 'other' in jobs_of(node), 'the first steps')
    worker = until(lambda: claimant(node.pk), 'a worker with the plan')
    os.kill(worker, signal.SIGKILL)
    until(lambda: (claimant(node.pk) or worker) != worker, 'another worker with the plan')
    until(lambda: node.is_terminated, 'the end of the plan')
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.steps.second.sum == 6
    calls = node.base.links.get_outgoing(link_type=LinkType.CALL_CALC).all()
    ran = [link.link_label for link in calls if link.node.is_finished]
    assert sorted(ran) == sorted(set(ran))
    assert {'first', 'other', 'second'} < set(ran)
    # What was called as the worker died, and had nothing yet to go on from, was called again, and never ran.
    left = [link.node for link in calls if not link.node.is_finished]
    assert [job.get_job_id() for job in left] == [None] * len(left)
