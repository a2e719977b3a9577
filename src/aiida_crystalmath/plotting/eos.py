"""Picture of an equation of state: energies against volumes, and the curves fitted through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.plotting.data import Caption
from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('EosPlotData', 'draw', 'eos_from_node', 'plot_eos')

AXES = {
    'volumes_angstrom3': 'volume of the primitive cell (Å³)',
    'areas_angstrom2': 'area of the primitive cell (Å²)',
    'lengths_angstrom': 'length of the primitive cell (Å)',
}


@dataclass(frozen=True)
class EosPlotData:
    """Points and curves ready to draw.

    :param volumes: of the primitive cell (areas of slabs, lengths of polymers), shape (n,).
    :param energies_hartree: shape (n,).
    :param axis: name of the horizontal axis, with its unit.
    :param curves: volumes and energies of every fit, by its name.
    :param told: what is written in the picture.
    """

    volumes: NDArray[np.float64]
    energies_hartree: NDArray[np.float64]
    axis: str
    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    told: str = ''
    caption: Caption = field(default_factory=Caption)


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw the output ``output_eos``."""
    if 'output_eos' not in outputs:
        return []
    results = outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}
    data = eos_from_node(outputs['output_eos'], results, request.caption)
    return [plot_eos(data, request.path('eos'))]


def eos_from_node(node: Any, results: Mapping[str, Any] | None = None, caption: Caption | None = None) -> EosPlotData:
    """Build the data from ``output_eos`` of the work chain, or of a run with CRYSTAL's own EOS.

    :param results: ``output_parameters`` of the same process: the numbers written in the picture.
    """
    names = set(node.get_arraynames())
    measure = next(name for name in AXES if name in names)
    curves = {}
    for number, name in enumerate(node.base.attributes.get('curves', None) or []):
        volumes = node.get_array(f'curve_{number}_{measure}')
        curves[name] = (volumes, node.get_array(f'curve_{number}_energies_hartree'))
    energies = node.get_array('energies_hartree')
    return EosPlotData(
        node.get_array(measure), energies, AXES[measure], curves, _told(results or {}), caption or Caption()
    )


def _told(results: Mapping[str, Any]) -> str:
    """Return the reported fit in a few lines."""
    lines = [str(results.get('equation') or '').replace('_', '-')]
    for key, text in (
        ('volume_angstrom3', '$V_0$ = {:.3f} Å³'),
        ('area_angstrom2', '$A_0$ = {:.3f} Å²'),
        ('length_angstrom', '$L_0$ = {:.4f} Å'),
        ('bulk_modulus_gpa', '$B_0$ = {:.1f} GPa'),
        ('layer_modulus_newton_per_metre', '$\\gamma_0$ = {:.1f} N/m'),
        ('chain_modulus_nanonewton', '$c_0$ = {:.2f} nN'),
        ('bulk_modulus_prime', "$B_0'$ = {:.2f}"),
    ):
        if results.get(key) is not None:
            lines.append(text.format(results[key]))
    return '\n'.join(lines) if len(lines) > 1 and lines[0] else ''


def plot_eos(data: EosPlotData, path: Path) -> Path:
    """Draw an equation of state to ``path`` and return it; energies in meV above the lowest point.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    figure, axes = subplots(figsize=(6.4, 4.8))
    lowest = float(data.energies_hartree.min())

    def relative(energies: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1000 * HARTREE_EV * (energies - lowest))

    for index, (name, (volumes, energies)) in enumerate(data.curves.items()):
        inside = (volumes >= data.volumes.min()) & (volumes <= data.volumes.max())
        style = '-' if index == 0 else '--'
        label = name.replace('_', '-').lower()
        axes.plot(volumes[inside], relative(energies[inside]), style, color=COLOURS[index % len(COLOURS)], label=label)
    axes.plot(data.volumes, relative(data.energies_hartree), 'o', color='black', ms=5, zorder=5, label='computed')
    axes.set_xlabel(data.axis)
    axes.set_ylabel('energy above the lowest point (meV)')
    axes.set_title(data.caption.formula)
    axes.legend(loc='upper center', fontsize=8, title=data.told or None, title_fontsize=9)  # the curves are low there
    return save(figure, data.caption, path)
