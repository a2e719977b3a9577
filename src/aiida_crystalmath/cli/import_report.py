"""What ``crystalmath import`` prints: the plan, what is left over, and what became of the runs."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from aiida_crystalmath.crystal.discovery import FoundRun, Plan
    from aiida_crystalmath.importing import Result

SHOWN = 20
"""Files listed without ``--verbose``."""


def plan_data(plan: Plan, present: set[str]) -> dict[str, Any]:
    """Return a plan as plain data."""
    return {
        'n_files': plan.n_files,
        'runs': [{**run_data(run), 'present': run.digest in present} for run in plan.runs],
        **_rest_data(plan),
    }


def results_data(plan: Plan, results: list[Result], *, interrupted: bool) -> dict[str, Any]:
    """Return what became of the runs as plain data."""
    counts = Counter(str(result.outcome) for result in results)
    return {
        'imported': counts['imported'],
        'present': counts['already in'],
        'failed': counts['not imported'],
        'interrupted': interrupted,
        'n_files': plan.n_files,
        'runs': [
            {
                **run_data(result.run),
                'outcome': str(result.outcome),
                'uuid': result.uuid or None,
                'exit_status': result.exit_status,
                'reason': result.reason or None,
                'lacks_parent': result.lacks_parent,
            }
            for result in results
        ],
        **_rest_data(plan),
    }


def _rest_data(plan: Plan) -> dict[str, Any]:
    return {
        'refused': [{**run_data(run), 'reason': run.problem} for run in plan.refused],
        'left_over': [
            {'file': str(file.path), 'kind': str(file.kind), 'reason': file.reason} for file in plan.left_over
        ],
    }


def run_data(run: FoundRun) -> dict[str, Any]:
    """Return a run as plain data."""
    return {
        'output': str(run.output.path),
        'part': run.part if run.n_parts > 1 else None,
        'program': run.program,
        'version': run.facts.version,
        'title': run.facts.title,
        'inputs_from': run.inputs_from,
        'deck': str(run.deck.path) if run.deck is not None and run.deck.path is not None else None,
        'structure_from': run.structure_from,
        'geometry_file': str(run.geometry_file) if run.geometry_file is not None else None,
        'files': run.files,
        'parent': run.parent.name if run.parent is not None else None,
        'parent_by': run.parent_by or None,
        'started_from': run.started_from.name if run.started_from is not None else None,
        'notes': run.notes,
        'digest': run.digest,
    }


def print_plan(plan: Plan, present: set[str], out: Console) -> None:
    """Print the runs as a table."""
    from rich.markup import escape
    from rich.table import Table

    if not plan.runs:
        out.print(f'No run of CRYSTAL that can be imported was found among {plan.n_files} files.')
        return
    base = _base(plan.runs)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=f'in {escape(base)}', title_justify='left')
    for name in ('output', 'program', 'input', 'structure', 'goes on from', ''):
        table.add_column(name, overflow='fold')
    for run in plan.runs:
        before = run.parent or run.started_from
        table.add_row(
            escape(_short(run, base)),
            run.program,
            _source(run),
            run.structure_from or '',
            escape(_short(before, base)) if before is not None else 'not found' if run.lacks_parent else '',
            'already in' if run.digest in present else '',
        )
    out.print(table)


def _source(run: FoundRun) -> str:
    """Return where the input is from, in a word or two."""
    words = {'echo': 'in the output', 'output': 'none'}
    return run.deck.path.name if run.deck is not None and run.deck.path is not None else words[run.inputs_from]


def print_left_over(plan: Plan, out: Console, *, verbose: bool) -> None:
    """Print runs that cannot be imported and files that belong to no run, with the reason."""
    from rich.markup import escape

    rows = [(run.name, run.problem) for run in plan.refused]
    rows += [(str(file.path), f'{file.kind}: {file.reason}') for file in plan.left_over]
    if not rows:
        return
    shown = rows if verbose else rows[:SHOWN]
    out.print('\n[bold]Left out[/]')
    for name, reason in shown:
        out.print(f'  {escape(name)}\n    {escape(reason)}', soft_wrap=True)
    if len(rows) > len(shown):
        out.print(f'  ... and {len(rows) - len(shown)} more: list them with --verbose')


def print_results(plan: Plan, results: list[Result], out: Console, group: str | None) -> None:
    """Print the runs that could not be imported, and the counts."""
    from rich.markup import escape

    from aiida_crystalmath.importing import Outcome

    if not plan.runs:
        out.print(f'\nNo run of CRYSTAL that can be imported was found among {plan.n_files} files.')
        return
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    for result in failed:
        out.print(f'[red]not imported[/] {escape(result.run.name)}: {escape(result.reason)}', soft_wrap=True)
    imported = [result for result in results if result.outcome is Outcome.IMPORTED]
    bad = sum(bool(result.exit_status) for result in imported)
    present = sum(result.outcome is Outcome.PRESENT for result in results)
    unknown = sum(result.run.inputs_from == 'output' for result in imported)
    out.print(f'\n[bold]{len(imported)} imported[/], {present} already in, {len(failed)} not imported.')
    if bad:
        out.print(f'Failed runs among them: {bad}. Their exit status tells why.')
    if unknown:
        out.print(f'Runs without a deck: {unknown}. Their input nodes hold only what the output tells.')
    if alone := sum(result.lacks_parent for result in imported):
        out.print(
            f'Runs of properties that stand alone: {alone}. The run whose wavefunction they used '
            'was not found; they cannot be linked to it later.',
            soft_wrap=True,
        )
    if group is not None:
        out.print(f'They are in the group "{escape(group)}": verdi group show {escape(quote(group))}', soft_wrap=True)
    elif imported:
        out.print('List them with "verdi process list -a".')


def _base(runs: list[FoundRun]) -> str:
    """Return the folder that all runs are in or below."""
    return os.path.commonpath([run.folder for run in runs])


def _short(run: FoundRun, base: str) -> str:
    """Return the name of a run without the common folder."""
    return str(Path(run.name).relative_to(base)) if Path(run.name).is_relative_to(base) else run.name
