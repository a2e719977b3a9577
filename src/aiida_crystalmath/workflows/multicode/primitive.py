"""The standard primitive cell of a crystal, with the way from the cell it came from. No AiiDA here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('StandardPrimitive', 'mesh_for_distance', 'standard_primitive')

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StandardPrimitive:
    """A crystal in spglib's standard primitive cell, made exactly symmetric.

    :param geometry: the new cell; kinds and spins are those of the first atom that each of its atoms stands for.
    :param atom_map: index in ``geometry`` of every atom of the old cell; ``None`` for one that was left out.
    :param transformation: T with ``new vectors = T @ old vectors``, up to a rotation; so ``k_new = T @ k_old`` for
        fractional k-points.
    :param displacement_angstrom: how far the atom that moved most was moved to be exactly symmetric.
    :param number: of the space group, with atoms of different kinds taken for different.
    :param symbol: its symbol.
    :param is_symmorphic: whether no operation of the new cell has a fractional translation, with its atoms where they
        are.
    """

    geometry: Geometry
    atom_map: tuple[int | None, ...]
    transformation: Matrix
    displacement_angstrom: float
    number: int
    symbol: str
    is_symmorphic: bool

    def kpoints(self, old: ArrayLike) -> Matrix:
        """Return k-points, fractional in the old cell (n, 3), in the new one."""
        result: Matrix = np.asarray(old, dtype=float).reshape(-1, 3) @ self.transformation.T
        return result


def standard_primitive(geometry: Geometry, symprec: float = 1e-4) -> StandardPrimitive:
    """Return the standard primitive cell of a crystal without its ghosts.

    The convention is spglib's (``standardize_cell(to_primitive=True)``; Togo, Shinohara, Tanaka, Sci. Technol. Adv.
    Mater. Methods 4, 2384822 (2024)): the standardised conventional cell of International Tables, and its primitive
    cell. Atoms of different kinds are different, so that a magnetic order survives.

    :param symprec: tolerance on positions, Å.
    :raises ValueError: for what is no crystal, has no atoms, or no symmetry that spglib finds.
    """
    import spglib

    from aiida_crystalmath.crystal.symmetry.search import find_dataset, species_indices

    if geometry.dimensionality != 3:
        raise ValueError(
            f'the structure repeats in {geometry.dimensionality} directions: plane waves need a cell that repeats in '
            'three; a slab or molecule with vacuum around it is another calculation, which must be set up on purpose'
        )
    kept = [index for index, site in enumerate(geometry.sites) if not site.ghost]
    if not kept:
        raise ValueError('the structure has no atoms but ghosts')
    atoms = geometry.with_sites([geometry.sites[index] for index in kept])
    species = species_indices(atoms)
    cell = np.array(atoms.cell)
    found: Any = find_dataset(cell, atoms.fractional, species, symprec)
    standard = spglib.standardize_cell(
        (cell.tolist(), atoms.fractional.tolist(), species), to_primitive=True, symprec=symprec
    )
    if standard is None:
        raise ValueError(f'spglib finds no primitive cell with a tolerance of {symprec} Å')
    lattice, fractional, numbers = (np.asarray(part) for part in standard)
    conventional = np.asarray(found.std_lattice)
    # x_std = P x + p, and the vectors of the primitive cell as combinations of those of the standard one.
    centring = np.rint(12 * lattice @ np.linalg.inv(conventional)) / 12
    transformation = centring @ np.linalg.inv(np.asarray(found.transformation_matrix)).T
    positions = atoms.fractional @ np.asarray(found.transformation_matrix).T + np.asarray(found.origin_shift)
    inside = positions @ np.linalg.inv(centring)
    mapping, moved = _matched(inside, species, fractional, numbers, lattice)
    if moved > max(20 * symprec, 1e-2):
        raise ValueError(f'an atom would have to move by {moved:.4f} Å to be where the symmetry wants it')
    first = {new: atoms.sites[old] for old, new in reversed(list(enumerate(mapping)))}
    sites = [first[index].moved_to(place @ lattice) for index, place in enumerate(fractional)]
    atom_map: list[int | None] = [None] * len(geometry)
    for old, new in zip(kept, mapping, strict=True):
        atom_map[old] = new
    operations = find_dataset(lattice, fractional, numbers.tolist(), symprec)
    shifts = np.asarray(operations.translations)
    return StandardPrimitive(
        geometry=Geometry(lattice, 3, tuple(sites)),
        atom_map=tuple(atom_map),
        transformation=transformation,
        displacement_angstrom=moved,
        number=int(found.number),
        symbol=str(found.international),
        is_symmorphic=bool((np.abs(shifts - np.rint(shifts)) < 1e-4).all()),
    )


def _matched(
    inside: Matrix, species: list[int], fractional: Matrix, numbers: NDArray[np.int64], lattice: Matrix
) -> tuple[list[int], float]:
    """Return which atom of the new cell each old one is, and the largest distance between the two, Å.

    :raises ValueError: if atoms are left over.
    """
    mapping, distances = [], []
    for place, kind in zip(inside, species, strict=True):
        apart = fractional - place
        lengths = np.linalg.norm((apart - np.rint(apart)) @ lattice, axis=1)
        lengths[numbers != kind] = np.inf
        nearest = int(lengths.argmin())
        mapping.append(nearest)
        distances.append(float(lengths[nearest]))
    counts = np.bincount(mapping, minlength=len(fractional))
    if len(set(counts.tolist())) != 1 or not np.isfinite(distances).all():
        raise ValueError('the atoms of the primitive cell cannot be matched with those of the structure')
    return mapping, max(distances)


def mesh_for_distance(geometry: Geometry, distance: float) -> list[int]:
    """Return the coarsest mesh whose points are at most ``distance`` (1/Å, with the factor 2π) apart.

    :raises ValueError: if the distance is not positive.
    """
    if not distance > 0:
        raise ValueError(f'the distance between k-points must be positive (1/Å), not {distance}')
    lengths = np.linalg.norm(geometry.reciprocal_cell, axis=1)
    return [max(1, int(np.ceil(length / distance - 1e-6))) for length in lengths]
