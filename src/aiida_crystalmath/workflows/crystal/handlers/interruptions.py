"""Handlers of runs that were stopped from outside."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessHandlerReport

from aiida_crystalmath.workflows.crystal.handlers.common import HandlersBase
from aiida_crystalmath.workflows.crystal.handlers.remedy import remedy
from aiida_crystalmath.workflows.crystal.handlers.scf import ScfHandlers
from aiida_crystalmath.workflows.crystal.remote import RESTART_FILES, is_same_file, non_empty_files
from aiida_crystalmath.workflows.crystal.verdict import Verdict

__all__ = ('InterruptionHandlers',)

RESTARTS = ('OPTGEOM RESTART', 'FREQCALC RESTART', 'ELASTCON RESTART', 'EOS RESTART', 'GUESSP', 'SAVEWF')


class InterruptionHandlers(ScfHandlers, HandlersBase):
    """Time limits, kills, truncated output, and machines that fail."""

    @remedy('node_failure', priority=590, changes=RESTARTS)
    def handle_node_failure(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Run again what a failing machine took down.

        Cause: the scheduler reports a node failure; the calculation is not at fault, unless the program said before
        what is. Strategy: go on from what was left, or the same once more, as it was, a few times.
        """
        if Verdict.of(node).name != 'node_failure':
            return None
        if not self.once('node_failure', self.recovery.node_failure.retries):
            return self.end(node, 'The machine failed again and again: tell its administrators, or use another one.')
        return self.record(node, cause='the machine failed', action=self._take_up(node))

    @remedy(
        'walltime',
        'killed',
        'interrupted',
        'aborted_without_reason',
        priority=580,
        changes=(*RESTARTS, 'FMIXING', 'max_wallclock_seconds'),
    )
    def handle_interrupted(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Go on with a calculation that was stopped before its end.

        Cause: the time limit, a signal, or an output that stops. Strategy: an optimisation goes on from its last point
        with RESTART, and GUESSP if the wavefunction is not empty; frequencies, elastic constants and equations of state
        with RESTART in their block; as long as each run makes progress. A single SCF goes on from the wavefunction that
        SAVEWF left (fort.79), if it was on, and saves it from now on. What made no progress is given more time if time
        was short, and damping if the SCF was oscillating all the while, a limited number of times.
        """
        verdict = Verdict.of(node)
        if verdict.name not in ('walltime', 'killed', 'interrupted', 'aborted_without_reason'):
            return None
        section = self.recovery.interrupted
        if self._made_progress(node):
            if not self.once('restarts', section.restarts):
                return self.end(
                    node, 'Restarted as often as is allowed: raise `interrupted.restarts`, or the time limit.'
                )
            return self.record(node, cause='stopped before its end', action=self._take_up(node))
        if not self.once('interrupted', section.retries):
            return self.end(node)
        action = self._take_up(node)
        if self.is_single_scf and self.behaviour(node) in ('oscillating', 'diverging') and self.damp_or_accelerate():
            self.set_restart(None)
            return self.record(node, cause='stopped while the SCF went nowhere', action='damp it, and run once more')
        if verdict.is_out_of_time and self.more_time():
            action = f'{action}, with more time'
        return self.record(node, cause='stopped before its end', action=action)

    def _made_progress(self, node: orm.CalcJobNode) -> bool:
        """Tell whether the run left more than it was given: points of an optimisation, files of the other blocks."""
        if self.task is not None:
            return self._left(node, self.task)
        points = (self.results_of(node).get('optimisation') or {}).get('n_points') or 0
        return self.optgeom is not None and points > 1

    @staticmethod
    def _left(node: orm.CalcJobNode, task: str) -> bool:
        """Tell whether the files for RESTART of a block are there, and are others than those the run was given."""
        if 'remote_folder' not in node.outputs:
            return False
        left, names = node.outputs.remote_folder, RESTART_FILES[task]
        if not non_empty_files(left).issuperset(names):
            return False
        return 'parent_folder' not in node.inputs or not is_same_file(left, node.inputs.parent_folder, names[0])

    def _take_up(self, node: orm.CalcJobNode) -> str:
        """Let the next run take up what this one left; return what is done, in words."""
        if self.is_single_scf:
            saved = self.go_on_from_saved(node)
            self.scf['savewf'] = True
            return 'go on from the wavefunction saved on the way' if saved else 'run once more'
        return 'go on from where it stood' if self.go_on_from(node) else 'run once more'
