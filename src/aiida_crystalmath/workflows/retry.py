"""A new run of a process that failed, linked to it, with a change of its input.

``builder_for_retry`` makes the builder and says what is different; ``submit_retry`` submits it and links the two: the
extra ``crystalmath_retry_of`` of the new process holds the UUID of the old one, and ``crystalmath_retries`` of the old
one is the list of UUIDs of its retries. Where a wavefunction or a geometry is picked up, the provenance has it as an
input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiida import orm

from aiida_crystalmath.crystal.diagnosis import by_name
from aiida_crystalmath.crystal.inputs.changes import Change, parse_change
from aiida_crystalmath.workflows import retry_inputs
from aiida_crystalmath.workflows.crystal.verdict import Verdict
from aiida_crystalmath.workflows.failures import failure_path
from aiida_crystalmath.workflows.proposals import Proposal, propose
from aiida_crystalmath.workflows.retry_start import start_from

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

__all__ = (
    'RETRIES',
    'RETRY_OF',
    'Retry',
    'builder_for_retry',
    'failed_step',
    'is_sequence',
    'next_step',
    'submit_retry',
)

RETRY_OF = 'crystalmath_retry_of'
RETRIES = 'crystalmath_retries'

OTHER_DENSITY = ('TOLINTEG', 'LDREMO', 'ATOMSPIN', 'SPINLOCK', 'BETALOCK', 'RHF', 'UHF', 'ROHF', 'DFT.SPIN')
"""Changes after which the old density matrix has another form, or would hold what is to change: it is not read."""


@dataclass(frozen=True)
class Retry:
    """A run that is to be made.

    :param node: the process that failed.
    :param builder: of the new one, of the same kind.
    :param reason: why this is tried.
    :param differences: what is not as it was.
    :param start: what it starts from, in a sentence.
    """

    node: orm.ProcessNode
    builder: ProcessBuilder
    reason: str
    start: str
    changes: tuple[Change, ...] = ()
    differences: list[retry_inputs.Difference] = field(default_factory=list)


def next_step(node: orm.ProcessNode) -> tuple[orm.CalcJobNode | None, Proposal | None]:
    """Return the calculation where a failure began (None if it is none) and what to do next (None if unknown)."""
    path = failure_path(node)
    job = path[-1] if path and isinstance(path[-1], orm.CalcJobNode) else None
    if job is None:
        stopped = bool(path) and (path[-1].is_killed or path[-1].is_excepted)
        return None, Proposal('The same again: it was stopped from AiiDA.') if stopped else None
    if not _is_of_crystal(job) and not (job.is_killed or job.is_excepted):
        return job, None  # exit codes of other programs mean something else, and the proposals are changes of a deck
    return job, propose(job)


def _is_of_crystal(job: orm.CalcJobNode) -> bool:
    """Whether a calculation is of CRYSTAL's programs."""
    return (job.process_type or '').endswith((':crystalmath.crystal23', ':crystalmath.properties23'))


def builder_for_retry(
    node: orm.ProcessNode,
    changes: Sequence[str] | None = None,
    *,
    walltime_s: int | None = None,
    memory_gb: float | None = None,
    n_mpi: int | None = None,
    code: orm.AbstractCode | None = None,
    from_scratch: bool = False,
) -> Retry:
    """Return a new run of a process that failed, with what is to be different.

    A calculation, and one that a base chain repeats, goes on from the last geometry it came to and from its
    wavefunction, if that is worth it; an edit of the geometry is never made twice. A chain that optimises first starts
    from the last geometry; a chain of properties whose SCF is done starts from that wavefunction.

    :param changes: of the input (an empty list for the same again), as ``FMIXING=70``, made in every part of a chain
        that has the block; of one part with its name before, ``scf:FMIXING=70``. Left out: what is proposed for the
        failure.
    :param walltime_s: time limit of every job.
    :param memory_gb: memory limit of every job.
    :param n_mpi: MPI ranks of every job.
    :param code: to run with, where the process has none (an imported run), or another than before.
    :param from_scratch: take neither geometry nor wavefunction from the failed run.
    :raises ValueError: if the process is not one of ours or has not ended, if nothing is to be repaired or no remedy is
        known, and for changes that are no input.
    """
    _check(node)
    job, proposal = next_step(node)
    given = changes is not None or any(option is not None for option in (walltime_s, memory_gb, n_mpi, code))
    if not given:
        proposal = _automatic(node, job, proposal)
        changes, walltime_s = proposal.changes, proposal.walltime_s
    parsed = tuple(parse_change(text) for text in changes or ())
    reason = proposal.reason if proposal and not given else 'As asked for.'
    if is_sequence(node):
        is_changed = bool(parsed) or any(option is not None for option in (walltime_s, memory_gb, n_mpi, code))
        return _redo_sequence(node, reason, is_changed)
    inputs = retry_inputs.inputs_of(node)
    before = retry_inputs.snapshot(node, inputs)
    ours = (node.process_type or '').partition(':')[2].startswith(('crystalmath.crystal', 'crystalmath.properties'))
    start = 'From the same structure and from atomic densities.' if ours else 'From its beginning.'
    if not from_scratch:
        density = proposal is None or proposal.wavefunction
        density = density and not any(change.keyword in OTHER_DENSITY for change in parsed)
        start = start_from(node, inputs, wavefunction=density, is_same=not parsed) or start
    retry_inputs.change_parameters(node, inputs, parsed)
    retry_inputs.set_options(inputs, walltime_s, memory_gb, n_mpi)
    if code is not None:
        retry_inputs.set_code(inputs, code)
    builder = retry_inputs.builder_of(node, inputs)
    different = retry_inputs.compare(before, retry_inputs.snapshot(node, inputs))
    return Retry(node, builder, reason, start, parsed, different)


def is_sequence(node: orm.ProcessNode) -> bool:
    """Whether a process is a sequence, whose steps are made from its file."""
    return (node.process_type or '').endswith(':crystalmath.crystal.sequence')


def failed_step(node: orm.ProcessNode) -> str | None:
    """Return the name of the step to blame for how a sequence ended; None if it is none."""
    from aiida_crystalmath.workflows.sequences.redo import step_processes

    path = failure_path(node)
    return next((name for name, step in step_processes(node).items() if len(path) > 1 and step.pk == path[1].pk), None)


def _redo_sequence(node: orm.ProcessNode, reason: str, is_changed: bool) -> Retry:
    """Run a sequence again from the step that failed.

    :raises ValueError: if its input is to change, which is done by step and in the words of its file.
    """
    from aiida_crystalmath.workflows.sequences.redo import redo_builder

    step = failed_step(node)
    if step is None or is_changed:
        raise ValueError(
            f'{node.process_label} <{node.pk}> is a sequence, whose input is changed by step: '
            f'crystalmath sequence redo {node.pk} --from {step or "STEP"} --set {step or "STEP"}.KEY=VALUE'
        )
    start = f'From step "{step}"; what finished well before it is taken as it is.'
    return Retry(node, redo_builder(node, step), reason, start)


def submit_retry(retry: Retry) -> orm.ProcessNode:
    """Submit a retry to the daemon, and link it with the process it is for.

    :raises ValueError: if the inputs are not valid.
    """
    from aiida.engine import submit

    new = submit(retry.builder)
    link_retry(retry.node, new)
    return new


def link_retry(old: orm.ProcessNode, new: orm.ProcessNode) -> None:
    """Leave in both processes what the other one is."""
    new.base.extras.set(RETRY_OF, old.uuid)
    if is_sequence(new):
        from aiida_crystalmath.workflows.sequences.redo import REDO_OF

        new.base.extras.set(REDO_OF, old.uuid)
    old.base.extras.set(RETRIES, [*old.base.extras.get(RETRIES, []), new.uuid])
    if old.label and not new.label:
        new.label = old.label


# ------------------------------------------------------------------------------------------------------------ checks


def _check(node: orm.ProcessNode) -> None:
    """Refuse what cannot be repeated."""
    name = f'{node.process_label} <{node.pk}>'
    ours = (node.process_type or '').partition(':')[2].startswith('crystalmath.')
    if not ours:
        raise ValueError(f'{name} is not a calculation or work chain of this package: retry can repeat only those')
    if not node.is_terminated:
        raise ValueError(
            f'{name} has not ended: wait for it, or end it with "verdi process kill {node.pk}"'
            + (f'; it is paused, "verdi process play {node.pk}" lets it go on' if node.paused else '')
        )


def _automatic(node: orm.ProcessNode, job: orm.CalcJobNode | None, proposal: Proposal | None) -> Proposal:
    """Return the proposal if it may be followed without being asked for.

    :raises ValueError: if not, with what a person may do.
    """
    if node.is_finished_ok:
        raise ValueError(
            f'{node.process_label} <{node.pk}> finished well: there is nothing to repair. To run it with another '
            'input, say what is to change: --set KEYWORD=VALUE'
        )
    if proposal is not None and proposal.automatic:
        return proposal
    if proposal is not None and is_sequence(node):
        raise ValueError(f'{proposal.reason} "crystalmath why {node.pk}" says how to run that step again, changed.')
    if proposal is not None:
        raise ValueError(f'{proposal.reason} If you want that: crystalmath retry {node.pk} {proposal.arguments}')
    names = Verdict.of(job).names if job is not None else ()
    remedy = by_name(names[0]).remedy.rstrip('.') if names else f'look at it with "crystalmath why {node.pk}"'
    raise ValueError(
        f'no change is known that would cure this by itself. What to do: {remedy}. If a change of the input does it, '
        'say which: --set KEYWORD=VALUE; if the reason is gone and the same is to run again: --as-is'
    )
