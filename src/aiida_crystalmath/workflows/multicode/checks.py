"""Everything that can be wrong with a plan, found before anything is submitted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from aiida import orm

from aiida_crystalmath.workflows.multicode.converters.declaration import Converter
from aiida_crystalmath.workflows.multicode.converters.registry import ConverterError, load_converter
from aiida_crystalmath.workflows.multicode.plan import Handoff, Plan, PlanStep, Reference
from aiida_crystalmath.workflows.multicode.ports import (
    PortError,
    find_port,
    fits,
    load_process,
    missing_ports,
    type_names,
    types_of,
    walk,
)
from aiida_crystalmath.workflows.protocols.merge import did_you_mean

__all__ = ('keyword_input', 'plan_problems')

Inputs = Mapping[str, Mapping[str, Any]]


def keyword_input(function: Any) -> str | None:
    """Return the name of the inputs of a converter that are a namespace (``**pseudos``), ``None`` if there is none."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            return parameter.name
    return None


def plan_problems(plan: Plan, inputs: Inputs, constants: Inputs) -> list[str]:
    """Return what is wrong with a plan, a line each; empty if it can be submitted.

    :param inputs: of the steps that are given, nested, by step.
    :param constants: inputs of converters that are given, by hand-off.
    """
    return plan.problems() or _Checker(plan, inputs, constants).problems()


class _Checker:
    """Looks at one plan, whose names and needs are right."""

    def __init__(self, plan: Plan, inputs: Inputs, constants: Inputs) -> None:
        self.plan = plan
        self.inputs = inputs
        self.constants = constants
        self.processes: dict[str, Any] = {}
        self.converters: dict[str, tuple[Any, Converter]] = {}

    def problems(self) -> list[str]:
        """Return all problems."""
        lines: list[str] = []
        for step in self.plan.steps:
            try:
                self.processes[step.name] = load_process(step.process)
            except PortError as exception:
                lines.append(f'step "{step.name}": {exception}')
        for handoff in self.plan.handoffs:
            lines += self._load_converter(handoff)
        for handoff in self.plan.handoffs:
            if handoff.converter is None or handoff.name in self.converters:
                lines += [f'hand-off "{handoff.name}": {text}' for text in self._handoff(handoff)]
        for step in self.plan.steps:
            if step.name in self.processes and step.name not in self.plan.reused:
                lines += [f'step "{step.name}": {text}' for text in self._step(step)]
        known = {'inputs': (self.inputs, self.plan.names), 'handoffs': (self.constants, self.plan.handoff_names)}
        for name, (values, names) in known.items():
            lines += [f'{name}: there is no "{key}": {did_you_mean(key, names)}' for key in values if key not in names]
        return lines

    # -- converters ----------------------------------------------------------------------------------------------------

    def _load_converter(self, handoff: Handoff) -> list[str]:
        if handoff.converter is None:
            return []
        try:
            function, declaration = load_converter(handoff.converter)
        except ConverterError as exception:
            return [f'hand-off "{handoff.name}": {exception}']
        if declaration.refused:
            return [f'hand-off "{handoff.name}": {handoff.converter} is refused: {declaration.refused}']
        self.converters[handoff.name] = function, declaration
        return []

    def _handoff(self, handoff: Handoff) -> list[str]:
        lines: list[str] = []
        if handoff.converter is not None:
            lines += self._taken(handoff)
            lines += self._checks(handoff)
        for label, port in handoff.give.items():
            lines += self._given(handoff, label, port)
        for text, port in handoff.pass_on.items():
            for source in Reference.alternatives(text):
                lines += self._passed(handoff, source, port)
        return lines

    def _taken(self, handoff: Handoff) -> list[str]:
        """Check what goes into the converter."""
        function, _ = self.converters[handoff.name]
        ports, several = function.spec().inputs, keyword_input(function)
        constants = self.constants.get(handoff.name, {})
        names = [name for name in ports if name != 'metadata']
        lines = []
        for name, text in handoff.take.items():
            if name in constants:
                lines.append(f'the input "{name}" of {handoff.converter} is both given and taken.')
            if name not in names and name != several:
                known = [*names, several] if several else names
                lines.append(f'{handoff.converter} takes no "{name}": {did_you_mean(name, known)}')
                continue
            taken = () if name == several else types_of(ports[name])
            for source in Reference.alternatives(text):
                lines += self._fit(source, taken, f'the input "{name}" of {handoff.converter}')
        for name, value in constants.items():
            if name not in names and name != several:
                lines.append(f'{handoff.converter} takes no "{name}": {did_you_mean(name, names)}')
            elif name != several and not isinstance(value, types_of(ports[name])):
                lines.append(
                    f'the input "{name}" of {handoff.converter} is {type_names(types_of(ports[name]))}, not '
                    f'{type(value).__name__}.'
                )
        lines += [
            f'{handoff.converter} needs "{name}", which it is not given: name it in `take`.'
            for name in names
            if ports[name].required and not ports[name].has_default()
            if name not in handoff.take and name not in constants
        ]
        return lines

    def _checks(self, handoff: Handoff) -> list[str]:
        """Check that the checks whose severity is set are there."""
        known = [check.name for check in self.converters[handoff.name][1].checks]
        chosen = handoff.validation if isinstance(handoff.validation, dict) else {}
        return [
            f'validation: there is no check "{name}": {did_you_mean(name, known)}'
            for name in chosen
            if name not in known
        ]

    def _given(self, handoff: Handoff, label: str, port: str) -> list[str]:
        """Check an output of the converter against the input that it is for."""
        _, declaration = self.converters[handoff.name]
        found = declaration.output_type(label)
        if found is None:
            return [f'{handoff.converter} gives no "{label}": {did_you_mean(label, declaration.output_labels)}']
        return self._into(handoff, (found[0],), f'the output "{label}" of {handoff.converter}', port)

    def _passed(self, handoff: Handoff, source: Reference, port: str) -> list[str]:
        """Check something that is passed on as it is."""
        try:
            types = self._types_at(source)
        except PortError as exception:
            return [str(exception)]
        return [] if types is None else self._into(handoff, types, f'"{source}"', port)

    def _into(self, handoff: Handoff, types: tuple[type, ...], what: str, port: str) -> list[str]:
        """Check that something fits an input of the target, which is not set already."""
        if handoff.target not in self.processes:
            return []
        try:
            taken = types_of(find_port(self.processes[handoff.target].spec().inputs, port))
        except PortError as exception:
            return [f'step "{handoff.target}": {exception}']
        lines = []
        if not fits(types, taken):
            lines.append(
                f'{what} is {type_names(types)}, and "{handoff.target}:inputs.{port}" takes {type_names(taken)}.'
            )
        if port in dict(walk(self.inputs.get(handoff.target, {}))):
            lines.append(f'"{handoff.target}:inputs.{port}" is given already.')
        return lines

    def _fit(self, source: Reference, taken: tuple[type, ...], what: str) -> list[str]:
        """Check that what a reference names fits."""
        try:
            types = self._types_at(source)
        except PortError as exception:
            return [str(exception)]
        if types is None or fits(types, taken):
            return []
        return [f'"{source}" is {type_names(types)}, and {what} takes {type_names(taken)}.']

    def _types_at(self, source: Reference) -> tuple[type, ...] | None:
        """Return the types of what a reference names, ``None`` if that is not known for another reason.

        :raises PortError: if it names nothing.
        """
        if source.item in self.converters:
            declaration = self.converters[source.item][1]
            found = declaration.output_type(source.path) if source.side == 'outputs' else None
            if found is None:
                raise PortError(f'"{source}" is nothing: {did_you_mean(source.path, declaration.output_labels)}')
            return (found[0],)
        if source.item not in self.processes:
            return None
        spec = self.processes[source.item].spec()
        try:
            return types_of(find_port(getattr(spec, source.side), source.path))
        except PortError as exception:
            raise PortError(f'"{source}": {exception}') from exception

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _step(self, step: PlanStep) -> list[str]:
        from aiida_crystalmath.workflows.multicode.nested import laid_over

        ports = self.processes[step.name].spec().inputs
        given = laid_over(self.inputs.get(step.name, {}), step.options)
        handed = self._handed(step.name)
        lines = [
            f'the input "{port}" is handed {handed.count(port)} times.'
            for port in sorted(set(handed))
            if handed.count(port) > 1
        ]
        lines += [
            f'the input "{port}" is missing, and no hand-off gives it.' for port in missing_ports(ports, given, handed)
        ]
        lines += _wrong_values(ports, given)
        if not lines and not handed:
            error = ports.validate(given)
            lines += [] if error is None else [f'{error.port}: {error.message}']
        for label, port in step.checkpoint.items():
            lines += self._checkpoint(step, label, port)
        return lines

    def _handed(self, name: str) -> list[str]:
        """Return the inputs of a step that hand-offs give."""
        return [
            port
            for handoff in self.plan.handoffs_to(name)
            for port in (*handoff.give.values(), *handoff.pass_on.values())
        ]

    def _checkpoint(self, step: PlanStep, label: str, port: str) -> list[str]:
        """Check an output of a failed attempt against the input of the next."""
        spec = self.processes[step.name].spec()
        try:
            given, taken = types_of(find_port(spec.outputs, label)), types_of(find_port(spec.inputs, port))
        except PortError as exception:
            return [f'checkpoint: {exception}']
        if fits(given, taken):
            return []
        return [f'checkpoint: "{label}" is {type_names(given)}, and "{port}" takes {type_names(taken)}.']


def _wrong_values(ports: Any, given: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with single inputs."""
    lines = []
    for path, value in walk(given):
        try:
            port = find_port(ports, path)
        except PortError as exception:
            # What is no node may be a dictionary, as options of a scheduler are: its keys are no ports.
            if isinstance(value, orm.Node):
                lines.append(str(exception))
            continue
        validate: Callable[[Any], Any] | None = None if port.name != path.rpartition('.')[2] else port.validate
        error = None if validate is None else validate(value)
        if error is not None:
            lines.append(f'{path}: {error.message}')
    return lines
