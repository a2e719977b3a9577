"""A finished run of pw.x, as far as the programs that go on from it need to know it.

It is known by its nodes alone (``quantumespresso.pw``), so that nothing here needs aiida-quantumespresso.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_crystalmath.calculations.stash import run_behind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ('OUTPUT_FOLDER', 'PREFIX', 'PwRun', 'plain_dict', 'saved_run', 'validate_pw_folder')

OUTPUT_FOLDER = 'out'
PREFIX = 'aiida'
PROCESS_TYPE = 'aiida.calculations:quantumespresso.pw'


@dataclass(frozen=True)
class PwRun:
    """The calculation that made a folder.

    :param node: its process node.
    """

    node: Any

    @classmethod
    def of(cls, folder: orm.RemoteData) -> PwRun | None:
        """Return the run that made a folder; None if no process is known to have made it.

        :raises ValueError: if it was another program's.
        """
        node = run_behind(folder)
        if node is None:
            return None
        if node.process_type != PROCESS_TYPE:
            raise ValueError(
                f'the folder <{folder.pk}> was made by {node.process_label} <{node.pk}>: the wavefunctions come from '
                'pw.x (`quantumespresso.pw`); give the `remote_folder` of one of its runs'
            )
        return cls(node)

    @property
    def inputs(self) -> dict[str, Any]:
        """Its input nodes."""
        found: dict[str, Any] = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
        return found

    def parameter(self, namelist: str, name: str) -> Any:
        """Return what its deck has for a name; None if nothing."""
        node = self.inputs.get('parameters')
        lists = {key.lower(): value for key, value in (node.get_dict() if node else {}).items()}
        entries = {key.lower(): value for key, value in (lists.get(namelist.lower()) or {}).items()}
        return entries.get(name.lower())

    @property
    def n_bands(self) -> int | None:
        """Number of bands as its outputs or its deck say; None if neither does."""
        outputs = self.node.base.links.get_outgoing(link_type=LinkType.CREATE).nested()
        results = outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}
        found = results.get('number_of_bands') or self.parameter('system', 'nbnd')
        return None if found is None else int(found)

    @property
    def kpoints(self) -> NDArray[np.float64] | None:
        """The list of k-points that it was given, fractional; None if it was given a mesh, or nothing is known."""
        node = self.inputs.get('kpoints')
        try:
            points = node.get_kpoints() if node is not None else None
        except AttributeError:
            return None
        return points

    @property
    def mesh(self) -> tuple[list[int], list[float]] | None:
        """The mesh that it was given, and by how much of a step it is moved; None if it was given a list."""
        node = self.inputs.get('kpoints')
        try:
            found = node.get_kpoints_mesh() if node is not None else None
        except AttributeError:
            return None
        return None if found is None else (list(found[0]), list(found[1]))

    @property
    def failure(self) -> str | None:
        """Why there is nothing to go on from; None if it ended well."""
        if self.node.is_finished_ok:
            return None
        return (
            f'{self.node.process_label} <{self.node.pk}> did not end well: exit status {self.node.exit_status} '
            f'({self.node.exit_message or self.node.process_state}); repeat it first'
        )


def validate_pw_folder(value: orm.RemoteData | None, _: Any) -> str | None:
    """Check that a run of pw.x that ended well made a folder, if any process did."""
    try:
        run = None if value is None else PwRun.of(value)
    except ValueError as exception:
        return str(exception)
    return None if run is None else run.failure


def saved_run(parent: orm.RemoteData) -> tuple[str, str, str]:
    """Return the link to what pw.x saved: (computer uuid, path there, path here).

    Only this folder is linked to: what the next program writes to ``outdir`` stays in its own.
    """
    name = f'{OUTPUT_FOLDER}/{PREFIX}.save'
    computer: Any = parent.computer
    return computer.uuid, f'{parent.get_remote_path()}/{name}', name


def plain_dict(node: orm.Dict | None) -> dict[str, Any]:
    """Return the content of an optional ``Dict``."""
    return {} if node is None else dict(node.get_dict())
