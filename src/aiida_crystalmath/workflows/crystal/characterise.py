"""From a structure to its relaxed geometry, band structure and density of states."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext, if_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.bands import CrystalBandStructureWorkChain
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.chain import (
    BASE_EXCLUDES,
    CallingWorkChain,
    define_recovery_reports,
    node_outputs,
    without_structure,
)
from aiida_crystalmath.workflows.crystal.dos import CrystalDosWorkChain
from aiida_crystalmath.workflows.crystal.geopt import CrystalGeometryOptimizationWorkChain
from aiida_crystalmath.workflows.crystal.validation import check_base_inputs, check_edits
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalCharacteriseWorkChain',)

SET_HERE = ('clean_workdir', 'structure', 'parent_folder', 'scf')
"""Inputs of the chains of properties that this chain sets itself."""


class CrystalCharacteriseWorkChain(ProtocolMixin, CallingWorkChain):
    """Optimise a structure, compute its wavefunction anew, and from it bands and density of states side by side."""

    PLACES: ClassVar[int] = 5  # bands and density of states side by side
    _protocol_file: ClassVar[str] = 'crystal/characterise.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='Crystal, slab, polymer or molecule, in any cell.')
        optional = {'required': False, 'populate_defaults': False}
        spec.expose_inputs(
            CrystalGeometryOptimizationWorkChain,
            namespace='geopt',
            exclude=('structure', 'clean_workdir', 'base_final_scf', 'final_scf'),
            namespace_options={**optional, 'help': 'The optimisation. Left out, the structure is taken as it is.'},
        )
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='scf',
            exclude=BASE_EXCLUDES,
            namespace_options={'help': 'The self-consistent field whose wavefunction gives bands and densities.'},
        )
        spec.expose_inputs(
            CrystalBandStructureWorkChain,
            namespace='bands',
            exclude=SET_HERE,
            namespace_options={**optional, 'help': 'The band structure; left out for a molecule.'},
        )
        spec.expose_inputs(
            CrystalDosWorkChain,
            namespace='dos',
            exclude=SET_HERE,
            namespace_options={**optional, 'help': 'The density of states; left out for a molecule.'},
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_geopt)(
                steps.run_geopt,
                steps.inspect_geopt,
            ),
            steps.run_scf,
            steps.inspect_scf,
            if_(steps.should_run_properties)(
                steps.run_properties,
                steps.inspect_properties,
            ),
            steps.results,
        )
        cls._define_outputs(spec)

    @classmethod
    def _define_outputs(cls, spec: WorkChainSpec) -> None:
        """Define outputs and exit codes."""
        spec.output('output_structure', valid_type=orm.StructureData, required=False, help='The optimised structure.')
        spec.output('output_trajectory', valid_type=orm.TrajectoryData, required=False, help='Of the optimisation.')
        spec.output('output_parameters', valid_type=orm.Dict, help='Of the self-consistent field.')
        spec.output('remote_folder', valid_type=orm.RemoteData, required=False, help='Has the wavefunction.')
        spec.output('output_bands', valid_type=orm.BandsData, required=False)
        spec.output('band_parameters', valid_type=orm.Dict, required=False)
        spec.output('output_dos', valid_type=orm.XyData, required=False)
        spec.output('output_dos_projected', valid_type=(orm.XyData, orm.ArrayData), required=False)
        spec.output('dos_parameters', valid_type=orm.Dict, required=False)
        define_recovery_reports(spec)
        for status, label, part in (
            (421, 'GEOPT', 'optimisation'),
            (423, 'SCF', 'self-consistent field'),
            (425, 'BANDS', 'band structure'),
            (426, 'DOS', 'density of states'),
        ):
            message = f'The {part} <{{pk}}> failed with exit status {{status}}: {{reason}}'
            spec.exit_code(status, f'ERROR_SUB_PROCESS_FAILED_{label}', message=message)

    def setup(self) -> None:
        """Initialise the context."""
        self.ctx.structure = self.inputs.structure
        self.ctx.geopt = self.ctx.scf = self.ctx.bands = self.ctx.dos = None

    def should_run_geopt(self) -> bool:
        """Tell whether the structure is optimised first."""
        return 'geopt' in self.inputs

    def run_geopt(self) -> Any:
        """Optimise the structure; its energy is computed anew by this chain, not by that one."""
        inputs = AttributeDict(self.exposed_inputs(CrystalGeometryOptimizationWorkChain, namespace='geopt'))
        inputs.structure = self.inputs.structure
        inputs.final_scf = orm.Bool(False)
        return ToContext(geopt=self.launch(CrystalGeometryOptimizationWorkChain, inputs, 'geopt'))

    def inspect_geopt(self) -> ExitCode | None:
        """Take the optimised structure; on failure hand on how far it came."""
        failure = self.failure(self.ctx.geopt, self.exit_codes.ERROR_SUB_PROCESS_FAILED_GEOPT)
        if failure is not None:
            self.attach(output_parameters=node_outputs(self.ctx.geopt).get('output_parameters'))
            self.results()
            return failure
        self.ctx.structure = self.ctx.geopt.outputs.output_structure
        return None

    def run_scf(self) -> Any:
        """Compute the wavefunction."""
        inputs = AttributeDict(self.exposed_inputs(CrystalBaseWorkChain, namespace='scf'))
        inputs.crystal.structure = self.ctx.structure
        return ToContext(scf=self.launch(CrystalBaseWorkChain, inputs, 'scf'))

    def inspect_scf(self) -> ExitCode | None:
        """Check the wavefunction; on failure hand on what there is."""
        failure = self.failure(self.ctx.scf, self.exit_codes.ERROR_SUB_PROCESS_FAILED_SCF)
        if failure is not None:
            self.results()
        return failure

    def should_run_properties(self) -> bool:
        """Tell whether anything is computed from the wavefunction."""
        return 'bands' in self.inputs or 'dos' in self.inputs

    def run_properties(self) -> Any:
        """Compute bands and density of states side by side from the same wavefunction."""
        launched = {}
        for name, chain in (('bands', CrystalBandStructureWorkChain), ('dos', CrystalDosWorkChain)):
            if name in self.inputs:
                inputs = AttributeDict(self.exposed_inputs(chain, namespace=name))
                inputs.parent_folder = self.ctx.scf.outputs.remote_folder
                launched[name] = self.launch(chain, inputs, name)
        return ToContext(**launched)

    def inspect_properties(self) -> ExitCode | None:
        """Check both; where one failed the other is still handed on."""
        for node, exit_code in (
            (self.ctx.bands, self.exit_codes.ERROR_SUB_PROCESS_FAILED_BANDS),
            (self.ctx.dos, self.exit_codes.ERROR_SUB_PROCESS_FAILED_DOS),
        ):
            failure = None if node is None else self.failure(node, exit_code)
            if failure is not None:
                self.results()
                return failure
        return None

    def results(self) -> None:
        """Attach the outputs that there are."""
        geopt, scf = node_outputs(self.ctx.geopt), node_outputs(self.ctx.scf)
        bands, dos = node_outputs(self.ctx.bands), node_outputs(self.ctx.dos)
        self.attach(
            output_structure=geopt.get('output_structure'),
            output_trajectory=geopt.get('output_trajectory'),
            output_parameters=scf.get('output_parameters'),
            remote_folder=scf.get('remote_folder'),
            output_bands=bands.get('output_bands'),
            band_parameters=bands.get('band_parameters'),
            output_dos=dos.get('output_dos'),
            output_dos_projected=dos.get('output_dos_projected'),
            dos_parameters=dos.get('dos_parameters'),
        )
        self.attach_recovery_reports(geopt=self.ctx.geopt, scf=self.ctx.scf)

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        properties_code: orm.AbstractCode | str | None = None,
        relax_type: RelaxType | str = RelaxType.POSITIONS_CELL,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        A molecule is optimised and its levels computed; it has no band structure and no density of states.

        :param properties_code: of ``properties``; not needed for a molecule.
        :param relax_type: ``NONE`` takes the structure as it is.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        is_molecule = arguments.check_structure(structure) == 0
        relax_type = arguments.check_relax_type(relax_type)
        inputs = cls.get_protocol_inputs(protocol, overrides)
        electronic: dict[str, Any] = {
            'electronic_type': electronic_type,
            'spin_type': spin_type,
            'initial_magnetic_moments': initial_magnetic_moments,
            'options': options,
        }
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        if relax_type is not RelaxType.NONE:
            geopt: Any = CrystalGeometryOptimizationWorkChain.get_builder_from_protocol(
                code, structure, protocol, inputs.get('geopt'), relax_type=relax_type, **electronic
            )
            builder.geopt.base = geopt.base
        builder.scf = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(code, structure, protocol, inputs.get('scf'), **electronic)
        )
        if is_molecule:
            return builder  # type: ignore[no-any-return]
        if properties_code is None:
            raise ValueError('properties_code is needed for bands and density of states.')
        builder.bands = cls._part(
            CrystalBandStructureWorkChain, protocol, inputs.get('bands'), properties_code, options
        )
        builder.dos = cls._part(CrystalDosWorkChain, protocol, inputs.get('dos'), properties_code, options)
        return builder  # type: ignore[no-any-return]

    @staticmethod
    def _part(
        chain: type[CrystalBandStructureWorkChain | CrystalDosWorkChain],
        protocol: str | None,
        overrides: Mapping[str, Any] | None,
        properties_code: orm.AbstractCode | str,
        options: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Return the inputs of a chain of properties, its wavefunction left to this chain."""
        builder = chain.properties_builder(protocol, overrides, properties_code=properties_code, options=options)
        inputs: dict[str, Any] = builder._inputs(prune=True)
        return {key: value for key, value in inputs.items() if key not in SET_HERE}


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other."""
    if 'structure' not in inputs:
        return None
    structure = inputs['structure']
    if not any(structure.pbc) and ('bands' in inputs or 'dos' in inputs):
        return '`structure` is a molecule: leave out `bands` and `dos`.'
    parts = {'scf.': inputs.get('scf'), 'geopt.base.': (inputs.get('geopt') or {}).get('base')}
    for where, part in parts.items():
        message = check_base_inputs(part, structure, where) if part else None
        if message is not None:
            return message
    return check_edits(parts['geopt.base.'], parts['scf.'], 'scf.')
