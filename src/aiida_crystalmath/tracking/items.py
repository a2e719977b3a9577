"""What waits in a campaign: a process with its inputs, checked and stored, to be submitted later.

An item is a ``Dict``: the process, its inputs (nodes by UUID), and what is to be noted with the process. It never
changes. What does change is in two extras, each with one writer: the order in which items are taken (commands), and
what became of them (the controller).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

__all__ = (
    'CLOSED',
    'FAILED',
    'FINISHED',
    'OPEN',
    'REFUSED',
    'REPLACED',
    'RUNNING',
    'WAITING',
    'Item',
    'Settings',
    'link_label',
    'load_extras',
    'load_inputs',
    'make_item',
    'next_item',
    'outcomes',
    'places_of',
)

WAITING, RUNNING, FINISHED, FAILED, REFUSED, REPLACED = (
    'waiting',
    'running',
    'finished',
    'failed',
    'not submitted',
    'replaced',
)
"""States of an item: ``not submitted`` if its process could not be made, ``replaced`` if another took its place."""
OPEN, CLOSED = (WAITING, RUNNING), (FINISHED, FAILED, REFUSED)

PLACES = 4
"""Places in the daemon that a work chain of another package may need: see ``PLACES`` of those of this one."""

ORDER = 'crystalmath_order'
"""Extra of an item: its ``kind``, ``priority`` and ``key``. Written by commands."""
STATE = 'crystalmath_state'
"""Extra of an item: its ``state``, the UUID of its ``process``, ``exit_status``, ``reason``. Written by controllers."""


@dataclass(frozen=True)
class Settings:
    """What a campaign may do.

    :param limit: how many items may run at once.
    :param caps: how many of one kind, by kind; a kind without a cap may fill the limit.
    :param paused: nothing is submitted.
    :param stopped: nothing is submitted, and the controller ends when nothing runs any more.
    :param interval_s: seconds after which the controller looks again, should no message have woken it before.
    """

    limit: int = 10
    caps: dict[str, int] = field(default_factory=dict)
    paused: bool = False
    stopped: bool = False
    interval_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what would never submit anything, or never rest."""
        numbers = {'limit': self.limit, **{f'cap of "{kind}"': cap for kind, cap in self.caps.items()}}
        for name, number in numbers.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise ValueError(f'{name}: {number!r} is not a number of items.')
        if not self.interval_s > 0:
            raise ValueError(f'interval_s: {self.interval_s!r} is not a time.')


@dataclass(frozen=True)
class Item:
    """An item as it stands in the database.

    :param label: mostly the name of a file.
    :param key: what it has in common with all items that ask for the same.
    :param process: UUID of its process, once there is one; ``pk`` of it as ``process_pk`` where it was looked up.
    """

    pk: int
    uuid: str
    label: str
    kind: str = ''
    priority: int = 0
    key: str = ''
    state: str = WAITING
    process: str | None = None
    process_pk: int | None = None
    exit_status: int | None = None
    reason: str = ''

    @classmethod
    def from_row(cls, pk: int, uuid: str, label: str, extras: Mapping[str, Any]) -> Item:
        """Return the item of a row of the database."""
        return cls(pk, uuid, label, **extras.get(ORDER, {}), **extras.get(STATE, {}))

    @property
    def order(self) -> dict[str, Any]:
        """Return what the extra ``crystalmath_order`` holds."""
        return {name: getattr(self, name) for name in ('kind', 'priority', 'key')}

    @property
    def record(self) -> dict[str, Any]:
        """Return what the extra ``crystalmath_state`` holds."""
        return {name: getattr(self, name) for name in ('state', 'process', 'exit_status', 'reason')}

    def as_dict(self) -> dict[str, Any]:
        """Return what a script wants to know."""
        return asdict(self)


def link_label(item_uuid: str) -> str:
    """Return the label of the call link between a controller and the process of an item.

    The link is stored in one transaction with the process. It therefore is the proof that an item was submitted, and
    stays one wherever a worker was killed.
    """
    return f'item_{item_uuid.replace("-", "")}'


def next_item(items: Iterable[Item], settings: Settings) -> Item | None:
    """Return the item to submit now: of the highest priority, then the oldest, that no limit holds back."""
    items = list(items)
    running = Counter(item.kind for item in items if item.state == RUNNING)
    if settings.paused or settings.stopped or running.total() >= settings.limit:
        return None
    free = [
        item
        for item in items
        if item.state == WAITING and running[item.kind] < settings.caps.get(item.kind, settings.limit)
    ]
    return min(free, key=lambda item: (-item.priority, item.pk), default=None)


def make_item(
    builder: ProcessBuilder,
    *,
    label: str,
    kind: str = '',
    priority: int = 0,
    key: str = '',
    extras: Mapping[str, Any] | None = None,
) -> orm.Dict:
    """Return the node of an item, not stored yet; the inputs of the process are checked, then stored.

    :param builder: of any process that has an entry point.
    :param key: what it has in common with all items that ask for the same.
    :param extras: set on the process once it is submitted.
    :raises ValueError: if the inputs are not valid, or cannot be kept.
    """
    from aiida.plugins.entry_point import get_entry_point_from_class

    process = builder.process_class
    group, entry_point = get_entry_point_from_class(process.__module__, process.__name__)
    if group is None or entry_point is None:
        raise ValueError(f'{process.__name__} has no entry point, so that a daemon cannot find it.')
    spec = process.spec().inputs
    inputs = spec.serialize(builder._inputs(prune=True)) or {}
    error = spec.validate(spec.pre_process(_copied(inputs)))
    if error is not None:
        raise ValueError(f'{error.port}: {error.message}')
    content = {'process': f'{group}:{entry_point.name}', 'inputs': _encode(inputs), 'extras': dict(extras or {})}
    node = orm.Dict(content)
    node.label = label
    node.base.extras.set(ORDER, {'kind': kind, 'priority': priority, 'key': key})
    node.base.extras.set(STATE, {'state': WAITING})
    return node


def load_inputs(item: Item) -> tuple[Any, dict[str, Any]]:
    """Return the process class and the inputs of an item.

    :raises ValueError: if the process or one of the nodes is not there any more.
    """
    from aiida.common.exceptions import EntryPointError, NotExistent
    from aiida.plugins.entry_point import load_entry_point_from_string

    content = orm.load_node(item.pk).get_dict()
    try:
        process = load_entry_point_from_string(content['process'])
        inputs = _decode(content['inputs'])
    except (EntryPointError, NotExistent) as exception:
        raise ValueError(' '.join(str(exception).split())) from exception
    return process, inputs


def load_extras(item: Item) -> dict[str, Any]:
    """Return what is to be set on the process of an item."""
    return dict(orm.load_node(item.pk).get_dict().get('extras', {}))


def places_of(process: str) -> int:
    """Return how many places in the daemon a process may need at once, with those that it calls.

    :param process: its entry point; of one that is not there any more nothing is submitted.
    """
    from aiida.common.exceptions import EntryPointError
    from aiida.engine import CalcJob
    from aiida.plugins.entry_point import load_entry_point_from_string

    try:
        found = load_entry_point_from_string(process)
    except EntryPointError:
        return 1
    return 1 if issubclass(found, CalcJob) else int(getattr(found, 'PLACES', PLACES))


def _copied(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs in namespaces of their own: defaults are filled in where they stand."""
    return {name: _copied(value) if isinstance(value, Mapping) else value for name, value in inputs.items()}


def _encode(value: Any) -> dict[str, Any]:
    """Return inputs as JSON, each marked as what it is; nodes are stored."""
    if isinstance(value, orm.Node):
        return {'node': value.store().uuid}
    if isinstance(value, Mapping):
        return {'namespace': {str(name): _encode(item) for name, item in value.items()}}
    try:
        return {'value': json.loads(json.dumps(value))}
    except TypeError as exception:
        raise ValueError(f'an input of type {type(value).__name__} cannot be kept until it is needed.') from exception


def _decode(content: Mapping[str, Any]) -> Any:
    """Return inputs from what :func:`_encode` made of them."""
    if 'node' in content:
        return orm.load_node(uuid=content['node'])
    if 'namespace' in content:
        return {name: _decode(item) for name, item in content['namespace'].items()}
    return content['value']


def outcomes(processes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what became of processes, by UUID, in one query: keys of :class:`Item` that a process decides.

    One that was deleted is taken for failed: nobody could wait for its end.
    """
    wanted = list(processes)
    if not wanted:
        return {}
    names = ('process_state', 'exit_status', 'exit_message', 'exception')
    query = orm.QueryBuilder().append(
        orm.ProcessNode,
        filters={'uuid': {'in': wanted}},
        project=['uuid', 'id', *(f'attributes.{name}' for name in names)],
    )
    found: dict[str, dict[str, Any]] = {uuid: {'state': FAILED, 'reason': 'its process was deleted'} for uuid in wanted}
    for uuid, pk, state, exit_status, message, exception in query.iterall():
        known: dict[str, Any] = {'process_pk': pk, 'state': RUNNING}
        if state in ('finished', 'excepted', 'killed'):
            is_ok = state == 'finished' and exit_status == 0
            said = message or (exception or '').strip().rpartition('\n')[2] or state
            known |= {'state': FINISHED if is_ok else FAILED, 'exit_status': exit_status}
            known['reason'] = '' if is_ok else said
        found[uuid] = known
    return found
