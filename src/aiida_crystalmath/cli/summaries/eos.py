"""Rows of an equation of state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row

if TYPE_CHECKING:
    from rich.table import Table

MEASURES = {'volume_angstrom3': ('volume', 'Å³'), 'area_angstrom2': ('area', 'Å²'), 'length_angstrom': ('length', 'Å')}
MODULI = {
    'bulk_modulus_gpa': ('bulk modulus', 'GPa'),
    'layer_modulus_newton_per_metre': ('layer modulus', 'N/m'),
    'chain_modulus_nanonewton': ('chain modulus', 'nN'),
}
WORDS = {
    'birch_murnaghan': 'Birch-Murnaghan',
    'murnaghan': 'Murnaghan',
    'vinet': 'Vinet',
    'poirier_tarantola': 'Poirier-Tarantola',
    'cubic_polynomial': 'cubic polynomial',
}


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return what the reported fit gives, and how good it is."""
    results = summary['results']
    found: list[Row] = []
    if not results.get('fits'):
        return found
    measure, modulus = _known(results, MEASURES), _known(results, MODULI)
    if measure:
        name, unit = MEASURES[measure]
        relative = (
            f'  ({100 * (results["scale_factor"] - 1):+.2f} % from the input)' if 'scale_factor' in results else ''
        )
        found.append((f'{name} at minimum', f'{results[measure]:.4f} {unit} per primitive cell{relative}', True))
    if modulus:
        name, unit = MODULI[modulus]
        prime = results.get('bulk_modulus_prime')
        text = f'{results[modulus]:.2f} {unit}' + (f'  (derivative by pressure {prime:.2f})' if prime else '')
        found.append((name, text, True))
    if results.get('residual_rms_mev_per_atom') is not None:
        text = f'{results["residual_rms_mev_per_atom"]:.3f} meV/atom rms, {results["n_points"]} points'
        found.append(('residual of the fit', text, True))
    if results.get('scale_factors_missing'):
        missing = ', '.join(f'{scale:g}' for scale in results['scale_factors_missing'])
        found.append(('failed volumes', f'{missing} times that of the structure', False))
    return found + [('warning', text, False) for text in results.get('warnings') or []]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return all fits side by side."""
    from rich.table import Table

    results = summary['results']
    fits = results.get('fits') or []
    measure, modulus = _known(results, MEASURES), _known(results, MODULI)
    if not fits or measure is None or modulus is None:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column('fit')
    for heading in (f'{MEASURES[measure][0]} ({MEASURES[measure][1]})', f'{MODULI[modulus][0]} ({MODULI[modulus][1]})'):
        table.add_column(heading, justify='right')
    table.add_column('derivative', justify='right')
    table.add_column('rms (meV/atom)', justify='right')
    for fit in fits:
        cells = ((measure, 4), (modulus, 2), ('bulk_modulus_prime', 2), ('residual_rms_mev_per_atom', 3))
        table.add_row(WORDS.get(fit['name'], fit['name']), *(_number(fit.get(key), digits) for key, digits in cells))
    return [table]


def _number(value: float | None, digits: int) -> str:
    return '' if value is None else f'{value:.{digits}f}'


def _known(results: Mapping[str, Any], names: Mapping[str, Any]) -> str | None:
    return next((key for key in names if results.get(key) is not None), None)
