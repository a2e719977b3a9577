"""Transport coefficients at a few chemical potentials, in a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row, content_of

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ('rows', 'tables')

COLUMNS = {
    'chemical_potential_ev': ('mu (eV)', '.2f'),
    'carriers_per_cell': ('carriers/cell', '.2e'),
    'seebeck_uv_per_k': ('S (µV/K)', '.1f'),
    'conductivity_s_per_m': ('sigma (S/m)', '.2e'),
    'power_factor_mw_per_m_k2': ('S²sigma (mW/m/K²)', '.3g'),
    'thermal_conductivity_w_per_m_k': ('kappa (W/m/K)', '.3g'),
}


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the temperature of the table and the relaxation time, which was put in."""
    told = content_of(summary, 'output_transport_summary')
    if not told:
        return []
    found: list[Row] = [('temperature', f'{told["temperature_k"]:g} K', False)]
    time = _relaxation_time(summary)
    if time is not None:
        found.append(('relaxation time', f'{time:g} fs, put in: sigma and kappa are proportional to it', False))
    if told.get('largest_mismatch', 0.0) > 0.05:
        text = f'conductivity times Seebeck coefficient misses its own file by {100 * told["largest_mismatch"]:.0f} %'
        found.append(('warning', text, False))
    return found


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the table."""
    from rich.table import Table

    points = content_of(summary, 'output_transport_summary').get('points') or []
    if not points:
        return []
    mark = ' *' if 'STAND' in str(summary['engine'] or '').upper() else ''
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style='bold')
    table.add_column('at')
    used = [key for key in COLUMNS if key in points[0]]
    for key in used:
        table.add_column(COLUMNS[key][0] + mark, justify='right')
    for point in points:
        table.add_row(point['name'], *(format(point[key], COLUMNS[key][1]) for key in used))
    return [table]


def _relaxation_time(summary: Mapping[str, Any]) -> float | None:
    """Return the relaxation time that the program read, fs."""
    value = (content_of(summary, 'transport_parameters').get('transport') or {}).get('relaxation_time_fs')
    return None if value is None else float(value)
