"""One calculation with CRYSTAL that looks after itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, while_

from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation
from aiida_crystalmath.crystal.scf_behaviour import DEFAULT_MAXCYCLE
from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.handlers import CrystalHandlers
from aiida_crystalmath.workflows.crystal.inputs import electronic_inputs, has_shrink, shrink_for, spin_inputs
from aiida_crystalmath.workflows.crystal.recovery import read_recovery, validate_recovery
from aiida_crystalmath.workflows.crystal.validation import positive, validate_base
from aiida_crystalmath.workflows.early_warning import KEY, early_warning
from aiida_crystalmath.workflows.protocols.merge import META_INPUTS, merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin, read_overrides
from aiida_crystalmath.workflows.resources import AUTO, set_suggested_options
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalBaseWorkChain',)

CORE_EXIT_CODES = (301, 302, 401, 402)
"""Owned by the core's restart chain: never declared again."""


class CrystalBaseWorkChain(ProtocolMixin, CrystalHandlers):
    """Run ``crystal`` until it ends well, repairing what can be repaired without changing the physics.

    Basis sets may be named by family, and the k-mesh by the distance between its points. The handlers are in
    :mod:`aiida_crystalmath.workflows.crystal.handlers`; what they did is in the output ``recovery_report``.
    """

    _process_class = Crystal23Calculation
    PLACES: ClassVar[int] = 2
    _protocol_file: ClassVar[str] = 'crystal/base.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.expose_inputs(Crystal23Calculation, namespace='crystal')
        spec.input(
            'basis_family',
            valid_type=orm.Str,
            required=False,
            serializer=orm.to_aiida_type,
            help='Label of an installed basis-set family, instead of `crystal.basis_sets`.',
        )
        spec.input(
            'kpoints_distance',
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            validator=positive,
            help='Largest distance between neighbouring k-points in 1/Å, turned into SHRINK for the primitive cell. '
            '`scf.shrink` in the parameters has precedence.',
        )
        spec.input(
            'recovery',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_recovery,
            help='What the handlers may do, how often and how far: sections and keys of '
            '``workflows/crystal/recovery.yaml`` to change. `handler_overrides` has precedence in `enabled` and '
            '`priority`.',
        )
        limit: Any = spec.inputs['max_iterations']
        limit.default = lambda: orm.Int(read_recovery().max_iterations())
        limit.help = 'Largest number of runs. The default is what the remedies need if all are used up.'
        spec.inputs.validator = validate_base
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            steps.prepare_inputs,
            while_(steps.should_run_process)(
                steps.run_process,
                steps.inspect_process,
            ),
            steps.results,
        )
        spec.expose_outputs(Crystal23Calculation)
        for code in Crystal23Calculation.exit_codes.values():
            if code.status >= 300 and code.status not in CORE_EXIT_CODES:
                spec.exit_code(code.status, _label_of(code), message=code.message)
        spec.exit_code(
            413,
            'ERROR_UNEXPECTED_CONDUCTOR',
            message='The SCF converged to a conducting state, and an insulator is expected.',
        )
        spec.exit_code(201, 'ERROR_INVALID_INPUT_BASIS_FAMILY', message='The basis-set family cannot be used: {reason}')
        spec.exit_code(202, 'ERROR_INVALID_INPUT_KPOINTS', message='No k-mesh could be made: {reason}')

    def prepare_inputs(self) -> ExitCode | None:
        """Put the inputs of the first calculation together in ``ctx.inputs``."""
        inputs = AttributeDict(self.exposed_inputs(Crystal23Calculation, 'crystal'))
        inputs.parameters = inputs.parameters.get_dict()
        self.ctx.inputs = inputs
        if 'basis_family' in self.inputs:
            try:
                family = arguments.load_basis_family(self.inputs.basis_family.value)
                inputs.basis_sets = family.get_basis_sets(structure=inputs.structure)
            except ValueError as exception:
                return formatted(self.exit_codes.ERROR_INVALID_INPUT_BASIS_FAMILY, reason=exception)
        if 'kpoints_distance' in self.inputs and not has_shrink(inputs.parameters):
            settings = inputs.settings.get_dict() if 'settings' in inputs else {}
            try:
                shrink = shrink_for(inputs.structure, self.inputs.kpoints_distance.value, settings)
            except ValueError as exception:
                return formatted(self.exit_codes.ERROR_INVALID_INPUT_KPOINTS, reason=exception)
            inputs.parameters.setdefault('scf', {})['shrink'] = shrink
            self.report(f'k-points at most {self.inputs.kpoints_distance.value} 1/Å apart: SHRINK {shrink}')
        self._save_wavefunction()
        return None

    def _save_wavefunction(self) -> None:
        """Let a single SCF that may take long save its wavefunction on the way: after a kill there is nothing else."""
        seconds = self.options.get('max_wallclock_seconds') or 0
        section = self.recovery.interrupted
        asked = self.scf.get('savewf') is not None
        if section.enabled and self.is_single_scf and not asked and seconds >= section.savewf_from_seconds:
            self.scf['savewf'] = True

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | str | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Later of these have precedence: what all protocols share, the protocol, the arguments, the overrides.

        :param code: the code (or its label) of ``crystal``.
        :param structure: crystal, slab, polymer or molecule, in any cell.
        :param protocol: ``fast``, ``balanced`` (default) or ``stringent``.
        :param overrides: inputs to change, nested as the ports are, or the path of a YAML file with them. A key that
            is no port is an error.
        :param electronic_type: ``METAL`` smears the occupations.
        :param spin_type: ``COLLINEAR`` polarises.
        :param initial_magnetic_moments: unpaired electrons of one atom of each kind. The signs start the SCF, the sum
            is held at first.
        :param options: of the scheduler, for every job; ``'auto'`` takes what ``workflows.resources`` suggests.
        :raises ValueError: for any argument that is wrong, and a basis-set family that is not installed.
        """
        code = arguments.check_code(code)
        dimensionality = arguments.check_structure(structure)
        electronic_type = arguments.check_electronic_type(electronic_type)
        spin_type, moments = arguments.check_spin(spin_type, initial_magnetic_moments, structure)
        inputs = cls.get_protocol_inputs(protocol, overrides)
        meta = inputs.pop(META_INPUTS)
        recovery = _recovery(cls.get_protocol_inputs(protocol).get('recovery') or {}, overrides)
        parameters = inputs['crystal']['parameters']
        spin, kinds = spin_inputs(
            spin_type,
            moments,
            structure,
            method=parameters.get('hamiltonian') or {},
            spinlock_cycles=meta['spinlock_cycles'],
            maxcycle=(parameters.get('scf') or {}).get('maxcycle') or DEFAULT_MAXCYCLE,
            settings=inputs['crystal'].get('settings'),
        )
        electronic = electronic_inputs(electronic_type, meta['smear_hartree'], dimensionality)
        asked = {
            'parameters': merge(electronic, spin),
            'metadata': {'options': arguments.check_options(options)},
            'monitors': early_warning(meta[KEY]),
            **({'kinds': kinds} if kinds else {}),
        }
        inputs = merge(merge(inputs, {'crystal': asked}), read_overrides(overrides))
        for name in (META_INPUTS, 'recovery'):
            inputs.pop(name, None)
        if recovery:
            inputs['recovery'] = recovery
        inputs.setdefault('max_iterations', read_recovery(recovery).max_iterations())
        if dimensionality == 0:
            inputs.pop('kpoints_distance', None)
        if options == AUTO:
            set_suggested_options(inputs, code, structure, read_overrides(overrides))
        return cls._fill(cls.get_builder(), code, structure, inputs)

    @staticmethod
    def _fill(
        builder: Any, code: orm.AbstractCode, structure: orm.StructureData, inputs: dict[str, Any]
    ) -> ProcessBuilder:
        """Put plain inputs into a builder; a basis-set family becomes the sets themselves, to be checked at once."""
        crystal = inputs.pop('crystal')
        family = inputs.pop('basis_family', None)
        library = (crystal['parameters'].get('basis') or {}).get('library')
        if 'basis_sets' not in crystal and family is not None and not library:
            crystal['basis_sets'] = arguments.load_basis_family(_plain(family)).get_basis_sets(structure=structure)
        builder.crystal.code = code
        builder.crystal.structure = structure
        for name, value in crystal.items():
            builder.crystal[name] = orm.Dict(value) if name in DICT_PORTS and isinstance(value, dict) else value
        for name, value in inputs.items():
            builder[name] = orm.to_aiida_type(value) if isinstance(value, bool | int | float | str | dict) else value
        filled: ProcessBuilder = builder
        return filled


DICT_PORTS = ('parameters', 'kinds', 'settings')


def _recovery(protocol: Mapping[str, Any], overrides: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """Return what is changed in the configuration of recovery, by a protocol and by the overrides.

    :param protocol: ``recovery`` of the protocol.
    :param overrides: of the protocol; their ``recovery`` may be a path, which is read as YAML.
    :raises ValueError: if they are wrong.
    """
    changes = read_overrides(overrides).get('recovery')
    plain = changes.get_dict() if isinstance(changes, orm.Dict) else read_overrides(changes)
    merged = merge(protocol, plain)
    read_recovery(merged)
    return merged


def _plain(value: orm.Str | str) -> str:
    """Return the text of a node, or of a text."""
    return value if isinstance(value, str) else str(value.value)


def _label_of(code: ExitCode) -> str:
    """Return the label of an exit code of the calculation."""
    return next(label for label, known in Crystal23Calculation.exit_codes.items() if known.status == code.status)
