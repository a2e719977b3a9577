"""What ``crystalmath why`` tells of a process besides its output: where it stands, what was tried, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_crystalmath.workflows.proposals import Proposal

__all__ = (
    'attempts',
    'attempts_along',
    'next_steps',
    'print_attempts',
    'print_next_steps',
    'scheduler_says',
    'standing',
)

N_ATTEMPTS = 8
"""Runs of a chain that are told of, the last ones."""

SCHEDULER = {110: 'out of memory', 120: 'time limit reached', 131: 'invalid account', 140: 'node failure'}


def standing(node: ProcessNode) -> list[str]:
    """Say where a process stands that did not simply end: paused, excepted, killed, waiting; and what may be done."""
    pk, status = node.pk, ' '.join((node.process_status or '').split())
    if not node.is_terminated and node.paused:
        return [
            f'It is paused: {status or "somebody paused it"}.',
            f'Let it go on: verdi process play {pk}. End it: verdi process kill {pk}. What happened: '
            f'verdi process report {pk}.',
        ]
    if not node.is_terminated:
        lines = [f'It has not ended yet{f": {status}" if status else ""}.']
        if not _daemon_is_running():
            return [*lines, 'The daemon is not running, so that nothing goes on: verdi daemon start.']
        return [*lines, f'Follow it: crystalmath watch {pk}. End it: verdi process kill {pk}.']
    if node.is_excepted:
        last = [line for line in (node.exception or '').splitlines() if line.strip()][-1:]
        return [
            f'It broke down with an exception: {last[0].strip() if last else "no words of it are left"}',
            f'That is an error of the program or of the machine, not of the calculation: verdi process report {pk}.',
        ]
    if node.is_killed:
        return [f'It was killed{f": {status}" if status else " by a person, or by the work chain that called it"}.']
    return []


def _daemon_is_running() -> bool:
    """Whether the daemon of the loaded profile is running; without one there is none."""
    from aiida.common.exceptions import ConfigurationError
    from aiida.engine.daemon.client import get_daemon_client

    try:
        return bool(get_daemon_client().is_daemon_running)
    except ConfigurationError:
        return False


def scheduler_says(node: ProcessNode) -> str:
    """Return the scheduler's part in how a job ended, in a sentence; empty if it had none."""
    status = node.exit_status or 0
    if not hasattr(node, 'get_job_id') or not 100 <= status < 200:
        return ''
    words = SCHEDULER.get(status, (node.exit_message or '').rstrip('.'))
    job = node.get_job_id()
    return f'The scheduler says: {words} (exit status {status}{f", job {job}" if job else ""}).'


def attempts(node: ProcessNode) -> list[dict[str, Any]]:
    """Return what was tried in a process: the entries of its report of recoveries, with where they come from.

    :return: for each report ``pk`` and ``process`` of its chain, its own PK ``report``, ``part``, ``actions``,
        ``notes``, ``physics_changed`` and ``next_step``; keys that a report lacks are empty.
    """
    from aiida.orm import Dict, WorkChainNode

    found: list[dict[str, Any]] = []
    if not isinstance(node, WorkChainNode):
        return found
    for link in node.base.links.get_outgoing().all():
        if not link.link_label.startswith('recovery_report') or not isinstance(link.node, Dict):
            continue
        content = link.node.get_dict()
        found.append(
            {
                'pk': node.pk,
                'process': node.process_label,
                'report': link.node.pk,
                'part': link.link_label.partition('__')[2],
                'outcome': content.get('outcome'),
                'actions': content.get('actions') or [],
                'notes': content.get('notes') or [],
                'physics_changed': content.get('physics_changed') or {},
                'next_step': content.get('next_step') or '',
            }
        )
    return found


def attempts_along(path: list[ProcessNode]) -> list[dict[str, Any]]:
    """Return what was tried on the way down; a report that chains handed on is told once, by the one that made it."""
    return list({report['report']: report for level in path for report in attempts(level)}.values())


def print_attempts(reports: list[dict[str, Any]]) -> None:
    """Print what was tried."""
    for report in reports:
        actions = report['actions']
        if not actions and not report['physics_changed']:
            continue
        part = f' ({report["part"]})' if report['part'] else ''
        click.echo(f'\nWhat was tried in {report["process"]} PK {report["pk"]}{part}:')
        if len(actions) > N_ATTEMPTS:
            click.echo(f'  ... {len(actions) - N_ATTEMPTS} earlier')
        for action in actions[-N_ATTEMPTS:]:
            names = ', '.join(action.get('diagnoses') or [])
            ended = f'exit {action.get("exit_status")}{f" ({names})" if names else ""}'
            click.echo(f'  run {action.get("iteration", "?")}: {ended}: {action.get("cause")}; {action.get("action")}')
            changes = [_change(name, value) for name, value in (action.get('changes') or {}).items()]
            if changes:
                click.echo(f'         {"; ".join(changes)}')
        for name, value in report['physics_changed'].items():
            click.secho(f'  This changed the physics: {_change(name, value)}', fg='yellow')


def _change(name: str, value: Any) -> str:
    """Return a change of an input in words; what it was before is not in older reports."""
    if isinstance(value, Mapping) and {'old', 'new'} >= set(value) and value:
        old, new = (_short(value.get(key)) for key in ('old', 'new'))
        return f'{name} {old} -> {new}'
    return f'{name} {_short(value)}'


def _short(value: Any) -> str:
    """Return a value in few characters."""
    text = '-' if value is None else ' '.join(map(str, value)) if isinstance(value, list) else str(value)
    return _node(text) if len(text) == 36 and text.count('-') == 4 else text


def _node(uuid: str) -> str:
    """Return what people know a node by; the beginning of its UUID if it is gone."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node

    try:
        return f'<{load_node(uuid=uuid).pk}>'
    except NotExistent:
        return f'{uuid[:8]}…'


def next_steps(path: list[ProcessNode]) -> list[dict[str, Any]]:
    """Return what to do next about a failure, the best first.

    :param path: from the process that was asked for down to where its failure began.
    :return: ``reason``, and ``command`` (empty if none is known that cures it).
    """
    from aiida_crystalmath.workflows.retry import failed_step, is_sequence, next_step

    if not path or not path[0].is_terminated:
        return []
    job, proposal = next_step(path[0])
    found = _retries(path, job, proposal) if proposal is not None else []
    step = failed_step(path[0]) if is_sequence(path[0]) else None
    if step is not None and all(entry['pk'] != path[0].pk for entry in found):
        command = f'crystalmath sequence redo {path[0].pk} --from {step} --set {step}.KEY=VALUE'
        found.append({'reason': 'The sequence from this step on, changed:', 'command': command, 'pk': path[0].pk})
    return found


def _retries(path: list[ProcessNode], job: ProcessNode | None, proposal: Proposal) -> list[dict[str, Any]]:
    """Return the retries that make what is proposed, of the process itself or of a part of it."""
    from aiida_crystalmath.workflows.retry import builder_for_retry

    found: list[dict[str, Any]] = []
    for node in _targets(path):
        try:
            builder_for_retry(node, list(proposal.changes), walltime_s=proposal.walltime_s)
        except ValueError:
            continue
        only = '' if node is path[0] else f'Only this part, {node.process_label}: '
        command = f'crystalmath retry {node.pk} {proposal.arguments}'.strip()
        found.append({'reason': f'{only}{proposal.reason}', 'command': command, 'pk': node.pk})
        if len(found) > 1 or not _has_its_start(job):
            break
    return found


def _targets(path: list[ProcessNode]) -> list[ProcessNode]:
    """Return what may be retried, the best first.

    That is the process itself, or what it called where the change can be made. A part that runs ``properties`` comes
    first: it has its wavefunction already, so that nothing before it need be repeated. So does one that runs yambo: it
    has SAVE.
    """
    if _has_its_start(path[-1]) and len(path) > 2:
        return [path[-2], path[0]] if path[-2] is not path[0] else [path[0]]
    return list(path)


def _has_its_start(node: ProcessNode | None) -> bool:
    """Whether a job begins where something long has ended well, which a part of a chain need not repeat."""
    if node is None:
        return False
    return (node.process_type or '').endswith(('crystalmath.properties23', ':crystalmath.yambo'))


def print_next_steps(steps: list[dict[str, Any]]) -> None:
    """Print what to do next, with the command that does it."""
    for step in steps:
        click.echo(f'\nNext step: {step["reason"]}')
        click.secho(f'    {step["command"]}', bold=True)
