"""The bonds between atoms, in a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row, content_of

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ('rows', 'tables')


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return what the integrals are over."""
    told = content_of(summary, 'output_bonds')
    if not told:
        return []
    window = f'{told["integrated_from_ev"]:.2f} to {told["integrated_to_ev"]:.2f} eV'
    return [('bonds integrated', f"{window} (CRYSTAL's zero), per primitive cell", False)]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the table of bonds."""
    from rich.table import Table

    bonds = content_of(summary, 'output_bonds').get('bonds') or []
    if not bonds:
        return []
    mark = ' *' if 'STAND' in str(summary['engine'] or '').upper() else ''
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style='bold')
    table.add_column('bond')
    headings = ('number', 'distance (Å)', f'ICOHP (eV){mark}', f'per bond{mark}', f'ICOOP (e){mark}', f'per bond{mark}')
    for heading in headings:
        table.add_column(heading, justify='right')
    for bond in bonds:
        numbers = [
            bond[key] for key in ('icohp_ev', 'icohp_ev_per_bond', 'icoop_electrons', 'icoop_electrons_per_bond')
        ]
        told = (str(bond['n_bonds']), f'{bond["distance_angstrom"]:.4f}', *(f'{number:.4f}' for number in numbers))
        table.add_row(bond['label'], *told)
    return [table]
