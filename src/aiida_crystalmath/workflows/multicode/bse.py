"""Optical absorption with excitons: CRYSTAL (if asked for) → pw.x → p2y → GW (if asked for) → BSE → ypp (if needed).

Which energies the pairs have is said by ``energies``:

* ``quasiparticles``: GW is run first (``gw_parameters``), and its ndb.QP is what the BSE reads. It must have corrected
  every band that the BSE uses, at every k-point: Yambo fills gaps in it without a word;
* ``scissor``: ``scissor_ev`` is added to the conduction bands, as the user says;
* ``crystal_gap``: the scissor that lifts the gap of pw.x to that of CRYSTAL, mostly of a hybrid functional
  (``workflows.functions.many_body.scissor_from_crystal``). An estimate: the output ``scissor`` says so, from which
  functional and engine it is, and which gaps were compared;
* ``none``: the energies of DFT.

A BSE that could not read the energies that it was told to ends well in Yambo, with the spectrum of DFT; here it fails
(``calculations.yambo``). With ``write_wavefunctions``, the list of excitons is left to ypp and its
code is needed, unless ``list_excitons`` is false.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, if_

from aiida_crystalmath.calculations.ypp import YppCalculation
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.functions.many_body import scissor_from_crystal
from aiida_crystalmath.workflows.multicode.base import YamboBaseWorkChain, mpi_as_code
from aiida_crystalmath.workflows.multicode.gw import fill_builder, sizes_of
from aiida_crystalmath.workflows.multicode.many_body import (
    YAMBO_EXCLUDES,
    Codes,
    ManyBodyWorkChain,
    Overrides,
    filled_bands,
    validate_inputs,
)
from aiida_crystalmath.workflows.multicode.many_body_parameters import TRIAL_FILLED, bands_asked, parameters_message
from aiida_crystalmath.workflows.protocols.merge import META_INPUTS, merge
from aiida_crystalmath.workflows.types import RelaxType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('ENERGIES', 'YamboBSEWorkChain')

ENERGIES = ('quasiparticles', 'scissor', 'crystal_gap', 'none')
"""What the electron-hole pairs are built on."""


class YamboBSEWorkChain(ManyBodyWorkChain):
    """Absorption spectrum and excitons of an insulator, from its structure."""

    _protocol_file: ClassVar[str] = 'multicode/bse.yaml'
    OVERRIDABLE: ClassVar[tuple[str, ...]] = (*ManyBodyWorkChain.OVERRIDABLE, 'bse', 'bse_parameters', 'list_excitons')

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline and outputs."""
        super().define(spec)
        spec.input(
            'energies',
            valid_type=orm.Str,
            default=lambda: orm.Str(ENERGIES[0]),
            serializer=orm.to_aiida_type,
            validator=_energies_message,
            help=f'What the pairs are built on: {", ".join(f"`{name}`" for name in ENERGIES)}.',
        )
        spec.input(
            'scissor_ev',
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            help='With `energies` = `scissor`: what is added to the conduction bands.',
        )
        spec.input(
            'bse_parameters',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=_bse_message,
            help='What the BSE is to calculate (``workflows.multicode.many_body_parameters``).',
        )
        spec.input(
            'list_excitons',
            valid_type=orm.Bool,
            default=lambda: orm.Bool(True),
            serializer=orm.to_aiida_type,
            help='Whether ypp lists the excitons of a BSE that writes its wavefunctions.',
        )
        spec.expose_inputs(
            YamboBaseWorkChain,
            namespace='bse',
            exclude=YAMBO_EXCLUDES,
            namespace_options={'help': 'How the job of the BSE is run.'},
        )
        spec.expose_inputs(YppCalculation, namespace='ypp', exclude=('code', 'parent_folder', 'parameters'))
        spec.inputs.validator = validate_bse_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_crystal)(steps.run_crystal, steps.inspect_crystal),
            steps.prepare_cell,
            steps.run_scf,
            steps.run_nscf,
            steps.inspect_nscf,
            if_(steps.takes_crystal_gap)(steps.find_scissor),
            steps.run_p2y,
            steps.inspect_p2y,
            if_(steps.should_run_gw)(steps.run_gw, steps.inspect_gw),
            steps.run_bse,
            steps.inspect_bse,
            if_(steps.should_run_ypp)(steps.run_ypp, steps.inspect_ypp),
            steps.compare,
            steps.results,
        )
        spec.exit_code(404, 'ERROR_NO_SCISSOR_FROM_CRYSTAL', message='The gap of CRYSTAL gives no scissor: {reason}')
        optional = {'required': False}
        spec.output('output_parameters', valid_type=orm.Dict, **optional, help='Of the BSE.')
        spec.output('output_spectrum', valid_type=orm.ArrayData, **optional, help='With and without excitons.')
        spec.output('output_excitons', valid_type=orm.ArrayData, **optional, help='Of the BSE, or of ypp.')
        spec.output('remote_folder', valid_type=orm.RemoteData, **optional, help='Of the BSE.')
        spec.output('output_quasiparticles', valid_type=orm.ArrayData, **optional, help='Of GW, if it was run.')
        spec.output('qp_database', valid_type=orm.SinglefileData, **optional, help='Of GW, if it was run.')
        spec.output('gw_parameters', valid_type=orm.Dict, **optional, help='`output_parameters` of GW, if it was run.')
        spec.output('scissor', valid_type=orm.Dict, **optional, help='From the gap of CRYSTAL: value and label.')
        spec.output('comparison', valid_type=orm.Dict, **optional, help='Gaps with sources (``compare_gaps``).')

    # ------------------------------------------------------------------------------------------------ what is asked for

    def needed_codes(self) -> list[str]:
        """Return the names of the codes that this run needs."""
        return [*super().needed_codes(), *(['ypp'] if self.should_run_ypp() else [])]

    def asked(self) -> list[dict[str, Any]]:
        """Return the parameters of GW, if it is run, and of the BSE."""
        return [*(super().asked() if self.should_run_gw() else []), self.inputs.bse_parameters.get_dict()]

    def should_run_gw(self) -> bool:
        """Tell whether quasi-particles are needed."""
        return bool(self.inputs.energies.value == 'quasiparticles')

    def takes_crystal_gap(self) -> bool:
        """Tell whether the scissor is that of CRYSTAL's gap."""
        return bool(self.inputs.energies.value == 'crystal_gap')

    def should_run_ypp(self) -> bool:
        """Tell whether the excitons are left to ypp."""
        writes = self.inputs.bse_parameters.get_dict().get('write_wavefunctions', False)
        return bool(writes and self.inputs.list_excitons.value)

    # ------------------------------------------------------------------------------------------------ the steps

    def find_scissor(self) -> ExitCode | None:
        """Find the scissor that makes the gap of pw.x that of CRYSTAL."""
        if not self.ctx.has_crystal:
            return self.exit_code_of('ERROR_NO_SCISSOR_FROM_CRYSTAL', reason='nothing of CRYSTAL was given')
        found, node = scissor_from_crystal.run_get_node(
            self.ctx.handoff,
            self.ctx.dft,
            metadata={'call_link_label': 'scissor_from_crystal'},  # type: ignore[call-arg]
        )
        if not node.is_finished_ok:
            return self.exit_code_of('ERROR_NO_SCISSOR_FROM_CRYSTAL', reason=node.exit_message)
        self.ctx.scissor = found
        self.report(f'scissor: {self.ctx.scissor["label"]}')
        return None

    def scissor_ev(self) -> float | None:
        """Return the scissor; None without one."""
        if self.takes_crystal_gap():
            return float(self.ctx.scissor['scissor_ev'])
        return float(self.inputs.scissor_ev.value) if self.inputs.energies.value == 'scissor' else None

    def run_bse(self) -> Any:
        """Solve the Bethe-Salpeter equation."""
        asked, shift = self.inputs.bse_parameters.get_dict(), self.scissor_ev()
        if shift is not None:
            asked['scissor'] = {'shift_ev': shift}
        inputs = self.yambo_inputs('bse', asked)
        if self.should_run_gw():
            inputs.yambo.qp_database = self.ctx.gw.outputs.qp_database
        return self.launch_step(YamboBaseWorkChain, inputs, 'bse')

    def inspect_bse(self) -> ExitCode | None:
        """Check that there is a spectrum."""
        return self.failed('bse') or self._lacks('bse', 'output_spectrum')

    def run_ypp(self) -> Any:
        """List the excitons."""
        inputs = self.exposed_inputs(YppCalculation, namespace='ypp')
        inputs.code, inputs.parent_folder = self.inputs.codes.ypp, self.ctx.bse.outputs.remote_folder
        mpi_as_code(inputs)
        return self.launch_step(YppCalculation, inputs, 'ypp')

    def inspect_ypp(self) -> ExitCode | None:
        """Check that there are excitons."""
        return self.failed('ypp') or self._lacks('ypp', 'output_excitons')

    def excitons(self) -> orm.ArrayData | None:
        """Return the list of excitons, of ypp or of the BSE itself; a Haydock solver makes none."""
        source = self.ctx.ypp if 'ypp' in self.ctx else self.ctx.bse
        return node_outputs(source).get('output_excitons')

    def more_to_compare(self) -> dict[str, Any]:
        """Return excitons, and what they were built on."""
        built_on = {'quasiparticles': 'quasiparticles', 'none': 'dft'}.get(self.inputs.energies.value, 'scissor')
        settings: dict[str, Any] = {'built_on': built_on}
        if (shift := self.scissor_ev()) is not None:
            settings['scissor_ev'] = shift
        return {'excitons': self.excitons(), 'settings': orm.Dict(settings)}

    def results(self) -> None:
        """Attach everything."""
        bse = node_outputs(self.ctx.bse)
        gw = node_outputs(self.ctx.gw) if 'gw' in self.ctx else {}
        self.attach(
            **{name: bse.get(name) for name in ('output_parameters', 'output_spectrum', 'remote_folder')},
            **{name: gw.get(name) for name in ('output_quasiparticles', 'qp_database')},
            gw_parameters=gw.get('output_parameters'),
            output_excitons=self.excitons(),
            scissor=self.ctx.get('scissor'),
            comparison=self.ctx.comparison,
        )
        self.attach_common()

    @classmethod
    def get_builder_from_protocol(
        cls,
        codes: Codes,
        structure: orm.StructureData | None = None,
        protocol: str | None = None,
        overrides: Overrides = None,
        *,
        energies: str = ENERGIES[0],
        scissor_ev: float | None = None,
        crystal_chain: orm.ProcessNode | None = None,
        relax_type: RelaxType | str = RelaxType.NONE,
        pseudos: Mapping[str, Any] | None = None,
        pseudo_family: str | None = None,
        cutoff_ry: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param energies: what the pairs are built on: ``quasiparticles``, ``scissor``, ``crystal_gap`` or ``none``.
        :param scissor_ev: with ``scissor``.

        The other arguments are those of :meth:`YamboGWWorkChain.get_builder_from_protocol`; of codes, there may be
        ``ypp`` too.

        :raises ValueError: for any argument that is wrong.
        """
        builder = fill_builder(
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
        inputs = cls.get_protocol_inputs(protocol, overrides)
        meta = inputs[META_INPUTS]
        pw = builder.scf['pw']
        given_cutoff = float(pw['parameters'].get_dict()['SYSTEM']['ecutwfc'])
        sizes = sizes_of(meta, filled_bands(builder.structure, pw['pseudos']), given_cutoff)
        asked = merge(
            {
                'kind': 'bse',
                'exchange_cutoff_ry': sizes['exchange_cutoff_ry'],
                'screened_cutoff_ry': sizes['response_block_ry'],
                'screening_bands': sizes['screening_bands'],
                'response_block_ry': sizes['response_block_ry'],
            },
            inputs.get('bse_parameters') or {},
        )
        if 'bands' not in asked:
            asked = {'valence_bands': meta['valence_bands'], 'conduction_bands': meta['conduction_bands'], **asked}
        builder.bse_parameters = orm.Dict(asked)
        builder.energies = orm.Str(energies)
        if 'list_excitons' in inputs:
            builder.list_excitons = orm.Bool(inputs['list_excitons'])
        if energies != ENERGIES[0]:
            del builder.gw_parameters
        if scissor_ev is not None:
            builder.scissor_ev = orm.Float(scissor_ev)
        given = merge({'yambo': {'metadata': {'options': options}}} if options else {}, inputs.get('bse') or {})
        for key, value in given.items():
            builder.bse[key] = value
        if options:
            builder.ypp['metadata'] = {'options': dict(options)}
        return builder  # type: ignore[no-any-return]


def _energies_message(node: orm.Str, _: Any) -> str | None:
    return None if node.value in ENERGIES else f'one of {", ".join(ENERGIES)}, not {node.value!r}'


def _bse_message(node: orm.Dict, _: Any) -> str | None:
    return parameters_message(node.get_dict(), ('bse',))


def validate_bse_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the inputs against each other."""
    return validate_inputs(inputs, ctx) or next(_problems(inputs), None)


def _problems(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the energies that the pairs are built on."""
    if 'bse_parameters' not in inputs:
        return
    energies = inputs['energies'].value if 'energies' in inputs else ENERGIES[0]
    if (energies == 'scissor') != ('scissor_ev' in inputs):
        yield '`scissor_ev` belongs to `energies` = `scissor`, and that needs it.'
    if energies == 'crystal_gap' and 'crystal' not in inputs and not inputs.get('crystal_results'):
        yield '`energies` = `crystal_gap` needs `crystal` or `crystal_results`.'
    if (energies == 'quasiparticles') != ('gw_parameters' in inputs):
        yield '`gw_parameters` belong to `energies` = `quasiparticles`, and that needs them.'
        return
    if energies != 'quasiparticles':
        return
    gw, bse = inputs['gw_parameters'].get_dict(), inputs['bse_parameters'].get_dict()
    if 'qp_kpoints' in gw:
        yield '`gw_parameters`: leave `qp_kpoints` out, as the BSE needs the corrections at every k-point.'
    relative = ['valence_bands' in content for content in (gw, bse)]
    if relative[0] != relative[1]:
        yield '`gw_parameters` and `bse_parameters` must both count bands from the gap, or both from the lowest.'
        return
    corrected, used = bands_asked(gw, TRIAL_FILLED), bands_asked(bse, TRIAL_FILLED)
    if used[0] < corrected[0] or used[1] > corrected[1]:
        yield (
            '`gw_parameters` must correct every band of the BSE: Yambo would take what is missing from somewhere else '
            'without a word.'
        )
