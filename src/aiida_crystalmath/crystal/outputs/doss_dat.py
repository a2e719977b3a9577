"""DOSS.DAT: density of states for plotting, written by properties (DOSS).

Format (seen in real files): header ``# NEPTS n NPROJ n NSPIN n`` (NPROJ counts the total one, which comes last), axis
labels, then rows: energy and one density per projection, states/hartree/cell. The label of the x axis says whether
energies count from the Fermi energy (``E-EFERMI (HARTREE)``, then ``# EFERMI (HARTREE) e`` ends the table) or are
absolute (``ENERGY (HARTREE)``). The table of beta follows the one of alpha.
"""

from __future__ import annotations

import re

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import file_lines
from aiida_crystalmath.crystal.outputs.models import Array, Dos
from aiida_crystalmath.crystal.outputs.number_table import read_fermi, read_rows

_FILE = 'DOSS.DAT'
_SIZES = re.compile(r'#\s*NEPTS\s*(\d+)\s*N[A-Z]+\s*(\d+)\s*NSPIN\s*(\d+)')
_FERMI = re.compile(r'#\s*EFERMI \(HARTREE\)\s+(\S+)')
_DENSITY_OF_STATES = 'DENSITY OF STATES'


def read_doss_dat(text: str) -> Dos:
    """Return the density of states of a DOSS.DAT, energies absolute wherever the file allows it.

    :raises OutputFileError: the header is missing, or the table is cut, or it is a COOP file (same layout).
    """
    dos, label = read_curves(text, _FILE)
    if label and _DENSITY_OF_STATES not in label:
        raise OutputFileError(f'not a density of states: {label}', _FILE)
    if dos.n_spin == 2 and dos.densities[1, -1].sum() < 0:
        dos.densities[1] *= -1.0
    return dos


def read_curves(text: str, where: str) -> tuple[Dos, str]:
    """Return the curves of a file in this layout, beta as in the file, and the label of the y axis ('' without one).

    :param where: kind of file, for errors.
    :raises OutputFileError: the header is missing, or the table is cut.
    """
    lines = file_lines(text)
    sizes = _SIZES.match(lines[0].strip())
    if sizes is None:
        raise OutputFileError('the first line is not "# NEPTS n NPROJ n NSPIN n"', where, 1)
    n_e, n_projections, n_spin = (int(group) for group in sizes.groups())
    relative, fermi, label = False, None, ''
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith(('#', '@', '&')):
            label = label or (line.strip() if 'YAXIS LABEL' in line else '')
            relative = relative or 'E-EFERMI' in line
            if found := _FERMI.match(line):
                fermi = read_fermi(found[1], where, number, at_end=number == len(lines))
        elif line.strip():
            rows.append((number, line))
    table = _table(rows, n_e * n_spin, n_projections + 1, where).reshape(n_spin, n_e, n_projections + 1)
    energies = table[0, :, 0] + (fermi if relative and fermi is not None else 0.0)
    labels = [f'projection {i + 1}' for i in range(n_projections - 1)] + ['total']
    densities = table[:, :, 1:].swapaxes(1, 2).copy()
    return Dos(energies, densities, fermi, labels, absolute=not relative or fermi is not None), label


def _table(rows: list[tuple[int, str]], n_rows: int, n_columns: int, where: str) -> Array:
    """Return the numbers of all rows; a row may go on in the next line.

    :raises OutputFileError: rows or numbers are missing.
    """
    if len(rows) == n_rows:
        for number, line in rows:
            if len(words := line.split()) != n_columns:
                raise OutputFileError(f'{n_columns} numbers expected, {len(words)} found', where, number)
    elif sum(len(line.split()) for _, line in rows) != n_rows * n_columns:
        raise OutputFileError(f'{n_rows} rows announced, {len(rows)} found', where)
    return read_rows(rows, n_rows * n_columns, where)
