"""Ctrl-C between two pieces of work instead of in the middle of one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ('stop_between',)

STDERR = 2


@contextmanager
def stop_between() -> Iterator[Callable[[], bool]]:
    """Take the first Ctrl-C as the wish to stop after the piece of work that is going on; the second stops at once.

    A ``KeyboardInterrupt`` rises wherever the program happens to be: inside a callback of the database or a finaliser
    Python prints it and goes on, and the wish is lost. A handler that only remembers it is never passed over. Where
    Ctrl-C is ignored (``nohup``), it stays so.

    :return: a function that tells whether to stop.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield lambda: False
        return
    stopped = False

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if stopped:
            raise KeyboardInterrupt
        stopped = True
        # Not through Python's buffered stream, which may be in the middle of writing.
        os.write(STDERR, b'\nStopping after this one; Ctrl-C again: at once.\n')

    signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: stopped
    finally:
        signal.signal(signal.SIGINT, before)
