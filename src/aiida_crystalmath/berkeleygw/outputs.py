"""The text files of BerkeleyGW's programs: ``sigma_hp.log``, ``eqp.dat``, ``eigenvalues.dat``, ``absorption_eh.dat``.

Source of the layouts: the BerkeleyGW manual and the reference outputs of its published examples (``DFT/CO``). The
readers were tried on excerpts of the latter by hand; **none of them has met the real program**. Energies are in eV.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.numbers import integer, number

__all__ = (
    'Absorption',
    'Excitons',
    'QuasiparticleTable',
    'SigmaTable',
    'read_absorption',
    'read_eigenvalues',
    'read_eqp',
    'read_sigma_hp',
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class QuasiparticleTable:
    """Quasiparticle energies.

    :param kpoints: (n_k, 3), fractional.
    :param bands: (n_bands,), numbers from 1.
    :param mean_field_ev, quasiparticle_ev: (n_spin, n_k, n_bands).
    """

    kpoints: Array
    bands: NDArray[np.int64]
    mean_field_ev: Array
    quasiparticle_ev: Array


@dataclass(frozen=True)
class SigmaTable:
    """The self-energy at one k-point and spin.

    :param kpoint: fractional.
    :param spin: from 1.
    :param bands: (n_bands,), numbers from 1.
    :param columns: by the names of the file in small letters (``emf``, ``eo``, ``x``, ``sx-x``, ``ch``, ``sig``,
        ``vxc``, ``eqp0``, ``eqp1``, ``znk``; with the static remainder also ``ch'`` and the like); eV, but for ``znk``.
    """

    kpoint: tuple[float, float, float]
    spin: int
    bands: NDArray[np.int64]
    columns: dict[str, Array]


@dataclass(frozen=True)
class Excitons:
    """Solutions of the Bethe-Salpeter equation.

    :param energies_ev: (n,), rising.
    :param strengths: (n,), squared moduli of the dipole matrix elements, in the units of the file.
    :param cell_volume_bohr3: as told at the head.
    """

    energies_ev: Array
    strengths: Array
    cell_volume_bohr3: float | None
    n_spin: int | None


@dataclass(frozen=True)
class Absorption:
    """A spectrum; the density of states is None where the file has no such column."""

    energy_ev: Array
    eps_im: Array
    eps_re: Array
    jdos: Array | None


def read_eqp(text: str) -> QuasiparticleTable:
    """Return the energies of ``eqp0.dat`` or ``eqp1.dat`` (of Sigma), or ``eqp.dat``. Untested on the real program.

    Each k-point has a line with its place and the number of rows; a row has spin, band, mean-field energy and
    quasiparticle energy.

    :raises OutputFileError: the file is cut, or its k-points have different bands.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    kpoints: list[list[float]] = []
    blocks: list[list[list[float]]] = []
    position = 0
    while position < len(lines):
        head = _numbers(lines[position], 4, 'eqp.dat', position + 1)
        count = int(head[3])
        rows = lines[position + 1 : position + 1 + count]
        if len(rows) < count:
            raise OutputFileError(f'{len(rows)} of {count} rows of k-point {len(kpoints) + 1}', 'eqp.dat')
        blocks.append([_numbers(row, 4, 'eqp.dat', position + 2 + index) for index, row in enumerate(rows)])
        kpoints.append(head[:3])
        position += 1 + count
    labels = [[row[:2] for row in block] for block in blocks]
    if not labels or not labels[0] or any(block != labels[0] for block in labels):
        raise OutputFileError('the k-points do not have the same bands', 'eqp.dat')
    table = np.array(blocks)
    spins = np.unique(table[0, :, 0])
    bands = np.unique(table[0, :, 1]).astype(np.int64)
    order = np.lexsort((table[0, :, 1], table[0, :, 0]))
    if len(order) != len(spins) * len(bands):
        raise OutputFileError('the spins do not have the same bands', 'eqp.dat')
    shape = (len(blocks), len(spins), len(bands))
    mean_field, quasiparticle = (table[:, order, column].reshape(shape).transpose(1, 0, 2) for column in (2, 3))
    return QuasiparticleTable(np.array(kpoints), bands, mean_field, quasiparticle)


_POINT = re.compile(r'k = +(\S+) +(\S+) +(\S+) +ik = +\d+ +spin = +(\d+)')


def read_sigma_hp(text: str) -> list[SigmaTable]:
    """Return the tables of ``sigma_hp.log``, one a k-point and spin. Untested on the real program.

    Columns are taken by their names, so that COHSEX, plasmon-pole and static-remainder tables are all read. The tables
    of full-frequency runs, whose rows have two lines each, are refused.

    :raises OutputFileError: there is no table, one is cut, or a row does not have as many numbers as there are names.
    """
    lines = text.splitlines()
    tables = []
    for index, line in enumerate(lines):
        if found := _POINT.search(line):
            x, y, z = _numbers(found.groups()[:3], 3, 'sigma_hp.log', index + 1)
            tables.append(_sigma_table(lines, index + 1, (x, y, z), int(found[4])))
    if not tables:
        raise OutputFileError('there is no table', 'sigma_hp.log')
    return tables


def _sigma_table(lines: list[str], start: int, kpoint: tuple[float, float, float], spin: int) -> SigmaTable:
    """Read the table that begins after a line with its k-point."""
    position = start
    while position < len(lines) and not lines[position].strip():
        position += 1
    names = lines[position].lower().split() if position < len(lines) else []
    if len(names) < 3 or names[0] != 'n':
        raise OutputFileError('the names of the columns do not follow the k-point', 'sigma_hp.log', start + 1)
    rows = []
    for number_of_line, line in enumerate(lines[position + 1 :], start=position + 2):
        words = line.split()
        if not words:
            break
        if len(words) != len(names) or integer(words[0]) is None:
            raise OutputFileError(f'{len(names)} numbers expected: {line.strip()!r}', 'sigma_hp.log', number_of_line)
        rows.append(_numbers(words, len(names), 'sigma_hp.log', number_of_line))
    if not rows:
        raise OutputFileError('the table has no rows', 'sigma_hp.log', position + 1)
    table = np.array(rows)
    columns = {name: table[:, index] for index, name in enumerate(names) if index}
    return SigmaTable(kpoint, spin, table[:, 0].astype(np.int64), columns)


def read_eigenvalues(text: str) -> Excitons:
    """Return the excitons of ``eigenvalues.dat``. Untested on the real program.

    The head has ``# neig``, ``# vol`` and ``# nspin``; a row has energy, squared dipole and its parts (one or two).

    :raises OutputFileError: fewer rows than announced.
    """
    head = {found[1]: found[2] for found in re.finditer(r'^ *# *(neig|vol|nspin) *= *(\S+)', text, re.MULTILINE)}
    rows = _table(text, 2, 'eigenvalues.dat')
    count = integer(head.get('neig', ''))
    if count is not None and len(rows) < count:
        raise OutputFileError(f'{count} excitons announced, {len(rows)} found', 'eigenvalues.dat')
    return Excitons(rows[:, 0], rows[:, 1], number(head.get('vol', '')), integer(head.get('nspin', '')))


def read_absorption(text: str) -> Absorption:
    """Return the spectrum of ``absorption_eh.dat`` or ``absorption_noeh.dat``. Untested on the real program.

    Columns: energy, imaginary and real part of the dielectric function, and in newer versions the joint density of
    states.

    :raises OutputFileError: there are no rows, or some with fewer than three numbers.
    """
    rows = _table(text, 3, 'absorption_eh.dat')
    return Absorption(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] if rows.shape[1] > 3 else None)


def _table(text: str, least: int, where: str) -> Array:
    """Return the rows of a file without its comments; all have as many numbers as the first."""
    rows = []
    for number_of_line, line in enumerate(text.splitlines(), start=1):
        words = line.partition('#')[0].split()
        if words:
            rows.append(_numbers(words, least, where, number_of_line))
    if not rows or len({len(row) for row in rows}) > 1:
        raise OutputFileError('there are no rows, or not all are whole', where)
    return np.array(rows)


def _numbers(words: list[str] | tuple[str, ...], least: int, where: str, number_of_line: int) -> list[float]:
    values = [number(word) for word in words]
    if len(values) < least or any(value is None for value in values):
        raise OutputFileError(f'{least} numbers expected: {" ".join(words)!r}', where, number_of_line)
    return [value for value in values if value is not None]
