"""One imported job as AiiDA itself would make it, in one transaction of the database.

AiiDA's own way, ``run(Crystal23Calculation, **inputs)`` with the input ``remote_folder``, takes an event loop, several
commits and twice the time, and a process that is killed in the middle leaves half a calculation behind. Here the same
process class makes the node, its links, the retrieved files and the outputs; only the steps between are called one by
one. Tests compare the nodes of both ways.
"""

from __future__ import annotations

import glob
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.datastructures import CalcJobState
from aiida.common.folders import SandboxFolder
from aiida.engine import ExitCode
from aiida.engine.processes.calcjobs.calcjob import CalcJob
from aiida.engine.utils import instantiate_process
from plumpy import ProcessState

if TYPE_CHECKING:
    from aiida.engine.runners import Runner

__all__ = ('make_imported_job',)


def make_imported_job(runner: Runner, process_class: type[CalcJob], inputs: dict[str, Any]) -> orm.CalcJobNode:
    """Make the finished, sealed node of an imported run, with inputs and outputs.

    To be called within a transaction: what has been stored when an exception is raised must be rolled back.

    :param runner: a runner without communicator and persister.
    :param inputs: as an importer returns them, ``remote_folder`` among them.
    """
    process: Any = instantiate_process(runner, process_class, **inputs)
    node: orm.CalcJobNode = process.node
    with SandboxFolder() as folder, tempfile.TemporaryDirectory() as temporary:
        process.presubmit(folder)
        node.set_remote_workdir(process.inputs.remote_folder.get_remote_path())
        process.out(node.link_label_retrieved, _retrieve(node, temporary))
        process.update_outputs()
        node.set_state(CalcJobState.PARSING)
        node.base.attributes.set(orm.CalcJobNode.IMMIGRATED_KEY, True)
        result: ExitCode = process.parse(temporary)
    process.update_outputs()
    node.set_exit_status(result.status)
    node.set_exit_message(result.message)
    node.set_process_state(ProcessState.FINISHED)
    node.delete_state()
    process.close()
    return node


def _retrieve(node: orm.CalcJobNode, temporary: str) -> orm.FolderData:
    """Copy the files of the run into a new folder node, and those for the parser only into a temporary folder.

    AiiDA's own retrieval stores the node before it has a link, which would end the transaction; and it takes brackets
    and stars in the path of a folder for patterns.
    """
    retrieved = orm.FolderData()
    folder = Path(str(node.get_remote_workdir()))
    with tempfile.TemporaryDirectory() as kept:
        _copy(folder, node.get_retrieve_list() or (), Path(kept))
        retrieved.base.repository.put_object_from_tree(kept)
    _copy(folder, node.get_retrieve_temporary_list() or (), Path(temporary))
    return retrieved


def _copy(folder: Path, entries: Iterable[Any], target: Path) -> None:
    """Copy files as AiiDA's lists say: a name, or (name or pattern there, name here, depth); what is not there is not.

    A depth of 0 gives the file the name here; 1 keeps its name, in the folder here.
    """
    for entry in entries:
        there, here, depth = (glob.escape(entry), '.', 1) if isinstance(entry, str) else entry
        for path in folder.glob(there):
            if path.is_file():
                shutil.copyfile(path, target / here / path.name if depth else target / here)
