"""``crystalmath doctor``: is all in order, and if not, what mends it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile

if TYPE_CHECKING:
    from aiida_crystalmath.machines.checks import Finding

COLOURS = {'ok': 'green', 'warn': 'yellow', 'fail': 'bold red'}


@click.command()
@click.option('--fix', is_flag=True, help='Do what can be done about what is found.')
@click.option('--watch', is_flag=True, help='With --fix: go on looking after the daemon until interrupted.')
@click.option('--remote/--no-remote', default=True, show_default=True, help='Connect to the computers as well.')
@click.option(
    '--interval',
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help='Seconds between rounds of --watch.',
)
@click.option('--json', 'as_json', is_flag=True, help='Print the findings as JSON.')
@click.pass_context
def doctor(ctx: click.Context, /, *, fix: bool, watch: bool, remote: bool, interval: float, as_json: bool) -> None:
    """Look at everything that calculations need, a line each, with the command that mends it.

    Profile, storage, broker, daemon (as many workers as it was given, with a database that has not left them, as new as
    the code), basis sets, computers and codes, disks, and processes that stand still. Ends with status 1 if something
    has failed.

    With --fix, daemons are started and workers replaced, lost processes get their tasks back, and those that gave up on
    a computer go on once it answers. With --fix --watch it does so again and again; "crystalmath setup supervisor" lets
    that run by itself.
    """
    if watch and not fix:
        fail('--watch looks after the daemon: say --fix as well.', 'To look once, leave --watch out.')
    if watch and as_json:
        fail('--watch tells what it does in lines of text: leave --json out.')
    name = load_profile(ctx)
    if watch:
        _watch(name, interval)
        return
    findings = _examine(name, remote)
    done, failed = _mend(findings) if fix else ([], [])
    if done or failed:
        findings = _examine(name, remote)
    if as_json:
        found = [one.as_dict() for one in findings]
        echo_json({'profile': name, 'findings': found, 'done': done, 'not_done': failed})
    else:
        _report(name, findings, done, failed)
    sys.exit(any(one.state == 'fail' for one in findings))


def _examine(name: str, remote: bool) -> list[Finding]:
    from aiida.manage import get_manager

    from aiida_crystalmath.machines.checks import examine
    from aiida_crystalmath.machines.profiles import load

    get_manager().reset_profile()  # what was read before something was mended is of the past
    load(name)
    return list(examine(name, remote=remote))


def _mend(findings: Sequence[Finding]) -> tuple[list[str], list[str]]:
    """Do what can be done, in the order in which one thing builds on another; return what was done, and what failed."""
    from aiida_crystalmath.machines.errors import in_words

    done: list[str] = []
    failed: list[str] = []
    for finding in findings:
        if finding.fix is None:
            continue
        try:
            done.append(f'{finding.check}: {finding.fix()}')
        except Exception as exception:  # noqa: BLE001  what fails here must not keep the others from being mended
            failed.append(f'{finding.check}: {in_words(exception)}')
    return done, failed


def _report(name: str, findings: Sequence[Finding], done: Sequence[str], failed: Sequence[str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow='fold')
    table.add_row('[green]ok[/]', 'profile', escape(name))
    for one in findings:
        remedy = f'\n[bold]-> {escape(one.remedy)}[/]' if one.remedy and one.state != 'ok' else ''
        table.add_row(f'[{COLOURS[one.state]}]{one.state}[/]', one.check, escape(one.text) + remedy)
    out.print(table)
    for line in done:
        out.print(f'[bold]mended[/] {escape(line)}')
    for line in failed:
        out.print(f'[bold red]not mended[/] {escape(line)}')
    n_failed = sum(one.state == 'fail' for one in findings)
    if n_failed:
        is_new = not done and not failed and any(one.fix for one in findings)
        hint = '; "crystalmath doctor --fix" mends what it can' if is_new else ''
        out.print(f'\n{n_failed} of {len(findings)} checks failed{hint}.')


def _watch(name: str, interval: float) -> None:
    """Look after the daemon until a signal comes."""
    from aiida_crystalmath.machines.supervisor import Supervisor

    def leave(*_: Any) -> None:
        sys.exit(0)

    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, leave)
    Supervisor(name, lambda text: click.echo(f'{time.strftime("%Y-%m-%d %H:%M:%S")} {text}')).watch(interval)
