"""Handlers of geometry optimisations."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import ProcessHandlerReport

from aiida_crystalmath.workflows.crystal.handlers.common import HandlersBase
from aiida_crystalmath.workflows.crystal.handlers.remedy import remedy

__all__ = ('OptimisationHandlers',)


class OptimisationHandlers(HandlersBase):
    """A Hessian that no longer fits, and steps that run out."""

    @remedy('optimiser_trust_radius', priority=560, changes=('structure', 'OPTGEOM RESTART', 'GUESSP'))
    def handle_stale_hessian(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Begin an optimisation anew after its trust radius shrank to nothing.

        Cause: a Hessian that no longer fits, mostly after RESTART. Strategy: a new optimisation from the point of
        lowest energy, without RESTART and without the old Hessian, a limited number of times.
        """
        structure = self.geometry_of_point(node, self._lowest_point(node))
        if structure is None or not self.once('stale_hessian', self.recovery.stale_hessian.retries):
            return self.end(node)
        self.ctx.inputs['structure'] = structure
        if self.optgeom is not None and self.optgeom.get('hessian') == 'HESSOPT':
            self.optgeom.pop('hessian')
        self.set_restart(None)
        return self.record(node, cause='the trust radius vanished', action='optimise anew from the lowest point')

    @staticmethod
    def _lowest_point(node: orm.CalcJobNode) -> int:
        """Return the index of the point of lowest enthalpy or energy, the last one if neither is known."""
        if 'output_trajectory' in node.outputs:
            trajectory = node.outputs.output_trajectory
            names = [name for name in ('enthalpies_hartree', 'energies_hartree') if name in trajectory.get_arraynames()]
            if names and np.isfinite(energies := trajectory.get_array(names[0])).any():
                return int(np.nanargmin(energies))
        return -1

    @remedy(
        'geometry_not_converged',
        'optimisation_ended_failed',
        'optimisation_without_end',
        priority=540,
        changes=('OPTGEOM MAXCYCLE', 'OPTGEOM RESTART', 'GUESSP'),
    )
    def handle_geometry_not_converged(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on with an optimisation that used up its steps.

        Cause: MAXCYCLE of OPTGEOM was reached, or the program left the optimisation in its midst. Strategy: go on from
        the last point with RESTART and GUESSP, and twice as many steps; the thresholds stay.
        """
        section = self.recovery.geometry_not_converged
        optgeom = self.optgeom
        steps = (optgeom or {}).get('maxcycle') or section.default_maxcycle
        if optgeom is None or steps >= section.max_maxcycle or not self.once('unfinished', section.retries):
            return self.end(
                node,
                'The optimisation needs too many steps. Look at its last points (`output_trajectory`): a geometry that '
                'falls apart, a flat energy surface, or forces too noisy for the thresholds (raise TOLDEE, the grid).',
            )
        if not self.go_on_from(node):
            return self.end(node)
        optgeom['maxcycle'] = min(int(steps * section.maxcycle_factor), section.max_maxcycle)
        return self.record(node, cause='optimisation unfinished', action='go on from the last point with more steps')
