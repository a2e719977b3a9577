"""The inputs of a process as nested dictionaries: taken from a node, changed, compared, and made a builder again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine.processes.ports import PortNamespace

from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation
from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.calculations.restart import get_builder_restart
from aiida_crystalmath.crystal.inputs.changes import Change, apply_changes, differences, has_block

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

__all__ = (
    'Difference',
    'builder_of',
    'change_parameters',
    'compare',
    'inputs_of',
    'is_job',
    'runs',
    'set_code',
    'set_options',
    'snapshot',
)

Inputs = dict[str, Any]
KB_PER_GB = 1024**2
WATCHED = ('max_wallclock_seconds', 'max_memory_kb', 'resources')
"""Options whose changes are shown."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    :param part: part of a work chain, empty for a calculation.
    :param what: keyword, option, or input.
    """

    part: str
    what: str
    old: str
    new: str


def is_job(node: orm.ProcessNode) -> bool:
    """Whether a process is a calculation of ``crystal`` or ``properties``."""
    return node.process_class in (Crystal23Calculation, Crystal23PropertiesCalculation)


def inputs_of(node: orm.ProcessNode) -> Inputs:
    """Return the inputs of a process as nested dictionaries that may be changed."""
    if isinstance(node, orm.CalcJobNode) and is_job(node):
        builder: Any = get_builder_restart(node, from_scratch=True)
    else:
        builder = node.get_builder_restart()
    inputs = _copy(builder._inputs(prune=True))
    if not any(isinstance(value, orm.Node) for _, content in _mappings(inputs) for value in content.values()):
        raise ValueError(f'{node.process_label} <{node.pk}> has no inputs in the database: there is nothing to repeat')
    return inputs


def _copy(inputs: Mapping[str, Any]) -> Inputs:
    """Return nested plain dictionaries; nodes stay themselves."""
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in inputs.items()}


def runs(node: orm.ProcessNode, inputs: Inputs) -> list[tuple[str, Inputs]]:
    """Return name and inputs of every run of ``crystal`` that a process is given the inputs of."""
    if is_job(node):
        return [('', inputs)] if node.process_class is Crystal23Calculation else []
    return [
        ('.'.join(path[:-1]), content)
        for path, content in _mappings(inputs)
        if path[-1:] == ('crystal',) and isinstance(content.get('parameters'), orm.Dict)
    ]


def _mappings(inputs: Inputs, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Inputs]]:
    """Yield every nested dictionary with its path."""
    yield path, inputs
    for key, value in inputs.items():
        if isinstance(value, dict):
            yield from _mappings(value, (*path, key))


def change_parameters(node: orm.ProcessNode, inputs: Inputs, changes: Sequence[Change]) -> None:
    """Make changes, each in every run of ``crystal`` that it fits.

    :raises ValueError: if one fits nowhere, or what comes out is no input.
    """
    parts = runs(node, inputs)
    unused = dict(enumerate(changes))
    for name, run in parts:
        parameters = run['parameters'].get_dict()
        fitting = {
            index: change
            for index, change in enumerate(changes)
            if (not change.part or name.startswith(change.part)) and has_block(parameters, change)
        }
        if not fitting:
            continue
        try:
            run['parameters'] = orm.Dict(apply_changes(parameters, list(fitting.values())))
        except ValueError as exception:
            raise ValueError(f'{name}: {exception}' if name else str(exception)) from exception
        unused = {index: change for index, change in unused.items() if index not in fitting}
    for change in unused.values():
        raise ValueError(_fits_nowhere(node, change, [name for name, _ in parts]))


def _fits_nowhere(node: orm.ProcessNode, change: Change, names: list[str]) -> str:
    """Say why a change cannot be made."""
    who = f'{node.process_label} <{node.pk}>'
    if not names:
        return (
            f'{change.text}: {who} is not given the input of `crystal` directly. Retry the calculation or work chain '
            'that it called ("verdi process status" shows them), or change the inputs in Python '
            '(node.get_builder_restart())'
        )
    if change.part and not any(name.startswith(change.part) for name in names):
        return f'{change.text}: {who} has no part "{change.part}"; its parts are {", ".join(names)}'
    block = change.keyword.rpartition('.')[0]
    return f'{change.text}: no run of {who} has the block {block} in its input'


# ----------------------------------------------------------------------------------------------------------- options


def set_options(
    node: orm.ProcessNode, inputs: Inputs, walltime_s: int | None, memory_gb: float | None, n_mpi: int | None
) -> None:
    """Set options of the scheduler for every job."""
    if walltime_s is None and memory_gb is None and n_mpi is None:
        return
    for options in _options(node, inputs):
        if walltime_s is not None:
            options['max_wallclock_seconds'] = walltime_s
        if memory_gb is not None:
            options['max_memory_kb'] = int(memory_gb * KB_PER_GB)
        if n_mpi is not None:
            kept = {
                key: value
                for key, value in (options.get('resources') or {}).items()
                if not key.startswith(('num', 'tot'))
            }
            options['resources'] = {**kept, 'num_machines': 1, 'num_mpiprocs_per_machine': n_mpi}


def _options(node: orm.ProcessNode, inputs: Inputs) -> Iterator[Inputs]:
    """Yield the scheduler's options of every job; they are made where there are none."""
    for _, content in _mappings(inputs):
        if 'code' in content and ('parameters' in content or 'metadata' in content):
            yield content.setdefault('metadata', {}).setdefault('options', {})
    for path, ports in _jobs_without_code(node.process_class.spec().inputs, inputs):
        content = inputs
        for key in (*path, 'metadata', 'options'):
            content = content.setdefault(key, {})
        resources = ports.get('resources')
        if 'resources' not in content and resources is not None and resources.has_default():
            # The builder wants it as soon as there is any option.
            content['resources'] = resources.default() if callable(resources.default) else resources.default
        yield content


def _jobs_without_code(
    ports: Any, inputs: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the places of jobs whose code the chain itself gives them, but for those that are not asked for.

    :return: with the ports of their options.
    """
    metadata = ports.get('metadata') or {}
    if path and 'options' in metadata and 'code' not in ports:
        yield path, metadata['options']
    for key, port in ports.items():
        if key == 'metadata' or not isinstance(port, PortNamespace):
            continue
        if port.required or inputs.get(key):
            yield from _jobs_without_code(port, inputs.get(key) or {}, (*path, key))


def set_code(inputs: Inputs, code: orm.AbstractCode) -> None:
    """Run a program with another code: whichever the code is for."""
    plugin = code.default_calc_job_plugin
    for path, content in _mappings(inputs):
        if path[-1:] == ('codes',):
            content.update({name: code for name, old in content.items() if old.default_calc_job_plugin == plugin})
            continue
        old = content.get('code')
        program = {'crystal': 'crystalmath.crystal23', 'properties': 'crystalmath.properties23'}.get(
            (path or ('',))[-1]
        )
        if isinstance(old, orm.AbstractCode):
            if plugin is None or old.default_calc_job_plugin in (None, plugin):
                content['code'] = code
        elif not path or program == plugin:
            if 'parameters' in content:
                content['code'] = code


def builder_of(node: orm.ProcessNode, inputs: Inputs) -> ProcessBuilder:
    """Return a builder with the inputs.

    :raises ValueError: if they are not valid.
    """
    builder: Any = node.process_class.get_builder()
    builder._update(inputs)
    ports = node.process_class.spec().inputs
    problem = ports.validate(ports.pre_process(_copy(builder._inputs(prune=True))))
    if problem is not None:
        raise ValueError(f'the inputs of the new run are not valid: {problem}')
    return builder  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------- differences


@dataclass(frozen=True)
class Snapshot:
    """What may differ between two runs: parameters, options and nodes, by the name of the part."""

    parameters: dict[str, Inputs]
    options: dict[str, Inputs]
    nodes: dict[str, str]


def snapshot(node: orm.ProcessNode, inputs: Inputs) -> Snapshot:
    """Return what is to be compared, as it is now."""
    options = {
        '.'.join(path): dict((content.get('metadata') or {}).get('options') or {})
        for path, content in _mappings(inputs)
        if 'code' in content or 'options' in (content.get('metadata') or {})
    }
    nodes = {
        '.'.join((*path, key)): f'{type(value).__name__} <{value.pk or "new"}>'
        for path, content in _mappings(inputs)
        for key, value in content.items()
        if isinstance(value, orm.Node) and key in ('structure', 'parent_folder', 'restart_folder', 'code')
    }
    return Snapshot({name: run['parameters'].get_dict() for name, run in runs(node, inputs)}, options, nodes)


def compare(old: Snapshot, new: Snapshot) -> list[Difference]:
    """Return what differs."""
    found = []
    for part in [*old.parameters, *(part for part in new.parameters if part not in old.parameters)]:
        before, after = old.parameters.get(part), new.parameters.get(part)
        if before is None or after is None:
            found.append(Difference(part, 'run of crystal', 'yes' if before else '-', 'yes' if after else '-'))
        else:
            found += [Difference(part, *row) for row in differences(before, after)]
    for part, options in new.options.items():
        for name in WATCHED:
            one, other = old.options.get(part, {}).get(name), options.get(name)
            if one != other:
                found.append(Difference(part, name, *(str('-' if value is None else value) for value in (one, other))))
    for name in {**old.nodes, **new.nodes}:
        if old.nodes.get(name) != new.nodes.get(name) and not name.endswith('code'):
            part, _, what = name.rpartition('.')
            found.append(Difference(part, what, old.nodes.get(name, '-'), new.nodes.get(name, '-')))
    return found
