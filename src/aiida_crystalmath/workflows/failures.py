"""Where a failure began: from a work chain down to the calculation that did not do what it should."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

__all__ = ('failing_child', 'failure_path')


def failure_path(node: ProcessNode) -> list[ProcessNode]:
    """Return the processes from ``node`` down to the one where its failure began; empty if it did not fail.

    A process that has not ended is followed too, so that what one waits for can be explained.
    """
    if node.is_finished_ok:
        return []
    path = [node]
    while (child := failing_child(path[-1])) is not None:
        path.append(child)
    return path


def failing_child(node: ProcessNode) -> ProcessNode | None:
    """Return the called process that is to blame for how ``node`` ended.

    It is the one that the exit message names; else, of a chain that runs one thing after the other until it is well,
    the last one, if that failed; else the last one that failed.
    """
    called: list[ProcessNode] = sorted(getattr(node, 'called', []), key=lambda child: int(child.pk or 0))
    failed = [child for child in called if child.is_terminated and not child.is_finished_ok]
    named = {int(pk) for pk in re.findall(r'<(\d+)>', node.exit_message or '')}
    if not node.is_terminated:
        waiting = [child for child in called if not child.is_terminated]
        return waiting[-1] if waiting else None
    for child in failed:
        if child.pk in named:
            return child
    if _repeats(node):
        jobs = [child for child in called if hasattr(child, 'get_job_id')]
        return jobs[-1] if jobs and jobs[-1] in failed else None
    return failed[-1] if failed else None


def _repeats(node: ProcessNode) -> bool:
    """Whether a work chain runs a calculation again until it ends well."""
    from aiida.engine import BaseRestartWorkChain

    try:
        cls = node.process_class
    except ValueError:  # its plugin is not installed here
        return False
    return isinstance(cls, type) and issubclass(cls, BaseRestartWorkChain)
