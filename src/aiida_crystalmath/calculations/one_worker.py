"""A process is carried out by one worker at a time, whatever the broker says.

A broker hands a task on when the connection to the worker that has it breaks; the worker, however, goes on with the
process, and two of them then write the same node: "already has an outgoing CREATE link", excepted. RabbitMQ restarted
under two workers does that to every tenth process or so (aiida-core 2.9.4 only notices when it is handed on to itself).

So whoever carries a process out claims it: one byte, at the offset of its PK, of a file of the profile is locked
(``fcntl``). The operating system frees it when the worker dies, in whichever way; nothing is ever left to clean up, and
a claim works over NFS as well. Who finds a process claimed stands by with its task until it is free, so that the task
is not lost with the other worker, and goes on with the process only if that did not bring it to its end.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import struct
import sys
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import kiwipy
import plumpy
from aiida import orm
from aiida.common import timezone
from aiida.common.datastructures import CalcJobState
from aiida.engine import CalcJob, Process, WorkChain
from aiida.engine.processes.workchains.awaitable import Awaitable
from aiida.engine.runners import Runner
from aiida.manage import get_manager

from aiida_crystalmath.calculations.lost_services import is_broker_lost, is_database_lost, patiently

__all__ = (
    'ChainByOneWorker',
    'JobByOneWorker',
    'RunByOneWorker',
    'Standby',
    'claim',
    'claimant',
    'claims_file',
    'is_claimed_here',
    'release',
    'stop_if_database_is_lost',
)

LOGGER = logging.getLogger(__name__)

# struct flock: the BSDs, and so macOS, begin with the range, Linux with the type.
_FLOCK = 'qqihh' if sys.platform == 'darwin' else 'hhqqi4x'

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems without locks say: some of those that are mounted over a network."""

TERMINATED = ('finished', 'excepted', 'killed')

LOOK_S = 5.0
"""Seconds between two looks whether a process is free that another worker carries out."""

SAVED = 'crystalmath_saved'
"""Key of a checkpoint for the time when it was written."""

_open_files: dict[Path, int] = {}
"""Descriptors of the files of claims: opened once and never closed, as closing one would free every lock in it."""

_without_locks: set[Path] = set()
"""Files of claims that cannot be locked, which has been said."""

_claimed: set[tuple[Path, int]] = set()
"""What this process has claimed: its own locks would not stop it from taking them twice."""


def claims_file() -> Path:
    """Return the file whose bytes are the claims of the loaded profile; its folder is made."""
    from aiida.manage.configuration.settings import AiiDAConfigDir

    profile = get_manager().get_profile()
    assert profile is not None
    folder = AiiDAConfigDir.get() / 'crystalmath'
    folder.mkdir(mode=0o700, exist_ok=True)
    return Path(folder / f'{profile.uuid}.claims')


def _descriptor(path: Path) -> int:
    if path not in _open_files:
        _open_files[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return _open_files[path]


def is_claimed_here(pk: int) -> bool:
    """Tell whether this very program carries the process out."""
    return (claims_file(), pk) in _claimed


def claim(pk: int) -> bool:
    """Claim the process ``pk``; return whether it could be had (always, where files cannot be locked)."""
    path = claims_file()
    if (path, pk) in _claimed:
        return False
    descriptor = _descriptor(path)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, pk)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as exception:
        _warn_of_no_locks(exception, path)
    _claimed.add((path, pk))
    return True


def release(path: Path, pk: int) -> None:
    """Give the claim on process ``pk`` back, if this program has it."""
    if (path, pk) in _claimed:
        _claimed.remove((path, pk))
        try:
            fcntl.lockf(_descriptor(path), fcntl.LOCK_UN, 1, pk)
        except OSError as exception:
            _warn_of_no_locks(exception, path)


def claimant(pk: int) -> int | None:
    """Return the pid of who carries the process ``pk`` out (0: on another machine), or ``None``; claims nothing."""
    if is_claimed_here(pk):
        return os.getpid()
    darwin = sys.platform == 'darwin'
    asked = (pk, 1, 0, fcntl.F_WRLCK, os.SEEK_SET) if darwin else (fcntl.F_WRLCK, os.SEEK_SET, pk, 1, 0)
    path = claims_file()
    try:
        answer = struct.unpack(_FLOCK, fcntl.fcntl(_descriptor(path), fcntl.F_GETLK, struct.pack(_FLOCK, *asked)))
    except OSError as exception:
        _warn_of_no_locks(exception, path)
        return None
    kind, pid = (answer[3], answer[2]) if darwin else (answer[0], answer[4])
    return None if kind == fcntl.F_UNLCK else max(int(pid), 0)


def _warn_of_no_locks(exception: OSError, path: Path) -> None:
    """Say, once, that files cannot be locked here; whatever else is wrong is raised."""
    if exception.errno not in NO_LOCKS:
        raise exception
    if path in _without_locks:
        return
    _without_locks.add(path)
    LOGGER.warning(
        '%s is on a file system without locks: when RabbitMQ is restarted, two workers may carry one process out. '
        'Set AIIDA_PATH to a local disk, or have the file system mounted with locks',
        path,
    )


class Standby:
    """Stands in for a process that another carries out: the task stays with the broker until that one has ended.

    :param pid: PK of the process.
    :param again: recreates the process, once nobody carries it out.
    """

    def __init__(self, pid: int, again: Callable[[], RunByOneWorker | Standby]):
        self.pid = pid
        self._again = again
        self._future: Any = None

    async def step_until_terminated(self) -> None:
        """Wait until the process is free, and carry it out.

        :raises kiwipy.DuplicateSubscriberIdentifier: if it has ended; the launcher of aiida-core then drops the task.
        """
        other = claimant(self.pid)
        if other is not None:
            LOGGER.warning('process %d is carried out already (by pid %d): standing by', self.pid, other)
        while claimant(self.pid) is not None:
            await asyncio.sleep(LOOK_S)
        process = self._again()
        await process.step_until_terminated()
        self._future = process.future()

    def future(self) -> Any:
        """Return the future of the process, once that has been carried out."""
        return self._future


class RunByOneWorker(Process):
    """A process that only one worker carries out at a time, and that outlives the broker and the database."""

    _late: Sequence[tuple[int, str, str]] = ()
    """What was called after the checkpoint that this process goes on from: PK, type, label of the call."""

    @classmethod
    def recreate_from(  # type: ignore[override]
        cls, saved_state: MutableMapping[str, Any], load_context: plumpy.persistence.LoadSaveContext | None = None
    ) -> RunByOneWorker | Standby:
        """Recreate the process from its checkpoint; what waits for it instead, if somebody carries it out.

        :raises kiwipy.DuplicateSubscriberIdentifier: if it has ended; the launcher of aiida-core takes that for a task
            sent twice, and drops it.
        """
        pk = saved_state.get(cls.SaveKeys.CALC_ID.value)
        if pk is None:
            return super().recreate_from(saved_state, load_context)  # type: ignore[return-value]
        path = claims_file()
        if not claim(pk):
            return Standby(pk, partial(cls.recreate_from, saved_state, load_context))
        try:
            checkpoint, late = _newest(pk)
            process: RunByOneWorker = super().recreate_from(checkpoint, load_context)  # type: ignore[assignment]
        except BaseException as exception:
            release(path, pk)
            stop_if_database_is_lost(get_manager().get_runner(), exception)
            raise
        process._late = late
        return process

    def save_instance_state(
        self, out_state: MutableMapping[str, Any], save_context: plumpy.persistence.LoadSaveContext | None
    ) -> None:
        """Write the checkpoint, and when: the node changes afterwards as well, within the same step (its extras)."""
        super().save_instance_state(out_state, save_context)
        out_state[SAVED] = timezone.now().isoformat()

    def init(self) -> None:
        """Listen to messages; claim what is begun here (what is recreated has been claimed before)."""
        try:
            patiently(self.runner, super().init, undo=self._forget_subscriptions)
        except kiwipy.DuplicateSubscriberIdentifier as exception:
            # Nobody else has the claim: this worker itself listens still, by what was left when the broker went away,
            # and nothing but its end gets rid of that.
            _stop_worker(self.runner, exception)
            raise
        pk = self.node.pk
        if pk is not None:
            claim(pk)
            self.add_cleanup(partial(release, claims_file(), pk))

    def submit(self, process: type[Process], inputs: dict[str, Any] | None = None, **kwargs: Any) -> orm.ProcessNode:
        """Submit a process, and see to it that its task gets to the broker, even if that is away just now."""
        begun = timezone.now()
        try:
            return super().submit(process, inputs, **kwargs)
        except Exception as exception:
            child = self._called_since(begun) if is_broker_lost(exception) else None
            if child is None:
                raise
        self._send_task(child)
        return orm.load_node(child)  # type: ignore[return-value]

    def _send_task(self, pk: int) -> None:
        """Let a worker take a process; sent twice it does no harm, as it is carried out once."""
        controller = self.runner.controller
        assert controller is not None
        patiently(self.runner, lambda: controller.continue_process(pk, nowait=False, no_reply=True))

    def on_except(self, exc_info: tuple[Any, Exception, TracebackType]) -> None:
        """Let a failure of the services not become one of the process."""
        if is_broker_lost(exc_info[1]):
            _stop_worker(self.runner, exc_info[1])
        stop_if_database_is_lost(self.runner, exc_info[1])
        super().on_except(exc_info)

    def _called_since(self, begun: datetime) -> int | None:
        """Return the PK of the process that was called since ``begun``."""
        query = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': self.node.pk}, tag='caller')
        query.append(
            orm.ProcessNode, with_incoming='caller', filters={'ctime': {'>=': begun}}, project='id', tag='called'
        )
        found = query.order_by({'called': {'id': 'desc'}}).limit(1).first(flat=True)
        return None if found is None else int(found)

    def _forget_subscriptions(self) -> None:
        """Take back what an attempt to listen to messages has begun."""
        for cleanup in self._cleanups or []:
            with suppress(Exception):  # it may not have come that far
                cleanup()


class JobByOneWorker(RunByOneWorker, CalcJob):
    """A calculation job that only one worker carries out at a time."""

    def init(self) -> None:
        """Take the folder of the job up that a worker uploaded to, and died before it was an output.

        aiida-core 2.9.4 writes down that the upload is done before it stores the output, and does not look back: the
        job would end well, but without ``remote_folder``, and the chain above it without a required output.
        """
        super().init()
        node: Any = self.node
        path = node.get_remote_workdir() if node.is_stored else None
        if path is None or node.get_state() in (None, CalcJobState.UPLOADING) or 'remote_folder' in self.inputs:
            return
        if not node.base.links.get_outgoing(link_label_filter='remote_folder').all():
            self.out('remote_folder', orm.RemoteData(computer=node.computer, remote_path=path))


class ChainByOneWorker(RunByOneWorker, WorkChain):
    """A work chain that only one worker carries out at a time."""

    def submit(self, process: type[Process], inputs: dict[str, Any] | None = None, **kwargs: Any) -> orm.ProcessNode:
        """Submit a process, unless this very step did so before the worker died that carried it out."""
        return self._submitted_before(process, inputs or kwargs) or super().submit(process, inputs, **kwargs)

    def _submitted_before(self, process: type[Process], inputs: Any) -> orm.ProcessNode | None:
        """Return the process that this step submitted already, before the worker died that carried it out."""
        if not self._late:
            return None
        kind = getattr(process, 'process_class', process).build_process_type()
        label = (inputs.get('metadata') or {}).get('call_link_label') or 'CALL'
        for index, (pk, its_kind, its_label) in enumerate(self._late):
            if (its_kind, its_label) == (kind, label):
                self._late = [*self._late[:index], *self._late[index + 1 :]]
                node: Any = orm.load_node(pk)
                if not node.is_terminated:
                    self._send_task(pk)
                self.report(f'{node.process_label}<{pk}> was submitted already, before this work chain was taken over')
                return node  # type: ignore[no-any-return]
        return None

    def _action_awaitables(self) -> None:
        """Ask to be told when each process ends that was called, even if the broker is away just now."""
        self._late = ()  # the step is over, and what comes next has not been submitted before
        for awaitable in self._awaitables:
            callback = partial(self.call_soon, self._on_awaitable_finished, awaitable)
            patiently(self.runner, partial(self.runner.call_on_process_finish, awaitable.pk, callback))

    def _on_awaitable_finished(self, awaitable: Awaitable) -> None:
        """Take the end of a called process in; once, though it may be told twice after the broker was away."""
        if awaitable in self._awaitables:
            super()._on_awaitable_finished(awaitable)


def stop_if_database_is_lost(runner: Runner, exception: BaseException) -> None:
    """End the daemon worker that ``runner`` belongs to, if an exception says that it lost its database."""
    if is_database_lost(exception):
        _stop_worker(runner, exception)


def _stop_worker(runner: Runner, reason: BaseException) -> None:
    """End this daemon worker at once: its processes go on from their checkpoints in the worker that takes its place.

    A worker without its services can only do harm: every process that it touches is put down as excepted. What a user
    runs by himself is left alone.
    """
    if not runner.is_daemon_runner:
        return
    LOGGER.critical('this worker lost its services and makes room for another: %s', reason)
    logging.shutdown()
    os._exit(1)


def _newest(pk: int) -> tuple[MutableMapping[str, Any], list[tuple[int, str, str]]]:
    """Return the checkpoint of a process that has just been claimed, and the processes that it called since.

    Those have a PK, a type and a label of the call each. A worker that dies after it has submitted them, and before the
    checkpoint that remembers them, leaves the step to be done again by the next one.

    The checkpoint that the launcher read may be from before the claim, when another worker went on with the process.

    :raises kiwipy.DuplicateSubscriberIdentifier: if that worker has brought it to its end.
    """
    from aiida.orm.utils import serialize

    # A snapshot begun before the claim would show the past (SQLite).
    storage = get_manager().get_profile_storage()
    if hasattr(storage, 'get_session'):
        storage.get_session().commit()
    # The claim is given back at the end of a process, before it is sealed.
    ended = ('attributes.sealed', 'attributes.process_state')
    query = orm.QueryBuilder().append(
        orm.ProcessNode, filters={'id': pk}, project=['attributes.checkpoints', 'mtime', *ended]
    )
    text, changed, sealed, state = query.first() or (None, None, True, None)
    if sealed or text is None or state in TERMINATED:
        raise kiwipy.DuplicateSubscriberIdentifier(f'process {pk} has ended')
    checkpoint: MutableMapping[str, Any] = serialize.deserialize_unsafe(text)
    saved = datetime.fromisoformat(checkpoint[SAVED]) if SAVED in checkpoint else changed
    query = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': pk}, tag='caller')
    query.append(
        orm.ProcessNode,
        with_incoming='caller',
        filters={
            'ctime': {'>': saved},
            'or': [{'attributes': {'has_key': 'checkpoints'}}, {'attributes.process_state': 'finished'}],
        },
        project=['id', 'process_type'],
        edge_project='label',
        tag='called',
    )
    late = [(called, kind, label) for called, kind, label in query.order_by({'called': 'id'}).all()]
    return checkpoint, late
