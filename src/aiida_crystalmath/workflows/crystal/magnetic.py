"""Magnetic orderings of a crystal, or of any system with several magnetic atoms, compared by energy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode

from aiida_crystalmath.crystal.scf_behaviour import DEFAULT_MAXCYCLE
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
from aiida_crystalmath.workflows.crystal.inputs import closed_shell, spin_inputs
from aiida_crystalmath.workflows.crystal.validation import check_base_inputs, positive
from aiida_crystalmath.workflows.functions.kinds import follow_kinds, origin_of_kinds
from aiida_crystalmath.workflows.functions.magnetic_orderings import (
    NON_MAGNETIC,
    compare_orderings,
    find_orderings,
    magnetic_orderings,
)
from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalMagneticOrderingWorkChain',)


class CrystalMagneticOrderingWorkChain(ProtocolMixin, CallingWorkChain):
    """Compute all collinear orderings of the moments in a cell, each once, and find the lowest.

    Every ordering starts from atomic spins (ATOMSPIN) and with the spin of the cell held (SPINLOCK): at the sum of the
    moments if all are alike, at zero for an antiferromagnet. A crystal is let free after some cycles. Whether an
    ordering survived the SCF is judged by the Mulliken moments; one that did not is listed but not compared.
    """

    PLACES: ClassVar[int] = 43  # twenty orderings and the reference
    _protocol_file: ClassVar[str] = 'crystal/magnetic.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='A cell large enough for the orderings wanted.')
        spec.input(
            'moments',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            help='Size of the moment of one atom of each magnetic kind, in unpaired electrons: `{"Ni": 2}`.',
        )
        for name, kind, default, text in (
            ('ferrimagnetic', orm.Bool, False, 'Also orderings whose moments neither agree nor add up to zero.'),
            ('max_orderings', orm.Int, 20, 'More orderings than these are an error.'),
            ('nonmagnetic', orm.Bool, False, 'Also a closed-shell reference.'),
            ('spinlock_cycles', orm.Int, 10, 'For how many cycles the spin of a crystal is held.'),
            ('kept_fraction', orm.Float, 0.25, 'Part of its size at the start that a moment must keep, sign and all.'),
        ):
            spec.input(
                name,
                valid_type=kind,
                default=lambda kind=kind, default=default: kind(default),
                serializer=orm.to_aiida_type,
                validator=None if kind is orm.Bool else positive,
                help=f'{text} Default: {default}.',
            )
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base',
            exclude=BASE_EXCLUDES,
            namespace_options={'help': 'Inputs of every ordering, but for its spins.'},
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(steps.setup, steps.run_orderings, steps.inspect_orderings, steps.results)
        cls._define_outputs(spec)

    @classmethod
    def _define_outputs(cls, spec: WorkChainSpec) -> None:
        """Define outputs and exit codes."""
        spec.output('output_parameters', valid_type=orm.Dict, required=False, help='The orderings, compared.')
        spec.output(
            'output_structure',
            valid_type=orm.StructureData,
            required=False,
            help='Of the lowest ordering, with its kinds.',
        )
        spec.output('output_kinds', valid_type=orm.Dict, required=False, help='Its spins: what `crystal.kinds` takes.')
        spec.output('remote_folder', valid_type=orm.RemoteData, required=False, help='Of the lowest ordering.')
        define_recovery_reports(spec)
        spec.exit_code(
            421,
            'ERROR_SUB_PROCESS_FAILED_ORDERINGS',
            message='Fewer than two orderings could be computed; <{pk}> failed with exit status {status}: {reason}',
        )
        spec.exit_code(431, 'ERROR_NOT_COMPARABLE', message='The orderings cannot be compared: {reason}')
        spec.exit_code(432, 'ERROR_ORDERING_LOST', message='No ordering survived its SCF: {reason}')

    def setup(self) -> None:
        """Find the orderings."""
        settings = self._settings()
        options = {
            'ferrimagnetic': self.inputs.ferrimagnetic.value,
            'limit': self.inputs.max_orderings.value,
            'symprec': float(settings.get('symprec') or 1e-5),
        }
        found = magnetic_orderings(self.inputs.structure, self.inputs.moments, orm.Dict(options))
        self.ctx.orderings = found.pop('orderings')
        self.ctx.structures = found
        self.report(f'orderings that differ by symmetry: {", ".join(self.ctx.orderings.get_dict())}')

    def _settings(self) -> dict[str, Any]:
        given = self.inputs.base.crystal.get('settings')
        return {} if given is None else dict(given.get_dict())

    def run_orderings(self) -> Any:
        """Launch all orderings, and the reference, side by side."""
        inputs = AttributeDict(self.exposed_inputs(CrystalBaseWorkChain, namespace='base'))
        cycles = self.inputs.spinlock_cycles.value
        runs = {
            label: ordering_inputs(inputs, self.inputs.structure, self.ctx.structures[label], values['moments'], cycles)
            for label, values in self.ctx.orderings.get_dict().items()
        }
        if self.inputs.nonmagnetic.value:
            runs[NON_MAGNETIC] = nonmagnetic_inputs(inputs, self.inputs.structure)
        return self.launch_many(CrystalBaseWorkChain, runs)

    def inspect_orderings(self) -> ExitCode | None:
        """Go on with those that finished, if there are two to compare, or only one ordering exists."""
        self.attach_recovery_reports()
        labels = [label for label in self.launched() if label != NON_MAGNETIC]
        failure = self.check_launched(
            self.exit_codes.ERROR_SUB_PROCESS_FAILED_ORDERINGS, labels, at_least=min(2, len(labels))
        )
        if failure is not None and self.finished(labels):
            self.results()
        return failure

    def results(self) -> ExitCode | None:
        """Compare, and hand on the lowest ordering."""
        outputs = {label: node.outputs.output_parameters for label, node in self.finished().items()}
        try:
            self.check_repairs()
            table = compare_orderings(self.inputs.structure, self.ctx.orderings, self.inputs.kept_fraction, **outputs)
        except ValueError as exception:
            return formatted(self.exit_codes.ERROR_NOT_COMPARABLE, reason=exception)
        self.out('output_parameters', table)
        for note in table['notes']:
            self.report(note)
        lowest = table['lowest']
        if lowest is None:
            return formatted(self.exit_codes.ERROR_ORDERING_LOST, reason=' '.join(table['notes']))
        node = self.launched()[lowest]
        self.attach(
            output_structure=self.ctx.structures[lowest],
            output_kinds=node.inputs.crystal.get('kinds'),
            remote_folder=node_outputs(node).get('remote_folder'),
        )
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        initial_magnetic_moments: Mapping[str, float],
        ferrimagnetic: bool = False,
        nonmagnetic: bool = False,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.COLLINEAR,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param structure: a cell, or supercell, that the orderings fit in.
        :param initial_magnetic_moments: size of the moment of one atom of each magnetic kind.
        :param ferrimagnetic: also orderings whose moments neither agree nor add up to zero.
        :param nonmagnetic: also compute the closed-shell state.
        :param spin_type: ``COLLINEAR``.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong, and if there are more orderings than ``max_orderings``.
        """
        arguments.check_structure(structure)
        spin_type, moments = arguments.check_spin(spin_type, initial_magnetic_moments, structure)
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.moments = orm.Dict(moments)
        inputs = {'ferrimagnetic': ferrimagnetic, 'nonmagnetic': nonmagnetic, **inputs}
        builder.base = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(
                code,
                structure,
                protocol,
                inputs.get('base'),
                electronic_type=electronic_type,
                spin_type=spin_type,
                options=options,
            )
        )
        for name, value in inputs.items():
            if name != 'base':
                builder[name] = value if isinstance(value, orm.Data) else orm.to_aiida_type(value)
        message = validate_inputs(builder._inputs(prune=True), None)
        if message is not None:
            raise ValueError(message)
        return builder  # type: ignore[no-any-return]


def ordering_inputs(
    inputs: Mapping[str, Any],
    structure: orm.StructureData,
    ordered: orm.StructureData,
    moments: Mapping[str, float],
    spinlock_cycles: int,
) -> AttributeDict:
    """Return the inputs of CrystalBaseWorkChain for one ordering.

    :param inputs: for the structure without spins.
    :param ordered: the structure with the kinds of the ordering, whose ``moments`` are given with their signs.
    """
    origin = origin_of_kinds(structure, ordered)
    symbols = {kind: structure.get_kind(old).symbol for kind, old in origin.items()}
    parameters = closed_shell(inputs['crystal']['parameters'].get_dict())
    settings = inputs['crystal'].get('settings')
    spin, kinds = spin_inputs(
        SpinType.COLLINEAR,
        moments,
        ordered,
        method=parameters.get('hamiltonian') or {},
        spinlock_cycles=spinlock_cycles,
        maxcycle=(parameters.get('scf') or {}).get('maxcycle') or DEFAULT_MAXCYCLE,
        settings=None if settings is None else settings.get_dict(),
    )
    followed = base_inputs(follow_kinds(inputs, origin, symbols, kinds), ordered)
    followed.crystal.parameters = orm.Dict(merge(merge(parameters, spin), {'scf': {'ppan': True}}))
    return followed


def nonmagnetic_inputs(inputs: Mapping[str, Any], structure: orm.StructureData) -> AttributeDict:
    """Return the inputs of CrystalBaseWorkChain for the closed-shell reference."""
    reference = base_inputs(inputs, structure)
    reference.crystal.parameters = orm.Dict(closed_shell(inputs['crystal']['parameters'].get_dict()))
    return reference


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the inputs against each other: the orderings are found, and the inputs of the first looked at."""
    if any(name not in inputs for name in ('structure', 'moments', 'base')):
        return None
    structure, moments = inputs['structure'], inputs['moments'].get_dict()
    known = sorted({site.kind_name for site in structure.sites})
    for kind, value in moments.items():
        if kind not in known:
            return f'moments: the structure has no kind "{kind}": {did_you_mean(kind, known)}'
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f'moments: the moment of "{kind}" must be a number of unpaired electrons, not {value!r}.'
    crystal = inputs['base'].get('crystal') or {}
    if 'parameters' not in crystal:
        return None
    if 'kinds' in crystal and any(values.get('spin') for values in crystal['kinds'].get_dict().values()):
        return 'base.crystal.kinds: the spins are set by the orderings: leave `spin` out.'
    options = {name: inputs[name].value for name in ('ferrimagnetic',) if name in inputs}
    limit = {'limit': inputs['max_orderings'].value} if 'max_orderings' in inputs else {}
    settings = crystal['settings'].get_dict() if 'settings' in crystal else {}
    try:
        structures, table = find_orderings(
            structure, moments, **options, **limit, symprec=float(settings.get('symprec') or 1e-5)
        )
        label = next(iter(structures))
        run = ordering_inputs(inputs['base'], structure, structures[label], table[label]['moments'], 1)
    except ValueError as exception:
        return f'moments: {exception}'
    return check_base_inputs(run, structures[label], 'base.')
