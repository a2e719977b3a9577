"""Handlers of SCFs that do not converge, and of the guesses they start from."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ProcessHandlerReport

from aiida_crystalmath.crystal.inputs.tasks import TASKS
from aiida_crystalmath.workflows.crystal.handlers.common import HandlersBase
from aiida_crystalmath.workflows.crystal.handlers.remedy import remedy
from aiida_crystalmath.workflows.crystal.remote import WAVEFUNCTION
from aiida_crystalmath.workflows.crystal.scf_history import (
    DEFAULT_FMIXING,
    Behaviour,
    classify,
    next_accelerator,
    next_fmixing,
)
from aiida_crystalmath.workflows.crystal.verdict import Verdict

__all__ = ('ScfHandlers',)

NOT_CONVERGED = ('scf_failed', 'scf_too_many_cycles', 'scf_failed_in_optimisation')
STOPPED = ('scf_diverging', 'scf_oscillating', 'optimisation_scf_failing')
"""What monitors of running jobs say."""

RESPONSES = tuple(name for name in TASKS if name != 'optgeom')
"""Blocks whose many SCF, or whose eigenvalues, a level shift must not come near."""


class ScfHandlers(HandlersBase):
    """An SCF that runs out of cycles, oscillates, or lacks its guess."""

    @remedy('guess_missing', 'guess_unreadable', priority=600, changes=('GUESSP',))
    def handle_guess_missing(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Drop GUESSP when there is no fort.20, or none that can be read.

        Cause: the parent's wavefunction is gone, was never written, or is cut short; CRYSTAL has no fallback of its
        own. Strategy: once more from atomic densities; an optimisation goes on from its last point all the same.
        """
        if not self.scf.get('guessp') or not self.once('guess_missing', self.recovery.guess_missing.retries):
            return self.end(node)
        optimiser = bool(self.optgeom and self.optgeom.get('restart'))
        self.set_restart(self.ctx.inputs.get('parent_folder'), optimiser=optimiser)
        return self.record(node, cause='no wavefunction to start from', action='start from atomic densities')

    @remedy(*NOT_CONVERGED, 'optimisation_scf_failing', priority=440, changes=('MAXCYCLE', 'GUESSP', 'OPTGEOM RESTART'))
    def handle_scf_cycles_exhausted(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Give more cycles to an SCF that was on its way when they ran out.

        Cause: MAXCYCLE was reached while the steps of the energy were shrinking (or there were too few to tell).
        Strategy: go on from the wavefunction with GUESSP and twice as many cycles; the physics is unchanged, and TOLDEE
        above all.
        """
        section = self.recovery.scf_cycles_exhausted
        behaviour = self.behaviour(node)
        cycles = self.scf.get('maxcycle') or section.default_maxcycle
        if behaviour != 'converging' and not (behaviour == 'unknown' and self.once('unknown_history', 1)):
            return None
        if cycles >= section.max_maxcycle or not self.once('scf_cycles_exhausted', section.retries):
            return None
        if not self.go_on_from(node):
            self.set_restart(None)
        self.scf['maxcycle'] = min(int(cycles * section.maxcycle_factor), section.max_maxcycle)
        return self.record(node, cause='SCF cycles exhausted while converging', action='go on with more cycles')

    def behaviour(self, node: orm.CalcJobNode) -> Behaviour:
        """Judge the energies of the SCF that failed; not known if only those of an earlier, converged one are there."""
        names = Verdict.of(node).names
        if 'scf_diverging' in names:
            return 'diverging'
        if 'scf_oscillating' in names:
            return 'oscillating'
        scf = self.last_scf(node)
        if scf.get('converged'):
            return 'unknown'
        return classify([energy for energy in scf.get('energies_hartree') or [] if energy is not None])

    @remedy(*NOT_CONVERGED, 'scf_oscillating', 'optimisation_scf_failing', priority=430, changes=('LEVSHIFT', 'GUESSP'))
    def handle_small_gap(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Shift the empty levels of an insulator whose gap is small, while its SCF finds its way.

        Cause: the SCF goes nowhere, and its last cycle is that of an insulator with a small gap: occupied and empty
        states mix, and change places from one cycle to the next. Strategy: LEVSHIFT, from the wavefunction (GUESSP).
        The density that it converges to is that without a shift, but its levels and its gap are not:
        ``handle_level_shift`` runs once more without it before any result is taken. Not for a conducting state, which a
        locked shift would hold in a wrong one, and not for frequencies, elastic constants, equations of state and
        responses.
        """
        section = self.recovery.small_gap
        scf = self.last_scf(node)
        gap = scf.get('gap_ev')
        if scf.get('converged') or self.behaviour(node) in ('converging', 'unknown', 'diverging'):
            return None
        if gap is None or not 0.0 < gap <= section.gap_ev or self.scf.get('levshift') or self.scf.get('smear'):
            return None
        responds = any(self.geometry.get(name) is not None for name in RESPONSES)
        # A shift that may not be taken out again must not come in: shifted results are never handed out.
        if responds or not self._may_take_shift_out() or not self.once('small_gap', section.retries):
            return None
        if not self.go_on_from(node):
            self.set_restart(None)
        self.scf['levshift'] = list(section.levshift)
        self.ctx.level_shifted = True
        return self.record(
            node,
            cause=f'the SCF is {self.behaviour(node)}, with a gap of {gap:.2f} eV in its last cycle',
            action='shift the empty levels until it converges, then once more without',
        )

    def _may_take_shift_out(self) -> bool:
        """Tell whether ``handle_level_shift`` is on, and has not been used up."""
        section = self.recovery.level_shift
        override = (self.ctx.handler_overrides.get('handle_level_shift') or {}).get('enabled')
        enabled = section.enabled if override is None else bool(override)
        return enabled and self.ctx.get('used', {}).get('level_shift', 0) < section.retries

    @remedy('level_shifted', priority=300, changes=('LEVSHIFT', 'GUESSP', 'FMIXING'), on_success=True)
    def handle_level_shift(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Take a level shift out again before results are taken.

        Cause: a run converged with the LEVSHIFT that ``handle_small_gap`` set; gap, levels and what is made of them are
        shifted, and the state may be one that does not hold without. Strategy: once more from its wavefunction (GUESSP)
        and its final geometry, without LEVSHIFT, and with the strongest damping, so that it does not swing away from
        where it begins. A LEVSHIFT of the input stays: it was asked for.
        """
        if not self.ctx.get('level_shifted'):
            return None
        self.once('level_shift', self.recovery.level_shift.retries)
        self.ctx.level_shifted = False
        self.scf.pop('levshift', None)
        self.scf['fmixing'] = max([*self.recovery.scf_oscillation.fmixing, self.scf.get('fmixing') or DEFAULT_FMIXING])
        if not self.go_on_from(node):
            self.set_restart(None)
        elif self.optgeom is not None and 'output_structure' in node.outputs and not self.edits_structure:
            # Converged already: a fresh optimisation from its end takes one point, and its energy is comparable.
            self.ctx.inputs['structure'] = node.outputs.output_structure
            guess = WAVEFUNCTION if self.scf['guessp'] else None
            self.set_restart(node.outputs.remote_folder, wavefunction=guess)
        return self.record(
            node, cause='converged with shifted levels', action='once more from its wavefunction without LEVSHIFT'
        )

    @remedy(
        *NOT_CONVERGED,
        *STOPPED,
        priority=420,
        changes=('FMIXING', 'DIIS', 'BROYDEN', 'GUESSP', 'OPTGEOM RESTART'),
    )
    def handle_scf_oscillation(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Damp an SCF that went nowhere, or change its accelerator.

        Cause: the energy oscillates, grows, or its steps do not shrink. Strategy: more damping, FMIXING 30, 60, 90 (per
        cent of the previous Fock matrix that is kept; never less than before); then another accelerator, NODIIS -> DIIS
        -> BROYDEN -> ANDERSON. From atomic densities, as the last one is no better; an optimisation from its last
        point. A conducting state is damped only: its occupations jump, which no accelerator cures. When all was tried,
        stop.
        """
        conducting = bool(self.last_scf(node).get('is_conducting')) and self.recovery.conducting_scf.enabled
        if not self.damp_or_accelerate(accelerate=not conducting):
            if conducting:
                return None
            return self.end(
                node,
                'Every step of damping and every accelerator was tried. Look at the geometry, the spins (ATOMSPIN, '
                'SPINLOCK) and the basis set; start from the wavefunction of a smaller basis or another functional.',
            )
        self.start_anew_from(node)
        return self.record(
            node, cause=f'the SCF is {self.behaviour(node)}', action='damp it, or change the accelerator'
        )

    def damp_or_accelerate(self, *, accelerate: bool = True) -> bool:
        """Make the next step against oscillation; tell whether there was one."""
        section = self.recovery.scf_oscillation
        current: Any = self.scf.get('diis')
        # The ladder of damping is climbed once, with DIIS or without; Broyden and Anderson come after its top.
        mixing = None if isinstance(current, str) else next_fmixing(self.scf.get('fmixing'), section.fmixing)
        if mixing is not None:
            self.scf['fmixing'] = mixing
            return True
        accelerator = next_accelerator(current, section.accelerators) if accelerate else None
        if accelerator is None:
            return False
        self.scf['diis'] = accelerator
        if accelerator == 'BROYDEN':
            self.scf['broyden'] = list(section.broyden)
            self.scf['fmixing'] = section.broyden_fmixing
        else:
            self.scf.pop('broyden', None)
        return True
