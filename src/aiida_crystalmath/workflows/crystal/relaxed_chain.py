"""What the chains share that compute something of a relaxed structure: vibrations, phonons, elastic constants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext

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
from aiida_crystalmath.workflows.crystal.validation import check_base_inputs, check_edits, geometry_block
from aiida_crystalmath.workflows.protocols.merge import merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin, read_overrides
from aiida_crystalmath.workflows.types import RelaxType

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('RelaxedWorkChain', 'check_parts')


class RelaxedWorkChain(ProtocolMixin, CallingWorkChain):
    """Relax a structure if asked to, then run ``crystal`` on it with one task block in its input.

    A subclass names the namespace of that run in :attr:`part`; :meth:`run_part` and :meth:`inspect_part` run it.
    """

    part: str
    """Namespace of the inputs of the run, and the label of its call."""

    part_help: str
    """What the run is, for the help of the namespace."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define the ports that all have."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='Crystal, slab, polymer or molecule, in any cell.')
        spec.expose_inputs(
            CrystalGeometryOptimizationWorkChain,
            namespace='geopt',
            exclude=('structure', 'clean_workdir', 'base_final_scf', 'final_scf'),
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'help': 'The optimisation before. Left out, the structure is taken as it is.',
            },
        )
        spec.expose_inputs(
            CrystalBaseWorkChain, namespace=cls.part, exclude=BASE_EXCLUDES, namespace_options={'help': cls.part_help}
        )
        spec.output('output_structure', valid_type=orm.StructureData, required=False, help='The optimised structure.')
        spec.output('output_parameters', valid_type=orm.Dict, required=False, help=f'Of {cls.part_help.lower()}')
        spec.output('remote_folder', valid_type=orm.RemoteData, required=False, help='Of the same run.')
        define_recovery_reports(spec)
        spec.exit_code(
            421,
            'ERROR_SUB_PROCESS_FAILED_GEOPT',
            message='The optimisation <{pk}> failed with exit status {status}: {reason}',
        )
        spec.exit_code(
            427,
            f'ERROR_SUB_PROCESS_FAILED_{cls.part.upper()}',
            message=f'The run of `{cls.part}` <{{pk}}> failed with exit status {{status}}: {{reason}}',
        )

    def setup(self) -> None:
        """Initialise the context."""
        self.ctx.structure = self.inputs.structure
        self.ctx.geopt = self.ctx.run = None

    def should_run_geopt(self) -> bool:
        """Tell whether the structure is optimised first."""
        return 'geopt' in self.inputs

    def run_geopt(self) -> Any:
        """Optimise the structure; the run after it computes the energy anew."""
        inputs = AttributeDict(self.exposed_inputs(CrystalGeometryOptimizationWorkChain, namespace='geopt'))
        inputs.structure = self.inputs.structure
        inputs.final_scf = orm.Bool(False)
        return ToContext(geopt=self.launch(CrystalGeometryOptimizationWorkChain, inputs, 'geopt'))

    def inspect_geopt(self) -> ExitCode | None:
        """Take the optimised structure; on failure hand on how far it came."""
        failure = self.failure(self.ctx.geopt, self.exit_codes.ERROR_SUB_PROCESS_FAILED_GEOPT)
        if failure is not None:
            self.results()
            return failure
        self.ctx.structure = self.ctx.geopt.outputs.output_structure
        return None

    def run_part(self) -> Any:
        """Run ``crystal`` with the task block."""
        inputs = base_inputs(self.exposed_inputs(CrystalBaseWorkChain, namespace=self.part), self.ctx.structure)
        return ToContext(run=self.launch(CrystalBaseWorkChain, inputs, self.part))

    def inspect_part(self) -> ExitCode | None:
        """Check the run; on failure hand on what there is."""
        code = self.exit_codes[f'ERROR_SUB_PROCESS_FAILED_{self.part.upper()}']
        failure: ExitCode | None = self.failure(self.ctx.run, code)
        if failure is not None:
            self.results()
        return failure

    def results(self) -> None:
        """Attach the outputs that there are."""
        optimised, run = node_outputs(self.ctx.geopt), node_outputs(self.ctx.run)
        self.attach(
            output_structure=optimised.get('output_structure'),
            output_parameters=run.get('output_parameters'),
            remote_folder=run.get('remote_folder'),
        )
        self.attach_recovery_reports(**{'geopt': self.ctx.geopt, self.part: self.ctx.run})

    @classmethod
    def relaxed_builder(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None,
        overrides: Mapping[str, Any] | str | Path | None,
        changes: Mapping[str, Any],
        *,
        relax_type: RelaxType | str,
        **electronic: Any,
    ) -> Any:
        """Return a builder with structure, optimisation and run filled in.

        :param changes: parameters of the run that follow from the arguments; overrides have the last word.
        :param relax_type: ``NONE`` takes the structure as it is.
        :param electronic: arguments of CrystalBaseWorkChain's builder.
        """
        relax_type = arguments.check_relax_type(relax_type)
        inputs = cls.get_protocol_inputs(protocol, overrides)
        asked = merge(inputs.get(cls.part) or {}, {'crystal': {'parameters': changes}})
        asked = merge(asked, read_overrides(overrides).get(cls.part, {}))
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        if relax_type is not RelaxType.NONE:
            geopt: Any = CrystalGeometryOptimizationWorkChain.get_builder_from_protocol(
                code, structure, protocol, inputs.get('geopt'), relax_type=relax_type, **electronic
            )
            builder.geopt.base = geopt.base
        builder[cls.part] = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(code, structure, protocol, asked, **electronic)
        )
        return builder


def check_parts(inputs: Mapping[str, Any], part: str, keyword: str | None) -> str | None:
    """Return what is wrong with the inputs of a chain, ``None`` if nothing is.

    :param part: namespace of the run, :param keyword: the task its parameters must have below ``geometry``, if any.
    """
    if 'structure' not in inputs or part not in inputs:
        return None
    run = inputs[part]
    given = 'parameters' in (run.get('crystal') or {})
    if keyword and given and geometry_block(run).get(keyword) is None:
        return f'{part}.crystal.parameters: no `geometry.{keyword}`: nothing would be computed.'
    geopt = (inputs.get('geopt') or {}).get('base')
    for where, one in (('geopt.base.', geopt), (f'{part}.', run)):
        message = check_base_inputs(one, inputs['structure'], where) if one else None
        if message is not None:
            return message
    return check_edits(geopt, run, f'{part}.')
