"""Surfaces: slabs cut from a crystal, their energy and their work function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext, if_

from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.chain import (
    BASE_EXCLUDES,
    CallingWorkChain,
    base_inputs,
    define_recovery_reports,
    link_label,
    node_outputs,
    without_structure,
)
from aiida_crystalmath.workflows.crystal.geopt import CrystalGeometryOptimizationWorkChain
from aiida_crystalmath.workflows.crystal.slab_input import (
    polarised_inputs,
    potential_block,
    validate_inputs,
    validate_layers,
    validate_miller,
)
from aiida_crystalmath.workflows.functions.slabs import slab_structure
from aiida_crystalmath.workflows.functions.surfaces import BULK, POTENTIAL, RELAXED, surface_results
from aiida_crystalmath.workflows.protocols.merge import merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin, read_overrides
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalSlabWorkChain',)


class CrystalSlabWorkChain(ProtocolMixin, CallingWorkChain):
    """Cut slabs from a crystal, and compute the energy of the surface and the work function.

    Slabs are systems that repeat in two directions: there is no vacuum. Crystal and slabs are computed side by side
    with the same basis sets, tolerances and distance between k-points. With several numbers of layers the surface
    energy is followed to its limit. On request each slab is relaxed (atoms only: the cell stays that of the crystal),
    and the potential of the thickest one computed (POTC).
    """

    PLACES: ClassVar[int] = 18  # the crystal, and three slabs as cut and relaxed
    _protocol_file: ClassVar[str] = 'crystal/slab.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='The crystal, relaxed with the same method.')
        spec.input(
            'miller',
            valid_type=orm.List,
            serializer=orm.to_aiida_type,
            validator=validate_miller,
            help='Miller indices.',
        )
        spec.input(
            'layers',
            valid_type=orm.List,
            serializer=orm.to_aiida_type,
            validator=validate_layers,
            help='Numbers of planes of atoms, one for each slab: `[3]`, or `[3, 5, 7]` to see it converge.',
        )
        spec.input(
            'termination',
            valid_type=orm.Int,
            required=False,
            serializer=orm.to_aiida_type,
            help='Which plane is the lowest, from 0; left out, the first that gives a symmetric, stoichiometric slab.',
        )
        for name, default, text in (
            ('conventional', True, 'Indices are those of the conventional cell, not of the cell given.'),
            ('any_surface', False, 'Also slabs that may be polar, or have another formula than the crystal.'),
        ):
            spec.input(
                name,
                valid_type=orm.Bool,
                default=lambda default=default: orm.Bool(default),
                serializer=orm.to_aiida_type,
                help=f'{text} Default: {default}.',
            )
        spec.input(
            'moments',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            help='Unpaired electrons of one atom of each magnetic kind, in crystal and slabs.',
        )
        cls._define_parts(spec)
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            steps.run_slabs,
            steps.inspect_slabs,
            if_(steps.should_run_properties)(steps.run_properties, steps.inspect_properties),
            steps.results,
        )

    @classmethod
    def _define_parts(cls, spec: WorkChainSpec) -> None:
        """Define the namespaces of the parts, outputs and exit codes."""
        optional = {'required': False, 'populate_defaults': False}
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base',
            exclude=BASE_EXCLUDES,
            namespace_options={'help': 'Inputs of the single points of crystal and slabs; the k-mesh by distance.'},
        )
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='relax',
            exclude=BASE_EXCLUDES,
            namespace_options={**optional, 'help': 'Inputs of the relaxation of the slabs (ATOMONLY), if wanted.'},
        )
        spec.expose_inputs(
            Crystal23PropertiesCalculation,
            namespace='properties',
            exclude=('parent_folder', 'kpoints', 'parameters'),
            namespace_options={**optional, 'help': 'The run of `properties` for the potential, if wanted.'},
        )
        spec.output('output_parameters', valid_type=orm.Dict, help='Surface energies by thickness, and work function.')
        spec.output('output_structure', valid_type=orm.StructureData, required=False, help='The thickest slab.')
        spec.output('output_potential', valid_type=orm.ArrayData, required=False, help='Along the normal, in planes.')
        spec.output('remote_folder', valid_type=orm.RemoteData, required=False, help='Of the thickest slab.')
        spec.output_namespace(
            'slabs', valid_type=orm.StructureData, dynamic=True, required=False, help='All slabs as they were cut.'
        )
        define_recovery_reports(spec)
        message = 'The run <{pk}> of crystal or slab failed with exit status {status}: {reason}'
        spec.exit_code(421, 'ERROR_SUB_PROCESS_FAILED_SLABS', message=message)
        message = 'The calculation of properties <{pk}> failed with exit status {status}: {reason}'
        spec.exit_code(424, 'ERROR_SUB_PROCESS_FAILED_PROPERTIES', message=message)
        spec.exit_code(431, 'ERROR_NOT_COMPARABLE', message='The energies cannot be compared: {reason}')

    def setup(self) -> None:
        """Cut the slabs."""
        self.ctx.slabs, self.ctx.cuts = {}, {}
        self.ctx.properties = None
        for layers in sorted(set(self.inputs.layers.get_list())):
            options = {
                'miller': self.inputs.miller.get_list(),
                'layers': layers,
                'conventional': self.inputs.conventional.value,
                'any_surface': self.inputs.any_surface.value,
            }
            if 'termination' in self.inputs:
                options['termination'] = self.inputs.termination.value
            label = link_label('layers', layers)
            found = slab_structure(self.inputs.structure, orm.Dict(options))
            self.ctx.slabs[label], self.ctx.cuts[label] = found['structure'], found['cut']
            self.out(f'slabs.{label}', found['structure'])
        self.ctx.thickest = label

    def run_slabs(self) -> Any:
        """Launch crystal, slabs and relaxations side by side."""
        given = AttributeDict(self.exposed_inputs(CrystalBaseWorkChain, namespace='base'))
        structures = {BULK: self.inputs.structure, **self.ctx.slabs}
        singles = {
            label: base_inputs(polarised_inputs(given, one, self.inputs.get('moments')), one)
            for label, one in structures.items()
        }
        relaxations = {}
        if 'relax' in self.inputs:
            relax = AttributeDict(self.exposed_inputs(CrystalBaseWorkChain, namespace='relax'))
            relaxations = {
                f'{label}{RELAXED}': {
                    'structure': one,
                    'base': polarised_inputs(relax, one, self.inputs.get('moments')),
                }
                for label, one in self.ctx.slabs.items()
            }
        return ToContext(
            **self.launch_many(CrystalBaseWorkChain, singles),
            **self.launch_many(CrystalGeometryOptimizationWorkChain, relaxations),
        )

    def inspect_slabs(self) -> ExitCode | None:
        """Check all; if the crystal and one slab finished, their energies are still handed on."""
        self.attach_recovery_reports()
        failure = self.check_launched(self.exit_codes.ERROR_SUB_PROCESS_FAILED_SLABS)
        if failure is not None:
            self.results()
        return failure

    def should_run_properties(self) -> bool:
        """Tell whether the potential is wanted."""
        return 'properties' in self.inputs

    def run_properties(self) -> Any:
        """Compute the potential of the thickest slab along its normal."""
        node = self._best(self.ctx.thickest)
        structure = node_outputs(node).get('output_structure', self.ctx.slabs[self.ctx.thickest])
        inputs = AttributeDict(self.exposed_inputs(Crystal23PropertiesCalculation, namespace='properties'))
        inputs.parent_folder = node.outputs.remote_folder
        inputs.parameters = orm.Dict({'blocks': [potential_block(structure)]})
        return ToContext(properties=self.launch(Crystal23PropertiesCalculation, inputs, 'potential'))

    def inspect_properties(self) -> ExitCode | None:
        """Check the potential; without it the surface energies are still handed on."""
        failure = self.failure(self.ctx.properties, self.exit_codes.ERROR_SUB_PROCESS_FAILED_PROPERTIES)
        if failure is not None:
            self.results()
        return failure

    def _best(self, label: str) -> orm.ProcessNode:
        """Return the relaxation of a slab, or its single point if it was not relaxed."""
        nodes = self.finished()
        return nodes.get(f'{label}{RELAXED}') or nodes[label]

    def results(self) -> ExitCode | None:
        """Compare the energies of what finished, and hand on the thickest slab."""
        nodes = self.finished()
        done = [label for label in self.ctx.slabs if label in nodes]
        if BULK not in nodes or not done:
            return None
        told: dict[str, Any] = {BULK: nodes[BULK].outputs.output_parameters}
        for label in done:
            told[f'cut_{label}'] = self.ctx.cuts[label]
            for name in (label, f'{label}{RELAXED}'):
                if name in nodes:
                    told[name] = nodes[name].outputs.output_parameters
        potential = node_outputs(self.ctx.properties).get('output_potential')
        if potential is not None:
            told[POTENTIAL] = potential
        try:
            self.check_repairs()
            self.out('output_parameters', surface_results(**told))
        except ValueError as exception:
            return formatted(self.exit_codes.ERROR_NOT_COMPARABLE, reason=exception)
        best = node_outputs(self._best(done[-1]))
        self.attach(
            output_structure=best.get('output_structure', self.ctx.slabs[done[-1]]),
            output_potential=potential,
            remote_folder=best.get('remote_folder'),
        )
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        miller: Sequence[int],
        layers: int | Sequence[int],
        termination: int | None = None,
        relax: bool = False,
        properties_code: orm.AbstractCode | str | None = None,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | str | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param structure: the crystal, in any cell.
        :param miller: Miller indices of the conventional cell.
        :param layers: number of planes of atoms, or several numbers.
        :param termination: which plane is the lowest; left out, one that gives a symmetric and stoichiometric slab.
        :param relax: also relax the slabs, atoms only, with the overrides of ``base`` and those of ``relax`` over them.
        :param properties_code: of ``properties``: also compute the potential, and from it the work function.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong, and a surface that cannot be cut so.
        :raises ImportError: if ASE is not installed.
        """
        arguments.check_structure(structure)
        arguments.refuse_auto(options, 'slabs of it are larger')
        spin_type, moments = arguments.check_spin(spin_type, initial_magnetic_moments, structure)
        inputs = cls.get_protocol_inputs(protocol, overrides)
        electronic: dict[str, Any] = {'electronic_type': electronic_type, 'spin_type': spin_type, 'options': options}
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        builder.miller = orm.List([int(index) for index in miller])
        builder.layers = orm.List([layers] if isinstance(layers, int) else [int(number) for number in layers])
        if termination is not None:
            builder.termination = orm.Int(termination)
        if moments:
            builder.moments = orm.Dict(moments)
        for name in ('conventional', 'any_surface'):
            builder[name] = orm.to_aiida_type(inputs[name])
        builder.base = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(code, structure, protocol, inputs.get('base'), **electronic)
        )
        if relax or 'relax' in read_overrides(overrides):
            relaxation: Any = CrystalGeometryOptimizationWorkChain.get_builder_from_protocol(
                code,
                structure,
                protocol,
                {'base': merge(inputs.get('base') or {}, inputs.get('relax') or {})},
                relax_type=RelaxType.POSITIONS,
                **electronic,
            )
            builder.relax = relaxation.base
        if properties_code is not None:
            asked = merge(inputs['properties'], {'metadata': {'options': arguments.check_options(options)}})
            builder.properties.code = arguments.check_code(properties_code, arguments.PROPERTIES)
            builder.properties.metadata = merge(asked, read_overrides(overrides).get('properties', {}))['metadata']
        message = validate_inputs(builder._inputs(prune=True), None)
        if message is not None:
            raise ValueError(message)
        return builder  # type: ignore[no-any-return]
