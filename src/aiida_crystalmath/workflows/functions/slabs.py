"""Slabs cut from a crystal: one layer of atomic planes, repeated in two directions only, no vacuum.

Planes of atoms and terminations are found here; the oriented cell is ASE's (``ase.build.surface``, extra
``structure``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import NON_PERIODIC_LENGTH_ANGSTROM, Geometry, Site

__all__ = ('PLANE_ANGSTROM', 'Cut', 'choose_cut', 'cut_slab', 'find_cuts', 'slab_structure')

PLANE_ANGSTROM = 0.05
"""Atoms nearer than this along the normal are in one plane."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A slab, and what must be known of it.

    :param geometry: in its primitive two-dimensional cell, z along the normal, around z = 0.
    :param termination: which plane of the repeat unit is the lowest, from 0; a crystal has ``n_terminations``.
    :param layers: number of planes of atoms.
    :param is_symmetric: the two surfaces are equivalent, so that the slab has no dipole and each half of the energy.
    :param is_stoichiometric: the slab has the formula of the crystal.
    :param planes: formula of each plane, from below.
    """

    geometry: Geometry
    termination: int
    n_terminations: int
    layers: int
    is_symmetric: bool
    is_stoichiometric: bool
    planes: tuple[str, ...]

    def __str__(self) -> str:
        """Return what it is in one line."""
        symmetric = 'symmetric' if self.is_symmetric else 'NOT symmetric'
        formula = 'stoichiometric' if self.is_stoichiometric else 'NOT stoichiometric'
        planes = ' | '.join(self.planes)
        return f'termination {self.termination}, {self.layers} layers ({planes}): {symmetric}, {formula}'


def find_cuts(geometry: Geometry, miller: Sequence[int], layers: int, *, conventional: bool = True) -> list[Cut]:
    """Return the slabs of a number of atomic planes, one for each termination.

    :param geometry: a crystal.
    :param miller: Miller indices, of the conventional cell (International Tables, as spglib has it), or of the cell
        given.
    :param layers: number of planes of atoms.
    :raises ValueError: for what is no crystal, indices that are all zero, or no layer.
    :raises ImportError: if ASE is not installed.
    """
    if geometry.dimensionality != 3:
        raise ValueError('a slab is cut from a crystal, periodic in three directions.')
    indices = [int(index) for index in miller]
    if len(indices) != 3 or not any(indices):
        raise ValueError(f'Miller indices are three whole numbers that are not all zero, not {list(miller)}.')
    if layers < 1:
        raise ValueError(f'a slab has at least one layer, not {layers}.')
    divisor = gcd(*indices)
    indices = [index // divisor for index in indices]
    cell = _conventional(geometry) if conventional else geometry
    period = len(_planes(_stacked(cell, indices, 3))) - len(_planes(_stacked(cell, indices, 2)))
    repeats = (layers + period - 1) // period + 2
    stack = _stacked(cell, indices, repeats)
    planes = _planes(stack)
    # The first planes may belong to a unit that is not whole: start with the second unit.
    return [
        _cut(geometry, stack, planes[period + start : period + start + layers], start, period)
        for start in range(period)
    ]


def choose_cut(
    geometry: Geometry,
    miller: Sequence[int],
    layers: int,
    *,
    termination: int | None = None,
    conventional: bool = True,
    any_surface: bool = False,
) -> Cut:
    """Return one slab: the termination asked for, or the first that is symmetric and stoichiometric.

    :param any_surface: take also slabs that are polar or have another formula than the crystal.
    :raises ValueError: if there is none, with what there is, or what another number of layers would give.
    """
    cuts = find_cuts(geometry, miller, layers, conventional=conventional)
    if termination is not None:
        if not 0 <= termination < len(cuts):
            raise ValueError(f'there is no termination {termination}: this surface has {len(cuts)}, from 0.')
        cuts = [cuts[termination]]
    good = [cut for cut in cuts if cut.is_symmetric and cut.is_stoichiometric]
    if good or any_surface:
        return (good or cuts)[0]
    name = ''.join(str(index) for index in miller)
    found = '; '.join(str(cut) for cut in cuts)
    raise ValueError(
        f'no slab of ({name}) with {layers} layers is symmetric and stoichiometric: {found}. '
        + _hint(geometry, miller, layers, conventional)
    )


def _hint(geometry: Geometry, miller: Sequence[int], layers: int, conventional: bool) -> str:
    """Return what would give a proper slab, or that nothing near does."""
    for other in (n for step in range(1, 9) for n in (layers + step, layers - step) if n > 0):
        for cut in find_cuts(geometry, miller, other, conventional=conventional):
            if cut.is_symmetric and cut.is_stoichiometric:
                return f'{other} layers give one (termination {cut.termination}).'
    return 'No near number of layers gives one: the surface is polar; it would need a reconstruction.'


def cut_slab(
    structure: orm.StructureData, miller: Sequence[int], layers: int, **options: Any
) -> tuple[orm.StructureData, Cut]:
    """Return an unstored structure of a slab with the kinds of the crystal, and what is known of it.

    The options are those of :func:`choose_cut`.
    """
    from aiida_crystalmath.data.structure import from_geometry, to_geometry

    cut = choose_cut(to_geometry(structure), miller, layers, **options)
    return from_geometry(cut.geometry), cut


@calcfunction
def slab_structure(structure: orm.StructureData, options: orm.Dict) -> dict[str, Any]:
    """Return the slab of :func:`cut_slab` as ``structure``, and what is known of it as ``cut``.

    :param options: ``miller``, ``layers``, and the options of :func:`choose_cut`.
    """
    slab, cut = cut_slab(structure, **options.get_dict())
    known = {
        'miller': options['miller'],
        'layers': cut.layers,
        'termination': cut.termination,
        'n_terminations': cut.n_terminations,
        'planes': list(cut.planes),
        'is_symmetric': cut.is_symmetric,
        'is_stoichiometric': cut.is_stoichiometric,
        'area_angstrom2': cut.geometry.measure,
        'thickness_angstrom': float(np.ptp(cut.geometry.positions[:, 2])),
        'bulk_cells': len(cut.geometry) / len(structure.sites),
    }
    return {'structure': slab, 'cut': orm.Dict(known)}


# -- how it is done ----------------------------------------------------------------------------------------------------


def _conventional(geometry: Geometry) -> Geometry:
    """Return the conventional cell of a crystal, with the kinds of its atoms."""
    from aiida_crystalmath.crystal.symmetry.search import find_dataset, species_indices

    species = species_indices(geometry)
    found = find_dataset(np.array(geometry.cell), geometry.fractional, species, 1e-5)
    like = {number: site for number, site in zip(species, geometry.sites, strict=True)}
    cell = np.array(found.std_lattice)
    positions = np.array(found.std_positions) @ cell
    sites = [like[int(number)].moved_to(place) for number, place in zip(found.std_types, positions, strict=True)]
    return Geometry(cell, 3, tuple(sites))


def _stacked(geometry: Geometry, indices: Sequence[int], repeats: int) -> Geometry:
    """Return units stacked along the normal: periodic in the plane, z the normal."""
    try:
        from ase import Atoms
        from ase.build import surface
    except ImportError as exception:
        raise ImportError(
            'slabs need ASE, which is not installed: run `pip install "aiida-crystalmath[structure]"`.'
        ) from exception
    from aiida_crystalmath.crystal.symmetry.search import species_indices

    # Kinds would be lost on the way: species stand in for the elements.
    species = species_indices(geometry)
    like = {number: site for number, site in zip(species, geometry.sites, strict=True)}
    atoms = Atoms(numbers=species, positions=geometry.positions, cell=np.array(geometry.cell), pbc=True)
    orient: Any = surface  # ASE has no types
    built = orient(atoms, tuple(indices), repeats, vacuum=None, periodic=True)
    sites = [like[int(n)].moved_to(p) for n, p in zip(built.numbers, built.positions, strict=True)]
    return Geometry(np.array(built.cell), 2, tuple(sites))


def _planes(geometry: Geometry) -> list[list[Site]]:
    """Return the atoms by planes, from below."""
    planes: list[list[Site]] = []
    for site in sorted(geometry.sites, key=lambda one: one.position[2]):
        if planes and site.position[2] - planes[-1][-1].position[2] < PLANE_ANGSTROM:
            planes[-1].append(site)
        else:
            planes.append([site])
    return planes


def _cut(bulk: Geometry, stack: Geometry, planes: list[list[Site]], termination: int, period: int) -> Cut:
    """Return a slab of some planes of a stack, in its primitive cell, around z = 0."""
    heights = [site.position[2] for plane in planes for site in plane]
    middle = 0.5 * (min(heights) + max(heights))
    cell = np.array(stack.cell)
    cell[2] = (0.0, 0.0, NON_PERIODIC_LENGTH_ANGSTROM)
    sites = [
        replace(site, position=(site.position[0], site.position[1], site.position[2] - middle))
        for plane in reversed(planes)
        for site in plane
    ]
    geometry = _primitive(Geometry(cell, 2, tuple(sites)))
    formula = Counter(site.kind or site.symbol for site in geometry.sites)
    whole = Counter(site.kind or site.symbol for site in bulk.sites)
    return Cut(
        geometry=geometry,
        termination=termination,
        n_terminations=period,
        layers=len(planes),
        is_symmetric=_turns_over(geometry),
        is_stoichiometric=_same_formula(formula, whole),
        planes=tuple(_formula(plane) for plane in planes),
    )


def _same_formula(one: Counter[str], other: Counter[str]) -> bool:
    """Tell whether two cells have the same composition."""
    n_one, n_other = one.total(), other.total()
    return set(one) == set(other) and all(one[key] * n_other == other[key] * n_one for key in one)


def _formula(plane: list[Site]) -> str:
    """Return the formula of a plane in its smallest numbers."""
    counts = Counter(site.symbol for site in plane)
    divisor = gcd(*counts.values())
    return ''.join(f'{name}{count // divisor if count > divisor else ""}' for name, count in sorted(counts.items()))


def _primitive(geometry: Geometry) -> Geometry:
    """Return a slab in its primitive cell, the first atom of each set of equivalent ones."""
    from aiida_crystalmath.crystal.symmetry.search import primitive_vectors, search

    found = search(geometry)
    if len(found.pure_translations()) == 1:
        return geometry
    vectors = primitive_vectors(found, 2) @ found.frame
    first = vectors[0] / np.linalg.norm(vectors[0])
    turn: NDArray[np.float64] = np.array([[first[0], -first[1], 0.0], [first[1], first[0], 0.0], [0.0, 0.0, 1.0]])
    cell = vectors @ turn
    if cell[1, 1] < 0:
        cell[1] *= -1
    cell[2] = geometry.cell[2]
    cell[np.abs(cell) < 1e-12] = 0.0
    kept: list[Site] = []
    fractions: list[NDArray[np.float64]] = []
    inverse = np.linalg.inv(cell)
    for site in geometry.sites:
        moved = site.moved_to(np.asarray(site.position) @ turn)
        fraction = np.asarray(moved.position) @ inverse
        fraction[:2] -= np.floor(fraction[:2] + 1e-6)
        apart = [fraction - other for other in fractions]
        near = [np.linalg.norm((delta - [*np.rint(delta[:2]), 0.0]) @ cell) < 1e-3 for delta in apart]
        if not any(near):
            fractions.append(fraction)
            kept.append(moved.moved_to(fraction @ cell))
    return Geometry(cell, 2, tuple(kept))


def _turns_over(geometry: Geometry) -> bool:
    """Tell whether an operator of the layer group exchanges the two surfaces."""
    from aiida_crystalmath.crystal.symmetry.search import search

    return bool((search(geometry, 1e-3).rotations[:, 2, 2] == -1).any())
