"""The input of ``properties`` for a density of states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.calculations.properties23 import atoms_of_kinds
from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.workflows.crystal.kmesh import shrink_from_distance

if TYPE_CHECKING:
    from aiida import orm

__all__ = ('MAX_PROJECTIONS', 'PROJECTIONS', 'dos_blocks', 'projections_on')

PROJECTIONS = ('kinds', 'atoms', 'none')

MAX_PROJECTIONS = 15
"""CRYSTAL's limit for one DOSS (CRYSTAL23 manual, DOSS)."""

ALL_POLYNOMIALS = 14
"""Legendre polynomials of the expansion; 12 to 18 are usual (CRYSTAL23 manual, DOSS: NPOL, at most 25)."""


def dos_blocks(
    folder: orm.RemoteData,
    *,
    distance: float,
    n_points: int,
    window_ev: tuple[float, float],
    fermi_energy_ev: float | None,
    projections: str,
) -> list[dict[str, Any]]:
    """Return the blocks NEWK and DOSS.

    :param folder: the wavefunction; the calculation that made it knows the primitive cell.
    :param distance: between k-points, 1/Å.
    :param n_points: number of energies.
    :param window_ev: from the Fermi energy.
    :param fermi_energy_ev: of the wavefunction.
    :param projections: ``kinds``, ``atoms`` or ``none``.
    :raises ValueError: if the Fermi energy is not known, or there are more projections than CRYSTAL takes.
    """
    if fermi_energy_ev is None:
        raise ValueError('the calculation of the wavefunction has no Fermi energy in its output parameters.')
    primitive = Parent.of(folder).reduced().crystal_geometry
    blocks: list[dict[str, Any]] = []
    if primitive.dimensionality > 0:
        shrink = shrink_from_distance(primitive, distance)
        blocks.append({'keyword': 'NEWK', 'shrink': shrink, 'print_fermi': 1})
    blocks.append(
        {
            'keyword': 'DOSS',
            'n_points': n_points,
            'energy_window_hartree': [(fermi_energy_ev + edge) / HARTREE_EV for edge in window_ev],
            'n_polynomials': ALL_POLYNOMIALS,
            'projections': [{'atoms': atoms} for atoms in projections_on(projections, folder).values()],
        }
    )
    return blocks


def projections_on(what: str, folder: orm.RemoteData) -> dict[str, list[int]]:
    """Return the atoms of each projection by its label, as CRYSTAL numbers them from 1.

    :param what: ``kinds``, ``atoms`` or ``none``.
    :param folder: the wavefunction.
    :raises ValueError: if there are more than CRYSTAL takes.
    """
    groups = {} if what == 'none' else atoms_of_kinds(folder)
    if what == 'atoms':
        groups = {f'{kind} {atom}': [atom] for kind, atoms in groups.items() for atom in atoms}
    if len(groups) > MAX_PROJECTIONS:
        raise ValueError(
            f'{len(groups)} projections are asked for, but CRYSTAL takes {MAX_PROJECTIONS} in one run: project on '
            '`kinds`, or give `properties.parameters`.'
        )
    return groups
