"""Files that were put aside by the option ``stash`` or ``core.stash``, and brought back by ``core.unstash``."""

from __future__ import annotations

from typing import Any

from aiida import orm

__all__ = ('run_behind',)

STASHING = ('aiida.calculations:core.stash', 'aiida.calculations:core.unstash')


def run_behind(folder: orm.Data) -> Any:
    """Return the process that wrote the files of a folder, however often they were stashed and unstashed since.

    :return: its node; None if no process made the folder.
    """
    node = folder.creator
    while node is not None and node.process_type in STASHING:
        node = node.inputs.source_node.creator
    return node
