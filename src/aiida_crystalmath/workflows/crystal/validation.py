"""Checks of the inputs of work chains, before anything is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_crystalmath.crystal.inputs.edits import edits_structure
from aiida_crystalmath.workflows.crystal.inputs import has_shrink

__all__ = (
    'basis_sets_of',
    'check_base_inputs',
    'check_edits',
    'check_properties',
    'geometry_block',
    'positive',
    'validate_base',
)


def positive(value: orm.Float | orm.Int | None, _: Any) -> str | None:
    """Validate a port whose number must be positive."""
    if value is not None and not value.value > 0:
        return f'must be positive, not {value.value}.'
    return None


def validate_base(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs of CrystalBaseWorkChain; a wrapping chain, which gives the structure, does it for itself."""
    crystal = inputs.get('crystal') or {}
    if 'structure' not in crystal or ctx.name != 'inputs':
        return None
    return check_base_inputs(inputs, crystal['structure'])


def check_base_inputs(inputs: Mapping[str, Any], structure: orm.StructureData, where: str = '') -> str | None:
    """Return what is wrong with the inputs of a base work chain for a structure, ``None`` if nothing is.

    :param inputs: of CrystalBaseWorkChain.
    :param where: namespace of ``inputs`` with a dot, for the message.
    """
    from aiida_crystalmath.calculations.deck import check_inputs
    from aiida_crystalmath.crystal.inputs.parameters import CrystalParameters
    from aiida_crystalmath.data.structure import to_geometry

    crystal = inputs.get('crystal') or {}
    if 'parameters' not in crystal:
        return None
    parameters = crystal['parameters'].get_dict()
    kinds = crystal['kinds'].get_dict() if 'kinds' in crystal else {}
    try:
        geometry = to_geometry(structure, kinds)
        basis_sets = {kind: node.basis_set for kind, node in basis_sets_of(inputs, structure).items()}
    except ValueError as exception:
        return f'{where}crystal: {exception}'
    if geometry.dimensionality == 0 and 'kpoints_distance' in inputs:
        return f'{where}kpoints_distance: a molecule has no k-points: leave it out.'
    with_mesh = 'kpoints_distance' in inputs and not has_shrink(parameters)
    if geometry.dimensionality > 0 and not with_mesh and not has_shrink(parameters):
        return (
            f'{where}kpoints_distance: a periodic system needs a k-mesh: give the largest distance between k-points in '
            '1/Å here (0.35 is a good start), or `scf.shrink` in the parameters.'
        )
    try:
        check_inputs(geometry, CrystalParameters.model_validate(parameters), basis_sets, complete=False)
        if not basis_sets and not (parameters.get('basis') or {}).get('library'):
            return (
                f'{where}basis_family: no basis set: name an installed family here, or give `crystal.basis_sets`, or '
                "one of CRYSTAL's own libraries in `basis.library` of the parameters."
            )
    except ValueError as exception:
        return f'{where}crystal.{getattr(exception, "port", "parameters")}: {exception}'
    return None


def check_edits(optimised: Mapping[str, Any] | None, after: Mapping[str, Any] | None, where: str) -> str | None:
    """Return a message if both an optimisation and what is run on its result edit the structure, ``None`` if not.

    :param optimised: inputs of CrystalBaseWorkChain for the optimisation, ``after``: for what comes after it.
    :param where: namespace of ``after`` with a dot, for the message.
    """
    if all(edits_structure(geometry_block(inputs)) for inputs in (optimised, after)):
        return (
            f'{where}crystal.parameters: the edits of the geometry would be made again in the optimised structure, '
            'which has them already: leave them out here, or edit the structure before it is given.'
        )
    return None


def geometry_block(inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return ``geometry`` of the parameters, empty if there is none.

    :param inputs: of CrystalBaseWorkChain.
    """
    parameters = ((inputs or {}).get('crystal') or {}).get('parameters')
    return (parameters.get_dict().get('geometry') or {}) if parameters is not None else {}


def basis_sets_of(inputs: Mapping[str, Any], structure: orm.StructureData) -> Mapping[str, Any]:
    """Return the basis sets given, or those of the family.

    :raises ValueError: if both are given, the family is not installed, or lacks an element.
    """
    from aiida_crystalmath.workflows.arguments import load_basis_family

    given: Mapping[str, Any] = (inputs.get('crystal') or {}).get('basis_sets') or {}
    if 'basis_family' not in inputs:
        return given
    if given:
        raise ValueError('basis sets are given twice, by `basis_family` and in `crystal.basis_sets`: keep one.')
    sets: Mapping[str, Any] = load_basis_family(inputs['basis_family'].value).get_basis_sets(structure=structure)
    return sets


def check_properties(inputs: Mapping[str, Any], name: str) -> str | None:
    """Return what is wrong with where the wavefunction of ``properties`` comes from, ``None`` if nothing is.

    :param inputs: of a chain with ``parent_folder``, ``scf`` and ``structure``.
    :param name: what is computed, for the message.
    """
    parent, scf = inputs.get('parent_folder'), inputs.get('scf')
    if parent is not None and scf:
        return 'a wavefunction is given in `parent_folder`, and inputs to compute one in `scf`: keep one of the two.'
    if parent is None and not scf:
        return f'{name} needs a wavefunction: give `parent_folder`, or inputs to compute one in `scf`.'
    if parent is not None:
        return _check_parent(parent)
    if 'structure' not in inputs:
        return '`scf` needs a `structure`.'
    return check_base_inputs(scf or {}, inputs['structure'], 'scf.')


def _check_parent(parent: orm.RemoteData) -> str | None:
    from aiida_crystalmath.calculations.properties23 import validate_parent_folder

    if parent.is_cleaned:
        return f'`parent_folder` <{parent.pk}> was cleaned: its wavefunction is gone; repeat the calculation.'
    message: str | None = validate_parent_folder(parent, None)
    return None if message is None else f'`parent_folder`: {message}'
