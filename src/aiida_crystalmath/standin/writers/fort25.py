"""fort.25: the plot data of the properties program, BAND and DOSS blocks.

Format: appendix D of the CRYSTAL User's Manual and real files. Energies are absolute, in hartree; steps along the path
in bohr⁻¹. In an open shell the blocks of alpha come first, then those of beta, whose densities of states are negative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .band_path import BandPath
from .fortran import integers, rows, scientific

Real = NDArray[np.float64]


def header(kind: str, n_rows: int, n_columns: int, numbers: Sequence[float], *, spins: int, conducting: bool) -> str:
    """Return the first line of a block.

    :param kind: BAND, DOSS, COOP or COHP.
    :param numbers: DX, DY and the Fermi energy.
    """
    flag = (1 if spins == 2 else 0) + (2 if conducting else 0)
    return f'-%-{flag}{kind}{n_rows:5d}{n_columns:5d}{_columns(numbers)}'


def band_blocks(path: BandPath, energies: Real, fermi: float, *, conducting: bool) -> list[str]:
    """Return the lines of all segments.

    :param energies: hartree, shape (nspin, nk, nband).
    """
    lines: list[str] = []
    lowest, highest = float(energies.min()), float(energies.max())
    for channel in energies:
        for segment in path.segments:
            values = channel[segment.first : segment.last + 1]
            numbers = (0.0, segment.step, fermi)
            lines.append(
                header('BAND', values.shape[1], values.shape[0], numbers, spins=len(energies), conducting=conducting)
            )
            lines.append(_columns((lowest, highest)))
            lines.append(integers((*segment.start, *segment.end), 5))
            lines += rows([scientific(float(value), 12, 5) for value in values.ravel()], 6)
    return lines


def doss_blocks(
    energies: Real,
    densities: Real,
    fermi: float,
    n_orbitals: Sequence[int],
    *,
    conducting: bool,
    kind: str = 'DOSS',
) -> list[str]:
    """Return the lines of all projections, of which the last one of a DOSS is the total.

    :param energies: absolute, hartree, evenly spaced, shape (ne,).
    :param densities: states/hartree/cell, positive, shape (nspin, nproj + 1, ne).
    :param n_orbitals: orbitals in each projection.
    :param kind: DOSS, COOP or COHP; only densities of states are negative for beta.
    """
    step = float(energies[1] - energies[0])
    lines: list[str] = []
    for spin, channel in enumerate(densities):
        for index, (density, count) in enumerate(zip(channel, n_orbitals, strict=True), 1):
            numbers = (0.0, step, fermi)
            lines.append(header(kind, 1, len(energies), numbers, spins=len(densities), conducting=conducting))
            lines.append(_columns((0.0, float(energies[0]))))
            lines.append(integers((index, count, 0, 0, 0, 0), 5))
            sign = -1.0 if spin == 1 and kind == 'DOSS' else 1.0
            lines += rows([scientific(sign * float(value) + 0.0, 12, 5) for value in density], 6)
    return lines


def _columns(numbers: Sequence[float]) -> str:
    return ''.join(scientific(value, 12, 5) for value in numbers)
