"""What to do next about a job of another program than CRYSTAL: Yambo's, and pw.x and others in the same chains.

CRYSTAL's catalogue knows nothing of them, and the same exit status means something else there. What is wrong with an
input of theirs is told in the words of the parser and repaired by a person; here are those ends that the same input
cures: jobs that were cut short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.workflows.proposals import Proposal

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode, ProcessNode

__all__ = ('is_of_crystal', 'is_of_yambo', 'propose_other', 'remedy_of', 'was_cut_short')

OF_CRYSTAL = ('crystalmath.crystal23', 'crystalmath.properties23')
OF_YAMBO = ('crystalmath.p2y', 'crystalmath.yambo', 'crystalmath.ypp')
CUT_SHORT = {'interrupted'}
"""Entries of Yambo's catalogue that tell of a run that stops in the middle, not why."""
WALLTIME, NODE_FAILURE, CANCELLED, INTERRUPTED = 120, 140, 170, 404


def _entry_point(node: ProcessNode) -> str:
    return (node.process_type or '').partition(':')[2]


def is_of_crystal(node: ProcessNode) -> bool:
    """Tell whether a process is a calculation of ``crystal`` or ``properties``."""
    return _entry_point(node) in OF_CRYSTAL


def is_of_yambo(node: ProcessNode) -> bool:
    """Tell whether a process is a calculation of p2y, yambo or ypp."""
    return _entry_point(node) in OF_YAMBO


def propose_other(node: CalcJobNode) -> Proposal | None:
    """Return the next step for a calculation of another program that failed; None if none is known.

    The program's own errors decide over the machine's verdict, as with CRYSTAL.
    """
    if node.is_killed or node.is_excepted:
        return Proposal('The same again: it was stopped from AiiDA, not by the program.')
    if not was_cut_short(node):
        return None
    status = node.exit_status
    if status == WALLTIME:
        seconds = node.get_option('max_wallclock_seconds')
        return Proposal('The time was too short: twice the time.', walltime_s=2 * seconds if seconds else None)
    return Proposal('It was stopped from outside: the same again.')


def was_cut_short(node: CalcJobNode) -> bool:
    """Tell whether a job was stopped from outside, and said nothing itself that would stop it again."""
    status = node.exit_status
    machine = status in (WALLTIME, NODE_FAILURE, CANCELLED)
    if not is_of_yambo(node):
        return machine
    own = [item for item in _errors(node) if item['name'] not in CUT_SHORT]
    return (machine or status == INTERRUPTED) and (status == CANCELLED or not own)


def _errors(node: CalcJobNode) -> Sequence[dict[str, Any]]:
    """Return what the parser found wrong, without warnings, the most decisive first."""
    if 'output_parameters' not in node.outputs:
        return []
    found = node.outputs.output_parameters.get_dict().get('diagnoses') or []
    return [item for item in found if isinstance(item, dict) and item.get('severity') == 'error']


def remedy_of(path: Sequence[ProcessNode]) -> str:
    """Return what a person may do about a failure, as the base chain or the parser says; empty if none does.

    :param path: from the process that was asked for down to where its failure began.
    """
    for node in reversed(path):
        outputs: Any = getattr(node, 'outputs', ())
        if 'recovery_report' in outputs:
            told = outputs.recovery_report.get_dict().get('next_step')
            if told:
                return str(told)
    job: Any = path[-1] if path else None
    errors = _errors(job) if job is not None and is_of_yambo(job) else []
    return next((str(item['remedy']) for item in errors if item.get('remedy')), '')
