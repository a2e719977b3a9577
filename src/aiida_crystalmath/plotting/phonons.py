"""Picture of a phonon dispersion, with the density of states beside it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('draw',)


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw ``output_phonon_bands`` and ``output_phonon_dos``, side by side; imaginary frequencies are below 0."""
    bands, dos = outputs.get('output_phonon_bands'), outputs.get('output_phonon_dos')
    if bands is not None and not bands.base.attributes.get('labels', None):
        bands = None  # the q points of a mesh make no path
    if bands is None and dos is None:
        return []
    both = bands is not None and dos is not None
    options: dict[str, Any] = {'sharey': True, 'gridspec_kw': {'width_ratios': [3, 1]}} if both else {}
    figure, axes = subplots(1, 2 if both else 1, figsize=(8.0 if both else 6.0, 4.6), **options)
    left, right = axes if both else (axes, axes)
    if bands is not None:
        _bands(bands, left)
    if dos is not None:
        _dos(dos, right)
    left.set_ylabel('wavenumber (cm⁻¹)')
    figure.suptitle(request.caption.formula)
    return [save(figure, request.caption, request.path('phonons'))]


def _bands(node: Any, axes: Any) -> None:
    """Draw the branches along the path; two labelled neighbours, or one point twice, make a jump of no length."""
    points = node.get_kpoints(cartesian=True)
    labels = dict(node.labels)
    ends = sorted(labels)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    jumps = [first for first, second in pairwise(ends) if second - first == 1 and len(ends) < len(points)]
    steps[jumps] = 0.0
    distance = np.concatenate([[0.0], np.cumsum(steps)])
    values = node.get_bands()
    starts = [0, *(jump + 1 for jump in jumps), len(points)]
    for first, second in pairwise(starts):
        axes.plot(distance[first:second], values[first:second], color=COLOURS[0], lw=1.1)
    ticks: dict[float, list[str]] = {}
    for index in ends:
        names = ticks.setdefault(float(distance[index]), [])
        name = 'Γ' if labels[index].upper() in ('GAMMA', 'G') else labels[index]
        if name not in names:
            names.append(name)
    for position in ticks:
        axes.axvline(position, color='0.8', lw=0.7, zorder=0)
    axes.set_xticks(list(ticks), ['|'.join(names) for names in ticks.values()])
    axes.set_xlim(0.0, float(distance[-1]))
    axes.axhline(0.0, color='0.5', lw=0.8)


def _dos(node: Any, axes: Any) -> None:
    """Draw the density of states upright."""
    grid = node.get_x()[1]
    curves = node.get_y()
    # Of one element the projection is the total.
    for index, (name, values, _) in enumerate(curves[:6] if len(curves) > 2 else curves[:1]):
        colour = 'black' if name == 'total' else COLOURS[index % len(COLOURS)]
        axes.plot(values, grid, color=colour, lw=1.0, label=name)
    axes.set_xlabel('states cm')
    axes.set_xlim(left=0.0)
    axes.legend(fontsize=7)
