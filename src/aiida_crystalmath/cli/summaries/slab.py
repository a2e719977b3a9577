"""Rows of surface energies and work functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row

if TYPE_CHECKING:
    from rich.table import Table

ENERGIES = (
    ('surface_energy', 'surface energy', 'thickest slab, as cut'),
    ('surface_energy_relaxed', 'surface energy', 'thickest slab, relaxed'),
    ('surface_energy_fit', 'surface energy', 'line through all slabs, as cut'),
)


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the surface energies in both units, and the work function."""
    results = summary['results']
    found: list[Row] = []
    for key, name, words in ENERGIES:
        if f'{key}_j_per_m2' in results:
            text = f'{results[f"{key}_j_per_m2"]:.3f} J/m²  ({results[f"{key}_ev_per_angstrom2"]:.5f} eV/Å²)  {words}'
            found.append((name, text, True))
    for key, name in (('work_function_ev', 'work function'), ('ionisation_energy_ev', 'ionisation energy')):
        if key in results:
            found.append((name, f'{results[key]:.3f} eV', True))
    notes = [*(results.get('notes') or []), results.get('work_function_note')]
    return found + [('note', text, False) for text in notes if text]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the slabs by thickness."""
    from rich.table import Table

    slabs = summary['results'].get('slabs') or []
    if not slabs:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ('layers', 'planes', 'thickness (Å)', 'as cut (J/m²)', 'relaxed (J/m²)', 'gap (eV)'):
        table.add_column(name, justify='left' if name == 'planes' else 'right')
    for row in slabs:
        numbers = [row.get(key) for key in ('surface_energy_j_per_m2', 'surface_energy_relaxed_j_per_m2', 'gap_ev')]
        told = ['' if number is None else f'{number:.3f}' for number in numbers]
        planes = ' '.join(dict.fromkeys(row['planes']))
        table.add_row(str(row['layers']), planes, f'{row["thickness_angstrom"]:.2f}', *told)
    return [table]
