"""How well interpolated bands repeat those they were made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ('BandComparison', 'compare_bands')

Array = NDArray[np.float64]

_EDGE_EV = 1e-6


@dataclass(frozen=True)
class BandComparison:
    """The difference of two sets of bands, in eV.

    :param max_error_ev, rms_error_ev: over all energies compared.
    :param kpoint, band: where the largest is: index of the k-point from 0, number of the band from 1 in the reference.
    :param n_compared: number of energies.
    :param lower_ev, upper_ev: energies of the reference between which it was compared; None where there is no limit.
    :param max_error_of_band_ev: for each band of the reference by its number; of those that were compared at all.
    """

    max_error_ev: float
    rms_error_ev: float
    kpoint: int
    band: int
    n_compared: int
    lower_ev: float | None
    upper_ev: float | None
    max_error_of_band_ev: dict[int, float]


def compare_bands(
    interpolated: Array,
    reference: Array,
    *,
    n_excluded: int = 0,
    lower_ev: float | None = None,
    upper_ev: float | None = None,
) -> BandComparison:
    """Compare interpolated bands with reference bands at the same k-points, one by one from the lowest.

    Band i of the one is band ``n_excluded + i`` of the other; both rise with energy. That holds for an isolated group
    of bands, and below the top of a frozen window that begins with the lowest band. Above it the functions do not span
    the bands, so ``upper_ev`` has to be that top; energies of the reference above it are left out.

    :param interpolated: (n_kpoints, n_functions) in eV.
    :param reference: (n_kpoints, n_bands) in eV.
    :param n_excluded: number of bands of the reference below the first function (``exclude_bands``).
    :raises ValueError: the arrays do not fit, or no energy is left to compare.
    """
    ours, theirs = np.sort(np.asarray(interpolated, float), axis=1), np.sort(np.asarray(reference, float), axis=1)
    if len(ours) != len(theirs):
        raise ValueError(f'{len(ours)} and {len(theirs)} k-points cannot be compared')
    theirs = theirs[:, n_excluded : n_excluded + ours.shape[1]]
    ours = ours[:, : theirs.shape[1]]
    if not theirs.size:
        raise ValueError(f'the reference has no band above the {n_excluded} excluded ones')
    inside = np.ones(theirs.shape, dtype=bool)
    if upper_ev is not None:
        inside &= theirs <= upper_ev + _EDGE_EV
    if lower_ev is not None:
        inside &= theirs >= lower_ev - _EDGE_EV
    if not inside.any():
        raise ValueError(f'no energy of the reference lies between {lower_ev} and {upper_ev} eV')
    errors = np.where(inside, np.abs(ours - theirs), np.nan)
    kpoint, column = np.unravel_index(int(np.nanargmax(errors)), errors.shape)
    of_band = {
        n_excluded + index + 1: float(np.nanmax(errors[:, index]))
        for index in range(errors.shape[1])
        if inside[:, index].any()
    }
    return BandComparison(
        max_error_ev=float(errors[kpoint, column]),
        rms_error_ev=float(np.sqrt(np.nanmean(errors**2))),
        kpoint=int(kpoint),
        band=n_excluded + int(column) + 1,
        n_compared=int(inside.sum()),
        lower_ev=lower_ev,
        upper_ev=upper_ev,
        max_error_of_band_ev=of_band,
    )
