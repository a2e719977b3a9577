"""How to help an SCF that did not converge; what its energies say is in ``crystal.scf_behaviour``. No AiiDA here."""

from __future__ import annotations

from aiida_crystalmath.crystal.scf_behaviour import Behaviour, classify

__all__ = ('ACCELERATORS', 'FMIXING_LADDER', 'Behaviour', 'classify', 'next_accelerator', 'next_fmixing')

FMIXING_LADDER = (30, 60, 90)
"""Per cent of the previous Fock matrix that is kept: more damps more. CRYSTAL's default is the first.

With the accelerators after its top, five runs from the default try everything: as many as a protocol allows.
"""

ACCELERATORS: tuple[bool | str, ...] = (True, 'BROYDEN', 'ANDERSON')
"""DIIS, then what to try instead of it."""


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
