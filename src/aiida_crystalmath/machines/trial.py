"""A tiny job through all that a real one goes through: upload, scheduler, retrieval, parser."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.programs import banner_of

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode, Computer, InstalledCode, Node

WALLTIME_S = 60
"""What the trial asks for; more, and a partition for tests would not let it begin."""

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
    code = orm.InstalledCode(
        label=f'trial-{time.time_ns()}', computer=computer, filepath_executable='/bin/bash', with_mpi=False
    ).store()
    builder.code = code
    builder.x, builder.y = orm.Int(2), orm.Int(3)
    begin = time.monotonic()
    node = run_job(builder, computer, timeout_s, code)
    seconds = time.monotonic() - begin
    if not node.is_finished_ok or node.outputs.sum.value != 5:
        raise MachineError(f'{computer.label}: the trial job <{node.pk}> failed: {_reason(node)}', _hint(node))
    forget(node, code)
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


def run_job(builder: Any, computer: Computer, timeout_s: float, *passing: Node) -> CalcJobNode:
    """Run one small job to its end and return its node.

    By ``run``, a job that cannot be submitted would be tried for minutes and then paused for ever, deaf to Ctrl-C.

    :param passing: what was made for this job alone, to be forgotten with it.
    :raises MachineError: if a step fails, or it has not ended in time; it is taken out of the queue and forgotten then,
        and by Ctrl-C as well.
    """
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager
    from plumpy import run_until_complete

    builder.metadata.options.resources = small_resources(computer)
    builder.metadata.options.max_wallclock_seconds = WALLTIME_S
    runner = get_manager().get_runner()
    with quiet('aiida', 'asyncio'), hurried(computer):
        process: Any = instantiate_process(runner, builder)
        step = runner.loop.create_task(_step(process, timeout_s))
        try:
            is_over = run_until_complete(runner.loop, step)
        except KeyboardInterrupt:
            step.cancel()
            with suppress(asyncio.CancelledError, KeyboardInterrupt):
                run_until_complete(runner.loop, step)
            take_back(process.node, computer, *passing)
            raise
    node: CalcJobNode = process.node
    if is_over:
        return node
    if process.paused:
        logs = [entry.message for entry in _logs(node)]
        said = logs[-1].strip() if logs else node.process_status
        problem, hint = f'no trial job can be run: {said}', f'Try by hand there, as ssh {computer.hostname} shows it.'
    else:
        problem = f'the trial job had not ended after {timeout_s:g} s and was taken back.'
        hint = 'Where jobs wait for long: --test-timeout SECONDS, or --no-test.'
    take_back(node, computer, *passing)
    raise MachineError(f'{computer.label}: {problem}', hint)


async def _step(process: Any, timeout_s: float) -> bool:
    """Carry a process out; return ``False`` as soon as it is paused, or time is over."""
    task = asyncio.current_task()
    assert task is not None
    is_left = False

    async def watch() -> None:
        nonlocal is_left
        end = time.monotonic() + timeout_s
        while not process.paused and time.monotonic() < end:
            await asyncio.sleep(0.2)
        is_left = True
        task.cancel()

    watcher = asyncio.ensure_future(watch())
    try:
        await process.step_until_terminated()
    except asyncio.CancelledError:
        if not is_left:
            raise
        task.uncancel()
    finally:
        watcher.cancel()
    return not is_left


def _logs(node: CalcJobNode) -> list[Any]:
    """Return what was logged about a job."""
    from aiida import orm

    return list(orm.Log.collection.get_logs_for(node))


def take_back(node: CalcJobNode, computer: Computer, *others: Node) -> None:
    """Take a job that nobody carries on out of the queue, delete its folder and forget it."""
    folder, job = node.get_remote_workdir(), node.get_job_id()
    if folder is not None or job is not None:
        with computer.get_transport() as transport:
            if job is not None:
                scheduler = computer.get_scheduler()
                scheduler.set_transport(transport)
                scheduler.kill_job(job)
            if folder is not None and transport.path_exists(folder):
                transport.rmtree(folder)
    forget(node, *others)


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


def forget(node: CalcJobNode, *others: Node) -> None:
    """Delete a job, the data that went into it alone, other nodes named, and its folder on the machine."""
    from aiida import orm
    from aiida.tools import delete_nodes

    inputs = [item for item in node.base.links.get_incoming().all_nodes() if not isinstance(item, orm.AbstractCode)]
    own = [item for item in inputs if len(item.base.links.get_outgoing().all_link_labels()) == 1]
    with quiet('aiida.delete'):
        if 'remote_folder' in node.outputs:
            node.outputs.remote_folder._clean()
        delete_nodes([item.pk for item in (node, *own, *others) if item.pk is not None], dry_run=False)


@contextmanager
def quiet(*names: str) -> Iterator[None]:
    """Keep loggers from saying what is told in better words, or what nobody asked."""
    loggers = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    try:
        for logger, _ in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)


@contextmanager
def hurried(computer: Computer) -> Iterator[None]:
    """Look at the queue often for a while, and try nothing twice; what was set before is set again afterwards."""
    from aiida.manage.configuration import get_config, get_profile

    config, profile = get_config(), get_profile()
    assert profile is not None
    attempts = config.get_option('transport.task_maximum_attempts', profile.name)
    poll, configuration = computer.get_minimum_job_poll_interval(), computer.get_configuration()
    try:
        config.set_option('transport.task_maximum_attempts', 1, scope=profile.name)
        computer.set_minimum_job_poll_interval(min(SOON_S, poll))
        interval = min(SOON_S, configuration.get('safe_interval', SOON_S))
        computer.configure(**{**configuration, 'safe_interval': interval})
        yield
    finally:
        config.set_option('transport.task_maximum_attempts', attempts, scope=profile.name)
        computer.set_minimum_job_poll_interval(poll)
        computer.configure(**configuration)
