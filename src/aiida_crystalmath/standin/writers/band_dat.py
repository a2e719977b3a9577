"""BAND.DAT: the band structure for plotting, energies relative to the Fermi energy in hartree (format: real files)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .band_path import BandPath
from .fortran import fixed, zero_scientific

Real = NDArray[np.float64]


def write_band_dat(path: BandPath, energies: Real, fermi: float) -> str:
    """Return the text of BAND.DAT.

    :param energies: absolute, hartree, shape (nspin, nk, nband).
    """
    spins, points, bands = energies.shape
    ticks = path.ticks
    lines = [f'# NKPT{points:6d} NBND{bands:6d} NSPIN{spins:6d}', f'# NPANEL{len(path.segments):6d}']
    lines += [f'# {index + 1:6d}   {_label(point, path.iss)}' for index, _, point in ticks]
    distances = path.distances
    for spin, channel in enumerate(energies):
        lines += _commands(path, channel - fermi, spin)
        for distance, values in zip(distances, channel, strict=True):
            lines.append(''.join(zero_scientific(float(x), 13, 5) for x in (distance, *(values - fermi))))
        lines.append(f'# EFERMI (HARTREE){fixed(fermi, 11, 5)}')
    return '\n'.join(lines) + '\n'


def _commands(path: BandPath, relative: Real, spin: int) -> list[str]:
    ticks = path.ticks
    lines = [
        f'@ WITH G{spin}',
        f'@ G{spin} ON',
        '@ TITLE "BAND STRUCTURE"',
        '@ DEFAULT COLOR 1',
        '@ XAXIS TICK ON',
        '@ XAXIS TICKLABEL ON',
        '@ XAXIS TICKLABEL CHAR SIZE 0.8',
        '@ XAXIS TICK TYPE SPEC',
        '@ XAXIS TICKLABEL TYPE SPEC',
        '@ XAXIS TICK MAJOR GRID ON',
        '@ YAXIS LABEL "E-EFERMI (HARTREE)"',
        '@ AUTOSCALE ONREAD YAXES',
        '@ AUTOTICKS',
        f'@ XAXIS TICK SPEC{len(ticks):6d}',
    ]
    for number, (_, distance, point) in enumerate(ticks):
        lines.append(f'@ XAXIS TICK{number:6d},{fixed(distance, 12, 5)}')
        lines.append(f'@ XAXIS TICKLABEL{number:5d},"{_label(point, path.iss)}"')
    low, high = (
        fixed(np.floor(10.0 * relative.min()) / 10.0, 12, 1),
        fixed(np.ceil(10.0 * relative.max()) / 10.0, 12, 1),
    )
    lines.append(f'@ WORLD {fixed(0.0, 12, 5)},{low},{fixed(ticks[-1][1], 12, 5)},{high}')
    lines.append('@ VIEW      0.15000,     0.15000,     1.14418,     0.85000')
    return lines


def _label(point: tuple[int, int, int], iss: int) -> str:
    return f'({point[0]},{point[1]},{point[2]})/{iss}'
