"""Following a process while the daemon carries it out: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.common import console
from aiida_crystalmath.cli.job_progress import JobProgress, JobReader, duration, words_of

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.table import Table

POLL_S = 1.0
NEWS_S = 10.0
"""Least time between two plain lines that tell of no change but a further SCF cycle."""


@dataclass(frozen=True)
class Line:
    """The state of one process of the tree.

    :param depth: 0 for the process that was launched.
    :param seconds: since it was created, until it ended.
    :param job: how far a job has come that is running, if it was asked for.
    """

    pk: int
    depth: int
    title: str
    state: str
    seconds: float
    is_terminated: bool
    is_ok: bool
    job: JobProgress | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, with units in the keys."""
        known = {
            'pk': self.pk,
            'depth': self.depth,
            'title': self.title,
            'state': self.state,
            'elapsed_s': round(self.seconds, 1),
            'is_terminated': self.is_terminated,
            'is_ok': self.is_ok,
        }
        return {**known, 'progress': self.job.as_dict()} if self.job is not None else known


def walk(node: ProcessNode, depth: int = 0, link_label: str = '', reader: JobReader | None = None) -> Iterator[Line]:
    """Yield the process and those it called, in the order they were called, titled by call label and process class.

    Calculation functions are left out: they take no time.

    :param reader: finds out how far running jobs have come; None does not.
    """
    from aiida.orm import CalcJobNode, WorkChainNode

    name = node.process_label or node.node_type
    state = state_of(node)
    end = node.mtime if node.is_terminated else None
    seconds = ((end.timestamp() if end else time.time()) - node.ctime.timestamp()) if node.ctime else 0.0
    job = None
    if reader is not None and isinstance(node, CalcJobNode) and not node.is_terminated:
        job = reader.read(node, is_running=state == 'running')
    yield Line(
        int(node.pk or 0),
        depth,
        f'{link_label}: {name}' if link_label else name,
        state,
        max(seconds, 0.0),
        bool(node.is_terminated),
        not (node.is_finished and node.exit_status) and not node.is_excepted and not node.is_killed,
        job,
    )
    if isinstance(node, CalcJobNode):
        return
    for link in sorted(node.base.links.get_outgoing().all(), key=lambda link: int(link.node.pk or 0)):
        if link.link_type.value in ('call_calc', 'call_work') and isinstance(link.node, CalcJobNode | WorkChainNode):
            label = '' if link.link_label == 'CALL' else link.link_label
            yield from walk(link.node, depth + 1, label, reader)


def state_of(node: ProcessNode) -> str:
    """Return the state of a process in a word: that of a job is the scheduler's while the scheduler has it."""
    from aiida.orm import CalcJobNode

    if node.is_finished:
        return 'done' if node.exit_status == 0 else f'exit {node.exit_status}'
    state: str = node.process_state.value if node.process_state else 'created'
    if node.is_terminated:
        return state
    if node.paused:
        return 'paused'
    if isinstance(node, CalcJobNode):
        step = node.get_state()
        if step is None or step.value != 'withscheduler':
            return {'unstashing': 'uploading'}.get(step.value, step.value) if step is not None else state
        scheduler = node.get_scheduler_state()
        # Before its first look the engine knows nothing.
        return scheduler.value if scheduler is not None else 'submitted'
    return state


def remarks(node: ProcessNode) -> list[str]:
    """Return why nothing moves, if nothing will: a daemon that is not there, processes that are lost or paused."""
    from aiida.engine.daemon.client import get_daemon_client

    if node.is_terminated:
        return []
    found = []
    processes = (node, *node.called_descendants)
    if not get_daemon_client().is_daemon_running:
        found.append('The daemon is not running, and nothing goes on without it: "verdi daemon start".')
    elif lost := _lost({each.pk for each in processes}):
        found.append(f'No worker has PK {", ".join(map(str, lost))} any more. Mend it with "crystalmath doctor --fix".')
    for each in processes:
        if each.paused and not each.is_terminated:
            why = f': {each.process_status}' if each.process_status else ''
            found.append(f'PK {each.pk} is paused{why}. Let it go on with "verdi process play {each.pk}".')
    return found


def _lost(pks: set[int | None]) -> list[int]:
    """Return which of some processes will never go on by themselves; none if no broker can be asked."""
    from aiida_crystalmath.machines.checks import processes

    try:
        return processes.stuck([one for one in processes.active() if one.pk in pks and one.is_ours])
    except ConnectionError:
        return []


def render(lines: list[Line], notes: list[str]) -> Table:
    """Return the table of a terminal: one row for each process, and one below for what a job is doing."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow='fold')
    for line in lines:
        colour = 'green' if line.state == 'done' else 'red' if not line.is_ok else 'yellow'
        indent = '  ' * line.depth
        table.add_row(
            f'[{colour}]{line.state}[/]',
            f'{indent}{escape(line.title)} [dim]PK {line.pk}  {duration(line.seconds)}[/]',
        )
        if line.job is not None and (words := words_of(line.job)):
            table.add_row('', f'{indent}  [cyan]{escape(words)}[/]')
    for note in notes:
        table.add_row('[red]![/]', escape(note))
    return table


def follow(node: ProcessNode, timeout_s: float | None = None, interval_s: float = POLL_S) -> bool:
    """Show the progress of ``node`` until it ends; return whether it ended (``False`` after ``timeout_s``)."""
    out = console(stderr=True)
    start = time.monotonic()
    reader = JobReader()
    if not out.is_terminal:
        return _follow_plain(node, timeout_s, start, reader, interval_s)
    from rich.live import Live

    def view() -> Table:
        return render(list(walk(node, reader=reader)), remarks(node))

    with Live(view(), console=out, refresh_per_second=2) as live:
        while not node.is_terminated:
            if timeout_s is not None and time.monotonic() - start > timeout_s:
                return False
            time.sleep(interval_s)
            live.update(view())
        live.update(view())
    return True


def _follow_plain(
    node: ProcessNode, timeout_s: float | None, start: float, reader: JobReader, interval_s: float
) -> bool:
    """Print a line whenever something changes."""
    out = console(stderr=True)
    news = News()
    while True:
        ended = bool(node.is_terminated)
        for text in news.of(list(walk(node, reader=reader)), remarks(node)):
            out.print(f'{time.monotonic() - start:6.0f} s  {text}', markup=False, soft_wrap=True)
        if ended:
            return True
        if timeout_s is not None and time.monotonic() - start > timeout_s:
            return False
        time.sleep(interval_s)


class News:
    """Knows what was told before, and tells only what is new."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._states: dict[int, str] = {}
        self._told: dict[int, tuple[str, float]] = {}
        self._notes: set[str] = set()

    def of(self, lines: list[Line], notes: list[str]) -> Iterator[str]:
        """Yield a text for each process whose state changed, each job that came further, and each new note."""
        for line in lines:
            where = f'{"  " * line.depth}{line.title} (PK {line.pk})'
            if self._states.get(line.pk) != line.state:
                self._states[line.pk] = line.state
                yield f'{where}: {line.state}'
            if line.job is not None and (words := words_of(line.job)) and self._is_news(line.pk, line.job):
                yield f'{where}: {words}'
        for note in notes:
            if note not in self._notes:
                self._notes.add(note)
                yield note

    def _is_news(self, pk: int, job: JobProgress) -> bool:
        """Tell whether a job has come further since it was told of, and remember it."""
        progress = job.progress
        known = (progress.point, progress.scf_cycle, progress.stage) if progress is not None else ()
        key = f'{known} {job.problem}' if known or job.problem else ''
        told, when = self._told.get(pk, ('', float('-inf')))
        if key in ('', told) or time.monotonic() - when < NEWS_S:
            return False
        self._told[pk] = (key, time.monotonic())
        return True
