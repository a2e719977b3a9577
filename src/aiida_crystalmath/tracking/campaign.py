"""A campaign: a group of items that wait, and what may be done with them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_crystalmath.calculations import one_worker
from aiida_crystalmath.calculations.lost_services import is_broker_lost
from aiida_crystalmath.tracking import items
from aiida_crystalmath.tracking.calls import ACTIVE, at_work
from aiida_crystalmath.tracking.items import Item, Settings

__all__ = ('CHANGED', 'CLOSING', 'Campaign', 'CampaignError', 'as_argument')

SETTINGS = 'crystalmath_settings'
"""Extra of the group: see :class:`~aiida_crystalmath.tracking.items.Settings`. Written by commands."""
CLOSING = 'crystalmath_closing'
"""Extra of a controller that found nothing left to do and is about to end."""
CHANGED = 'crystalmath.campaign.changed'
"""Subject of the message that lets a controller look at once; its body is the UUID of the campaign."""

ADDING = 2**41
"""Claims of those who add to campaigns are those of processes with PKs beyond the claims of controllers."""

CLOSING_S = 60.0
"""How long a controller that is about to end is waited for."""


class CampaignError(ValueError):
    """Something that cannot be done with a campaign: the message says what to do instead."""


def as_argument(label: str) -> str:
    """Return the name of a campaign as it is typed at the end of a command, whatever it begins with."""
    quoted = shlex.quote(label)
    return f'-- {quoted}' if label.startswith('-') else quoted


class Campaign(orm.Group):
    """Work that waits, and the processes made of it.

    Members are the items (``Dict``), the processes that were submitted for them, and the controllers. The truth about
    what was submitted is in the call links of the provenance, not in this group.
    """

    # ------------------------------------------------------------------------------------------------ the group

    @classmethod
    def find(cls, label: str) -> Campaign | None:
        """Return the campaign of this label, if there is one."""
        found: Campaign | None = orm.QueryBuilder().append(cls, filters={'label': label}).first(flat=True)
        return found

    @classmethod
    def make(cls, label: str) -> Campaign:
        """Return the campaign of this label, made if there is none.

        :raises CampaignError: if the label says nothing.
        """
        if not label.strip() or any(not character.isprintable() for character in label):
            raise CampaignError(f'{label!r} is no name for a campaign.')
        campaign, _ = cls.collection.get_or_create(label=label)
        return campaign  # type: ignore[return-value]

    @property
    def settings(self) -> Settings:
        """Return what the campaign may do, read anew."""
        query = orm.QueryBuilder().append(Campaign, filters={'id': self.pk}, project=f'extras.{SETTINGS}')
        return Settings(**(query.first(flat=True) or {}))

    def change(self, **changes: Any) -> Settings:
        """Change settings, and let the controller know; return them all.

        :raises ValueError: for a value that makes no sense.
        """
        settings = replace(self.settings, **changes)
        self.base.extras.set(SETTINGS, asdict(settings))
        self.notify()
        return settings

    def notify(self) -> None:
        """Let the controller look now. If the message is lost, it looks within ``interval_s`` all the same."""
        from aiida.manage import get_manager

        manager = get_manager()
        profile = manager.get_profile()
        if profile is None or profile.process_control_backend is None:
            return
        if not manager.get_daemon_client().is_daemon_running:
            return
        try:
            manager.get_communicator().broadcast_send(self.uuid, subject=CHANGED)
        except Exception as exception:
            if not is_broker_lost(exception):
                raise

    # ------------------------------------------------------------------------------------------------ items

    def add(
        self,
        builder: ProcessBuilder,
        *,
        label: str,
        kind: str = '',
        priority: int = 0,
        key: str = '',
        extras: Mapping[str, Any] | None = None,
    ) -> orm.Dict:
        """Let a process wait in this campaign; :meth:`start` (or :meth:`notify`) lets it be submitted.

        :param builder: with the inputs, which are checked now and stored.
        :param kind: what caps count.
        :param priority: a higher one goes first; within one, what was added first.
        :param key: what the item has in common with all that ask for the same.
        :param extras: set on the process.
        :raises ValueError: if the inputs are not valid.
        """
        node = items.make_item(builder, label=label, kind=kind, priority=priority, key=key, extras=extras)
        self.add_nodes(node.store())
        return node

    def add_run(self, process: orm.ProcessNode, builder: ProcessBuilder, **order: Any) -> orm.Dict:
        """Let a process that is over, or runs already, be the one of an item: nothing is submitted for it.

        :param builder: with the inputs, as for :meth:`add`; ``order``: label, kind, priority, key.
        """
        node = items.make_item(builder, **order)
        outcome = items.outcomes([process.uuid])[process.uuid]
        node.base.extras.set(items.STATE, {'process': process.uuid, **outcome, 'process_pk': None})
        self.add_nodes([node.store(), process])
        return node

    @contextmanager
    def alone(self, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Let nobody else add within this context, so that what was found missing is missing still when it is added.

        Others who ask the same way wait. The operating system ends it with the program, in whichever way.

        :param on_wait: called once if somebody else is at it.
        """
        number = ADDING + int(self.pk or 0)
        if not one_worker.claim(number):
            on_wait()
            while not one_worker.claim(number):
                time.sleep(0.2)
        try:
            storage: Any = self.backend
            if hasattr(storage, 'get_session'):
                storage.get_session().commit()  # a snapshot begun before would show the past (SQLite)
            yield
        finally:
            one_worker.release(one_worker.claims_file(), number)

    def items(self, *states: str) -> list[Item]:
        """Return the items in some states, or all that were not replaced, as they were last noted; in one query."""
        query = self._query(states, ['id', 'uuid', 'label', 'extras']).order_by({'item': 'id'})
        return [Item.from_row(*row) for row in query.iterall()]

    def has(self, *states: str) -> bool:
        """Tell whether any item is in one of some states."""
        return self._query(states, ['id']).first() is not None

    def has_more(self) -> bool:
        """Tell whether anything runs, or waits and may be submitted sooner or later."""
        return self.has(items.RUNNING, *(() if self.settings.stopped else (items.WAITING,)))

    def places(self) -> int:
        """Return how many places in the daemon an item may need at once: the most of all that waits or runs."""
        filters = {f'extras.{items.STATE}.state': {'in': list(items.OPEN)}}
        query = orm.QueryBuilder().append(Campaign, filters={'id': self.pk}, tag='campaign')
        query.append(orm.Dict, with_group='campaign', filters=filters, project='attributes.process').distinct()
        return max((items.places_of(process) for process in query.all(flat=True)), default=1)

    def _query(self, states: Iterable[str], columns: list[str]) -> orm.QueryBuilder:
        wanted = {'in': list(states)} if states else {'!==': items.REPLACED}
        query = orm.QueryBuilder().append(Campaign, filters={'id': self.pk}, tag='campaign')
        filters = {f'extras.{items.STATE}.state': wanted}
        return query.append(orm.Dict, with_group='campaign', filters=filters, project=columns, tag='item')

    def look(self, *states: str) -> list[Item]:
        """Return items with what has become of their processes by now; nothing is written.

        :param states: which items, as for :meth:`items`: by what the controller has noted so far. Whoever looks for
            those that failed takes all, and asks each for its ``state``.
        """
        found = self.items(*states)
        known = items.outcomes(item.process for item in found if item.process)
        return [replace(item, **known[item.process]) if item.process in known else item for item in found]

    def note(self, item: Item, **record: Any) -> Item:
        """Write down what became of an item; return it as it is then."""
        changed = replace(item, **record)
        orm.load_node(item.pk).base.extras.set(items.STATE, changed.record)
        return changed

    def put(self, item: Item, **order: Any) -> None:
        """Change the ``kind`` or ``priority`` of an item."""
        orm.load_node(item.pk).base.extras.set(items.ORDER, replace(item, **order).order)

    def repeat(self, old: Iterable[Item]) -> list[orm.Dict]:
        """Let items that failed wait once more, as new ones that replace them; each item has one process only."""
        repeated = []
        for item in old:
            node = orm.load_node(item.pk)
            again = orm.Dict(node.get_dict())
            again.label = node.label
            again.base.extras.set(items.ORDER, item.order)
            again.base.extras.set(items.STATE, {'state': items.WAITING})
            with self.backend.transaction():  # stopped between the two, both would be submitted
                self.add_nodes(again.store())
                self.note(item, state=items.REPLACED)
            repeated.append(again)
        return repeated

    # ------------------------------------------------------------------------------------------------ the controller

    def controllers(self, active: bool = True) -> list[orm.WorkChainNode]:
        """Return the processes that submit for this campaign, the newest first.

        :param active: those only that are not over.
        """
        from aiida_crystalmath.tracking.controller import CrystalCampaignWorkChain

        filters: dict[str, Any] = {'process_type': CrystalCampaignWorkChain.build_process_type()}
        if active:
            filters['attributes.process_state'] = {'in': list(ACTIVE)}
        query = orm.QueryBuilder().append(orm.Str, filters={'attributes.value': self.uuid}, tag='campaign')
        query.append(orm.WorkChainNode, with_incoming='campaign', filters=filters, tag='controller')
        query.order_by({'controller': {'id': 'desc'}})
        found: list[orm.WorkChainNode] = query.all(flat=True)
        return found

    def at_work(self) -> list[orm.ProcessNode]:
        """Return what is not over of the controllers and of all that they ever called, also through others."""
        pks = at_work(int(node.pk or 0) for node in self.controllers(active=False))
        query = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': {'in': list(pks)}}, tag='process')
        found: list[orm.ProcessNode] = query.order_by({'process': 'id'}).all(flat=True) if pks else []
        return found

    def start(self) -> orm.WorkChainNode | None:
        """Make sure that a controller is at work if anything is to be done, and return it; a new one only if needed.

        In a campaign that was stopped nothing is to be done about what waits.

        :raises CampaignError: if the last controller neither goes on nor ends.
        """
        from aiida.engine import submit

        from aiida_crystalmath.tracking.controller import CrystalCampaignWorkChain

        self.notify()
        deadline = time.monotonic() + CLOSING_S
        while active := self.controllers():
            if not any(node.base.extras.get(CLOSING, False) for node in active):
                return active[0]
            if time.monotonic() > deadline:
                raise CampaignError(
                    f'the controller PK {active[0].pk} does not come to its end: is the daemon at work? '
                    'See "verdi daemon status".'
                )
            time.sleep(0.2)
        if not self.has_more():
            return None
        node: Any = submit(
            CrystalCampaignWorkChain, {'campaign': orm.Str(self.uuid), 'metadata': {'label': self.label}}
        )
        self.add_nodes(node)
        return node  # type: ignore[no-any-return]
