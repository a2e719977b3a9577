"""Elastic constants by ELASTCON, the moduli that follow from them, and mechanical stability."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import if_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.relaxed_chain import RelaxedWorkChain, check_parts
from aiida_crystalmath.workflows.functions.elasticity import summarise_elastic
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalElasticWorkChain',)


class CrystalElasticWorkChain(RelaxedWorkChain):
    """Relax a crystal or slab tightly, then compute its elastic constants.

    The atoms relax in every strained cell (the constants are those of slow deformation), unless the block says
    CLAMPION. An unstable crystal does not make the chain fail: ``output_elastic_properties`` says so.
    """

    part = 'elastic'
    part_help = 'The elastic constants; `geometry.elastcon` must be in its parameters.'
    _protocol_file: ClassVar[str] = 'crystal/elastic.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline and outputs."""
        super().define(spec)
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_geopt)(
                steps.run_geopt,
                steps.inspect_geopt,
            ),
            steps.run_part,
            steps.inspect_part,
            steps.analyse,
            steps.results,
        )
        spec.output(
            'output_elastic',
            valid_type=orm.ArrayData,
            required=False,
            help='Constants (GPa; N/m and hartree per cell of a slab) and compliances, in the axes that `frame` names.',
        )
        spec.output(
            'output_elastic_properties',
            valid_type=orm.Dict,
            required=False,
            help="Moduli after Voigt, Reuss and Hill, extremes of Young's modulus, stability, warnings.",
        )
        spec.exit_code(
            428,
            'ERROR_NO_ELASTIC_CONSTANTS',
            message='The run of `elastic` <{pk}> ended without elastic constants: see its output.',
        )

    def analyse(self) -> Any:
        """Derive moduli and stability."""
        outputs = node_outputs(self.ctx.run)
        if 'output_elastic' not in outputs:
            self.results()
            return self.exit_codes.ERROR_NO_ELASTIC_CONSTANTS.format(pk=self.ctx.run.pk)
        summary = summarise_elastic(outputs['output_elastic'], outputs['output_parameters'])
        self.out('output_elastic_properties', summary)
        for warning in summary['warnings']:
            self.report(f'warning: {warning}')
        return None

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        self.attach(output_elastic=node_outputs(self.ctx.run).get('output_elastic'))

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

        :param relax_type: of the optimisation before; ``NONE`` takes the structure as it is. Constants of a structure
            that is not relaxed by the same method are wrong.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong, and for a molecule.
        """
        if arguments.check_structure(structure) == 0:
            raise ValueError('a molecule has no elastic constants: give a crystal, slab or polymer.')
        builder: ProcessBuilder = cls.relaxed_builder(
            code,
            structure,
            protocol,
            overrides,
            {},
            relax_type=relax_type,
            electronic_type=electronic_type,
            spin_type=spin_type,
            initial_magnetic_moments=initial_magnetic_moments,
            options=options,
        )
        return builder


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the inputs against each other."""
    if 'structure' in inputs and not any(inputs['structure'].pbc):
        return '`structure` is a molecule, which has no elastic constants.'
    return check_parts(inputs, 'elastic', 'elastcon')
