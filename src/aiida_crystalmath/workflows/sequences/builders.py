"""From a step of a sequence to the builder of its work chain."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiida import orm

from aiida_crystalmath.workflows.crystal.steps import WAVEFUNCTION
from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge
from aiida_crystalmath.workflows.sequences.model import Sequence, Step

__all__ = ('Programs', 'check_steps', 'is_applicable', 'step_builder')

FIRST = ('code', 'structure', 'protocol', 'overrides', 'parent_folder')
"""Arguments of every builder that a sequence sets itself."""


@dataclass(frozen=True)
class Programs:
    """The codes of a sequence.

    :param crystal: of ``crystal``.
    :param properties: of ``properties``; ``None`` if there is none.
    """

    crystal: orm.AbstractCode
    properties: orm.AbstractCode | None = field(default=None)


def is_applicable(step: Step, structure: orm.StructureData) -> bool:
    """Tell whether a step means anything for a structure: a molecule has no bands."""
    return sum(bool(flag) for flag in structure.pbc) in step.definition.dimensionalities


def step_builder(
    sequence: Sequence,
    step: Step,
    programs: Programs,
    structure: orm.StructureData,
    folder: orm.RemoteData | None = None,
) -> Any:
    """Return the builder of the work chain of a step.

    :param structure: that the step begins with.
    :param folder: with the wavefunction it begins with; without it the builder has inputs to compute one.
    :raises ValueError: naming the step, for everything that is wrong with its settings.
    """
    try:
        return _builder(sequence, step, programs, structure, folder)
    except ValueError as exception:
        raise ValueError(f'step "{step.name}": {exception}') from exception


def _builder(
    sequence: Sequence,
    step: Step,
    programs: Programs,
    structure: orm.StructureData,
    folder: orm.RemoteData | None,
) -> Any:
    chain = step.definition.load()
    known = inspect.signature(chain.get_builder_from_protocol).parameters
    settings = sequence.settings_of(step)
    protocol = settings.pop('protocol', None)
    arguments = {**settings, **_own_arguments(step, known)}
    if arguments.get('initial_magnetic_moments') and 'spin_type' not in arguments:
        arguments['spin_type'] = 'collinear'
    if 'properties_code' in known:
        if programs.properties is None and step.definition.needs_properties:
            raise ValueError(f'{step.definition.text} needs a code for the program properties: give `properties_code`.')
        arguments['properties_code'] = programs.properties
    overrides = merge(_mesh_for_followers(sequence, step, protocol), step.overrides)
    if folder is not None:
        own = {name: value for name, value in arguments.items() if name not in ELECTRONIC}
        return chain.get_builder_from_protocol(None, None, protocol, overrides, parent_folder=folder, **own)
    return chain.get_builder_from_protocol(programs.crystal, structure, protocol, overrides, **arguments)


ELECTRONIC = ('electronic_type', 'spin_type', 'initial_magnetic_moments')
"""Arguments that shape a wavefunction, and mean nothing where one is given."""


def _own_arguments(step: Step, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a step over those of its kind.

    :raises ValueError: for one that the chain does not have, or that is set elsewhere.
    """
    from aiida_crystalmath.workflows.sequences.model import Settings

    elsewhere = [*Settings.model_fields, *FIRST, 'properties_code']
    free = [name for name in known if name not in elsewhere]
    for name in step.arguments:
        if name in Settings.model_fields:
            raise ValueError(f'arguments: "{name}" is a key of the step itself: write it there.')
        if name not in free:
            raise ValueError(f'arguments: {step.definition.entry_point} takes no "{name}": {did_you_mean(name, free)}')
    return {**step.definition.arguments, **step.arguments}


def _mesh_for_followers(sequence: Sequence, step: Step, protocol: str | None) -> dict[str, Any]:
    """Return the k-mesh of a single point whose wavefunction others take, if their protocols ask for a denser one.

    Bands and densities want a denser mesh than energies: the protocols of their chains say which (``scf``).
    """
    if step.definition.chain != 'base':
        return {}
    own = step.definition.load().get_protocol_inputs(protocol).get('kpoints_distance')
    distances = [own] if own is not None else []
    for other in sequence.steps:
        if other.definition.takes == WAVEFUNCTION and sequence.source(other, WAVEFUNCTION) == step.name:
            asked = other.definition.load().get_protocol_inputs(protocol).get('scf') or {}
            distances += [asked['kpoints_distance']] if 'kpoints_distance' in asked else []
    return {'kpoints_distance': min(distances)} if len(distances) > 1 else {}


def check_steps(sequence: Sequence, programs: Programs, structure: orm.StructureData) -> None:
    """Check every step that means anything for a structure, as if it began with it; nothing is stored.

    :raises ValueError: naming the step, and what is wrong with it.
    """
    for step in sequence.steps:
        if not is_applicable(step, structure):
            continue
        builder = step_builder(sequence, step, programs, structure)
        error = builder._process_spec.inputs.validate(dict(builder._inputs(prune=True)))
        if error is not None:
            raise ValueError(f'step "{step.name}": {error.port}: {error.message}')
