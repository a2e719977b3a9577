"""How to help an SCF that did not converge; what its energies say is in ``crystal.scf_behaviour``. No AiiDA here."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_crystalmath.crystal.scf_behaviour import Behaviour, classify
from aiida_crystalmath.workflows.crystal.recovery import default_recovery

__all__ = ('Behaviour', 'classify', 'next_accelerator', 'next_fmixing')

DEFAULT_FMIXING = 30
"""CRYSTAL's default: per cent of the previous Fock matrix that is kept. More damps more."""


def next_fmixing(current: int | None, ladder: Sequence[int] | None = None) -> int | None:
    """Return the next step of damping above ``current``, or ``None`` at the top: never a step down.

    :param current: FMIXING of the run that failed; ``None``: CRYSTAL's default.
    :param ladder: the steps; by default those of the configuration of recovery.
    """
    value = DEFAULT_FMIXING if current is None else current
    steps = default_recovery()['scf_oscillation']['fmixing'] if ladder is None else ladder
    return next((step for step in sorted(steps) if step > value), None)


def next_accelerator(current: bool | str | None, order: Sequence[str] | None = None) -> bool | str | None:
    """Return the accelerator to try after ``current``, or ``None`` when all were tried.

    :param current: value of ``diis``: ``False`` (NODIIS), ``True`` or ``None`` (DIIS, CRYSTAL's default), or a name.
    :param order: names, to be tried from the left; by default those of the configuration of recovery.
    :return: a value of ``diis``.
    """
    name = current if isinstance(current, str) else None if current is False else 'DIIS'
    order = default_recovery()['scf_oscillation']['accelerators'] if order is None else order
    following = order[order.index(name) + 1 :] if name in order else order
    chosen = next((accelerator for accelerator in following if accelerator != name), None)
    return True if chosen == 'DIIS' else chosen
