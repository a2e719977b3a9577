"""Bonds over the energy: -COHP, so that bonding is on the right, and its integral."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('draw',)

MAX_CURVES = 8


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw -COHP of each bond, and COOP beside it if it is there; energies from the Fermi energy."""
    cohp = outputs['output_cohp']
    fermi = cohp.base.attributes.get('fermi_energy_ev', request.results.get('fermi_energy_ev'))
    if fermi is None:
        raise ValueError('no Fermi energy is stored with the populations: the energies cannot be aligned.')
    panels: list[tuple[str, float, Any]] = [('−COHP (eV/eV/cell)', -1.0, cohp)]
    if 'output_coop' in outputs:
        panels.append(('COOP (electrons/eV/cell)', 1.0, outputs['output_coop']))
    figure, axes = subplots(1, len(panels), figsize=(3.4 * len(panels) + 0.6, 5.0), sharey=True, squeeze=False)
    conducting = request.results.get('is_conducting')
    for place, (title, sign, node) in zip(axes[0], panels, strict=True):
        energies = np.asarray(node.get_x()[1], dtype=float) - float(fermi)
        for index, (label, spins) in enumerate(_curves(node).items()):
            if index >= MAX_CURVES:
                break
            for spin, values in enumerate(spins):
                style = '-' if spin == 0 else '--'
                name = label if spin == 0 else None
                place.plot(sign * values, energies, style, lw=1.2, color=COLOURS[index], label=name)
        place.axvline(0.0, color='0.4', lw=0.8)
        place.axhline(0.0, color='0.4', lw=0.8, ls=':')
        place.set_xlabel(title)
        low, high = request.window
        place.set_ylim(max(low, float(energies[0])), min(high, float(energies[-1])))
        inside = (energies >= low) & (energies <= high)
        widest = max(
            float(np.abs(values[inside]).max(initial=0.0)) for pair in _curves(node).values() for values in pair
        )
        place.set_xlim(-1.08 * widest or -1.0, 1.08 * widest or 1.0)
        place.text(0.98, 0.015, 'bonding →', transform=place.transAxes, ha='right', fontsize=8, color='0.35')
        place.text(0.02, 0.015, '← antibonding', transform=place.transAxes, ha='left', fontsize=8, color='0.35')
    axes[0][0].set_ylabel('$E - E_\\mathrm{F}$ (eV)' if conducting else '$E - E_\\mathrm{VBM}$ (eV)')
    axes[0][0].legend(loc='upper left', fontsize=8, framealpha=0.9)
    figure.suptitle(request.caption.formula)
    return [save(figure, request.caption, request.path('cohp'))]


def _curves(node: Any) -> dict[str, list[NDArray[np.float64]]]:
    """Group the curves of a node by bond, spins together."""
    grouped: dict[str, list[NDArray[np.float64]]] = {}
    for name, values, _ in node.get_y():
        label = name.removesuffix('_alpha').removesuffix('_beta')
        grouped.setdefault(label, []).append(np.asarray(values, dtype=float))
    return grouped
