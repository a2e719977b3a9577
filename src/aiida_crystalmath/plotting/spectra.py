"""Pictures of infrared and Raman spectra: broadened lines, and the sticks they come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('draw',)

KINDS = {
    'output_ir_broadened': ('infrared', 'ir_intensities_km_per_mol', 'km/mol per cm⁻¹', 'km/mol'),
    'output_raman_broadened': ('raman', 'raman_intensities', 'arbitrary units', 'relative intensity'),
}


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw each broadened spectrum, with the modes as sticks on an axis of their own."""
    paths = []
    for label, (name, column, unit, stick_unit) in KINDS.items():
        if label in outputs:
            modes = outputs.get('output_modes')
            sticks = _sticks(modes, column, outputs.get('output_vibrations')) if modes is not None else None
            paths.append(_plot(outputs[label], sticks, (name, unit, stick_unit), request))
    return paths


def _sticks(modes: Any, column: str, summary: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Return frequencies and the share of each mode in the intensity of its set; rigid motions are left out."""
    if column not in modes.get_arraynames():
        return None
    rigid = [] if summary is None else [number - 1 for number in summary['rigid_modes']]
    frequencies = modes.get_array('frequencies_cm1')
    keep = np.ones(len(frequencies), dtype=bool)
    keep[rigid] = False
    keep &= frequencies > 0.0
    shares = np.nan_to_num(modes.get_array(column)) / modes.get_array('degeneracies')
    return frequencies[keep], shares[keep]


def _plot(
    node: Any, sticks: tuple[np.ndarray, np.ndarray] | None, words: tuple[str, str, str], request: Request
) -> Path:
    name, unit, stick_unit = words
    figure, axes = subplots(figsize=(7.2, 4.0))
    grid, values = node.get_x()[1], node.get_y()[0][1]
    axes.plot(grid, values, color=COLOURS[0], lw=1.4)
    axes.fill_between(grid, values, color=COLOURS[0], alpha=0.15, lw=0)
    axes.set_xlabel('wavenumber (cm⁻¹)')
    axes.set_ylabel(f'{name if name == "infrared" else "Raman"} ({unit})')
    axes.set_xlim(0.0, float(grid[-1]))
    axes.set_ylim(bottom=0.0)
    if sticks is not None:
        twin = axes.twinx()
        twin.vlines(sticks[0], 0.0, sticks[1], color=COLOURS[1], lw=1.2)
        twin.set_ylim(0.0, 1.1 * max(float(sticks[1].max(initial=0.0)), 1e-9))
        twin.set_ylabel(f'sticks ({stick_unit})', color=COLOURS[1])
    axes.set_title(request.caption.formula)
    return save(figure, request.caption, request.path(name))
