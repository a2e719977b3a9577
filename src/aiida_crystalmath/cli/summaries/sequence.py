"""The steps of a sequence, in a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from aiida_crystalmath.cli.summaries import Row

__all__ = ('rows', 'tables')

COLOURS = {'finished': 'green', 'reused': 'green', 'running': 'yellow'}
QUIET = ('waiting', 'left out', 'skipped')
DIGITS = {'hartree': 6, 'ev': 3, 'gpa': 1}


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return how many steps came to a good end."""
    results = summary['results']
    if not results:
        return []
    return [('sequence', f'{results["sequence"]}: {results["n_finished"]} of {results["n_steps"]} steps', False)]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the table of steps: state, PK, time, and key numbers or the reason; as far as it is while it goes on."""
    from rich.markup import escape
    from rich.table import Table

    table = Table('step', 'state', 'PK', 'time', '', box=None, pad_edge=False, header_style='bold')
    for step in summary['results'].get('steps') or live_steps(summary['pk']):
        status = step['status']
        mark = ' [red]*[/]' if 'STAND' in str(step.get('engine') or summary['engine'] or '').upper() else ''
        colour = COLOURS.get(status, 'dim' if status in QUIET else 'red')
        numbers = '  '.join(number(key, value) for key, value in step.get('results', {}).items())
        text = escape(str(step['reason'])) if step.get('reason') else f'{numbers}{mark if numbers else ""}'
        name = f'{step["name"]} [dim](optional)[/]' if step.get('optional') else step['name']
        seconds = f'{step["wall_time_s"]:.0f} s' if step.get('wall_time_s') is not None else ''
        table.add_row(name, f'[{colour}]{status}[/]', str(step.get('pk') or ''), seconds, text)
    return [table]


def live_steps(pk: int) -> list[dict[str, Any]]:
    """Return how far the steps of a sequence are that goes on, or was killed."""
    from aiida import orm

    from aiida_crystalmath.workflows.sequences.control import STEPS

    steps = orm.load_node(pk).base.extras.get(STEPS, {})
    return [{'name': name, **entry} for name, entry in steps.items()]


def number(key: str, value: Any) -> str:
    """Return a number with its name and unit, as the key tells them."""
    name, _, unit = key.rpartition('_')
    if isinstance(value, bool):
        return key.removeprefix('is_') if value else ''
    if unit in DIGITS and isinstance(value, int | float):
        return f'{name.replace("_", " ")} {value:.{DIGITS[unit]}f} {"eV" if unit == "ev" else unit}'
    return f'{key.replace("_", " ")} {value:g}' if isinstance(value, float) else f'{key.replace("_", " ")} {value}'
