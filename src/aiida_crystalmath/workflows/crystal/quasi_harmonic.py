"""Thermal expansion and bulk modulus against temperature, by CRYSTAL's quasi-harmonic approximation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext, if_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.chain import (
    BASE_EXCLUDES,
    CallingWorkChain,
    base_inputs,
    define_recovery_reports,
    node_outputs,
    without_structure,
)
from aiida_crystalmath.workflows.crystal.geopt import CrystalGeometryOptimizationWorkChain
from aiida_crystalmath.workflows.crystal.phonon_input import locked_supercell, supercell_mesh
from aiida_crystalmath.workflows.crystal.relaxed_chain import check_parts
from aiida_crystalmath.workflows.functions.phonons import full_supercell
from aiida_crystalmath.workflows.functions.quasi_harmonic import quasi_harmonic_properties
from aiida_crystalmath.workflows.protocols.merge import merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin, read_overrides
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalQuasiHarmonicWorkChain',)


class CrystalQuasiHarmonicWorkChain(ProtocolMixin, CallingWorkChain):
    """Optimise a crystal, and let CRYSTAL compute its vibrations at several volumes: QHA.

    CRYSTAL relaxes every volume, computes the frequencies of the supercell of SCELPHONO there, and minimises the
    Helmholtz free energy at each temperature.
    """

    _protocol_file: ClassVar[str] = 'crystal/quasi_harmonic.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='A crystal, in any cell.')
        spec.expose_inputs(
            CrystalGeometryOptimizationWorkChain,
            namespace='geopt',
            exclude=('structure', 'clean_workdir', 'base_final_scf', 'final_scf'),
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'help': 'The optimisation before. Left out, the structure is taken as it is: it must be a minimum.',
            },
        )
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base',
            exclude=BASE_EXCLUDES,
            namespace_options={'help': 'Inputs of the run; `geometry.qha` must be in the parameters.'},
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_geopt)(
                steps.run_geopt,
                steps.inspect_geopt,
            ),
            steps.run_quasi_harmonic,
            steps.inspect_quasi_harmonic,
            steps.results,
        )
        spec.output(
            'output_parameters', valid_type=orm.Dict, help='At rest and at room temperature, per primitive cell.'
        )
        spec.output(
            'output_thermal_properties',
            valid_type=orm.XyData,
            help='Volume of the primitive cell, bulk moduli and volumetric expansion against temperature, no pressure.',
        )
        spec.output('output_quasi_harmonic', valid_type=orm.ArrayData, help='All tables, as CRYSTAL prints them.')
        spec.output('output_eos', valid_type=orm.ArrayData, required=False, help='The static equation of state.')
        spec.output('output_structure', valid_type=orm.StructureData, required=False, help='After the optimisation.')
        define_recovery_reports(spec)
        message = 'The optimisation <{pk}> failed with exit status {status}: {reason}'
        spec.exit_code(421, 'ERROR_SUB_PROCESS_FAILED_GEOPT', message=message)
        message = 'The quasi-harmonic run <{pk}> failed with exit status {status}: {reason}'
        spec.exit_code(422, 'ERROR_SUB_PROCESS_FAILED_QHA', message=message)
        spec.exit_code(431, 'ERROR_NO_TABLES', message='CRYSTAL <{pk}> printed no complete tables of the free energy.')

    def setup(self) -> None:
        """Initialise the context."""
        self.ctx.geopt = self.ctx.run = None
        self.ctx.structure = self.inputs.structure

    def should_run_geopt(self) -> bool:
        """Tell whether the structure is optimised first."""
        return 'geopt' in self.inputs

    def run_geopt(self) -> Any:
        """Optimise the structure."""
        inputs = AttributeDict(self.exposed_inputs(CrystalGeometryOptimizationWorkChain, namespace='geopt'))
        inputs.structure = self.inputs.structure
        inputs.final_scf = orm.Bool(False)
        return ToContext(geopt=self.launch(CrystalGeometryOptimizationWorkChain, inputs, 'geopt'))

    def inspect_geopt(self) -> ExitCode | None:
        """Take the optimised structure; on failure hand on how far it came."""
        self.attach_recovery_reports(geopt=self.ctx.geopt)
        self.attach(output_structure=node_outputs(self.ctx.geopt).get('output_structure'))
        failure = self.failure(self.ctx.geopt, self.exit_codes.ERROR_SUB_PROCESS_FAILED_GEOPT)
        if failure is None:
            self.ctx.structure = self.ctx.geopt.outputs.output_structure
        return failure

    def run_quasi_harmonic(self) -> Any:
        """Run all volumes, in one run of CRYSTAL."""
        exposed = self.exposed_inputs(CrystalBaseWorkChain, namespace='base')
        matrix = exposed['crystal']['parameters'].get_dict()['geometry'].get('scelphono')
        changes = supercell_mesh(exposed, self.ctx.structure, matrix) if matrix else None
        inputs = base_inputs(exposed, self.ctx.structure, changes or None)
        return ToContext(run=self.launch(CrystalBaseWorkChain, inputs, 'quasi_harmonic'))

    def inspect_quasi_harmonic(self) -> ExitCode | None:
        """Check the run; on failure hand on what there is."""
        self.attach_recovery_reports(quasi_harmonic=self.ctx.run)
        outputs = node_outputs(self.ctx.run)
        self.attach(**{name: outputs.get(name) for name in ('output_quasi_harmonic', 'output_eos')})
        failure = self.failure(self.ctx.run, self.exit_codes.ERROR_SUB_PROCESS_FAILED_QHA)
        if failure is not None:
            return failure
        tables = outputs.get('output_quasi_harmonic')
        if tables is None or not tables.base.attributes.get('helmholtz_orders', None):
            return formatted(self.exit_codes.ERROR_NO_TABLES, pk=self.ctx.run.pk)
        return None

    def results(self) -> None:
        """Sum the tables up."""
        outputs = node_outputs(self.ctx.run)
        summed: Any = quasi_harmonic_properties(
            self.ctx.structure, outputs['output_parameters'], outputs['output_quasi_harmonic']
        )
        self.attach(**summed)
        n_imaginary = summed['output_parameters']['n_imaginary']
        if n_imaginary:
            self.report(f'{n_imaginary} modes are imaginary at some volume: the free energies mean little')

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        supercell: Sequence[int] | Sequence[Sequence[int]] | None = None,
        temperatures: tuple[int, float, float] | None = None,
        optimise: bool = True,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | str | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param structure: a crystal.
        :param supercell: multiples of the primitive vectors, or the matrix (SCELPHONO): it decides at which points
            vibrations are taken. By default at Gamma only, which is too little for small cells.
        :param temperatures: number of temperatures, first and last (K).
        :param optimise: optimise the structure first.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        if arguments.check_structure(structure) != 3:
            raise ValueError('the quasi-harmonic approximation varies volumes: the structure must be a crystal.')
        arguments.refuse_auto(options, 'a run over many volumes takes longer')
        inputs = cls.get_protocol_inputs(protocol, overrides)
        geometry: dict[str, Any] = {}
        if supercell is not None:
            geometry['scelphono'] = full_supercell(supercell, structure.pbc)
        if temperatures is not None:
            geometry['qha'] = {'temperat': list(temperatures)}
        asked = merge(inputs['base'], {'crystal': {'parameters': {'geometry': geometry}}})
        asked = merge(asked, read_overrides(overrides).get('base', {}))
        common: dict[str, Any] = {
            'electronic_type': electronic_type,
            'spin_type': spin_type,
            'initial_magnetic_moments': initial_magnetic_moments,
            'options': options,
        }
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        if optimise:
            geopt: Any = CrystalGeometryOptimizationWorkChain.get_builder_from_protocol(
                code, structure, protocol, inputs.get('geopt'), **common
            )
            builder.geopt.base = geopt.base
        builder.base = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(code, structure, protocol, asked, **common)
        )
        if supercell is not None and 'spinlock' not in (asked['crystal']['parameters'].get('scf') or {}):
            parameters = builder.base.crystal.parameters.get_dict()
            n_cells = round(abs(np.linalg.det(geometry['scelphono'])))
            builder.base.crystal.parameters = orm.Dict(merge(parameters, locked_supercell(parameters, n_cells)))
        return builder  # type: ignore[no-any-return]


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other."""
    if 'structure' in inputs and not all(inputs['structure'].pbc):
        return '`structure`: the quasi-harmonic approximation varies volumes: it must be a crystal.'
    return check_parts(inputs, 'base', 'qha')
