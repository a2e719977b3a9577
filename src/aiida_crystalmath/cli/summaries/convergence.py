"""Rows and tables of a convergence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row

if TYPE_CHECKING:
    from rich.table import Table

WORDS = {'shrink': 'SHRINK', 'tolinteg': 'TOLINTEG', 'basis_families': 'basis set'}


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return what is recommended, and what is doubtful."""
    results = summary['results']
    found: list[Row] = []
    if 'series' not in results:
        return found
    within = f'{results["threshold_mev_per_atom"]:g} meV/atom'
    if results.get('gap_threshold_ev') is not None:
        within += f' and {results["gap_threshold_ev"]:g} eV of the gap'
    for one in results['series']:
        name = WORDS[one['parameter']]
        if one.get('recommended') is not None:
            last = one['values'][-1]
            found.append((name, f'{words(one["recommended"])} is within {within} of {words(last)}', True))
        else:
            problem = one.get('problem') or f'not converged to {within}: add denser values'
            found.append((name, problem, False))
        found += [('warning', text, False) for text in one.get('warnings') or []]
    return found


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the table of every series."""
    return [_table(one) for one in summary['results'].get('series') or [] if 'energy_hartree_per_atom' in one]


COLUMNS = (
    ('n_kpoints', 'k-points', '{:d}'),
    ('energy_hartree_per_atom', 'energy (hartree/atom)', '{:.6f}'),
    ('difference_mev_per_atom', 'difference (meV/atom)', '{:+.2f}'),
    ('gap_ev', 'gap (eV)', '{:.3f}'),
    ('wall_time_s', 'wall time (s)', '{:.1f}'),
)


def _table(series: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(WORDS[series['parameter']])
    shown = [column for column in COLUMNS if column[0] in series]
    for _, heading, _ in shown:
        table.add_column(heading, justify='right')
    for index, value in enumerate(series['values']):
        cells = [(series[key][index], form) for key, _, form in shown]
        mark = ' <-' if value == series.get('recommended') else ''
        table.add_row(words(value) + mark, *('' if cell is None else form.format(cell) for cell, form in cells))
    return table


def words(value: Any) -> str:
    """Return a setting as it stands in an input."""
    return ' '.join(str(item) for item in value) if isinstance(value, list) else str(value)
