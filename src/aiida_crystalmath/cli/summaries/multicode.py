"""The steps of a plan over several codes, its hand-offs, and the gaps that it compared, in tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import sequence
from aiida_crystalmath.cli.summaries.gaps import gaps_table

if TYPE_CHECKING:
    from rich.table import Table

    from aiida_crystalmath.cli.summaries import Row

__all__ = ('rows', 'tables')


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return how many steps came to a good end."""
    results = summary['results']
    if not results:
        return []
    return [('plan', f'{results["description"] or "–"}: {results["n_finished"]} of {results["n_steps"]} steps', False)]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the tables of steps, of hand-offs that were made, and of gaps."""
    found = sequence.tables(summary)
    handoffs = summary['results'].get('handoffs') or []
    if handoffs:
        found.append(_handoffs(handoffs))
    return found + [gaps_table(content) for content in _comparisons(summary['pk'])]


def _handoffs(handoffs: list[Mapping[str, Any]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table('hand-off', 'converter', 'state', '', box=None, pad_edge=False, header_style='bold')
    for handoff in handoffs:
        failed = '; '.join(f'{name}: {check["reason"]}' for name, check in (handoff.get('failed_checks') or {}).items())
        status = handoff['status']
        colour = sequence.COLOURS.get(status, 'dim' if status in sequence.QUIET else 'red')
        text = escape(str(handoff.get('reason') or failed))
        table.add_row(handoff['name'], handoff['converter'] or 'as it is', f'[{colour}]{status}[/]', text)
    return table


def _comparisons(pk: int) -> list[dict[str, Any]]:
    """Return the tables of gaps that the plan made."""
    from aiida import orm

    links = orm.load_node(pk).base.links.get_outgoing().all()
    nodes = [link.node for link in links if link.link_label.endswith('__comparison')]
    return [node.get_dict() for node in nodes if isinstance(node, orm.Dict) and 'rows' in node.get_dict()]
