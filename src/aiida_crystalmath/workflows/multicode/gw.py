"""Quasi-particle energies: CRYSTAL (if asked for) → pw.x → p2y → G0W0 of Yambo, and all gaps side by side.

The steps and what is refused are those of :mod:`~aiida_crystalmath.workflows.multicode.many_body`. After the set-up,
GW is run on the bands around the gap (``valence_bands``, ``conduction_bands``) at every irreducible k-point, unless
``gw_parameters`` say otherwise. The last step compares the gaps of CRYSTAL (if there is one), of DFT and of the
quasi-particles, each with its k-points and the node that it is from, and warns where band edges lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import if_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.geopt import CrystalGeometryOptimizationWorkChain
from aiida_crystalmath.workflows.multicode.base import YamboBaseWorkChain
from aiida_crystalmath.workflows.multicode.many_body import (
    Codes,
    ManyBodyWorkChain,
    Overrides,
    crystal_results_of,
    family_of,
    filled_bands,
    load_codes,
    pw_builders,
)
from aiida_crystalmath.workflows.protocols.merge import META_INPUTS, merge
from aiida_crystalmath.workflows.types import RelaxType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('YamboGWWorkChain', 'fill_builder')


class YamboGWWorkChain(ManyBodyWorkChain):
    """Quasi-particle energies of an insulator, from its structure."""

    _protocol_file: ClassVar[str] = 'multicode/gw.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline and outputs."""
        super().define(spec)
        spec.inputs['gw_parameters'].required = True
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_crystal)(steps.run_crystal, steps.inspect_crystal),
            steps.prepare_cell,
            steps.run_scf,
            steps.run_nscf,
            steps.inspect_nscf,
            steps.run_p2y,
            steps.inspect_p2y,
            steps.run_gw,
            steps.inspect_gw,
            steps.compare,
            steps.results,
        )
        spec.expose_outputs(YamboBaseWorkChain, exclude=('retrieved', 'output_spectrum', 'output_excitons'))
        for name in ('output_parameters', 'remote_folder'):
            spec.outputs[name].required = False
        spec.output('comparison', valid_type=orm.Dict, required=False, help='Gaps with sources (``compare_gaps``).')

    def results(self) -> None:
        """Attach everything."""
        outputs = node_outputs(self.ctx.gw)
        names = ('output_parameters', 'output_bands', 'output_quasiparticles', 'qp_database', 'remote_folder')
        self.attach(**{name: outputs.get(name) for name in (*names, 'recovery_report')})
        self.attach(comparison=self.ctx.comparison)
        self.attach_common()

    @classmethod
    def get_builder_from_protocol(
        cls,
        codes: Codes,
        structure: orm.StructureData | None = None,
        protocol: str | None = None,
        overrides: Overrides = None,
        *,
        crystal_chain: orm.ProcessNode | None = None,
        relax_type: RelaxType | str = RelaxType.NONE,
        pseudos: Mapping[str, Any] | None = None,
        pseudo_family: str | None = None,
        cutoff_ry: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param codes: by name: ``pw``, ``p2y``, ``yambo``, and ``crystal`` if it optimises the structure.
        :param structure: in any cell; not needed with ``crystal_chain``.
        :param crystal_chain: a finished run of CRYSTAL, to begin with its structure and compare with its gap.
        :param relax_type: with anything but ``NONE``, CRYSTAL optimises the structure first.
        :param pseudos: norm-conserving potentials by kind; by default those of the family.
        :param pseudo_family: label of an installed family; by default that of the protocol.
        :param cutoff_ry: of the wavefunctions; by default what the family recommends.
        :param options: of the scheduler, for all jobs.
        :raises ValueError: for any argument that is wrong.
        """
        builder: ProcessBuilder = fill_builder(
            cls,
            codes,
            structure,
            protocol,
            overrides,
            crystal_chain=crystal_chain,
            relax_type=relax_type,
            pseudos=pseudos,
            pseudo_family=pseudo_family,
            cutoff_ry=cutoff_ry,
            options=options,
        )
        return builder


def fill_builder(
    cls: type[ManyBodyWorkChain],
    codes: Codes,
    structure: orm.StructureData | None,
    protocol: str | None,
    overrides: Overrides,
    *,
    crystal_chain: orm.ProcessNode | None,
    relax_type: RelaxType | str,
    pseudos: Mapping[str, Any] | None,
    pseudo_family: str | None,
    cutoff_ry: float | None,
    options: Mapping[str, Any] | None,
) -> Any:
    """Return a builder with all that the chains of GW, BSE and convergence share.

    :raises ValueError: for any argument that is wrong.
    """
    inputs = cls.get_protocol_inputs(protocol, overrides)
    meta = inputs[META_INPUTS]
    stray = [key for key in inputs if key not in cls.OVERRIDABLE]
    if stray:
        raise ValueError(
            f'overrides: "{stray[0]}" is not taken from there: it is an argument, or set on the builder; those are '
            f'{", ".join(cls.OVERRIDABLE)}.'
        )
    name = protocol or cls.get_default_protocol()
    relax_type = arguments.check_relax_type(relax_type)
    options = arguments.check_options(options)
    builder: Any = cls.get_builder()
    if crystal_chain is not None:
        if relax_type is not RelaxType.NONE:
            raise ValueError('either `crystal_chain` or `relax_type`: the structure of a finished run is taken as is.')
        found, builder.crystal_results = crystal_results_of(crystal_chain)
        structure = structure or found
    if structure is None:
        raise ValueError('give `structure` or `crystal_chain`.')
    if arguments.check_structure(structure) != 3:
        raise ValueError('plane waves need a structure that repeats in three directions.')
    if pseudos is None:
        pseudos, recommended = family_of(pseudo_family or meta['pseudo_family'], structure)
        cutoff_ry = cutoff_ry or recommended
    cutoff_ry = cutoff_ry or meta['cutoff_ry']
    if cutoff_ry is None:
        raise ValueError('no cutoff: give `cutoff_ry` (of the wavefunctions), as pseudopotentials alone tell none.')
    builder.structure = structure
    builder.codes = load_codes(codes)
    builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
    for part, content in pw_builders(
        builder.codes.get('pw'), structure, name, pseudos, cutoff_ry, inputs, options
    ).items():
        builder[part] = content
    builder.kpoints_distance = orm.Float(inputs['kpoints_distance'])
    if relax_type is not RelaxType.NONE:
        if 'crystal' not in builder.codes:
            raise ValueError('`relax_type` needs a code of CRYSTAL: give it as `codes["crystal"]`.')
        made: Any = CrystalGeometryOptimizationWorkChain.get_builder_from_protocol(
            builder.codes['crystal'], structure, name, inputs.get('crystal'), relax_type=relax_type, options=options
        )
        made.base.crystal.pop('code', None)
        builder.crystal.base = made.base
    sizes = sizes_of(meta, filled_bands(structure, pseudos), float(cutoff_ry))
    asked = merge(
        {
            'kind': 'g0w0_ppa',
            'exchange_cutoff_ry': sizes['exchange_cutoff_ry'],
            'screening_bands': sizes['screening_bands'],
            'response_block_ry': sizes['response_block_ry'],
        },
        inputs.get('gw_parameters') or {},
    )
    if 'qp_bands' not in asked:
        asked = {'valence_bands': meta['valence_bands'], 'conduction_bands': meta['conduction_bands'], **asked}
    builder.gw_parameters = orm.Dict(asked)
    for part in ('gw', 'p2y'):
        given = merge({'metadata': {'options': options}} if part == 'p2y' else {}, inputs.get(part) or {})
        if part == 'gw' and options:
            given = merge({'yambo': {'metadata': {'options': options}}}, given)
        for key, value in given.items():
            builder[part][key] = value
    return builder


def sizes_of(meta: Mapping[str, Any], n_filled: int, cutoff_ry: float) -> dict[str, Any]:
    """Return the sizes that a protocol means, for so many filled bands and such a cutoff; cutoffs in whole Ry."""
    return {
        'screening_bands': max(n_filled + 4, round(meta['bands_per_filled'] * n_filled)),
        'response_block_ry': max(1, round(meta['response_block_share'] * cutoff_ry)),
        'exchange_cutoff_ry': max(1, round(meta['exchange_share'] * cutoff_ry)),
    }
