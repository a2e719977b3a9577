"""Following a process while the daemon carries it out: a live tree on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.common import console

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.tree import Tree

POLL_S = 1.0


@dataclass(frozen=True)
class Line:
    """The state of one process of the tree.

    :param depth: 0 for the process that was launched.
    """

    pk: int
    depth: int
    title: str
    state: str
    seconds: float
    is_terminated: bool
    is_ok: bool


def walk(node: ProcessNode, depth: int = 0, link_label: str = '') -> Iterator[Line]:
    """Yield the process and those it called, in the order they were called, titled by call label and process class.

    Calculation functions are left out: they take no time.
    """
    from aiida.orm import CalcJobNode, WorkChainNode

    name = node.process_label or node.node_type
    title = f'{link_label}: {name}' if link_label else name
    state: str = node.process_state.value if node.process_state else 'created'
    if isinstance(node, CalcJobNode) and state == 'waiting':
        scheduler = node.get_scheduler_state()
        state = scheduler.value if scheduler and scheduler.value != 'done' else node_state(node)
    if node.is_finished:
        state = 'done' if node.exit_status == 0 else f'exit {node.exit_status}'
    end = node.mtime if node.is_terminated else None
    seconds = ((end.timestamp() if end else time.time()) - node.ctime.timestamp()) if node.ctime else 0.0
    yield Line(
        int(node.pk or 0),
        depth,
        title,
        state,
        max(seconds, 0.0),
        bool(node.is_terminated),
        not (node.is_finished and node.exit_status) and not node.is_excepted and not node.is_killed,
    )
    if isinstance(node, CalcJobNode):
        return
    for link in sorted(node.base.links.get_outgoing().all(), key=lambda link: int(link.node.pk or 0)):
        if link.link_type.value in ('call_calc', 'call_work') and isinstance(link.node, CalcJobNode | WorkChainNode):
            label = '' if link.link_label == 'CALL' else link.link_label
            yield from walk(link.node, depth + 1, label)


def node_state(node: Any) -> str:
    """Return the state of a waiting calculation job in a word."""
    return str(node.process_status or 'waiting').split(':')[0].lower()


def _render(node: ProcessNode) -> Tree:
    from rich.tree import Tree

    stack: list[Tree] = []
    for line in walk(node):
        colour = 'green' if line.state == 'done' else 'red' if not line.is_ok else 'yellow'
        text = f'[{colour}]{line.state:<12}[/] {line.title} [dim]PK {line.pk}  {line.seconds:.0f} s[/]'
        if not stack:
            stack.append(Tree(text))
            continue
        del stack[line.depth :]
        stack.append(stack[-1].add(text))
    return stack[0]


def follow(node: ProcessNode, timeout_s: float | None = None) -> bool:
    """Show the progress of ``node`` until it ends; return whether it ended (``False`` after ``timeout_s``)."""
    out = console(stderr=True)
    start = time.monotonic()
    if not out.is_terminal:
        return _follow_plain(node, timeout_s, start)
    from rich.live import Live

    with Live(_render(node), console=out, refresh_per_second=2) as live:
        while not node.is_terminated:
            if timeout_s is not None and time.monotonic() - start > timeout_s:
                return False
            time.sleep(POLL_S)
            live.update(_render(node))
        live.update(_render(node))
    return True


def _follow_plain(node: ProcessNode, timeout_s: float | None, start: float) -> bool:
    """Print a line whenever the state of a process of the tree changes."""
    out = console(stderr=True)
    seen: dict[int, str] = {}
    while True:
        ended = bool(node.is_terminated)
        for line in walk(node):
            if seen.get(line.pk) != line.state:
                seen[line.pk] = line.state
                elapsed = time.monotonic() - start
                out.print(f'{elapsed:6.0f} s  {"  " * line.depth}{line.title} (PK {line.pk}): {line.state}')
        if ended:
            return True
        if timeout_s is not None and time.monotonic() - start > timeout_s:
            return False
        time.sleep(POLL_S)
