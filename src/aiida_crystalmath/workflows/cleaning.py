"""Removing the working folders of a work chain when it ends (input ``clean_workdir``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida import orm

if TYPE_CHECKING:
    from aiida.engine import WorkChain

__all__ = ('remove_folders',)

STASHING_FAILED = 160
"""AiiDA's exit status of a job whose stash failed: it was not retrieved, all that it computed is in its folder."""


def remove_folders(chain: WorkChain) -> None:
    """Remove the working folders of the jobs below a chain, and report which.

    Those of a job taken from the cache stay: they are those of the run it was taken from.
    """
    cleaned = []
    for called in chain.node.called_descendants:
        if not isinstance(called, orm.CalcJobNode) or 'remote_folder' not in called.outputs:
            continue
        if called.base.caching.is_created_from_cache:
            continue
        if called.exit_status == STASHING_FAILED:
            chain.report(f'the working folder of {called.process_label}<{called.pk}> stays: it was not retrieved')
            continue
        try:
            called.outputs.remote_folder._clean()
        except OSError as exception:
            chain.report(f'the working folder of {called.process_label}<{called.pk}> stays: {exception}')
        else:
            cleaned.append(str(called.pk))
    if cleaned:
        chain.report(f'removed the working folders of calculations {", ".join(cleaned)}')
