"""Equation of state with CRYSTAL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ToContext, if_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.chain import (
    BASE_EXCLUDES,
    CallingWorkChain,
    base_inputs,
    define_recovery_reports,
    fixed_mesh,
    link_label,
    node_outputs,
    without_structure,
)
from aiida_crystalmath.workflows.crystal.eos_inputs import (
    crystal_block,
    free_to_relax,
    own_eos,
    relaxation,
    scale_factors_of,
    validate_inputs,
    validate_scale_factors,
)
from aiida_crystalmath.workflows.crystal.geopt import CrystalGeometryOptimizationWorkChain, without_optimisation
from aiida_crystalmath.workflows.crystal.validation import positive
from aiida_crystalmath.workflows.functions.energies import comparable_energies
from aiida_crystalmath.workflows.functions.eos import crystal_equation_of_state, equation_of_state, scaled_structure
from aiida_crystalmath.workflows.functions.eos_fit import MIN_POINTS, check_library
from aiida_crystalmath.workflows.protocols.merge import merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin, read_overrides
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalEosWorkChain',)

SERIES = ('scale_factors', 'scale_count', 'scale_increment')


class CrystalEosWorkChain(ProtocolMixin, CallingWorkChain):
    """Compute the energy at several volumes, and fit equations of state: equilibrium volume, bulk modulus.

    Every volume is a run of its own with the same basis and the same k-mesh, that of the input structure: a single
    point, or, if the parameters hold `geometry.optgeom`, a relaxation at fixed volume followed by a single point. With
    `geometry.eos` in the parameters CRYSTAL's own EOS does all in one run instead. Of slabs the area is varied, of
    polymers the length. The energies are static: without vibrations of the atoms, at zero temperature.
    """

    PLACES: ClassVar[int] = 34  # eleven volumes, relaxed
    _protocol_file: ClassVar[str] = 'crystal/eos.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='Near its minimum: scale factors refer to it.')
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base',
            exclude=BASE_EXCLUDES,
            namespace_options={
                'help': 'Inputs of every volume. With `geometry.optgeom` (ATOMONLY or CVOLOPT) in the parameters each '
                'is relaxed at its volume; with `geometry.eos` one run of CRYSTAL does all volumes.'
            },
        )
        spec.input(
            'scale_factors',
            valid_type=orm.List,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_scale_factors,
            help='Volumes (areas, lengths) relative to that of the structure, instead of the two inputs below.',
        )
        spec.input(
            'scale_count',
            valid_type=orm.Int,
            required=False,
            serializer=orm.to_aiida_type,
            help=f'Number of volumes around that of the structure, at least {MIN_POINTS} (default 7).',
        )
        spec.input(
            'scale_increment',
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            validator=positive,
            help='Step between relative volumes (default 0.02).',
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_volumes)(
                steps.run_volumes,
                steps.inspect_volumes,
                steps.fit_volumes,
            ).else_(
                steps.run_crystal_eos,
                steps.inspect_crystal_eos,
            ),
            steps.results,
        )
        cls._define_outputs(spec)

    @classmethod
    def _define_outputs(cls, spec: WorkChainSpec) -> None:
        """Define outputs and exit codes."""
        spec.output('output_parameters', valid_type=orm.Dict, help='Equilibrium volume, bulk modulus, and all fits.')
        spec.output('output_eos', valid_type=orm.ArrayData, help='Volumes and energies of the primitive cell, curves.')
        spec.output(
            'output_structure',
            valid_type=orm.StructureData,
            required=False,
            help='The structure at the equilibrium volume, in its cell and order of atoms; internal coordinates are '
            "those of the nearest volume computed. Absent if CRYSTAL's own EOS relaxed some.",
        )
        define_recovery_reports(spec)
        message = 'Volume <{pk}> failed with exit status {status}, and too few are left for a fit: {reason}'
        spec.exit_code(421, 'ERROR_SUB_PROCESS_FAILED_VOLUMES', message=message)
        message = "CRYSTAL's equation of state <{pk}> failed with exit status {status}: {reason}"
        spec.exit_code(422, 'ERROR_SUB_PROCESS_FAILED_EOS', message=message)
        spec.exit_code(431, 'ERROR_NOT_COMPARABLE', message='{reason}')
        spec.exit_code(432, 'ERROR_NO_FIT', message='No equation of state: {reason}')

    def setup(self) -> None:
        """Choose what is run, and fix the mesh for all volumes."""
        self.ctx.run = None
        self.ctx.base = fixed_mesh(self.exposed_inputs(CrystalBaseWorkChain, namespace='base'), self.inputs.structure)
        parameters = self.ctx.base.crystal.parameters.get_dict()
        self.ctx.relax = bool((parameters.get('geometry') or {}).get('optgeom'))
        if self.ctx.relax and not free_to_relax(self.inputs.structure, self.ctx.base.crystal):
            self.report('the symmetry leaves nothing free to relax at fixed volume: single points are run')
            self.ctx.base.crystal.parameters = orm.Dict(without_optimisation(parameters))
            self.ctx.relax = False

    def should_run_volumes(self) -> bool:
        """Tell whether every volume is a run of its own."""
        return crystal_block(self.ctx.base) is None

    def run_volumes(self) -> Any:
        """Run all volumes side by side."""
        self.ctx.scales = {link_label('scale', f'{scale:g}'): scale for scale in scale_factors_of(self.inputs)}
        inputs: dict[str, Any] = {}
        for label, scale in self.ctx.scales.items():
            structure = scaled_structure(self.inputs.structure, orm.Float(scale))
            if self.ctx.relax:
                inputs[label] = {'structure': structure, 'base': self.ctx.base, 'final_scf': orm.Bool(True)}
            else:
                inputs[label] = base_inputs(self.ctx.base, structure)
        return self.launch_many(
            CrystalGeometryOptimizationWorkChain if self.ctx.relax else CrystalBaseWorkChain, inputs
        )

    def inspect_volumes(self) -> ExitCode | None:
        """Go on if enough volumes are left for a fit."""
        self.attach_recovery_reports()
        return self.check_launched(self.exit_codes.ERROR_SUB_PROCESS_FAILED_VOLUMES, at_least=MIN_POINTS)

    def fit_volumes(self) -> ExitCode | None:
        """Fit the energies, and hand on the points also where they cannot be fitted."""
        results = {label: node.outputs.output_parameters for label, node in self.finished().items()}
        try:
            self.check_repairs()
            comparable_energies({label: node.get_dict() for label, node in results.items()}, per='structure')
        except ValueError as exception:
            return formatted(self.exit_codes.ERROR_NOT_COMPARABLE, reason=exception)
        fitted: Any = equation_of_state(self.inputs.structure, orm.Dict(dict(self.ctx.scales)), **results)
        self.attach(**fitted)
        return self._inspect_fit(fitted['output_parameters'])

    def run_crystal_eos(self) -> Any:
        """Let CRYSTAL do all volumes in one run."""
        inputs = base_inputs(self.ctx.base, self.inputs.structure)
        return ToContext(run=self.launch(CrystalBaseWorkChain, inputs, 'eos'))

    def inspect_crystal_eos(self) -> ExitCode | None:
        """Take CRYSTAL's fits; on failure hand on what there is."""
        self.attach_recovery_reports(eos=self.ctx.run)
        outputs = node_outputs(self.ctx.run)
        self.attach(output_eos=outputs.get('output_eos'))
        failure = self.failure(self.ctx.run, self.exit_codes.ERROR_SUB_PROCESS_FAILED_EOS)
        if failure is not None:
            return failure
        parameters: Any = crystal_equation_of_state(self.inputs.structure, outputs['output_parameters'])
        self.attach(output_parameters=parameters)
        return self._inspect_fit(parameters)

    def _inspect_fit(self, parameters: orm.Dict) -> ExitCode | None:
        problem = parameters.get_dict().get('problem')
        return None if problem is None else formatted(self.exit_codes.ERROR_NO_FIT, reason=problem)

    def results(self) -> None:
        """Attach the structure at the equilibrium volume."""
        scale = float(self.outputs['output_parameters']['scale_factor'])
        source, reference = self.inputs.structure, 1.0
        if self.ctx.run is not None and free_to_relax(source, self.ctx.base.crystal):
            return
        if self.ctx.relax:
            done = self.finished()
            label = min(done, key=lambda name: abs(self.ctx.scales[name] - scale))
            source, reference = done[label].outputs.output_structure, self.ctx.scales[label]
        self.attach(output_structure=scaled_structure(source, orm.Float(scale / reference)))

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        relax_type: RelaxType | str | None = None,
        crystal_eos: bool = False,
        scale_factors: Sequence[float] | None = None,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param structure: crystal, slab or polymer, near its minimum.
        :param relax_type: what is relaxed at every volume: ``NONE``, ``POSITIONS`` (ATOMONLY) or, of crystals,
            ``POSITIONS_SHAPE`` (CVOLOPT). By default what the symmetry leaves free.
        :param crystal_eos: use CRYSTAL's own EOS (crystals only), which relaxes by itself: one run for all volumes.
        :param scale_factors: relative volumes, instead of those of the protocol.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong, and if ASE is not installed.
        """
        check_library()
        if arguments.check_structure(structure) == 0:
            raise ValueError('a molecule has no volume and no equation of state.')
        inputs = cls.get_protocol_inputs(protocol, overrides)
        series = {name: orm.to_aiida_type(inputs[name]) for name in SERIES if name in inputs}
        if scale_factors is not None or 'scale_factors' in series:
            series = {'scale_factors': orm.List(list(scale_factors or series['scale_factors']))}
        task = (
            own_eos(structure, scale_factors_of(series)) if crystal_eos else relaxation(structure, relax_type, protocol)
        )
        asked = merge(merge(task, inputs.get('base', {})), read_overrides(overrides).get('base', {}))
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        builder.base = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(
                code,
                structure,
                protocol,
                asked,
                electronic_type=electronic_type,
                spin_type=spin_type,
                initial_magnetic_moments=initial_magnetic_moments,
                options=options,
            )
        )
        for name, node in () if crystal_eos else series.items():
            builder[name] = node
        return builder  # type: ignore[no-any-return]
