"""What the work chains that call others share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import ExitCode, WorkChain

from aiida_crystalmath.workflows.restart import formatted

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CallingWorkChain', 'define_scf', 'node_outputs', 'without_structure')

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


class CallingWorkChain(WorkChain):
    """A work chain that calls others: it cleans up after them, and hands on what they left when one fails."""

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
        if not self.inputs.clean_workdir.value:
            return
        cleaned = []
        for called in self.node.called_descendants:
            if not isinstance(called, orm.CalcJobNode) or 'remote_folder' not in called.outputs:
                continue
            try:
                called.outputs.remote_folder._clean()
            except OSError as exception:
                self.report(f'the working folder of {called.process_label}<{called.pk}> stays: {exception}')
            else:
                cleaned.append(str(called.pk))
        if cleaned:
            self.report(f'removed the working folders of calculations {", ".join(cleaned)}')
