"""``crystalmath retry``: a new run of what failed, linked to it, with a change of its input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_any, load_process, load_profile

if TYPE_CHECKING:
    from aiida.orm import AbstractCode

    from aiida_crystalmath.workflows.retry import Retry


@click.command()
@click.argument('pk', metavar='PK')
@click.option(
    '--set',
    'changes',
    multiple=True,
    metavar='KEYWORD=VALUE',
    help='Change the input (repeat): FMIXING=70, "SHRINK=8 16", NODIIS, SMEAR=off, OPTGEOM.MAXCYCLE=200; of one part '
    'of a chain only: scf:FMIXING=70.  [default: what "crystalmath why" proposes]',
)
@click.option('--as-is', is_flag=True, help='Change nothing: run the same again, from where it stood.')
@click.option('--walltime', type=click.IntRange(min=1), metavar='SECONDS', help='Wall-time limit of each job.')
@click.option(
    '--max-memory-gb',
    type=click.FloatRange(min=0, min_open=True),
    help='Memory limit of each job, for schedulers that want one.',
)
@click.option('--mpi', 'n_mpi', type=click.IntRange(min=1), help='MPI ranks for each job (parallel codes).')
@click.option('--code', help='Code (label@computer or PK) to run with instead; needed for what was imported.')
@click.option('--from-scratch', is_flag=True, help='Take neither geometry nor wavefunction from the failed run.')
@click.option('--dry-run', is_flag=True, help='Show what would be run, and stop.')
@click.option('--wait/--no-wait', default=True, show_default=True, help='Follow the progress until the end.')
@click.option('--json', 'as_json', is_flag=True, help='Print the result as JSON.')
@click.pass_context
def retry(ctx: click.Context, /, pk: str, **options: Any) -> None:
    """Run what failed once more, with a change of its input.

    PK (or UUID) is a calculation or a work chain of this package. The new run is of the same kind and linked with the
    old one. It goes on from the last geometry and the wavefunction, where that is right; what is different is shown
    before it is submitted. Exit status: 0 finished well, 1 not submitted, 2 failed, 130 stopped watching.
    """
    name = load_profile(ctx)
    plan = plan_retry(pk, options)
    as_json = options['as_json']
    if not as_json:
        print_plan(plan)
    if options['dry_run']:
        if as_json:
            echo_json(describe(plan))
        return
    from aiida_crystalmath.cli.run import announce, ensure_daemon, wait_for
    from aiida_crystalmath.workflows.retry import submit_retry

    ensure_daemon(name)
    try:
        node = submit_retry(plan)
    except ValueError as exception:
        fail(f'the inputs are not valid: {exception}')
    announce(node, name, False, as_json)
    if not options['wait']:
        if as_json:
            echo_json({'pk': node.pk, 'uuid': node.uuid, **describe(plan)})
        else:
            click.echo(f'Later: crystalmath show {node.pk}')
        return
    wait_for(node)
    from aiida_crystalmath.cli.summary import summarise

    summary = summarise(node)
    if as_json:
        echo_json({**summary, 'retry': describe(plan)})
    else:
        from aiida_crystalmath.cli.show import print_summary

        print_summary(summary, console())
    if not node.is_finished_ok:
        sys.exit(2)


def plan_retry(identifier: str, options: dict[str, Any]) -> Retry:
    """Make the new run; leaves with an explanation where there is none to make."""
    from aiida_crystalmath.workflows.retry import builder_for_retry

    node = load_process(identifier)
    if options['as_is'] and options['changes']:
        fail('--as-is changes nothing, and --set does.', 'Leave out one of them.')
    # With a limit alone, no change of the input is meant.
    changes = list(options['changes']) if options['changes'] or options['as_is'] else None
    try:
        return builder_for_retry(
            node,
            changes,
            walltime_s=options['walltime'],
            memory_gb=options['max_memory_gb'],
            n_mpi=options['n_mpi'],
            code=_code(options['code']),
            from_scratch=options['from_scratch'],
        )
    except ValueError as exception:
        fail(str(exception))


def _code(identifier: str | None) -> AbstractCode | None:
    """Load a code; leaves with an explanation if there is none."""
    from aiida.orm import AbstractCode, load_code

    if identifier is None:
        return None
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        return load_code(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        node = load_any(identifier)
        if isinstance(node, AbstractCode):
            return node
        fail(f'{identifier} is no code.', 'List the codes with "verdi code list".')


def describe(plan: Retry) -> dict[str, Any]:
    """Return what a retry is, as plain values."""
    from dataclasses import asdict

    return {
        'retry_of': plan.node.pk,
        'process': plan.node.process_label,
        'reason': plan.reason,
        'start': plan.start,
        'changes': [change.text for change in plan.changes],
        'differences': [asdict(difference) for difference in plan.differences],
    }


def print_plan(plan: Retry) -> None:
    """Print what is different from the run that failed."""
    click.echo(f'Retry of {plan.node.process_label} PK {plan.node.pk}: {plan.reason}')
    click.echo(f'  {plan.start}')
    for row in plan.differences:
        part = f'{row.part}: ' if row.part else ''
        click.echo(f'  {part}{row.what}: {row.old} -> {click.style(row.new, bold=True)}')
    if not plan.differences:
        click.echo('  The input is the same.')
