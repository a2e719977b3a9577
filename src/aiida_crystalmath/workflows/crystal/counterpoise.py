"""Interaction of molecules, and adsorption, corrected for the superposition of basis sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

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
    fixed_mesh,
    link_label,
    node_outputs,
    without_structure,
)
from aiida_crystalmath.workflows.crystal.fragments import (
    check_fragments,
    check_runs,
    fragment_inputs,
    in_cell_of_whole,
    labels_of,
    of_molecule,
    validate_fragments,
)
from aiida_crystalmath.workflows.crystal.geopt import CrystalGeometryOptimizationWorkChain, without_optimisation
from aiida_crystalmath.workflows.functions.counterpoise import counterpoise, fragment
from aiida_crystalmath.workflows.functions.kinds import separate_kinds
from aiida_crystalmath.workflows.protocols.merge import merge
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalCounterpoiseWorkChain',)


class CrystalCounterpoiseWorkChain(ProtocolMixin, CallingWorkChain):
    """Compute the interaction energy of fragments by the counterpoise method of Boys and Bernardi.

    The whole is computed; each fragment where it is in the whole, with the basis functions of the others as ghosts and
    without them; and, on request, each fragment relaxed. Molecules, and adsorbates on slabs (the same cell and k-mesh
    throughout), in any number of fragments. All runs are launched side by side.
    """

    PLACES: ClassVar[int] = 21  # two fragments, relaxed
    _protocol_file: ClassVar[str] = 'crystal/counterpoise.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='The whole: a complex, or a slab and its adsorbate.')
        spec.input(
            'fragments',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_fragments,
            help='By name: `atoms` (indices from 0), and if they are not zero `charge` and `spin` (alpha minus beta '
            'electrons); `molecule: true` relaxes a fragment of a periodic system as a molecule.',
        )
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='base',
            exclude=BASE_EXCLUDES,
            namespace_options={'help': 'Inputs of every single point.'},
        )
        spec.expose_inputs(
            CrystalBaseWorkChain,
            namespace='relax',
            exclude=BASE_EXCLUDES,
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'help': 'Inputs of the optimisation of each fragment, for deformation and binding energies; left out, '
                'fragments keep the geometry they have in the whole.',
            },
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(steps.setup, steps.run_fragments, steps.inspect_fragments, steps.compare)
        spec.output('output_parameters', valid_type=orm.Dict, help='Interaction energies and their parts.')
        spec.output('whole_parameters', valid_type=orm.Dict, required=False, help='Results of the whole.')
        spec.output(
            'remote_folder', valid_type=orm.RemoteData, required=False, help='Has the wavefunction of the whole.'
        )
        define_recovery_reports(spec)
        message = 'The run <{pk}> of the whole or a fragment failed with exit status {status}: {reason}'
        spec.exit_code(421, 'ERROR_SUB_PROCESS_FAILED_FRAGMENTS', message=message)
        spec.exit_code(431, 'ERROR_NOT_COMPARABLE', message='The energies cannot be compared: {reason}')

    def setup(self) -> None:
        """Give the atoms of each fragment kinds of their own, since ghosts are said of kinds."""
        self.ctx.fragments = self.inputs.fragments.get_dict()
        labels = labels_of(self.ctx.fragments, len(self.inputs.structure.sites))
        self.ctx.structure = separate_kinds(self.inputs.structure, orm.List(labels))

    def run_fragments(self) -> Any:
        """Launch everything side by side."""
        inputs = self._exposed('base')
        singles = {'whole': base_inputs(inputs, self.inputs.structure)}
        relaxations: dict[str, Any] = {}
        for name, values in self.ctx.fragments.items():
            singles[link_label(name, 'in_whole_basis')] = base_inputs(
                self._inputs_of(inputs, name, ghosts=True), self.ctx.structure
            )
            part = fragment(self.ctx.structure, orm.List(values['atoms']), orm.Bool(False))
            alone = in_cell_of_whole(self._inputs_of(inputs, name), part, self.inputs.structure, inputs)
            singles[link_label(name, 'alone')] = base_inputs(alone, part)
            if 'relax' in self.inputs:
                self._add_relaxation(singles, relaxations, name, part)
        return ToContext(
            **self.launch_many(CrystalBaseWorkChain, singles),
            **self.launch_many(CrystalGeometryOptimizationWorkChain, relaxations),
        )

    def _exposed(self, namespace: str) -> AttributeDict:
        """Return the inputs of single points or relaxations, with the mesh of the whole for all of them."""
        inputs = AttributeDict(self.exposed_inputs(CrystalBaseWorkChain, namespace=namespace))
        return fixed_mesh(inputs, self.inputs.structure) if any(self.inputs.structure.pbc) else inputs

    def _inputs_of(self, inputs: AttributeDict, name: str, *, ghosts: bool = False) -> AttributeDict:
        """Return the inputs of a run of a fragment, but for its structure."""
        values, whole = self.ctx.fragments[name], self.inputs.structure
        return fragment_inputs(inputs, values, whole=whole, separate=self.ctx.structure, ghosts=ghosts)

    def _add_relaxation(
        self, singles: dict[str, Any], relaxations: dict[str, Any], name: str, part: orm.StructureData
    ) -> None:
        """Add the relaxation of a fragment; a lone atom has nothing to relax, and gets a single point or nothing."""
        values, label = self.ctx.fragments[name], link_label(name, 'relaxed')
        given = self._exposed('relax')
        inputs = self._inputs_of(given, name)
        leaves_cell = bool(values.get('molecule')) and any(part.pbc)
        if leaves_cell:
            part, inputs = fragment(self.ctx.structure, orm.List(values['atoms']), orm.Bool(True)), of_molecule(inputs)
        else:
            inputs = in_cell_of_whole(inputs, part, self.inputs.structure, given)
        if len(values['atoms']) > 1:
            relaxations[label] = {'structure': part, 'base': inputs}
        elif leaves_cell:
            inputs.crystal.parameters = orm.Dict(without_optimisation(inputs.crystal.parameters.get_dict()))
            singles[label] = base_inputs(inputs, part)

    def inspect_fragments(self) -> ExitCode | None:
        """Check all; on failure what there is of the whole is handed on."""
        self.attach_recovery_reports()
        whole = node_outputs(self.launched()['whole'])
        self.attach(whole_parameters=whole.get('output_parameters'), remote_folder=whole.get('remote_folder'))
        return self.check_launched(self.exit_codes.ERROR_SUB_PROCESS_FAILED_FRAGMENTS)

    def compare(self) -> ExitCode | None:
        """Compare the energies."""
        results = {label: node.outputs.output_parameters for label, node in self.finished().items()}
        try:
            self.check_repairs()
            self.out('output_parameters', counterpoise(self.inputs.fragments, **results))
        except ValueError as exception:
            return formatted(self.exit_codes.ERROR_NOT_COMPARABLE, reason=exception)
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        fragments: Mapping[str, Mapping[str, Any]],
        relax_fragments: bool = False,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param structure: the whole.
        :param fragments: by name, ``{'atoms': [0, 1, 2]}``, indices from 0; ``charge`` and ``spin`` (alpha minus beta
            electrons) if they are not zero. Charges follow from the shell charges of the basis sets and are checked
            against them. ``molecule: True`` relaxes the fragment without periodicity.
        :param relax_fragments: also relax each fragment (positions only), for deformation and binding energies; with
            the overrides of ``base``, and those of ``relax`` over them.
        :param spin_type: of the whole; fragments with ``spin`` are polarised of themselves.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        arguments.check_structure(structure)
        inputs = cls.get_protocol_inputs(protocol, overrides)
        electronic: dict[str, Any] = {
            'electronic_type': electronic_type,
            'spin_type': spin_type,
            'initial_magnetic_moments': initial_magnetic_moments,
            'options': options,
        }
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        builder.fragments = orm.Dict({name: dict(values) for name, values in fragments.items()})
        builder.base = without_structure(
            CrystalBaseWorkChain.get_builder_from_protocol(code, structure, protocol, inputs.get('base'), **electronic)
        )
        if relax_fragments or 'relax' in inputs:
            relaxation: Any = CrystalGeometryOptimizationWorkChain.get_builder_from_protocol(
                code,
                structure,
                protocol,
                {'base': merge(inputs.get('base') or {}, inputs.get('relax') or {})},
                relax_type=RelaxType.POSITIONS,
                **electronic,
            )
            builder.relax = relaxation.base
        message = check_fragments(builder.fragments.get_dict(), structure) or validate_inputs(
            builder._inputs(prune=True), None
        )
        if message is not None:
            raise ValueError(message)
        return builder  # type: ignore[no-any-return]


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the inputs against each other: every run that will be made is looked at."""
    if 'structure' not in inputs or 'fragments' not in inputs or 'base' not in inputs:
        return None
    fragments = inputs['fragments'].get_dict()
    return check_fragments(fragments, inputs['structure']) or check_runs(inputs, fragments)
