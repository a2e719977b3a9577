"""Many structure files at once: each its own work chain, a table of how far all are."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json
from aiida_crystalmath.cli.run import launch

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.table import Table

POLL_S = 1.0
AT_ONCE_ELSEWHERE = 50
"""How many run at once on another machine, whose scheduler has a queue."""

WAITING, REFUSED, RUNNING, FINISHED, FAILED = 'waiting', 'not submitted', 'running', 'finished', 'failed'
COLOURS = {
    FINISHED: 'green',
    'reused': 'green',
    RUNNING: 'yellow',
    'paused': 'yellow',
    FAILED: 'red',
    REFUSED: 'red',
    'not started': 'red',
    'not run': 'red',
}


@dataclass
class Entry:
    """One file of many.

    :param state: one of the words above, or ``paused``.
    :param node: its work chain, once it was submitted or found.
    :param reason: why it was not submitted, or failed.
    :param finished_before: the same had run before.
    :param steps: state of each step of a sequence by name; of another chain, of each process it calls.
    """

    file: Path
    state: str = WAITING
    node: ProcessNode | None = None
    reason: str = ''
    finished_before: bool = False
    steps: dict[str, str] = field(default_factory=dict)

    def look(self) -> None:
        """See how far it is."""
        node = self.node
        if node is None:
            return
        self.steps = states_of(node)
        if not node.is_terminated:
            self.state = 'paused' if node.paused else RUNNING
            return
        self.state = FINISHED if node.is_finished_ok else FAILED
        if not node.is_finished_ok:
            state = node.process_state.value if node.process_state else 'unknown'
            self.reason = str(node.exit_message or node.exception or state)

    def as_dict(self) -> dict[str, Any]:
        """Return what a script wants to know."""
        return {
            'file': str(self.file),
            'state': self.state,
            'is_ok': self.state == FINISHED,
            'pk': self.node.pk if self.node else None,
            'uuid': self.node.uuid if self.node else None,
            'finished_before': self.finished_before,
            'reason': self.reason or None,
            'steps': self.steps,
        }


def states_of(node: ProcessNode) -> dict[str, str]:
    """Return the state of each step of a sequence, or of each work chain that another chain calls, by label."""
    from aiida.common.links import LinkType

    from aiida_crystalmath.workflows.sequences.control import STEPS

    steps = node.base.extras.get(STEPS, None)
    if steps is not None:
        return {str(name): str(entry['status']) for name, entry in steps.items()}
    states = {}
    links = node.base.links.get_outgoing(link_type=(LinkType.CALL_WORK, LinkType.CALL_CALC)).all()
    for link in sorted(links, key=lambda link: int(link.node.pk or 0)):
        called: Any = link.node
        if link.link_label != 'CALL' and hasattr(called, 'exit_status'):
            over = FINISHED if called.is_finished_ok else FAILED
            states[link.link_label] = over if called.is_terminated else RUNNING
    return states


def run_many(files: list[Path], profile: str, options: dict[str, Any]) -> None:
    """Run the same for every file, some at once, to the end of all; leave with 2 if any failed, 1 if one was not run.

    :param options: those of ``crystalmath run``.
    """
    entries = [Entry(file) for file in files]
    refuse_unreadable(entries)
    limit = options['max_running'] or at_once(options)
    try:
        if options['wait']:
            follow_all(entries, limit, profile, options)
        else:
            submit_some(entries, len(entries), profile, options)
    except KeyboardInterrupt:
        stopped(entries)
    report(entries, options['as_json'])
    states = {entry.state for entry in entries}
    if states & {FAILED, REFUSED}:
        sys.exit(2 if FAILED in states else 1)


def refuse_unreadable(entries: list[Entry]) -> None:
    """Read every file, so that broken ones are known before anything runs."""
    from aiida_crystalmath.cli.repeats import read_file

    for entry in entries:
        try:
            read_file(entry.file)
        except (ValueError, OSError) as exception:
            refuse(entry, str(exception))


def refuse(entry: Entry, reason: str) -> None:
    """Note and say that a file is not run."""
    entry.state, entry.reason = REFUSED, reason
    click.secho(f'Not submitted: {with_name(entry)}', fg='red', err=True)


def with_name(entry: Entry) -> str:
    """Return the reason, which names the file."""
    name = entry.file.name
    return entry.reason if entry.reason.startswith((name, str(entry.file))) else f'{name}: {entry.reason}'


def at_once(options: dict[str, Any]) -> int:
    """Return how many run at once: as many as this machine has cores; more where a queue holds them."""
    from aiida_crystalmath.cli import many_body
    from aiida_crystalmath.cli.chains import find_code
    from aiida_crystalmath.cli.many_body_codes import anchor_code

    code: Any
    if options['chain'] in many_body.CHAINS:
        code = anchor_code(options, options['chain'])
    else:
        code = find_code(options['code'], 'crystalmath.crystal23')
    is_here = code.computer is not None and code.computer.transport_type == 'core.local'
    return (os.cpu_count() or 1) if is_here else AT_ONCE_ELSEWHERE


def submit_some(entries: list[Entry], limit: int, profile: str, options: dict[str, Any]) -> None:
    """Submit files that wait, until ``limit`` of all run."""
    for entry in entries:
        if entry.state != WAITING or sum(other.state == RUNNING for other in entries) >= limit:
            continue
        try:
            entry.node, is_old = launch(entry.file, profile, options)
        except ValueError as exception:
            refuse(entry, str(exception))
            continue
        entry.finished_before = is_old and bool(entry.node.is_terminated)
        entry.look()


def follow_all(entries: list[Entry], limit: int, profile: str, options: dict[str, Any]) -> None:
    """Submit and watch until all are over: a live table on a terminal, a line for each change elsewhere."""
    out = console(stderr=True)
    if out.is_terminal:
        from rich.live import Live

        with Live(table_of(entries), console=out, refresh_per_second=2) as live:
            for _ in rounds(entries, limit, profile, options):
                live.update(table_of(entries))
        return
    start, seen = time.monotonic(), dict.fromkeys([entry.file for entry in entries], '')
    for _ in rounds(entries, limit, profile, options):
        for entry in entries:
            words = line_of(entry)
            if entry.state not in (REFUSED, WAITING) and words != seen[entry.file]:
                seen[entry.file] = words
                out.print(f'{time.monotonic() - start:6.0f} s  {entry.file.name}: {words}', markup=False)


def rounds(entries: list[Entry], limit: int, profile: str, options: dict[str, Any]) -> Any:
    """Submit and look, again and again until all are over; yield after each look."""
    while True:
        submit_some(entries, limit, profile, options)
        yield
        if all(entry.state in (REFUSED, FINISHED, FAILED) for entry in entries):
            return
        time.sleep(POLL_S)
        for entry in entries:
            if entry.state in (RUNNING, 'paused'):
                entry.look()


def line_of(entry: Entry) -> str:
    """Return the state of a file in a line."""
    steps = ', '.join(f'{name} {state}' for name, state in entry.steps.items() if state not in (WAITING, 'left out'))
    pk = f' (PK {entry.node.pk})' if entry.node else ''
    before = ' before' if entry.finished_before else ''
    return f'{entry.state}{before}{pk}{f": {steps}" if steps and not entry.finished_before else ""}'


def table_of(entries: list[Entry]) -> Table:
    """Return the table: a line for each file, a column for each step."""
    from rich.markup import escape
    from rich.table import Table

    names = list(dict.fromkeys(name for entry in entries for name in entry.steps))
    table = Table(box=None, pad_edge=False, header_style='bold')
    for title in ('file', 'PK', 'state', *names):
        table.add_column(title, no_wrap=True)
    for entry in entries:
        cells = [coloured(entry.steps.get(name, '')) for name in names]
        pk = str(entry.node.pk) if entry.node else ''
        table.add_row(escape(entry.file.name), pk, coloured(entry.state), *cells)
    return table


def coloured(state: str) -> str:
    """Return a state with its colour."""
    return f'[{COLOURS[state]}]{state}[/]' if state in COLOURS else f'[dim]{state}[/]'


def report(entries: list[Entry], as_json: bool) -> None:
    """Print the table, what went wrong with whom, and what to type next."""
    from rich.markup import escape

    counts = {state: sum(entry.state == state for entry in entries) for state in (FINISHED, FAILED, REFUSED)}
    if as_json:
        echo_json({'n_files': len(entries), **counts_as_keys(counts), 'files': [entry.as_dict() for entry in entries]})
        return
    out = console()
    out.print(table_of(entries))
    out.print(', '.join(f'{n} {state}' for state, n in counts.items() if n) + f' of {len(entries)}')
    for entry in entries:
        if entry.state in (FAILED, REFUSED):
            pk = f'PK {entry.node.pk}: ' if entry.node else ''
            out.print(f'\n[red]{entry.state}[/]: {pk}{escape(with_name(entry))}')
            if entry.node:
                out.print(f'  crystalmath why {entry.node.pk}')
    done = next((entry for entry in entries if entry.node is not None), None)
    if done is not None and done.node is not None:
        out.print(f'\nNext: crystalmath show PK, for example crystalmath show {done.node.pk}')


def counts_as_keys(counts: dict[str, int]) -> dict[str, int]:
    """Return counts by state under names for scripts."""
    return {f'n_{state.replace(" ", "_")}': n for state, n in counts.items()}


def stopped(entries: list[Entry]) -> None:
    """Say what goes on without us, and leave."""
    going = sum(entry.state in (RUNNING, 'paused') for entry in entries)
    waiting = sum(entry.state == WAITING for entry in entries)
    click.echo(
        f'\nStopped watching; {going} go on in the background, {waiting} were not submitted. The same command again '
        'goes on from here.',
        err=True,
    )
    sys.exit(130)
