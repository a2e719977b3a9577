"""``crystalmath import``: bring finished runs of a tree of folders into AiiDA."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile, profile_name
from aiida_crystalmath.cli.interrupts import stop_between
from aiida_crystalmath.machines.profiles import aiida_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiida_crystalmath.crystal.discovery import Plan
    from aiida_crystalmath.importing import ImportSession, Result

INTERRUPTED = 130
"""Exit status after Ctrl-C, as of every command of a shell."""


@click.command('import')
@click.argument('folders', metavar='DIR...', nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option('--dry-run', is_flag=True, help='Show what would be imported, and from what; change nothing.')
@click.option('--group', 'group_label', metavar='LABEL', help='Put the calculations into this group of AiiDA.')
@click.option('--json', 'as_json', is_flag=True, help='Print the plan, or what became of every run, as JSON.')
@click.option('-v', '--verbose', is_flag=True, help='List every file that belongs to no run, with the reason.')
@click.pass_context
def import_(
    ctx: click.Context,
    folders: tuple[Path, ...],
    *,
    dry_run: bool,
    group_label: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Import finished runs of CRYSTAL into AiiDA, with inputs, results and provenance.

    Searches the folders and everything below them for outputs of crystal and properties, finds the deck, the geometry
    file and the other files of each, and makes the calculation that AiiDA would have made: failed and unfinished runs
    too, with their exit status. Properties are linked to the run whose wavefunction they used, and runs to the
    optimisation whose geometry they started from. Nothing in the folders is changed.

    A run that is in already is left alone, so that the command may be repeated, also after it was interrupted.

    The exit status is 0 if every run that can be imported is in, 1 if not, and 130 after Ctrl-C.
    """
    for folder in folders:
        if not folder.exists():
            fail(f'{folder} does not exist.', code=2)
        if not folder.is_dir():
            hint = f'Give the folder with the runs: crystalmath import {quote(str(folder.parent))}'
            fail(f'{folder} is a file.', hint, code=2)
    plan = _discover(folders)
    if dry_run:
        _show_plan(plan, _present(ctx, plan), as_json=as_json, verbose=verbose)
        return
    load_profile(ctx)
    _check_writable()
    sys.exit(_import(plan, group_label, as_json=as_json, verbose=verbose))


def _check_writable() -> None:
    """Stop if the profile is an archive, which cannot be written to."""
    from aiida.manage import get_manager

    manager = get_manager()
    if manager.get_profile_storage().read_only:
        name = manager.get_profile().name  # type: ignore[union-attr]
        fail(f'the profile "{name}" is read-only: nothing can be imported into it.', 'Choose another one with -p.')


def _discover(folders: tuple[Path, ...]) -> Plan:
    """Search the folders, telling somebody who watches how far it is."""
    from aiida_crystalmath.crystal.discovery import discover

    err = console(stderr=True)
    if not err.is_terminal:
        return discover(folders)
    with err.status('searching') as status:
        return discover(folders, lambda folder: status.update(f'searching {str(folder)[-60:]}'))


def _present(ctx: click.Context, plan: Plan) -> set[str]:
    """Return the digests of the runs that are in already; none where AiiDA is not set up."""
    if aiida_config() is None or profile_name(ctx) is None:
        return set()
    load_profile(ctx)
    from aiida_crystalmath.importing.database import imported_digests

    return set(imported_digests(run.digest for run in plan.runs))


def _show_plan(plan: Plan, present: set[str], *, as_json: bool, verbose: bool) -> None:
    """Print what would be imported."""
    from aiida_crystalmath.cli.import_report import plan_data, print_left_over, print_plan

    if as_json:
        echo_json(plan_data(plan, present))
        return
    out = console()
    print_plan(plan, present, out)
    print_left_over(plan, out, verbose=verbose)
    new = sum(run.digest not in present for run in plan.runs)
    out.print(f'\n{new} to import, {len(plan.runs) - new} already in, {len(plan.refused)} cannot be imported.')
    out.print('Nothing was changed: this was a dry run.')


def _import(plan: Plan, group_label: str | None, *, as_json: bool, verbose: bool) -> int:
    """Import the runs of a plan and return the exit status."""
    from aiida_crystalmath.cli.import_report import print_left_over, print_results, results_data
    from aiida_crystalmath.importing import ImportSession, Outcome

    results: list[Result] = []
    if plan.runs:
        session = ImportSession(plan.runs, group=_group(group_label))
        try:
            with stop_between() as asked_to_stop:
                for result in _with_progress(session, session.results()):
                    results.append(result)
                    if asked_to_stop():
                        break
        except KeyboardInterrupt:
            click.echo('Stopped at once: nothing of the run that was being imported is kept.', err=True)
    interrupted = len(results) < len(plan.runs)
    if as_json:
        echo_json(results_data(plan, results, interrupted=interrupted))
    else:
        out = console()
        print_left_over(plan, out, verbose=verbose)
        print_results(plan, results, out, group_label)
    if interrupted:
        left = len(plan.runs) - len(results)
        click.echo(f'Interrupted; {left} runs are left. Run the same command again to go on.', err=True)
        return INTERRUPTED
    failed = any(result.outcome is Outcome.FAILED for result in results)
    return 1 if failed or not results else 0


def _group(label: str | None) -> Any:
    """Return the group with a label, made if it is not there; None without label."""
    if label is None:
        return None
    from aiida import orm

    return orm.Group.collection.get_or_create(label)[0]


def _with_progress(session: ImportSession, results: Iterator[Result]) -> Iterable[Result]:
    """Pass results on: with a bar on a terminal, a plain line for each elsewhere; both on stderr."""
    err = console(stderr=True)
    if not err.is_terminal:
        for number, result in enumerate(results, start=1):
            click.echo(f'[{number}/{len(session)}] {_line(result)}', err=True)
            yield result
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn('{task.description}'))
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task('importing', total=len(session))
        for result in results:
            progress.update(task, advance=1, description=result.run.output.path.name)
            yield result


def _line(result: Result) -> str:
    """Return what became of a run in one line."""
    status = f', exit status {result.exit_status}' if result.exit_status else ''
    return f'{result.run.name}: {result.outcome}{status}{f": {result.reason}" if result.reason else ""}'
