"""Gaps of quasi-particles, counted as Yambo counts them: between the last filled band and the one above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_crystalmath.yambo.outputs.tables import Quasiparticles

__all__ = ('Gaps', 'gaps_of')


@dataclass(frozen=True)
class Gaps:
    """Gaps between corrected states; k-points are counted from 1.

    :param indirect_ev: the smallest difference between any two k-points; None if not every k-point was corrected, as it
        might lie elsewhere.
    :param complete: whether every irreducible k-point has both edges corrected.
    """

    direct_ev: float
    direct_kpoint: int
    indirect_ev: float | None
    indirect_kpoints: tuple[int, int] | None
    complete: bool


def gaps_of(states: Quasiparticles, filled_bands: int | None, n_kpoints: int | None) -> Gaps | None:
    """Return the gaps; None where no k-point has both edges corrected, or with spin polarisation.

    :param filled_bands: number of the last filled band.
    :param n_kpoints: number of irreducible k-points.
    """
    if filled_bands is None or (states.spin != 1).any():
        return None
    energies = states.energies_ev
    top, bottom = (
        {int(states.kpoint[index]): float(energies[index]) for index in np.flatnonzero(states.band == band)}
        for band in (filled_bands, filled_bands + 1)
    )
    both = sorted(set(top) & set(bottom))
    if not both:
        return None
    direct = min(both, key=lambda k: bottom[k] - top[k])
    complete = n_kpoints is not None and both == list(range(1, n_kpoints + 1))
    highest, lowest = max(both, key=lambda k: top[k]), min(both, key=lambda k: bottom[k])
    return Gaps(
        bottom[direct] - top[direct],
        direct,
        bottom[lowest] - top[highest] if complete else None,
        (highest, lowest) if complete else None,
        complete,
    )
