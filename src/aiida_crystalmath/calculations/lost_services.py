"""What a process does when the broker or the database goes away under it: wait, or stop before harm is done.

Left alone (aiida-core 2.9.4, RabbitMQ and PostgreSQL restarted with processes in flight), a work chain that submits in
that moment ends as excepted, and its child waits for ever without a task.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TypeVar

import kiwipy
import sqlalchemy.exc
from aiida.engine.runners import Runner
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

__all__ = ('is_broker_lost', 'is_database_lost', 'patiently')

LOGGER = logging.getLogger(__name__)
PAUSE_S = 1.0

GIVE_UP_S = 60.0
"""Seconds until a program that is no daemon worker gives up: somebody waits for it, and it does not hear Ctrl-C."""

Result = TypeVar('Result')


def is_broker_lost(exception: BaseException) -> bool:
    """Tell whether an exception says that the connection to the broker broke.

    That somebody listens under a name already says the opposite, though the broker then closes the channel.
    """
    if isinstance(exception, kiwipy.DuplicateSubscriberIdentifier):
        return False
    return any(
        isinstance(one, (AMQPError, ChannelInvalidStateError, ConnectionError, TimeoutError)) and _is_of_broker(one)
        for one in _chain(exception)
    )


def is_database_lost(exception: BaseException) -> bool:
    """Tell whether an exception says that the session with the database broke: it stays broken, whatever comes."""
    return any(
        isinstance(one, sqlalchemy.exc.PendingRollbackError)
        or (isinstance(one, sqlalchemy.exc.DBAPIError) and one.connection_invalidated)
        for one in _chain(exception)
    )


def patiently(runner: Runner, action: Callable[[], Result], undo: Callable[[], None] | None = None) -> Result:
    """Return what ``action`` returns, tried again while the broker is away; outside of a daemon a minute at most.

    Nothing else goes on in the worker meanwhile. Nothing could: whatever a process does next, it must tell the broker.

    :param runner: of the process that acts.
    :param undo: called before ``action`` is tried again.
    """
    end = math.inf if runner.is_daemon_runner else time.monotonic() + GIVE_UP_S
    while True:
        try:
            return action()
        except Exception as exception:
            if not is_broker_lost(exception) or time.monotonic() > end:
                raise
            LOGGER.warning('the broker is away (%s): trying again', type(exception).__name__)
        time.sleep(PAUSE_S)
        if undo is not None:
            undo()


def _chain(exception: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that it came from."""
    current: BaseException | None = exception
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _is_of_broker(exception: BaseException) -> bool:
    """Tell whether an exception was raised in the library that speaks to the broker: SSH has timeouts, too."""
    trace: TracebackType | None = exception.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get('__name__', '').startswith(('kiwipy.', 'aiida.brokers.')):
            return True
        trace = trace.tb_next
    return False
