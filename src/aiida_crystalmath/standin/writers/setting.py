"""From the geometry block of the input to the :class:`~.geometry.Setting` that the output repeats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from aiida_crystalmath.crystal.geometry import Geometry

from .geometry import Setting
from .symmetry import transformation

_FAMILIES = ((2, 'TRICLINIC'), (15, 'MONOCLINIC'), (74, 'ORTHORHOMBIC'), (142, 'TETRAGONAL'), (194, 'HEXAGONAL'))


class Atom(Protocol):
    """One atom of the asymmetric unit."""

    @property
    def conventional_number(self) -> int:
        """Conventional atomic number."""

    @property
    def position(self) -> Sequence[float]:
        """Coordinates as in the input."""


class Block(Protocol):
    """The geometry block as :class:`aiida_crystalmath.crystal.inputs.geometry_block.GeometryBlock` holds it."""

    @property
    def keyword(self) -> str:
        """CRYSTAL, SLAB, MOLECULE, EXTERNAL ..."""

    @property
    def ifhr(self) -> int:
        """1 for the rhombohedral cell of a trigonal group."""

    @property
    def group(self) -> int | str | None:
        """Number or symbol of the group."""

    @property
    def cell(self) -> Sequence[float]:
        """The cell parameters that the lattice leaves free."""

    @property
    def atoms(self) -> Sequence[Atom]:
        """The asymmetric unit."""


def setting_of(block: Block, geometry: Geometry) -> Setting:
    """Describe the input; for EXTERNAL there is nothing but the keyword."""
    keyword = str(block.keyword)
    atoms = tuple((atom.conventional_number, _three(atom.position)) for atom in block.atoms)
    if keyword == 'MOLECULE':
        group = block.group if isinstance(block.group, int) else 1
        return Setting(keyword, group=group, symbol='1      OR  C1   ' if group == 1 else '', atoms=atoms)
    if keyword not in ('CRYSTAL', 'SLAB'):
        return Setting(keyword)
    parameters = geometry.cell_parameters
    if keyword == 'SLAB':
        number = block.group if isinstance(block.group, int) else 1
        return Setting(keyword, number, conventional=parameters, atoms=atoms)
    number, short = _space_group(block.group)
    centring = short[:1] if short else 'P'
    if centring == 'R' and block.ifhr == 1:
        centring = 'P'
    conventional = full_cell(number, block.cell, rhombohedral=block.ifhr == 1)
    matrix = None if centring == 'P' else transformation(centring, geometry.cell, conventional)
    return Setting(
        keyword,
        number,
        symbol=printed_symbol(short),
        family=next((family for last, family in _FAMILIES if number <= last), 'CUBIC'),
        centring=centring,
        conventional=conventional or parameters,
        matrix=None if matrix is None else tuple(int(value) for value in matrix.ravel()),
        atoms=atoms,
    )


def printed_symbol(short: str) -> str:
    """Return a short symbol as CRYSTAL prints it: ``Fm-3m`` as ``F M 3 M``, ``P6_3/mmc`` as ``P 63/M M C``.

    CRYSTAL keeps the older symbols of the centrosymmetric cubic groups, without the bar over the 3.
    """
    tokens = re.findall(r'-?\d(?:_\d)?(?:/[a-z])?|[a-zA-Z]', short)
    words = [token.replace('_', '').upper() for token in tokens]
    if len(words) > 2 and words[2] == '-3' and words[1].isalpha():
        words[2] = '3'
    return ' '.join(words)


def full_cell(
    number: int, minimal: Sequence[float], *, rhombohedral: bool = False
) -> tuple[float, float, float, float, float, float] | None:
    """Complete CRYSTAL's minimal cell parameters (Å, degrees) of a space group; None if their number is wrong."""
    values = [float(value) for value in minimal]
    expected = _n_parameters(number, rhombohedral)
    if len(values) != expected:
        return None
    if number <= 2:
        a, b, c, alpha, beta, gamma = values
        return a, b, c, alpha, beta, gamma
    if number <= 15:
        a, b, c, beta = values
        return a, b, c, 90.0, beta, 90.0
    if number <= 74:
        a, b, c = values
        return a, b, c, 90.0, 90.0, 90.0
    if number <= 142:
        return values[0], values[0], values[1], 90.0, 90.0, 90.0
    if rhombohedral and number <= 167:
        return values[0], values[0], values[0], values[1], values[1], values[1]
    if number <= 194:
        return values[0], values[0], values[1], 90.0, 90.0, 120.0
    return values[0], values[0], values[0], 90.0, 90.0, 90.0


def _n_parameters(number: int, rhombohedral: bool) -> int:
    for last, count in ((2, 6), (15, 4), (74, 3), (194, 2)):
        if number <= last:
            return count
    return 2 if rhombohedral and number <= 167 else 1


def _space_group(group: int | str | None) -> tuple[int, str]:
    import spglib

    wanted = str(group or 1).replace(' ', '').replace('_', '').upper()
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        if kind is None:
            continue
        short = str(kind.international_short)
        same = isinstance(group, int) and kind.number == group
        if same or short.replace('_', '').upper() == wanted or printed_symbol(short).replace(' ', '') == wanted:
            return int(kind.number), short
    return 1, 'P1'


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
