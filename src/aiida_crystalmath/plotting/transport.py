"""Transport coefficients over the chemical potential: conductivity, Seebeck coefficient, power factor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('draw',)

MAX_TEMPERATURES = 5


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw averages over the directions that repeat, at a few temperatures."""
    from aiida_crystalmath.workflows.functions.transport import averaged, power_factor

    node = outputs['output_transport']
    names = node.get_arraynames()
    if not {'conductivity_per_ohm_m', 'seebeck_v_per_k'} <= set(names):
        raise ValueError('conductivity or Seebeck coefficient is missing: there is nothing to draw.')
    temperatures, mu = node.get_array('temperatures_k'), node.get_array('chemical_potentials_ev')
    sigma, seebeck = node.get_array('conductivity_per_ohm_m'), node.get_array('seebeck_v_per_k')
    zero, label = _zero(request.results, mu)
    figure, axes = subplots(3, 1, figsize=(6.0, 7.2), sharex=True)
    chosen = np.unique(
        np.linspace(0, len(temperatures) - 1, min(MAX_TEMPERATURES, len(temperatures))).round().astype(int)
    )
    for colour, index in zip(COLOURS, chosen, strict=False):
        style = {'color': colour, 'lw': 1.2, 'label': f'{temperatures[index]:g} K'}
        axes[0].plot(mu - zero, averaged(sigma[:, index]).sum(axis=0), **style)
        axes[1].plot(mu - zero, 1e6 * averaged(seebeck[:, index]).mean(axis=0), **style)
        axes[2].plot(mu - zero, 1e3 * power_factor(sigma[:, index], seebeck[:, index]), **style)
    for place, title in zip(axes, ('σ (S/m)', 'S (µV/K)', 'S²σ (mW/m/K²)'), strict=True):
        place.set_ylabel(title)
        place.axvline(0.0, color='0.4', lw=0.8, ls=':')
    axes[0].ticklabel_format(axis='y', style='sci', scilimits=(-2, 3))
    axes[1].axhline(0.0, color='0.4', lw=0.8)
    axes[2].set_xlabel(label)
    axes[2].set_xlim(float(mu[0] - zero), float(mu[-1] - zero))
    axes[0].legend(loc='best', fontsize=8, framealpha=0.9)
    axes[0].set_title(f'{request.caption.formula}   constant relaxation time', fontsize=10)
    return [save(figure, request.caption, request.path('transport'))]


def _zero(results: Mapping[str, Any], mu: Any) -> tuple[float, str]:
    """Return the energy to put at zero and the label of the axis; absolute where nothing in the range is known."""
    vbm = None if results.get('is_conducting') else results.get('vbm_ev')
    zero, name = (vbm, 'VBM') if vbm is not None else (results.get('fermi_energy_ev'), 'F')
    if zero is None or not float(mu[0]) - 5.0 < float(zero) < float(mu[-1]) + 5.0:
        return 0.0, "chemical potential (eV, CRYSTAL's zero)"
    return float(zero), f'$\\mu - E_\\mathrm{{{name}}}$ (eV)'
