"""A lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

__all__ = ('Lock',)


class Lock:
    """A lock between the processes of one machine, and between two holders in one of them.

    The kernel frees it when its holder ends, however it ends: nothing stale is left by ``kill -9``. AiiDA's daemon
    runs all workers of a profile on one machine, with one configuration folder.
    """

    def __init__(self, name: str) -> None:
        """Name the lock; nothing is taken yet."""
        from aiida.manage.configuration import get_config

        self._path = Path(get_config().dirpath) / 'crystalmath' / f'{name}.lock'
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free; tell whether this holder has it."""
        if self._file is not None:
            return True
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
