"""What the handlers share: the inputs of the next run, where it starts from, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessHandlerReport

from aiida_crystalmath.crystal.inputs.edits import edits_structure
from aiida_crystalmath.crystal.inputs.tasks import TASKS
from aiida_crystalmath.workflows.crystal.handlers.remedy import remedy_of
from aiida_crystalmath.workflows.crystal.recovery import Recovery, read_recovery
from aiida_crystalmath.workflows.crystal.remote import (
    OPTIMISER_FILE,
    RESTART_FILES,
    SAVED,
    WAVEFUNCTION,
    non_empty_files,
)
from aiida_crystalmath.workflows.crystal.verdict import Verdict, results_of
from aiida_crystalmath.workflows.functions.trajectory_frame import trajectory_frame
from aiida_crystalmath.workflows.restart import CrystalmathBaseRestartWorkChain

__all__ = ('HandlersBase',)

OPTIMISED_NOTE = (
    'The optimisation was taken up with RESTART: its energy rests on the integrals chosen at the first geometry and is '
    'not that of a fresh calculation. Compare energies of single points at the final geometry only '
    '(CrystalGeometryOptimizationWorkChain adds one by itself).'
)


class HandlersBase(CrystalmathBaseRestartWorkChain):
    """Tools of the handlers. ``ctx.inputs`` holds the inputs of the next calculation, to be changed in place."""

    # ---------------------------------------------------------------------------------------------- what is allowed

    @property
    def recovery(self) -> Recovery:
        """What the handlers may do."""
        return read_recovery(self.inputs.recovery if 'recovery' in self.inputs else None)

    def once(self, name: str, limit: int) -> bool:
        """Tell whether a remedy may still be used, and count its use."""
        used = self.ctx.setdefault('used', {})
        used[name] = used.get(name, 0) + 1
        return bool(used[name] <= limit)

    def get_process_handlers_by_priority(self) -> list[tuple[int, Any]]:
        """Return the handlers that the last child concerns, with the priorities of configuration and overrides."""
        node = self.ctx.children[-1] if self.ctx.get('children') else None
        chosen = []
        for priority, handler in super().get_process_handlers_by_priority():
            section = self.recovery.section(handler.__name__)
            override = self.ctx.handler_overrides.get(handler.__name__) or {}
            if section is not None and not section.enabled and override.get('enabled') is not True:
                continue
            if section is not None and section.priority is not None and 'priority' not in override:
                priority = section.priority  # noqa: PLW2901
            if node is None or self._concerns(handler, node):
                chosen.append((priority, handler))
        return chosen

    @staticmethod
    def _concerns(handler: Any, node: orm.CalcJobNode) -> bool:
        """Tell whether a handler is for the end of a calculation."""
        remedy = remedy_of(handler)
        if remedy is None:
            return True
        if remedy.on_success or not node.is_failed:
            return remedy.on_success and bool(node.is_finished_ok)
        verdict = Verdict.of(node)
        return not set(remedy.diagnoses).isdisjoint((*verdict.names, *verdict.warnings))

    # ---------------------------------------------------------------------------------------------- the report

    def describe_failure(self, node: orm.CalcJobNode) -> dict[str, Any]:
        """Return the scheduler's part and the diagnoses of a child."""
        verdict = Verdict.of(node)
        return {'scheduler': verdict.scheduler, 'diagnoses': list(verdict.names)}

    def suggest(self, node: orm.CalcJobNode) -> str:
        """Return the remedy of the catalogue."""
        return Verdict.of(node).next_step

    # ---------------------------------------------------------------------------------------------- the next run

    @property
    def scf(self) -> dict[str, Any]:
        """The SCF parameters of the next calculation, to be changed in place."""
        scf: dict[str, Any] = self.ctx.inputs.parameters.setdefault('scf', {})
        return scf

    @property
    def geometry(self) -> dict[str, Any]:
        """The geometry block of the next calculation; empty without one."""
        return self.ctx.inputs.parameters.get('geometry') or {}

    @property
    def optgeom(self) -> dict[str, Any] | None:
        """The OPTGEOM parameters of the next calculation, to be changed in place; ``None`` without optimisation."""
        optgeom: dict[str, Any] | None = self.geometry.get('optgeom')
        return optgeom

    @property
    def task(self) -> str | None:
        """The block beside OPTGEOM that CRYSTAL can take up again: freqcalc, elastcon, eos; ``None`` without one."""
        return next((name for name in RESTART_FILES if self.geometry.get(name) is not None), None)

    @property
    def is_single_scf(self) -> bool:
        """Whether the calculation is one SCF and nothing else."""
        return all(self.geometry.get(name) is None for name in TASKS)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the next job for the scheduler, to be changed in place."""
        options: dict[str, Any] = self.ctx.inputs.metadata.options
        return options

    @property
    def edits_structure(self) -> bool:
        """Whether the input edits the geometry: what a calculation ended with has the edits, which are made once."""
        return edits_structure(self.geometry)

    def set_restart(
        self,
        folder: orm.RemoteData | None,
        *,
        wavefunction: str | None = None,
        optimiser: bool = False,
        task: str | None = None,
    ) -> None:
        """Say what the next calculation starts from: the only place that touches the flags of a restart.

        :param folder: of the calculation to go on from; ``None`` starts anew.
        :param wavefunction: file there whose density is taken to start with (GUESSP): fort.9, or fort.79 of SAVEWF.
        :param optimiser: take up its optimisation (RESTART in OPTGEOM).
        :param task: take up this block (RESTART in FREQCALC, ELASTCON, EOS).
        """
        needed = folder is not None and bool(wavefunction or optimiser or task)
        if needed:
            self.ctx.inputs['parent_folder'] = folder
        elif (self.optgeom or {}).get('hessian') != 'HESSOPT':  # that is read from the folder of the input
            self.ctx.inputs.pop('parent_folder', None)
        self.scf['guessp'] = needed and wavefunction is not None
        self._set_guess_file(wavefunction if needed and wavefunction == SAVED else None)
        if self.optgeom is not None:
            self.optgeom['restart'] = needed and optimiser
            if self.optgeom['restart']:
                self.note(OPTIMISED_NOTE)
        if self.task is not None:
            self.geometry[self.task]['restart'] = needed and task == self.task

    def _set_guess_file(self, name: str | None) -> None:
        """Say in the settings which file of the parent is the guess, if it is not fort.9."""
        settings = self.ctx.inputs.get('settings')
        content = settings.get_dict() if settings is not None else {}
        if content.get('guess_file') == name:
            return
        content = {key: value for key, value in content.items() if key != 'guess_file'}
        if name is not None:
            content['guess_file'] = name
        self.ctx.inputs['settings'] = orm.Dict(content)

    def go_on_from(self, node: orm.CalcJobNode, *, wavefunction: bool = True) -> bool:
        """Let the next calculation go on from what ``node`` left, an optimisation from its last point.

        :param wavefunction: take the wavefunction as well, if there is one; CRYSTAL leaves an empty fort.9 when it is
            killed in the middle of an optimisation, and reading that ends with an opaque Fortran error.
        :return: whether anything was left to go on from; if not, nothing is changed.
        """
        folder = node.outputs.remote_folder if 'remote_folder' in node.outputs else None
        files = non_empty_files(folder) if folder is not None else set()
        guess = WAVEFUNCTION if wavefunction and WAVEFUNCTION in files else None
        if self.task is not None:
            if files.issuperset(RESTART_FILES[self.task]):
                self.set_restart(folder, task=self.task)
                return True
            return False
        if self.optgeom is None:
            if guess:
                self.set_restart(folder, wavefunction=guess)
            return guess is not None
        if OPTIMISER_FILE in files:
            self.set_restart(folder, wavefunction=guess, optimiser=True)
            return True
        structure = self.last_geometry(node)
        if structure is None:
            return False
        self.ctx.inputs['structure'] = structure
        self.set_restart(folder, wavefunction=guess)
        return True

    def go_on_from_saved(self, node: orm.CalcJobNode) -> bool:
        """Let a single SCF that was killed go on from the wavefunction that SAVEWF left (fort.79), if there is one.

        After a kill fort.9 is not to be trusted: CRYSTAL writes it at the end.
        """
        if not (self.is_single_scf and self.scf.get('savewf')) or 'remote_folder' not in node.outputs:
            return False
        if SAVED not in non_empty_files(node.outputs.remote_folder):
            return False
        self.set_restart(node.outputs.remote_folder, wavefunction=SAVED)
        return True

    def start_anew_from(self, node: orm.CalcJobNode) -> None:
        """Let the next SCF start from atomic densities; what can be taken up with RESTART is, all the same."""
        if self.is_single_scf or not self.go_on_from(node, wavefunction=False):
            self.set_restart(None)

    def begin_again_from(self, node: orm.CalcJobNode) -> None:
        """Let the next calculation begin anew because SHRINK, SMEAR or the basis set is another: nothing is taken up.

        Energies and gradients of before are those of another method: RESTART would mix them into the forces of
        frequencies or the steps of an optimisation. Only the geometry that an optimisation came to is kept.
        """
        structure = self.last_geometry(node) if self.optgeom is not None else None
        if structure is not None:
            self.ctx.inputs['structure'] = structure
        self.set_restart(None)

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

    @staticmethod
    def results_of(node: orm.CalcJobNode) -> dict[str, Any]:
        """Return the output parameters of a calculation, empty if it has none."""
        return results_of(node)

    @staticmethod
    def last_scf(node: orm.CalcJobNode) -> Mapping[str, Any]:
        """Return what is known of the SCF that ran last: in an optimisation that of the log, if it was kept."""
        results = results_of(node)
        logged = (results.get('optimisation') or {}).get('last_scf')
        scf: Mapping[str, Any] = logged or results.get('scf') or {}
        return scf

    def more_time(self, factor: float | None = None) -> bool:
        """Multiply the time limit of the next calculation up to the cap; tell whether it grew."""
        section = self.recovery.interrupted
        seconds: int | None = self.options.get('max_wallclock_seconds')
        if seconds is None or seconds >= section.max_walltime_seconds:
            return False
        longer = int(seconds * (factor or section.walltime_factor))
        self.options['max_wallclock_seconds'] = min(longer, section.max_walltime_seconds)
        return longer > seconds

    def end(self, node: orm.CalcJobNode, next_step: str | None = None) -> ProcessHandlerReport:
        """Stop with the calculation's own exit code."""
        return self.give_up(node, next_step)
