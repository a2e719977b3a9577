"""What a dry run told of the size of a calculation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_crystalmath.cli.summaries import Row

__all__ = ('rows',)

SIZES = {
    'n_ao': 'basis functions',
    'n_electrons': 'electrons',
    'n_kpoints': 'k-points',
    'n_symmetry_operators': 'symmetry operators',
}


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the keyword of the dry run, the sizes it told, and its warnings."""
    from aiida.orm import load_node

    report = load_node(summary['outputs']['output_preflight']).get_dict()
    found: list[Row] = [('dry run', f'{report["dry_run"]}: the input was read, nothing was computed', False)]
    if report.get('engine'):
        found.append(('engine', f'{report["engine"]}, not CRYSTAL', False))
    found += [(name, f'{report[key]:g}', True) for key, name in SIZES.items() if report.get(key) is not None]
    found += [('warning', str(warning), False) for warning in report.get('warnings') or []]
    return found
