"""The controller of a campaign: a process of the daemon that submits what waits, as long as the limits allow.

The core's work chains wait until all processes they called are over. This one wakes when any of them ends, when a
command tells it that something changed, and every few seconds in case a message was lost. While it waits it costs two
queries each time it looks; it goes through its outline only when there is something to do.

**Nothing is submitted twice.** Only who has claimed the campaign submits, so that of two controllers one stands by; and
one worker only carries a controller out. It submits one item a step. Before that it looks for a process called for the
item by any controller before: the call link is stored in one transaction with the process, so there is no moment in
which a worker could die between the two. All else can be found anew from these links; the context is empty, and a
checkpoint of any age will do.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import kiwipy
from aiida import orm
from aiida.engine import ExitCode, ProcessState, WorkChain, while_
from aiida.engine.processes.workchains.awaitable import Awaitable, AwaitableAction

from aiida_crystalmath.calculations import one_worker
from aiida_crystalmath.tracking import items
from aiida_crystalmath.tracking.campaign import CHANGED, CLOSING, Campaign
from aiida_crystalmath.tracking.items import Item
from aiida_crystalmath.workflows.restart import formatted

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalCampaignWorkChain',)

DOUBT_S = 30.0
"""How long a process that was made, but maybe never handed to the daemon, is given to begin."""
NEVER_BEGUN = 'never begun: the worker that made it was stopped before it could hand it over'


CLAIMS = 2**40
"""Claims of campaigns are those of processes with PKs beyond all that there are."""


class CrystalCampaignWorkChain(one_worker.RunByOneWorker, WorkChain):
    """Submit the items of a campaign while fewer than its limit run; end when nothing waits and nothing runs."""

    _claimed: int | None = None
    _timer: asyncio.TimerHandle | None = None
    _running: frozenset[int] = frozenset()
    _doubts: dict[str, float]

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define input, outline and exit codes."""
        super().define(spec)
        spec.input('campaign', valid_type=orm.Str, serializer=orm.to_aiida_type, help='UUID of the group.')
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(while_(steps.has_more)(steps.advance), steps.conclude)
        spec.exit_code(
            420, 'ERROR_ITEMS_FAILED', message='{failed} of {total} failed or were not submitted: see {command}'
        )
        spec.exit_code(421, 'ERROR_STOPPED', message='Stopped on request; {waiting} wait: go on with {command}')
        spec.exit_code(200, 'ERROR_NO_CAMPAIGN', message='There is no campaign {uuid} in this profile.')

    def init(self) -> None:
        """Listen to the ends of processes; called for a new instance and for one made from its checkpoint."""
        super().init()
        self._doubts = {}
        self.add_cleanup(self._let_go)
        if self._communicator is not None:
            ends = kiwipy.BroadcastFilter(self._on_end)
            for state in (ProcessState.FINISHED, ProcessState.KILLED, ProcessState.EXCEPTED):
                ends.add_subject_filter(f'state_changed.*.{state.value}')
            name = self._communicator.add_broadcast_subscriber(ends, f'campaign-{self.pid}')
            self.add_cleanup(lambda: self._communicator.remove_broadcast_subscriber(name))

    @property
    def campaign(self) -> Campaign | None:
        """Return the group, or ``None`` if it was deleted."""
        query = orm.QueryBuilder().append(Campaign, filters={'uuid': self.inputs.campaign.value})
        found: Campaign | None = query.first(flat=True)
        return found

    # -- the outline --------------------------------------------------------------------------------------------------

    def has_more(self) -> bool:
        """Tell whether anything is left to do.

        A command that adds an item, and finds this controller at work, must be able to rely on it: the end is
        announced first, and only then is it looked whether really nothing came meanwhile.
        """
        campaign = self.campaign
        if campaign is None:
            return False
        if campaign.has_more():
            return True
        self.node.base.extras.set(CLOSING, True)
        if not campaign.has_more():
            return False
        self.node.base.extras.delete(CLOSING)
        return True

    def advance(self) -> None:
        """Note what ended and submit one item; wait if there is none to submit."""
        if self.node.base.extras.get(CLOSING, False):
            self.node.base.extras.delete(CLOSING)  # it was stopped while it was about to end
        campaign = self.campaign
        if campaign is None:
            return
        if self._is_in_charge(campaign):
            found = [self._note(campaign, item) for item in campaign.look(*items.OPEN)]
            chosen = items.next_item(self._free_of_doubt(found), campaign.settings)
            if chosen is not None:
                self._submit_item(campaign, chosen)
                return
            running = sum(item.state == items.RUNNING for item in found)
            waiting = sum(item.state == items.WAITING for item in found)
            self.set_status(f'{running} running, {waiting} waiting')
            self._running = frozenset(item.process_pk for item in found if item.process_pk is not None)
        self._awaitables.append(Awaitable(pk=self.pid, key='', action=AwaitableAction.ASSIGN, target='change'))

    def conclude(self) -> ExitCode | None:
        """Name what failed."""
        campaign = self.campaign
        if campaign is None:
            return formatted(self.exit_codes.ERROR_NO_CAMPAIGN, uuid=self.inputs.campaign.value)
        states = [item.state for item in campaign.items()]
        waiting = states.count(items.WAITING)
        failed = states.count(items.FAILED) + states.count(items.REFUSED)
        if waiting:
            return formatted(self.exit_codes.ERROR_STOPPED, waiting=waiting, command='`crystalmath campaign start`')
        if failed:
            command = '`crystalmath campaign status`'
            return formatted(self.exit_codes.ERROR_ITEMS_FAILED, failed=failed, total=len(states), command=command)
        return None

    # -- items --------------------------------------------------------------------------------------------------------

    def _note(self, campaign: Campaign, item: Item) -> Item:
        """Write down the end of an item that ran."""
        if item.state in items.OPEN:
            return item
        self.report(f'{item.label} <{item.process_pk}>: {item.state}{f": {item.reason}" if item.reason else ""}')
        return campaign.note(item)

    def _submit_item(self, campaign: Campaign, item: Item) -> None:
        """Submit an item, or find the process that was made for it before."""
        called = [node for node in called_for(item) if node.process_status != NEVER_BEGUN]
        if called and called[0].process_state is ProcessState.CREATED:
            # Its maker was killed within the blink between making and noting it. Was it handed to the daemon?
            deadline = self._doubts.setdefault(item.uuid, time.monotonic() + DOUBT_S)
            if time.monotonic() < deadline:
                return
            retire(called[0])
            called = []
        self._doubts.pop(item.uuid, None)
        try:
            node = called[0] if called else self._launch(item)
        except ValueError as exception:
            campaign.note(item, state=items.REFUSED, reason=' '.join(str(exception).split()))
            self.report(f'{item.label}: not submitted: {exception}')
            return
        # The note comes last: while the item waits, this is done again by whoever takes the place of this worker.
        node.base.extras.set_many(items.load_extras(item))
        campaign.add_nodes(node)
        campaign.note(item, state=items.RUNNING, process=node.uuid)
        self.report(f'{item.label}: {"found" if called else "submitted"} as <{node.pk}>')

    def _launch(self, item: Item) -> orm.ProcessNode:
        """Make the process of an item and hand it to the daemon.

        :raises ValueError: if its inputs are not there any more, or not valid any more.
        """
        process, inputs = items.load_inputs(item)
        metadata = {
            'label': item.label[:255],
            **inputs.get('metadata', {}),
            'call_link_label': items.link_label(item.uuid),
        }
        return self.submit(process, {**inputs, 'metadata': metadata})

    def _free_of_doubt(self, found: list[Item]) -> list[Item]:
        """Leave out the items whose process may yet begin."""
        now = time.monotonic()
        return [item for item in found if self._doubts.get(item.uuid, 0) <= now]

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _is_in_charge(self, campaign: Campaign) -> bool:
        """Tell whether this controller, of all that there may be for the campaign, is the one to submit."""
        number = CLAIMS + int(campaign.pk or 0)
        if self._claimed is None and one_worker.claim(number):
            self._claimed = number
        return self._claimed is not None

    def _let_go(self) -> None:
        """Give up the claim and the timer."""
        if self._timer is not None:
            self._timer.cancel()
        if self._claimed is not None:
            one_worker.release(one_worker.claims_file(), self._claimed)

    def _action_awaitables(self) -> None:
        """Begin to look for changes, instead of waiting for every process that was called."""
        self._look_after(0)

    def _update_process_status(self) -> None:
        """Leave the status as it is: the core would list every process that runs."""

    def _look_after(self, seconds: float) -> None:
        """Look for changes after a time; a look planned before is given up."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Go on if there is something to do, else look again later."""
        if self.has_terminated() or self.state is not ProcessState.WAITING:
            return
        interval_s = 10.0
        try:
            campaign = self.campaign
            interval_s = campaign.settings.interval_s if campaign is not None else interval_s
            is_due = self._is_due(campaign)
        except Exception as exception:
            # No step of a process goes wrong here that would see to it.
            one_worker.stop_if_database_is_lost(self.runner, exception)
            raise
        finally:
            self._look_after(interval_s)  # also if the database does not answer right now
        if is_due:
            self.resume()

    def _is_due(self, campaign: Campaign | None) -> bool:
        """Tell whether there is something to do; an instance that is not in charge never has."""
        if campaign is None:
            return True
        if not self._is_in_charge(campaign):
            return False
        found = campaign.look(*items.OPEN)
        has_ended = any(item.state in items.CLOSED for item in found)
        return (
            has_ended
            or items.next_item(self._free_of_doubt(found), campaign.settings) is not None
            or not campaign.has_more()
        )

    def _on_end(self, _comm: Any, _body: Any, sender: Any, _subject: Any, _correlation_id: Any) -> None:
        """Look at once when a process ends that was called."""
        if sender in self._running:
            self._look_after(0)

    def broadcast_receive(self, _comm: Any, msg: Any, sender: Any, subject: Any, correlation_id: Any) -> Any:
        """Look at once when a command says that the campaign changed."""
        if subject == CHANGED:
            if msg == self.inputs.campaign.value:
                self._look_after(0)
            return None
        return super().broadcast_receive(_comm, msg, sender, subject, correlation_id)


def called_for(item: Item) -> list[orm.ProcessNode]:
    """Return the processes that controllers have made for an item, the newest first."""
    query = orm.QueryBuilder().append(orm.WorkChainNode, tag='controller')
    query.append(
        orm.ProcessNode,
        with_incoming='controller',
        edge_filters={'label': items.link_label(item.uuid)},
        tag='process',
    )
    query.order_by({'process': {'id': 'desc'}})
    found: list[orm.ProcessNode] = query.all(flat=True)
    return found


def retire(node: orm.ProcessNode) -> None:
    """Make sure that a process which never began never does, should its task turn up after all.

    A worker takes no task of a process that is over, and a sealed one cannot change its state any more.
    """
    node.set_process_status(NEVER_BEGUN)
    node.set_process_state(ProcessState.KILLED)
    node.delete_checkpoint()
    node.seal()
