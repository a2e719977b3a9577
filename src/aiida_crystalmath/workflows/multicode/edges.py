"""Band edges from the bands of any code: where the valence bands end, where the conduction bands begin. No AiiDA here.

What is found is what was sampled: the edges on the k-points given, on a mesh or on a path, nothing in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ('EDGES_KEYS', 'BandEdges', 'find_edges', 'n_filled_from')

DEGENERATE_EV = 1e-3
"""Levels nearer than this are one edge: codes write energies with three to six digits."""

Source = Literal['occupations', 'electrons', 'fermi_energy', 'n_filled']

EDGES_KEYS: Mapping[str, tuple[str, str]] = {
    'is_metal': ('', 'Whether a band is partly filled on the k-points given; then there are no edges.'),
    'gap_ev': ('eV', 'Fundamental gap: lowest empty minus highest filled level, of all spins.'),
    'gap_kind': ('', '`direct` if both edges are at one k-point, else `indirect`.'),
    'gap_direct_ev': ('eV', 'Smallest gap at one k-point, of one spin.'),
    'vbm_ev': ('eV', "Highest filled level, on the code's own scale."),
    'cbm_ev': ('eV', 'Lowest empty level, likewise.'),
    'vbm_kpoints': ('fractional', 'k-points where the highest filled level is reached, within 1 meV.'),
    'cbm_kpoints': ('fractional', 'k-points where the lowest empty level is reached, within 1 meV.'),
    'direct_kpoints': ('fractional', 'k-points of the smallest direct gap, within 1 meV.'),
    'vbm_spin': ('', 'Spin of the highest filled level: 0 or 1.'),
    'cbm_spin': ('', 'Spin of the lowest empty level.'),
    'n_filled': ('', 'Filled bands of each spin.'),
    'n_bands': ('', 'Bands of each spin.'),
    'n_kpoints': ('', 'k-points that were looked at.'),
    'filled_by': ('', 'What told filled from empty: `occupations`, `electrons`, `fermi_energy` or `n_filled`.'),
}
"""Keys of what :meth:`BandEdges.to_dict` returns: unit and meaning."""


@dataclass(frozen=True)
class BandEdges:
    """Edges of the bands on some k-points; energies in eV on the code's own scale.

    :param values: see :data:`EDGES_KEYS`; what does not exist (the gap of a metal) is not there.
    """

    values: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the values as a plain dictionary."""
        return dict(self.values)


def n_filled_from(n_electrons: float, n_spin: int, *, per_band: int) -> int | None:
    """Return how many bands the electrons fill; ``None`` if that is no whole number, or two spins may differ.

    :param per_band: electrons that one band holds: 2, or 1 of spinors.
    """
    if n_spin != 1:
        return None
    filled = n_electrons / per_band
    return round(filled) if abs(filled - round(filled)) < 1e-6 else None


def find_edges(
    energies_ev: ArrayLike,
    kpoints: ArrayLike,
    *,
    occupations: ArrayLike | None = None,
    n_filled: int | Sequence[int] | None = None,
    fermi_ev: float | None = None,
    told_by: Source = 'n_filled',
) -> BandEdges:
    """Return the edges of bands.

    What is filled is told by ``n_filled``, or else the occupations, or else the Fermi energy.

    :param energies_ev: (k-points, bands) or (spins, k-points, bands), rising along the bands or not.
    :param kpoints: (k-points, 3), fractional.
    :param occupations: as the energies; the largest is a full band.
    :param n_filled: bands of the lowest energies that are filled at every k-point, of both spins or of each.
    :param fermi_ev: levels up to it are filled (within 1 meV).
    :param told_by: where ``n_filled`` is from, for ``filled_by``.
    :raises ValueError: if nothing tells what is filled, shapes do not fit, or no band is filled or none empty.
    """
    energies, points = _checked(energies_ev, kpoints)
    n_spin, n_kpoints, n_bands = energies.shape
    order = np.argsort(energies, axis=-1, kind='stable')
    energies = np.take_along_axis(energies, order, axis=-1)
    known: dict[str, Any] = {'n_bands': n_bands, 'n_kpoints': n_kpoints}
    counts: NDArray[np.int64] | None
    if n_filled is not None:
        counts, source = np.broadcast_to(np.asarray(n_filled, dtype=int), (n_spin,)), told_by
    elif occupations is not None:
        full = np.take_along_axis(np.asarray(occupations, dtype=float).reshape(energies.shape), order, axis=-1)
        counts, source = _counts_of_occupations(full), 'occupations'
    elif fermi_ev is not None:
        counts, source = _same_everywhere(energies <= fermi_ev + DEGENERATE_EV), 'fermi_energy'
    else:
        raise ValueError('nothing tells which bands are filled: no occupations, no electrons and no Fermi energy')
    known['filled_by'] = source
    if counts is None:
        return BandEdges({'is_metal': True, **known})
    known['n_filled'] = [int(count) for count in counts]
    if (counts < 0).any() or (counts > n_bands).any() or not counts.any() or (counts == n_bands).all():
        raise ValueError(
            f'{known["n_filled"]} of {n_bands} bands are filled: there is no edge without a filled and an empty band'
        )
    return BandEdges({**known, **_edges(energies, points, [int(count) for count in counts])})


def _checked(energies_ev: ArrayLike, kpoints: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    energies = np.asarray(energies_ev, dtype=float)
    energies = energies[None] if energies.ndim == 2 else energies
    points = np.asarray(kpoints, dtype=float).reshape(-1, 3)
    if energies.ndim != 3 or energies.shape[0] not in (1, 2):
        raise ValueError(f'bands have the shape (spins, k-points, bands), not {energies.shape}')
    if energies.shape[1] != len(points):
        raise ValueError(f'there are bands at {energies.shape[1]} k-points, and {len(points)} k-points')
    if not np.isfinite(energies).all():
        raise ValueError('some energies are no numbers')
    return energies, points


def _counts_of_occupations(occupations: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Return the filled bands of each spin; ``None`` if one is partly filled."""
    largest = occupations.max()
    if largest <= 0:
        raise ValueError('the occupations are all zero')
    # Spins count on their own; 2 (or 1) is full, and anything between is smeared.
    share = occupations / (2.0 if largest > 1.5 else 1.0)
    if ((share > 0.01) & (share < 0.99)).any():
        return None
    return _same_everywhere(share > 0.5)


def _same_everywhere(filled: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """Return the number of filled bands of each spin; ``None`` if it changes from k-point to k-point."""
    counts = filled.sum(axis=-1)
    if (counts != counts[:, :1]).any():
        return None
    result: NDArray[np.int64] = counts[:, 0]
    return result


def _edges(energies: NDArray[np.float64], points: NDArray[np.float64], counts: list[int]) -> dict[str, Any]:
    n_bands = energies.shape[-1]
    tops = {spin: energies[spin, :, count - 1] for spin, count in enumerate(counts) if count}
    bottoms = {spin: energies[spin, :, count] for spin, count in enumerate(counts) if count < n_bands}
    vbm_spin = max(tops, key=lambda spin: float(tops[spin].max()))
    cbm_spin = min(bottoms, key=lambda spin: float(bottoms[spin].min()))
    vbm, cbm = float(tops[vbm_spin].max()), float(bottoms[cbm_spin].min())
    if cbm < vbm - DEGENERATE_EV:
        return {'is_metal': True}
    vertical = {spin: bottoms[spin] - tops[spin] for spin in set(tops) & set(bottoms)}
    at_vbm = np.any([values >= vbm - DEGENERATE_EV for values in tops.values()], axis=0)
    at_cbm = np.any([values <= cbm + DEGENERATE_EV for values in bottoms.values()], axis=0)
    found: dict[str, Any] = {
        'is_metal': False,
        'gap_ev': max(cbm - vbm, 0.0),
        'gap_kind': 'direct' if (at_vbm & at_cbm).any() else 'indirect',
        'vbm_ev': vbm,
        'cbm_ev': cbm,
        'vbm_kpoints': points[at_vbm].tolist(),
        'cbm_kpoints': points[at_cbm].tolist(),
        'vbm_spin': vbm_spin,
        'cbm_spin': cbm_spin,
    }
    if vertical:
        smallest = min(float(values.min()) for values in vertical.values())
        at = np.any([values <= smallest + DEGENERATE_EV for values in vertical.values()], axis=0)
        found |= {'gap_direct_ev': max(smallest, 0.0), 'direct_kpoints': points[at].tolist()}
    return found
