"""From a user's structure to what CRYSTAL reads, and back: :func:`reduce` and :class:`ReducedGeometry`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry import Geometry, Site
from ..inputs.geometry_block import AtomLine, GeometryBlock
from ..outputs.fort34 import SymmOps, read_fort34, write_fort34
from .build import SymmetryError, block_frame, expand, expand_orbits
from .lattice import minimal_cell, primitive_matrix
from .mapping import CellMap, align, cell_map, followed
from .search import Search, find_dataset, primitive_vectors, search, species_indices
from .settings import Setting, setting

Matrix = NDArray[np.float64]
Mode = Literal['auto', 'space_group', 'external', 'none']


@dataclass(frozen=True, eq=False)
class ReducedGeometry:
    """A user's structure together with CRYSTAL's form of it.

    :param source: the user's structure.
    :param block: geometry block to write in the d12.
    :param external: text of fort.34 if the block says EXTERNAL.
    :param space_group: number of the space group (3D), None if unknown.
    :param symbol: its symbol, empty if unknown.
    :param crystal_geometry: primitive cell as CRYSTAL builds it from block and fort.34, with the user's kinds.
    :param mapping: how the user's structure follows from it.
    :param reason: why the space-group input was not used although it was asked for, empty if it was.
    """

    source: Geometry
    block: GeometryBlock
    external: str | None
    space_group: int | None
    symbol: str
    crystal_geometry: Geometry
    mapping: CellMap
    reason: str = ''

    @property
    def atom_map(self) -> list[int]:
        """Index in ``crystal_geometry`` of every atom of the user's structure."""
        return list(self.mapping.atoms)

    def restore(
        self, crystal_geometry: Geometry, initial: Geometry | None = None, step: CellMap | None = None
    ) -> Geometry:
        """Return CRYSTAL's (relaxed) primitive cell as the user's cell, in the user's orientation and order of atoms.

        :param crystal_geometry: geometry of an output, all atoms of the primitive cell.
        :param initial: geometry from which that run started, as CRYSTAL printed it. Give it whenever there is one:
            then cell basis, orientation and order of atoms may differ from those of :attr:`crystal_geometry`.
        :param step: the way from there to :attr:`crystal_geometry` (:func:`align`), which takes long for many points.
        :raises SymmetryError: if the output is not a geometry of this structure.
        """
        start = self.crystal_geometry
        steps: list[CellMap] = [self.mapping]
        if initial is not None:
            initial = _dressed(initial, start)
            steps.insert(0, step or align(start, initial, tolerance=5e-3))
            start = initial
        _check_same_atoms(crystal_geometry, start)
        moving = crystal_geometry
        fractional = followed(moving, start)
        if initial is None:
            _check_not_far(fractional - start.fractional, moving)
        positions = np.empty(0)
        for way, target in zip(steps, [self.crystal_geometry, self.source][-len(steps) :], strict=True):
            frame, positions = way.target_frame(moving), way.positions(moving, fractional)
            moving = _with_frame(target, frame).with_positions(positions)
            fractional = positions @ np.linalg.inv(frame)
        return moving

    def to_crystal_fractional_k(self, k: ArrayLike, initial: Geometry | None = None) -> Matrix:
        """Return k-points, fractional in the user's reciprocal cell (n, 3), in CRYSTAL's primitive reciprocal cell.

        :param initial: starting geometry as CRYSTAL printed it. Give it whenever there is one: then the points are
            right even if CRYSTAL chose another basis of the primitive lattice than :attr:`crystal_geometry` has.
        :raises SymmetryError: if ``initial`` is not a geometry of this structure.
        """
        points = np.asarray(k, dtype=float).reshape(-1, 3)
        result: Matrix = points @ np.linalg.inv(self._multiples(initial)).T
        return result

    def from_crystal_fractional_k(self, k: ArrayLike, initial: Geometry | None = None) -> Matrix:
        """Return k-points, fractional in CRYSTAL's primitive reciprocal cell (n, 3), in the user's reciprocal cell.

        :param initial: as in :meth:`to_crystal_fractional_k`.
        """
        points = np.asarray(k, dtype=float).reshape(-1, 3)
        result: Matrix = points @ self._multiples(initial).T
        return result

    def _multiples(self, initial: Geometry | None) -> Matrix:
        """Return M with ``user's cell = M @ CRYSTAL's primitive cell``, up to a rotation."""
        if initial is None:
            return self.mapping.multiples
        expected = self.crystal_geometry
        step = align(expected, _dressed(initial, expected), tolerance=5e-3)
        product: Matrix = self.mapping.multiples @ step.multiples
        return product


def _with_frame(geometry: Geometry, frame: Matrix) -> Geometry:
    """Return a geometry with new periodic vectors; its non-periodic ones are kept."""
    cell = np.array(geometry.cell)
    periodic = np.array(geometry.pbc)
    cell[periodic] = frame[periodic]
    return replace(geometry, cell=cell)


def _dressed(geometry: Geometry, like: Geometry) -> Geometry:
    """Return a geometry of an output with kinds and spins given by the order of atoms, if elements tell nothing else.

    An output knows elements only. Where its order is that of ``like`` (the rule), kinds and spins come from there;
    where it is not, atoms are told apart by element alone, and the caller matches positions.
    """
    if len(geometry) != len(like):
        raise SymmetryError(f'the output has {len(geometry)} atoms in the primitive cell, {len(like)} are expected')
    if [site.number for site in geometry.sites] == [site.number for site in like.sites]:
        return geometry.with_sites(
            old.moved_to(site.position) for old, site in zip(like.sites, geometry.sites, strict=True)
        )
    return geometry


def _check_same_atoms(new: Geometry, old: Geometry) -> None:
    if [site.number for site in new.sites] != [site.number for site in old.sites]:
        raise SymmetryError(
            f'the atoms of the output ({new.formula}) have another order or number than at its start ({old.formula}); '
            'pass the starting geometry of the same output as `initial`'
        )


def _check_not_far(change: Matrix, geometry: Geometry, limit_angstrom: float = 1.5) -> None:
    if len(change) and float(np.linalg.norm(change @ geometry.frame, axis=1).max()) > limit_angstrom:
        raise SymmetryError(
            f'an atom is more than {limit_angstrom} Å from where it is expected: the order of atoms is in doubt; '
            'pass the starting geometry of the same output as `initial`'
        )


# ------------------------------------------------------------------------------------------ reduce


def reduce(geometry: Geometry, symprec: float = 1e-5, mode: Mode = 'auto') -> ReducedGeometry:
    """Find symmetry and write a structure in CRYSTAL's form.

    :param geometry: the user's structure: any cell, supercell, orientation; any periodic directions.
    :param symprec: tolerance in Å. A structure that is symmetric within it only is made exactly symmetric.
    :param mode: ``space_group`` asymmetric unit of a space group (3D); ``external`` all atoms and operators in fort.34;
        ``none`` no symmetry, the user's own cell; ``auto`` space_group in 3D, external else. If the space-group input
        would not reproduce the structure, EXTERNAL is used and ``reason`` tells why.
    :raises SymmetryError: if the structure cannot be treated at all.
    :raises ValueError: for an unknown mode, or a structure without atoms.
    """
    if mode not in ('auto', 'space_group', 'external', 'none'):
        raise ValueError(f'mode must be auto, space_group, external or none, not `{mode}`')
    if not len(geometry):
        raise ValueError('the structure has no atoms')
    if mode == 'none':
        return _external(geometry, symprec, use_symmetry=False)
    if mode == 'space_group' and geometry.dimensionality != 3:
        raise ValueError(
            f'a space group needs a crystal; this structure repeats in {geometry.dimensionality} directions'
        )
    reason = ''
    if geometry.dimensionality == 3 and mode != 'external':
        try:
            return _space_group(geometry, symprec)
        except SymmetryError as exception:
            reason = str(exception)
    return _external(geometry, symprec, use_symmetry=True, reason=reason)


def _space_group(geometry: Geometry, symprec: float) -> ReducedGeometry:
    """Return the reduction to an asymmetric unit.

    :raises SymmetryError: if the block would not reproduce the structure.
    """
    right, handed = _right_handed(geometry)
    item, transformation, shift = _standard(right, symprec)
    lattice = np.linalg.inv(transformation).T @ right.cell
    if np.linalg.det(lattice) < 0:
        raise SymmetryError('the standard cell that was found is left-handed')
    parameters = Geometry(lattice, 3, ()).cell_parameters
    cell = tuple(round(value, 10) for value in minimal_cell(item.number, parameters))
    positions = right.fractional @ transformation.T + shift
    block = GeometryBlock(keyword='CRYSTAL', group=item.number, cell=cell, atoms=(_line(right.sites[0], positions[0]),))
    tolerance = 10 * symprec + 1e-5
    representatives = _asymmetric_unit(right, positions, block, tolerance)
    lines = tuple(_line(right.sites[i], positions[i]) for i in representatives)
    block = block.model_copy(update={'atoms': lines})
    expanded, orbit = expand_orbits(block)
    crystal = expanded.with_sites(
        right.sites[representatives[k]].moved_to(site.position) for site, k in zip(expanded.sites, orbit, strict=True)
    )
    to_primitive = np.linalg.inv(primitive_matrix(item.centring))
    multiples = _integer(handed @ transformation.T @ to_primitive)
    mapping = cell_map(geometry, crystal, multiples, shift @ to_primitive, tolerance)
    if float(np.linalg.det(mapping.rotation)) < 0:
        raise SymmetryError('CRYSTAL would build the mirror image of the structure')
    return ReducedGeometry(geometry, block, None, item.number, item.symbol, crystal, mapping)


def _right_handed(geometry: Geometry) -> tuple[Geometry, Matrix]:
    """Return the geometry with a right-handed cell, and S with ``user's cell = S @ its cell``."""
    plain = Geometry(geometry.cell, 3, geometry.sites)
    if np.linalg.det(geometry.cell) > 0:
        return plain, np.eye(3)
    swap = np.eye(3)[[1, 0, 2]]
    return replace(plain, cell=swap @ geometry.cell), swap


def _standard(geometry: Geometry, symprec: float) -> tuple[Setting, Matrix, Matrix]:
    """Return CRYSTAL's setting and the change ``x_standard = P x + p`` to it."""
    species = species_indices(geometry)
    number = int(find_dataset(geometry.cell, geometry.fractional, species, symprec).number)
    item = setting(number)
    dataset = find_dataset(geometry.cell, geometry.fractional, species, symprec, item.hall_number)
    if int(dataset.hall_number) != item.hall_number:
        raise SymmetryError(f'spglib did not give space group {number} in the setting {item.symbol} that CRYSTAL uses')
    return item, np.asarray(dataset.transformation_matrix, dtype=float), np.asarray(dataset.origin_shift, dtype=float)


def _integer(matrix: Matrix) -> Matrix:
    rounded: Matrix = np.rint(matrix) + 0.0
    if np.abs(matrix - rounded).max() > 1e-3:
        raise SymmetryError('the given cell is not a multiple of the primitive cell that was found')
    return rounded


def _line(site: Site, position: Matrix) -> AtomLine:
    """Return the atom line of a site, its fractional position between -1/2 and 1/2."""
    x, y, z = (float(round(value, 14)) + 0.0 for value in position - np.floor(position + 0.5 + 1e-8))
    return AtomLine(conventional_number=site.conventional_number, position=(x, y, z))


def _asymmetric_unit(geometry: Geometry, positions: Matrix, block: GeometryBlock, tolerance: float) -> list[int]:
    """Return the first atom of every orbit, in the user's order.

    :raises SymmetryError: if an orbit of the space group is not complete in the structure.
    """
    frame = block_frame(block)
    primitive = positions @ frame.to_primitive
    cell = frame.primitive
    free = np.ones(len(geometry), dtype=bool)
    species = np.array(species_indices(geometry))
    result = []
    for i in range(len(geometry)):
        if not free[i]:
            continue
        result.append(i)
        same = np.flatnonzero(free & (species == species[i]))
        hits: set[int] = set()
        for image in frame.orbit(positions[i]):
            change = primitive[same] - image
            near = same[np.linalg.norm((change - np.rint(change)) @ cell, axis=1) < tolerance]
            if not len(near):
                raise SymmetryError(
                    f'an equivalent of atom {i + 1} ({geometry.sites[i].symbol}) is missing in the structure '
                    f'(tolerance {tolerance:.1e} Å)'
                )
            hits.update(int(j) for j in near)
        free[list(hits)] = False
    return result


# ------------------------------------------------------------------------------------------ EXTERNAL


def _external(geometry: Geometry, symprec: float, use_symmetry: bool, reason: str = '') -> ReducedGeometry:
    """Return the reduction through fort.34 (or, without symmetry, through group 1 of crystals and molecules)."""
    standing, permutation = _upright(geometry)
    crystal, primitive, found, origin = standing, np.eye(3), None, np.zeros(3)
    if use_symmetry:
        found = search(standing, symprec)
        primitive = primitive_vectors(found, standing.dimensionality)
        if len(found.pure_translations()) > 1:
            # The operators of the supercell are only those that keep its shape.
            crystal = _primitive_cell(standing, primitive, 10 * symprec + 1e-5)
            found = search(crystal, symprec)
        origin = _origin(crystal, found, symprec)
    frame = crystal.frame
    crystal = crystal.with_positions(crystal.positions + origin)
    if found is None and standing.dimensionality in (0, 3):
        block, text, crystal = _group_one(crystal)
    else:
        symmops = SymmOps.identity() if found is None else _moved(found, standing.dimensionality, origin)
        text = write_fort34(crystal, symmops, space_group=found.number if found else None)
        block = GeometryBlock(keyword='EXTERNAL')
        crystal = _rounded(crystal, text)
    multiples = _integer(permutation @ np.linalg.inv(primitive))
    fractional_origin = origin @ np.linalg.inv(frame)
    mapping = cell_map(geometry, crystal, multiples, fractional_origin, 10 * symprec + 2e-5)
    number = found.number if found else None
    symbol = setting(number).symbol if number else ''
    return ReducedGeometry(geometry, block, text, number, symbol, crystal, mapping, reason)


def _upright(geometry: Geometry) -> tuple[Geometry, Matrix]:
    """Turn a structure so that its first vectors repeat and lie along x (1D) or in the xy plane (2D).

    :return: the structure, and S with ``user's frame = S @ its frame @ rotation``.
    """
    pbc = geometry.pbc
    d = geometry.dimensionality
    if d == 3:
        return Geometry(geometry.cell, 3, geometry.sites), np.eye(3)
    if d == 0:
        return Geometry(geometry.frame, 0, geometry.sites), np.eye(3)
    start = (pbc.index(False) + 1) % 3 if d == 2 else pbc.index(True)
    order = [(start + k) % 3 for k in range(3)]
    frame = geometry.frame[order]
    signs = np.ones(3)
    if np.linalg.det(frame) < 0:
        frame[2] *= -1
        signs[2] = -1
    turn = _turn(frame, d)
    standing = Geometry(frame @ turn, d, ()).with_sites(
        site.moved_to(position) for site, position in zip(geometry.sites, geometry.positions @ turn, strict=True)
    )
    # Row order[k] of the user's frame is row k of the new one, but for its sign and the rotation.
    permutation = np.zeros((3, 3))
    permutation[order, range(3)] = signs
    return standing, permutation


def _turn(frame: Matrix, dimensionality: int) -> Matrix:
    """Return the rotation of row vectors that lays a frame as CRYSTAL wants it; none if it lies so already."""
    first = frame[0] / np.linalg.norm(frame[0])
    third = np.cross(first, frame[1])
    third /= np.linalg.norm(third)
    if dimensionality == 2 and abs(third[2] - 1) < 1e-10:
        return np.eye(3)
    return np.array([first, np.cross(third, first), third]).T


def _origin(geometry: Geometry, found: Search, symprec: float) -> Matrix:
    """Return the shift (Å) that gives the operators simple translations: the Tables' origin, and the centre elsewhere.

    CRYSTAL knows translations in units of 1/24, so that operators must not keep an arbitrary origin of the user.
    """
    d = geometry.dimensionality
    inverse = np.linalg.inv(found.frame)
    shift = np.zeros(3)
    if len(np.unique(found.rotations.reshape(-1, 9), axis=0)) == 1:
        return shift
    remainder = found.translations[:, :d] * 24
    if d and np.abs(remainder - np.rint(remainder)).max() > 1e-3:
        dataset = find_dataset(found.frame, geometry.positions @ inverse, species_indices(geometry), symprec)
        point = -np.linalg.inv(dataset.transformation_matrix) @ np.asarray(dataset.origin_shift)
        shift[:d] = -point[:d]
    if d < 3:
        centre = geometry.positions.mean(axis=0) @ inverse
        shift[d:] = -centre[d:]
    result: Matrix = shift @ found.frame
    return result


def _moved(found: Search, dimensionality: int, origin: Matrix) -> SymmOps:
    """Return the Cartesian operators after a shift of all atoms by ``origin`` (Å)."""
    inverse = np.linalg.inv(found.frame)
    shift = origin @ inverse
    translations = found.translations + shift - np.einsum('nij,j->ni', found.rotations, shift)
    translations[:, dimensionality:] *= np.abs(translations[:, dimensionality:]) > 1e-7
    return Search(found.frame, found.rotations, translations, found.number).cartesian(dimensionality)


def _primitive_cell(geometry: Geometry, primitive: Matrix, tolerance: float) -> Geometry:
    """Return the primitive cell, with the first of the user's atoms of each set that lattice translations relate."""
    d = geometry.dimensionality
    frame = primitive @ geometry.frame
    cell = np.array(geometry.cell)
    cell[:d] = frame[:d]
    fractional = geometry.positions @ np.linalg.inv(frame)
    chosen: list[int] = []
    for i, site in enumerate(geometry.sites):
        change = fractional[i] - fractional[chosen]
        change[:, :d] -= np.rint(change[:, :d])
        near = np.linalg.norm(change @ frame, axis=1) < tolerance
        if not any(geometry.sites[j].species == site.species for j in np.array(chosen, dtype=int)[near]):
            chosen.append(i)
    return Geometry(cell, d, tuple(geometry.sites[i] for i in chosen))


def _rounded(geometry: Geometry, text: str) -> Geometry:
    """Return the geometry as fort.34 gives it, with the user's kinds."""
    read = expand(GeometryBlock(keyword='EXTERNAL'), text)
    if len(read) != len(geometry) or read_fort34(text).dimensionality != geometry.dimensionality:
        raise SymmetryError('fort.34 does not hold the structure that was written to it')
    return read.with_sites(
        site.moved_to(other.position) for site, other in zip(geometry.sites, read.sites, strict=True)
    )


def _group_one(geometry: Geometry) -> tuple[GeometryBlock, None, Geometry]:
    """Return the block of a crystal or molecule in group 1, and what CRYSTAL builds of it."""
    fractional = geometry.fractional
    lines = tuple(
        AtomLine(conventional_number=site.conventional_number, position=(float(x), float(y), float(z)))
        for site, (x, y, z) in zip(geometry.sites, fractional, strict=True)
    )
    if geometry.dimensionality == 3:
        cell = minimal_cell(1, geometry.cell_parameters)
        block = GeometryBlock(keyword='CRYSTAL', group=1, cell=cell, atoms=lines)
    else:
        block = GeometryBlock(keyword='MOLECULE', group=1, atoms=lines)
    expanded = expand(block)
    if len(expanded) != len(geometry):
        raise SymmetryError('two atoms lie closer than 0.01 Å')
    sites = (old.moved_to(new.position) for old, new in zip(geometry.sites, expanded.sites, strict=True))
    return block, None, expanded.with_sites(sites)
