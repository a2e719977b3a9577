"""Picture of a convergence: differences of the energy from that of the densest setting, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_crystalmath.plotting.data import Caption
from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('ConvergencePlotData', 'draw', 'plot_convergence')

NAMES = {'shrink': 'SHRINK', 'tolinteg': 'TOLINTEG', 'basis_families': 'basis set'}


@dataclass(frozen=True)
class ConvergencePlotData:
    """One series ready to draw.

    :param name: what is varied.
    :param settings: in words, from the coarsest to the densest.
    :param differences_mev_per_atom: from the last one.
    :param seconds: wall time of each, ``None`` where it is not known.
    :param threshold_mev_per_atom: what is good enough.
    :param recommended: index of the setting recommended, ``None`` if none is.
    """

    name: str
    settings: list[str]
    differences_mev_per_atom: list[float]
    seconds: list[float | None]
    threshold_mev_per_atom: float
    recommended: int | None = None
    caption: Caption = field(default_factory=Caption)


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw every series of the output ``output_parameters``."""
    if 'output_parameters' not in outputs:
        return []
    results = outputs['output_parameters'].get_dict()
    series = [one for one in results.get('series') or [] if 'difference_mev_per_atom' in one]
    threshold = float(results['threshold_mev_per_atom'])
    return [
        plot_convergence(_data(one, threshold, request.caption), request.path(f'convergence_{one["parameter"]}'))
        for one in series
    ]


def _data(series: Mapping[str, Any], threshold: float, caption: Caption) -> ConvergencePlotData:
    values = series['values']
    recommended = series.get('recommended')
    return ConvergencePlotData(
        NAMES[series['parameter']],
        ['\n'.join(str(item) for item in value) if isinstance(value, list) else str(value) for value in values],
        series['difference_mev_per_atom'],
        series.get('wall_time_s') or [None] * len(values),
        threshold,
        None if recommended is None else values.index(recommended),
        caption,
    )


def plot_convergence(data: ConvergencePlotData, path: Path) -> Path:
    """Draw a series to ``path`` and return it.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    figure, axes = subplots(figsize=(6.4, 4.4))
    places = list(range(len(data.settings)))
    sizes = [abs(value) for value in data.differences_mev_per_atom]
    shown = [(place, size) for place, size in zip(places, sizes, strict=True) if size > 0]  # the last one is zero
    if shown:
        axes.plot(*zip(*shown, strict=True), 'o-', color=COLOURS[0], zorder=3)
    axes.set_yscale('log')
    label = f'{data.threshold_mev_per_atom:g} meV/atom'
    axes.axhline(data.threshold_mev_per_atom, color=COLOURS[1], ls='--', lw=1.0, label=label)
    axes.legend(loc='upper right', fontsize=8)
    if data.recommended is not None:
        axes.axvline(data.recommended, color='0.5', ls=':', lw=1.0)
        place = (data.recommended, 0.97)
        axes.annotate('recommended', place, xycoords=('data', 'axes fraction'), rotation=90, va='top', ha='right')
    axes.set_xticks(places, data.settings)
    axes.set_xlabel(data.name)
    axes.set_ylabel(f'|difference| from {data.name} {data.settings[-1]} (meV/atom)'.replace('\n', ' '))
    axes.set_title(data.caption.formula)
    known = [(place, second) for place, second in zip(places, data.seconds, strict=True) if second is not None]
    if known:
        cost = axes.twinx()
        cost.bar(*zip(*known, strict=True), width=0.35, color='0.88', zorder=0)
        cost.set_ylabel('wall time (s)')
        axes.set_zorder(cost.get_zorder() + 1)
        axes.patch.set_visible(False)
    return save(figure, data.caption, path)
