"""From a geometry block to CRYSTAL's primitive cell with all its atoms: :func:`expand`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..elements import split_conventional
from ..geometry import NON_PERIODIC_LENGTH_ANGSTROM, Geometry, Site
from ..inputs.geometry_block import AtomLine, GeometryBlock
from ..outputs.fort34 import read_fort34, standard_cell
from .lattice import conventional_cell, oriented_cell, primitive_matrix
from .layers import layer_family, layer_setting
from .settings import Operators, Setting, operators, setting, setting_of_symbol

SAME_ATOM_ANGSTROM = 1e-2
"""Images closer than this are one atom on a special position; decks give these with as few as four digits."""


class SymmetryError(ValueError):
    """A geometry block, or a structure, that the symmetry code cannot treat; the message tells what to do."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Lattice and operators of a geometry block, all on the primitive lattice.

    :param cell: primitive cell, rows, Å; 500 Å along non-periodic axes.
    :param dimensionality: number of periodic directions.
    :param conventional: cell that the positions of the deck refer to, rows, Å; unit vectors where nothing repeats.
    :param ops: operators on those positions.
    """

    cell: NDArray[np.float64]
    dimensionality: int
    conventional: NDArray[np.float64]
    ops: Operators

    @property
    def primitive(self) -> NDArray[np.float64]:
        """The primitive cell with unit vectors along non-periodic directions."""
        return Geometry(self.cell, self.dimensionality, ()).frame

    @property
    def to_primitive(self) -> NDArray[np.float64]:
        """Matrix T with ``primitive fractional = conventional fractional @ T``."""
        result: NDArray[np.float64] = self.conventional @ np.linalg.inv(self.primitive)
        return result

    def orbit(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return all equivalents of a position, on the primitive cell and in CRYSTAL's order, shape (n, 3).

        A position within :data:`SAME_ATOM_ANGSTROM` of a special one is moved onto it first.
        """
        start = self._on_special(position)
        images = (self.ops.rotations @ start + self.ops.translations) @ self.to_primitive
        found: list[NDArray[np.float64]] = []
        for image in images:
            if not any(self._distance(image - other) < SAME_ATOM_ANGSTROM for other in found):
                found.append(self._wrapped(image))
        return np.array(found)

    def is_taken(self, position: NDArray[np.float64], orbits: list[NDArray[np.float64]]) -> bool:
        """Whether a position on the primitive cell is one of those of earlier atoms."""
        if not orbits:
            return False
        change = np.concatenate(orbits) - position
        change[:, : self.dimensionality] -= np.rint(change[:, : self.dimensionality])
        return bool(np.linalg.norm(change @ self.primitive, axis=1).min() < SAME_ATOM_ANGSTROM)

    def _on_special(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of the images that coincide with a position, which is exactly on its special position."""
        start = np.asarray(position, dtype=float)
        images = self.ops.rotations @ start + self.ops.translations
        change = (images - start) @ self.to_primitive
        change[:, : self.dimensionality] -= np.rint(change[:, : self.dimensionality])
        near = np.linalg.norm(change @ self.primitive, axis=1) < SAME_ATOM_ANGSTROM
        mean: NDArray[np.float64] = start + change[near].mean(axis=0) @ np.linalg.inv(self.to_primitive)
        return mean

    def _distance(self, difference: NDArray[np.float64]) -> float:
        change = np.array(difference)
        change[: self.dimensionality] -= np.rint(change[: self.dimensionality])
        return float(np.linalg.norm(change @ self.primitive))

    def _wrapped(self, fractional: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return periodic components between -1/2 (included) and 1/2, as CRYSTAL prints them."""
        result = np.array(fractional)
        d = self.dimensionality
        result[:d] -= np.floor(result[:d] + 0.5 + 1e-8)
        return result


def expand(block: GeometryBlock, external: str | None = None) -> Geometry:
    """Build the primitive cell and all atoms that CRYSTAL makes of a geometry block.

    Geometry edits (SUPERCEL, SLABCUT ...) are not applied: they follow the block in the deck.

    :param block: the geometry block.
    :param external: text of fort.34, needed for EXTERNAL.
    :raises SymmetryError: for what is not covered (HELIX, DLVINPUT, rod groups, point groups other than 1).
    """
    if block.keyword == 'EXTERNAL':
        return _from_external(external)
    geometry, _ = expand_orbits(block)
    return geometry


def expand_orbits(block: GeometryBlock) -> tuple[Geometry, list[int]]:
    """Return the expanded geometry and, for each atom, the index of its line in the block.

    A line that is an image of an earlier one adds nothing: CRYSTAL14 ran NiO in R -3 m with O at z = 1/4 and at 3/4.
    """
    frame = block_frame(block)
    sites: list[Site] = []
    lines: list[int] = []
    taken: dict[int, list[NDArray[np.float64]]] = {}
    for index, atom in enumerate(block.atoms):
        orbit = frame.orbit(np.array(atom.position))
        same = taken.setdefault(atom.conventional_number, [])
        if frame.is_taken(orbit[0], same):
            continue
        same.append(orbit)
        for position in orbit @ frame.primitive:
            sites.append(site_of(atom).moved_to(position))
            lines.append(index)
    return Geometry(frame.cell, frame.dimensionality, tuple(sites)), lines


def site_of(atom: AtomLine) -> Site:
    """Return the site of an atom line, its position still as the deck gives it."""
    z, ecp, variant = split_conventional(atom.conventional_number)
    return Site(z, atom.position, ghost=z == 0, ecp=ecp, variant=variant)


def block_frame(block: GeometryBlock) -> Frame:
    """Return lattice and operators of a geometry block that gives them itself.

    :raises SymmetryError: for what is not covered.
    """
    try:
        if block.keyword == 'CRYSTAL':
            return _space_group_frame(block)
        if block.keyword == 'SLAB':
            return _layer_frame(block)
    except SymmetryError:
        raise
    except ValueError as exception:
        raise SymmetryError(str(exception)) from exception
    if block.keyword in ('POLYMER', 'MOLECULE'):
        return _trivial_frame(block)
    raise SymmetryError(f'{block.keyword} is not covered here; give the structure through EXTERNAL and fort.34')


def block_setting(block: GeometryBlock) -> Setting:
    """Return the space-group setting of a CRYSTAL block."""
    first_origin = block.ifso == 1
    if isinstance(block.group, str):
        return setting_of_symbol(block.group, bool(block.ifhr), first_origin)
    if block.group is None:
        raise SymmetryError('CRYSTAL needs a space group: its number (IFLAG 0) or symbol (IFLAG 1)')
    return setting(block.group, bool(block.ifhr), first_origin)


def _space_group_frame(block: GeometryBlock) -> Frame:
    item = block_setting(block)
    ops = operators(item.hall_number)
    if block.ifso > 1 and block.origin_shift is not None:
        # Quartz, P 32 2 1 with IFSO 2 and the shift 0 0 16 (a real output), puts the atom of 3a (x, 0, 2/3) at z = 0.
        ops = ops.shifted([value / 24 for value in block.origin_shift])
    conventional = conventional_cell(item, block.cell)
    return Frame(primitive_matrix(item.centring) @ conventional, 3, conventional, ops)


def _layer_frame(block: GeometryBlock) -> Frame:
    number = int(block.group or 0)
    item = layer_setting(number)
    family = layer_family(number)
    cell = [*block.cell]
    wanted = {'oblique': 3, 'rectangular': 2}.get(family, 1)
    if len(cell) < wanted:
        raise SymmetryError(f'layer group {number} needs {wanted} cell parameters, but {len(cell)} are given')
    a, b = cell[0], cell[1] if wanted > 1 else cell[0]
    gamma = {'oblique': cell[-1] if wanted == 3 else 90.0, 'hexagonal': 120.0}.get(family, 90.0)
    conventional = oriented_cell([a, b, 1.0, 90.0, 90.0, gamma])
    primitive = primitive_matrix(item.centring) @ conventional
    primitive[2] = [0, 0, NON_PERIODIC_LENGTH_ANGSTROM]
    return Frame(primitive, 2, conventional, operators(item.hall_number))


def _trivial_frame(block: GeometryBlock) -> Frame:
    """Return the frame of a polymer or molecule without symmetry."""
    if block.group != 1:
        name = 'rod' if block.keyword == 'POLYMER' else 'point'
        raise SymmetryError(
            f'{block.keyword}: {name} group {block.group} is not covered here, only group 1; '
            'list all atoms in group 1, or give them through EXTERNAL and fort.34'
        )
    identity = Operators(np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)))
    cell = NON_PERIODIC_LENGTH_ANGSTROM * np.eye(3)
    conventional = np.eye(3)
    if block.keyword == 'POLYMER':
        if not block.cell:
            raise SymmetryError('POLYMER needs the length of the cell')
        cell[0, 0] = conventional[0, 0] = block.cell[0]
    return Frame(cell, 1 if block.keyword == 'POLYMER' else 0, conventional, identity)


def _from_external(text: str | None) -> Geometry:
    if text is None:
        raise SymmetryError('EXTERNAL takes the geometry from the file fort.34, and none is given')
    geometry = read_fort34(text).geometry
    return Geometry(standard_cell(geometry), geometry.dimensionality, geometry.sites)
