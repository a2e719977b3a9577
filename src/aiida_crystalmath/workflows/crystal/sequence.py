"""A sequence of work chains, as a file says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ToContext, while_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.steps import STRUCTURE, WAVEFUNCTION
from aiida_crystalmath.workflows.functions.sequence_summary import sequence_summary
from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge
from aiida_crystalmath.workflows.sequences import control, progress
from aiida_crystalmath.workflows.sequences.builders import Programs, check_steps, is_applicable, step_builder
from aiida_crystalmath.workflows.sequences.files import read_sequence
from aiida_crystalmath.workflows.sequences.model import Sequence, Step
from aiida_crystalmath.workflows.stepped import SteppedWorkChain

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalSequenceWorkChain',)


class CrystalSequenceWorkChain(SteppedWorkChain):
    """Carry out the steps of a sequence: each a work chain, those that need the same side by side.

    The steps are started in rounds: all that can begin are launched together, and the next round begins when they
    are over. An optional step that fails stops nothing; after a critical one that fails, what needs it is not run, the
    rest is, and the chain ends with an exit code that names it.
    """

    PLACES: ClassVar[int] = 17  # four steps side by side

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='What the first steps begin with.')
        spec.input(
            'sequence',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_sequence,
            help='The steps and their settings; see the reference of sequences.',
        )
        spec.input('code', valid_type=orm.AbstractCode, help='Of `crystal`.')
        spec.input('properties_code', valid_type=orm.AbstractCode, required=False, help='Of `properties`.')
        spec.input(
            'use_cache',
            valid_type=orm.Bool,
            required=False,
            serializer=orm.to_aiida_type,
            help='Take calculations with the same inputs that finished well before from the database.',
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            while_(steps.has_more)(
                steps.obey,
                steps.launch_steps,
                steps.inspect_steps,
            ),
            steps.results,
        )
        spec.output('output_structure', valid_type=orm.StructureData, required=False, help='Of the last optimisation.')

    @property
    def sequence(self) -> Sequence:
        """Return the sequence."""
        return Sequence.parse(self.inputs.sequence.get_dict()['sequence'])

    # -- rounds -------------------------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Take what is done; leave out what means nothing for the structure."""
        self.ctx.record = {}
        for step in self.sequence.steps:
            entry: dict[str, Any] = {'status': progress.WAITING}
            if step.name in self.inputs.get('done', {}):
                entry = {'status': progress.REUSED}
            elif not is_applicable(step, self.inputs.structure):
                kind = 'a molecule' if not any(self.inputs.structure.pbc) else 'this structure'
                entry = {'status': progress.LEFT_OUT, 'reason': f'{kind} has no {step.definition.text}'}
            self.ctx.record[step.name] = entry
        self.show_steps()

    def has_more(self) -> bool:
        """Tell whether any step has not begun."""
        return any(entry['status'] == progress.WAITING for entry in self.ctx.record.values())

    def launch_steps(self) -> Any:
        """Launch every step that can begin; give up those that cannot."""
        sequence = self.sequence
        skipped = control.skipped(self.node)
        launched = {}
        for step in progress.ready_steps(sequence, self.ctx.record):
            blocked = progress.blocked_by(sequence, step, self.ctx.record)
            if step.name in skipped:
                blocked = progress.SKIPPED, 'on request'
            if blocked is not None:
                self.settle(step.name, *blocked)
                continue
            node = self._launch_step(sequence, step)
            if node is not None:
                launched[f'launched.{step.name}'] = node
        self.show_steps()
        return ToContext(**launched)

    def _launch_step(self, sequence: Sequence, step: Step) -> orm.ProcessNode | None:
        """Launch a step; ``None`` if its inputs cannot be made."""
        structure, folder = self._structure_for(sequence, step), self._folder_for(sequence, step)
        if step.definition.takes == WAVEFUNCTION and folder is None:
            self.settle(step.name, progress.NOT_STARTED, 'there is no wavefunction in what the steps before it left')
            return None
        programs = Programs(self.inputs.code, self.inputs.get('properties_code'))
        try:
            builder = step_builder(sequence, step, programs, structure, folder)
            node = self.launch(builder.process_class, builder._inputs(prune=True), step.name)
        except ValueError as exception:
            self.settle(step.name, progress.NOT_STARTED, str(exception))
            return None
        self.ctx.record[step.name] = {'status': progress.RUNNING, 'pk': node.pk, 'uuid': node.uuid}
        return node

    def inspect_steps(self) -> None:
        """Note how the steps that were launched ended."""
        for name, entry in self.ctx.record.items():
            if entry['status'] != progress.RUNNING:
                continue
            self.settle_by(name, self.launched()[name])
        self.show_steps()

    # -- what goes from step to step ----------------------------------------------------------------------------------

    def _structure_for(self, sequence: Sequence, step: Step) -> orm.StructureData:
        """Return the structure that a step begins with: of the nearest step on the way back that has one to give.

        That of a step that takes a wavefunction comes with it.
        """
        name = sequence.source(step, STRUCTURE) if step.definition.takes == STRUCTURE else None
        while name is not None:
            structure: orm.StructureData | None = self.step_outputs(name).get('output_structure')
            if structure is not None and self.ctx.record[name]['status'] in progress.DONE:
                return structure
            name = sequence.source(sequence.step(name), STRUCTURE)
        given: orm.StructureData = self.inputs.structure
        return given

    def _folder_for(self, sequence: Sequence, step: Step) -> orm.RemoteData | None:
        """Return the folder with the wavefunction that a step begins with, if it takes one."""
        name = sequence.source(step, WAVEFUNCTION) if step.definition.takes == WAVEFUNCTION else None
        return None if name is None else self.step_outputs(name).get('remote_folder')

    # -- the end ------------------------------------------------------------------------------------------------------

    def results(self) -> ExitCode | None:
        """Attach all that the steps left, and the summary; name the critical step that failed."""
        sequence = self.sequence
        self.attach_step_outputs()
        last: str | None = None
        for name in sequence.order():
            if STRUCTURE in sequence.step(name).definition.gives and self.ctx.record[name]['status'] in progress.DONE:
                last = name
        if last is not None:
            self.attach(output_structure=self.step_outputs(last).get('output_structure'))
        self.attach(output_parameters=self._summary(sequence))
        failures = progress.critical_failures(sequence, self.ctx.record)
        return self.exit_code_of_step(failures[0]) if failures else None

    def _summary(self, sequence: Sequence) -> orm.Dict:
        """Return the node with what became of every step."""
        entries = [
            {'name': step.name, 'kind': step.definition.name, 'optional': step.optional, **self.ctx.record[step.name]}
            for step in sequence.steps
        ]
        content = {
            'sequence': self.inputs.sequence.get_dict().get('name', 'sequence'),
            'n_steps': len(entries),
            'n_finished': sum(entry['status'] in progress.DONE for entry in entries),
            'steps': entries,
        }
        results = {
            name: {label: node for label, node in self.step_outputs(name).items() if _is_result(label, node)}
            for name in sequence.names
        }
        summary: orm.Dict = sequence_summary(
            record=orm.Dict(content), **{name: nodes for name, nodes in results.items() if nodes}
        )
        return summary

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        sequence: str | Path | Mapping[str, Any] = 'full_electronic',
        properties_code: orm.AbstractCode | str | None = None,
        electronic_type: str | None = None,
        spin_type: str | None = None,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | str | None = None,
    ) -> ProcessBuilder:
        """Return a builder of a sequence; every step is checked before.

        The arguments replace the ``defaults`` of the sequence; what a step sets for itself stays.

        :param sequence: name of a ready-made one, path of a YAML file, or a mapping.
        :param overrides: by the name of a step: overrides of its work chain, laid over those in the file.
        :raises ValueError: for any argument that is wrong, naming file and step.
        """
        name, parsed = read_sequence(sequence)
        arguments.check_structure(structure)
        plain = {
            'protocol': protocol,
            'electronic_type': getattr(electronic_type, 'value', electronic_type),
            'spin_type': getattr(spin_type, 'value', spin_type),
            'initial_magnetic_moments': dict(initial_magnetic_moments) if initial_magnetic_moments else None,
            'options': options if options == arguments.AUTO else arguments.check_options(options) or None,
        }
        content = parsed.model_dump(mode='json', exclude_defaults=True)
        asked = {key: value for key, value in plain.items() if value is not None}
        content['defaults'] = {**content.get('defaults', {}), **asked}
        for step_name, changes in (overrides or {}).items():
            if step_name not in parsed.names:
                raise ValueError(f'overrides: there is no step "{step_name}": {did_you_mean(step_name, parsed.names)}')
            step = content['steps'][parsed.names.index(step_name)]
            step['overrides'] = merge(step.get('overrides', {}), changes)
        parsed = Sequence.parse(content, name)
        programs = Programs(
            arguments.check_code(code),
            None if properties_code is None else arguments.check_code(properties_code, arguments.PROPERTIES),
        )
        check_steps(parsed, programs, structure)
        builder: Any = cls.get_builder()
        builder.structure = structure
        builder.sequence = orm.Dict({'name': name, 'sequence': content})
        builder.code = programs.crystal
        if programs.properties is not None:
            builder.properties_code = programs.properties
        return builder  # type: ignore[no-any-return]


def _is_result(label: str, node: orm.Data) -> bool:
    """Tell whether an output holds numbers that may sum a step up."""
    return isinstance(node, orm.Dict) and '__' not in label and label != 'recovery_report'


def validate_sequence(value: orm.Dict | None, _: Any) -> str | None:
    """Validate the sequence: a mapping with its ``name`` and the ``sequence`` itself."""
    if value is None:
        return None
    content = value.get_dict()
    unknown = set(content) - {'name', 'sequence'}
    if 'sequence' not in content or unknown:
        return 'must have the keys `sequence` and `name` and no others.'
    try:
        Sequence.parse(content['sequence'], str(content.get('name', 'sequence')))
    except ValueError as exception:
        return str(exception)
    return None


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the inputs against each other."""
    if 'sequence' not in inputs:
        return None
    names = Sequence.parse(inputs['sequence'].get_dict()['sequence']).names
    for name in inputs.get('done') or {}:
        if name not in names:
            return f'done: there is no step "{name}": {did_you_mean(name, names)}'
    return None
