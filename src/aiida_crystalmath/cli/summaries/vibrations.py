"""Rows and table of vibrations: of the chain of frequencies, and of any calculation with modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row, content_of

if TYPE_CHECKING:
    from rich.table import Table

MOST_MODES = 60
"""Of a larger system the lowest and highest are shown."""


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return what the modes are, the zero-point energy, and what is doubtful."""
    found = content_of(summary, 'output_vibrations')
    if not found:
        return []
    rigid = found['rigid_frequencies_cm1']
    text = f'{found["n_modes"]} modes, {len(rigid)} of them translations'
    text += '' if len(rigid) == 3 else ' and rotations'
    if rigid:
        text += f' (at most {max(abs(value) for value in rigid):.1f} cm⁻¹)'
    result: list[Row] = [('vibrations', text, True)]
    if 'lowest_frequency_cm1' in found:
        lowest, highest = found['lowest_frequency_cm1'], found['highest_frequency_cm1']
        result.append(('frequencies', f'{_imaginary(lowest)} to {highest:.1f} cm⁻¹', True))
    imaginary = ', '.join(_imaginary(value) for value in found['imaginary_frequencies_cm1'])
    result.append(('minimum', f'no: {imaginary} cm⁻¹' if imaginary else 'yes, no imaginary frequency', True))
    energy, molar = found['zero_point_energy_ev'], found['zero_point_energy_kj_per_mol']
    result.append(('zero-point energy', f'{energy:.5f} eV  ({molar:.3f} kJ/mol)', True))
    return result + [('warning', text, False) for text in found['warnings']]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the modes, with symmetry and intensities where there are any."""
    from rich.table import Table

    found = summary['results'].get('frequencies') or {}
    frequencies = found.get('frequencies_cm1') or []
    if not frequencies or found.get('is_dispersion'):
        return []
    rigid = set(content_of(summary, 'output_vibrations').get('rigid_modes', []))
    columns = {
        'IR (km/mol)': found.get('ir_intensities_km_per_mol'),
        'Raman': found.get('raman_intensities'),
    }
    known = {name: values for name, values in columns.items() if values}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column('mode', justify='right')
    table.add_column('cm⁻¹', justify='right')
    table.add_column('irrep')
    for name in known:
        table.add_column(name, justify='right')
    table.add_column('')
    irreps = found.get('irreps') or [''] * len(frequencies)
    for index, frequency in _chosen(frequencies):
        cells = [f'{values[index]:.2f}' if values[index] is not None else '' for values in known.values()]
        kind = 'rigid' if index + 1 in rigid else 'imaginary' if frequency < 0 else ''
        table.add_row(str(index + 1), _imaginary(frequency), irreps[index] or '', *cells, kind)
    return [table]


def _chosen(frequencies: list[float]) -> list[tuple[int, float]]:
    """Return modes to show with their index: all, or of many the first and last."""
    numbered = list(enumerate(frequencies))
    if len(numbered) <= MOST_MODES:
        return numbered
    return numbered[: MOST_MODES // 2] + numbered[-MOST_MODES // 2 :]


def _imaginary(frequency: float) -> str:
    """Return a frequency; CRYSTAL's negative ones as what they are."""
    return f'{-frequency:.1f}i' if frequency < -0.05 else f'{abs(frequency):.1f}'
