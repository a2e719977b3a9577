"""The model of a plan over several codes: steps, what each needs, hand-offs between them, and what a failure does.

A reference names where something is taken from: ``relax:outputs.output_structure``, ``scf:inputs.pw.pseudos``, or, of a
hand-off, ``edges:outputs.edges``. Steps and hand-offs share one set of names.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aiida_crystalmath.workflows.dependencies import circle, followers, ordered
from aiida_crystalmath.workflows.multicode.converters.declaration import Severity
from aiida_crystalmath.workflows.protocols.merge import did_you_mean
from aiida_crystalmath.workflows.sequences.model import NAME

__all__ = ('POLICIES', 'Handoff', 'Plan', 'PlanError', 'PlanStep', 'Policy', 'Reference')


class PlanError(ValueError):
    """A plan that cannot be carried out; the message has a line for everything that is wrong with it."""


class Policy(StrEnum):
    """What the failure of a step does."""

    RETRY = 'RETRY'
    CHECKPOINT = 'CHECKPOINT'
    SKIP = 'SKIP'
    FAIL_FAST = 'FAIL_FAST'


POLICIES: Mapping[Policy, str] = {
    Policy.RETRY: 'The step is run again from its start with the same inputs, up to `attempts` times in all; then as '
    'FAIL_FAST.',
    Policy.CHECKPOINT: 'The step is run again, but goes on from what the failed attempt left: its outputs named in '
    '`checkpoint` become inputs. Up to `attempts` times in all, and only if it left one of them; then as FAIL_FAST.',
    Policy.SKIP: 'The step is given up, and so is what needs it; all else is run, and the plan can end well.',
    Policy.FAIL_FAST: 'No further step is begun. Steps that run already end by themselves and hand on what they have; '
    'the plan ends with the exit code of the failure.',
}
"""What each policy means."""


class Reference(NamedTuple):
    """Where something is taken from.

    :param item: step or hand-off.
    :param side: ``outputs`` or ``inputs``.
    :param path: of the port, dots between namespaces.
    """

    item: str
    side: str
    path: str

    @classmethod
    def parse(cls, text: str, default: str | None = None) -> Reference:
        """Return what a text like ``relax:outputs.output_structure`` names.

        :param default: item, if none is named.
        :raises PlanError: if it names nothing.
        """
        item, colon, rest = text.rpartition(':')
        item = item if colon else (default or '')
        side, dot, path = rest.partition('.')
        if side not in ('inputs', 'outputs'):
            side, dot, path = 'outputs', '.', rest
        if not item or not dot or not path:
            raise PlanError(f'"{text}" names nothing: write STEP:outputs.PORT or STEP:inputs.PORT')
        return cls(item, side, path)

    @classmethod
    def alternatives(cls, text: str, default: str | None = None) -> list[Reference]:
        """Return what a text with several references apart by ``|`` names: the first that is there is meant.

        :raises PlanError: if one of them names nothing.
        """
        return [cls.parse(part.strip(), default) for part in text.split('|')]

    def __str__(self) -> str:
        """Return the reference as it is written."""
        return f'{self.item}:{self.side}.{self.path}'


class PlanStep(BaseModel):
    """A step: one process."""

    model_config = ConfigDict(extra='forbid')

    name: str = Field(description='Unlike all others; small letters, digits and single `_`.')
    process: str = Field(description='Entry point of a work chain or calculation, or `module:Class`.')
    depends_on: list[str] = Field([], description='Steps that must have finished well before, besides hand-offs.')
    on_failure: Policy = Field(Policy.FAIL_FAST, description='`RETRY`, `CHECKPOINT`, `SKIP` or `FAIL_FAST`.')
    attempts: int = Field(2, ge=1, le=20, description='How often it may be run, with `RETRY` and `CHECKPOINT`.')
    checkpoint: dict[str, str] = Field({}, description='With `CHECKPOINT`: output of a failed attempt -> input.')
    options: dict[str, Any] = Field({}, description='Inputs that are no nodes (`metadata`), nested.')


class Handoff(BaseModel):
    """A hand-off: a converter, where its inputs are from, and where its outputs go."""

    model_config = ConfigDict(extra='forbid')

    name: str = Field(description='Unlike all others, steps too.')
    converter: str | None = Field(None, description='Its name; none: outputs are passed on as they are.')
    target: str | None = Field(None, description='Step that it is for; none: it only computes something.')
    take: dict[str, str] = Field({}, description='Input of the converter -> reference, or several apart by `|`.')
    give: dict[str, str] = Field({}, description='Output of the converter -> input of the target.')
    pass_on: dict[str, str] = Field({}, description='Reference -> input of the target, untouched.')
    validation: Severity | dict[str, Severity] | None = Field(
        None, description='What failed checks do: `refuse`, `warn` or `off`, for all or by check; none: as declared.'
    )

    def sources(self) -> list[str]:
        """Return the names of what it takes from."""
        texts = [*self.take.values(), *self.pass_on]
        return list(dict.fromkeys(reference.item for text in texts for reference in Reference.alternatives(text)))


class Plan(BaseModel):
    """Steps and hand-offs."""

    model_config = ConfigDict(extra='forbid')

    description: str = Field('', description='What it is for.')
    steps: list[PlanStep] = Field(min_length=1, description='The steps.')
    handoffs: list[Handoff] = Field([], description='The hand-offs.')
    reused: dict[str, str] = Field({}, description='UUIDs of processes whose outputs are taken, by step.')

    @classmethod
    def parse(cls, content: Any) -> Plan:
        """Return the plan that ``content`` describes, its names and needs checked.

        :raises PlanError: for everything that is wrong with it.
        """
        try:
            plan = cls.model_validate(content)
        except ValidationError as exception:
            raise PlanError('\n'.join(_message(error) for error in exception.errors(include_url=False))) from exception
        problems = plan.problems()
        if problems:
            raise PlanError('\n'.join(problems))
        return plan

    @property
    def names(self) -> list[str]:
        """Names of all steps."""
        return [step.name for step in self.steps]

    @property
    def handoff_names(self) -> list[str]:
        """Names of all hand-offs."""
        return [handoff.name for handoff in self.handoffs]

    def step(self, name: str) -> PlanStep:
        """Return a step by its name.

        :raises PlanError: if there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise PlanError(f'there is no step "{name}": {did_you_mean(name, self.names)}')

    def handoffs_to(self, name: str) -> list[Handoff]:
        """Return the hand-offs to a step."""
        return [handoff for handoff in self.handoffs if handoff.target == name]

    def needs(self) -> dict[str, list[str]]:
        """Return what every step and hand-off needs: steps and hand-offs by name."""
        needs = {
            step.name: [*step.depends_on, *(handoff.name for handoff in self.handoffs_to(step.name))]
            for step in self.steps
        }
        return needs | {handoff.name: handoff.sources() for handoff in self.handoffs}

    def order(self) -> list[str]:
        """Return steps and hand-offs, each after what it needs."""
        return ordered(self.needs())

    def following(self, name: str) -> list[str]:
        """Return a step and every step and hand-off that needs it, directly or not."""
        return followers(name, self.needs())

    def problems(self) -> list[str]:
        """Return what is wrong with names and needs, a line each."""
        names = [*self.names, *self.handoff_names]
        lines = [
            f'"{name}" is no name: use small letters, digits and single underscores, a letter first.'
            for name in names
            if not NAME.fullmatch(name)
        ]
        lines += [f'the name "{name}" is given {names.count(name)} times.' for name in sorted(_twice(names))]
        for step in self.steps:
            lines += [
                f'step "{step.name}": it depends on "{need}", which is no step: {did_you_mean(need, self.names)}'
                for need in step.depends_on
                if need not in self.names
            ]
            lines += _problems_of_policy(step)
        for handoff in self.handoffs:
            lines += self._problems_of_handoff(handoff, names)
        lines += [f'there is no step "{name}" to be reused.' for name in self.reused if name not in self.names]
        if not lines:
            found = circle(self.needs())
            lines += [f'steps and hand-offs need each other in a circle: {" -> ".join(found)}.'] if found else []
        return lines

    def _problems_of_handoff(self, handoff: Handoff, names: list[str]) -> list[str]:
        where = f'hand-off "{handoff.name}"'
        if handoff.target is not None and handoff.target not in self.names:
            return [f'{where}: its target "{handoff.target}" is no step: {did_you_mean(handoff.target, self.names)}']
        try:
            sources = handoff.sources()
        except PlanError as exception:
            return [f'{where}: {exception}']
        lines = [
            f'{where}: it takes from "{name}", which is no step or hand-off: {did_you_mean(name, names)}'
            for name in sources
            if name not in names
        ]
        if handoff.converter is None and (handoff.take or handoff.give):
            lines.append(f'{where}: without a converter there is nothing to take and give: use `pass_on`.')
        if handoff.target is None and (handoff.give or handoff.pass_on):
            lines.append(f'{where}: it gives something, and to no step: name its `target`.')
        if not sources and handoff.converter is None:
            lines.append(f'{where}: it passes nothing on.')
        return lines


def _twice(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def _problems_of_policy(step: PlanStep) -> list[str]:
    """Return what is wrong with what a step does after a failure."""
    if step.on_failure is Policy.CHECKPOINT and not step.checkpoint:
        return [
            f'step "{step.name}": CHECKPOINT needs `checkpoint`: which outputs of a failed attempt become which inputs.'
        ]
    if step.on_failure is not Policy.CHECKPOINT and step.checkpoint:
        return [f'step "{step.name}": `checkpoint` means something with on_failure CHECKPOINT only.']
    return []


def _message(error: Any) -> str:
    """Return an error of pydantic in words."""
    where = '.'.join(str(part) for part in error['loc'])
    text = f'{error["msg"][0].lower()}{error["msg"][1:]}'
    return f'{where}: {text}' if where else text
