"""IRSPEC.DAT and RAMSPEC.DAT: computed infrared and Raman spectra, written by FREQCALC (IRSPEC, RAMSPEC).

Format (real files of CRYSTAL 22, columns as their outputs list them): one row a frequency.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array
from aiida_crystalmath.crystal.outputs.number_table import read_numbers

_RAMAN_COLUMNS = 10


@dataclass(frozen=True)
class IrSpectrum:
    """An infrared spectrum; every array has shape (n,), :attr:`reflectance` (n_directions, n).

    :param absorbance_raw: intensities (km/mol) with Lorentzian peaks.
    :param absorbance_classical: cm^2/g, as the two that follow; None in a file without these columns.
    :param absorbance_spherical: of spherical particles.
    :param absorbance_ellipsoidal: of ellipsoidal particles (CDE).
    :param reflectance: along each direction the output lists; no rows if there are none.
    """

    frequencies_cm1: Array
    wavelengths_nm: Array
    absorbance_raw: Array
    absorbance_classical: Array | None
    absorbance_spherical: Array | None
    absorbance_ellipsoidal: Array | None
    reflectance: Array


@dataclass(frozen=True)
class RamanSpectrum:
    """A Raman spectrum, arbitrary units; every array has shape (n,).

    :param single_crystal: shape (6, n): polarisations xx, xy, xz, yy, yz, zz.
    """

    frequencies_cm1: Array
    total: Array
    parallel: Array
    perpendicular: Array
    single_crystal: Array


def read_irspec(text: str) -> IrSpectrum:
    """Return the spectrum of an IRSPEC.DAT.

    :raises OutputFileError: the rows are not all of one length of three or at least six columns, or do not ascend.
    """
    table = _read_table(text, 'IRSPEC.DAT')
    if len(table) < 3 or len(table) in (4, 5):
        raise OutputFileError(f'3 or at least 6 columns expected, {len(table)} found', 'IRSPEC.DAT', 1)
    classical, spherical, ellipsoidal = (table[i] if len(table) > i else None for i in (3, 4, 5))
    return IrSpectrum(table[0], table[1], table[2], classical, spherical, ellipsoidal, reflectance=table[6:])


def read_ramspec(text: str) -> RamanSpectrum:
    """Return the spectrum of a RAMSPEC.DAT.

    :raises OutputFileError: the rows have not ten columns each, or do not ascend.
    """
    table = _read_table(text, 'RAMSPEC.DAT')
    if len(table) != _RAMAN_COLUMNS:
        raise OutputFileError(f'{_RAMAN_COLUMNS} columns expected, {len(table)} found', 'RAMSPEC.DAT', 1)
    return RamanSpectrum(table[0], table[1], table[2], table[3], single_crystal=table[4:])


def _read_table(text: str, where: str) -> Array:
    """Return the columns of a table whose first column ascends, shape (n_columns, n_rows)."""
    rows = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    n_columns = len(rows[0][1].split()) if rows else 0
    for number, line in rows:
        if len(line.split()) != n_columns:
            raise OutputFileError(f'{n_columns} numbers expected, {len(line.split())} found', where, number)
    if not rows:
        raise OutputFileError('there is no row of numbers', where)
    table = read_numbers([line for _, line in rows], n_columns * len(rows), where, rows[0][0])
    columns = np.ascontiguousarray(table.reshape(len(rows), n_columns).T)
    if np.any(np.diff(columns[0]) <= 0):
        raise OutputFileError('the frequencies do not ascend', where, rows[0][0])
    return columns
