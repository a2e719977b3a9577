"""What the work chains have in common that carry out named steps and keep a record of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode

from aiida_crystalmath.workflows.crystal.chain import CallingWorkChain, node_outputs
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.sequences import control, progress

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('SteppedWorkChain', 'flat')


def flat(outputs: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    """Return nested outputs by their link labels."""
    found: dict[str, Any] = {}
    for label, value in outputs.items():
        if isinstance(value, Mapping):
            found |= flat(value, f'{prefix}{label}__')
        else:
            found[f'{prefix}{label}'] = value
    return found


class SteppedWorkChain(CallingWorkChain):
    """A work chain of named steps: ``ctx.record`` has the status of each, and what else is known of it."""

    COMMAND: ClassVar[str] = 'crystalmath sequence resume'
    """Takes the wish to pause back."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define what was done before, what the steps leave, and how they fail."""
        super().define(spec)
        spec.input_namespace(
            'done',
            dynamic=True,
            required=False,
            help='Outputs of steps that are not to be run again, by the name of the step.',
        )
        spec.inputs['done'].valid_type = orm.Data
        spec.output('output_parameters', valid_type=orm.Dict, help='State, numbers and times of every step.')
        spec.output_namespace(
            'steps', dynamic=True, required=False, help='What each step has for outputs, by its name.'
        )
        spec.outputs['steps'].valid_type = orm.Data
        spec.exit_code(
            421,
            'ERROR_SUB_PROCESS_FAILED_STEP',
            message='The step "{step}" <{pk}> failed with exit status {status}: {reason}',
        )
        spec.exit_code(206, 'ERROR_STEP_NOT_STARTED', message='The step "{step}" could not be started: {reason}')
        spec.exit_code(207, 'ERROR_STEP_NOT_RUN', message='The critical step "{step}" was not run: {reason}')

    def obey(self) -> None:
        """Pause if that was asked for; the next round begins when the process is played again."""
        if control.is_to_pause(self.node):
            self.report(f'paused on request; go on with `{self.COMMAND}`')
            self.pause(f'Paused before the next step; go on with: {self.COMMAND} {self.node.pk}')

    def settle(self, name: str, status: str, reason: str = '') -> None:
        """Note what became of a step, and report it."""
        self.ctx.record[name].update({'status': status, **({'reason': reason} if reason else {})})
        self.report(f'step {name}: {status}{f": {reason}" if reason else ""}')

    def settle_by(self, name: str, node: orm.ProcessNode) -> None:
        """Note how the process of a step ended."""
        entry = self.ctx.record[name]
        entry['exit_status'] = node.exit_status
        entry['wall_time_s'] = round((node.mtime - node.ctime).total_seconds(), 1)
        if node.is_finished_ok:
            self.settle(name, progress.FINISHED)
        else:
            state = node.process_state.value if node.process_state else 'unknown'
            self.settle(name, progress.FAILED, node.exit_message or state)

    def show_steps(self) -> None:
        """Let people see how far the steps are while the chain goes on."""
        self.node.base.extras.set(control.STEPS, {name: dict(entry) for name, entry in self.ctx.record.items()})

    def step_process(self, name: str) -> orm.ProcessNode | None:
        """Return the process of a step, the last one if there were several; ``None`` if there is none."""
        pk = self.ctx.record[name].get('pk')
        node: Any = None if pk is None else orm.load_node(pk)
        return node  # type: ignore[no-any-return]

    def step_outputs(self, name: str) -> dict[str, Any]:
        """Return the outputs of a step by their link labels."""
        if self.ctx.record[name]['status'] == progress.REUSED:
            return flat(self.inputs.done[name])
        return node_outputs(self.step_process(name))

    def attach_step_outputs(self) -> None:
        """Attach all that the steps left, by step."""
        for name in self.ctx.record:
            for label, node in self.step_outputs(name).items():
                self.out(f'steps.{name}.{label.replace("__", ".")}', node)

    def exit_code_of_step(self, name: str) -> ExitCode:
        """Return the exit code for a step that did not come to a good end."""
        entry = self.ctx.record[name]
        if entry['status'] == progress.FAILED:
            return formatted(
                self.exit_codes.ERROR_SUB_PROCESS_FAILED_STEP,
                step=name,
                pk=entry['pk'],
                status=entry['exit_status'],
                reason=entry['reason'],
            )
        code = 'ERROR_STEP_NOT_STARTED' if entry['status'] == progress.NOT_STARTED else 'ERROR_STEP_NOT_RUN'
        return formatted(self.exit_codes[code], step=name, reason=entry['reason'])
