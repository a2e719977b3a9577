"""The small files of Wannier90: bands and their path, eigenvalues, overlaps' heads, and ``.nnkp``.

Recorded with Wannier90 3.1.0 and pw2wannier90.x of QE 6.7. Energies are in eV, lengths in Å, k-points fractional.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.numbers import integer, number

__all__ = (
    'InterpolatedBands',
    'Nnkp',
    'OverlapHead',
    'read_amn_head',
    'read_band_files',
    'read_eig',
    'read_mmn_head',
    'read_nnkp',
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class InterpolatedBands:
    """Bands along a path.

    :param kpoints: (n, 3), fractional.
    :param distances_per_angstrom: (n,), along the path, 2 pi included.
    :param energies_ev: (n, n_wann).
    :param labels: index of a k-point from 0, and its name.
    """

    kpoints: Array
    distances_per_angstrom: Array
    energies_ev: Array
    labels: list[tuple[int, str]]


@dataclass(frozen=True)
class OverlapHead:
    """What the second line of an ``.amn`` or ``.mmn`` says; ``n_last`` is functions, or neighbours of a k-point."""

    num_bands: int
    n_kpoints: int
    n_last: int


@dataclass(frozen=True)
class Nnkp:
    """What pw2wannier90.x is asked for.

    :param cell_angstrom: (3, 3).
    :param kpoints: (n, 3), fractional.
    :param n_projections: number of trial functions; None where the program is to find them (``auto_projections``).
    :param n_neighbours: of each k-point.
    :param excluded_bands: numbers from 1.
    """

    cell_angstrom: Array
    kpoints: Array
    n_projections: int | None
    n_neighbours: int
    excluded_bands: list[int]


def read_band_files(band_dat: str, band_kpt: str, labelinfo: str = '') -> InterpolatedBands:
    """Return the bands of ``_band.dat`` on the k-points of ``_band.kpt``, named by ``_band.labelinfo.dat``.

    :raises OutputFileError: a file is cut, or they do not belong together.
    """
    kpoints = _band_kpt(band_kpt)
    blocks = [block.strip().splitlines() for block in re.split(r'\n[ \t]*\n', band_dat) if block.strip()]
    if not blocks:
        raise OutputFileError('there are no bands', '_band.dat')
    for index, block in enumerate(blocks, start=1):
        if len(block) != len(kpoints):
            raise OutputFileError(f'band {index} has {len(block)} of {len(kpoints)} k-points', '_band.dat')
    table = np.array([[_row(line, 2, '_band.dat')[:2] for line in block] for block in blocks])
    return InterpolatedBands(kpoints, table[0, :, 0], table[:, :, 1].T.copy(), _labels(labelinfo, len(kpoints)))


def _band_kpt(text: str) -> Array:
    lines = [line for line in text.splitlines() if line.strip()]
    count = integer(lines[0].strip()) if lines else None
    if count is None or len(lines) - 1 < count:
        raise OutputFileError(f'{count or "no"} k-points announced, {max(len(lines) - 1, 0)} found', '_band.kpt')
    return np.array([_row(line, 3, '_band.kpt')[:3] for line in lines[1 : count + 1]], dtype=float).reshape(-1, 3)


def _labels(text: str, count: int) -> list[tuple[int, str]]:
    """Return index and name of the ends of the lines of a path."""
    labels = []
    for line in text.splitlines():
        words = line.split()
        index = integer(words[1]) if len(words) == 6 else None
        if words and (index is None or not 1 <= index <= count):
            raise OutputFileError(f'no label with a k-point: {line.strip()!r}', '_band.labelinfo.dat')
        if index is not None:
            labels.append((index - 1, words[0]))
    return labels


def _row(line: str, least: int, where: str) -> list[float]:
    values = [number(word) for word in line.split()]
    if len(values) < least or any(value is None for value in values):
        raise OutputFileError(f'{least} numbers expected: {line.strip()!r}', where)
    return [value for value in values if value is not None]


def read_eig(text: str) -> Array:
    """Return the energies of ``.eig`` (n_kpoints, n_bands) in eV.

    :raises OutputFileError: rows are missing or out of order.
    """
    rows = [_row(line, 3, '.eig') for line in text.splitlines() if line.strip()]
    if not rows:
        raise OutputFileError('there are no energies', '.eig')
    n_bands, n_kpoints = int(max(row[0] for row in rows)), int(max(row[1] for row in rows))
    expected = [(band + 1, point + 1) for point in range(n_kpoints) for band in range(n_bands)]
    if [(int(row[0]), int(row[1])) for row in rows] != expected:
        raise OutputFileError(f'not every one of {n_bands} bands is there at each of {n_kpoints} k-points', '.eig')
    return np.array([row[2] for row in rows]).reshape(n_kpoints, n_bands)


def read_amn_head(text: str) -> OverlapHead:
    """Return bands, k-points and functions of an ``.amn``, of which the first two lines do.

    :raises OutputFileError: the second line is not what it should be.
    """
    return _head(text, '.amn')


def read_mmn_head(text: str) -> OverlapHead:
    """Return bands, k-points and neighbours of an ``.mmn``, of which the first two lines do.

    :raises OutputFileError: the second line is not what it should be.
    """
    return _head(text, '.mmn')


def _head(text: str, where: str) -> OverlapHead:
    lines = text.splitlines()
    values = [integer(word) for word in lines[1].split()] if len(lines) > 1 else []
    if len(values) != 3 or any(value is None or value < 1 for value in values):
        raise OutputFileError('the second line does not have three numbers', where, 2)
    bands, kpoints, last = (value or 0 for value in values)
    return OverlapHead(bands, kpoints, last)


def read_nnkp(text: str) -> Nnkp:
    """Return what an ``.nnkp`` holds.

    :raises OutputFileError: a block is missing or cut.
    """
    cell = np.array([_row(line, 3, '.nnkp') for line in _block(text, 'real_lattice')])
    if cell.shape != (3, 3):
        raise OutputFileError('the lattice does not have three vectors', '.nnkp')
    kpoints = _block(text, 'kpoints')
    count = integer(kpoints[0].strip())
    points = np.array([_row(line, 3, '.nnkp') for line in kpoints[1:]])
    if count != len(points):
        raise OutputFileError(f'{count} k-points announced, {len(points)} found', '.nnkp')
    neighbours = _block(text, 'nnkpts')
    n_neighbours = integer(neighbours[0].strip()) or 0
    if len(neighbours) - 1 != n_neighbours * len(points):
        raise OutputFileError(f'{len(neighbours) - 1} neighbours, not {n_neighbours} a k-point', '.nnkp')
    excluded = [integer(line.strip()) or 0 for line in _block(text, 'exclude_bands')]
    return Nnkp(cell, points, _n_projections(text), n_neighbours, excluded[1:])


def _n_projections(text: str) -> int | None:
    for name in ('projections', 'spinor_projections'):
        if re.search(rf'^\s*begin {name}\s*$', text, re.MULTILINE):
            return integer(_block(text, name)[0].strip())
    return None


def _block(text: str, name: str) -> list[str]:
    """Return the lines of a block that has to be there, and is not empty."""
    found = re.search(rf'^\s*begin {name}\s*\n(.*?)^\s*end {name}\s*$', text, re.MULTILINE | re.DOTALL)
    lines = [line for line in found[1].splitlines() if line.strip()] if found else []
    if not lines:
        raise OutputFileError(f'the block `{name}` is missing or cut', '.nnkp')
    return lines
