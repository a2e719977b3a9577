"""Kinds of a structure taken apart further than it does itself: by fragment, by direction of the spin.

CRYSTAL's starting spins and ghosts are said of kinds. Atoms of one kind that are to differ in them need kinds of their
own; cell, positions and the order of the atoms stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import calcfunction

__all__ = ('follow_kinds', 'kind_names', 'origin_of_kinds', 'separate_kinds', 'separated')


def kind_names(kinds: Sequence[str], symbols: Sequence[str], labels: Sequence[object]) -> list[str]:
    """Return a kind for every atom, so that atoms with different labels have different kinds.

    A kind whose atoms all have one label keeps its name; the others become element and number (``Ni1``, ``Ni2``).

    :param kinds: of the atoms, as they are.
    :param symbols: of the elements of the atoms.
    :param labels: of the atoms; new names are given in the order in which labels appear.
    """
    pairs = list(zip(kinds, labels, strict=True))
    order = list(dict.fromkeys(labels))
    several = {kind for kind in kinds if len({label for other, label in pairs if other == kind}) > 1}
    names: dict[tuple[str, object], str] = {pair: pair[0] for pair in pairs if pair[0] not in several}
    element = dict(zip(kinds, symbols, strict=True))
    for kind, label in sorted(dict.fromkeys(pairs), key=lambda pair: order.index(pair[1])):
        if (kind, label) not in names:
            numbered = (f'{element[kind]}{number}' for number in count(1))
            names[kind, label] = next(name for name in numbered if name not in names.values())
    return [names[pair] for pair in pairs]


def separated(structure: orm.StructureData, labels: Sequence[object]) -> orm.StructureData:
    """Return an unstored structure whose atoms have different kinds where their labels differ."""
    from aiida_crystalmath.data.structure import from_geometry, to_geometry

    geometry = to_geometry(structure)
    names = kind_names(geometry.kinds, geometry.symbols, labels)
    return from_geometry(
        geometry.with_sites(replace(site, kind=name) for site, name in zip(geometry.sites, names, strict=True))
    )


@calcfunction
def separate_kinds(structure: orm.StructureData, labels: orm.List) -> orm.StructureData:
    """Return the same atoms, in the same order, with kinds of their own where ``labels`` differ.

    :param labels: one word for each atom.
    """
    return separated(structure, labels.get_list())


def origin_of_kinds(before: orm.StructureData, after: orm.StructureData) -> dict[str, str]:
    """Return, for each kind of ``after``, the kind that the same atom has in ``before``."""
    return {new.kind_name: old.kind_name for old, new in zip(before.sites, after.sites, strict=True)}


def follow_kinds(
    inputs: Mapping[str, Any],
    origin: Mapping[str, str],
    symbols: Mapping[str, str],
    said: Mapping[str, Mapping[str, Any]] | None = None,
) -> AttributeDict:
    """Return inputs of CrystalBaseWorkChain for a structure whose kinds were taken apart.

    Basis sets and what is said of the kinds follow their atoms.

    :param inputs: for the structure as it was; not modified.
    :param origin: see :func:`origin_of_kinds`; kinds that are not in it are left out.
    :param symbols: element of each kind of ``origin``: basis sets may be given by element.
    :param said: what is to be said of the new kinds besides, such as ``{'Ni1': {'spin': 1}, 'O2': {'ghost': True}}``.
    """
    followed = AttributeDict({**inputs, 'crystal': AttributeDict(inputs['crystal'])})
    followed.metadata = AttributeDict(inputs.get('metadata') or {})
    crystal = followed.crystal
    sets = crystal.get('basis_sets') or {}
    if sets:
        found = {kind: sets.get(old, sets.get(symbols[kind])) for kind, old in origin.items()}
        crystal['basis_sets'] = AttributeDict({kind: node for kind, node in found.items() if node is not None})
    old = crystal['kinds'].get_dict() if 'kinds' in crystal else {}
    kinds = {kind: {**old.get(origin[kind], {}), **(said or {}).get(kind, {})} for kind in origin}
    kinds = {kind: values for kind, values in kinds.items() if values}
    crystal.pop('kinds', None)
    if kinds:
        crystal['kinds'] = orm.Dict(kinds)
    return followed
