"""Inputs of the runs of a slab, and the checks of what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common import AttributeDict

from aiida_crystalmath.crystal.scf_behaviour import DEFAULT_MAXCYCLE
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM
from aiida_crystalmath.workflows.crystal.inputs import has_shrink, spin_inputs
from aiida_crystalmath.workflows.crystal.validation import check_base_inputs
from aiida_crystalmath.workflows.protocols.merge import merge
from aiida_crystalmath.workflows.types import SpinType

__all__ = ('polarised_inputs', 'potential_block', 'validate_inputs', 'validate_layers', 'validate_miller')

SPINLOCK_CYCLES = 10
OUTSIDE_ANGSTROM = 12.0
"""How far the profile of the potential goes beyond the outermost atoms: densities have vanished there."""

POINTS = 301


def validate_miller(value: orm.List | None, _: Any) -> str | None:
    """Validate Miller indices."""
    indices = [] if value is None else value.get_list()
    if value is None or (len(indices) == 3 and all(type(index) is int for index in indices) and any(indices)):
        return None
    return f'Miller indices are three whole numbers that are not all zero, such as [0, 0, 1], not {indices}.'


def validate_layers(value: orm.List | None, _: Any) -> str | None:
    """Validate numbers of layers."""
    numbers = [] if value is None else value.get_list()
    if value is None or (numbers and all(type(number) is int and number > 0 for number in numbers)):
        return None
    return f'layers are positive whole numbers, such as [3, 5, 7], not {numbers}.'


def polarised_inputs(
    inputs: Mapping[str, Any], structure: orm.StructureData, moments: orm.Dict | None
) -> AttributeDict:
    """Return inputs of CrystalBaseWorkChain with the starting moments of the kinds, as the structure needs them."""
    copied = AttributeDict({**inputs, 'crystal': AttributeDict(inputs['crystal'])})
    if moments is None:
        return copied
    parameters = copied.crystal.parameters.get_dict()
    settings = copied.crystal.get('settings')
    spin, kinds = spin_inputs(
        SpinType.COLLINEAR,
        moments.get_dict(),
        structure,
        method=parameters.get('hamiltonian') or {},
        spinlock_cycles=SPINLOCK_CYCLES,
        maxcycle=(parameters.get('scf') or {}).get('maxcycle') or DEFAULT_MAXCYCLE,
        settings=None if settings is None else settings.get_dict(),
    )
    copied.crystal.parameters = orm.Dict(merge(parameters, spin))
    said = copied.crystal['kinds'].get_dict() if 'kinds' in copied.crystal else {}
    copied.crystal['kinds'] = orm.Dict(merge(said, kinds))
    return copied


def potential_block(structure: orm.StructureData) -> dict[str, Any]:
    """Return POTC for the potential averaged over planes parallel to a slab, from below to above it.

    ``POTC``, ``ICA NPU IPA`` (1: averages over planes, of which there are NPU), ``ZP ZM`` (highest and lowest plane,
    bohr): known from CRYSTALpytools' input classes, which follow the User's Manual; no real input was seen. The range
    is symmetric, so that the order of the two does not matter.
    """
    heights = [abs(site.position[2]) for site in structure.sites]
    end = (max(heights) + OUTSIDE_ANGSTROM) / BOHR_ANGSTROM
    return {'keyword': 'POTC', 'lines': [f'1 {POINTS} 0', f'{end:.4f} {-end:.4f}']}


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the inputs against each other: the slabs are cut, and the inputs of every run looked at."""
    if any(name not in inputs for name in ('structure', 'miller', 'layers', 'base')):
        return None
    if 'parameters' not in (inputs['base'].get('crystal') or {}):
        return None
    message = validate_miller(inputs['miller'], None) or validate_layers(inputs['layers'], None)
    if message is not None:
        return message
    for where in ('base', 'relax'):
        parameters = ((inputs.get(where) or {}).get('crystal') or {}).get('parameters')
        if parameters is not None and has_shrink(parameters.get_dict()):
            return (
                f'{where}.crystal.parameters: leave out `scf.shrink` and give `{where}.kpoints_distance`: crystal and '
                'slabs have different cells, and need meshes of the same density.'
            )
        if where == 'relax' and parameters is not None:
            message = _check_relaxation(parameters.get_dict())
            if message is not None:
                return message
    return check_base_inputs(inputs['base'], inputs['structure'], 'base.') or _check_slabs(inputs)


def _check_relaxation(parameters: Mapping[str, Any]) -> str | None:
    """Check that a relaxation moves atoms and leaves the cell of the crystal."""
    optgeom = (parameters.get('geometry') or {}).get('optgeom') or {}
    if optgeom.get('type') == 'ATOMONLY':
        return None
    return (
        'relax.crystal.parameters: `geometry.optgeom.type` must be ATOMONLY: a slab that stands for a surface keeps '
        'the cell of its crystal.'
    )


def _check_slabs(inputs: Mapping[str, Any]) -> str | None:
    """Cut the slabs, and check the inputs of each."""
    from aiida_crystalmath.workflows.functions.slabs import cut_slab

    options = {name: inputs[name].value for name in ('termination', 'conventional', 'any_surface') if name in inputs}
    for layers in inputs['layers'].get_list():
        try:
            slab, _ = cut_slab(inputs['structure'], inputs['miller'].get_list(), layers, **options)
            run = polarised_inputs(inputs['base'], slab, inputs.get('moments'))
        except ValueError as exception:
            return f'layers: {exception}'
        except ImportError as exception:
            return str(exception)
        message = check_base_inputs(run, slab, 'base.')
        if message is not None:
            return message
    return None
