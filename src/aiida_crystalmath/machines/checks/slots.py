"""Places for processes in the workers of the daemon, and whether all are taken."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from aiida import orm
from aiida.manage import get_manager

from aiida_crystalmath.machines.checks.finding import Finding
from aiida_crystalmath.machines.workers import workers
from aiida_crystalmath.tracking.calls import ACTIVE


def check(name: str) -> Iterator[Finding]:
    """Yield a finding if some processes of profile ``name`` have no place in a worker; nothing if all have.

    A process has one from its beginning to its end, also while it waits for those that it called: if those have none,
    nothing goes on. A daemon that is down is not told of here.
    """
    query = orm.QueryBuilder().append(
        (orm.CalcJobNode, orm.WorkChainNode),
        filters={'attributes.process_state': {'in': list(ACTIVE)}},
        project='attributes.process_state',
    )
    states = query.all(flat=True)
    queued = states.count('created')
    if not queued:
        return
    places = int(get_manager().get_option('daemon.worker_process_slots')) * len(workers(name))
    if 0 < places <= len(states):
        quoted = shlex.quote(name)
        yield Finding(
            'places',
            'warn',
            f'{queued} of {len(states)} processes wait for one of the {places} places in the daemon; if the others '
            f'wait for these, nothing goes on. Another worker is quicker: verdi -p {quoted} daemon incr',
            f'verdi -p {quoted} config set daemon.worker_process_slots {2 * len(states)}; '
            f'verdi -p {quoted} daemon restart',
        )
