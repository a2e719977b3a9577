"""Processes that stand still: paused after their computer was away, or without anybody who carries them out.

A process is carried out by the worker that claims it (``calculations/one_worker.py``). One that nobody claims must wait
as a task at the broker; where there is none either, it would wait for ever. Processes of other packages claim nothing:
they are alive if they can be spoken to.

ZeroMQ's broker of aiida-core 2.9.4 misses the death of a worker now and then (every fifth time on a busy machine): it
probes its workers as soon as it hears that a connection broke, which may be a blink before it would notice at which of
them, and does not probe again. The tasks of the dead one stay with it until any other connection ends.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common import timezone
from aiida.manage import get_manager

from aiida_crystalmath.calculations.one_worker import claimant
from aiida_crystalmath.machines.checks.finding import Finding
from aiida_crystalmath.machines.checks.places import answers
from aiida_crystalmath.tracking.calls import ACTIVE

SETTLED_S = 30
"""A process this long without a change may be called stuck: a task on its way is seen neither here nor there."""

NOBODY_AT_ZEROMQ = ('Recipient not found', 'No handler for')
"""How bare exceptions of aiida-core's ZeroMQ broker begin where kiwipy has errors of its own."""

PAUSED_BY_TRANSPORT = 'Pausing after failed transport task'
PROGRESS = ('attributes.state', 'attributes.scheduler_lastchecktime')
"""Of a job: how far it has come, and when its scheduler last answered."""

RPC_TIMEOUT_S = 5
PLAY_TIMEOUT_S = 30
OURS = ':crystalmath.'
N_NAMED = 5


@dataclass(frozen=True)
class Active:
    """A process that has not ended.

    :param progress: what a job has come to; the same after a step that failed.
    """

    pk: int
    process_type: str
    paused: bool
    status: str
    quiet_s: float
    progress: str = ''

    @property
    def is_ours(self) -> bool:
        """Tell whether it claims what it carries out."""
        return OURS in self.process_type

    @property
    def gave_up(self) -> bool:
        """Tell whether it paused because its computer was not to be reached."""
        return self.paused and self.status.startswith(PAUSED_BY_TRANSPORT)


def active(has_checkpoint: bool = True) -> list[Active]:
    """Return the processes that have not ended and that a daemon can carry out; of functions it cannot.

    :param has_checkpoint: those that have one to go on from, or those that have none.
    """
    query = orm.QueryBuilder().append(
        (orm.CalcJobNode, orm.WorkChainNode),
        filters={
            'attributes.process_state': {'in': list(ACTIVE)},
            'attributes': {'has_key' if has_checkpoint else '!has_key': 'checkpoints'},
        },
        project=['id', 'process_type', 'attributes.paused', 'attributes.process_status', 'mtime', *PROGRESS],
    )
    now = timezone.now()
    return [
        Active(
            pk, kind or '', bool(paused), status or '', (now - mtime) / timedelta(seconds=1), ' '.join(map(str, done))
        )
        for pk, kind, paused, status, mtime, *done in query.all()
    ]


def check(name: str) -> Iterator[Finding]:
    """Yield the findings about the processes of profile ``name``."""
    found = active()
    yield _paused(name, found)  # first, since it asks no broker
    try:
        yield _stuck(name, found)
        yield from _broken(name)
    except ConnectionError:
        yield Finding('processes', 'warn', f'{len(found)} under way; no broker answers, so more cannot be told')


# -- stuck -------------------------------------------------------------------------------------------------------------


def _stuck(name: str, found: list[Active]) -> Finding:
    lost = stuck(found)
    if not lost:
        return Finding('processes', 'ok', f'{len(found)} under way, each with a worker or in the queue')
    return Finding(
        'processes',
        'fail',
        f'{len(lost)} of {len(found)} will never go on by themselves: {_named(lost)}',
        f'crystalmath -p {name} doctor --fix',
        partial(revive, name, lost),
    )


def stuck(found: list[Active]) -> list[int]:
    """Return the PKs of the processes that have neither a worker nor a task at the broker.

    :raises ConnectionError: if the broker must be asked and does not answer.
    """
    idle = [one for one in found if _is_deserted(one)]
    tasks = queued() if idle else set()
    return [one.pk for one in idle if one.pk not in tasks]


def _is_deserted(one: Active) -> bool:
    """Tell whether nobody carries a process out, and nothing has come of it for a while."""
    if one.quiet_s <= SETTLED_S or claimant(one.pk) is not None:
        return False
    return one.is_ours or not _can_be_spoken_to(one.pk)


def queued() -> set[int]:
    """Return the PKs of the processes whose tasks wait for a worker, or have just been taken by one."""
    broker = get_manager().get_broker()
    profile = get_manager().get_profile()
    if broker is None or profile is None:
        return set()
    if profile.process_control_backend == 'core.rabbitmq':
        from aiida.engine.processes.control import get_process_tasks

        return set(get_process_tasks(broker))
    taken = [path for path in _tasks_of_zeromq('processing') if _since_it_was_moved_s(path) < SETTLED_S]
    return _pks_of_tasks([*_tasks_of_zeromq('pending'), *taken])


def _tasks_of_zeromq(state: str) -> list[Path]:
    """Return the tasks that ZeroMQ keeps: ``pending``, or given to a worker, ``processing``.

    They are files, which are only read here: aiida-core's own reader puts those that are being worked on back into the
    queue, as after a crash.
    """
    storage: Any = get_manager().get_broker()
    return list((Path(storage._storage_path) / 'tasks' / state).glob('*.json'))


def _since_it_was_moved_s(path: Path) -> float:
    """Return the seconds since a task came into its folder, which changes its inode; infinity if it has left it."""
    try:
        return time.time() - path.stat().st_ctime
    except OSError:
        return math.inf


def _pks_of_tasks(paths: list[Path]) -> set[int]:
    return {pk for path in paths if (pk := _pk_of_task(path)) is not None}


def _pk_of_task(path: Path) -> int | None:
    """Return the process that a task of ZeroMQ is about; ``None`` if it has just been done."""
    try:
        return int(json.loads(path.read_text())['body']['args']['pid'])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _can_be_spoken_to(pk: int) -> bool:
    """Tell whether anybody listens for messages to a process, which whoever carries it out does.

    :raises ConnectionError: if no broker answers.
    """
    from concurrent.futures import TimeoutError as NoAnswer

    import kiwipy

    broker: Any = get_manager().get_broker()
    profile = get_manager().get_profile()
    if broker is None or profile is None:
        raise ConnectionError('the profile has no broker')
    if _has_zeromq() and not broker.check_service_reachable():
        raise ConnectionError("ZeroMQ's broker is not there")  # aiida-core itself would wait for it, 10 s a process
    try:
        future: Any = get_manager().get_process_controller().get_status(pk)
        future.result(timeout=RPC_TIMEOUT_S)
    except (kiwipy.UnroutableError, kiwipy.DeliveryFailed):
        return False
    except (NoAnswer, kiwipy.RemoteException):
        return True
    except Exception as exception:
        if str(exception).startswith(NOBODY_AT_ZEROMQ):
            return False
        raise
    return True


def revive(name: str, pks: list[int]) -> str:
    """Give processes their tasks back; return what was done. The daemon may run: whoever is carried out is left so."""
    from aiida_crystalmath.machines.daemon import daemon_runs

    if not daemon_runs(name):
        return 'nothing: the daemon must run first'
    controller = get_manager().get_process_controller()
    for pk in _left_by_zeromq(pks) if _has_zeromq() else pks:
        controller.continue_process(pk, nowait=False, no_reply=True)
    # An answer comes after all that was sent before the question. Without one, ZeroMQ drops what is still on its way
    # when the connection is closed, as it is for the next look.
    _can_be_spoken_to(pks[-1])
    return f'gave {len(pks)} processes their tasks back: {_named(pks)}'


def _has_zeromq() -> bool:
    profile = get_manager().get_profile()
    return profile is not None and profile.process_control_backend == 'core.zeromq'


def _left_by_zeromq(pks: list[int]) -> list[int]:
    """Have ZeroMQ's broker hand the tasks of dead workers on; return the processes that it has no task of."""
    have_zeromq_probe()
    kept = _pks_of_tasks([*_tasks_of_zeromq('processing'), *_tasks_of_zeromq('pending')])
    return [pk for pk in pks if pk not in kept]


def have_zeromq_probe() -> None:
    """Have ZeroMQ's broker take the tasks back of workers that died: it looks for these when a connection ends.

    :raises ConnectionError: if the broker is not there.
    """
    from aiida.brokers.zeromq.communicator import ZeromqCommunicator

    broker: Any = get_manager().get_broker()
    if not broker.check_service_reachable():
        raise ConnectionError("ZeroMQ's broker is not there")
    with ZeromqCommunicator(router_endpoint=broker._router_endpoint) as connection:
        # An answer, here that there is nobody of that name, says that the connection stands.
        connection.rpc_send('crystalmath-probe', None).exception(timeout=RPC_TIMEOUT_S)


def _broken(name: str) -> Iterator[Finding]:
    """Look for processes that nothing can be done for: two workers once had them, or one died as they began."""
    broken = [one.pk for one in active(has_checkpoint=False) if _is_deserted(one)]
    if broken:
        text = f'{len(broken)} have no checkpoint to go on from, and count as active for ever: {_named(broken)}'
        yield Finding('broken', 'warn', text, f'verdi -p {name} node delete {broken[0]}')


# -- paused ------------------------------------------------------------------------------------------------------------


def _paused(name: str, found: list[Active]) -> Finding:
    paused = [one.pk for one in found if one.paused]
    if not paused:
        return Finding('paused', 'ok', 'none')
    failed = [one.pk for one in found if one.gave_up]
    if not failed:
        text = f'{len(paused)} processes were paused by somebody: {_named(paused)}'
        return Finding('paused', 'warn', text, f'verdi -p {name} process play {paused[0]}')
    text = f'{len(failed)} processes gave up on their computers and wait: {_named(failed)}'
    return Finding('paused', 'warn', text, f'verdi -p {name} process play --all', partial(play, failed))


def play(pks: list[int]) -> str:
    """Let paused processes go on whose computers answer; return what was done."""
    ready = reachable(pks)
    return let_go_on(ready) if ready else f'nothing: the computers of {len(pks)} paused processes do not answer yet'


def reachable(pks: list[int]) -> list[int]:
    """Return the PKs of the processes whose computers answer."""
    nodes: list[Any] = [orm.load_node(pk) for pk in pks]
    answering = {node.computer.pk: answers(node.computer) for node in nodes if node.computer is not None}
    return [node.pk for node in nodes if node.computer is None or answering[node.computer.pk]]


def let_go_on(pks: list[int]) -> str:
    """Let paused processes go on; return what was done."""
    from aiida.engine.processes.control import play_processes

    nodes: list[Any] = [orm.load_node(pk) for pk in pks]
    play_processes(nodes, timeout=PLAY_TIMEOUT_S)
    return f'let {len(pks)} processes go on: {_named(pks)}'


def _named(pks: list[int]) -> str:
    rest = f' and {len(pks) - N_NAMED} more' if len(pks) > N_NAMED else ''
    return ', '.join(map(str, pks[:N_NAMED])) + rest
