"""Writing a plan: steps, what they depend on, and hand-offs; checked as a whole before anything is submitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida import orm

from aiida_crystalmath.workflows.multicode.checks import plan_problems
from aiida_crystalmath.workflows.multicode.converters.declaration import Severity
from aiida_crystalmath.workflows.multicode.nested import split
from aiida_crystalmath.workflows.multicode.plan import Plan, PlanError, Policy, Reference
from aiida_crystalmath.workflows.multicode.ports import PortError, load_process
from aiida_crystalmath.workflows.protocols.merge import check_keys

__all__ = ('MultiCodeBuilder',)


class MultiCodeBuilder:
    """A plan that is being written.

    ::

        plan = MultiCodeBuilder('Silicon: geometry of a hybrid functional, bands of PBE')
        plan.add_step('relax', relax_builder)
        plan.add_step('scf', scf_builder, on_failure='RETRY')
        plan.add_handoff('crystal_to_qe', 'relax', 'scf', give={'structure': 'pw.structure', 'kpoints': 'kpoints'})
        plan.validate()
        node = plan.submit()

    Nothing is checked before :meth:`validate`, so that steps and hand-offs may be added in any order.
    """

    def __init__(self, description: str = '') -> None:
        self.description = description
        self._steps: dict[str, dict[str, Any]] = {}
        self._handoffs: dict[str, dict[str, Any]] = {}
        self._inputs: dict[str, dict[str, Any]] = {}
        self._constants: dict[str, dict[str, Any]] = {}
        self._problems: list[str] = []

    def add_step(
        self,
        name: str,
        process: Any,
        inputs: Mapping[str, Any] | None = None,
        *,
        depends_on: str | Iterable[str] = (),
        on_failure: Policy | str = Policy.FAIL_FAST,
        attempts: int = 2,
        checkpoint: Mapping[str, str] | None = None,
    ) -> MultiCodeBuilder:
        """Add a step.

        :param name: unlike all others.
        :param process: entry point, process class, or a builder of one with its inputs.
        :param inputs: nested; plain values are turned into nodes as by the process itself. Laid over a builder's.
        :param depends_on: steps that must have finished well before, besides those of hand-offs.
        :param on_failure: ``RETRY``, ``CHECKPOINT``, ``SKIP`` or ``FAIL_FAST``.
        :param attempts: how often it may be run, with the first two.
        :param checkpoint: with ``CHECKPOINT``, output of a failed attempt -> input of the next.
        """
        if name in self._steps or name in self._handoffs:
            self._problems.append(f'the name "{name}" is given twice.')
        needs = [depends_on] if isinstance(depends_on, str) else list(depends_on)
        process_class = getattr(process, 'process_class', process)
        given = dict(process._inputs(prune=True)) if hasattr(process, '_inputs') else {}
        self._steps[name] = {
            'name': name,
            'process': process_class if isinstance(process_class, str) else _name_of(process_class),
            'depends_on': needs,
            'on_failure': str(on_failure),
            'attempts': attempts,
            'checkpoint': dict(checkpoint or {}),
        }
        self._inputs[name] = {**given, **(inputs or {})}
        return self

    def depends_on(self, name: str, *others: str) -> MultiCodeBuilder:
        """Let a step begin only after others finished well.

        :raises PlanError: if the step was not added yet.
        """
        if name not in self._steps:
            raise PlanError(f'there is no step "{name}" yet: add it first')
        needs = self._steps[name]['depends_on']
        needs += [other for other in others if other not in needs]
        return self

    def add_handoff(
        self,
        converter: str | None,
        source: str | None = None,
        target: str | None = None,
        *,
        take: Mapping[str, str] | None = None,
        give: Mapping[str, str] | None = None,
        pass_on: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        validation: Severity | Mapping[str, Severity] | None = None,
        name: str | None = None,
    ) -> MultiCodeBuilder:
        """Add a hand-off.

        :param converter: its name; ``None`` passes outputs on as they are.
        :param source: step that it takes from, where ``take`` and ``pass_on`` name none.
        :param target: step that it is for; without one it only computes something.
        :param take: input of the converter -> where it is from (``output_structure``, ``inputs.pw.pseudos``,
            ``scf:output_band``). What is not named is looked for where the converter says that it usually is.
        :param give: output of the converter -> input of the target.
        :param pass_on: where something is from -> input of the target, untouched.
        :param inputs: of the converter, that no step leaves.
        :param validation: what checks that are not passed do: ``refuse``, ``warn``, ``off``, for all or by check.
        :param name: of the hand-off; by default ``SOURCE_to_TARGET``, or the converter's own.
        """
        chosen = name or (f'{source}_to_{target}' if source and target else converter or 'handoff')
        if chosen in self._handoffs or chosen in self._steps:
            self._problems.append(f'the name "{chosen}" is given twice: name the hand-off.')
        try:
            taken = {key: _written(text, source) for key, text in (take or {}).items()}
            passed = {_written(text, source): port for text, port in (pass_on or {}).items()}
        except PlanError as exception:
            self._problems.append(f'hand-off "{chosen}": {exception}')
            taken, passed = {}, {}
        self._handoffs[chosen] = {
            'name': chosen,
            'converter': converter,
            'target': target,
            'take': taken,
            'give': dict(give or {}),
            'pass_on': passed,
            'validation': dict(validation) if isinstance(validation, Mapping) else validation,
            'source': source,
        }
        self._constants[chosen] = dict(inputs or {})
        return self

    def problems(self) -> list[str]:
        """Return what is wrong with the plan, a line each; empty if it can be submitted."""
        return self._made()[3]

    def validate(self) -> MultiCodeBuilder:
        """Check the whole plan; nothing is stored.

        :raises PlanError: with a line for everything that is wrong.
        """
        problems = self.problems()
        if problems:
            raise PlanError('\n'.join(problems))
        return self

    def builder(self) -> Any:
        """Return the builder of the work chain that carries the plan out.

        :raises PlanError: as :meth:`validate`.
        """
        from aiida_crystalmath.workflows.multicode.chain import MultiCodeWorkChain

        content, inputs, constants, problems = self._made()
        if problems:
            raise PlanError('\n'.join(problems))
        builder: Any = MultiCodeWorkChain.get_builder()
        builder.plan = orm.Dict(content)
        builder.inputs = {name: values for name, values in inputs.items() if values}
        builder.constants = {name: values for name, values in constants.items() if values}
        if self.description:
            builder.metadata.label = self.description[:255]
        return builder

    def submit(self) -> orm.ProcessNode:
        """Submit the plan to the daemon.

        :raises PlanError: as :meth:`validate`.
        """
        from aiida.engine import submit

        return submit(self.builder())

    def _made(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]:
        """Return the plan, the nodes of steps and hand-offs, and what is wrong with all of it."""
        problems, steps, inputs = list(self._problems), [], {}
        for name, step in self._steps.items():
            try:
                nodes, options = _serialised(step['process'], self._inputs[name])
            except ValueError as exception:
                problems.append(f'step "{name}": {exception}')
                nodes, options = {}, {}
            inputs[name] = nodes
            steps.append({**step, 'options': options})
        handoffs = [self._completed(handoff) for handoff in self._handoffs.values()]
        content = {'description': self.description, 'steps': steps, 'handoffs': handoffs}
        if problems:
            return content, inputs, self._constants, problems
        try:
            plan = Plan.parse(content)
        except PlanError as exception:
            return content, inputs, self._constants, str(exception).split('\n')
        return plan.model_dump(mode='json'), inputs, self._constants, plan_problems(plan, inputs, self._constants)

    def _completed(self, handoff: Mapping[str, Any]) -> dict[str, Any]:
        """Return a hand-off that takes what it needs from where that usually is, unless it was said."""
        content = dict(handoff)
        source = content.pop('source')
        if source in self._steps and content['converter'] is not None:
            given = {*content['take'], *self._constants[content['name']]}
            found = usual_sources(content['converter'], self._steps[source]['process'], given)
            usual = {key: _written('|'.join(paths), source) for key, paths in found.items()}
            content['take'] = {**usual, **content['take']}
        return content


def usual_sources(converter: str, process: str, given: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return where the inputs of a converter are among the ports of a process, as the converter declares.

    :param given: inputs that need not be looked for.
    """
    from aiida_crystalmath.workflows.multicode.converters.registry import ConverterError, load_converter
    from aiida_crystalmath.workflows.multicode.ports import find_port

    try:
        _, declaration = load_converter(converter)
        spec = load_process(process).spec()
    except (ConverterError, PortError):
        return {}
    found: dict[str, list[str]] = {}
    for name, candidates in declaration.usual.items():
        if name in given:
            continue
        for path in candidates:
            reference = Reference.parse(path, 'source')
            try:
                port = find_port(getattr(spec, reference.side), reference.path)
            except PortError:
                continue
            found.setdefault(name, []).append(f'{reference.side}.{reference.path}')
            if port.required:
                break
    return found


def _written(text: str, source: str | None) -> str:
    """Return references as they are written in full.

    :raises PlanError: if one names nothing.
    """
    return '|'.join(str(reference) for reference in Reference.alternatives(text, source))


def _name_of(process: Any) -> str:
    """Return the entry point of a process class, or ``module:Class``."""
    kind = str(process.build_process_type())
    return kind if ':' in kind else f'{process.__module__}:{process.__qualname__}'


def _serialised(process: str, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the nodes and the plain values of inputs, as the process itself would make them.

    :raises ValueError: for an input that the process does not have, or a value that it does not take.
    """
    try:
        process_class = load_process(process)
    except PortError:
        return split({})  # said by the checks
    check_keys(inputs, process_class.spec().inputs, where='inputs')
    builder = process_class.get_builder()
    try:
        builder._update(dict(inputs))
    except (AttributeError, TypeError) as exception:
        raise ValueError(str(exception)) from exception
    return split(builder._inputs(prune=True))
