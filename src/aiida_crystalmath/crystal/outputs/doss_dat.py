"""DOSS.DAT: density of states for plotting, written by properties (DOSS).

Format (seen in real files): header ``# NEPTS n NPROJ n NSPIN n`` (NPROJ counts the total one, which comes last), axis
labels, then rows: energy and one density per projection, states/hartree/cell. The label of the x axis says whether
energies count from the Fermi energy (``E-EFERMI (HARTREE)``, then ``# EFERMI (HARTREE) e`` ends the table) or are
absolute (``ENERGY (HARTREE)``). The table of beta follows the one of alpha.
"""

from __future__ import annotations

import re

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Dos

_FILE = 'DOSS.DAT'
_SIZES = re.compile(r'#\s*NEPTS\s*(\d+)\s*NPROJ\s*(\d+)\s*NSPIN\s*(\d+)')
_FERMI = re.compile(r'#\s*EFERMI \(HARTREE\)\s+(\S+)')


def read_doss_dat(text: str) -> Dos:
    """Return the density of states of a DOSS.DAT, energies absolute wherever the file allows it.

    :raises OutputFileError: the header is missing, or the table is cut, or it is a COOP file (same layout).
    """
    lines = text.splitlines()
    sizes = _SIZES.match(lines[0].strip()) if lines else None
    if sizes is None:
        raise OutputFileError('the first line is not "# NEPTS n NPROJ n NSPIN n"', _FILE, 1)
    n_e, n_projections, n_spin = (int(group) for group in sizes.groups())
    relative, fermi = False, None
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith(('#', '@', '&')):
            if 'YAXIS LABEL' in line and 'DENSITY OF STATES' not in line:
                raise OutputFileError(f'not a density of states: {line.strip()}', _FILE, number)
            relative = relative or 'E-EFERMI' in line
            if found := _FERMI.match(line):
                fermi = float(found[1])
        elif line.strip():
            try:
                rows.append([float(word) for word in line.replace('D', 'E').split()])
            except ValueError as exc:
                raise OutputFileError(f'a row cannot be read ({exc})', _FILE, number) from exc
            if len(rows[-1]) != n_projections + 1:
                found_columns = f'{n_projections + 1} numbers expected, {len(rows[-1])} found'
                raise OutputFileError(found_columns, _FILE, number)
    if len(rows) != n_e * n_spin:
        raise OutputFileError(f'{n_e * n_spin} rows announced, {len(rows)} found', _FILE)
    table = np.array(rows).reshape(n_spin, n_e, n_projections + 1)
    densities = np.swapaxes(table[:, :, 1:], 1, 2).copy()
    if n_spin == 2 and densities[1, -1].sum() < 0:
        densities[1] *= -1.0
    energies = table[0, :, 0] + (fermi if relative and fermi is not None else 0.0)
    labels = [f'projection {i + 1}' for i in range(n_projections - 1)] + ['total']
    return Dos(energies, densities, fermi, labels, absolute=not relative or fermi is not None)
