"""Geometry optimisation with CRYSTAL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext, if_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.chain import BASE_EXCLUDES, CallingWorkChain, node_outputs, without_structure
from aiida_crystalmath.workflows.crystal.remedies import was_taken_up
from aiida_crystalmath.workflows.crystal.validation import check_base_inputs, check_edits
from aiida_crystalmath.workflows.protocols.merge import merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin, read_overrides
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalGeometryOptimizationWorkChain',)


class CrystalGeometryOptimizationWorkChain(ProtocolMixin, CallingWorkChain):
    """Optimise a structure, and compute its energy anew where that of the optimisation is not to be trusted.

    CRYSTAL chooses which integrals to neglect at the first geometry of a run. The energy of an optimisation that was
    restarted, or that moved far, is therefore not that of a fresh calculation of the final geometry.
    """

    PLACES: ClassVar[int] = 3
    _protocol_file: ClassVar[str] = 'crystal/geopt.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='Where the optimisation starts.')
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base',
            exclude=BASE_EXCLUDES,
            namespace_options={'help': 'Inputs of the optimisation; `geometry.optgeom` must be in the parameters.'},
        )
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base_final_scf',
            exclude=BASE_EXCLUDES,
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'help': 'Inputs of the final single point, if they are to differ from those of the optimisation.',
            },
        )
        spec.input(
            'final_scf',
            valid_type=orm.Bool,
            required=False,
            serializer=orm.to_aiida_type,
            help='Whether to end with a single point at the final geometry. By default only if `base_final_scf` is '
            'given or the optimisation had to be restarted.',
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            steps.run_optimisation,
            steps.inspect_optimisation,
            if_(steps.should_run_final_scf)(
                steps.run_final_scf,
                steps.inspect_final_scf,
            ),
            steps.results,
        )
        spec.output('output_structure', valid_type=orm.StructureData, help='In the cell and atom order of the input.')
        spec.output('output_parameters', valid_type=orm.Dict, help='Of the final single point, if there was one.')
        spec.output('output_trajectory', valid_type=orm.TrajectoryData, required=False, help='Of the last run.')
        spec.output('remote_folder', valid_type=orm.RemoteData, required=False, help='Has the final wavefunction.')
        spec.output('recovery_report', valid_type=orm.Dict, required=False, help='What was repaired on the way.')
        spec.exit_code(
            421,
            'ERROR_SUB_PROCESS_FAILED_GEOPT',
            message='The optimisation <{pk}> failed with exit status {status}: {reason}',
        )
        spec.exit_code(
            422,
            'ERROR_SUB_PROCESS_FAILED_FINAL_SCF',
            message='The final single point <{pk}> failed with exit status {status}: {reason}',
        )

    def setup(self) -> None:
        """Initialise the context."""
        self.ctx.final = None

    def run_optimisation(self) -> Any:
        """Run the optimisation."""
        inputs = AttributeDict(self.exposed_inputs(CrystalBaseWorkChain, namespace='base'))
        inputs.crystal.structure = self.inputs.structure
        inputs.metadata.call_link_label = 'geopt'
        node = self.submit(CrystalBaseWorkChain, **inputs)
        self.report(f'launching the optimisation, {node.process_label}<{node.pk}>')
        return ToContext(optimisation=node)

    def inspect_optimisation(self) -> ExitCode | None:
        """Take the structure; on failure hand on how far it came."""
        node = self.ctx.optimisation
        failure = self.failure(node, self.exit_codes.ERROR_SUB_PROCESS_FAILED_GEOPT)
        if failure is not None:
            self.results()
        return failure

    def should_run_final_scf(self) -> bool:
        """Tell whether the energy is to be computed anew."""
        if 'final_scf' in self.inputs:
            return bool(self.inputs.final_scf.value)
        if 'base_final_scf' in self.inputs:
            return True
        optimised = self.ctx.optimisation
        return 'recovery_report' in optimised.outputs and was_taken_up(optimised.outputs.recovery_report.get_dict())

    def run_final_scf(self) -> Any:
        """Run a single point at the final geometry."""
        given = 'base_final_scf' in self.inputs
        inputs = AttributeDict(
            self.exposed_inputs(CrystalBaseWorkChain, namespace='base_final_scf' if given else 'base')
        )
        inputs.crystal.structure = self.ctx.optimisation.outputs.output_structure
        inputs.crystal.parameters = orm.Dict(without_optimisation(inputs.crystal.parameters.get_dict()))
        inputs.metadata.call_link_label = 'final_scf'
        node = self.submit(CrystalBaseWorkChain, **inputs)
        self.report(f'launching the final single point, {node.process_label}<{node.pk}>')
        return ToContext(final=node)

    def inspect_final_scf(self) -> ExitCode | None:
        """Check the final single point; on failure the structure is still handed on."""
        failure = self.failure(self.ctx.final, self.exit_codes.ERROR_SUB_PROCESS_FAILED_FINAL_SCF)
        if failure is not None:
            self.results()
        return failure

    def results(self) -> None:
        """Attach the outputs that there are."""
        optimised = node_outputs(self.ctx.optimisation)
        last = node_outputs(self.ctx.final) or optimised
        self.attach(
            output_structure=optimised.get('output_structure'),
            output_trajectory=optimised.get('output_trajectory'),
            recovery_report=optimised.get('recovery_report'),
            output_parameters=last.get('output_parameters'),
            remote_folder=last.get('remote_folder'),
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        relax_type: RelaxType | str = RelaxType.POSITIONS_CELL,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param relax_type: ``POSITIONS_CELL`` (default), ``POSITIONS``, ``CELL``, or ``POSITIONS_SHAPE`` at constant
            volume. A molecule has positions only.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        relax_type = arguments.check_relax_type(relax_type)
        if relax_type is RelaxType.NONE:
            raise ValueError('relax_type "none" moves nothing: use CrystalBaseWorkChain for a single point.')
        if arguments.check_structure(structure) == 0:
            relax_type = RelaxType.POSITIONS
        inputs = cls.get_protocol_inputs(protocol, overrides)
        keyword = {'crystal': {'parameters': {'geometry': {'optgeom': {'type': arguments.OPTGEOM_TYPES[relax_type]}}}}}
        common: dict[str, Any] = {
            'protocol': protocol,
            'electronic_type': electronic_type,
            'spin_type': spin_type,
            'initial_magnetic_moments': initial_magnetic_moments,
            'options': options,
        }
        asked = merge(inputs['base'], keyword)
        # The type is an argument like the others: overrides have the last word.
        asked = merge(asked, read_overrides(overrides).get('base', {}))
        builder = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        builder.base = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(code, structure, overrides=asked, **common)
        )
        if 'base_final_scf' in inputs:
            builder.base_final_scf = without_structure(
                CrystalBaseWorkChain.get_builder_from_protocol(
                    code, structure, overrides=inputs['base_final_scf'], **common
                )
            )
        if 'final_scf' in inputs:
            builder.final_scf = orm.Bool(inputs['final_scf'])
        return builder


def without_optimisation(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of a single point: no OPTGEOM, and no wavefunction to start from."""
    geometry = {key: value for key, value in (parameters.get('geometry') or {}).items() if key != 'optgeom'}
    scf = {key: value for key, value in (parameters.get('scf') or {}).items() if key != 'guessp'}
    rest = {key: value for key, value in parameters.items() if key not in ('geometry', 'scf')}
    return {**rest, **({'geometry': geometry} if geometry else {}), **({'scf': scf} if scf else {})}


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other."""
    if 'structure' not in inputs or 'base' not in inputs:
        return None
    parameters = (inputs['base'].get('crystal') or {}).get('parameters')
    if parameters is not None and not (parameters.get_dict().get('geometry') or {}).get('optgeom'):
        return 'base.crystal.parameters: no `geometry.optgeom`: nothing would be optimised.'
    for name in ('base', 'base_final_scf'):
        message = check_base_inputs(inputs[name], inputs['structure'], f'{name}.') if inputs.get(name) else None
        if message is not None:
            return message
    if 'final_scf' in inputs and not inputs['final_scf'].value:
        return None
    name = 'base_final_scf' if inputs.get('base_final_scf') else 'base'
    message = check_edits(inputs['base'], inputs[name], f'{name}.')
    return f'{message} Or set `final_scf` to False.' if message and name == 'base' else message
