"""Absorption with and without excitons, and where the excitons are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.plotting.data import Caption
from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots
from aiida_crystalmath.plotting.quasiparticles import with_origin

__all__ = ('AbsorptionPlotData', 'data_from_nodes', 'draw', 'plot_absorption')

WITH, WITHOUT, EXCITONS = COLOURS[0], '0.45', COLOURS[1]


@dataclass(frozen=True)
class AbsorptionPlotData:
    """A spectrum ready to draw.

    :param energies: of the light, eV, shape (n,).
    :param absorption: imaginary part of the dielectric function, shape (n,).
    :param without: the same of independent particles; ``None`` if it was not computed.
    :param excitons: their energies, eV, shape (m,).
    :param strengths: of the excitons, in shares of the largest, shape (m,).
    :param bright: which of them absorb, shape (m,).
    :param gap: direct gap that the pairs were built on, eV.
    :param built_on: in words, which energies the pairs have.
    """

    energies: NDArray[np.float64]
    absorption: NDArray[np.float64]
    without: NDArray[np.float64] | None = None
    excitons: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    strengths: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    bright: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    gap: float | None = None
    built_on: str = ''
    caption: Caption = field(default_factory=Caption)


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw the spectrum, if there is one; a list of excitons alone makes no picture."""
    if 'output_spectrum' not in outputs or 'eps_im' not in outputs['output_spectrum'].get_arraynames():
        return []
    return [plot_absorption(data_from_nodes(outputs, request), request.path('absorption'))]


def data_from_nodes(outputs: Mapping[str, Any], request: Request) -> AbsorptionPlotData:
    """Return the data of a BSE (or of independent particles)."""
    spectrum, excitons = outputs['output_spectrum'], outputs.get('output_excitons')
    without = spectrum.get_array('eps_im_ip') if 'eps_im_ip' in spectrum.get_arraynames() else None
    more: dict[str, Any] = {}
    if excitons is not None:
        strengths = np.asarray(excitons.get_array('strengths'), dtype=float)
        if strengths.size and strengths.max() > 0:
            more['excitons'] = np.asarray(excitons.get_array('energies_ev'), dtype=float)
            more['strengths'] = strengths / strengths.max()
            more['bright'] = np.asarray(excitons.get_array('bright'), dtype=bool)
    return AbsorptionPlotData(
        spectrum.get_array('energy_ev'),
        spectrum.get_array('eps_im'),
        without,
        gap=request.results.get('starting_gap_direct_ev'),
        built_on=_built_on(outputs),
        caption=with_origin(request.caption, outputs),
        **more,
    )


def _built_on(outputs: Mapping[str, Any]) -> str:
    """Return which energies the pairs have, by the job that made the spectrum; empty if it is not known."""
    job = outputs['output_spectrum'].creator
    if job is None:
        return ''
    given: Any = job.inputs
    parameters = given.parameters.get_dict() if 'parameters' in given else {}
    if 'qp_database' in given:
        return 'on quasi-particle energies'
    shift = (parameters.get('scissor') or {}).get('shift_ev')
    if shift is not None:
        label = outputs['scissor'].get('label', '') if 'scissor' in outputs else 'put in'
        return f'on DFT and a scissor of {shift:.3f} eV ({label})'
    if {'KfnQPdb', 'KfnQP_E'} & set(parameters.get('variables') or {}):
        return 'on corrected energies'
    return 'on energies of DFT'


def plot_absorption(data: AbsorptionPlotData, path: Path) -> Path:
    """Draw the spectrum to ``path`` and return it.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    figure, axes = subplots(figsize=(7.2, 4.4))
    if data.without is not None:
        axes.plot(data.energies, data.without, color=WITHOUT, lw=1.2, ls='--', label='without excitons')
    axes.plot(data.energies, data.absorption, color=WITH, lw=1.6, label='with excitons', zorder=3)
    axes.fill_between(data.energies, data.absorption, color=WITH, alpha=0.10, lw=0)
    if data.gap is not None:
        axes.axvline(data.gap, color='0.3', lw=0.9, ls=':', label=f'direct gap {data.gap:.2f} eV')
    axes.set_xlim(float(data.energies[0]), float(data.energies[-1]))
    axes.set_ylim(bottom=min(0.0, float(data.absorption.min())))
    axes.set_xlabel('photon energy (eV)')
    axes.set_ylabel(r'$\mathrm{Im}\,\varepsilon$')
    if len(data.excitons):
        _sticks(axes, data)
    # Outside, as a spectrum may be high anywhere.
    title = fill(f'{data.caption.formula} {data.built_on}'.strip(), 90)
    figure.legend(title=title, title_fontsize=9, fontsize=8, ncols=3, loc='outside upper center')
    return save(figure, data.caption, path)


def _sticks(axes: Any, data: AbsorptionPlotData) -> None:
    """Draw bright excitons as sticks on an axis of their own, and dark ones as marks at the bottom."""
    twin = axes.twinx()
    bright, dark = data.bright, ~data.bright
    lowest = float(data.excitons[bright].min()) if bright.any() else None
    name = 'bright excitons' + (f', from {lowest:.2f} eV' if lowest is not None else '')
    twin.vlines(data.excitons[bright], 0.0, data.strengths[bright], color=EXCITONS, lw=1.0, alpha=0.7, label=name)
    if dark.any():
        marks = np.full(int(dark.sum()), -0.025)
        twin.plot(data.excitons[dark], marks, '|', color='0.5', ms=5, mew=0.6, label='dark excitons')
    twin.set_ylim(-0.05, 1.25)
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.05 / 1.25 * (high - low), high)
    twin.set_ylabel('strength of excitons (share of the strongest)', color=EXCITONS, fontsize=9)
    twin.tick_params(axis='y', colors=EXCITONS)
    twin.set_yticks([0.0, 0.5, 1.0])
    axes.set_zorder(twin.get_zorder() + 1)
    axes.patch.set_visible(False)
