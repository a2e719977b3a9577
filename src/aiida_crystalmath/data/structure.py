"""Between AiiDA's ``StructureData`` and :class:`~aiida_crystalmath.crystal.geometry.Geometry`.

The only module that touches the insides of ``StructureData`` (which is to leave aiida-core). Cell, atom order, kind
names and periodicity survive both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_crystalmath.crystal.elements import NUMBERS, SYMBOLS
from aiida_crystalmath.crystal.geometry import Geometry, Site

if TYPE_CHECKING:
    from aiida.orm import StructureData

KIND_KEYS = ('spin', 'ghost')
"""What may be said of a kind: sign of its starting spin moment, and whether it is a ghost."""


class StructureError(ValueError):
    """A structure that CRYSTAL cannot take; the message says which kind or direction, and what to do."""


def check_kinds(kinds: Mapping[str, Any]) -> None:
    """Check what is said of the kinds, for example ``{'Ni1': {'spin': 1}, 'O2': {'ghost': True}}``.

    :raises StructureError: for an unknown key or a value out of range.
    """
    for kind, values in kinds.items():
        if not isinstance(values, Mapping):
            raise StructureError(f'kind `{kind}`: expected a dictionary such as {{"spin": 1}}, got {values!r}')
        unknown = sorted(set(values) - set(KIND_KEYS))
        if unknown:
            raise StructureError(
                f'kind `{kind}`: unknown key(s) {", ".join(unknown)}; known are {", ".join(KIND_KEYS)}'
            )
        spin = values.get('spin', 0)
        if isinstance(spin, bool) or spin not in (-1, 0, 1):
            raise StructureError(f'kind `{kind}`: `spin` is the sign of the starting moment, 1, 0 or -1, not {spin!r}')
        if not isinstance(values.get('ghost', False), bool):
            raise StructureError(f'kind `{kind}`: `ghost` is true or false, not {values["ghost"]!r}')


def kind_symbols(structure: StructureData) -> dict[str, str]:
    """Return the element of every kind that the sites use, in order of appearance.

    :raises StructureError: for a kind with several elements, a vacancy, or no element.
    """
    symbols: dict[str, str] = {}
    for site in structure.sites:
        if site.kind_name in symbols:
            continue
        kind = structure.get_kind(site.kind_name)
        if len(kind.symbols) != 1 or abs(sum(kind.weights) - 1.0) > 1e-6:
            raise StructureError(
                f'kind `{kind.name}` is disordered ({kind.get_symbols_string()}): CRYSTAL computes ordered structures '
                'only; choose an ordered one'
            )
        if NUMBERS.get(kind.symbol, 0) == 0:
            raise StructureError(f'kind `{kind.name}` has no element; for a ghost give its element and use `kinds`')
        symbols[kind.name] = kind.symbol
    return symbols


def to_geometry(structure: StructureData, kinds: Mapping[str, Any] | None = None) -> Geometry:
    """Return the geometry of a structure node: same cell, atom order, kind names and periodic directions.

    :param structure: a ``StructureData``.
    :param kinds: per kind name, ``spin`` (1, 0, -1) and ``ghost``; the names must be in the structure.
    :raises StructureError: if CRYSTAL cannot take the structure, or ``kinds`` does not fit it.
    """
    kinds = kinds or {}
    check_kinds(kinds)
    symbols = kind_symbols(structure)
    if not symbols:
        raise StructureError('the structure has no atoms')
    stray = sorted(set(kinds) - set(symbols))
    if stray:
        raise StructureError(f'`kinds` speaks of {", ".join(stray)}, but the structure has {", ".join(symbols)}')
    pbc = (bool(structure.pbc[0]), bool(structure.pbc[1]), bool(structure.pbc[2]))
    cell = np.array(structure.cell, dtype=float)
    for direction in range(3):
        if pbc[direction] and np.linalg.norm(cell[direction]) < 1e-8:
            raise StructureError(f'lattice vector {"abc"[direction]} is periodic but has no length')
    sites = []
    for site in structure.sites:
        said = kinds.get(site.kind_name, {})
        x, y, z = (float(value) for value in site.position)
        sites.append(
            Site(
                number=NUMBERS[symbols[site.kind_name]],
                position=(x, y, z),
                kind=site.kind_name,
                ghost=bool(said.get('ghost', False)),
                spin=int(said.get('spin', 0)),
            )
        )
    dimensionality = sum(pbc)
    leading = pbc == (dimensionality > 0, dimensionality > 1, dimensionality > 2)
    return Geometry(cell, dimensionality, tuple(sites), None if leading else pbc)


def from_geometry(geometry: Geometry) -> StructureData:
    """Return an unstored ``StructureData`` with the cell, atom order, kind names and periodicity of a geometry."""
    from aiida.plugins import DataFactory

    structure: Any = DataFactory('core.structure')(cell=np.asarray(geometry.cell).tolist(), pbc=geometry.pbc)
    for site, kind in zip(geometry.sites, geometry.kinds, strict=True):
        structure.append_atom(position=list(site.position), symbols=SYMBOLS[site.number], name=kind)
    return structure  # type: ignore[no-any-return]
