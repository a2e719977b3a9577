"""Taking calculations that were done before from the database, within one work chain only.

AiiDA's caching is set for a profile, and a daemon reads it when it starts. Here a work chain asks for it, by its input
``use_cache``, for the calculations below it and no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aiida import orm

__all__ = ('USE_CACHE', 'can_be_reused', 'reusing')

USE_CACHE = 'use_cache'
"""Input (Bool) of a work chain that asks for it."""

_ONLY_GOOD: ContextVar[bool] = ContextVar('only_good', default=False)
"""Whether a cache is being looked for below a chain that asked: then failed runs are not taken, but tried again."""


@contextmanager
def reusing(caller: int | None, process_type: str) -> Iterator[None]:
    """Switch AiiDA's caching on for a process that is about to be stored, if a chain above it asks for that.

    :param caller: PK of the process that calls it.
    :param process_type: of the process.
    """
    calling: Any = None if caller is None else orm.load_node(caller)
    if not _is_asked(calling):
        yield
        return
    from aiida.manage.caching import enable_caching

    token = _ONLY_GOOD.set(True)
    try:
        with enable_caching(identifier=process_type):
            yield
    finally:
        _ONLY_GOOD.reset(token)


def _is_asked(node: orm.ProcessNode | None) -> bool:
    """Tell whether a process, or one above it, asks for what was done before."""
    while node is not None:
        asked = node.base.links.get_incoming(link_label_filter=USE_CACHE).first()
        if asked is not None:
            return bool(asked.node.value)
        node = node.caller
    return False


def can_be_reused(node: orm.ProcessNode) -> bool:
    """Tell whether a run can stand for another one.

    A clone shares the folder of its source: it is worth nothing once that was cleaned, as it holds the wavefunction.
    """
    if _ONLY_GOOD.get() and node.exit_status != 0:
        return False
    folder = node.base.links.get_outgoing(link_label_filter='remote_folder').first()
    return folder is None or not getattr(folder.node, 'is_cleaned', False)
