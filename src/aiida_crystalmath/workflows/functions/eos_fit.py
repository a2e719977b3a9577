"""Equations of state through energies at several volumes, fitted with ASE. No AiiDA here.

Of slabs the area takes the place of the volume, of polymers the length. The equations of Birch and of Vinet hold for
three dimensions only; that of Murnaghan follows from a bulk modulus linear in pressure and holds in any.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ('FITS', 'MIN_POINTS', 'EosError', 'Fit', 'check_bracketed', 'check_library', 'fit_all')

CUBIC = 'taylor'
"""ASE's expansion around the minimum; its ``p3`` is the same polynomial, but its solver misses the minimum."""

FITS: Mapping[int, Mapping[str, str]] = {
    3: {
        'birch_murnaghan': 'birchmurnaghan',
        'vinet': 'vinet',
        'murnaghan': 'murnaghan',
        'poirier_tarantola': 'pouriertarantola',
    },
    2: {'murnaghan': 'murnaghan', 'cubic_polynomial': CUBIC},
    1: {'murnaghan': 'murnaghan', 'cubic_polynomial': CUBIC},
}
"""For each dimensionality our names of the equations and those of ``ase.eos``; the first one is the one reported."""

MIN_POINTS = 5
"""One more than the parameters of an equation: with four the curve goes through every point, however wrong."""

N_CURVE = 101


class EosError(ValueError):
    """Points through which no equation of state can be laid; the message says what to change."""


@dataclass(frozen=True)
class Fit:
    """One equation of state.

    :param name: as in :data:`FITS`.
    :param volume: at the minimum, Å³ (Å², Å).
    :param energy_ev: there.
    :param modulus_ev: V d²E/dV², eV/Å³ (eV/Å², eV/Å).
    :param modulus_prime: its derivative by pressure; ``None`` of polynomials.
    :param residuals_ev: energies fitted minus energies given.
    :param curve_volumes: shape (n,), from the smallest volume to the largest.
    :param curve_energies_ev: the same shape.
    """

    name: str
    volume: float
    energy_ev: float
    modulus_ev: float
    modulus_prime: float | None
    residuals_ev: NDArray[np.float64]
    curve_volumes: NDArray[np.float64]
    curve_energies_ev: NDArray[np.float64]

    @property
    def rms_ev(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals_ev**2)))


def check_library() -> None:
    """Check that ASE is there, before anything is run.

    :raises EosError: naming the extra to install.
    """
    from importlib.util import find_spec

    if find_spec('ase') is None or find_spec('scipy') is None:
        raise EosError('fits of equations of state need ASE: pip install "aiida-crystalmath[structure]"')


def check_bracketed(scale_factors: ArrayLike, energies: ArrayLike) -> None:
    """Check that the lowest energy is not at an end of the series.

    :param scale_factors: volumes relative to that of the input structure.
    :raises EosError: if there are too few points, or saying in which direction to widen the range.
    """
    order = np.argsort(np.asarray(scale_factors, dtype=float))
    scales, values = np.asarray(scale_factors, dtype=float)[order], np.asarray(energies, dtype=float)[order]
    if len(scales) < MIN_POINTS:
        raise EosError(f'{len(scales)} energies are too few for a fit: at least {MIN_POINTS} are needed.')
    lowest, width = int(np.argmin(values)), float(scales[-1] - scales[0])
    if 0 < lowest < len(scales) - 1:
        return
    end, way = (scales[0], 'below') if lowest == 0 else (scales[-1], 'above')
    ask = end - width / 2 if lowest == 0 else end + width / 2
    raise EosError(
        f'the energy is lowest at the end of the range, at {end:g} times the volume of the structure: widen the range '
        f'with scale factors {way} that, say to {ask:.3g}, or start from a structure nearer to its minimum.'
    )


def fit_all(volumes: ArrayLike, energies_ev: ArrayLike, dimensionality: int = 3) -> dict[str, Fit]:
    """Fit every equation that holds for the dimensionality; the first one is the one to report.

    :param volumes: Å³ of crystals, Å² of slabs, Å of polymers; shape (n,).
    :param energies_ev: shape (n,).
    :raises EosError: if no equation can be fitted, or the first has its minimum outside the range.
    """
    fits: dict[str, Fit] = {}
    reasons = []
    x, y = np.asarray(volumes, dtype=float), np.asarray(energies_ev, dtype=float)
    for name, of_ase in FITS[dimensionality].items():
        try:
            fits[name] = _fit(name, of_ase, x, y)
        except EosError as exception:
            reasons.append(str(exception))
    first = next(iter(FITS[dimensionality]))
    if first not in fits:
        raise EosError(reasons[0])
    return fits


def _fit(name: str, of_ase: str, volumes: NDArray[np.float64], energies_ev: NDArray[np.float64]) -> Fit:
    from ase.eos import EquationOfState

    # Measured from the lowest one, so that the solver works with numbers of the size of the differences.
    lowest = float(energies_ev.min())
    found: Any = EquationOfState(volumes, energies_ev - lowest, eos=of_ase)  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            # Of points that lie on the curve exactly the solver warns that it knows no errors of the parameters.
            warnings.simplefilter('ignore')
            volume, energy, modulus = (float(value) for value in found.fit(warn=False))
    except (RuntimeError, ValueError) as exception:
        raise EosError(f'{name} could not be fitted: {exception}') from exception
    if not volumes.min() < volume < volumes.max() or not modulus > 0:
        raise EosError(
            f'the fit of {name} has no minimum between {volumes.min():.4f} and {volumes.max():.4f}: widen the range, '
            'or look for a point that is wrong.'
        )
    curve = np.linspace(volumes.min(), volumes.max(), N_CURVE)
    return Fit(
        name,
        volume,
        energy + lowest,
        modulus,
        None if of_ase == CUBIC else float(found.eos_parameters[2]),
        found.func(volumes, *found.eos_parameters) - (energies_ev - lowest),
        curve,
        found.func(curve, *found.eos_parameters) + lowest,
    )
