"""Rows of an interaction energy by counterpoise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row

if TYPE_CHECKING:
    from rich.table import Table

ROWS = (
    ('interaction_energy', 'interaction energy', 'corrected for superposition'),
    ('interaction_energy_uncorrected', '  not corrected', ''),
    ('superposition_error', 'superposition error', ''),
    ('deformation_energy', 'deformation energy', ''),
    ('binding_energy', 'binding energy', 'corrected, from relaxed fragments'),
)


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the energies of the whole against its fragments."""
    results = summary['results']
    found: list[Row] = []
    for key, name, words in ROWS:
        if f'{key}_ev' in results:
            text = f'{results[f"{key}_ev"]:+.4f} eV  ({results[f"{key}_kj_per_mol"]:+.2f} kJ/mol)'
            found.append((name, f'{text}  {words}'.rstrip(), True))
    return found


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the fragments side by side."""
    from rich.table import Table

    fragments = summary['results'].get('fragments') or {}
    if not fragments:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ('fragment', 'alone (hartree)', 'in whole basis (hartree)', 'superposition (eV)', 'deformation (eV)'):
        table.add_column(name, justify='left' if name == 'fragment' else 'right')
    for name, values in fragments.items():
        deformation = values.get('deformation_energy_ev')
        table.add_row(
            name,
            f'{values["energy_alone_hartree"]:.8f}',
            f'{values["energy_in_whole_basis_hartree"]:.8f}',
            f'{values["superposition_error_ev"]:.4f}',
            '' if deformation is None else f'{deformation:.4f}',
        )
    return [table]
