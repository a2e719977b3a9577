"""The model of a sequence: what may stand in its YAML file, and where each step takes its input from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aiida_crystalmath.workflows.crystal.steps import WAVEFUNCTION, Kind, kind_of
from aiida_crystalmath.workflows.dependencies import circle, followers, ordered
from aiida_crystalmath.workflows.protocols.merge import did_you_mean

__all__ = ('Sequence', 'SequenceError', 'Settings', 'Step')

NAME = re.compile(r'[a-z][a-z0-9]*(_[a-z0-9]+)*')


class SequenceError(ValueError):
    """A sequence that cannot be carried out: the message names file, step and key."""


class Settings(BaseModel):
    """What can be set for all steps (`defaults`) or for one, which has precedence."""

    model_config = ConfigDict(extra='forbid')

    protocol: str | None = Field(None, description='`fast`, `balanced` or `stringent`; without it that of the chain.')
    electronic_type: str | None = Field(None, description='`insulator`, `metal` or `automatic`.')
    spin_type: str | None = Field(None, description='`none` or `collinear`.')
    initial_magnetic_moments: dict[str, float] | None = Field(
        None, description='Unpaired electrons of one atom of each kind.'
    )
    options: dict[str, Any] | Literal['auto'] | None = Field(
        None,
        description='Of the scheduler: `max_wallclock_seconds`, `resources`; or `auto`, to take what is suggested.',
    )

    def asked(self) -> dict[str, Any]:
        """Return the settings that were made."""
        return {name: getattr(self, name) for name in Settings.model_fields if getattr(self, name) is not None}


class Step(Settings):
    """One step: a work chain, what it needs, and how it is set up."""

    name: str = Field(description='Unlike all others; letters, digits and single `_`.')
    kind: str = Field('', description='What is run; without it the name says so.')
    needs: list[str] = Field([], description='Steps that must be over before; none: it begins with the structure.')
    optional: bool = Field(
        False, description='Whether the sequence may end well without it. Otherwise the step is critical.'
    )
    overrides: dict[str, Any] = Field({}, description="What to change of the chain's protocol, nested as its inputs.")
    arguments: dict[str, Any] = Field(
        {}, description="Further arguments of the chain's `get_builder_from_protocol`, such as `relax_type`."
    )

    @property
    def definition(self) -> Kind:
        """Return the kind of the step.

        :raises ValueError: if there is no such kind.
        """
        return kind_of(self.kind or self.name)


class Sequence(BaseModel):
    """A sequence of steps. Steps that need the same ones run side by side."""

    model_config = ConfigDict(extra='forbid')

    description: str = Field('', description='What it is for.')
    defaults: Settings = Field(default_factory=Settings, description='Settings of all steps.')
    steps: list[Step] = Field(min_length=1, description='The steps; their order is that of `needs`, not of the list.')

    @classmethod
    def parse(cls, content: Any, where: str = 'sequence') -> Sequence:
        """Return the sequence that ``content`` describes, checked.

        :param content: what the YAML holds.
        :param where: name of the file, for messages.
        :raises SequenceError: naming file, step and key, for everything that is wrong with it.
        """
        if not isinstance(content, Mapping):
            raise SequenceError(f'{where}: expected a mapping with `steps`, not {type(content).__name__}.')
        try:
            sequence = cls.model_validate(dict(content))
        except ValidationError as exception:
            # An unknown key often is a known one misspelt, which is then missing as well: it comes first.
            errors = sorted(exception.errors(include_url=False), key=lambda error: error['type'] != 'extra_forbidden')
            problems = [_message(error, content) for error in errors]
            raise SequenceError('\n'.join(f'{where}: {problem}' for problem in problems)) from exception
        problem = sequence.problem()
        if problem is not None:
            raise SequenceError(f'{where}: {problem}')
        return sequence

    @property
    def names(self) -> list[str]:
        """Return the names of the steps in the order of the file."""
        return [step.name for step in self.steps]

    def step(self, name: str) -> Step:
        """Return a step by its name.

        :raises ValueError: if there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise ValueError(f'there is no step "{name}": {did_you_mean(name, self.names)}')

    def settings_of(self, step: Step) -> dict[str, Any]:
        """Return the settings of a step: its own, and for the rest the defaults."""
        return {**self.defaults.asked(), **step.asked()}

    def following(self, name: str) -> list[str]:
        """Return ``name`` and every step that needs it, directly or not, in the order of the file."""
        return followers(name, self._needs())

    def source(self, step: Step, what: str) -> str | None:
        """Return the name of the step that ``step`` takes its structure or wavefunction from.

        It is the nearest one on the way back along ``needs`` that gives it; ``None`` if there is none.

        :raises ValueError: if two are equally near.
        """
        nearest = step.needs
        while nearest:
            giving = [name for name in nearest if what in self.step(name).definition.gives]
            if len(giving) > 1:
                names = ' or '.join(f'"{name}"' for name in giving)
                raise ValueError(f'step "{step.name}": it could take its {what} from {names}: let it need only one.')
            if giving:
                return giving[0]
            nearest = list(dict.fromkeys(before for name in nearest for before in self.step(name).needs))
        return None

    def problem(self) -> str | None:
        """Return what is wrong with names, needs and what is taken from where; ``None`` if nothing is."""
        for step in self.steps:
            problem = self._problem_of_names(step)
            if problem is not None:
                return problem
        cycle = circle(self._needs())
        if cycle:
            return f'the steps need each other in a circle: {" -> ".join(cycle)}.'
        for step in self.steps:
            takes = step.definition.takes
            try:
                source = self.source(step, takes)
            except ValueError as exception:
                return str(exception)
            if takes == WAVEFUNCTION and source is None:
                return (
                    f'step "{step.name}": {step.definition.text} needs a wavefunction: let it need a step that makes '
                    'one (sp, opt).'
                )
        return None

    def _problem_of_names(self, step: Step) -> str | None:
        """Return what is wrong with the names in a step."""
        if not NAME.fullmatch(step.name):
            return (
                f'step "{step.name}": not a name for a step: use small letters, digits and single underscores, a '
                'letter first.'
            )
        if self.names.count(step.name) > 1:
            return f'step "{step.name}": {self.names.count(step.name)} steps have this name.'
        try:
            _ = step.definition
        except ValueError as exception:
            key = 'kind' if step.kind else 'name'
            hint = '' if step.kind else ' Give the step a `kind`.'
            return f'step "{step.name}": {key}: {exception}{hint}'
        for need in step.needs:
            if need not in self.names:
                others = [name for name in self.names if name != step.name]
                return f'step "{step.name}": needs: there is no step "{need}": {did_you_mean(need, others)}'
        return None

    def _needs(self) -> dict[str, list[str]]:
        """Return what each step needs, by name."""
        return {step.name: step.needs for step in self.steps}

    def order(self) -> list[str]:
        """Return the names of the steps, each after those that it needs."""
        return ordered(self._needs())


def _message(error: Any, content: Mapping[str, Any]) -> str:
    """Return an error of pydantic in words: the step by its name, the key, and the nearest known one."""
    loc = list(error['loc'])
    where, known = '', list(Sequence.model_fields)
    if loc[:1] == ['steps'] and len(loc) > 1 and isinstance(loc[1], int):
        step = content['steps'][loc[1]]
        name = step.get('name') if isinstance(step, Mapping) else None
        where = f'step "{name}": ' if name else f'step {loc[1] + 1}: '
        loc, known = loc[2:], list(Step.model_fields)
    elif loc[:1] == ['defaults']:
        where, loc, known = 'defaults: ', loc[1:], list(Settings.model_fields)
    key = '.'.join(str(part) for part in loc)
    if error['type'] == 'extra_forbidden':
        return f'{where}unknown key "{key}": {did_you_mean(key, known)}'
    if error['type'] == 'missing':
        return f'{where}the key "{key}" is missing.'
    text = f'{error["msg"][0].lower()}{error["msg"][1:]}'
    return f'{where}{key}: {text}, it is {error["input"]!r}' if key else f'{where}{text}, it is {error["input"]!r}'
