"""From a .d12 to a work chain that runs it as it stands: geometry, basis sets and parameters of the deck."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida.orm import Code, StructureData

DEFAULT_RESOURCES = {'num_machines': 1, 'num_mpiprocs_per_machine': 1}


def builder_from_deck(file: Path, structure: StructureData, code: Code, job: dict[str, Any] | None) -> Any:
    """Return the builder of a base work chain for the deck in ``file``.

    :param structure: the structure read from the deck.
    :param job: scheduler options.
    :raises ValueError: if the deck asks for what cannot be carried over.
    """
    from aiida import orm

    from aiida_crystalmath.crystal.inputs.d12 import read_d12
    from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain

    deck = read_d12(file.read_text(errors='replace'))
    builder: Any = CrystalBaseWorkChain.get_builder()
    builder.crystal.code = code
    builder.crystal.structure = structure
    builder.crystal.parameters = orm.Dict(deck.parameters.model_dump(exclude_unset=True, by_alias=True, mode='json'))
    if deck.basis:
        builder.crystal.basis_sets = basis_sets_of(deck.basis, structure, file.name)
    builder.crystal.metadata.options = {'resources': DEFAULT_RESOURCES, **(job or {})}
    return builder


def basis_sets_of(basis: list[Any], structure: StructureData, name: str) -> dict[str, Any]:
    """Return the basis set of each kind of the structure.

    :raises ValueError: if the deck has none for a kind.
    """
    from aiida_crystalmath.data.basis_set import BasisSetData
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    by_number = {basis_set.conventional_number: basis_set for basis_set in basis}
    chosen = {}
    for site, kind in zip(geometry.sites, geometry.kinds, strict=True):
        found = by_number.get(site.conventional_number) or next(
            (basis_set for basis_set in basis if basis_set.number == site.number), None
        )
        if found is None:
            raise ValueError(f'{name}: the deck has no basis set for {kind}')
        chosen[kind] = BasisSetData.get_or_create(found)
    return chosen
