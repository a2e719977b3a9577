"""Handlers of metals, and of what turns out to be one."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessHandlerReport

from aiida_crystalmath.workflows.crystal.handlers.common import HandlersBase
from aiida_crystalmath.workflows.crystal.handlers.remedy import remedy
from aiida_crystalmath.workflows.crystal.handlers.scf import NOT_CONVERGED, STOPPED
from aiida_crystalmath.workflows.crystal.recovery import Conductor

__all__ = ('MetalHandlers',)

SMEARED_NOTE = (
    'The occupations were smeared (SMEAR): the energy is that of electrons at a finite temperature, and the result is '
    'that of a metal. Compare it only with runs of the same SMEAR.'
)
CHANGES = ('SHRINK', 'SMEAR', 'FMIXING', 'DIIS', 'BROYDEN', 'GUESSP', 'OPTGEOM RESTART', 'structure')


class MetalHandlers(HandlersBase):
    """No Fermi energy, or a conducting state whose SCF fails, or where none was expected."""

    @remedy('fermi_not_in_interval', priority=400, changes=CHANGES, physics=('SMEAR',))
    def handle_fermi_energy(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Make the k-mesh denser when CRYSTAL finds no Fermi energy, then smear.

        Cause: a metal on too coarse a mesh. Strategy: twice the SHRINK, which changes nothing but the accuracy; if that
        does not help, SMEAR, without which there is no result. Smearing changes the energy: it is recorded as such.
        """
        action = self.denser_mesh_or_smear(node, self.recovery.fermi_energy)
        if action is None:
            return self.end(node)
        return self.record(node, cause='Fermi energy not found', action=action, physics=self._physics(action))

    @remedy(*NOT_CONVERGED, *STOPPED, priority=410, changes=CHANGES, physics=('SMEAR',))
    def handle_conducting_scf(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Sample a conducting state better, then smear, when damping did not make its SCF converge.

        Cause: the last cycle is that of a conductor, whose occupations jump at the Fermi energy. Strategy: after the
        damping of ``handle_scf_oscillation``, twice the SHRINK, then SMEAR with the damping of the input, recorded as a
        change of the physics.
        """
        if not self.last_scf(node).get('is_conducting'):
            return None
        action = self.denser_mesh_or_smear(node, self.recovery.conducting_scf)
        if action is None:
            return self.end(node, 'The SCF of this conductor converges neither damped nor smeared: look at its spins.')
        return self.record(
            node, cause='the SCF of a conducting state fails', action=action, physics=self._physics(action)
        )

    @remedy('unexpected_conductor', priority=310, changes=CHANGES, physics=('SMEAR',), on_request=True, on_success=True)
    def handle_unexpected_conductor(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Do not accept a conducting state where an insulator is expected.

        Cause: the SCF converged to a conductor, and the user said that this is an insulator, by switching this handler
        on (the electronic type of a protocol says nothing: INSULATOR is what everybody has who says nothing).
        Strategy: twice the SHRINK; then SMEAR if that is switched on too; else stop with an exit code of its own,
        with all results attached.
        """
        if not self.results_of(node).get('is_conducting') or self.scf.get('smear'):
            return None
        action = self.denser_mesh_or_smear(node, self.recovery.unexpected_conductor)
        if action is None:
            return self.give_up(
                node,
                'The state is a conductor on this k-mesh and a denser one. Check spins, geometry and functional (a '
                'pure functional may close the gap); if it is a metal, choose ElectronicType.METAL.',
                self.exit_codes.ERROR_UNEXPECTED_CONDUCTOR,
            )
        return self.record(
            node, cause='a conductor where an insulator is expected', action=action, physics=self._physics(action)
        )

    def denser_mesh_or_smear(self, node: orm.CalcJobNode, section: Conductor) -> str | None:
        """Take the next step for a metal; return it in words, ``None`` if nothing is left."""
        if self._denser_mesh(section):
            if self.ctx.get('level_shifted'):  # of `small_gap`: a conducting state is not to be shifted
                self.scf.pop('levshift', None)
            action = 'a denser k-mesh'
        elif section.smear and not self.scf.get('smear') and any(self.ctx.inputs.structure.pbc):
            self.scf['smear'] = section.smear_hartree
            self.scf.pop('levshift', None)
            self._damp_as_in_the_input()
            self.note(SMEARED_NOTE)
            action = f'smear the occupations (SMEAR {section.smear_hartree})'
        else:
            return None
        self.ctx.level_shifted = False
        self.begin_again_from(node)
        return action

    def _damp_as_in_the_input(self) -> None:
        """Take back what was done against jumping occupations, which smearing ends: it only makes the SCF slow now."""
        asked = self.inputs.crystal.parameters.get_dict().get('scf') or {}
        for name in ('fmixing', 'diis', 'broyden'):
            if name in asked:
                self.scf[name] = asked[name]
            else:
                self.scf.pop(name, None)

    def _denser_mesh(self, section: Conductor) -> bool:
        """Multiply SHRINK, if that is allowed and within the cap; tell whether it was done."""
        shrink = self.scf.get('shrink')
        if not shrink or not any(self.ctx.inputs.structure.pbc):
            return False
        factor, divisions = section.shrink_factor, shrink['is']
        largest = max(divisions) if isinstance(divisions, list | tuple) else divisions
        if largest * factor > section.max_shrink or not self.once('denser_mesh', section.retries):
            return False
        denser = [n * factor for n in divisions] if isinstance(divisions, list | tuple) else divisions * factor
        self.scf['shrink'] = {'is': denser, 'isp': (shrink.get('isp') or largest) * factor}
        return True

    @staticmethod
    def _physics(action: str) -> tuple[str, ...]:
        return ('SMEAR',) if 'SMEAR' in action else ()
