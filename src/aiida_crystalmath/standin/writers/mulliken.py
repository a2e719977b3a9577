"""Mulliken population analysis (PPAN): the section of the output and the file PPAN.DAT.

PPAN.DAT follows the description in the CRYSTAL User's Manual: spin channels and atoms, then for each atom its atomic
number, number of shells, position (bohr), charge, number of orbitals and the populations of shells and orbitals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import Geometry

from ..model import Mulliken
from .fortran import clean, fixed, rows, scientific
from .frame import Output
from .geometry import BOHR_PRINTED

Real = NDArray[np.float64]

_NO_SPIN_OVERLAP = ' OVERLAP POPULATION CONDENSED TO ATOMS: NOT RESOLVED BY SPIN'


def section(out: Output, geometry: Geometry, populations: Mulliken) -> None:
    """Write the analysis of the charge and, when unrestricted, of the spin."""
    for name, charges, orbitals, shells in _channels(populations):
        out.timing('MONSPL')
        out.lines(
            [
                ' ' + 'M' * 79,
                f'     {name} ELECTRONS',
                f' MULLIKEN POPULATION ANALYSIS - NO. OF ELECTRONS{fixed(float(np.sum(charges)), 12, 6)}',
                '',
                '  ATOM    Z CHARGE  A.O. POPULATION',
                '',
                *_table(geometry, charges, orbitals, populations.ao_atoms),
                '',
                '  ATOM    Z CHARGE  SHELL POPULATION',
                '',
                *_table(geometry, charges, shells, populations.shell_atoms),
                '',
                *(_overlap(geometry, populations) if name == 'ALPHA+BETA' else [_NO_SPIN_OVERLAP]),
                '',
            ]
        )


def _overlap(geometry: Geometry, populations: Mulliken) -> list[str]:
    """Return the overlap populations between pairs of atoms (CRYSTAL resolves them by cell and distance)."""
    lines = [' OVERLAP POPULATION CONDENSED TO ATOMS, SUMMED OVER ALL CELLS']
    names = [f'{number:4d} {site.symbol.upper():<2s}' for number, site in enumerate(geometry.sites, 1)]
    for atom, name in enumerate(names):
        lines += ['', f' ATOM A{name}   ATOM B{"OVPOP(AB)":>45s}']
        lines += [f'{other:>22s}{fixed(populations.overlap[atom, b], 45, 3)}' for b, other in enumerate(names)]
    return lines


def _channels(populations: Mulliken) -> list[tuple[str, Real, Real, Real]]:
    """Return name and populations of atoms, orbitals and shells of the charge and, if there is one, of the spin."""
    charge = ('ALPHA+BETA', populations.electrons, populations.ao_electrons, populations.shell_electrons)
    if populations.spins is None or populations.ao_spins is None or populations.shell_spins is None:
        return [charge]
    return [charge, ('ALPHA-BETA', populations.spins, populations.ao_spins, populations.shell_spins)]


def _table(geometry: Geometry, charges: Real, values: Real, owners: Sequence[int] | NDArray[np.int64]) -> list[str]:
    lines: list[str] = []
    for atom, site in enumerate(geometry.sites):
        head = f'{atom + 1:4d} {site.symbol.upper():<2s}{site.conventional_number:4d}{fixed(charges[atom], 7, 3)}'
        own = [fixed(value, 7, 3) for value, owner in zip(values, owners, strict=True) if int(owner) == atom]
        lines += rows(own, 8, head)
    return lines


def write_ppan_dat(geometry: Geometry, populations: Mulliken) -> str:
    """Return the text of PPAN.DAT."""
    channels = _channels(populations)
    lines = [f'{len(channels):5d}{len(geometry.sites):5d}']
    positions = clean(geometry.positions) / BOHR_PRINTED
    for _, charges, orbitals, shells in channels:
        for atom, site in enumerate(geometry.sites):
            own_shells = shells[np.asarray(populations.shell_atoms) == atom]
            own_orbitals = orbitals[np.asarray(populations.ao_atoms) == atom]
            coordinates = ''.join(scientific(value, 15, 7) for value in positions[atom])
            lines.append(f'{site.conventional_number:5d}{len(own_shells):5d}')
            lines.append(f'{coordinates}{scientific(float(charges[atom]), 15, 7)}')
            lines += rows([scientific(float(value), 15, 7) for value in own_shells], 5)
            lines.append(f'{len(own_orbitals):5d}')
            lines += rows([scientific(float(value), 15, 7) for value in own_orbitals], 5)
    return '\n'.join(lines) + '\n'
