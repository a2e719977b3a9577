"""BAND.DAT: band structure for plotting, written by properties (BAND).

Format (seen in real files of CRYSTAL14, 17 and 23): header ``# NKPT n NBND n NSPIN n``, ``# NPANEL n`` and the
index and label of each end of a segment, xmgrace commands ``@ ...``, one row a k-point: distance (bohr^-1), energies
minus Fermi energy (hartree); the beta table follows the alpha one under its own commands. Labels read ``(i,j,k)/ISS``,
or a letter when the input had letters. ``# EFERMI (HARTREE) e`` ends each table in newer versions; older ones have
none. The distances of the rows after the first segment drift from the tick marks: the program adds the step of the
segment before to its first point, so they are rebuilt here from the tick marks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import file_lines
from aiida_crystalmath.crystal.outputs.models import Array, Bands
from aiida_crystalmath.crystal.outputs.number_table import read_fermi, read_rows
from aiida_crystalmath.crystal.outputs.numbers import number as number_of

_FILE = 'BAND.DAT'
_SIZES = re.compile(r'#\s*NKPT\s*(\d+)\s*NBND\s*(\d+)\s*NSPIN\s*(\d+)')
_PANELS = re.compile(r'#\s*NPANEL\s*(\d+)')
_END = re.compile(r'#\s*(\d+)\s+(\S.*?)\s*$')
_FERMI = re.compile(r'#\s*EFERMI \(HARTREE\)\s+(\S+)')
_TICK = re.compile(r'@ XAXIS TICK\s+(\d+),\s*(\S+)\s*$')
_LABEL = re.compile(r'\((-?\d+),(-?\d+),(-?\d+)\)/(\d+)')


def read_band_dat(text: str) -> Bands:
    """Return the bands of a BAND.DAT.

    Energies are made absolute where the file tells the Fermi energy; otherwise ``absolute`` is False and they count
    from it. K-points are given where the labels hold coordinates; the file cannot tell a path that jumps, fort.25 can.

    :raises OutputFileError: the header is missing or the tables are cut.
    """
    lines = file_lines(text)
    sizes = _SIZES.match(lines[0].strip())
    if sizes is None:
        raise OutputFileError('the first line is not "# NKPT n NBND n NSPIN n"', _FILE, 1)
    n_k, n_bands, n_spin = (int(group) for group in sizes.groups())
    ends, ticks, fermi, rows = _scan(lines)
    table = _table(rows, n_k * n_spin, n_bands)
    energies = table[:, 1:].reshape(n_spin, n_k, n_bands)
    if fermi is not None:
        energies = energies + fermi
    segments = [(ends[i][0], ends[i + 1][0]) for i in range(len(ends) - 1)]
    return Bands(
        kpoints=_kpoints(ends, segments, n_k),
        distances=_distances(table[:n_k, 0], [index for index, _ in ends], ticks),
        energies_hartree=energies,
        fermi_energy_hartree=fermi,
        segments=segments,
        labels=ends,
        absolute=fermi is not None,
    )


def _scan(lines: list[str]) -> tuple[list[tuple[int, str]], list[float], float | None, list[tuple[int, str]]]:
    """Return segment ends (index from 0, label), tick positions, Fermi energy, and the numbered data rows."""
    ends: list[tuple[int, str]] = []
    ticks: list[float] = []
    rows: list[tuple[int, str]] = []
    fermi: float | None = None
    for number, line in enumerate(lines, start=1):
        if not line.startswith(('#', '@', '&')):
            if line.strip():
                rows.append((number, line))
        elif found := _FERMI.match(line):
            fermi = read_fermi(found[1], _FILE, number, at_end=number == len(lines))
        elif (found := _TICK.match(line)) and int(found[1]) == len(ticks):
            ticks.append(number_of(found[2]) or 0.0)
        elif number > 2 and not rows and (found := _END.match(line)):
            ends.append((int(found[1]) - 1, found[2]))
    return ends, ticks, fermi, rows


def _table(rows: Sequence[tuple[int, str]], count: int, n_bands: int) -> Array:
    """Return the rows as an array (count, 1 + n_bands)."""
    if len(rows) < count:
        raise OutputFileError(f'{count} rows announced, {len(rows)} found', _FILE)
    for number, line in rows[:count]:
        if len(words := line.split()) != n_bands + 1:
            raise OutputFileError(f'{n_bands + 1} numbers expected, {len(words)} found', _FILE, number)
    return read_rows(rows[:count], count * (n_bands + 1), _FILE).reshape(count, n_bands + 1)


def _distances(printed: Array, ends: list[int], ticks: list[float]) -> Array:
    """Spread the k-points of each segment evenly between its tick marks."""
    if len(ends) < 2 or len(ticks) != len(ends) or ends[-1] != len(printed) - 1 or sorted(set(ends)) != ends:
        return printed
    return np.interp(np.arange(len(printed)), ends, ticks)


def _kpoints(ends: list[tuple[int, str]], segments: list[tuple[int, int]], n_k: int) -> Array | None:
    """Return fractional coordinates if every label holds them, None otherwise."""
    found = [_LABEL.fullmatch(label) for _, label in ends]
    if len(found) < 2 or any(match is None for match in found) or segments[-1][1] != n_k - 1:
        return None
    corners = [[int(match[i]) / int(match[4]) for i in (1, 2, 3)] for match in found if match]
    indices = [index for index, _ in ends]
    if sorted(set(indices)) != indices:
        return None
    every = np.arange(n_k)
    return np.stack([np.interp(every, indices, [corner[i] for corner in corners]) for i in range(3)], axis=1)
