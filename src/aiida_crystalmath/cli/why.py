"""``crystalmath why``: what went wrong, the lines that show it, what it means, and what to do."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_crystalmath.cli.common import echo_json, fail
from aiida_crystalmath.cli.read import expand, leave_quietly, print_anywhere, standard_input

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.explanation import Cause, Explanation

_IDENTIFIER = re.compile(r'\d+|[0-9a-f]{4,8}(-[0-9a-f]{0,12}){0,4}', re.IGNORECASE)
"""What may name a node: a PK, or a UUID or the beginning of one."""

N_NAMED = 20
"""Outputs of a folder that are named, for one to be chosen."""


@click.command()
@click.argument('what', metavar='FILE|PK')
@click.option('--json', 'as_json', is_flag=True, help='Print as JSON.')
@click.option('--all', 'all_remarks', is_flag=True, help='Show the lines of warnings and remarks as well.')
@click.pass_context
def why(ctx: click.Context, what: str, *, as_json: bool, all_remarks: bool) -> None:
    """Explain how a run ended: what went wrong, the lines that show it, what it means and what to do.

    FILE is an output of CRYSTAL, or a folder with one ("-": standard input), for which AiiDA is not needed; a fort.87
    of the same run beside it is used as well. PK (or UUID) is a calculation or work chain, which is followed to the
    calculation where its failure began.
    """
    print_anywhere()
    try:
        if what == '-' or Path(what).exists():
            explanation = explain_file(what)
            if as_json:
                echo_json(explanation.as_dict())
            else:
                print_explanation(explanation, all_remarks=all_remarks)
            if explanation.problem and explanation.status == 'failed':
                sys.exit(1)
        elif _IDENTIFIER.fullmatch(what):
            from aiida_crystalmath.cli.why_node import explain_node

            explain_node(ctx, what, as_json=as_json, all_remarks=all_remarks)
        else:
            fail(f'there is no file {what}, and it is no PK or UUID.', 'List processes with "verdi process list -a".')
        sys.stdout.flush()
    except BrokenPipeError:
        leave_quietly()


def explain_file(name: str) -> Explanation:
    """Read and explain a file, or standard input."""
    from aiida_crystalmath.crystal.explanation import explain
    from aiida_crystalmath.crystal.summary import read_file, read_lines

    if name == '-' or not (Path(name).is_file() or Path(name).is_dir()):
        # Standard input, or a pipe as bash makes of <(zcat X.out.gz): it can be read once only.
        stream = standard_input() if name == '-' else Path(name).open(encoding='utf-8', errors='replace', newline='\n')
        with stream:
            lines = stream.readlines()
        return explain(read_lines(lines, name), ''.join(lines))
    outputs = list(expand([name]))
    if len(outputs) > 1:
        fail(f'{name} holds {len(outputs)} outputs: name one of them.', '\n'.join(outputs[:N_NAMED]))
    return explain(read_file(Path(outputs[0])))


def print_explanation(explanation: Explanation, *, all_remarks: bool = False) -> None:
    """Print an explanation for people."""
    colour = 'green' if explanation.status == 'finished' and not explanation.causes else 'red'
    status = explanation.status.replace('_', ' ')
    engine = ', by the STAND-IN engine' if explanation.engine == 'STAND-IN' else ''
    program = f' ({explanation.version} {explanation.program}{engine})' if explanation.program else ''
    click.echo(f'{explanation.file}{program}: {click.style(status, fg=colour, bold=True)}')
    click.echo(explanation.verdict)
    for cause in explanation.causes:
        _print_cause(cause)
    if explanation.progress:
        click.echo('\nHow it went at last:')
        for line in explanation.progress:
            click.echo(f'    {line}')
    if explanation.remarks:
        click.echo('\nWorth knowing:')
        for remark in explanation.remarks:
            where = f', line {remark.line}' if remark.line else ''
            click.echo(f'  {click.style(remark.name, bold=True)}{where}')
            _print_words('    ', f'{remark.message} {_remedy(remark)}')
            if all_remarks:
                _print_lines(remark)


def _print_cause(cause: Cause) -> None:
    """Print one cause: its name, the lines, what it means, what to do."""
    status = f' (as a calculation in AiiDA: exit status {cause.exit_status})' if cause.exit_status else ''
    click.echo(f'\n{click.style(cause.name, bold=True)}{status}')
    _print_lines(cause)
    _print_words('  What it means: ', cause.message)
    if cause.remedy:
        _print_words('  What to do:    ', _remedy(cause))


def _remedy(cause: Cause) -> str:
    """Return what to do, with the numbers that the message holds."""
    values = ', '.join(f'{name.upper()} {value}' for name, value in cause.values.items())
    return f'{cause.remedy} ({values})' if values else cause.remedy


def _print_words(head: str, words: str) -> None:
    """Print a sentence behind its head, wrapped below itself."""
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    click.echo(click.wrap_text(words.strip(), width, initial_indent=head, subsequent_indent=' ' * len(head)))


def _print_lines(cause: Cause) -> None:
    """Print the lines that show a cause, with their numbers."""
    from aiida_crystalmath.crystal.explanation import shown

    if cause.lines:
        click.echo(f'  {cause.file}, line {cause.line}:' if cause.line else f'  {cause.file}:')
    for line in shown(cause.lines, cause.line):
        click.secho(f'    {line}', fg='red' if line.startswith('>') else None)
