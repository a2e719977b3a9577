"""Rows and table of elastic constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row, content_of

if TYPE_CHECKING:
    from rich.table import Table

VOIGT = {6: ('xx', 'yy', 'zz', 'yz', 'xz', 'xy'), 3: ('xx', 'yy', 'xy')}
MODULI = {
    'bulk_hill_gpa': ('bulk modulus (Hill)', 'GPa'),
    'shear_hill_gpa': ('shear modulus (Hill)', 'GPa'),
    'young_hill_gpa': ("Young's modulus (Hill)", 'GPa'),
    'poisson_hill': ("Poisson's ratio (Hill)", ''),
    'universal_anisotropy': ('universal anisotropy', ''),
    'young_x_newton_per_metre': ("Young's modulus along x", 'N/m'),
    'young_y_newton_per_metre': ("Young's modulus along y", 'N/m'),
    'poisson_xy': ("Poisson's ratio xy", ''),
    'shear_newton_per_metre': ('shear modulus', 'N/m'),
    'area_modulus_newton_per_metre': ('area modulus', 'N/m'),
}


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the moduli and the verdict on stability."""
    found = content_of(summary, 'output_elastic_properties')
    if not found:
        return []
    result: list[Row] = []
    if 'is_stable' in found:
        lowest = next(values[0] for key, values in found.items() if key.startswith('eigenvalues'))
        violated = [one['condition'] for one in found['born_conditions'] if not one['holds']]
        text = f'yes, lowest eigenvalue {lowest:.2f}' if found['is_stable'] else f'NO, lowest eigenvalue {lowest:.2f}'
        text += f'; not fulfilled: {", ".join(violated)}' if violated else ''
        result.append(('mechanically stable', text, True))
    for key, (name, unit) in MODULI.items():
        if key in found:
            digits = 3 if not unit else 2
            result.append((name, f'{found[key]:.{digits}f} {unit}'.rstrip(), True))
    if 'young_minimum_gpa' in found:
        text = f'{found["young_minimum_gpa"]:.1f} to {found["young_maximum_gpa"]:.1f} GPa'
        result.append(("Young's modulus, all directions", text, True))
    return result + [('warning', text, False) for text in found['warnings']]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the tensor."""
    from rich.table import Table

    found = content_of(summary, 'output_elastic_properties')
    key = next((key for key in found if key.startswith('constants')), None)
    if key is None:
        return []
    tensor = found[key]
    unit = 'GPa' if key.endswith('gpa') else 'N/m'
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(f'C ({unit})')
    names = VOIGT[len(tensor)]
    for name in names:
        table.add_column(name, justify='right')
    for name, row in zip(names, tensor, strict=True):
        table.add_row(name, *(f'{value + 0.0:.2f}' for value in row))
    return [table]
