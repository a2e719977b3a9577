"""Bands, densities of states, or both side by side, drawn with matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_crystalmath.plotting.data import BandsPlotData, DosPlotData, Edges
from aiida_crystalmath.plotting.figure import WINDOW_EV, save, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPIN_COLOURS = ('#1f4e9c', '#c8442d')
PROJECTION_COLOURS = ('#c8442d', '#2e8b57', '#8e6bbf', '#d98e04', '#3a9fbf', '#7a5230', '#6b6b6b')


def pretty_label(label: str) -> str:
    """Return a k-point label as printed in papers: ``GAMMA`` becomes Γ, ``SIGMA_0`` becomes Σ₀."""
    greek = {'GAMMA': 'Γ', 'G': 'Γ', 'SIGMA': 'Σ', 'DELTA': 'Δ', 'LAMBDA': 'Λ'}
    stem, _, index = label.partition('_')
    stem = greek.get(stem.upper(), stem)
    return stem + index.translate(str.maketrans('0123456789', '₀₁₂₃₄₅₆₇₈₉'))


def _tick_labels(data: BandsPlotData) -> tuple[list[float], list[str]]:
    """Merge the labels that fall on one place of the path (``U|K``)."""
    places: list[float] = []
    names: list[str] = []
    for index, label in data.ticks:
        place, name = float(data.distance[index]), pretty_label(label)
        if places and abs(places[-1] - place) < 1e-9:
            if name not in names[-1].split('|'):
                names[-1] += f'|{name}'
            continue
        places.append(place)
        names.append(name)
    return places, names


def _draw_bands(axes: Axes, data: BandsPlotData, zero: float, window: tuple[float, float]) -> None:
    n_spin = data.energies.shape[0]
    names = ('α', 'β') if n_spin == 2 else ('',)
    for spin, energies in enumerate(data.energies):
        lines = axes.plot(
            data.distance,
            energies - zero,
            color=SPIN_COLOURS[spin],
            lw=1.3,
            ls='-' if spin == 0 else '--',
        )
        if n_spin == 2:
            lines[0].set_label(f'spin {names[spin]}')
    if n_spin == 2:
        axes.legend(loc='upper right', fontsize=8, framealpha=0.9)
    places, labels = _tick_labels(data)
    axes.set_xticks(places, labels)
    for place in places:
        axes.axvline(place, color='0.8', lw=0.7, zorder=0)
    axes.axhline(0.0, color='0.4', lw=0.8, ls=':', zorder=0)
    axes.set_xlim(float(data.distance[0]), float(data.distance[-1]))
    axes.set_ylim(*window)
    edges = data.edges()
    if edges:
        _mark_gap(axes, data, edges, zero)


def _mark_gap(axes: Axes, data: BandsPlotData, edges: Edges, zero: float) -> None:
    """Shade the gap and mark both band edges."""
    bottom, top = edges.vbm - zero, edges.cbm - zero
    axes.axhspan(bottom, top, color='#f3ead2', zorder=-1, lw=0)
    axes.plot(data.distance[edges.vbm_index], bottom, 'o', ms=5, color='#111111', zorder=5, clip_on=False)
    axes.plot(data.distance[edges.cbm_index], top, 'o', ms=5, mfc='white', mec='#111111', zorder=5, clip_on=False)
    kind = 'direct' if edges.is_direct else 'indirect'
    axes.text(
        0.5,
        (bottom + top) / 2,
        f'{kind} gap on this path {edges.gap:.2f} eV',
        transform=axes.get_yaxis_transform(),
        ha='center',
        va='center',
        fontsize=9,
        bbox={'facecolor': 'white', 'edgecolor': 'none', 'alpha': 0.8, 'pad': 1.5},
    )


def _draw_dos(axes: Axes, data: DosPlotData, zero: float, window: tuple[float, float], sideways: bool) -> None:
    energies = data.energies - zero
    inside = (energies >= window[0]) & (energies <= window[1])
    signs = (1.0, -1.0)

    def curve(values: Any, **style: Any) -> None:
        x, y = (values, energies) if sideways else (energies, values)
        axes.plot(x, y, **style)

    for spin, total in enumerate(data.total):
        curve(signs[spin] * total, color='black', lw=1.2, label='total' if spin == 0 else None)
        fill = axes.fill_betweenx if sideways else axes.fill_between
        fill(energies, 0.0, signs[spin] * total, color='0.92', lw=0, zorder=0)
    for index, (label, spins) in enumerate(data.projections.items()):
        colour = PROJECTION_COLOURS[index % len(PROJECTION_COLOURS)]
        for spin, values in enumerate(spins):
            curve(signs[spin] * values, color=colour, lw=1.1, label=label if spin == 0 else None)
    largest = float(np.max(data.total[:, inside])) if inside.any() else 1.0
    low, high = (-1.08 * largest if len(data.total) == 2 else 0.0), 1.08 * largest
    unit = 'DOS (states/eV/cell)'
    if sideways:
        axes.set_xlim(low, high)
        axes.set_ylim(*window)
        axes.set_xlabel(unit)
        axes.axhline(0.0, color='0.4', lw=0.8, ls=':', zorder=0)
    else:
        axes.set_ylim(low, high)
        axes.set_xlim(*window)
        axes.set_ylabel(unit)
        axes.axvline(0.0, color='0.4', lw=0.8, ls=':', zorder=0)
    if len(data.total) == 2:
        axes.text(0.98, 0.02, 'α: +   β: −', transform=axes.transAxes, ha='right', fontsize=8)
    axes.legend(loc='upper right', fontsize=8, framealpha=0.9)


def _energy_label(name: str) -> str:
    return f'$E - E_\\mathrm{{{name}}}$ (eV)'


def plot_bands(data: BandsPlotData, path: Path, window: tuple[float, float] = WINDOW_EV) -> Path:
    """Draw a band structure to ``path`` and return it.

    :param window: energies drawn, eV around the zero.
    :raises MissingExtraError: if matplotlib is not installed.
    """
    zero, name = data.zero()
    figure, axes = subplots(figsize=(6.4, 4.8))
    _draw_bands(axes, data, zero, window)
    axes.set_ylabel(_energy_label(name))
    axes.set_title(data.caption.formula)
    return save(figure, data.caption, path)


def plot_dos(
    data: DosPlotData, path: Path, window: tuple[float, float] = WINDOW_EV, zero: tuple[float, str] | None = None
) -> Path:
    """Draw a density of states to ``path`` and return it.

    :param zero: energy at 0 (eV) and its name, as :meth:`BandsPlotData.zero` gives; default the Fermi energy.
    :raises MissingExtraError: if matplotlib is not installed.
    """
    value, name = zero or (data.fermi_energy, 'F')
    figure, axes = subplots(figsize=(6.4, 4.0))
    _draw_dos(axes, data, value, window, sideways=False)
    axes.set_xlabel(_energy_label(name))
    axes.set_title(data.caption.formula)
    return save(figure, data.caption, path)


def plot_bands_and_dos(
    bands: BandsPlotData, dos: DosPlotData, path: Path, window: tuple[float, float] = WINDOW_EV
) -> Path:
    """Draw bands and density of states on one energy axis to ``path`` and return it.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    zero, name = bands.zero()
    figure, (left, right) = subplots(1, 2, figsize=(9.0, 4.8), sharey=True, width_ratios=(2.2, 1.0))
    _draw_bands(left, bands, zero, window)
    _draw_dos(right, dos, zero, window, sideways=True)
    left.set_ylabel(_energy_label(name))
    left.set_title(bands.caption.formula)
    return save(figure, bands.caption, path)
