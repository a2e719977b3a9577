"""``crystalmath watch``: how far a calculation or work chain has come, while it runs."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, load_process, load_profile

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_crystalmath.cli.job_progress import JobReader


@click.command()
@click.argument('pk', metavar='PK')
@click.option('--once', is_flag=True, help='Show how it stands now, and leave.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON: one object a line for each change, or one (--once).')
@click.option(
    '--interval',
    type=click.FloatRange(min=0.5),
    default=1.0,
    show_default=True,
    metavar='SECONDS',
    help='Look so often.',
)
@click.pass_context
def watch(ctx: click.Context, pk: str, once: bool, as_json: bool, interval: float) -> None:
    """Watch the calculation or work chain PK (or UUID): each step, and how far its jobs have come.

    Of a running job: SCF cycle, energy and log10 of its change (the SCF ends at minus TOLDEE), optimisation point,
    energy and largest gradient, time. The monitor that protocols attach to jobs records them; without it the output is
    read where the job runs. Ctrl-C stops watching, the calculations go on.

    Exit status: 0 finished well (or --once), 2 failed, 130 stopped watching.
    """
    from aiida_crystalmath.cli.job_progress import JobReader
    from aiida_crystalmath.cli.progress import follow, remarks, render, walk

    load_profile(ctx)
    node = load_process(pk)
    try:
        if once and as_json:
            echo_json(snapshot(node, JobReader()))
        elif once:
            console().print(render(list(walk(node, reader=JobReader())), remarks(node)))
        elif as_json:
            _stream(node, interval)
        else:
            follow(node, interval_s=interval)
    except KeyboardInterrupt:
        click.echo(f'\nStopped watching; the calculations go on. Later: crystalmath watch {node.pk}', err=True)
        sys.exit(130)
    if not once and not node.is_finished_ok:
        click.echo(f'It did not finish well: crystalmath why {node.pk}', err=True)
        sys.exit(2)


def snapshot(node: ProcessNode, reader: JobReader) -> dict[str, Any]:
    """Return how a process stands, with units in the keys.

    ``steps`` has an entry for it and for each it called: ``pk``, ``depth``, ``title``, ``state``, ``elapsed_s``,
    ``is_terminated``, ``is_ok``, and for running jobs ``progress``.
    """
    from aiida_crystalmath.cli.progress import remarks, walk

    steps = [line.as_dict() for line in walk(node, reader=reader)]
    return {
        'pk': node.pk,
        'uuid': node.uuid,
        'process': node.process_label,
        'state': steps[0]['state'],
        'is_terminated': steps[0]['is_terminated'],
        'remarks': remarks(node),
        'steps': steps,
    }


def _stream(node: ProcessNode, interval: float) -> None:
    """Print one line of JSON for each change, until the end; what only tells of time passing is no change."""
    from aiida_crystalmath.cli.job_progress import JobReader

    reader, before = JobReader(), ''
    while True:
        ended = bool(node.is_terminated)
        current = snapshot(node, reader)
        key = json.dumps([_without_times(step) for step in current['steps']], default=str)
        if key != before:
            before = key
            click.echo(json.dumps(current, default=str))
        if ended:
            return
        time.sleep(interval)


def _without_times(step: dict[str, Any]) -> dict[str, Any]:
    """Return a step without what changes all the time."""
    progress = {name: value for name, value in step.get('progress', {}).items() if not name.endswith('_s')}
    return {**step, 'elapsed_s': None, 'progress': progress}
