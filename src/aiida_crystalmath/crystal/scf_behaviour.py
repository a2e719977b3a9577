"""What the energies of an SCF say: is it converging, oscillating, diverging, and is there still hope.

The one place where this is judged, for the handlers after the end and for the monitor while the job is running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ('DEFAULT_MAXCYCLE', 'Behaviour', 'Hopeless', 'StopLimits', 'classify', 'hopeless')

Behaviour = Literal['converging', 'oscillating', 'diverging', 'stalled', 'unknown']

WINDOW = 12
"""Cycles at the end of the history that are judged after the end; earlier ones belong to the starting density."""

DIVERGENCE_HARTREE = 1.0
"""Steps of a diverging SCF are at least as large; CRYSTAL's SCF settle far below that within their first cycles."""

GROWTH = 4.0
"""By how much the steps of a diverging SCF grow from one half of the window to the other."""

DEFAULT_MAXCYCLE = 50
"""CRYSTAL's default of MAXCYCLE."""


class StopLimits(BaseModel):
    """When a running SCF is given up. The defaults are cautious: better some lost hours than a good run stopped.

    They rest on the 115 converged SCF of the test corpus. The wildest of them jumps by tens of hartree for 20 cycles
    and by tenths for 20 more, then converges in 10: it must not be stopped at any of its cycles.
    """

    model_config = ConfigDict(extra='forbid', frozen=True, strict=True)

    min_cycles: int = Field(30, ge=5, description='Cycles, after those with a locked spin, before anything is judged.')
    window: int = Field(20, ge=4, description='Steps of the energy at the end of the history that are judged.')
    oscillation_hartree: float = Field(
        0.01, gt=0, description='Median step above which a persistent oscillation is far from convergence.'
    )
    alternation: float = Field(
        0.75, gt=0.5, le=1, description='Share of the steps that must reverse the one before: an oscillation.'
    )
    divergence_hartree: float = Field(
        DIVERGENCE_HARTREE, gt=0, description='Median step above which growing steps are a divergence.'
    )
    patience: float = Field(
        3.0, ge=1, description='A shrinking oscillation is left alone if it would end in so many times the cycles left.'
    )

    @model_validator(mode='after')
    def _judges_what_it_has(self) -> StopLimits:
        """Check that the window is full when judging begins.

        :raises ValueError: if it is not.
        """
        if self.min_cycles <= self.window:
            raise ValueError(f'min_cycles ({self.min_cycles}) must be larger than window ({self.window})')
        return self


@dataclass(frozen=True)
class Hopeless:
    """Why an SCF will not converge as it is.

    :param reason: in words, with the figures.
    """

    behaviour: Literal['oscillating', 'diverging']
    reason: str


def classify(energies: Sequence[float]) -> Behaviour:
    """Judge the end of an SCF from its energies.

    :param energies: total energy of each cycle in hartree, in order.
    :return: ``converging`` if the steps shrink, sign changes or not: more cycles will do; ``diverging`` if they are
        large and grow; ``oscillating`` if the steps change sign and do not shrink; ``stalled`` if they do none of it;
        ``unknown`` if there are too few.
    """
    deltas = np.diff(np.asarray(energies, dtype=float))[-WINDOW:]
    deltas = deltas[np.isfinite(deltas)]
    if len(deltas) < 2:
        return 'unknown'
    before, after = _halves(deltas)
    if after < before / 2.0:
        return 'converging'
    if _diverges(before, after, DIVERGENCE_HARTREE):
        return 'diverging'
    return 'oscillating' if _alternation(deltas) >= 0.5 else 'stalled'


def hopeless(
    energies: Sequence[float],
    limits: StopLimits,
    *,
    toldee: int = 6,
    max_cycles: int | None = None,
    locked_cycles: int = 0,
    n_cycles: int | None = None,
) -> Hopeless | None:
    """Tell whether an SCF that is running will not converge, whatever it still has of its cycles.

    :param energies: total energy of the last cycles in hartree, in order; more than ``limits.window`` of them.
    :param toldee: converged is a step below 10**-toldee hartree.
    :param max_cycles: MAXCYCLE; ``None`` is CRYSTAL's default.
    :param locked_cycles: cycles at the beginning with a locked spin, after which the SCF begins anew, as it were.
    :param n_cycles: cycles done, if ``energies`` has only the last of them.
    :return: ``None`` while there is hope, or too little is known.
    """
    values = np.asarray(energies, dtype=float)
    done = len(values) if n_cycles is None else n_cycles
    if len(values) and np.isnan(values[-1]):
        return Hopeless('diverging', f'the energy of cycle {done} is not a number')
    deltas = np.diff(values)[-limits.window :]
    enough = done - locked_cycles >= limits.min_cycles and len(deltas) == limits.window
    if not enough or not np.isfinite(deltas).all():
        return None
    before, after = _halves(deltas)
    where = f'in cycle {done} the energy changes by {after:.2g} hartree a cycle'
    if _diverges(before, after, limits.divergence_hartree):
        return Hopeless('diverging', f'{where}, {limits.window // 2} cycles before by {before:.2g}')
    is_far = min(before, after) >= limits.oscillation_hartree and _alternation(deltas) >= limits.alternation
    left = max((max_cycles or DEFAULT_MAXCYCLE) - done, 0)
    if not is_far or _cycles_needed(before, after, limits.window // 2, toldee) <= limits.patience * left:
        return None
    return Hopeless('oscillating', f'{where}, up and down, and that has not shrunk in {limits.window} cycles')


def _halves(deltas: NDArray[np.float64]) -> tuple[float, float]:
    """Return the typical size of the steps in the first and in the last half.

    Medians, since the first step, away from atomic densities, is always huge.
    """
    sizes = np.log(np.maximum(np.abs(deltas), 1e-14))
    half = len(sizes) // 2
    return float(np.exp(np.median(sizes[:half]))), float(np.exp(np.median(sizes[-half:])))


def _diverges(before: float, after: float, threshold: float) -> bool:
    """Tell whether the steps are large and grow."""
    return after >= threshold and after >= GROWTH * before


def _alternation(deltas: NDArray[np.float64]) -> float:
    """Return the share of the steps that reverse the one before."""
    return float(np.mean(np.sign(deltas[1:]) * np.sign(deltas[:-1]) < 0))


def _cycles_needed(before: float, after: float, half: int, toldee: int) -> float:
    """Return in how many cycles the steps are below 10**-toldee if they go on to shrink as they did."""
    rate = float(np.log(before / after)) / half
    return float(np.log(after * 10.0**toldee)) / rate if rate > 0 else float('inf')
