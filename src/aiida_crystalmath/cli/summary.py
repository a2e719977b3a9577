"""What there is to say of a process: plain values, the same for people and for scripts."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_crystalmath.cli.common import formula_of

if TYPE_CHECKING:
    from aiida.orm import ProcessNode, StructureData

RESULT_OUTPUTS = ('output_', 'remote_folder', 'recovery_report')
"""How the labels of outputs begin that hold results."""

MANY_BODY_OUTPUTS = (
    'comparison',
    'crystal_handoff',
    'dft_bands',
    'gw_parameters',
    'qp_database',
    'save_folder',
    'scissor',
)
"""Further ones, of chains over several codes: whole labels."""

N_EVIDENCE = 3
"""Lines of a failed calculation's own words that are shown."""


def summarise(node: ProcessNode) -> dict[str, Any]:
    """Collect the results of a process: plain values with their units in the keys."""
    outputs: dict[str, Any] = {
        link.link_label: link.node
        for link in node.base.links.get_outgoing().all()
        if link.link_label.startswith(RESULT_OUTPUTS) or link.link_label in MANY_BODY_OUTPUTS
    }
    parameters = outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}
    initial = input_structure(node)
    structure = outputs.get('output_structure') or initial
    further: dict[str, Any] = {name: _content(outputs[name]) for name in ('comparison', 'scissor') if name in outputs}
    return {
        'pk': node.pk,
        'uuid': node.uuid,
        'label': node.label,
        'process': node.process_label,
        'state': node.process_state.value if node.process_state else 'created',
        'exit_status': node.exit_status,
        'exit_message': node.exit_message,
        'is_ok': node.is_finished_ok,
        'is_terminated': node.is_terminated,
        'engine': parameters.get('engine') or _engine_of(outputs),
        'results': parameters,
        'structure': _structure(structure, 'output_structure' in outputs) if structure else None,
        'initial_structure': _structure(initial, False) if initial else None,
        'outputs': {label: output.pk for label, output in sorted(outputs.items())},
        'failure': deepest_failure(node),
        **further,
    }


def _content(node: Any) -> dict[str, Any]:
    """Return the content of a ``Dict``; sources of a table of gaps with their PKs."""
    from aiida_crystalmath.cli.summaries.gaps import with_pks

    content: dict[str, Any] = node.get_dict()
    return with_pks(content) if 'rows' in content else content


def _engine_of(outputs: dict[str, Any]) -> str | None:
    """Return the engine that the outputs are marked with."""
    marks = [output.base.extras.get('engine', None) for output in outputs.values()]
    return next((str(mark) for mark in marks if mark), None)


def input_structure(node: ProcessNode) -> StructureData | None:
    """Return the structure that a process was given, itself or with the wavefunction of another calculation."""
    from aiida.orm import RemoteData, StructureData

    links = node.base.links.get_incoming().all()
    for link in links:
        if isinstance(link.node, StructureData):
            return link.node
    for link in links:
        if isinstance(link.node, RemoteData) and link.link_label.endswith('parent_folder'):
            from aiida_crystalmath.calculations.parent import Parent

            try:
                return Parent.of(link.node).structure
            except ValueError:  # a folder that no CRYSTAL calculation made has no structure
                return None
    return None


def _structure(structure: StructureData, is_output: bool) -> dict[str, Any]:
    """Describe a structure: lengths in Å, angles in degrees."""
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    names = ('a_angstrom', 'b_angstrom', 'c_angstrom', 'alpha_degree', 'beta_degree', 'gamma_degree')
    described: dict[str, Any] = {
        'pk': structure.pk,
        'formula': formula_of(structure),
        'n_atoms': len(geometry),
        'kinds': geometry.kinds,
        'dimensionality': geometry.dimensionality,
        'is_relaxed': is_output,
    }
    if geometry.dimensionality:
        return {**described, **dict(zip(names, geometry.cell_parameters, strict=True))}
    pairs = {
        float(
            np.linalg.norm(geometry.positions[i] - geometry.positions[j])
        ): f'{geometry.symbols[i]}-{geometry.symbols[j]}'
        for i, j in combinations(range(len(geometry)), 2)
    }
    if pairs:
        described['shortest_distance_angstrom'] = min(pairs)
        described['shortest_distance_between'] = pairs[min(pairs)]
    return described


def deepest_failure(node: ProcessNode) -> dict[str, Any] | None:
    """Walk from a failed process to the called one where the failure began."""
    from aiida_crystalmath.workflows.failures import failure_path

    if node.is_finished_ok or not node.is_terminated:
        return None
    node = failure_path(node)[-1]
    return {
        'pk': node.pk,
        'process': node.process_label,
        'is_calcjob': hasattr(node, 'get_job_id'),
        'state': node.process_state.value if node.process_state else None,
        'exit_status': node.exit_status,
        'exit_message': node.exit_message,
        'exception': node.exception,
        'evidence': evidence_of(node),
    }


def evidence_of(node: ProcessNode) -> list[str]:
    """Return what the program itself said of its errors, at most a few lines."""
    parameters = next(
        (link.node for link in node.base.links.get_outgoing().all() if link.link_label == 'output_parameters'), None
    )
    errors = parameters.get_dict().get('errors') or [] if parameters is not None else []
    said = [
        str(error.get('text') or error.get('message') or error) if isinstance(error, dict) else str(error)
        for error in errors
    ]
    return [' '.join(line.split()) for line in said][:N_EVIDENCE]
