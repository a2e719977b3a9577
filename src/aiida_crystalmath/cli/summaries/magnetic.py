"""Rows of a comparison of magnetic orderings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row

if TYPE_CHECKING:
    from rich.table import Table

N_MOMENTS_SHOWN = 6


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the lowest ordering, and what is to be known before it is believed."""
    results = summary['results']
    orderings, lowest = results.get('orderings') or {}, results.get('lowest')
    found: list[Row] = []
    if lowest:
        found.append(('lowest ordering', f'{lowest} of {len(orderings)}', True))
    return found + [('note', text, False) for text in results.get('notes') or []]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the orderings, the lowest first, those that were lost last."""
    from rich.table import Table

    orderings = summary['results'].get('orderings') or {}
    if not orderings:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ('ordering', 'above lowest (meV/f.u.)', 'gap (eV)', 'final moments'):
        table.add_column(name, justify='right' if '(' in name else 'left')
    order = sorted(orderings.items(), key=lambda item: item[1].get(ABOVE, float('inf')))
    for label, row in order:
        gap = row.get('gap_ev')
        above = f'{1000 * row[ABOVE]:.2f}' if ABOVE in row else 'lost'
        table.add_row(label, above, '' if gap is None else f'{gap:.3f}', _moments(row))
    return [table]


ABOVE = 'energy_above_lowest_ev_per_formula_unit'


def _moments(row: Mapping[str, Any]) -> str:
    """Return the moments at the end of the atoms that had one at the start."""
    pairs = zip(row.get('initial_moments') or (), row.get('final_moments') or (), strict=True)
    shown = [f'{final:+.2f}' for initial, final in pairs if initial]
    more = f' and {len(shown) - N_MOMENTS_SHOWN} more' if len(shown) > N_MOMENTS_SHOWN else ''
    return ' '.join(shown[:N_MOMENTS_SHOWN]) + more
