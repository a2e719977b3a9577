"""One imported job as AiiDA itself would make it, in one transaction of the database.

AiiDA's own way, ``run(Crystal23Calculation, **inputs)`` with the input ``remote_folder``, takes an event loop, several
commits and twice the time, and a process that is killed in the middle leaves half a calculation behind. Here the same
process class makes the node, its links, the retrieved files and the outputs; only the steps between are called one by
one. Tests compare the nodes of both ways.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.datastructures import CalcJobState
from aiida.common.folders import SandboxFolder
from aiida.engine import ExitCode
from aiida.engine.daemon.execmanager import retrieve_files_from_list
from aiida.engine.processes.calcjobs.calcjob import CalcJob
from aiida.engine.utils import instantiate_process
from aiida.transports.plugins.local import LocalTransport
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
        process.out(node.link_label_retrieved, _retrieve(runner, node, temporary))
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


def _retrieve(runner: Runner, node: orm.CalcJobNode, temporary: str) -> orm.FolderData:
    """Copy the files of the run into a new folder node, and those for the parser only into a temporary folder.

    The node is stored later, with its link: AiiDA's own retrieval stores it first, which would end the transaction.
    """
    retrieved = orm.FolderData()
    with LocalTransport() as transport, SandboxFolder() as folder:
        kept = str(folder.abspath)
        for target, wanted in ((kept, node.get_retrieve_list()), (temporary, node.get_retrieve_temporary_list())):
            if wanted:
                runner.loop.run_until_complete(retrieve_files_from_list(node, transport, target, list(wanted)))
        retrieved.base.repository.put_object_from_tree(kept)
    return retrieved
