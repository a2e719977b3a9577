"""How SLURM ended a job: from its accounts, and where nobody keeps any, from what it wrote to the job's stderr.

AiiDA's own plugin reads the accounts for time, memory and node failures; that a job was cancelled it does not know, and
without accounts it takes the first line of stderr only. The lines below are those of SLURM 22.05.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ('JobEnd', 'has_ended', 'job_end')

OUT_OF_TIME = 'out_of_time'
OUT_OF_MEMORY = 'out_of_memory'
NODE_FAILURE = 'node_failure'
CANCELLED = 'cancelled'

STATES = {
    'TIMEOUT': OUT_OF_TIME,
    'DEADLINE': OUT_OF_TIME,
    'OUT_OF_MEMORY': OUT_OF_MEMORY,
    'NODE_FAIL': NODE_FAILURE,
    'BOOT_FAIL': NODE_FAILURE,
    'CANCELLED': CANCELLED,
}
"""States of ``sacct`` and ``squeue``."""

NO_END = frozenset({'', 'PENDING', 'RUNNING', 'SUSPENDED', 'REQUEUED', 'RESIZING', 'COMPLETING', 'CONFIGURING'})
"""States of a job that has not ended, or of which the accounts do not know yet that it has."""

LINES = (
    (re.compile(r'\*\*\* (?:JOB|STEP) .* CANCELLED AT \S+ DUE TO TIME LIMIT'), OUT_OF_TIME),
    (re.compile(r'\*\*\* (?:JOB|STEP) .* CANCELLED AT \S+ DUE TO NODE FAILURE'), NODE_FAILURE),
    (re.compile(r'slurmstepd\S*: error: .*(?:oom-kill event|exceeded .*memory limit)', re.IGNORECASE), OUT_OF_MEMORY),
    (re.compile(r'\*\*\* JOB .* CANCELLED AT \S+ \*\*\*'), CANCELLED),
)
"""What stderr says, the most telling first; of a job that was preempted nothing, which may simply run again."""


@dataclass(frozen=True)
class JobEnd:
    """How a job ended that did not end by itself.

    :param reason: one of the constants of this module.
    :param by: who cancelled it, in words; empty if that is not known, or does not matter.
    """

    reason: str
    by: str = ''


def job_end(detailed_job_info: Mapping[str, Any] | None, stderr: str) -> JobEnd | None:
    """Return how SLURM ended a job; None if it ended by itself, or nobody tells.

    :param detailed_job_info: of the node: ``stdout`` of ``sacct --parsable``, whose first line names the columns. Of
        another scheduler, there is no column ``State`` in it.
    :param stderr: what the scheduler caught on stderr.
    """
    rows = _rows(str((detailed_job_info or {}).get('stdout') or ''))
    state, _, by = rows[0].get('State', '').partition(' by ') if rows else ('', '', '')
    if state in STATES:
        return JobEnd(STATES[state], _who(by, rows[0]) if STATES[state] == CANCELLED else '')
    if state == 'FAILED' and any(row.get('State') == 'OUT_OF_MEMORY' for row in rows):
        return JobEnd(OUT_OF_MEMORY)  # of a step, which ended the script
    if state == 'COMPLETED':
        return None
    return next((JobEnd(reason) for pattern, reason in LINES if pattern.search(stderr)), None)


def has_ended(detailed_job_info: Mapping[str, Any]) -> bool:
    """Tell whether accounts know the end of a job.

    :param detailed_job_info: as for :func:`job_end`.
    """
    rows = _rows(str(detailed_job_info.get('stdout') or ''))
    return bool(rows) and rows[0].get('State', '') not in NO_END


def _rows(text: str) -> list[dict[str, str]]:
    """Read a table with a head; the first row is the job, the others are its steps."""
    lines = text.splitlines()
    if len(lines) < 2:
        return []
    names = lines[0].split('|')
    return [dict(zip(names, line.split('|'), strict=False)) for line in lines[1:]]


def _who(number: str, row: Mapping[str, str]) -> str:
    """Name the one with a user number, as far as the accounts tell."""
    if not number:
        return ''
    if number == '0':
        return 'the administrator (root)'
    if number == row.get('UID'):
        return f'its owner ({row.get("User") or number})'
    return f'the user with the number {number}'
