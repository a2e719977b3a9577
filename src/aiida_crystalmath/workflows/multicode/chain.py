"""A plan over several codes, carried out through the daemon: each step as soon as what it depends on is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode, ToContext, while_
from plumpy import ProcessState

from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.multicode.checks import plan_problems
from aiida_crystalmath.workflows.multicode.converters.registry import load_converter
from aiida_crystalmath.workflows.multicode.handing import HandoffError, failed_checks, gather, nested_at
from aiida_crystalmath.workflows.multicode.nested import laid_over, set_at
from aiida_crystalmath.workflows.multicode.plan import Handoff, Plan, PlanError, PlanStep, Policy, Reference
from aiida_crystalmath.workflows.multicode.ports import load_process
from aiida_crystalmath.workflows.multicode.summary import plan_summary
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.sequences import control
from aiida_crystalmath.workflows.sequences.progress import (
    BLOCKED,
    DONE,
    FAILED,
    FINISHED,
    NOT_STARTED,
    REUSED,
    RUNNING,
    SKIPPED,
    WAITING,
)
from aiida_crystalmath.workflows.stepped import SteppedWorkChain

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.awaitable import Awaitable
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('MultiCodeWorkChain',)


class MultiCodeWorkChain(SteppedWorkChain):
    """Carry out the steps of a plan, and the hand-offs between them.

    What a failure does is up to the step: see :data:`aiida_crystalmath.workflows.multicode.plan.POLICIES`. Whoever
    wants to write a plan uses :class:`aiida_crystalmath.workflows.multicode.builder.MultiCodeBuilder`.
    """

    PLACES: ClassVar[int] = 17  # four steps side by side
    COMMAND: ClassVar[str] = 'crystalmath sequence resume'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input(
            'plan',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            help='Steps, hand-offs and what a failure does (``workflows.multicode.plan.Plan``).',
        )
        for name, text in (
            ('inputs', 'Inputs of the steps that are given, by the name of the step.'),
            ('constants', 'Inputs of converters that are given, by the name of the hand-off.'),
        ):
            spec.input_namespace(name, dynamic=True, required=False, help=text)
            spec.inputs[name].valid_type = orm.Data
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            while_(steps.has_more)(
                steps.obey,
                steps.go_on,
                steps.inspect_steps,
            ),
            steps.results,
        )
        spec.output_namespace('handoffs', dynamic=True, required=False, help='What each converter gave, by hand-off.')
        spec.outputs['handoffs'].valid_type = orm.Data
        spec.exit_code(
            432, 'ERROR_HANDOFF_FAILED', message='The hand-off "{handoff}", which no step needs, failed: {reason}'
        )

    @property
    def plan(self) -> Plan:
        """Return the plan."""
        return Plan.parse(self.inputs.plan.get_dict())

    # -- rounds --------------------------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Begin the record; take what is done."""
        plan = self.plan
        self.ctx.stopped = None
        self.ctx.record = {
            name: {'status': REUSED} if name in self.inputs.get('done', {}) else {'status': WAITING, 'attempts': []}
            for name in plan.names
        }
        self.ctx.handoffs = {name: {'status': WAITING} for name in plan.handoff_names}
        self.show_steps()

    def has_more(self) -> bool:
        """Tell whether anything has not come to its end."""
        entries = [*self.ctx.record.values(), *self.ctx.handoffs.values()]
        return any(entry['status'] in (WAITING, RUNNING) for entry in entries)

    def go_on(self) -> Any:
        """Make every hand-off and begin every step that can be; wait for any of the steps that run."""
        plan = self.plan
        while self._one_round(plan):
            pass
        self.show_steps()
        running = [name for name, entry in self.ctx.record.items() if entry['status'] == RUNNING]
        return ToContext(**{f'launched.{name}': self.step_process(name) for name in running})

    def _one_round(self, plan: Plan) -> bool:
        """Do what can be done now; tell whether anything was."""
        if self.ctx.stopped is not None:
            self._give_up_the_rest()
            return False
        status = {name: entry['status'] for name, entry in [*self.ctx.record.items(), *self.ctx.handoffs.items()]}
        waiting = [name for name, its in status.items() if its == WAITING]
        needs = plan.needs()
        ready = [name for name in waiting if all(status[need] not in (WAITING, RUNNING) for need in needs[name])]
        for name in ready:
            if name in self.ctx.handoffs:
                self._make_handoff(next(handoff for handoff in plan.handoffs if handoff.name == name))
            else:
                self._begin(plan, plan.step(name))
        return bool(ready)

    def _on_awaitable_finished(self, awaitable: Awaitable) -> None:
        """Go on when the first of several processes ends, not when all have: others may wait for this one only.

        The same process may be awaited anew, and its end be told again: what counts is the list of this round.
        """
        for mine in list(self._awaitables):
            if mine.pk == awaitable.pk:
                super()._on_awaitable_finished(mine)
        if self.state == ProcessState.WAITING and self._awaitables:
            self.resume()

    def inspect_steps(self) -> None:
        """Note how the steps ended that are over, and what their failure does."""
        plan = self.plan
        for name, entry in self.ctx.record.items():
            node = self.step_process(name) if entry['status'] == RUNNING else None
            if node is not None and node.is_terminated:
                self.settle_by(name, node)
                if not node.is_finished_ok:
                    self._after_failure(plan.step(name), node)
        self.show_steps()

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _begin(self, plan: Plan, step: PlanStep) -> None:
        """Begin a step, or give it up."""
        if self.ctx.stopped is not None:
            return
        if step.name in control.skipped(self.node):
            self.settle(step.name, SKIPPED, 'on request')
            return
        blocked = self._blocked_by(plan, step)
        if blocked is not None:
            self._give_up(step, *blocked)
            return
        entry = self.ctx.record[step.name]
        number = len(entry['attempts']) + 1
        label = step.name if number == 1 else f'{step.name}_attempt_{number}'
        try:
            node = self.launch(load_process(step.process), self._inputs_of(plan, step), label)
        except ValueError as exception:
            self._give_up(step, NOT_STARTED, str(exception))
            return
        entry.update({'status': RUNNING, 'pk': node.pk, 'uuid': node.uuid, 'attempts': [*entry['attempts'], node.pk]})
        entry.pop('reason', None)

    def _blocked_by(self, plan: Plan, step: PlanStep) -> tuple[str, str] | None:
        """Return the state of a step that cannot begin, and why; all that it needs is over."""
        for name in step.depends_on:
            status = self.ctx.record[name]['status']
            if status not in DONE:
                return self._state_after(plan, name), f'it depends on step "{name}": {status}'
        for handoff in plan.handoffs_to(step.name):
            entry = self.ctx.handoffs[handoff.name]
            if entry['status'] in DONE:
                continue
            state = SKIPPED if entry['status'] == SKIPPED else NOT_STARTED if entry['status'] == FAILED else BLOCKED
            return state, f'the hand-off "{handoff.name}" could not be made: {entry["reason"]}'
        return None

    def _state_after(self, plan: Plan, name: str) -> str:
        """Return the state of what needs something of a step that did not finish well."""
        entry = self.ctx.record[name]
        return SKIPPED if entry['status'] == SKIPPED or plan.step(name).on_failure is Policy.SKIP else BLOCKED

    def _give_up(self, step: PlanStep, status: str, reason: str) -> None:
        """Give a step up that cannot be begun; that it failed itself is as bad as if it had run."""
        self.settle(step.name, status, reason)
        if status in (NOT_STARTED, BLOCKED) and step.on_failure is not Policy.SKIP:
            self._stop(step.name)

    def _inputs_of(self, plan: Plan, step: PlanStep) -> dict[str, Any]:
        """Return the inputs of a step: given, handed, and those that a failed attempt left."""
        inputs = laid_over(_plain(self.inputs.get('inputs', {}).get(step.name, {})), step.options)
        for handoff in plan.handoffs_to(step.name):
            entry = self.ctx.handoffs[handoff.name]
            for label, port in handoff.give.items():
                if label in entry['outputs']:
                    set_at(inputs, port, orm.load_node(entry['outputs'][label]))
            for text, port in handoff.pass_on.items():
                value = self._first(text)
                if value is not None:
                    set_at(inputs, port, value)
        for port, uuid in self.ctx.record[step.name].get('left', {}).items():
            set_at(inputs, port, orm.load_node(uuid))
        return inputs

    def _after_failure(self, step: PlanStep, node: orm.ProcessNode) -> None:
        """Do what the policy of a failed step says."""
        entry = self.ctx.record[step.name]
        again = len(entry['attempts']) < step.attempts and not node.is_killed and self.ctx.stopped is None
        if step.on_failure is Policy.RETRY and again:
            self.report(f'step {step.name}: RETRY, attempt {len(entry["attempts"]) + 1} of {step.attempts}')
            entry['status'] = WAITING
        elif step.on_failure is Policy.CHECKPOINT and again:
            self._go_on_from(step, node)
        elif step.on_failure is not Policy.SKIP:
            self._stop(step.name)

    def _go_on_from(self, step: PlanStep, node: orm.ProcessNode) -> None:
        """Let a step be run again from what a failed attempt left."""
        entry, outputs = self.ctx.record[step.name], node_outputs(node)
        left = {port: nested_at(outputs, label) for label, port in step.checkpoint.items()}
        there = {port: value.uuid for port, value in left.items() if isinstance(value, orm.Data)}
        if not there:
            entry['reason'] += f' (CHECKPOINT: it left none of {", ".join(step.checkpoint)} to go on from)'
            self._stop(step.name)
            return
        self.report(f'step {step.name}: CHECKPOINT, goes on from {", ".join(there)} of {node.process_label}<{node.pk}>')
        entry.update({'status': WAITING, 'left': {**entry.get('left', {}), **there}})

    def _stop(self, name: str) -> None:
        """Begin nothing more, because of a step."""
        if self.ctx.stopped is None:
            self.ctx.stopped = name
            self.report(f'step {name} stops the plan: nothing more is begun')

    def _give_up_the_rest(self) -> None:
        """Settle all that has not begun."""
        reason = f'step "{self.ctx.stopped}" stopped the plan'
        for name, entry in self.ctx.record.items():
            if entry['status'] == WAITING:
                self.settle(name, BLOCKED, reason)
        for entry in self.ctx.handoffs.values():
            if entry['status'] == WAITING:
                entry.update({'status': BLOCKED, 'reason': reason})

    # -- hand-offs -----------------------------------------------------------------------------------------------------

    def _make_handoff(self, handoff: Handoff) -> None:
        """Make a hand-off; all that it takes from is over."""
        entry = self.ctx.handoffs[handoff.name]
        try:
            self._check_passed_on(handoff)
            entry.update({'outputs': {}, 'failed_checks': {}, **self._convert(handoff), 'status': FINISHED})
        except HandoffError as exception:
            status = self._status_of_failed(handoff)
            entry.update({'status': status, 'reason': str(exception)})
            self.report(f'hand-off {handoff.name}: {status}: {exception}')

    def _status_of_failed(self, handoff: Handoff) -> str:
        """Return the state of a hand-off that could not be made: because of its sources, or of itself."""
        plan, states = self.plan, []
        for name in handoff.sources():
            if name in self.ctx.handoffs:
                status = self.ctx.handoffs[name]['status']
                states.append(BLOCKED if status == FAILED else status)
            elif self.ctx.record[name]['status'] not in DONE:
                states.append(self._state_after(plan, name))
        return next((state for state in (BLOCKED, SKIPPED) if state in states), FAILED)

    def _check_passed_on(self, handoff: Handoff) -> None:
        """Check that what is passed on as it is is there.

        :raises HandoffError: if it is not.
        """
        for text in handoff.pass_on:
            if self._first(text) is None:
                raise HandoffError(f'{text} is not there')

    def _convert(self, handoff: Handoff) -> dict[str, Any]:
        """Run the converter and check what came out; return what is known of it.

        :raises HandoffError: if it refuses, or a check does.
        """
        if handoff.converter is None:
            return {}
        function, declaration = load_converter(handoff.converter)
        constants = _plain(self.inputs.get('constants', {}).get(handoff.name, {}))
        node = self._converted_before(handoff)
        if node is None:
            inputs = gather(handoff, constants, self._first)
            try:
                _, node = function.run_get_node(**inputs, metadata={'call_link_label': handoff.name})
            except ValueError as exception:
                raise HandoffError(f'{handoff.converter}: {exception}') from exception
        known = {'pk': node.pk, 'uuid': node.uuid}
        self.ctx.handoffs[handoff.name].update(known)
        if not node.is_finished_ok:
            raise HandoffError(f'{handoff.converter}<{node.pk}>: {node.exit_message}')
        outputs = node_outputs(node)
        failed = failed_checks(handoff, declaration, outputs)
        for name, check in failed.items():
            self.report(f'hand-off {handoff.name}: check {name}: {check["reason"]}')
        known |= {'outputs': {label: output.uuid for label, output in outputs.items()}, 'failed_checks': failed}
        self.ctx.handoffs[handoff.name].update(known)
        refused = [f'{name}: {check["reason"]}' for name, check in failed.items() if check['severity'] == 'refuse']
        if refused:
            raise HandoffError('; '.join(refused))
        return known

    def _converted_before(self, handoff: Handoff) -> orm.ProcessNode | None:
        """Return the converter of a hand-off that ran before the worker died that carried this work chain out."""
        links: Any = self.node.base.links.get_outgoing(link_type=LinkType.CALL_CALC).all()
        for link in links:
            if link.link_label == handoff.name and link.node.is_finished:
                return link.node  # type: ignore[no-any-return]
        return None

    def _first(self, text: str) -> Any:
        """Return what the first reference of a text names that is there; ``None`` if none is."""
        found = (self._referenced(reference) for reference in Reference.alternatives(text))
        return next((value for value in found if value is not None), None)

    def _referenced(self, reference: Reference) -> Any:
        """Return the node, or the nodes of a namespace, that a reference names; ``None`` if there is none."""
        if reference.item in self.ctx.handoffs:
            uuid = self.ctx.handoffs[reference.item].get('outputs', {}).get(reference.path)
            return None if uuid is None else orm.load_node(uuid)
        if reference.side == 'outputs':
            done = self.ctx.record[reference.item]['status'] in DONE
            return nested_at(self.step_outputs(reference.item), reference.path) if done else None
        reused = self.plan.reused.get(reference.item)
        node: Any = self.step_process(reference.item) if reused is None else orm.load_node(reused)
        if node is None:
            return None
        links = node.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)).all()
        return nested_at({link.link_label: link.node for link in links}, reference.path)

    # -- the end -------------------------------------------------------------------------------------------------------

    def results(self) -> ExitCode | None:
        """Attach all that steps and hand-offs left, and the summary; name the step that stopped the plan."""
        self.attach_step_outputs()
        for name, entry in self.ctx.handoffs.items():
            for label, uuid in entry.get('outputs', {}).items():
                self.out(f'handoffs.{name}.{label}', orm.load_node(uuid))
        self.attach(output_parameters=self._summary())
        if self.ctx.stopped is not None:
            return self.exit_code_of_step(self.ctx.stopped)
        for handoff in self.plan.handoffs:
            entry = self.ctx.handoffs[handoff.name]
            if handoff.target is None and entry['status'] == FAILED:
                return formatted(self.exit_codes.ERROR_HANDOFF_FAILED, handoff=handoff.name, reason=entry['reason'])
        return None

    def _summary(self) -> orm.Dict:
        """Return the node with what became of every step and hand-off."""
        plan = self.plan
        entries = [
            {
                'name': step.name,
                'process': step.process,
                'on_failure': step.on_failure.value,
                **self.ctx.record[step.name],
            }
            for step in plan.steps
        ]
        handoffs = [
            {
                'name': handoff.name,
                'converter': handoff.converter,
                'target': handoff.target,
                **self.ctx.handoffs[handoff.name],
            }
            for handoff in plan.handoffs
        ]
        content = {
            'description': plan.description,
            'n_steps': len(entries),
            'n_finished': sum(entry['status'] in DONE for entry in entries),
            'stopped_by': self.ctx.stopped,
            'steps': entries,
            'handoffs': handoffs,
        }
        results = {
            name: {label: node for label, node in self.step_outputs(name).items() if _is_result(label, node)}
            for name in plan.names
        }
        summary: orm.Dict = plan_summary(
            record=orm.Dict(content), **{name: nodes for name, nodes in results.items() if nodes}
        )
        return summary


def _is_result(label: str, node: orm.Data) -> bool:
    """Tell whether an output holds numbers that may sum a step up."""
    return isinstance(node, orm.Dict) and '__' not in label and label != 'recovery_report'


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested inputs of a process as dictionaries."""
    return {key: _plain(value) if isinstance(value, Mapping) else value for key, value in inputs.items()}


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the plan, and all inputs against the processes and converters that they are for."""
    if 'plan' not in inputs:
        return None
    try:
        plan = Plan.parse(inputs['plan'].get_dict())
    except PlanError as exception:
        return str(exception)
    problems = plan_problems(plan, _plain(inputs.get('inputs') or {}), _plain(inputs.get('constants') or {}))
    done = set(inputs.get('done') or {})
    if done != set(plan.reused):
        problems.append(f'done: the plan reuses {sorted(plan.reused)}, and there are outputs of {sorted(done)}')
    return '\n'.join(problems) or None
