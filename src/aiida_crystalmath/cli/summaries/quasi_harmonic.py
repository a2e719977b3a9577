"""Rows of the quasi-harmonic approximation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_crystalmath.cli.summaries import Row


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return volume, bulk moduli and thermal expansion at room temperature, beside those without vibrations."""
    results = summary['results']
    if 'temperature_k' not in results:
        return []
    cells = results['primitive_cells_in_supercell']
    found: list[Row] = [
        ('vibrations', f'at {results["n_volumes"]} volumes, supercell of {cells} primitive cell(s)', False),
        ('temperature', f'{results["temperature_k"]:.1f} K', False),
    ]
    static = results.get('static_volume_angstrom3')
    beside = f'  (static {static:.4f})' if static is not None else ''
    found.append(('volume', f'{results["volume_angstrom3"]:.4f} Å³ per primitive cell{beside}', True))
    static = results.get('static_bulk_modulus_gpa')
    beside = f'  (static {static:.2f})' if static is not None else ''
    for key, name, note in (
        ('bulk_modulus_gpa', 'isothermal bulk modulus', beside),
        ('adiabatic_bulk_modulus_gpa', 'adiabatic bulk modulus', ''),
    ):
        if results.get(key) is not None:
            found.append((name, f'{results[key]:.2f} GPa{note}', True))
    if results.get('expansion_per_k') is not None:
        found.append(('volumetric expansion', f'{1e6 * results["expansion_per_k"]:.2f} 1e-6/K', True))
    if results.get('grueneisen') is not None:
        found.append(('Grüneisen parameter', f'{results["grueneisen"]:.3f}', True))
    if results.get('n_imaginary'):
        found.append(('warning', f'{results["n_imaginary"]} modes are imaginary at some volume', False))
    return found
