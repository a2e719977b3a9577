"""The handlers of CrystalBaseWorkChain: what went wrong with a calculation, and what is done about it.

Order of priority, highest first. A handler that cannot help returns nothing and leaves the matter to the next.

===== ================================ ==============================================================================
prio. handler                          cause -> strategy
===== ================================ ==============================================================================
1000  handle_unrecoverable_failure     input or machine is wrong -> stop at once, with the calculation's own exit code
600   handle_guess_missing             GUESSP without fort.20 -> once more without GUESSP
580   handle_interrupted               walltime, node failure, signal -> RESTART and GUESSP, or once more
560   handle_stale_hessian             trust radius vanished -> a new optimisation from the lowest point, twice
540   handle_geometry_not_converged    OPTGEOM's MAXCYCLE reached -> RESTART and GUESSP
440   handle_scf_cycles_exhausted      MAXCYCLE reached, steps shrink -> GUESSP and MAXCYCLE x 2
420   handle_scf_oscillation           MAXCYCLE reached, no progress -> more damping, then another accelerator
400   handle_fermi_energy              Fermi energy not found -> SHRINK x 2, once
===== ================================ ==============================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import CalcJob, ProcessHandlerReport, process_handler

from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation
from aiida_crystalmath.crystal.inputs.edits import edits_structure
from aiida_crystalmath.workflows.crystal.remote import OPTIMISER_FILE, WAVEFUNCTION, non_empty_files
from aiida_crystalmath.workflows.crystal.scf_history import classify, next_accelerator, next_fmixing
from aiida_crystalmath.workflows.functions.trajectory_frame import trajectory_frame
from aiida_crystalmath.workflows.restart import CrystalmathBaseRestartWorkChain, own_exit_code

__all__ = ('CrystalHandlers',)

CODES = Crystal23Calculation.exit_codes
SCHEDULER = CalcJob.exit_codes

INTERRUPTIONS = [
    SCHEDULER.ERROR_SCHEDULER_OUT_OF_WALLTIME,
    SCHEDULER.ERROR_SCHEDULER_NODE_FAILURE,
    CODES.ERROR_OUT_OF_WALLTIME,
    CODES.ERROR_INTERRUPTED,
]
WALLTIME = {SCHEDULER.ERROR_SCHEDULER_OUT_OF_WALLTIME.status, CODES.ERROR_OUT_OF_WALLTIME.status}
HOPELESS = {CODES[name].status for name in ('ERROR_OUT_OF_MEMORY', 'ERROR_DISK_FULL', 'ERROR_CRASHED')}
"""Failures of the machine from 400 on, which need a person."""

BROYDEN = [0.0001, 50, 2]
"""W0, IMIX and ISTART of BROYDEN: the values usual in published inputs; not proven on a real run here."""


class CrystalHandlers(CrystalmathBaseRestartWorkChain):
    """Handlers of failed CRYSTAL calculations. ``ctx.inputs`` holds the inputs of the next calculation.

    What each may do, and how often, stands in :attr:`defaults`, which a subclass may change.
    """

    defaults: dict[str, Any] = {  # noqa: RUF012
        'maxcycle_factor': 2,
        'walltime_factor': 2,
        'max_reruns': 1,
        'max_fruitless_restarts': 1,
        'max_fresh_optimisations': 2,
        'shrink_factor': 2,
        'default_maxcycle': 50,
        'default_optimisation_maxcycle': 100,
        'broyden_fmixing': 50,
    }

    # ---------------------------------------------------------------------------------------------- the next run

    @property
    def scf(self) -> dict[str, Any]:
        """The SCF parameters of the next calculation, to be changed in place."""
        scf: dict[str, Any] = self.ctx.inputs.parameters.setdefault('scf', {})
        return scf

    @property
    def optgeom(self) -> dict[str, Any] | None:
        """The OPTGEOM parameters of the next calculation, to be changed in place; ``None`` without optimisation."""
        optgeom: dict[str, Any] | None = (self.ctx.inputs.parameters.get('geometry') or {}).get('optgeom')
        return optgeom

    @property
    def edits_structure(self) -> bool:
        """Whether the input edits the geometry: what a calculation ended with has the edits, which are made once."""
        return edits_structure(self.ctx.inputs.parameters.get('geometry') or {})

    def set_restart(
        self, folder: orm.RemoteData | None, *, wavefunction: bool = False, optimiser: bool = False
    ) -> dict[str, Any]:
        """Say what the next calculation starts from: the only place that touches the flags of a restart.

        :param folder: of the calculation to go on from; ``None`` starts anew.
        :param wavefunction: take its wavefunction as the starting density (GUESSP).
        :param optimiser: take up its optimisation (RESTART in OPTGEOM).
        :return: what was set, for the report.
        """
        needed = folder is not None and (wavefunction or optimiser)
        if needed:
            self.ctx.inputs['parent_folder'] = folder
        else:
            self.ctx.inputs.pop('parent_folder', None)
        self.scf['guessp'] = needed and wavefunction
        changes: dict[str, Any] = {'GUESSP': self.scf['guessp']}
        if self.optgeom is not None:
            self.optgeom['restart'] = needed and optimiser
            changes['OPTGEOM RESTART'] = self.optgeom['restart']
        return changes

    def go_on_from(self, node: orm.CalcJobNode, *, wavefunction: bool = True) -> dict[str, Any] | None:
        """Let the next calculation go on from what ``node`` left, an optimisation from its last point.

        :param wavefunction: take the wavefunction as well, if there is one; CRYSTAL leaves an empty fort.9 when it is
            killed in the middle of an optimisation, and reading that ends with an opaque Fortran error.
        :return: what was changed; ``None`` if nothing was left to go on from.
        """
        folder = node.outputs.remote_folder if 'remote_folder' in node.outputs else None
        files = non_empty_files(folder) if folder is not None else set()
        guess = wavefunction and WAVEFUNCTION in files
        if self.optgeom is None:
            return self.set_restart(folder, wavefunction=True) if guess else None
        if OPTIMISER_FILE in files:
            return self.set_restart(folder, wavefunction=guess, optimiser=True)
        structure = self.last_geometry(node)
        if structure is None:
            return None
        self.ctx.inputs['structure'] = structure
        return {**self.set_restart(folder, wavefunction=guess), 'structure': structure.uuid}

    def last_geometry(self, node: orm.CalcJobNode) -> orm.StructureData | None:
        """Return the last geometry that an optimisation reached, if there is one to start from."""
        if 'output_structure' in node.outputs and not self.edits_structure:
            structure: orm.StructureData = node.outputs.output_structure
            return structure
        return self.geometry_of_point(node, -1)

    def geometry_of_point(self, node: orm.CalcJobNode, index: int) -> orm.StructureData | None:
        """Return the geometry of a point of the optimisation of ``node``, if there is one to start from."""
        if self.edits_structure:
            return None
        if 'output_trajectory' not in node.outputs or not node.outputs.output_trajectory.numsteps:
            return None
        structure: orm.StructureData = trajectory_frame(
            node.outputs.output_trajectory, node.inputs.structure, orm.Int(index)
        )
        return structure

    def once(self, name: str, limit: int) -> bool:
        """Tell whether a remedy may still be used, and count its use."""
        used = self.ctx.setdefault('used', {})
        used[name] = used.get(name, 0) + 1
        return bool(used[name] <= limit)

    @staticmethod
    def results_of(node: orm.CalcJobNode) -> dict[str, Any]:
        """Return the output parameters of a calculation, empty if it has none."""
        return node.outputs.output_parameters.get_dict() if 'output_parameters' in node.outputs else {}

    # ---------------------------------------------------------------------------------------------- the handlers

    @process_handler(priority=1000)
    def handle_unrecoverable_failure(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Stop at once where input, basis, structure, set-up or memory is wrong.

        Cause: any exit code below 400 but for time limit and node failure; no memory, a full disk, a crash. The same
        input would fail again, and changing it would change what is computed. Strategy: stop at once with the
        calculation's own exit code and message, which say what to do.
        """
        status = node.exit_status or 0
        recoverable = {code.status for code in INTERRUPTIONS}
        if not node.is_failed or status in recoverable or (status >= 400 and status not in HOPELESS):
            return None
        self.report(f'{node.process_label}<{node.pk}> cannot be helped by running it again: {node.exit_message}')
        return ProcessHandlerReport(True, own_exit_code(node))

    @process_handler(priority=600, exit_codes=[CODES.ERROR_GUESS_MISSING])
    def handle_guess_missing(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Drop GUESSP when there is no fort.20.

        Cause: the parent's wavefunction is gone or was never written; CRYSTAL has no fallback of its own. Strategy:
        once more from atomic densities; an optimisation goes on from its last point all the same.
        """
        if not self.scf.get('guessp') or not self.once('guess_missing', 1):
            return ProcessHandlerReport(True, own_exit_code(node))
        folder = self.ctx.inputs.get('parent_folder')
        optimiser = bool(self.optgeom and self.optgeom.get('restart'))
        changes = self.set_restart(folder, wavefunction=False, optimiser=optimiser)
        self.record(node, cause='no wavefunction to start from', action='start from atomic densities', **changes)
        return ProcessHandlerReport(True)

    @process_handler(priority=580, exit_codes=INTERRUPTIONS)
    def handle_interrupted(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on with a calculation that was stopped before its end.

        Cause: the time limit, a node failure, or a signal. Strategy: an optimisation goes on from its last point with
        RESTART, and GUESSP if the wavefunction is not empty, as long as each run makes new points. A single SCF leaves
        nothing to go on from: it is run once more, with twice the time if time was short.
        """
        progress = (self.results_of(node).get('optimisation') or {}).get('n_points') or 0
        fruitful = progress > 1 or self.once('fruitless', self.defaults['max_fruitless_restarts'])
        if self.optgeom is not None and fruitful:
            changes = self.go_on_from(node)
            if changes is not None:
                self.record(node, cause='stopped before its end', action='go on from the last point', **changes)
                return ProcessHandlerReport(True)
        if not self.once('rerun', self.defaults['max_reruns']):
            self.report(f'{node.process_label}<{node.pk}> was stopped again: a longer time limit may be needed')
            return ProcessHandlerReport(True, own_exit_code(node))
        changes = {'max_wallclock_seconds': self._more_time()} if node.exit_status in WALLTIME else {}
        self.record(node, cause='stopped before its end', action='run once more', **changes)
        return ProcessHandlerReport(True)

    def _more_time(self) -> int | None:
        """Multiply the time limit of the next calculation, if it has one, and return it."""
        options = self.ctx.inputs.metadata.options
        seconds: int | None = options.get('max_wallclock_seconds')
        if seconds is not None:
            options['max_wallclock_seconds'] = seconds = seconds * self.defaults['walltime_factor']
        return seconds

    @process_handler(priority=560, exit_codes=[CODES.ERROR_OPTIMISER_TRUST_RADIUS])
    def handle_stale_hessian(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Begin an optimisation anew after its trust radius shrank to nothing.

        Cause: a Hessian that no longer fits, mostly after RESTART. Strategy: a new optimisation from the point of
        lowest energy, without RESTART, twice at most.
        """
        structure = self.geometry_of_point(node, self._lowest_point(node))
        if structure is None or not self.once('stale_hessian', self.defaults['max_fresh_optimisations']):
            return ProcessHandlerReport(True, own_exit_code(node))
        self.ctx.inputs['structure'] = structure
        changes = self.set_restart(None)
        self.record(
            node,
            cause='the trust radius vanished',
            action='optimise anew from the lowest point',
            structure=structure.uuid,
            **changes,
        )
        return ProcessHandlerReport(True)

    @staticmethod
    def _lowest_point(node: orm.CalcJobNode) -> int:
        """Return the index of the point of lowest enthalpy or energy, the last one if neither is known."""
        if 'output_trajectory' in node.outputs:
            trajectory = node.outputs.output_trajectory
            names = [name for name in ('enthalpies_hartree', 'energies_hartree') if name in trajectory.get_arraynames()]
            if names and np.isfinite(energies := trajectory.get_array(names[0])).any():
                return int(np.nanargmin(energies))
        return -1

    @process_handler(priority=540, exit_codes=[CODES.ERROR_GEOMETRY_NOT_CONVERGED])
    def handle_geometry_not_converged(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on with an optimisation that used up its steps.

        Cause: MAXCYCLE of OPTGEOM was reached. Strategy: go on from the last point with RESTART and GUESSP, and twice
        as many steps.
        """
        changes = self.go_on_from(node)
        if changes is None or self.optgeom is None:
            return ProcessHandlerReport(True, own_exit_code(node))
        steps = self.optgeom.get('maxcycle') or self.defaults['default_optimisation_maxcycle']
        self.optgeom['maxcycle'] = steps * self.defaults['maxcycle_factor']
        changes['OPTGEOM MAXCYCLE'] = self.optgeom['maxcycle']
        self.record(node, cause='optimisation unfinished', action='go on from the last point', **changes)
        return ProcessHandlerReport(True)

    @process_handler(priority=440, exit_codes=[CODES.ERROR_SCF_NOT_CONVERGED, CODES.ERROR_SCF_FAILED_IN_OPTIMISATION])
    def handle_scf_cycles_exhausted(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Give more cycles to an SCF that was on its way when they ran out.

        Cause: MAXCYCLE was reached while the steps of the energy were shrinking (or there were too few to tell).
        Strategy: go on from the wavefunction with GUESSP and twice as many cycles; the physics is unchanged, and TOLDEE
        above all.
        """
        behaviour = self._behaviour(node)
        if behaviour != 'converging' and not (behaviour == 'unknown' and self.once('unknown_history', 1)):
            return None
        changes = self.go_on_from(node) or self.set_restart(None)
        cycles = self.scf.get('maxcycle') or self.defaults['default_maxcycle']
        self.scf['maxcycle'] = cycles * self.defaults['maxcycle_factor']
        self.record(
            node,
            cause='SCF cycles exhausted while converging',
            action='go on with more cycles',
            MAXCYCLE=self.scf['maxcycle'],
            **changes,
        )
        return ProcessHandlerReport(True)

    def _behaviour(self, node: orm.CalcJobNode) -> str:
        """Judge the energies of the SCF that failed; not known if only those of an earlier, converged one are there."""
        scf = self.results_of(node).get('scf') or {}
        if scf.get('converged'):
            return 'unknown'
        return classify([energy for energy in scf.get('energies_hartree') or [] if energy is not None])

    @process_handler(priority=420, exit_codes=[CODES.ERROR_SCF_NOT_CONVERGED, CODES.ERROR_SCF_FAILED_IN_OPTIMISATION])
    def handle_scf_oscillation(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Damp an SCF that went nowhere, or change its accelerator.

        Cause: the energy oscillates, or its steps do not shrink. Strategy: more damping, FMIXING 30, 60, 90 (per
        cent of the previous Fock matrix that is kept); then another accelerator, NODIIS -> DIIS -> BROYDEN -> ANDERSON.
        From atomic densities, as the last one is no better. When all was tried, stop.
        """
        changes = self._damp_or_accelerate()
        if changes is None:
            self.report('every step of damping and every accelerator was tried: the SCF does not converge')
            return ProcessHandlerReport(True, own_exit_code(node))
        restart = self.go_on_from(node, wavefunction=False) if self.optgeom is not None else None
        changes |= restart or self.set_restart(None)
        self.record(
            node, cause=f'the SCF is {self._behaviour(node)}', action='damp it, or change the accelerator', **changes
        )
        return ProcessHandlerReport(True)

    def _damp_or_accelerate(self) -> dict[str, Any] | None:
        """Make the next step against oscillation; return what changed, ``None`` if nothing is left."""
        current = self.scf.get('diis')
        # The ladder of damping is climbed once, with DIIS or without; Broyden and Anderson come after its top.
        mixing = None if isinstance(current, str) else next_fmixing(self.scf.get('fmixing'))
        if mixing is not None:
            self.scf['fmixing'] = mixing
            return {'FMIXING': mixing}
        accelerator = next_accelerator(current)
        if accelerator is None:
            return None
        self.scf['diis'] = accelerator
        if accelerator == 'BROYDEN':
            self.scf['broyden'] = list(BROYDEN)
            self.scf['fmixing'] = self.defaults['broyden_fmixing']
        else:
            self.scf.pop('broyden', None)
        return {'accelerator': 'DIIS' if accelerator is True else accelerator, 'FMIXING': self.scf.get('fmixing')}

    @process_handler(priority=400, exit_codes=[CODES.ERROR_FERMI_NOT_IN_INTERVAL])
    def handle_fermi_energy(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Make the k-mesh denser when CRYSTAL finds no Fermi energy.

        Cause: a metal on too coarse a mesh. Strategy: twice the SHRINK, once. If that does not help, stop: smearing the
        occupations changes the energy and is for the user to choose (SMEAR, ElectronicType.METAL).
        """
        shrink = self.scf.get('shrink')
        if not shrink or not self.once('fermi_energy', 1):
            self.report('no Fermi energy, and no denser mesh to try: for a metal choose ElectronicType.METAL (SMEAR)')
            return ProcessHandlerReport(True, own_exit_code(node))
        factor = self.defaults['shrink_factor']
        divisions = shrink['is']
        denser = [n * factor for n in divisions] if isinstance(divisions, list) else divisions * factor
        self.scf['shrink'] = {'is': denser, 'isp': (shrink.get('isp') or np.max(divisions)) * factor}
        changes = self.set_restart(None)
        self.record(
            node, cause='Fermi energy not found', action='a denser k-mesh', SHRINK=dict(self.scf['shrink']), **changes
        )
        return ProcessHandlerReport(True)
