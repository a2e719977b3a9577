"""Reading the end of the files of a running job, in one command and however large they are."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aiida_crystalmath.crystal.outputs.progress import Tails

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode
    from aiida.transports import Transport

__all__ = ('read_ends', 'tails_of')

MAX_BYTES = 256_000
"""Of each file so much is read: some tens of SCF cycles of the largest systems, and several optimisation points."""

SCF_LOG = 'SCFOUT.LOG'
_MARK = '##crystalmath-file##'


def tails_of(node: CalcJobNode, transport: Transport, max_bytes: int = MAX_BYTES) -> Tails | None:
    """Read what a running job of ``crystal`` has printed last.

    :param transport: open.
    :return: ``None`` while there is no output: no folder yet, or the job is still in the queue.
    :raises OSError: if the files are there and cannot be read.
    """
    folder = node.get_remote_workdir()
    if not folder:
        return None
    stdout, stderr = str(node.get_option('output_filename')), str(node.get_option('scheduler_stderr') or '')
    found = read_ends(transport, folder, [name for name in (stdout, SCF_LOG, stderr) if name], max_bytes)
    if stdout not in found:
        return None
    return Tails.read(found[stdout], found.get(SCF_LOG, ''), found.get(stderr, ''))


def read_ends(transport: Transport, folder: str, names: Sequence[str], max_bytes: int) -> Mapping[str, str]:
    """Return the last bytes of files in a folder of the machine, by name; what is not there, or empty, is left out.

    One command does it, with the absolute path: the transport of a monitor stands in no particular folder.

    :raises OSError: if the command fails, which it does not for want of a file.
    """
    files = ' '.join(shlex.quote(name) for name in names)
    # Only ASCII comes back: a file may be cut in the middle of a character, and transports insist on whole ones.
    command = (
        f'cd -- {shlex.quote(folder)} 2>/dev/null || exit 0; '
        f'for f in {files}; do if [ -s "$f" ]; then printf "\\n{_MARK}%s\\n" "$f"; '
        f'tail -c {max_bytes} -- "./$f" | LC_ALL=C tr -cd "\\11\\12\\40-\\176"; fi; done'
    )
    status, text, error = transport.exec_command_wait(command)
    if status != 0:
        raise OSError(f'the files of {folder} cannot be read (exit status {status}): {str(error).strip()}')
    parts = str(text).split(f'\n{_MARK}')[1:]
    return {name: content for name, _, content in (part.partition('\n') for part in parts)}
