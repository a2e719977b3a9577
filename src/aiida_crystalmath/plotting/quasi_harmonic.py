"""Picture of a crystal as it is heated: volume, thermal expansion and bulk moduli against temperature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.plotting.data import Caption
from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('ThermalPlotData', 'draw', 'plot_quasi_harmonic', 'thermal_from_node')

PANELS = (
    ('volume (Å³)', {'volume_angstrom3': ''}, 1.0),
    ('volumetric expansion (10⁻⁶/K)', {'expansion_per_k': ''}, 1e6),
    ('bulk modulus (GPa)', {'bulk_modulus_gpa': 'isothermal', 'adiabatic_bulk_modulus_gpa': 'adiabatic'}, 1.0),
)
"""Each panel: its axis, the curves by key with their names, and the factor to the unit of the axis."""


@dataclass(frozen=True)
class ThermalPlotData:
    """Curves ready to draw.

    :param temperatures: K, shape (n,).
    :param curves: by key with its unit, shape (n,) each.
    """

    temperatures: NDArray[np.float64]
    curves: dict[str, NDArray[np.float64]]
    caption: Caption = field(default_factory=Caption)


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw the output ``output_thermal_properties``."""
    data = thermal_from_node(outputs['output_thermal_properties'], request.caption)
    return [plot_quasi_harmonic(data, request.path('thermal'))]


def thermal_from_node(node: Any, caption: Caption | None = None) -> ThermalPlotData:
    """Build the data from the ``XyData`` of the work chain."""
    curves = {name: np.asarray(values, dtype=float) for name, values, _ in node.get_y()}
    return ThermalPlotData(np.asarray(node.get_x()[1], dtype=float), curves, caption or Caption())


def plot_quasi_harmonic(data: ThermalPlotData, path: Path) -> Path:
    """Draw what is known against temperature to ``path`` and return it.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    panels = [panel for panel in PANELS if any(key in data.curves for key in panel[1])]
    figure, axes = subplots(1, len(panels), figsize=(3.6 * len(panels), 3.6), squeeze=False)
    for axis, (label, names, factor) in zip(axes[0], panels, strict=True):
        known = {key: name for key, name in names.items() if key in data.curves}
        for index, (key, name) in enumerate(known.items()):
            axis.plot(data.temperatures, factor * data.curves[key], color=COLOURS[index], label=name or None)
        if len(known) > 1:
            axis.legend(fontsize=8)
        axis.set_xlabel('temperature (K)')
        axis.set_ylabel(label)
    figure.suptitle(data.caption.formula)
    return save(figure, data.caption, path)
