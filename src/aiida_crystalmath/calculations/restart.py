"""Going on from an earlier calculation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_crystalmath.calculations.base import WAVEFUNCTION
from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation
from aiida_crystalmath.calculations.imported import has_file
from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.crystal.inputs.edits import edits_structure

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ('get_builder_restart',)


def get_builder_restart(node: orm.CalcJobNode, *, from_scratch: bool = False) -> ProcessBuilder:
    """Return a builder with the inputs of a finished calculation, set to go on from it.

    An optimisation goes on from the last geometry it came to, as a fresh optimisation (an old Hessian may be stale);
    an SCF starts from the wavefunction. If the input edits the geometry (SUPERCEL, ATOMREMO, ...), the last geometry
    has the edits already, which must not be made twice: then the structure is that of the input again. Properties are
    simply repeated. Of an imported run the builder has no ``code``: set the one to run with.

    :param node: a calculation of ``crystal`` or ``properties``.
    :param from_scratch: take the inputs only; no wavefunction and no geometry.
    :raises ValueError: if the node is of another kind, or has not ended.
    """
    if node.process_class not in (Crystal23Calculation, Crystal23PropertiesCalculation):
        raise ValueError(f'{node.process_label} <{node.pk}> is not a calculation of this package')
    if not node.is_terminated:
        raise ValueError(f'{node.process_label} <{node.pk}> has not ended: wait for it, or kill it')
    builder: Any = node.get_builder_restart()
    if 'remote_folder' in node.inputs:
        # The run was imported, which a restart must not do again; which code shall run is for the caller to say.
        del builder['remote_folder']
        builder.metadata.options.pop('import_from', None)
    if from_scratch or node.process_class is Crystal23PropertiesCalculation:
        return builder  # type: ignore[no-any-return]
    parameters = without_restart(builder.parameters.get_dict())
    if 'output_structure' in node.outputs and not edits_structure(parameters.get('geometry') or {}):
        builder.structure = node.outputs.output_structure
    if 'remote_folder' in node.outputs and _scf_ended(node) and has_file(node, WAVEFUNCTION):
        parameters.setdefault('scf', {})['guessp'] = True
        builder.parent_folder = node.outputs.remote_folder
    else:
        builder.parent_folder = None
    builder.parameters = orm.Dict(parameters)
    return builder  # type: ignore[no-any-return]


def without_restart(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters that take nothing from an earlier run."""
    cleaned = {**parameters}
    if 'scf' in cleaned:
        cleaned['scf'] = {key: value for key, value in cleaned['scf'].items() if key != 'guessp'}
    if 'geometry' in cleaned:
        cleaned['geometry'] = {
            name: {key: value for key, value in block.items() if key != 'restart'} if isinstance(block, dict) else block
            for name, block in cleaned['geometry'].items()
        }
    return cleaned


def _scf_ended(node: orm.CalcJobNode) -> bool:
    """Whether an SCF ended, converged or not: only then fort.9 has content (it is empty in a killed run)."""
    if 'output_parameters' not in node.outputs:
        return False
    results = node.outputs.output_parameters.get_dict()
    return bool(results.get('terminated') and (results.get('scf') or {}).get('status'))
