"""Quasi-particles against DFT: every corrected state, and bands where the k-points that were computed lie on a path.

Both energies have the top of their own valence bands at zero. Nothing is interpolated: points are states that were
computed, and lines only join those of one band (by order of energy) that are neighbours on a line of high symmetry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.plotting.data import Caption
from aiida_crystalmath.plotting.figure import COLOURS, WINDOW_EV, Request, save, subplots
from aiida_crystalmath.plotting.mpl import pretty_label

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.geometry import Geometry

__all__ = (
    'QuasiparticlePlotData',
    'Segment',
    'data_from_nodes',
    'draw',
    'plot_path',
    'plot_states',
    'segments_through',
    'with_origin',
)

ON_LINE_PER_ANGSTROM = 1e-3
"""How far from a line of the path, in 1/Å, a k-point still lies on it."""

DFT, QP = '0.45', COLOURS[0]


@dataclass(frozen=True)
class QuasiparticlePlotData:
    """Corrected states ready to draw, one entry a state.

    :param kpoint: index of the k-point in ``points``, shape (n,); ``band`` likewise its number, from 1.
    :param dft: energies in eV from the top of the valence bands of DFT, shape (n,).
    :param quasiparticle: likewise from that of the quasi-particles.
    :param correction: E_QP - E_DFT in eV as computed, no zero moved.
    :param filled: whether a state is occupied.
    :param points: k-points in fractions of the reciprocal vectors, shape (n_k, 3); ``None`` if they are not known.
    """

    kpoint: NDArray[np.int64]
    band: NDArray[np.int64]
    dft: NDArray[np.float64]
    quasiparticle: NDArray[np.float64]
    correction: NDArray[np.float64]
    filled: NDArray[np.bool_]
    points: NDArray[np.float64] | None = None
    caption: Caption = field(default_factory=Caption)

    @property
    def n_kpoints(self) -> int:
        """How many k-points have corrected states."""
        return len(np.unique(self.kpoint))


@dataclass(frozen=True)
class Segment:
    """A line of high symmetry with at least two k-points that were computed.

    :param start: its label, ``end`` likewise.
    :param length: 1/Å.
    :param places: distance of each k-point from the start, 1/Å, rising.
    :param kpoints: indices of these k-points.
    """

    start: str
    end: str
    length: float
    places: tuple[float, ...]
    kpoints: tuple[int, ...]


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw the states, and bands where k-points on a path were computed; nothing if it is not known what is filled."""
    if 'output_quasiparticles' not in outputs:
        return []
    data = data_from_nodes(outputs, with_origin(request.caption, outputs))
    if data is None:
        return []
    paths = [plot_states(data, request.path('quasiparticles'))]
    structure = outputs.get('output_structure')
    if structure is not None and data.points is not None:
        from aiida_crystalmath.data.structure import to_geometry

        segments = segments_through(to_geometry(structure), data.points)
        if segments:
            paths.append(plot_path(data, segments, request.path('quasiparticle_bands'), request.window))
    return paths


def with_origin(caption: Caption, outputs: Mapping[str, Any]) -> Caption:
    """Return the caption with what the energies began with: functional, mesh, and a structure of the stand-in."""
    parts = []
    comparison = outputs.get('comparison')
    for row in comparison['rows'] if comparison is not None else []:
        if row['quantity'] == 'dft_gap':
            parts += [f'DFT: {row["method"]}'] if row.get('method') else []
            parts += [f'{row["n_kpoints"]} k-points'] if row.get('n_kpoints') else []
    handoff = outputs.get('crystal_handoff')
    if handoff is not None and 'STAND' in str(handoff.get('engine', '')).upper():
        parts.append('began with the STAND-IN engine')
    return replace(caption, method=', '.join(parts) or caption.method)


def data_from_nodes(outputs: Mapping[str, Any], caption: Caption) -> QuasiparticlePlotData | None:
    """Return the data; ``None`` for spin, where no filled or no empty state was corrected, or it is not known which.

    :param outputs: ``output_quasiparticles``, and what tells how many bands are filled: ``crystal_handoff`` or
        ``output_bands``.
    """
    node = outputs['output_quasiparticles']
    kpoint, band, spin = (np.asarray(node.get_array(name)) for name in ('kpoints', 'bands', 'spin'))
    n_filled = _n_filled(outputs)
    if n_filled is None or (spin != 1).any():
        return None
    filled = band <= n_filled
    if filled.all() or not filled.any():
        return None
    dft, correction = (np.asarray(node.get_array(name), dtype=float) for name in ('e0_ev', 'de_ev'))
    energies = dft + correction
    points = np.asarray(node.get_array('kpoints_rlu')) if 'kpoints_rlu' in node.get_arraynames() else None
    return QuasiparticlePlotData(
        kpoint - 1,
        band,
        dft - dft[filled].max(),
        energies - energies[filled].max(),
        correction,
        filled,
        points if points is None or len(points) >= kpoint.max() else None,
        caption,
    )


def _n_filled(outputs: Mapping[str, Any]) -> int | None:
    """Return how many bands are filled."""
    handoff = outputs.get('crystal_handoff')
    if handoff is not None and handoff.get('n_filled_bands', None) is not None:
        return int(handoff['n_filled_bands'])
    bands: Any = outputs.get('output_bands')
    first = None if bands is None else bands.base.attributes.get('first_band', None)
    if first is None or 'occupations' not in bands.get_arraynames():
        return None
    return int(first) - 1 + int((np.asarray(bands.get_array('occupations'))[0] > 0).sum())


# -- every state -------------------------------------------------------------------------------------------------------


def plot_states(data: QuasiparticlePlotData, path: Path) -> Path:
    """Draw energies of quasi-particles, and below their corrections, over those of DFT; return the path.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    figure, (above, below) = subplots(2, 1, figsize=(6.0, 6.2), sharex=True, height_ratios=(2.2, 1.0))
    low, high = (
        float(min(data.dft.min(), data.quasiparticle.min())),
        float(max(data.dft.max(), data.quasiparticle.max())),
    )
    above.plot([low, high], [low, high], color=DFT, lw=0.9, ls='--', label='$E_\\mathrm{QP} = E_\\mathrm{DFT}$')
    for chosen, colour, name in ((data.filled, COLOURS[0], 'filled'), (~data.filled, COLOURS[1], 'empty')):
        style: dict[str, Any] = {'color': colour, 's': 16, 'alpha': 0.75, 'lw': 0}
        above.scatter(data.dft[chosen], data.quasiparticle[chosen], label=f'{name} bands', **style)
        below.scatter(data.dft[chosen], data.correction[chosen], **style)
    dft_gap, qp_gap = (float(energies[~data.filled].min()) for energies in (data.dft, data.quasiparticle))
    text = f'gap on {data.n_kpoints} k-points\nDFT {dft_gap:.2f} eV\nQP {qp_gap:.2f} eV'
    above.text(0.97, 0.04, text, transform=above.transAxes, ha='right', va='bottom', fontsize=8)
    above.set_ylabel('$E_\\mathrm{QP} - E_\\mathrm{VBM}$ (eV)')
    above.legend(loc='upper left', fontsize=8)
    below.axhline(0.0, color='0.6', lw=0.8)
    below.set_ylabel('$E_\\mathrm{QP} - E_\\mathrm{DFT}$ (eV)')
    below.set_xlabel('$E_\\mathrm{DFT} - E_\\mathrm{VBM}$ (eV)')
    for axes in (above, below):
        axes.axvline(0.0, color='0.8', lw=0.7, zorder=0)
    above.set_title(data.caption.formula)
    return save(figure, data.caption, path)


# -- bands -------------------------------------------------------------------------------------------------------------


def segments_through(geometry: Geometry, points: NDArray[np.float64]) -> list[Segment]:
    """Return the lines of high symmetry on which at least two of the k-points lie, with those.

    :param geometry: whose reciprocal vectors the points are fractions of, and whose symmetry makes points equal.
    :param points: k-points, shape (n_k, 3).
    """
    from aiida_crystalmath.workflows.crystal.kmesh import reciprocal_rotations
    from aiida_crystalmath.workflows.functions.band_path import special_points

    if geometry.dimensionality == 0:
        return []
    path, places = special_points(geometry)
    cell = np.asarray(geometry.reciprocal_cell)
    rotations = reciprocal_rotations(geometry, 1e-4)
    rotations = np.concatenate([rotations, -rotations])  # time reversal
    images = np.einsum('rij,kj->kri', rotations, points)
    shifts = np.array(np.meshgrid(*[(-1, 0, 1)] * 3)).reshape(3, -1).T
    images = images - np.floor(images + 1e-6)  # to the cell from 0 to 1
    everywhere = (images[:, :, None, :] + shifts).reshape(len(points), -1, 3) @ cell
    found = []
    for start, end in path:
        segment = _segment(start, end, places[start] @ cell, places[end] @ cell, everywhere)
        if len(segment.kpoints) > 1:
            found.append(segment)
    return found


def _segment(
    start: str, end: str, first: NDArray[np.float64], last: NDArray[np.float64], images: NDArray[np.float64]
) -> Segment:
    """Return a line with the k-points on it, if any.

    :param images: all places of each k-point, 1/Å, shape (n_k, n_images, 3).
    """
    length = float(np.linalg.norm(last - first))
    direction = (last - first) / length
    away = images - first
    along = away @ direction
    off = np.linalg.norm(away - along[..., None] * direction, axis=-1)
    on = (off < ON_LINE_PER_ANGSTROM) & (along > -ON_LINE_PER_ANGSTROM) & (along < length + ON_LINE_PER_ANGSTROM)
    there = {round(float(along[k, image]), 3): int(k) for k, image in zip(*np.nonzero(on), strict=True)}
    order = sorted(there)
    return Segment(start, end, length, tuple(order), tuple(there[place] for place in order))


def plot_path(
    data: QuasiparticlePlotData, segments: Sequence[Segment], path: Path, window: tuple[float, float] = WINDOW_EV
) -> Path:
    """Draw the states at k-points on a path, DFT and quasi-particles on one axis of energy; return the path.

    :param window: energies drawn at most, eV around the zero.
    :raises MissingExtraError: if matplotlib is not installed.
    """
    figure, axes = subplots(figsize=(6.8, 4.8))
    begin, ends = 0.0, [(0.0, segments[0].start)]
    for index, segment in enumerate(segments):
        if index and segments[index - 1].end != segment.start:
            ends.append((begin, segment.start))
        for energies, style in (
            (data.dft, {'color': DFT, 'marker': 'o', 'markerfacecolor': 'white', 'ls': '--', 'zorder': 2}),
            (data.quasiparticle, {'color': QP, 'marker': 'o', 'ls': '-', 'zorder': 3}),
        ):
            for along, values in _joined(data, segment, energies):
                axes.plot(begin + along, values, lw=0.6, ms=4, **style)
        begin += segment.length
        ends.append((begin, segment.end))
    places, names = _ticks(ends)
    for place in places:
        axes.axvline(place, color='0.85', lw=0.7, zorder=0)
    axes.axhline(0.0, color='0.6', lw=0.8, ls=':', zorder=0)
    axes.set_xticks(places, names)
    axes.set_xlim(-0.02 * begin, 1.02 * begin)
    shown = np.concatenate([data.dft, data.quasiparticle])
    axes.set_ylim(max(window[0], shown.min() - 0.5), min(window[1], shown.max() + 0.5))
    axes.set_ylabel('$E - E_\\mathrm{VBM}$ (eV)')
    handles = [
        axes.plot([], [], color=DFT, marker='o', markerfacecolor='white', ls='--', lw=0.6, ms=4, label='DFT')[0],
        axes.plot([], [], color=QP, marker='o', ls='-', lw=0.6, ms=4, label='quasi-particles')[0],
    ]
    note = f'{data.caption.formula}   points: computed k-points; lines only join them, in order of energy'.strip()
    figure.legend(handles=handles, title=note, title_fontsize=8, fontsize=8, ncols=2, loc='outside upper center')
    return save(figure, data.caption, path)


def _joined(
    data: QuasiparticlePlotData, segment: Segment, energies: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return places and energies of each band on a line; bands in order of energy among those corrected everywhere."""
    bands = [
        band
        for band in np.unique(data.band)
        if all((data.band[data.kpoint == k] == band).any() for k in segment.kpoints)
    ]
    table = np.array(
        [np.sort([energies[(data.kpoint == k) & (data.band == band)][0] for band in bands]) for k in segment.kpoints]
    )
    return [(np.array(segment.places), table[:, index]) for index in range(len(bands))]


def _ticks(ends: Sequence[tuple[float, str]]) -> tuple[list[float], list[str]]:
    """Merge labels that fall on one place (``X|U``)."""
    places: list[float] = []
    names: list[str] = []
    for place, label in ends:
        name = pretty_label(label)
        if places and abs(places[-1] - place) < 1e-9:
            if name != names[-1].split('|')[-1]:
                names[-1] += f'|{name}'
            continue
        places.append(place)
        names.append(name)
    return places, names
