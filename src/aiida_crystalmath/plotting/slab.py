"""Pictures of slabs: surface energy against thickness, and the potential along the normal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('draw',)


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw ``output_potential``, and the surface energies if there is more than one thickness."""
    results = outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}
    slabs = [row for row in results.get('slabs') or [] if 'surface_energy_j_per_m2' in row]
    paths = []
    if len(slabs) > 1:
        paths.append(_energies(slabs, results, request))
    if 'output_potential' in outputs:
        paths.append(_potential(outputs['output_potential'], results, request))
    return paths


def _energies(slabs: list[dict[str, Any]], results: Mapping[str, Any], request: Request) -> Path:
    """Draw the surface energy against the number of layers, and the value from the line through all slabs."""
    figure, axes = subplots(figsize=(5.5, 4))
    layers = [row['layers'] for row in slabs]
    for key, name, colour in (
        ('surface_energy_j_per_m2', 'as cut', COLOURS[0]),
        ('surface_energy_relaxed_j_per_m2', 'relaxed', COLOURS[1]),
    ):
        values = [row.get(key, np.nan) for row in slabs]
        if not np.isnan(values).all():
            axes.plot(layers, values, 'o-', color=colour, label=name)
    if 'surface_energy_fit_j_per_m2' in results:
        axes.axhline(results['surface_energy_fit_j_per_m2'], color='0.4', ls='--', label='line through all slabs')
    axes.set_xticks(layers)
    axes.set_xlabel('planes of atoms')
    axes.set_ylabel('surface energy (J/m²)')
    axes.legend(frameon=False)
    return save(figure, request.caption, request.path('surface_energy'))


def _potential(node: Any, results: Mapping[str, Any], request: Request) -> Path:
    """Draw the electrostatic potential along the normal, and the top of the occupied states from the vacuum."""
    figure, axes = subplots(figsize=(6, 4))
    heights = node.get_array('distances_angstrom')
    axes.plot(heights, HARTREE_EV * node.get_array('potential'), color=COLOURS[0])
    axes.axhline(0, color='0.7', lw=0.8)
    for key, name in (('work_function_ev', 'work function'), ('ionisation_energy_ev', 'ionisation energy')):
        if key in results:
            axes.set_title(f'{name} {results[key]:.2f} eV', fontsize=10)
    axes.set_xlabel('height (Å)')
    axes.set_ylabel('potential, average over planes (V)')
    return save(figure, request.caption, request.path('potential'))
