"""What a retry goes on from: the last geometry, the wavefunction, or the files of an interrupted block."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.calculations.restart import get_builder_restart, without_restart
from aiida_crystalmath.crystal.inputs.edits import edits_structure
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.remote import RESTART_FILES, WAVEFUNCTION, non_empty_files
from aiida_crystalmath.workflows.proposals_yambo import is_of_yambo, was_cut_short
from aiida_crystalmath.workflows.retry_inputs import Inputs

__all__ = ('start_from', 'usual_start')

RELAXING = ('CrystalGeometryOptimizationWorkChain', 'CrystalCharacteriseWorkChain')
"""Chains whose ``structure`` is what is optimised first, so that they may go on from the last geometry."""


ALL_AGAIN = 'From the structure: all of its steps are run again.'


def usual_start(node: orm.ProcessNode) -> str:
    """Return what a run starts from that takes nothing from the one that failed, in a sentence."""
    if is_of_yambo(node) or _is_yambo_base(node):
        return 'From what it was given, from the start.'
    return ALL_AGAIN if _is_many_body(node) else 'From the same structure and from atomic densities.'


def _is_yambo_base(node: orm.ProcessNode) -> bool:
    return (node.process_type or '').endswith(':crystalmath.yambo.base')


def _is_many_body(node: orm.ProcessNode) -> bool:
    return (node.process_type or '').partition(':')[2].startswith('crystalmath.yambo.') and not _is_yambo_base(node)


def start_from(node: orm.ProcessNode, inputs: Inputs, *, wavefunction: bool, is_same: bool) -> str:
    """Let a new run go on from what a failed one left.

    :param inputs: of the new run, changed in place.
    :param wavefunction: whether the last density is worth starting from.
    :param is_same: whether the input is not changed otherwise, so that interrupted blocks can be taken up.
    :return: what it starts from, in a sentence; empty if it starts as the first one did.
    """
    from aiida_crystalmath.workflows.crystal.properties_chain import PropertiesWorkChain
    from aiida_crystalmath.workflows.restart import CrystalmathBaseRestartWorkChain

    process = node.process_class
    if process is Crystal23PropertiesCalculation:
        return 'From the same wavefunction.'
    if is_of_yambo(node) or _is_yambo_base(node):
        return _from_databases(node, inputs) if is_same else ''
    if isinstance(node, orm.CalcJobNode):
        return _from_job(node, inputs, wavefunction, is_same)
    if issubclass(process, CrystalmathBaseRestartWorkChain):
        jobs = [child for child in node.called if isinstance(child, orm.CalcJobNode) and child.is_terminated]
        run = inputs.get('crystal') or {}
        return _from_job(max(jobs, key=_pk), run, wavefunction, is_same) if jobs else ''
    if process.__name__ in RELAXING:
        return _from_geometry(node, inputs)
    if issubclass(process, PropertiesWorkChain) and is_same:
        return _from_scf(node, inputs)
    return ''


def _from_databases(node: orm.ProcessNode, inputs: Inputs) -> str:
    """Let yambo go on from the databases of a run that was cut short; those of other failures are not taken."""
    called: Any = getattr(node, 'called', ())
    jobs = [node] if isinstance(node, orm.CalcJobNode) else [job for job in called if is_of_yambo(job)]
    if not jobs:
        return ''
    job, run = max(jobs, key=_pk), inputs.get('yambo', inputs)
    if 'restart_folder' not in job.process_class.spec().inputs or not was_cut_short(job):
        return ''
    told = job.outputs.output_parameters.get_dict() if 'output_parameters' in job.outputs else {}
    folder = job.outputs.remote_folder if 'remote_folder' in job.outputs else None
    if not told.get('databases_written') or folder is None or folder.is_cleaned:
        return ''
    run['restart_folder'] = folder
    return f'From the databases of <{job.pk}>.'


def _pk(node: orm.ProcessNode) -> int:
    return int(node.pk or 0)


def _from_job(job: orm.CalcJobNode, run: Inputs, wavefunction: bool, is_same: bool) -> str:
    """Go on from the last calculation: its last geometry, its wavefunction, or the block it was stopped in."""
    if 'parameters' not in run or 'structure' not in job.inputs:
        return ''  # an imported run of which no input was found
    folder = job.outputs.remote_folder if 'remote_folder' in job.outputs else None
    files = non_empty_files(folder) if folder is not None and not folder.is_cleaned else set()
    parameters: dict[str, Any] = run['parameters'].get_dict()
    task = _interrupted_task(job, parameters, files) if is_same else None
    if task is not None:
        parameters = without_restart(parameters)
        parameters['geometry'][task] = {**parameters['geometry'][task], 'restart': True}
        run.update(parameters=orm.Dict(parameters), parent_folder=folder, structure=job.inputs.structure)
        return f'{task.upper()} is taken up where <{job.pk}> stood (RESTART).'
    restart: Any = get_builder_restart(job)
    guess = restart.parent_folder is not None and WAVEFUNCTION in files
    said = []
    if restart.structure.uuid != run['structure'].uuid:
        run['structure'] = restart.structure
        said.append(f'from the last geometry, <{restart.structure.pk}>')
    # A run that was killed leaves an empty fort.9, and reading that ends with an opaque Fortran error.
    if wavefunction and guess:
        parameters = without_restart(parameters)
        parameters.setdefault('scf', {})['guessp'] = True
        run['parent_folder'] = folder
        said.append(f'from the wavefunction of <{job.pk}> (GUESSP)')
    elif said or not wavefunction:
        # What an earlier run left belongs to another geometry, or was of no use.
        parameters = without_restart(parameters)
        run.pop('parent_folder', None)
    run['parameters'] = orm.Dict(parameters)
    if not said:
        return ''
    start = ' and '.join(said)
    return f'{start[0].upper()}{start[1:]}.'


def _interrupted_task(job: orm.CalcJobNode, parameters: dict[str, Any], files: set[str]) -> str | None:
    """Return the block that was not finished and can be taken up: frequencies, elastic constants, equation of state."""
    if job.is_finished_ok or edits_structure({**(parameters.get('geometry') or {}), 'scelphono': None}):
        return None
    geometry = parameters.get('geometry') or {}
    return next(
        (name for name, needed in RESTART_FILES.items() if geometry.get(name) is not None and files.issuperset(needed)),
        None,
    )


def _from_geometry(node: orm.ProcessNode, inputs: Inputs) -> str:
    """Start a chain that optimises first from the last geometry it came to."""
    structure = node_outputs(node).get('output_structure')
    base = (inputs.get('geopt') or inputs).get('base') or {}
    parameters = (base.get('crystal') or {}).get('parameters')
    if structure is None or parameters is None or edits_structure(parameters.get_dict().get('geometry') or {}):
        return ''
    inputs['structure'] = structure
    return f'From the last geometry, <{structure.pk}>.'


def _from_scf(node: orm.ProcessNode, inputs: Inputs) -> str:
    """Let a chain of properties start from the wavefunction that it computed, if that went well."""
    scf = next((child for child in node.called if child.is_finished_ok and 'remote_folder' in child.outputs), None)
    if scf is None or 'scf' not in inputs:
        return 'From the same wavefunction.' if 'parent_folder' in inputs else ''
    folder = scf.outputs.remote_folder
    if folder.is_cleaned or WAVEFUNCTION not in non_empty_files(folder):
        return ''
    for name in ('scf', 'structure'):
        inputs.pop(name, None)
    inputs['parent_folder'] = folder
    return f'From the wavefunction of <{scf.pk}>, which is not computed again.'
