"""What ``crystalmath doctor`` says of campaigns."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import ProcessState, run_get_node
from aiida.manage import get_manager

from aiida_crystalmath.machines.checks import slots
from aiida_crystalmath.machines.checks.campaigns import check
from aiida_crystalmath.tracking.controller import CrystalCampaignWorkChain


def test_no_campaigns_no_line(aiida_profile_clean):
    assert list(check('none')) == []


def test_nothing_is_said_of_what_is_over_or_was_stopped(campaign, sums):
    assert [finding.state for finding in check('main')] == ['ok']
    campaign.add(sums(1), label='one')
    campaign.change(stopped=True)
    assert [finding.state for finding in check('main')] == ['ok']


@pytest.mark.parametrize(
    ('end', 'state', 'is_fixable'), [(ProcessState.EXCEPTED, 'fail', True), (ProcessState.KILLED, 'warn', False)]
)
def test_what_waits_without_a_controller_is_told_of(campaign, sums, end, state, is_fixable):
    """One that went wrong is replaced; one that somebody killed only if he says so."""
    campaign.change(stopped=True)
    campaign.add(sums(1), label='one')
    node = run_get_node(CrystalCampaignWorkChain, campaign=orm.Str(campaign.uuid)).node
    node.backend_entity.set_attribute('process_state', end.value)  # as it would be left
    campaign.change(stopped=False)
    (finding,) = check('my profile')
    assert (finding.state, finding.fix is not None) == (state, is_fixable)
    assert finding.remedy == "crystalmath -p 'my profile' campaign resume sums"


def test_a_daemon_that_is_full_of_what_waits_is_told_of(aiida_profile_clean, monkeypatch):
    """Not while there are places left, and not while it is down."""
    workers = [object()]
    monkeypatch.setattr(slots, 'workers', lambda name: workers)
    for state in (*[ProcessState.WAITING] * 2, ProcessState.CREATED):
        orm.WorkChainNode().store().set_process_state(state)
    assert list(slots.check('mine')) == []
    monkeypatch.setattr(get_manager(), 'get_option', lambda option: 3)
    (finding,) = slots.check('mine')
    assert (finding.check, finding.state) == ('places', 'warn')
    assert finding.text.startswith('1 of 3 processes wait for one of the 3 places')
    assert 'verdi -p mine daemon incr' in finding.text
    assert finding.remedy == ('verdi -p mine config set daemon.worker_process_slots 6; verdi -p mine daemon restart')
    workers.append(object())
    assert list(slots.check('mine')) == []
    workers.clear()
    assert list(slots.check('mine')) == []
