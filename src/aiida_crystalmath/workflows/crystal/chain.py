"""What the work chains that call others share.

A chain that runs one set of inputs for many structures or decks side by side does it in three lines::

    def run_points(self):
        return self.launch_many(CrystalBaseWorkChain, {link_label('volume', scale): ... for scale in scales})

    def inspect_points(self):
        self.attach_recovery_reports()
        return self.check_launched(self.exit_codes.ERROR_SUB_PROCESS_FAILED_POINTS, at_least=5)

and takes what came out from ``self.finished()``, a dictionary of the nodes that finished well by their labels. Energies
are compared with :func:`aiida_crystalmath.workflows.functions.energies.comparable_energies`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext

from aiida_crystalmath.calculations.one_worker import ChainByOneWorker
from aiida_crystalmath.workflows.cleaning import remove_folders
from aiida_crystalmath.workflows.functions.energies import check_repairs
from aiida_crystalmath.workflows.restart import formatted

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = (
    'CallingWorkChain',
    'base_inputs',
    'define_recovery_reports',
    'define_scf',
    'fixed_mesh',
    'link_label',
    'node_outputs',
    'without_structure',
)

BASE_EXCLUDES = ('clean_workdir', 'crystal.structure', 'crystal.parent_folder')
"""Inputs of the base work chain that a calling chain sets itself."""


def node_outputs(node: orm.ProcessNode | None) -> dict[str, Any]:
    """Return the outputs of a process by their labels; nothing for a process that did not run."""
    return {} if node is None else {entry.link_label: entry.node for entry in _outgoing(node)}


def _outgoing(node: orm.ProcessNode) -> list[Any]:
    from aiida.common.links import LinkType

    entries: list[Any] = node.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)).all()
    return entries


def define_scf(spec: WorkChainSpec) -> None:
    """Define the inputs of chains that need a wavefunction: ``parent_folder``, or ``structure`` and ``scf``."""
    from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain

    spec.input(
        'structure',
        valid_type=orm.StructureData,
        required=False,
        help='The structure; needed unless there is a `parent_folder`.',
    )
    spec.input(
        'parent_folder',
        valid_type=orm.RemoteData,
        required=False,
        help='Remote folder of a finished run of `crystal`, with the wavefunction.',
    )
    spec.expose_inputs(
        CrystalBaseWorkChain,
        namespace='scf',
        exclude=BASE_EXCLUDES,
        namespace_options={
            'required': False,
            'populate_defaults': False,
            'help': 'Inputs of CrystalBaseWorkChain to compute the wavefunction, unless there is a `parent_folder`.',
        },
    )


def without_structure(builder: Any) -> Any:
    """Take out of a builder of the base work chain what a calling chain sets itself."""
    builder.crystal.pop('structure', None)
    builder.pop('clean_workdir', None)
    return builder


def define_recovery_reports(spec: WorkChainSpec) -> None:
    """Define the output namespace for the ``recovery_report`` of every part, by its label."""
    spec.output_namespace(
        'recovery_reports', valid_type=orm.Dict, dynamic=True, required=False, help='What was repaired, by part.'
    )


def base_inputs(
    inputs: Mapping[str, Any], structure: orm.StructureData, parameters: Mapping[str, Any] | None = None
) -> AttributeDict:
    """Return inputs of CrystalBaseWorkChain for one structure, and with parameters laid over those given.

    :param inputs: exposed inputs of the base chain, without a structure; not modified.
    :param parameters: nested as the parameters of the calculation are; ``None`` leaves the node of the inputs as it is.
    """
    from aiida_crystalmath.workflows.protocols.merge import merge

    copied = AttributeDict({**inputs, 'crystal': AttributeDict(inputs['crystal'])})
    copied.metadata = AttributeDict(inputs.get('metadata') or {})
    copied.crystal.structure = structure
    if parameters is not None:
        copied.crystal.parameters = orm.Dict(merge(copied.crystal.parameters.get_dict(), parameters))
    return copied


def fixed_mesh(inputs: Mapping[str, Any], structure: orm.StructureData) -> AttributeDict:
    """Return inputs of CrystalBaseWorkChain with the mesh written out that ``kpoints_distance`` gives for a structure.

    Energies of a series of structures can be compared only if all have one mesh: left to itself, each run would make
    its own from the distance, and a cell a little larger may get a coarser one.
    """
    from aiida_crystalmath.workflows.crystal.inputs import has_shrink, shrink_for

    fixed = AttributeDict({**inputs, 'crystal': AttributeDict(inputs['crystal'])})
    distance = fixed.pop('kpoints_distance', None)
    parameters = fixed.crystal.parameters.get_dict()
    if distance is not None and not has_shrink(parameters):
        settings = fixed.crystal.settings.get_dict() if 'settings' in fixed.crystal else {}
        scf = {**(parameters.get('scf') or {}), 'shrink': shrink_for(structure, distance.value, settings)}
        fixed.crystal.parameters = orm.Dict({**parameters, 'scf': scf})
    return fixed


def link_label(*parts: object) -> str:
    """Return a label for a call: words joined by ``_``, numbers with ``p`` for the point and ``m`` for minus.

    >>> link_label('scale', 0.94)
    'scale_0p94'

    :raises ValueError: if a part is empty or has other characters than letters and digits.
    """
    words = [str(part).replace('-', 'm').replace('.', 'p') for part in parts]
    label = '_'.join(words)
    if not all(words) or not label.replace('_', '').isalnum() or '__' in label:
        raise ValueError(f'cannot make a label of {parts}: only letters, digits and single underscores can be used.')
    return label


class CallingWorkChain(ChainByOneWorker):
    """A work chain that calls others: it cleans up after them, and hands on what they left when one fails."""

    PLACES: ClassVar[int] = 4
    """Places in the daemon that it may need at once: its own, and those of all it has called that is not over.

    By default itself, a chain that it calls, a base chain, a calculation. Of chains that run many side by side it is
    the most that their protocols make of a small structure.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define the ports that all have."""
        super().define(spec)
        spec.input(
            'clean_workdir',
            valid_type=orm.Bool,
            default=lambda: orm.Bool(False),
            serializer=orm.to_aiida_type,
            help='Remove the working folders of all calculations at the end, wavefunctions too.',
        )

    def attach(self, **outputs: orm.Data | None) -> None:
        """Attach those outputs that there are, once."""
        for name, node in outputs.items():
            if node is not None and name not in self.outputs:
                self.out(name, node)

    def launch(self, process: Any, inputs: Mapping[str, Any], label: str) -> orm.ProcessNode:
        """Submit a process under a label of its own; the step must hand the node to ``ToContext``.

        :param label: of the call; see :func:`link_label`.
        """
        labelled = AttributeDict(inputs)
        labelled.metadata = AttributeDict({**(labelled.get('metadata') or {}), 'call_link_label': label})
        node = self.submit(process, **labelled)
        self.report(f'launching {label}, {node.process_label}<{node.pk}>')
        return node

    def launch_many(self, process: Any, inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Submit a process several times side by side: return what a step must return to wait for all of them.

        :param inputs: of each, by label. The nodes come back in ``self.ctx.launched[label]``.
        """
        return ToContext(**{f'launched.{label}': self.launch(process, one, label) for label, one in inputs.items()})

    def launched(self, labels: Iterable[str] | None = None) -> dict[str, orm.ProcessNode]:
        """Return what :meth:`launch_many` submitted, by label, in that order: all, or those of ``labels``."""
        nodes: dict[str, orm.ProcessNode] = dict(self.ctx.get('launched') or {})
        return nodes if labels is None else {label: nodes[label] for label in labels if label in nodes}

    def finished(self, labels: Iterable[str] | None = None) -> dict[str, orm.ProcessNode]:
        """Return those of :meth:`launched` that finished well."""
        return {label: node for label, node in self.launched(labels).items() if node.is_finished_ok}

    def failures(self, labels: Iterable[str] | None = None) -> dict[str, orm.ProcessNode]:
        """Return those of :meth:`launched` that did not finish well."""
        return {label: node for label, node in self.launched(labels).items() if not node.is_finished_ok}

    def check_launched(
        self, exit_code: ExitCode, labels: Iterable[str] | None = None, *, at_least: int | None = None
    ) -> ExitCode | None:
        """Report every failure; return ``exit_code``, completed with the first, if too few finished well.

        :param exit_code: with the fields ``{pk}``, ``{status}`` and ``{reason}``.
        :param at_least: how many must have finished well; ``None``: all of them.
        """
        labels = list(self.launched(labels))
        codes = [self.failure(node, exit_code) for node in self.failures(labels).values()]
        needed = len(labels) if at_least is None else at_least
        return codes[0] if codes and len(self.finished(labels)) < needed else None

    def attach_recovery_reports(self, **nodes: orm.ProcessNode | None) -> None:
        """Attach what was repaired in the processes ``nodes``, and in all that :meth:`launch_many` submitted."""
        attached = self.outputs.get('recovery_reports', {})
        for label, node in {**self.launched(), **nodes}.items():
            report = node_outputs(node).get('recovery_report')
            if report is not None and label not in attached:
                self.out(f'recovery_reports.{label}', report)

    def check_repairs(self) -> None:
        """Check that the energies of :meth:`finished` can be compared after what was repaired in each run.

        :raises ValueError: if a remedy changed the smearing, the k-mesh or the basis in some of them only.
        """
        check_repairs(self.repairs())

    def repairs(self) -> dict[str, dict[str, Any]]:
        """Return the recovery reports of :meth:`finished`, by label; empty where nothing was repaired."""
        reports = {label: node_outputs(node).get('recovery_report') for label, node in self.finished().items()}
        return {label: {} if node is None else node.get_dict() for label, node in reports.items()}

    def failure(self, node: orm.ProcessNode, exit_code: ExitCode) -> ExitCode | None:
        """Return ``exit_code``, completed with the reason, if a called process failed."""
        if node.is_finished_ok:
            return None
        reason = node.exit_message or (node.process_state.value if node.process_state else 'unknown')
        self.report(f'{node.process_label}<{node.pk}> failed with exit status {node.exit_status}: {reason}')
        return formatted(exit_code, pk=node.pk, status=node.exit_status, reason=reason)

    def on_terminated(self) -> None:
        """Remove the working folders, if asked to."""
        super().on_terminated()
        if self.inputs.clean_workdir.value:
            remove_folders(self)
