"""What the energies of an SCF that did not converge say about how to help it. No AiiDA here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

__all__ = ('ACCELERATORS', 'FMIXING_LADDER', 'Behaviour', 'classify', 'next_accelerator', 'next_fmixing')

Behaviour = Literal['converging', 'oscillating', 'stalled', 'unknown']

FMIXING_LADDER = (30, 60, 90)
"""Per cent of the previous Fock matrix that is kept: more damps more. CRYSTAL's default is the first.

With the accelerators after its top, five runs from the default try everything: as many as a protocol allows.
"""

ACCELERATORS: tuple[bool | str, ...] = (True, 'BROYDEN', 'ANDERSON')
"""DIIS, then what to try instead of it."""

WINDOW = 12
"""Cycles at the end of the history that are judged; earlier ones belong to the starting density."""


def classify(energies: Sequence[float]) -> Behaviour:
    """Judge the end of an SCF from its energies.

    :param energies: total energy of each cycle in hartree, in order.
    :return: ``converging`` if the steps shrink, sign changes or not: more cycles will do; ``oscillating`` if the steps
        change sign and do not shrink; ``stalled`` if they do neither; ``unknown`` if there are too few.
    """
    deltas = np.diff(np.asarray(energies, dtype=float))[-WINDOW:]
    deltas = deltas[np.isfinite(deltas)]
    if len(deltas) < 2:
        return 'unknown'
    sizes = np.maximum(np.abs(deltas), 1e-14)
    if _shrinks(sizes):
        return 'converging'
    changes = np.mean(np.sign(deltas[1:]) * np.sign(deltas[:-1]) < 0)
    return 'oscillating' if changes >= 0.5 else 'stalled'


def _shrinks(sizes: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Tell whether the steps fall by at least a factor two from one half of the window to the other.

    Medians, since the first step, away from atomic densities, is always huge.
    """
    half = len(sizes) // 2
    logs = np.log(sizes)
    return bool(np.median(logs[-half:]) - np.median(logs[:half]) < -np.log(2.0))


def next_fmixing(current: int | None) -> int | None:
    """Return the next step of damping above ``current`` (``None``: CRYSTAL's default), or ``None`` at the top."""
    value = FMIXING_LADDER[0] if current is None else current
    return next((step for step in FMIXING_LADDER if step > value), None)


def next_accelerator(current: bool | str | None) -> bool | str | None:
    """Return the accelerator to try after ``current``, or ``None`` when all were tried.

    ``False`` (NODIIS) is followed by DIIS, DIIS (CRYSTAL's default, ``None``) by Broyden's and Anderson's methods.
    """
    if current is False:
        return ACCELERATORS[0]
    position = ACCELERATORS.index(True if current is None else current)
    return ACCELERATORS[position + 1] if position + 1 < len(ACCELERATORS) else None
