"""Going on with a plan that ended early: what finished well is taken, the rest is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.multicode.nested import laid_over
from aiida_crystalmath.workflows.multicode.plan import Plan, PlanError
from aiida_crystalmath.workflows.sequences.redo import REDO_OF

__all__ = ('REDO_OF', 'resume_builder')


def resume_builder(
    node: orm.ProcessNode, changes: Mapping[str, Mapping[str, Any]] | None = None, *, again_from: str | None = None
) -> Any:
    """Return the builder of a plan that goes on from where another ended.

    Steps that finished well are not run again: their outputs are inputs (``done``) of the new work chain. Hand-offs
    are made anew from them.

    :param node: a ``MultiCodeWorkChain`` that is over.
    :param changes: inputs to lay over those of steps, nested, by step.
    :param again_from: step that is run again although it finished well, and all that needs it.
    :raises PlanError: if the plan is not over, or a change is of a step that would not run.
    """
    from aiida_crystalmath.workflows.multicode.chain import MultiCodeWorkChain

    if not node.is_terminated:
        raise PlanError(f'{node.process_label}<{node.pk}> is not over: there is nothing to go on with yet')
    plan = Plan.parse(node.inputs.plan.get_dict())
    processes = _finished(node)
    if again_from is not None:
        plan.step(again_from)
        following = plan.following(again_from)
        processes = {name: process for name, process in processes.items() if name not in following}
    for name in changes or {}:
        plan.step(name)
        if name in processes:
            raise PlanError(f'step "{name}" finished well and is not run again: begin from it with `again_from`')
    content = {**plan.model_dump(mode='json'), 'reused': {name: process.uuid for name, process in processes.items()}}
    builder: Any = MultiCodeWorkChain.get_builder()
    given = _nested(node.inputs.inputs) if 'inputs' in node.inputs else {}
    builder.plan = orm.Dict(content)
    builder.inputs = laid_over(given, changes or {})
    if 'constants' in node.inputs:
        builder.constants = _nested(node.inputs.constants)
    builder.done = {name: _by_namespace(node_outputs(process)) for name, process in processes.items()}
    builder.clean_workdir = node.inputs.clean_workdir
    return builder


def _finished(node: orm.ProcessNode) -> dict[str, orm.ProcessNode]:
    """Return the processes of the steps that finished well, of this plan or of one that it went on from."""
    plan = Plan.parse(node.inputs.plan.get_dict())
    found: dict[str, Any] = {name: orm.load_node(uuid) for name, uuid in plan.reused.items()}
    for called in node.called:
        name = _step_of(node, called)
        if name in plan.names and called.is_finished_ok:
            found[name] = called
    return found


def _step_of(node: orm.ProcessNode, called: orm.ProcessNode) -> str:
    """Return the step that a called process was an attempt at."""
    from aiida.common.links import LinkType

    links = called.base.links.get_incoming(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all()
    label = next(str(link.link_label) for link in links if link.node.pk == node.pk)
    return label.partition('_attempt_')[0]


def _nested(inputs: Any) -> dict[str, Any]:
    """Return nested inputs of a node as dictionaries."""
    return {key: value if isinstance(value, orm.Node) else _nested(value) for key, value in inputs.items()}


def _by_namespace(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return outputs by link label as nested namespaces."""
    nested: dict[str, Any] = {}
    for label, value in outputs.items():
        *spaces, last = label.split('__')
        place = nested
        for space in spaces:
            place = place.setdefault(space, {})
        place[last] = value
    return nested
