"""SIGMA.DAT, SIGMAS.DAT, SEEBECK.DAT, KAPPA.DAT and TDF.DAT: electronic transport, written by properties (BOLTZTRA).

Format (seen in real files of two and three dimensions): ``# 0 [Electrical conductivity in SI units, i.e. in 1/Ohm/m]``
(the number is that of spin channels less one), the names of the columns (``# Mu(eV) T(K) N(#carriers) sigma_xx ...``),
then for every temperature ``# T(K) = 300.00 Npoints = 31 V(cm^3) = 4.649E-22`` and its rows. ``Npoints`` may be more
than there are rows in a file that is whole. TDF.DAT has one table of energies. Neither has a mark at its end: a file
that stops between two temperatures looks whole. No real spin-polarised file was seen: CRYSTALpytools documents that the
channels follow each other below a comment ``Beta``, and that SEEBECK.DAT has one only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import file_lines
from aiida_crystalmath.crystal.outputs.models import Array, TransportDistribution, TransportQuantity, TransportTensor
from aiida_crystalmath.crystal.outputs.number_table import read_numbers
from aiida_crystalmath.crystal.outputs.numbers import number

_FILE = 'BOLTZTRA file'
_TITLE = re.compile(r'#\s*(\d+)\s*\[(.*)\]')
_UNIT = re.compile(r'i\.e\.\s+in\s+(\S+?)\s*$')
_TDF = re.compile(r'Transport distribution function \(in units of\s+(\S+)\)', re.IGNORECASE)
_BLOCK = re.compile(r'#\s*T\(K\)\s*=\s*(\S+)\s+Npoints\s*=\s*(\d+)(?:\s+V\(cm\^3\)\s*=\s*(\S+))?')
_STARS = re.compile(r'\*+')
_QUANTITIES: dict[str, TransportQuantity] = {
    '1/Ohm/m': 'SIGMA',
    'A/m/K': 'SIGMAS',
    'V/K': 'SEEBECK',
    'W/m/K': 'KAPPA',
}


@dataclass
class _Block:
    """Rows below one comment.

    :param temperature: K; None in TDF.DAT.
    :param announced: rows the comment announces.
    """

    line: int
    temperature: float | None = None
    announced: int = 0
    volume: float | None = None
    rows: list[str] = field(default_factory=list)

    def table(self, columns: int, width: int) -> Array:
        """Return the numbers, shape (n, columns); asterisks are NaN.

        :param width: characters of a full row; a row the file ends in is shorter.
        :raises OutputFileError: a row is cut or a word is no number.
        """
        if not self.rows or len(self.rows[-1].rstrip()) < width:
            raise OutputFileError('the last row is cut', _FILE, self.line + len(self.rows))
        rows = [_STARS.sub(' nan ', row) if '*' in row else row for row in self.rows]
        return read_numbers(rows, len(rows) * columns, _FILE, self.line + 1).reshape(-1, columns)


def read_transport(text: str) -> TransportTensor:
    """Return the contents of SIGMA.DAT, SIGMAS.DAT, SEEBECK.DAT or KAPPA.DAT; which one it is the first line says.

    :raises OutputFileError: it is none of these files, or not even its first temperature is whole.
    """
    lines = file_lines(text)
    words, _ = _title(lines[0])
    unit = _UNIT.search(words)
    if unit is None or unit[1] not in _QUANTITIES:
        raise OutputFileError(f'not a transport coefficient: {words}', _FILE, 1)
    components = _components(lines, 3)
    found = [[block for block in channel if block.temperature is not None] for channel in _channels(lines)]
    channels = [channel for channel in found if channel]
    tables, complete = _tables(channels, len(components) + 3)
    first = channels[0][0]
    complete = complete and not _ends_in_comment(lines)
    temperatures = [block.temperature for block in channels[0][: len(tables[0])]]
    values = np.array(tables)
    return TransportTensor(
        quantity=_QUANTITIES[unit[1]],
        unit=unit[1],
        components=components,
        temperatures_k=np.array(temperatures, dtype=np.float64),
        chemical_potentials_ev=values[0, 0, :, 0].copy(),
        carriers=values[..., 2].copy(),
        values=values[..., 3:].copy(),
        volume_cm3=first.volume,
        complete=complete and (len(tables[0]) > 1 or len(tables[0][0]) == first.announced),
    )


def read_tdf(text: str) -> TransportDistribution:
    """Return the contents of TDF.DAT.

    :raises OutputFileError: it is another file, or has no row.
    """
    lines = file_lines(text)
    words, _ = _title(lines[0])
    unit = _TDF.search(words)
    if unit is None:
        raise OutputFileError(f'not a transport distribution function: {words}', _FILE, 1)
    components = _components(lines, 1)
    blocks = [block for channel in _channels(lines) for block in channel if block.rows]
    tables, complete = _tables([[block] for block in blocks], len(components) + 1)
    values = np.array(tables)[:, 0]
    return TransportDistribution(
        unit[1], components, values[0, :, 0].copy(), values[..., 1:].copy(), complete and not _ends_in_comment(lines)
    )


def _ends_in_comment(lines: list[str]) -> bool:
    """Say whether the file stops below the head of a block."""
    return next((line for line in reversed(lines) if line.strip()), '#').startswith('#')


def _title(line: str) -> tuple[str, int]:
    """Return the words of the first line and the number of spin channels.

    :raises OutputFileError: it is no title of BOLTZTRA.
    """
    found = _TITLE.match(line.strip())
    if found is None:
        raise OutputFileError('the first line is not "# 0 [...]"', _FILE, 1)
    return found[2].strip(), int(found[1]) + 1


def _components(lines: list[str], skip: int) -> list[str]:
    """Return the tensor components the second line names after ``skip`` other columns.

    :raises OutputFileError: there are none.
    """
    names = lines[1].lstrip('# ').split()[skip:] if len(lines) > 1 and lines[1].startswith('#') else []
    components = [name.rpartition('_')[2].lower() for name in names]
    if not components:
        raise OutputFileError('the second line does not name the columns', _FILE, 2)
    return components


def _channels(lines: list[str]) -> list[list[_Block]]:
    """Return the blocks of each spin channel."""
    channels: list[list[_Block]] = [[]]
    for number_, line in enumerate(lines, start=1):
        if line.startswith('#'):
            if 'beta' in line.lower():
                channels.append([])
            found = _BLOCK.match(line)
            block = _Block(number_)
            if found:
                block = _Block(number_, number(found[1]), int(found[2]), number(found[3] or ''))
            channels[-1].append(block)
        elif line.strip():
            channels[-1][-1].rows.append(line)
    return channels


def _tables(channels: list[list[_Block]], columns: int) -> tuple[list[list[Array]], bool]:
    """Return the tables of each channel, equally many and equally long, and whether that is all there was.

    :raises OutputFileError: the first block cannot be read.
    """
    if not channels:
        raise OutputFileError('there is no row of numbers', _FILE)
    reference = channels[0][0]
    width = len(reference.rows[0].rstrip()) if reference.rows else 0
    first = reference.table(columns, width)
    tables: list[list[Array]] = []
    for channel in channels:
        read: list[Array] = []
        for block in channel:
            if len(block.rows) != len(first):
                break
            try:
                read.append(block.table(columns, width))
            except OutputFileError:
                break
        tables.append(read)
    whole = [table for table in tables if len(table) == len(channels[0])]
    if len(whole) == len(channels):
        return tables, True
    # Of a file that stops, the channels or else the temperatures read in full remain.
    return whole or [tables[0]], False
