"""The restart work chain under every base chain of this package.

aiida-core 2.9.4's ``BaseRestartWorkChain`` has three traps, and this subclass closes them; the tests show each trap in
the core too, so that a later fix there is noticed and the defence can go:

1. the limit on iterations is checked before a handler's fatal exit code is looked at, so that the reason of a failure
   on the last allowed iteration is lost behind 401;
2. with ``pause_on_max_iterations`` the counter of iterations restarts while the list of children goes on, and the next
   inspection looks at the first child ever run instead of the last;
3. a chain that fails has no outputs, though its last calculation may have good partial ones (a geometry to go on from).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import BaseRestartWorkChain, ExitCode, ProcessHandlerReport

if TYPE_CHECKING:
    from aiida.engine.processes import ProcessSpec

__all__ = ('CrystalmathBaseRestartWorkChain', 'formatted', 'own_exit_code')


def formatted(exit_code: ExitCode, **values: object) -> ExitCode:
    """Return an exit code with the fields of its message filled in."""
    return exit_code.format(**{name: str(value) for name, value in values.items()})


def own_exit_code(node: orm.ProcessNode) -> ExitCode:
    """Return the exit code of a finished child, to be that of the work chain."""
    return ExitCode(node.exit_status or 0, node.exit_message)


class CrystalmathBaseRestartWorkChain(BaseRestartWorkChain):
    """Restart chain that keeps the reason of a failure, the right child, and partial outputs.

    Handlers tell what they did through :meth:`record`; if any acted, the chain has the output ``recovery_report``.
    """

    _fatal: list[ExitCode]
    """Exit codes of the fatal reports of the inspection that is going on: none, or the first one."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:  # type: ignore[override]
        """Define the ports shared by all base chains."""
        super().define(spec)
        # With this port the core would look at the wrong child after resuming (trap 2).
        del spec.inputs['pause_on_max_iterations']
        spec.output(
            'recovery_report',
            valid_type=orm.Dict,
            required=False,
            help='What went wrong on the way and what was done about it: a list `actions`, one entry for each time '
            'that a handler acted. Absent if none did.',
        )

    def setup(self) -> None:
        """Initialise the context."""
        super().setup()
        self.ctx.recovery = []

    def inspect_process(self) -> ExitCode | None:
        """Let the handlers look at the last child, and decide whether to go on.

        :return: the exit code to end with, or ``None`` (or one with status 0) to go on.
        """
        # The core finds the child by the number of the iteration: keep the two in step.
        self.ctx.iteration = len(self.ctx.children)
        fatal: list[ExitCode] = []
        self._fatal = fatal
        exit_code = super().inspect_process()
        if fatal:
            exit_code = fatal[0]
        if isinstance(exit_code, ExitCode) and exit_code.status:
            self._attach_partial_outputs()
        return exit_code

    def get_process_handlers_by_priority(self) -> list[tuple[int, Any]]:
        """Return the handlers with their priority, each wrapped to remember the first fatal report."""
        return [(priority, self._watched(handler)) for priority, handler in super().get_process_handlers_by_priority()]

    def _watched(self, handler: Callable[..., ProcessHandlerReport | None]) -> Callable[..., Any]:
        """Return ``handler`` so wrapped that no later handler can soften a fatal report."""

        @functools.wraps(handler)
        def watched(chain: CrystalmathBaseRestartWorkChain, node: orm.ProcessNode) -> ProcessHandlerReport | None:
            if chain._fatal:
                return None
            report = handler(chain, node)
            if isinstance(report, ProcessHandlerReport) and report.exit_code.status:
                chain._fatal.append(report.exit_code)
            return report

        return watched

    def _attach_partial_outputs(self) -> None:
        """Attach what the last child left and the report of the recoveries, before the chain ends badly."""
        node = self.ctx.children[-1]
        outputs = self.get_outputs(node)
        for name in self.spec().outputs:
            if name in outputs and name not in self.outputs:
                self.out(name, outputs[name])
        self._attach_recovery_report()

    def results(self) -> ExitCode | None:
        """Attach the outputs of the last child and, if any handler acted, the report of the recoveries."""
        self.ctx.iteration = len(self.ctx.children)
        exit_code = super().results()
        self._attach_recovery_report()
        return exit_code

    def record(self, node: orm.ProcessNode, *, cause: str, action: str, **changes: Any) -> None:
        """Report that a handler acts, and remember it for the output ``recovery_report``.

        :param node: the child that failed.
        :param cause: what went wrong, in words.
        :param action: what is done about it, in words.
        :param changes: inputs that change, by their CRYSTAL names, JSON values.
        """
        self.report(f'{node.process_label}<{node.pk}> ended with exit status {node.exit_status}: {cause}; {action}')
        self.ctx.recovery.append(
            {
                'iteration': len(self.ctx.children),
                'calculation': node.uuid,
                'exit_status': node.exit_status,
                'cause': cause,
                'action': action,
                'changes': changes,
            }
        )

    def _attach_recovery_report(self) -> None:
        if self.ctx.recovery and 'recovery_report' not in self.outputs:
            self.out('recovery_report', orm.Dict({'actions': list(self.ctx.recovery)}).store())
