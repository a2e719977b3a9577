"""The input of ``properties`` for the bonds between atoms: COOP and COHP over the energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.crystal.planes import Neighbour, nearest_neighbours, neighbours
from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.workflows.crystal.dos_input import ALL_POLYNOMIALS, MAX_PROJECTIONS
from aiida_crystalmath.workflows.crystal.kmesh import shrink_from_distance

if TYPE_CHECKING:
    from aiida import orm

    from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('BETWEEN', 'Bond', 'bonds_of', 'cohp_blocks', 'crystal_pairs')

BETWEEN = ('atoms', 'kinds')


@dataclass(frozen=True)
class Bond:
    """Two groups of atoms of the primitive cell between which populations are analysed, with all images of the second.

    :param first: atoms, numbered from 1 in CRYSTAL's order, likewise ``second``.
    :param label: for people: ``Mg 1 - O 2``, or ``Mg - O`` for kinds.
    :param distance: shortest one between the groups, Å.
    :param count: how many pairs (first atom in the cell) lie at that distance, within 0.05 Å.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    label: str
    distance: float
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            'label': self.label,
            'first_atoms': list(self.first),
            'second_atoms': list(self.second),
            'distance_angstrom': round(self.distance, 6),
            'n_bonds': self.count,
        }


def bonds_of(
    geometry: Geometry,
    *,
    between: str = 'atoms',
    pairs: Sequence[Sequence[int]] | None = None,
    cutoff: float | None = None,
) -> list[Bond]:
    """Return the bonds to analyse, nearest first.

    An atom and its own images are no bond here: the groups would be the same, and the terms on the atom itself be
    counted.

    :param geometry: primitive cell in CRYSTAL's order.
    :param between: ``atoms``: every pair of atoms apart; ``kinds``: all atoms of one kind with all of another.
    :param pairs: atoms in CRYSTAL's order, from 1; None takes neighbours.
    :param cutoff: largest distance of neighbours, Å; None takes the nearest of each atom.
    :raises ValueError: if there is no bond, or there are more than CRYSTAL takes in one run.
    """
    if pairs is not None:
        found = [_shortest(geometry, (first,), (second,)) for first, second in pairs]
    else:
        near = neighbours(geometry, cutoff) if cutoff is not None else nearest_neighbours(geometry)
        found = _grouped(geometry, [pair for pair in near if pair.first != pair.second], between)
    if not found:
        raise ValueError(
            'no two atoms of the primitive cell are neighbours'
            + (f' within {cutoff:g} Å' if cutoff is not None else ' (its atoms neighbour their own images only)')
            + ': widen the cutoff, or name pairs.'
        )
    if len(found) > MAX_PROJECTIONS:
        raise ValueError(
            f'{len(found)} bonds are asked for, but CRYSTAL takes {MAX_PROJECTIONS} in one run: analyse them between '
            '`kinds`, narrow the cutoff, or name the pairs.'
        )
    return found


def _grouped(geometry: Geometry, near: Sequence[Neighbour], between: str) -> list[Bond]:
    """Return the bonds between the groups that the neighbours belong to, in the order of the neighbours."""
    kinds = geometry.kinds
    groups: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = {}
    for pair in near:
        sides = (pair.first, pair.second)
        if between == 'kinds' and kinds[pair.first] != kinds[pair.second]:
            wanted = [tuple(i + 1 for i, kind in enumerate(kinds) if kind == kinds[side]) for side in sides]
        else:
            wanted = [(side + 1,) for side in sides]
        first, second = sorted(wanted)
        groups[first, second] = None
    return [_shortest(geometry, first, second) for first, second in groups]


def _shortest(geometry: Geometry, first: tuple[int, ...], second: tuple[int, ...]) -> Bond:
    """Return the bond between two groups, with its shortest distance."""
    reach, found = 3.0, list[Neighbour]()
    while not found and reach < 100.0:
        reach *= 1.5
        found = [pair for pair in neighbours(geometry, reach) if pair.first + 1 in first and pair.second + 1 in second]
    if not found:
        raise ValueError(f'atoms {list(first)} and {list(second)} are more than {reach:.0f} Å apart.')
    distance = found[0].distance
    count = sum(pair.distance < distance + 0.05 for pair in found)
    label = ' - '.join(_label(geometry, group) for group in (first, second))
    return Bond(first, second, label, distance, count)


def _label(geometry: Geometry, group: tuple[int, ...]) -> str:
    kind = geometry.kinds[group[0] - 1]
    return f'{kind} {group[0]}' if len(group) == 1 else kind


def crystal_pairs(folder: orm.RemoteData, pairs: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return pairs of atoms of the structure (from 1) in the order of CRYSTAL's primitive cell.

    :raises ValueError: if there is no such atom, or both are images of one atom of the primitive cell.
    """
    parent = Parent.of(folder)
    cells = parent.cells()
    order = cells.atoms(range(1, len(parent.wavefunction_geometry()) + 1))
    turned = []
    for pair in pairs:
        if any(not 1 <= atom <= len(order) for atom in pair):
            raise ValueError(f'the pair {list(pair)} is asked for, but the structure has {len(order)} atoms (from 1).')
        first, second = (order[atom - 1] for atom in pair)
        if first == second:
            raise ValueError(
                f'atoms {list(pair)} are images of one atom of the primitive cell: the terms on the atom itself cannot '
                'be told from those of the bond; use a structure of lower symmetry.'
            )
        turned.append((first, second))
    return turned


def cohp_blocks(
    geometry: Geometry,
    bonds: Sequence[Bond],
    *,
    distance: float,
    n_points: int,
    window_ev: tuple[float, float],
    fermi_energy_ev: float | None,
) -> list[dict[str, Any]]:
    """Return the blocks NEWK, COOP and COHP.

    :param geometry: primitive cell of the wavefunction.
    :param distance: between k-points, 1/Å.
    :param n_points: number of energies.
    :param window_ev: from the Fermi energy.
    :param fermi_energy_ev: of the wavefunction.
    :raises ValueError: for a molecule, or if the Fermi energy is not known.
    """
    if fermi_energy_ev is None:
        raise ValueError('the calculation of the wavefunction has no Fermi energy in its output parameters.')
    curves = {
        'n_points': n_points,
        'energy_window_hartree': [(fermi_energy_ev + edge) / HARTREE_EV for edge in window_ev],
        'n_polynomials': ALL_POLYNOMIALS,
        'interactions': [
            {'first': {'atoms': list(bond.first)}, 'second': {'atoms': list(bond.second)}} for bond in bonds
        ],
    }
    return [
        {'keyword': 'NEWK', 'shrink': shrink_from_distance(geometry, distance), 'print_fermi': 1},
        {'keyword': 'COOP', **curves},
        {'keyword': 'COHP', **curves},
    ]
