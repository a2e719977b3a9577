"""How dense a k-mesh, how tight thresholds, how large a basis a structure needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode

from aiida_crystalmath.crystal.inputs.tasks import TASKS
from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.chain import (
    BASE_EXCLUDES,
    CallingWorkChain,
    base_inputs,
    define_recovery_reports,
    fixed_mesh,
    link_label,
    without_structure,
)
from aiida_crystalmath.workflows.crystal.kmesh import GILAT_FACTOR
from aiida_crystalmath.workflows.crystal.validation import check_base_inputs, geometry_block, positive
from aiida_crystalmath.workflows.functions.convergence import convergence
from aiida_crystalmath.workflows.functions.energies import repaired
from aiida_crystalmath.workflows.protocols.merge import META_INPUTS
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalConvergenceWorkChain',)

SERIES = ('shrink', 'tolinteg', 'basis_families')
"""What can be varied, one at a time."""


class CrystalConvergenceWorkChain(ProtocolMixin, CallingWorkChain):
    """Vary SHRINK, TOLINTEG or the basis set, and recommend the cheapest setting that agrees with the densest one.

    Each series starts from the same inputs. A setting is good if its energy per atom, and on request its gap, and those
    of all denser settings agree with the last one's. Total energies fall with every larger basis set, by far more than
    differences of energies change: of a series of basis sets look at the gap, or at the property itself.
    """

    PLACES: ClassVar[int] = 19  # nine settings
    _protocol_file: ClassVar[str] = 'crystal/convergence.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='Crystal, slab, polymer or molecule, in any cell.')
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base',
            exclude=BASE_EXCLUDES,
            namespace_options={'help': 'Inputs that all runs share but for what is varied: single points.'},
        )
        series: dict[str, Any] = {'valid_type': orm.List, 'required': False, 'serializer': orm.to_aiida_type}
        order = 'from the coarsest to the densest, which is the reference'
        spec.input('shrink', **series, help=f'Meshes, n or [n1, n2, n3], {order}.')
        spec.input('tolinteg', **series, help=f'Thresholds, n (then n n n n 2n) or five integers, {order}.')
        spec.input('basis_families', **series, help='Labels of installed families, from the smallest to the largest.')
        spec.input(
            'threshold_mev_per_atom',
            valid_type=orm.Float,
            default=lambda: orm.Float(1.0),
            serializer=orm.to_aiida_type,
            validator=positive,
            help='Difference of the energy from that of the densest setting, meV per atom, that is good enough.',
        )
        spec.input(
            'gap_threshold_ev',
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            validator=positive,
            help='The same for the band gap, eV. By default the gap is shown only.',
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(steps.run_settings, steps.inspect_settings, steps.results)
        spec.output(
            'output_parameters',
            valid_type=orm.Dict,
            help='`series`: a table each of values, energies, gaps, times; `recommended`: a value of each parameter.',
        )
        define_recovery_reports(spec)
        message = 'Setting <{pk}> failed with exit status {status}, and too few are left to compare: {reason}'
        spec.exit_code(421, 'ERROR_SUB_PROCESS_FAILED_SETTINGS', message=message)
        spec.exit_code(431, 'ERROR_NOT_COMPARABLE', message='{reason}')

    def run_settings(self) -> Any:
        """Run all settings side by side; one that two series share is run once for each."""
        base = fixed_mesh(self.exposed_inputs(CrystalBaseWorkChain, namespace='base'), self.inputs.structure)
        self.ctx.plan, inputs = [], {}
        for parameter in SERIES:
            if parameter not in self.inputs:
                continue
            values = self.inputs[parameter].get_list()
            labels = [setting_label(parameter, index, value) for index, value in enumerate(values)]
            self.ctx.plan.append({'parameter': parameter, 'values': values, 'labels': labels})
            for label, value in zip(labels, values, strict=True):
                inputs[label] = setting_inputs(base, self.inputs.structure, parameter, value)
        return self.launch_many(CrystalBaseWorkChain, inputs)

    def inspect_settings(self) -> ExitCode | None:
        """Go on if anything can be compared."""
        self.attach_recovery_reports()
        exit_code = self.exit_codes.ERROR_SUB_PROCESS_FAILED_SETTINGS
        codes = [self.check_launched(exit_code, one['labels'][-1:]) for one in self.ctx.plan]
        self.check_launched(exit_code, at_least=0)
        return codes[0] if all(codes) else None

    def _alike(self) -> set[str]:
        """Return the labels of the runs in which remedies changed nothing but what they changed in the reference."""
        changed = {label: repaired(report) for label, report in self.repairs().items()}
        alike = {
            label
            for one in self.ctx.plan
            for label in one['labels']
            if label in changed and changed[label] == changed.get(one['labels'][-1], {})
        }
        for label in sorted(set(changed) - alike):
            self.report(f'{label} is left out: a remedy changed {", ".join(changed[label]) or "the reference"}')
        return alike

    def results(self) -> ExitCode | None:
        """Make the tables."""
        alike = self._alike()
        results = {label: node.outputs.output_parameters for label, node in self.finished().items() if label in alike}
        thresholds = {'threshold_mev_per_atom': self.inputs.threshold_mev_per_atom.value}
        if 'gap_threshold_ev' in self.inputs:
            thresholds['gap_threshold_ev'] = self.inputs.gap_threshold_ev.value
        try:
            found: Any = convergence(orm.Dict({'series': self.ctx.plan}), orm.Dict(thresholds), **results)
        except ValueError as exception:
            return formatted(self.exit_codes.ERROR_NOT_COMPARABLE, reason=exception)
        self.attach(output_parameters=found)
        for one in found['series']:
            if not one.get('is_converged'):
                self.report(f'{one["parameter"]}: {one.get("problem") or "not converged, add denser values"}')
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        shrink: Sequence[int | Sequence[int]] | bool | None = None,
        tolinteg: Sequence[int | Sequence[int]] | bool | None = None,
        basis_families: Sequence[str] | None = None,
        threshold_mev_per_atom: float | None = None,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Without any series asked for, that of SHRINK is made, or of a molecule that of TOLINTEG.

        :param shrink: meshes, or ``True`` for those of the protocol.
        :param tolinteg: thresholds, or ``True`` for those of the protocol.
        :param basis_families: labels of installed families, from the smallest to the largest.
        :param threshold_mev_per_atom: what is good enough; by default that of the protocol.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        is_molecule = arguments.check_structure(structure) == 0
        inputs = cls.get_protocol_inputs(protocol, overrides)
        meta = inputs[META_INPUTS]
        asked = {
            'shrink': meta['shrink'] if shrink is True else shrink,
            'tolinteg': meta['tolinteg'] if tolinteg is True else tolinteg,
            'basis_families': basis_families,
        }
        series = {name: values or inputs.get(name) for name, values in asked.items()}
        if not any(series.values()):
            name = 'tolinteg' if is_molecule else 'shrink'
            series[name] = meta[name]
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        threshold = inputs['threshold_mev_per_atom'] if threshold_mev_per_atom is None else threshold_mev_per_atom
        for name, value in (
            ('threshold_mev_per_atom', threshold),
            ('gap_threshold_ev', inputs.get('gap_threshold_ev')),
        ):
            if value is not None:
                builder[name] = value if isinstance(value, orm.Float) else orm.Float(value)
        for name, values in series.items():
            if values:
                builder[name] = values if isinstance(values, orm.List) else orm.List(list(values))
        builder.base = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(
                code,
                structure,
                protocol,
                inputs.get('base'),
                electronic_type=electronic_type,
                spin_type=spin_type,
                initial_magnetic_moments=initial_magnetic_moments,
                options=options,
            )
        )
        return builder  # type: ignore[no-any-return]


def setting_label(parameter: str, index: int, value: Any) -> str:
    """Return the label of a call: ``shrink_4``, ``tolinteg_7x7x7x7x14``, ``basis_families_0``."""
    if parameter == 'basis_families':
        return link_label(parameter, index)
    return link_label(parameter, 'x'.join(str(item) for item in value) if isinstance(value, list) else value)


def setting_inputs(base: Mapping[str, Any], structure: orm.StructureData, parameter: str, value: Any) -> AttributeDict:
    """Return inputs of the base chain with one setting changed."""
    if parameter == 'basis_families':
        inputs = base_inputs(base, structure)
        inputs.crystal.pop('basis_sets', None)
        inputs.basis_family = orm.Str(value)
        return inputs
    return base_inputs(base, structure, {'scf': {parameter: parameter_of(parameter, value)}})


def parameter_of(parameter: str, value: Any) -> Any:
    """Return a value of a series as the parameters of the calculation take it."""
    if parameter == 'tolinteg':
        return value if isinstance(value, list) else [value] * 4 + [2 * value]
    return {'is': value, 'isp': GILAT_FACTOR * max(value if isinstance(value, list) else [value])}


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other."""
    if 'structure' not in inputs or 'base' not in inputs:
        return None
    structure, base = inputs['structure'], inputs['base']
    given = {name: inputs[name].get_list() for name in SERIES if name in inputs}
    if not given:
        return f'nothing is varied: give one of {", ".join(f"`{name}`" for name in SERIES)}.'
    if 'shrink' in given and not any(structure.pbc):
        return '`shrink`: a molecule has no k-points: leave it out.'
    geometry = geometry_block(base)
    if any(geometry.get(task) is not None for task in TASKS):
        return 'base.crystal.parameters: settings are compared by single points: leave the task out of `geometry`.'
    return next(_problems(given, base, structure), None)


def _problems(given: Mapping[str, list[Any]], base: Mapping[str, Any], structure: orm.StructureData) -> Iterator[str]:
    """Yield what is wrong with the values of the series, and with the inputs that they make."""
    for name, values in given.items():
        if len(values) < 3:
            yield f'`{name}` has {len(values)} values: at least three are needed to see whether anything converges.'
        if len({str(value) for value in values}) < len(values):
            yield f'`{name}` has a value twice.'
        if name == 'basis_families':
            yield from _unknown_families(values)
            continue
        n_items = {'shrink': 3, 'tolinteg': 5}[name]
        for value in values:
            items = value if isinstance(value, list) else [value]
            if len(items) not in (1, n_items) or not all(type(item) is int and item > 0 for item in items):
                yield f'`{name}`: {value} must be a positive integer or {n_items} of them.'
        sizes = [_size(name, value) for value in values]
        if sizes != sorted(sizes):
            yield f'`{name}` must go from the coarsest to the densest, not {values}: the last one is the reference.'
        for value in values:
            message = check_base_inputs(setting_inputs(base, structure, name, value), structure, 'base.')
            if message:
                yield message


def _unknown_families(labels: list[Any]) -> Iterator[str]:
    for label in labels:
        try:
            arguments.load_basis_family(str(label))
        except ValueError as exception:
            yield f'`basis_families`: {exception}'


def _size(parameter: str, value: Any) -> int:
    """Return a number that grows with the density of a setting."""
    if parameter == 'tolinteg':
        return int(sum(parameter_of(parameter, value)))
    return int(sum(value)) if isinstance(value, list) else 3 * int(value)
