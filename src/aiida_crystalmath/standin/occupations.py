"""Filling of bands, Fermi energy and gaps.

Eigenvalues have the shape (nspin, nk, nband), hartree, ascending in the last axis; k-points weigh the same. Electrons
per state: 2 when nspin is 1, else 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .model import BandEdge, Real, SpinGap

#: Levels closer than this share their electrons, so that a degenerate shell keeps the symmetry of the crystal.
DEGENERACY_HARTREE = 2e-5


@dataclass(frozen=True)
class Filling:
    """Occupations (nspin, nk, nband), the Fermi energies of the spin channels and the entropy term -T S in hartree."""

    occupations: Real
    fermi: tuple[float, ...]
    entropy: float = 0.0


def fill(
    eigenvalues: Real, n_electrons: float, smear: float = 0.0, locked: int | None = None, insulating: bool = False
) -> Filling:
    """Occupy the lowest states.

    :param n_electrons: per cell.
    :param smear: width of the Fermi-Dirac distribution, hartree; 0 fills to the top.
    :param locked: alpha minus beta electrons to hold, None lets the spin channels share one Fermi energy.
    :param insulating: occupy the same number of bands at every k-point (a locked level shift).
    """
    nspin = eigenvalues.shape[0]
    if nspin == 2 and locked is not None:
        counts = (0.5 * (n_electrons + locked), 0.5 * (n_electrons - locked))
        parts = [_fill_channel(eigenvalues[s : s + 1], counts[s], 1.0, smear, insulating) for s in (0, 1)]
        return Filling(
            np.concatenate([part.occupations for part in parts]),
            (parts[0].fermi[0], parts[1].fermi[0]),
            parts[0].entropy + parts[1].entropy,
        )
    filling = _fill_channel(eigenvalues, n_electrons, 2.0 / nspin, smear, insulating and nspin == 1)
    return Filling(filling.occupations, filling.fermi * nspin, filling.entropy)


def _fill_channel(energies: Real, electrons: float, capacity: float, smear: float, insulating: bool) -> Filling:
    if insulating and abs(electrons / capacity - round(electrons / capacity)) < 1e-8:
        bands = round(electrons / capacity)
        occupations = np.zeros_like(energies)
        occupations[..., :bands] = capacity
        return Filling(occupations, (float(energies[..., :bands].max()),))
    if smear > 0.0:
        return _fill_smeared(energies, electrons, capacity, smear)
    nk = energies.shape[1]
    flat = np.sort(energies, axis=None)
    states = electrons * nk / capacity
    if states < 1e-9:
        return Filling(np.zeros_like(energies), (float(flat[0]),))
    top = float(flat[min(len(flat), int(np.ceil(states - 1e-9))) - 1])
    below = energies < top - DEGENERACY_HARTREE
    at_top = (energies < top + DEGENERACY_HARTREE) & ~below
    share = (states - below.sum()) / at_top.sum()
    return Filling(capacity * (below + at_top * share), (top,))


def _fill_smeared(energies: Real, electrons: float, capacity: float, smear: float) -> Filling:
    nk = energies.shape[1]
    low, high = float(energies.min()) - 30 * smear, float(energies.max()) + 30 * smear

    def occupy(level: float) -> Real:
        return 1.0 / (1.0 + np.exp(np.clip((energies - level) / smear, -200.0, 200.0)))

    for _ in range(200):
        level = 0.5 * (low + high)
        if capacity * occupy(level).sum() / nk > electrons:
            high = level
        else:
            low = level
    level = 0.5 * (low + high)
    part = occupy(level)
    inside = part[(part > 1e-15) & (part < 1 - 1e-15)]
    entropy = smear * capacity * float(np.sum(inside * np.log(inside) + (1 - inside) * np.log(1 - inside))) / nk
    return Filling(capacity * part, (level,), entropy)


def gaps(eigenvalues: Real, filling: Filling) -> tuple[SpinGap, ...]:
    """Gap of each spin channel; a channel is conducting when bands are partly filled or overlap in energy."""
    return tuple(_gap(energies, occ) for energies, occ in zip(eigenvalues, filling.occupations, strict=True))


def _gap(energies: Real, occupations: Real) -> SpinGap:
    nk, nband = energies.shape
    capacity = max(1.0, float(np.ceil(occupations.max() - 1e-6))) if occupations.size else 1.0
    count = float(occupations.sum()) / nk / capacity
    bands = round(count)
    if abs(count - bands) > 1e-4 or bands > nband:
        return SpinGap(conducting=True)
    if bands in (0, nband):
        return SpinGap(conducting=False)
    top, bottom = energies[:, bands - 1], energies[:, bands]
    gap = float(bottom.min() - top.max())
    if gap < DEGENERACY_HARTREE:
        return SpinGap(conducting=True)
    k_top, k_bottom = int(np.argmax(top)), int(np.argmin(bottom))
    # points related by symmetry have the same energy: the gap is direct if any one of them has both edges
    direct = bool(np.any((top > top.max() - DEGENERACY_HARTREE) & (bottom < bottom.min() + DEGENERACY_HARTREE)))
    if direct:
        k_top = k_bottom = int(
            np.argmax((top > top.max() - DEGENERACY_HARTREE) & (bottom < bottom.min() + DEGENERACY_HARTREE))
        )
    return SpinGap(
        conducting=False,
        valence=BandEdge(float(top[k_top]), k_top, bands - 1),
        conduction=BandEdge(float(bottom[k_bottom]), k_bottom, bands),
        gap=gap,
        kind='direct' if direct else 'indirect',
    )


def fermi_energy(filling: Filling, spin_gaps: tuple[SpinGap, ...]) -> float:
    """Fermi energy as CRYSTAL reports it: the top of the valence bands when no channel conducts."""
    tops = [gap.valence.energy for gap in spin_gaps if gap.valence is not None]
    if tops and not any(gap.conducting for gap in spin_gaps):
        return max(tops)
    return max(filling.fermi)
