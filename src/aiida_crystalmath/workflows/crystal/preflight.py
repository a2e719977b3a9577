"""A dry run of seconds before an expensive calculation, to see whether the input is good and how large it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm

from aiida_crystalmath.crystal.inputs.tasks import TASKS
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
from aiida_crystalmath.workflows.crystal.validation import check_base_inputs
from aiida_crystalmath.workflows.functions.preflight import preflight_report
from aiida_crystalmath.workflows.protocols.merge import did_you_mean
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ExitCode, ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalPreflightWorkChain', 'dry_run_parameters')

TESTS: Mapping[str, str] = {'TESTPDIM': 'scf', 'TESTGEOM': 'geometry'}
"""Keywords that end a run before its SCF, and the block of the input each stands in (CRYSTAL23 User's Manual)."""


class CrystalPreflightWorkChain(ProtocolMixin, CallingWorkChain):
    """Let CRYSTAL read an input without computing anything: deck, basis sets, symmetry, sizes.

    With TESTPDIM all four blocks are read and the symmetry is analysed, with TESTGEOM the geometry only. A chain of its
    own, not an option of the base chain: a dry run has other outputs, nothing to recover, and can stand before any
    chain, whatever that does after it. Task blocks and restarts are left out.
    """

    _protocol_file: ClassVar[str] = 'crystal/preflight.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='As for the calculation.')
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base',
            exclude=BASE_EXCLUDES,
            namespace_options={'help': 'Inputs of the calculation that is to be tried.'},
        )
        spec.input(
            'test',
            valid_type=orm.Str,
            default=lambda: orm.Str('TESTPDIM'),
            serializer=orm.to_aiida_type,
            validator=validate_test,
            help='`TESTPDIM` (all of the input) or `TESTGEOM` (the geometry).',
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(steps.run_test, steps.inspect_test)
        spec.output(
            'output_preflight',
            valid_type=orm.Dict,
            required=False,
            help='Sizes: basis functions, electrons, k-points, symmetry operators; and the warnings.',
        )
        define_recovery_reports(spec)
        spec.exit_code(
            420,
            'ERROR_SUB_PROCESS_FAILED_TEST',
            message='The dry run <{pk}> failed with exit status {status}: {reason}',
        )
        spec.exit_code(
            421, 'ERROR_NOT_A_DRY_RUN', message='The run <{pk}> computed an SCF: the program passed over {test}.'
        )

    def run_test(self) -> Any:
        """Run the input with the keyword."""
        inputs = self.exposed_inputs(CrystalBaseWorkChain, 'base')
        test = self.inputs.test.value
        dry = base_inputs(inputs, self.inputs.structure)
        dry.crystal.parameters = orm.Dict(dry_run_parameters(inputs.crystal.parameters.get_dict(), test))
        return self.launch_many(CrystalBaseWorkChain, {'test': dry})

    def inspect_test(self) -> ExitCode | None:
        """Hand on the diagnosis of what failed, or the sizes."""
        self.attach_recovery_reports()
        failed = self.check_launched(self.exit_codes.ERROR_SUB_PROCESS_FAILED_TEST)
        if failed is not None:
            return failed
        node = self.launched()['test']
        parameters = node_outputs(node)['output_parameters']
        if (parameters.get_dict().get('scf') or {}).get('energies_hartree'):
            code: ExitCode = self.exit_codes.ERROR_NOT_A_DRY_RUN.format(pk=node.pk, test=self.inputs.test.value)
            return code
        self.out('output_preflight', preflight_report(parameters))
        return None

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
        """Return a builder filled from a protocol: a dry run of what CrystalBaseWorkChain would compute with it.

        The arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        arguments.check_structure(structure)
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        builder.test = orm.Str(inputs['test'])
        builder.base = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(
                code,
                structure,
                protocol,
                inputs['base'],
                electronic_type=electronic_type,
                spin_type=spin_type,
                initial_magnetic_moments=initial_magnetic_moments,
                options=options,
            )
        )
        return builder


def dry_run_parameters(parameters: Mapping[str, Any], test: str) -> dict[str, Any]:
    """Return the parameters of a dry run: with the keyword, without tasks and without a wavefunction to start from.

    What CRYSTAL does with a task and TESTPDIM together is not documented.
    """
    geometry = {key: value for key, value in (parameters.get('geometry') or {}).items() if key not in TASKS}
    scf = {key: value for key, value in (parameters.get('scf') or {}).items() if key != 'guessp'}
    blocks = {'geometry': geometry, 'scf': scf}
    blocks[TESTS[test]][test.lower()] = True
    others = {name: block for name, block in parameters.items() if name not in blocks}
    return {**others, **{name: block for name, block in blocks.items() if block}}


def validate_test(value: orm.Str | None, _: Any) -> str | None:
    """Validate the keyword."""
    if value is not None and value.value not in TESTS:
        return f'unknown dry run "{value.value}": {did_you_mean(value.value, list(TESTS))}'
    return None


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the inputs against each other."""
    if 'structure' not in inputs or 'base' not in inputs:
        return None
    return check_base_inputs(inputs['base'], inputs['structure'], 'base.')
