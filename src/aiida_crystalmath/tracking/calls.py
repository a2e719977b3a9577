"""What processes called, directly or through others, and is not over yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm

__all__ = ('ACTIVE', 'at_work')

ACTIVE = ('created', 'running', 'waiting')


def at_work(callers: Iterable[int], *, paused: bool = False) -> dict[int, int]:
    """Return the PKs of ``callers``, and of all that they called, as far as they are not over; of whom, by PK.

    It takes one query a level, whatever else there is: what is not over is followed up to who called it.

    :param paused: those only that are paused themselves.
    """
    wanted = set(callers)
    filters: dict[str, Any] = {'attributes.process_state': {'in': list(ACTIVE)}}
    if paused:
        filters['attributes.paused'] = True
    above = {pk: pk for pk in orm.QueryBuilder().append(orm.ProcessNode, filters=filters, project='id').all(flat=True)}
    found: dict[int, int] = {}
    while above:
        found |= {pk: caller for pk, caller in above.items() if caller in wanted and pk not in found}
        query = orm.QueryBuilder().append(orm.ProcessNode, project='id', tag='caller')
        called = {'id': {'in': sorted(set(above.values()))}}
        query.append(orm.ProcessNode, with_incoming='caller', filters=called, project='id')
        caller_of = {pk: caller for caller, pk in query.all()}
        above = {pk: caller_of[last] for pk, last in above.items() if last in caller_of}
    return found
