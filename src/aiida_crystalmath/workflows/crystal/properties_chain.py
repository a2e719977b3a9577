"""What the chains of ``properties`` share: a wavefunction, then one run of ``properties``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext

from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.chain import CallingWorkChain, define_scf, node_outputs, without_structure
from aiida_crystalmath.workflows.protocols.merge import merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin, read_overrides

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('PropertiesWorkChain',)


class PropertiesWorkChain(ProtocolMixin, CallingWorkChain):
    """Compute a wavefunction if none is given, and run ``properties`` on it.

    A subclass puts what it asks of ``properties`` in ``ctx.properties_inputs``. The steps here leave ``ctx.folder``
    (the wavefunction), ``ctx.structure`` (of what it is) and ``ctx.properties`` (the finished calculation).
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define what all have."""
        super().define(spec)
        define_scf(spec)
        spec.output('output_parameters', valid_type=orm.Dict, required=False, help='Of the self-consistent field.')
        spec.output('remote_folder', valid_type=orm.RemoteData, required=False, help='Has the wavefunction.')
        spec.output('recovery_report', valid_type=orm.Dict, required=False, help='What was repaired on the way.')
        spec.exit_code(
            423,
            'ERROR_SUB_PROCESS_FAILED_SCF',
            message='The self-consistent field <{pk}> failed with exit status {status}: {reason}',
        )
        spec.exit_code(
            424,
            'ERROR_SUB_PROCESS_FAILED_PROPERTIES',
            message='The calculation of properties <{pk}> failed with exit status {status}: {reason}',
        )

    def setup(self) -> None:
        """Initialise the context."""
        self.ctx.scf = None
        self.ctx.properties = None
        self.ctx.properties_inputs = {}
        if not self.should_run_scf():
            self.ctx.folder = self.inputs.parent_folder
            self.ctx.structure = Parent.of(self.inputs.parent_folder).structure

    def should_run_scf(self) -> bool:
        """Tell whether a wavefunction must be computed."""
        return 'parent_folder' not in self.inputs

    def run_scf(self) -> Any:
        """Compute the wavefunction."""
        inputs = AttributeDict(self.exposed_inputs(CrystalBaseWorkChain, namespace='scf'))
        inputs.crystal.structure = self.inputs.structure
        inputs.metadata.call_link_label = 'scf'
        node = self.submit(CrystalBaseWorkChain, **inputs)
        self.report(f'launching the self-consistent field, {node.process_label}<{node.pk}>')
        return ToContext(scf=node)

    def inspect_scf(self) -> ExitCode | None:
        """Take the wavefunction; on failure hand on what there is."""
        failure = self.failure(self.ctx.scf, self.exit_codes.ERROR_SUB_PROCESS_FAILED_SCF)
        if failure is not None:
            self.results()
            return failure
        self.ctx.folder = self.ctx.scf.outputs.remote_folder
        self.ctx.structure = Parent.of(self.ctx.folder).structure
        return None

    def run_properties(self) -> Any:
        """Run ``properties`` on the wavefunction."""
        inputs = AttributeDict(self.exposed_inputs(Crystal23PropertiesCalculation, namespace='properties'))
        inputs.update(self.ctx.properties_inputs)
        inputs.parent_folder = self.ctx.folder
        inputs.metadata.call_link_label = 'properties'
        node = self.submit(Crystal23PropertiesCalculation, **inputs)
        self.report(f'launching {node.process_label}<{node.pk}>')
        return ToContext(properties=node)

    def inspect_properties(self) -> ExitCode | None:
        """Check the calculation of properties; on failure hand on what there is."""
        failure = self.failure(self.ctx.properties, self.exit_codes.ERROR_SUB_PROCESS_FAILED_PROPERTIES)
        if failure is not None:
            self.results()
        return failure

    def results(self) -> None:
        """Attach the outputs of the self-consistent field, if it ran here."""
        outputs = node_outputs(self.ctx.scf)
        self.attach(**{name: outputs.get(name) for name in ('output_parameters', 'remote_folder', 'recovery_report')})

    def fermi_energy_ev(self) -> float | None:
        """Return the Fermi energy of the wavefunction, the top of the valence bands of an insulator, in eV."""
        value = Parent.of(self.ctx.folder).results.get('fermi_energy_ev')
        return None if value is None else float(value)

    @classmethod
    def properties_builder(
        cls,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        properties_code: orm.AbstractCode | str,
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return a builder filled from a protocol but for the wavefunction and how to get it.

        :param properties_code: the code (or its label) of ``properties``.
        :param options: of the scheduler.
        :raises ValueError: for any argument that is wrong.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder: Any = cls.get_builder()
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        asked = merge(inputs['properties'], {'metadata': {'options': arguments.check_options(options)}})
        asked = merge(asked, read_overrides(overrides).get('properties', {}))
        builder.properties.code = arguments.check_code(properties_code, arguments.PROPERTIES)
        for name, value in asked.items():
            builder.properties[name] = orm.Dict(value) if name in ('parameters', 'settings') else value
        for name, value in inputs.items():
            if name not in ('clean_workdir', 'properties', 'scf'):
                builder[name] = value if isinstance(value, orm.Data) else orm.to_aiida_type(value)
        return builder

    @classmethod
    def _builder(
        cls,
        code: orm.AbstractCode | str | None,
        structure: orm.StructureData | None,
        protocol: str | None,
        overrides: Mapping[str, Any] | str | Path | None,
        *,
        properties_code: orm.AbstractCode | str,
        parent_folder: orm.RemoteData | None,
        options: Mapping[str, Any] | None,
        **electronic: Any,
    ) -> Any:
        """Return a builder filled from a protocol, with the wavefunction or how to get it."""
        builder: Any = cls.properties_builder(protocol, overrides, properties_code=properties_code, options=options)
        if parent_folder is not None:
            if code is not None or structure is not None:
                raise ValueError('with a parent_folder crystal is not run: code and structure must be None.')
            builder.parent_folder = parent_folder
            return builder
        if code is None or structure is None:
            raise ValueError('code and structure are needed, unless there is a parent_folder.')
        changes = cls.get_protocol_inputs(protocol, overrides).get('scf')
        builder.structure = structure
        builder.scf = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(
                code, structure, protocol, changes, options=options, **electronic
            )
        )
        return builder
