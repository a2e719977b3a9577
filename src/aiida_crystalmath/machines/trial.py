"""A tiny job through all that a real one goes through: upload, scheduler, retrieval, parser."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.programs import banner_of

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode, Computer, InstalledCode, Node

LOGGER = logging.getLogger('aiida.delete')
SOON_S = 1.0
"""Seconds between connections and between looks at the queue while the trial runs."""


def try_computer(computer: Computer, timeout_s: float) -> float:
    """Let a computer add two numbers and return how many seconds it took; no trace of it remains.

    :raises MachineError: if the job does not end well in time; it remains then, to be looked at.
    """
    from aiida import orm
    from aiida.plugins import CalculationFactory

    process: Any = CalculationFactory('core.arithmetic.add')
    builder = process.get_builder()
    builder.code = orm.InstalledCode(
        label=f'trial-{time.time_ns()}', computer=computer, filepath_executable='/bin/bash', with_mpi=False
    )
    builder.x, builder.y = orm.Int(2), orm.Int(3)
    begin = time.monotonic()
    node = run_job(builder, computer, timeout_s)
    seconds = time.monotonic() - begin
    if not node.is_finished_ok or node.outputs.sum.value != 5:
        raise MachineError(f'{computer.label}: the trial job <{node.pk}> failed: {_reason(node)}', _hint(node))
    forget(node)
    return seconds


def try_code(code: InstalledCode, timeout_s: float) -> float:
    """Let CRYSTAL read the geometry of a helium atom as a job, and return how many seconds that took.

    :raises MachineError: if it does not answer with its banner, or misses its input; the job remains then.
    """
    from aiida import orm

    from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation

    builder: Any = Crystal23Calculation.get_builder()
    builder.code = code
    builder.structure = orm.StructureData(cell=[[1, 0, 0], [0, 1, 0], [0, 0, 1]], pbc=(False, False, False))
    builder.structure.append_atom(position=(0, 0, 0), symbols='He')
    builder.parameters = {'title': 'trial', 'geometry': {'testgeom': True}, 'basis': {'library': 'STO-3G'}}
    begin = time.monotonic()
    node = run_job(builder, code.computer, timeout_s)
    seconds = time.monotonic() - begin
    text = _output(node)
    if banner_of(text) is None or 'ERROR ****' in text:
        said = ' '.join(text.split())[-300:] or _reason(node)
        raise MachineError(f'{code.full_label}: no CRYSTAL answered in the trial job <{node.pk}>: {said}', _hint(node))
    forget(node)
    return seconds


def _output(node: CalcJobNode) -> str:
    """Return what the program of a job printed; nothing where nothing came back."""
    name = node.get_option('output_filename')
    if 'retrieved' not in node.outputs or name not in node.outputs.retrieved.base.repository.list_object_names():
        return ''
    content: str = node.outputs.retrieved.base.repository.get_object_content(name, mode='rb').decode(errors='replace')
    return content


def run_job(builder: Any, computer: Computer, timeout_s: float) -> CalcJobNode:
    """Run one small job to its end and return its node.

    :raises MachineError: if it has not ended in time: it is killed then, and leaves the queue.
    """
    from aiida.engine import run_get_node

    builder.metadata.options.resources = small_resources(computer)
    builder.metadata.options.max_wallclock_seconds = 300
    with hurried(computer), interrupt_after(timeout_s) as is_late:
        node: CalcJobNode = run_get_node(builder)[1]  # type: ignore[assignment]
    if is_late.is_set():
        raise MachineError(
            f'{computer.label}: the trial job <{node.pk}> has not ended after {timeout_s:g} s and was taken back.',
            'Where jobs wait for long: --test-timeout SECONDS, or --no-test. ' + _hint(node),
        )
    return node


def _reason(node: CalcJobNode) -> str:
    """Return why a job failed, with the first words of the scheduler about it."""
    said = (node.get_scheduler_stderr() or '').strip()[:300]
    return f'{node.exit_message or node.process_status or node.process_state}{f": {said}" if said else ""}'


def _hint(node: CalcJobNode) -> str:
    """Return where to look."""
    return f'See: verdi process report {node.pk}; verdi calcjob gotocomputer {node.pk}'


def small_resources(computer: Computer) -> dict[str, Any]:
    """Return the resources of a job on one core, in the words of the scheduler."""
    from aiida.schedulers.datastructures import NodeNumberJobResource

    if issubclass(computer.get_scheduler().job_resource_class, NodeNumberJobResource):
        return {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    return {'tot_num_mpiprocs': 1}


def forget(node: CalcJobNode) -> None:
    """Delete a job, what went into it, its code if made for it, and its folder on the machine."""
    from aiida.tools import delete_nodes

    LOGGER.setLevel(logging.WARNING)
    inputs: list[Node] = node.base.links.get_incoming().all_nodes()
    node.outputs.remote_folder._clean()
    pks = [node.pk, *(item.pk for item in inputs if item.base.links.get_outgoing().all_nodes() == [node])]
    delete_nodes([pk for pk in pks if pk is not None], dry_run=False)


@contextmanager
def hurried(computer: Computer) -> Iterator[None]:
    """Look at the queue often for a while; what was set before is set again afterwards."""
    poll, configuration = computer.get_minimum_job_poll_interval(), computer.get_configuration()
    try:
        computer.set_minimum_job_poll_interval(min(SOON_S, poll))
        interval = min(SOON_S, configuration.get('safe_interval', SOON_S))
        computer.configure(**{**configuration, 'safe_interval': interval})
        yield
    finally:
        computer.set_minimum_job_poll_interval(poll)
        computer.configure(**configuration)


@contextmanager
def interrupt_after(seconds: float) -> Iterator[threading.Event]:
    """Press Ctrl-C after a while: AiiDA then kills what it runs, the job in the queue as well.

    The event that is given tells whether it came to that.
    """
    is_late = threading.Event()

    def interrupt() -> None:
        is_late.set()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield is_late
    finally:
        timer.cancel()
