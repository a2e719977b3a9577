"""How large a calculation is: basis functions, irreducible k-points and atoms of CRYSTAL's primitive cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_crystalmath.workflows.crystal.kmesh import shrink_from_distance, thick_cell

if TYPE_CHECKING:
    from aiida import orm

    from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('JobSize', 'irreducible', 'size_of')


@dataclass(frozen=True)
class JobSize:
    """What the cost of a calculation depends on, all of the primitive cell.

    :param n_irreducible_atoms: atoms that no symmetry makes equal.
    :param n_kpoints: irreducible under symmetry and time reversal; 1 for a molecule.
    """

    n_functions: int
    n_atoms: int
    n_irreducible_atoms: int
    n_kpoints: int
    spin_polarised: bool = False

    @property
    def words(self) -> str:
        """Say it in one line."""
        spin = ', spin-polarised' if self.spin_polarised else ''
        points = f'{self.n_kpoints} k-point{"s" if self.n_kpoints != 1 else ""}'
        return (
            f'{self.n_functions} basis functions, {self.n_atoms} atom{"s" if self.n_atoms != 1 else ""} '
            f'({self.n_irreducible_atoms} irreducible), {points}{spin}'
        )


def size_of(
    structure: orm.StructureData,
    basis_sets: Mapping[str, Any],
    *,
    shrink: Mapping[str, Any] | None,
    kpoints_distance: float | None,
    spin_polarised: bool,
    settings: Mapping[str, Any],
) -> JobSize:
    """Measure a calculation.

    :param basis_sets: ``BasisSetData`` of each kind or element.
    :param shrink: the mesh; else that of ``kpoints_distance`` (1/Å); else the zone centre alone.
    :param settings: of the calculation: ``symmetry`` and ``symprec`` decide which cell is primitive.
    :raises ValueError: if a kind has no basis set.
    """
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    symprec = float(settings.get('symprec') or 1e-5)
    primitive = reduce_geometry(to_geometry(structure), settings).crystal_geometry
    if shrink is None and kpoints_distance is not None and primitive.dimensionality:
        shrink = shrink_from_distance(primitive, kpoints_distance, symprec)
    n_kpoints, n_irreducible = irreducible(primitive, _mesh(primitive, shrink), symprec)
    functions = 0
    for site in primitive.sites:
        basis = basis_sets.get(site.kind or site.symbol) or basis_sets.get(site.symbol)
        if basis is None:
            raise ValueError(f'there is no basis set for {site.kind or site.symbol}: the size is not known.')
        functions += int(basis.n_functions)
    return JobSize(functions, len(primitive.sites), n_irreducible, n_kpoints, spin_polarised)


def _mesh(primitive: Geometry, shrink: Mapping[str, Any] | None) -> tuple[int, int, int]:
    """Return the divisions along the three reciprocal vectors; 1 where there is no period."""
    factor = (shrink or {}).get('is') or 1
    divisions = factor if isinstance(factor, list | tuple) else (factor,) * 3
    first, second, third = (int(n) if periodic else 1 for n, periodic in zip(divisions, primitive.pbc, strict=True))
    return first, second, third


def irreducible(primitive: Geometry, mesh: tuple[int, int, int], symprec: float = 1e-5) -> tuple[int, int]:
    """Return how many points of a mesh centred at Γ and how many atoms symmetry leaves."""
    import spglib

    species = {name: index for index, name in enumerate(dict.fromkeys(site.species for site in primitive.sites), 1)}
    numbers = [species[site.species] for site in primitive.sites]
    if primitive.dimensionality == 0:
        return 1, len(primitive.sites)
    cell = thick_cell(primitive)
    lattice = (cell.tolist(), (primitive.positions @ np.linalg.inv(cell)).tolist(), numbers)
    found = spglib.get_symmetry(lattice, symprec=symprec)
    atoms = len(set(found['equivalent_atoms'].tolist())) if found is not None else len(numbers)
    mapping, _ = spglib.get_ir_reciprocal_mesh(list(mesh), lattice, is_shift=[0, 0, 0], symprec=symprec)
    return len(set(mapping.tolist())), atoms
