"""The restart work chain under every base chain of this package.

aiida-core 2.9.4's ``BaseRestartWorkChain`` has four traps, and this subclass closes them; the tests show each trap in
the core too, so that a later fix there is noticed and the defence can go:

1. the limit on iterations is checked before a handler's fatal exit code is looked at, so that the reason of a failure
   on the last allowed iteration is lost behind 401;
2. with ``pause_on_max_iterations`` the counter of iterations restarts while the list of children goes on, and the next
   inspection looks at the first child ever run instead of the last;
3. a chain that fails has no outputs, though its last calculation may have good partial ones (a geometry to go on from);
4. ``on_unhandled_failure`` is for failures that no handler looked at: one that a handler gave up ends the chain at
   once, whatever the user asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import BaseRestartWorkChain, ExitCode, ProcessHandlerReport
from aiida.engine.processes.workchains.restart import validate_on_unhandled_failure

from aiida_crystalmath.calculations.one_worker import ChainByOneWorker
from aiida_crystalmath.workflows.changes import changes, snapshot
from aiida_crystalmath.workflows.cleaning import remove_folders

if TYPE_CHECKING:
    from aiida.engine.processes import ProcessSpec

__all__ = ('CrystalmathBaseRestartWorkChain', 'formatted', 'own_exit_code')

REPORT_HELP = (
    'What went wrong on the way and what was done about it. `actions`: one entry for each time that a handler acted '
    '(`iteration`, `calculation` (uuid), `exit_status`, `scheduler` (its part in the exit status, or null), '
    '`diagnoses` (names of the catalogue, the decisive one first), `handler`, `cause`, `action`, `changes`: name of '
    'the input -> `{old, new}`, `physics` (names of those that make the result another than that of the input)). '
    '`outcome`: `cured` or `given_up`. `physics_changed`: all changes of that sort, `{old, new}` by name. `notes`: '
    'what a reader of the results should know. After `given_up` also `failure` (`calculation`, `exit_status`, '
    '`scheduler`, `diagnoses`, `message`) and `next_step`, what a person may do. Absent if all went well at once.'
)


def formatted(exit_code: ExitCode, **values: object) -> ExitCode:
    """Return an exit code with the fields of its message filled in."""
    return exit_code.format(**{name: str(value) for name, value in values.items()})


def own_exit_code(node: orm.ProcessNode) -> ExitCode:
    """Return the exit code of a finished child, to be that of the work chain."""
    return ExitCode(node.exit_status or 0, node.exit_message)


class CrystalmathBaseRestartWorkChain(ChainByOneWorker, BaseRestartWorkChain):
    """Restart chain that keeps the reason of a failure, the right child, and partial outputs.

    Handlers tell what they did through :meth:`record`, and why they stop through :meth:`give_up`; the output
    ``recovery_report`` is made of it.
    """

    _fatal: list[ExitCode]
    """Exit codes of the fatal reports of the inspection that is going on: none, or the first one."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:  # type: ignore[override]
        """Define the ports shared by all base chains."""
        super().define(spec)
        # With this port the core would look at the wrong child after resuming (trap 2).
        del spec.inputs['pause_on_max_iterations']
        spec.input(
            'on_unhandled_failure',
            valid_type=orm.Str,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_on_unhandled_failure,
            help='What to do when nothing more can be done about a failure: `abort` (default), `pause` (wait; after '
            '`verdi process play` the last inputs are run again, with all remedies allowed anew), `restart_once` (run '
            'the same once more, then abort), `restart_and_pause` (run it once more, then pause). What is wrong with '
            'the input is never run again by itself.',
        )
        spec.output('recovery_report', valid_type=orm.Dict, required=False, help=REPORT_HELP)

    def setup(self) -> None:
        """Initialise the context."""
        super().setup()
        self.ctx.recovery = []
        self.ctx.notes = []
        self.ctx.next_step = None

    # ---------------------------------------------------------------------------------------------- for subclasses

    def describe_failure(self, node: Any) -> dict[str, Any]:
        """Return ``scheduler`` and ``diagnoses`` of a child, for the report."""
        return {'scheduler': None, 'diagnoses': []}

    def suggest(self, node: Any) -> str:
        """Return what a person may do about a child that could not be helped."""
        return 'Read the report and the last lines of the output.'

    def may_run_again(self, node: orm.ProcessNode) -> bool:
        """Tell whether the same inputs may be run again by themselves: not when the input is wrong."""
        return not 200 <= (node.exit_status or 0) < 400

    # ---------------------------------------------------------------------------------------------- the inspection

    def inspect_process(self) -> ExitCode | None:
        """Let the handlers look at the last child, and decide whether to go on.

        :return: the exit code to end with, or ``None`` (or one with status 0) to go on.
        """
        # The core finds the child by the number of the iteration: keep the two in step.
        self.ctx.iteration = len(self.ctx.children)
        # Plain dictionaries that the handlers change in place: compared, they tell what changed.
        self.ctx.before = snapshot(self.ctx.get('inputs') or {})
        fatal: list[ExitCode] = []
        self._fatal = fatal
        # The core takes a handler's report for a remedy, a fatal one as well, and forgets that all was tried before.
        before = self.ctx.unhandled_failure
        exit_code = super().inspect_process()
        if fatal:
            exit_code = self._after_giving_up(fatal[0], before)
        elif exit_code is None and self.ctx.children[-1].is_failed and not self.ctx.unhandled_failure:
            self.forget_what_was_tried()  # the core paused
        if isinstance(exit_code, ExitCode) and exit_code.status:
            self._attach_partial_outputs(exit_code)
        return exit_code

    def _after_giving_up(self, exit_code: ExitCode, before: bool) -> ExitCode | None:
        """Do what ``on_unhandled_failure`` says about a failure that a handler gave up (trap 4).

        :param before: the run before was one that could not be helped, too.
        """
        mode = self.inputs.on_unhandled_failure.value if 'on_unhandled_failure' in self.inputs else 'abort'
        node = self.ctx.children[-1]
        again = not before and self.may_run_again(node)
        if mode in ('restart_once', 'restart_and_pause') and again:
            self.ctx.unhandled_failure = True
            self.report(f'{node.process_label}<{node.pk}> could not be helped: it is run once more as it is')
            return None
        if mode in ('pause', 'restart_and_pause'):
            self.ctx.unhandled_failure = False
            self.forget_what_was_tried()
            self.report(
                f'{node.process_label}<{node.pk}> could not be helped, pausing: {self.ctx.next_step} Then run it again '
                f'with `verdi process play {self.node.pk}`, or end with `verdi process kill {self.node.pk}`.'
            )
            self.pause(f"Paused for inspection, see 'verdi process report {self.node.pk}'")
            return None
        return exit_code

    def forget_what_was_tried(self) -> None:
        """Allow all remedies anew, when a person takes over."""
        self.ctx.used = {}

    def get_process_handlers_by_priority(self) -> list[tuple[int, Any]]:
        """Return the handlers with their priority, each wrapped to remember the first fatal report."""
        return [(priority, self._watched(handler)) for priority, handler in super().get_process_handlers_by_priority()]

    def _watched(self, handler: Callable[..., ProcessHandlerReport | None]) -> Callable[..., Any]:
        """Return ``handler`` so wrapped that no later handler can soften a fatal report."""

        @functools.wraps(handler)
        def watched(chain: CrystalmathBaseRestartWorkChain, node: orm.ProcessNode) -> ProcessHandlerReport | None:
            if chain._fatal:
                return None
            chain.ctx.handler = handler.__name__
            report = handler(chain, node)
            if isinstance(report, ProcessHandlerReport) and report.exit_code.status:
                chain._fatal.append(report.exit_code)
            return report

        return watched

    # ---------------------------------------------------------------------------------------------- the report

    def record(
        self, node: orm.ProcessNode, *, cause: str, action: str, physics: Sequence[str] = ()
    ) -> ProcessHandlerReport:
        """Report that a handler acts, and remember it for the output ``recovery_report``.

        To be called when the inputs of the next run are complete: what changed in them is found by comparison.

        :param node: the child that failed.
        :param cause: what went wrong, in words.
        :param action: what is done about it, in words.
        :param physics: names of the inputs whose change makes the result another than that of the input (SMEAR).
        :return: the report of the handler.
        """
        self.report(f'{node.process_label}<{node.pk}> ended with exit status {node.exit_status}: {cause}; {action}')
        self.ctx.recovery.append(
            {
                'iteration': len(self.ctx.children),
                'calculation': node.uuid,
                'exit_status': node.exit_status,
                **self.describe_failure(node),
                'handler': self.ctx.get('handler'),
                'cause': cause,
                'action': action,
                'changes': changes(self.ctx.get('before') or {}, snapshot(self.ctx.get('inputs') or {})),
                'physics': list(physics),
            }
        )
        return ProcessHandlerReport(True)

    def give_up(
        self, node: orm.ProcessNode, next_step: str | None = None, exit_code: ExitCode | None = None
    ) -> ProcessHandlerReport:
        """Stop with the exit code of the child.

        :param next_step: what a person may do; by default the remedy of the catalogue.
        :param exit_code: another one to stop with.
        :return: the report of the handler.
        """
        self.ctx.next_step = next_step or self.suggest(node)
        self.report(f'{node.process_label}<{node.pk}> cannot be helped further: {node.exit_message}')
        return ProcessHandlerReport(True, exit_code or own_exit_code(node))

    def note(self, text: str) -> None:
        """Add a note to the report, once."""
        if text not in self.ctx.notes:
            self.ctx.notes.append(text)

    def _attach_partial_outputs(self, exit_code: ExitCode) -> None:
        """Attach what the last child left and the report of the recoveries, before the chain ends badly."""
        node = self.ctx.children[-1]
        outputs = self.get_outputs(node)
        for name in self.spec().outputs:
            if name in outputs and name not in self.outputs:
                self.out(name, outputs[name])
        next_step = self.ctx.next_step or self.suggest(node)
        if exit_code.status == self.exit_codes.ERROR_MAXIMUM_ITERATIONS_EXCEEDED.status:
            limit = self.inputs.max_iterations.value
            next_step = f'All {limit} runs of `max_iterations` were used: allow more, or: {next_step}'
        failure = {
            'calculation': node.uuid,
            'exit_status': node.exit_status,
            **self.describe_failure(node),
            'message': node.exit_message,
        }
        self._attach_recovery_report({'outcome': 'given_up', 'failure': failure, 'next_step': next_step})

    def results(self) -> ExitCode | None:
        """Attach the outputs of the last child and, if any handler acted, the report of the recoveries."""
        self.ctx.iteration = len(self.ctx.children)
        exit_code = super().results()
        if self.ctx.recovery or self.ctx.notes or len(self.ctx.children) > 1:
            self._attach_recovery_report({'outcome': 'cured'})
        return exit_code

    def on_terminated(self) -> None:
        """Remove the working folders, if asked to; the core's way takes those of other runs and the only copies too."""
        super(BaseRestartWorkChain, self).on_terminated()
        if self.inputs.clean_workdir.value:
            remove_folders(self)

    def _attach_recovery_report(self, end: dict[str, Any]) -> None:
        if 'recovery_report' in self.outputs:
            return
        changed: dict[str, Any] = {}
        for action in self.ctx.recovery:
            for name in action['physics']:
                new = action['changes'].get(name)
                if new is not None:
                    changed[name] = {'old': changed.get(name, new)['old'], 'new': new['new']}
        if changed:
            self._mark_results(changed)
        content = {'actions': list(self.ctx.recovery), 'physics_changed': changed, 'notes': list(self.ctx.notes), **end}
        self.out('recovery_report', orm.Dict(content).store())

    def _mark_results(self, changed: dict[str, Any]) -> None:
        """Mark the results as those of another physics than that of the input, for tables and plots."""
        if 'output_parameters' in self.outputs:
            self.outputs['output_parameters'].base.extras.set('physics_changed', changed)
