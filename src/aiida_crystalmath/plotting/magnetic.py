"""Picture of magnetic orderings: how far each lies above the lowest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('draw',)

ABOVE = 'energy_above_lowest_ev_per_formula_unit'
COLOUR = {'FM': COLOURS[1], 'AFM': COLOURS[0], 'FiM': COLOURS[2]}


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw the energies of the orderings that were kept, as levels; those that were lost are named below."""
    results = outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}
    orderings = results.get('orderings') or {}
    kept = {label: row for label, row in orderings.items() if ABOVE in row}
    if not kept:
        return []
    figure, axes = subplots(figsize=(1.2 + 0.9 * len(kept), 4))
    order = sorted(kept, key=lambda label: kept[label][ABOVE])
    for place, label in enumerate(order):
        row = kept[label]
        axes.hlines(1000 * row[ABOVE], place - 0.35, place + 0.35, color=COLOUR.get(row.get('name', ''), '0.4'), lw=3)
    axes.set_xticks(range(len(order)), order)
    axes.set_ylabel('energy above the lowest (meV/formula unit)')
    lost = [label for label in orderings if label not in kept]
    if lost:
        axes.set_xlabel(f'lost in the SCF, not compared: {", ".join(lost)}', fontsize=8)
    return [save(figure, request.caption, request.path('orderings'))]
