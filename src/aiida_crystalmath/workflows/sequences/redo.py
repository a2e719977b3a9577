"""Running a sequence again from one of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.steps import WAVEFUNCTION
from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge
from aiida_crystalmath.workflows.sequences.model import Sequence

__all__ = ('REDO_OF', 'all_steps', 'finished_outputs', 'redo_builder', 'step_processes')

REDO_OF = 'crystalmath_redo_of'
"""Extra of a sequence: UUID of the one that it runs again in part."""


def step_processes(node: orm.ProcessNode) -> dict[str, orm.ProcessNode]:
    """Return the processes of the steps of a sequence that have begun, by the names of the steps."""
    links = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    return {link.link_label: link.node for link in links if isinstance(link.node, orm.ProcessNode)}


def all_steps(node: orm.ProcessNode) -> dict[str, orm.ProcessNode]:
    """Return the processes of the steps of a sequence by name, those that were taken from an earlier run too."""
    earlier = node.base.extras.get(REDO_OF, None)
    if earlier is None:
        return step_processes(node)
    before_node: Any = orm.load_node(earlier)
    before = {name: step for name, step in all_steps(before_node).items() if name in _given(node)}
    return {**before, **step_processes(node)}


def finished_outputs(node: orm.ProcessNode) -> dict[str, dict[str, Any]]:
    """Return the outputs of every step of a sequence that finished well, or had before, by name and link label."""
    run = {name: node_outputs(child) for name, child in step_processes(node).items() if child.is_finished_ok}
    return {**_given(node), **run}


def _given(node: orm.ProcessNode) -> dict[str, dict[str, Any]]:
    """Return the outputs of steps that a sequence was given as done."""
    given: dict[str, dict[str, Any]] = {}
    for link in node.base.links.get_incoming(link_type=LinkType.INPUT_WORK).all():
        namespace, _, rest = link.link_label.partition('__')
        if namespace == 'done':
            name, _, label = rest.partition('__')
            given.setdefault(name, {})[label] = link.node
    return given


def redo_builder(
    node: orm.ProcessNode, first: str, changes: Mapping[str, Any] | None = None, *, use_cache: bool = True
) -> Any:
    """Return the builder of a sequence that runs again from a step on.

    Steps that finished well and need nothing of it are taken as they are. The others run anew; with ``use_cache``
    those of their calculations that finished well with the same inputs are taken from the database.

    :param node: the sequence, over.
    :param first: name of the step.
    :param changes: by step name: keys of the step to change, nested as in the file.
    :raises ValueError: if there is no such step, a change is of a step that would not run, or what is needed is gone.
    """
    from aiida_crystalmath.workflows.crystal.sequence import CrystalSequenceWorkChain
    from aiida_crystalmath.workflows.sequences.builders import Programs, check_steps

    content = node.inputs.sequence.get_dict()
    name, plain = str(content.get('name', 'sequence')), content['sequence']
    sequence = Sequence.parse(plain, name)
    sequence.step(first)
    done = {step: outputs for step, outputs in finished_outputs(node).items() if step not in sequence.following(first)}
    for step_name, values in (changes or {}).items():
        if step_name not in sequence.names:
            raise ValueError(f'there is no step "{step_name}": {did_you_mean(step_name, sequence.names)}')
        if step_name in done:
            raise ValueError(
                f'step "{step_name}" is not run again from "{first}" on, so nothing of it can change: begin from it.'
            )
        index = sequence.names.index(step_name)
        plain['steps'][index] = merge(plain['steps'][index], values)
    sequence = Sequence.parse(plain, name)
    _check_folders(sequence, done)
    builder: Any = CrystalSequenceWorkChain.get_builder()
    builder.structure = node.inputs.structure
    builder.code = node.inputs.code
    if 'properties_code' in node.inputs:
        builder.properties_code = node.inputs.properties_code
    builder.sequence = orm.Dict({'name': name, 'sequence': plain})
    builder.done = {step: _nested(outputs) for step, outputs in done.items()}
    builder.clean_workdir = node.inputs.clean_workdir
    builder.use_cache = orm.Bool(use_cache)
    check_steps(sequence, Programs(builder.code, builder.properties_code), builder.structure)
    return builder


def _check_folders(sequence: Sequence, done: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that the wavefunctions are there which steps that run again take from steps that do not.

    :raises ValueError: naming the step whose folder is gone.
    """
    for step in sequence.steps:
        source = sequence.source(step, WAVEFUNCTION) if step.definition.takes == WAVEFUNCTION else None
        if step.name in done or source is None or source not in done:
            continue
        folder = done[source].get('remote_folder')
        if folder is None or folder.is_cleaned or (_is_here(folder) and folder.is_empty):
            raise ValueError(
                f'step "{step.name}" needs the wavefunction of step "{source}", whose working folder is gone: begin '
                f'from "{source}".'
            )


def _is_here(folder: orm.RemoteData) -> bool:
    """Tell whether a folder is on this machine, where looking costs nothing."""
    return folder.computer is not None and folder.computer.transport_type == 'core.local'


def _nested(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return outputs by link label as nested namespaces."""
    nested: dict[str, Any] = {}
    for label, value in outputs.items():
        *spaces, last = label.split('__')
        place = nested
        for space in spaces:
            place = place.setdefault(space, {})
        place[last] = value
    return nested
