"""Inputs of an equation of state: the volumes, what is relaxed at each, and the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_crystalmath.crystal.inputs.edits import edits_structure
from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.geopt import CrystalGeometryOptimizationWorkChain
from aiida_crystalmath.workflows.crystal.validation import check_base_inputs, geometry_block
from aiida_crystalmath.workflows.functions.eos_fit import MIN_POINTS, EosError, check_library
from aiida_crystalmath.workflows.types import RelaxType

__all__ = (
    'crystal_block',
    'free_to_relax',
    'own_eos',
    'relaxation',
    'scale_factors_of',
    'validate_inputs',
    'validate_scale_factors',
)

SCALE_COUNT, SCALE_INCREMENT = 7, 0.02

AT_FIXED_VOLUME: Mapping[RelaxType, str] = {
    RelaxType.POSITIONS: arguments.OPTGEOM_TYPES[RelaxType.POSITIONS],
    RelaxType.POSITIONS_SHAPE: arguments.OPTGEOM_TYPES[RelaxType.POSITIONS_SHAPE],
}
"""CRYSTAL's keyword for each relaxation that keeps the volume."""


def scale_factors_of(inputs: Mapping[str, Any]) -> list[float]:
    """Return the relative volumes that the inputs ask for, ascending."""
    if 'scale_factors' in inputs:
        return sorted(float(factor) for factor in inputs['scale_factors'].get_list())
    count = inputs['scale_count'].value if 'scale_count' in inputs else SCALE_COUNT
    increment = inputs['scale_increment'].value if 'scale_increment' in inputs else SCALE_INCREMENT
    return [round(1.0 + (index - (count - 1) / 2) * increment, 10) for index in range(count)]


def crystal_block(base: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the block of CRYSTAL's own EOS in the parameters, ``None`` without one."""
    return geometry_block(base).get('eos')


def free_to_relax(structure: orm.StructureData, crystal: Mapping[str, Any]) -> bool:
    """Tell whether the relaxation asked for at fixed volume has anything to move in a structure of this symmetry.

    :param crystal: inputs of the calculation: parameters, settings and kinds. Without OPTGEOM all is meant that there
        is at fixed volume.
    """
    found = _freedom(structure, crystal)
    optgeom = geometry_block({'crystal': crystal}).get('optgeom') or {'type': 'CVOLOPT'}
    return bool(found.positions or (optgeom.get('type') == 'CVOLOPT' and found.shape))


def _freedom(structure: orm.StructureData, crystal: Mapping[str, Any]) -> Any:
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.crystal.symmetry.freedom import freedom
    from aiida_crystalmath.data.structure import to_geometry

    settings = crystal['settings'].get_dict() if 'settings' in crystal else {}
    kinds = crystal['kinds'].get_dict() if 'kinds' in crystal else {}
    reduced = reduce_geometry(to_geometry(structure, kinds), settings)
    return freedom(reduced.crystal_geometry, float(settings.get('symprec') or 1e-5))


def relaxation(
    structure: orm.StructureData, relax_type: RelaxType | str | None, protocol: str | None
) -> dict[str, Any]:
    """Return overrides of the base chain that relax every volume, empty for single points.

    :param relax_type: ``None``: what the symmetry leaves free. The area of a slab and the length of a polymer are held
        with the whole lattice (ATOMONLY): that CVOLOPT can do otherwise is known of crystals only.
    :raises ValueError: for a relaxation that does not keep the volume.
    """
    if relax_type is None:
        found = _freedom(structure, {})
        shape = found.shape and sum(structure.pbc) == 3
        relax_type = RelaxType.POSITIONS_SHAPE if shape else RelaxType.POSITIONS if found.positions else RelaxType.NONE
    relax_type = arguments.check_relax_type(relax_type)
    if relax_type is RelaxType.NONE:
        return {}
    if relax_type not in AT_FIXED_VOLUME:
        known = ', '.join(f'"{item.value}"' for item in (RelaxType.NONE, *AT_FIXED_VOLUME))
        raise ValueError(f'relax_type "{relax_type.value}" would change the volumes: take one of {known}.')
    inputs: dict[str, Any] = CrystalGeometryOptimizationWorkChain.get_protocol_inputs(protocol)['base']
    optgeom = inputs['crystal']['parameters']['geometry']['optgeom']
    return {'crystal': {'parameters': {'geometry': {'optgeom': {**optgeom, 'type': AT_FIXED_VOLUME[relax_type]}}}}}


def own_eos(structure: orm.StructureData, scale_factors: list[float]) -> dict[str, Any]:
    """Return overrides of the base chain that ask for CRYSTAL's own EOS over the range of the volumes.

    :raises ValueError: for a system that is not a crystal.
    """
    if sum(structure.pbc) != 3:
        raise ValueError("CRYSTAL's own EOS varies volumes: for slabs and polymers leave out `crystal_eos`.")
    block = {'range': [scale_factors[0], scale_factors[-1], len(scale_factors)]}
    return {'crystal': {'parameters': {'geometry': {'eos': block}}}}


def validate_scale_factors(value: orm.List | None, _: Any) -> str | None:
    """Validate relative volumes: at least as many as a fit needs, positive, none twice."""
    if value is None:
        return None
    factors = value.get_list()
    if not all(isinstance(item, int | float) and not isinstance(item, bool) and item > 0 for item in factors):
        return f'must be positive numbers, volumes relative to that of the structure, not {factors}.'
    if len({f'{item:g}' for item in factors}) < len(factors):
        return f'has a volume twice: {factors}.'
    if len(factors) < MIN_POINTS:
        return f'has {len(factors)} volumes: a fit needs at least {MIN_POINTS}.'
    return None


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other."""
    if 'structure' not in inputs or 'base' not in inputs:
        return None
    structure, base = inputs['structure'], inputs['base']
    if not any(structure.pbc):
        return '`structure` is a molecule: it has no volume and no equation of state.'
    try:
        check_library()
    except EosError as exception:
        return str(exception)
    return (
        check_base_inputs(base, structure, 'base.')
        or _check_geometry(geometry_block(base), structure)
        or _check_scales(inputs)
    )


def _check_geometry(geometry: Mapping[str, Any], structure: orm.StructureData) -> str | None:
    where, kind = 'base.crystal.parameters', (geometry.get('optgeom') or {}).get('type')
    if edits_structure(geometry):
        return f'{where}: edits of the geometry change cell or atoms: edit the structure before it is given.'
    if geometry.get('eos') is not None and sum(structure.pbc) != 3:
        return f"{where}: CRYSTAL's own EOS varies volumes: for a slab or polymer leave out `geometry.eos`."
    if geometry.get('optgeom') is None:
        return None
    if geometry.get('eos') is not None:
        return f'{where}: `geometry.eos` and `geometry.optgeom`: keep one; for an optimisation before use `preoptgeom`.'
    if kind not in AT_FIXED_VOLUME.values():
        return (
            f'{where}: an optimisation of type {kind or "FULLOPTG"} would change the volumes: '
            f'`geometry.optgeom.type` must be {" or ".join(AT_FIXED_VOLUME.values())}.'
        )
    return None


def _check_scales(inputs: Mapping[str, Any]) -> str | None:
    given = [name for name in ('scale_factors', 'scale_count', 'scale_increment') if name in inputs]
    if crystal_block(inputs['base']) is not None:
        return f"`{given[0]}` is for volumes run one by one: CRYSTAL's own has `range`." if given else None
    if 'scale_factors' in given and len(given) > 1:
        return f'`scale_factors` and `{given[1]}` are both given: keep one.'
    if 'scale_count' in given and inputs['scale_count'].value < MIN_POINTS:
        return f'`scale_count` is {inputs["scale_count"].value}: a fit needs at least {MIN_POINTS} volumes.'
    if scale_factors_of(inputs)[0] <= 0:
        return '`scale_count` times `scale_increment` reaches down to no volume at all: choose smaller ones.'
    return None
