"""How many bands, which cutoffs and how dense a k-mesh the direct quasi-particle gap needs.

One SCF, NSCF and SAVE, with as many bands as the largest value asks for, serve all runs of GW but those of other
k-meshes, each of which is a whole :class:`~aiida_crystalmath.workflows.multicode.gw.YamboGWWorkChain`.

* Series: ``bands`` (of response and self-energy together), ``cutoff`` (exchange, Ry), ``block`` (of the response, Ry),
  ``kpoints`` (meshes in the primitive cell). One parameter after the other; the others stay as in ``gw_parameters``:
  raising bands and block together may show that they depend on each other, which the tables of one do not.
* A series **stops** as soon as three gaps in a row agree within ``threshold_ev``, and recommends the first of the
  three: two that agree often do by chance. If its values run out before, it is not converged, and the chain ends with
  exit code 441, with the tables.
* ``extrapolate`` adds the limit of a + b / x through the last three gaps to the tables, under ``extrapolated``, with
  the words that no program computed it. Nothing else uses it, and without it there is none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext, if_, while_

from aiida_crystalmath.workflows.crystal.chain import link_label, node_outputs
from aiida_crystalmath.workflows.crystal.validation import positive
from aiida_crystalmath.workflows.functions.many_body import agreeing, gw_convergence, runs_left
from aiida_crystalmath.workflows.multicode.base import YamboBaseWorkChain
from aiida_crystalmath.workflows.multicode.converters.common import mesh_node
from aiida_crystalmath.workflows.multicode.gw import YamboGWWorkChain, fill_builder
from aiida_crystalmath.workflows.multicode.many_body import Codes, ManyBodyWorkChain, Overrides, validate_inputs
from aiida_crystalmath.workflows.protocols.merge import META_INPUTS
from aiida_crystalmath.workflows.types import RelaxType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('SERIES', 'YamboConvergenceWorkChain')

SERIES: Mapping[str, tuple[str, ...]] = {
    'bands': ('screening_bands', 'self_energy_bands'),
    'cutoff': ('exchange_cutoff_ry',),
    'block': ('response_block_ry',),
    'kpoints': (),
}
"""What can be varied, in this order, and which parameters of GW it sets."""


class YamboConvergenceWorkChain(ManyBodyWorkChain):
    """Vary bands, cutoff, response block and k-mesh of GW until the direct gap stays."""

    _protocol_file: ClassVar[str] = 'multicode/convergence.yaml'
    OVERRIDABLE: ClassVar[tuple[str, ...]] = (*ManyBodyWorkChain.OVERRIDABLE, 'threshold_ev')

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline and outputs."""
        super().define(spec)
        spec.inputs['gw_parameters'].required = True
        spec.inputs['gw_parameters'].validator = _gw_message
        for name in SERIES:
            spec.input(
                f'series.{name}',
                valid_type=orm.List,
                required=False,
                serializer=orm.to_aiida_type,
                help='Meshes, n or [n1, n2, n3], rising.' if name == 'kpoints' else 'Values, rising.',
            )
        spec.input(
            'threshold_ev',
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            validator=positive,
            help='Three gaps in a row must agree within this.',
        )
        spec.input(
            'extrapolate',
            valid_type=orm.Bool,
            default=lambda: orm.Bool(False),
            serializer=orm.to_aiida_type,
            help='Whether tables have the limit of a fit too, labelled as such.',
        )
        spec.inputs.validator = validate_convergence_inputs
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
            while_(steps.should_run_next)(steps.run_next, steps.inspect_next),
            steps.results,
        )
        spec.exit_code(432, 'ERROR_NO_TABLE', message='The runs could not be put side by side: {reason}')
        spec.exit_code(441, 'ERROR_NOT_CONVERGED', message='Not within the threshold: {reason}')
        spec.output('output_parameters', valid_type=orm.Dict, required=False, help='Tables, and what is recommended.')

    def asked(self) -> list[dict[str, Any]]:
        """Return the parameters with the largest number of bands."""
        base = self.inputs.gw_parameters.get_dict()
        bands = self.inputs.series.get('bands')
        return [base, *([changed(base, 'bands', max(bands.get_list()))] if bands is not None else [])]

    def setup(self) -> ExitCode | None:
        """Initialise the context."""
        self.ctx.plan = [
            {'parameter': name, 'values': self.inputs.series[name].get_list(), 'labels': [], 'gaps': []}
            for name in SERIES
            if name in self.inputs.series
        ]
        self.ctx.current = None
        return super().setup()

    def should_run_next(self) -> bool:
        """Tell whether a series is neither converged nor at its end."""
        self.ctx.current = next((index for index, one in enumerate(self.ctx.plan) if self._goes_on(one)), None)
        return self.ctx.current is not None

    def _goes_on(self, one: Mapping[str, Any]) -> bool:
        return runs_left(one) and agreeing(one['gaps'], self.inputs.threshold_ev.value) is None

    def run_next(self) -> Any:
        """Run the next value of the series."""
        one = self.ctx.plan[self.ctx.current]
        parameter, value = one['parameter'], one['values'][len(one['labels'])]
        label = link_label(parameter, 'x'.join(str(item) for item in value) if isinstance(value, list) else value)
        process: Any
        if parameter == 'kpoints':
            process, inputs = YamboGWWorkChain, self._whole_chain(value)
        else:
            process = YamboBaseWorkChain
            inputs = self.yambo_inputs('gw', changed(self.inputs.gw_parameters.get_dict(), parameter, value))
        try:
            node = self.launch(process, inputs, label)
        except ValueError as exception:
            step = 'ERROR_SUB_PROCESS_FAILED_GW'
            return self.exit_code_of(step, pk='not submitted', status='none', reason=exception)
        plan = [dict(entry) for entry in self.ctx.plan]
        plan[self.ctx.current]['labels'] = [*one['labels'], label]
        self.ctx.plan = plan
        return ToContext(**{f'launched.{label}': node})

    def _whole_chain(self, mesh: Any) -> AttributeDict:
        """Return the inputs of a chain on another mesh, in the cell that there is."""
        inputs = AttributeDict()
        for name in ('codes', 'scf', 'nscf', 'p2y', 'gw', 'gw_parameters'):
            if name in self.inputs:
                inputs[name] = self.inputs[name]
        inputs.structure = self.ctx.cell
        inputs.kpoints = mesh_node(self.ctx.cell, mesh if isinstance(mesh, list) else [mesh] * 3)
        return inputs

    def inspect_next(self) -> ExitCode | None:
        """Take the gap."""
        one = self.ctx.plan[self.ctx.current]
        label = one['labels'][-1]
        node = self.ctx.launched[label]
        code = self.exit_codes['ERROR_SUB_PROCESS_FAILED_GW']
        if (failure := self.failure(node, code)) is not None:
            return failure
        told = node_outputs(node).get('output_parameters')
        gap = None if told is None else told.get('gap_direct_ev', None)
        if gap is None:
            return self.exit_code_of('ERROR_NO_TABLE', reason=f'{label} has no direct gap')
        plan = [dict(entry) for entry in self.ctx.plan]
        plan[self.ctx.current]['gaps'] = [*one['gaps'], float(gap)]
        self.ctx.plan = plan
        return None

    def results(self) -> ExitCode | None:
        """Make the tables; say what is not converged."""
        told = {
            'threshold_ev': self.inputs.threshold_ev.value,
            'extrapolate': self.inputs.extrapolate.value,
            'series': [{key: one[key] for key in ('parameter', 'values', 'labels')} for one in self.ctx.plan],
        }
        runs = {label: node.outputs.output_parameters for label, node in self.finished().items()}
        tabulate: Any = gw_convergence
        found, node = tabulate.run_get_node(
            orm.Dict(told),
            **runs,
            metadata={'call_link_label': 'gw_convergence'},
        )
        if not node.is_finished_ok:
            return self.exit_code_of('ERROR_NO_TABLE', reason=node.exit_message)
        tables: Any = found
        self.attach(output_parameters=tables)
        self.attach_common()
        open_ones = [one['parameter'] for one in tables['series'] if not one['is_converged']]
        if open_ones:
            return self.exit_code_of('ERROR_NOT_CONVERGED', reason=f'{", ".join(open_ones)}: add larger values')
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        codes: Codes,
        structure: orm.StructureData | None = None,
        protocol: str | None = None,
        overrides: Overrides = None,
        *,
        series: Mapping[str, Sequence[Any]] | None = None,
        threshold_ev: float | None = None,
        extrapolate: bool = False,
        crystal_chain: orm.ProcessNode | None = None,
        relax_type: RelaxType | str = RelaxType.NONE,
        pseudos: Mapping[str, Any] | None = None,
        pseudo_family: str | None = None,
        cutoff_ry: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param series: values by parameter (``bands``, ``cutoff``, ``block``, ``kpoints``); by default those of bands,
            block and cutoff, as multiples of what the protocol would take for GW.
        :param threshold_ev: within which three gaps in a row must agree; by default that of the protocol.
        :param extrapolate: whether the limit of a fit is told too.

        The other arguments are those of :meth:`YamboGWWorkChain.get_builder_from_protocol`.

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
        if series is None:
            base, shares = builder.gw_parameters.get_dict(), inputs[META_INPUTS]['shares']
            series = {
                name: sorted({max(1, round(base[SERIES[name][0]] * share)) for share in shares})
                for name in ('bands', 'cutoff', 'block')
            }
        stray = [name for name in series if name not in SERIES]
        if stray:
            raise ValueError(f'series: there is no "{stray[0]}"; those are {", ".join(SERIES)}.')
        for name, values in series.items():
            builder.series[name] = orm.List(list(values))
        builder.threshold_ev = orm.Float(inputs['threshold_ev'] if threshold_ev is None else threshold_ev)
        builder.extrapolate = orm.Bool(extrapolate)
        return builder  # type: ignore[no-any-return]


def changed(parameters: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return parameters of GW with one of a series changed."""
    return {**parameters, **dict.fromkeys(SERIES[name], value)}


def _gw_message(node: orm.Dict, _: Any) -> str | None:
    from aiida_crystalmath.workflows.multicode.many_body_parameters import parameters_message

    return parameters_message(node.get_dict(), ('g0w0_ppa',))


def validate_convergence_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the inputs against each other."""
    return validate_inputs(inputs, ctx) or next(_problems(inputs), None)


def _problems(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the series."""
    series = inputs.get('series') or {}
    if not series:
        yield f'nothing is varied: give one of {", ".join(f"`series.{name}`" for name in SERIES)}.'
    for name, node in series.items():
        values = node.get_list()
        sizes = [_size(name, value) for value in values]
        if None in sizes or len(sizes) < 3:
            yield f'`series.{name}`: at least three positive values; meshes are n or [n1, n2, n3].'
        elif any(a >= b for a, b in itertools.pairwise(sizes)):  # type: ignore[operator]
            yield f'`series.{name}` must rise.'


def _size(name: str, value: Any) -> float | None:
    """Return the size of a value; None if it is none."""
    if name == 'kpoints':
        items = value if isinstance(value, list) else [value] * 3
        whole = len(items) == 3 and all(type(item) is int and item > 0 for item in items)
        return float(items[0] * items[1] * items[2]) if whole else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return float(value) if name != 'bands' or isinstance(value, int) else None
