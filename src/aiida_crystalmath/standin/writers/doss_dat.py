"""DOSS.DAT: densities of states for plotting, energies relative to the Fermi energy in hartree (format: real files)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fortran import fixed, scientific

Real = NDArray[np.float64]

_AXES = ['@ XAXIS LABEL "E-EFERMI (HARTREE)"', '@ YAXIS LABEL "DENSITY OF STATES (STATES/HARTREE/CELL)"']


def write_doss_dat(energies: Real, densities: Real, fermi: float) -> str:
    """Return the text of DOSS.DAT; beta follows alpha and is negative.

    :param energies: absolute, hartree, shape (ne,).
    :param densities: states/hartree/cell, positive, shape (nspin, nproj + 1, ne); the last projection is the total.
    """
    spins, projections, points = densities.shape
    closing = f'# EFERMI (HARTREE){fixed(fermi, 11, 5)}'
    lines = [f'# NEPTS{points:6d} NPROJ{projections:6d} NSPIN{spins:6d}', '#', *_AXES]
    for spin, channel in enumerate(densities):
        if spin:
            lines += [closing, *_AXES]
        sign = -1.0 if spin else 1.0
        for index, energy in enumerate(energies):
            columns = (energy - fermi, *(sign * channel[:, index] + 0.0))
            lines.append(''.join(scientific(float(value), 12, 4) for value in columns))
    return '\n'.join([*lines, closing]) + '\n'
