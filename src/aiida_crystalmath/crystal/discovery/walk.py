"""Walking trees of folders: every file once, whatever links there are, and a reason for what cannot be entered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .files import FileKind, FoundFile, classify

SKIPPED_FOLDERS = frozenset(('.git', '.svn', '.hg', '__pycache__', '.ipynb_checkpoints', 'node_modules'))


def walk(
    roots: Iterable[Path], watch: Callable[[Path], None] | None = None, *, recursive: bool = True
) -> Iterator[list[FoundFile]]:
    """Yield the files of each folder, classified, folders in alphabetic order.

    Links are followed; a folder that was seen already, by whatever path, is not entered again.

    :param roots: folders and files.
    :param watch: called with every folder that is entered.
    :param recursive: whether folders below are entered; those called ``X.optstory`` always are.
    """
    seen: set[tuple[int, int]] = set()
    for root in roots:
        if root.is_dir():
            yield from _walk_folder(root, seen, watch, recursive)
        else:
            yield [_file(root)]


def _walk_folder(
    root: Path, seen: set[tuple[int, int]], watch: Callable[[Path], None] | None, recursive: bool
) -> Iterator[list[FoundFile]]:
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as exception:
            yield [FoundFile(folder, FileKind.UNREADABLE, reason=f'cannot be entered: {exception.strerror}')]
            continue
        if watch is not None:
            watch(folder)
        files = []
        below = []
        for entry in entries:
            path = Path(entry.path)
            if not _is_folder(entry):
                files.append(_file(path))
            elif entry.name not in SKIPPED_FOLDERS and (recursive or entry.name.endswith('.optstory')):
                below.append(path)
        yield files
        pending.extend(reversed(below))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _file(path: Path) -> FoundFile:
    """Classify one file; what is neither file nor folder (a pipe, a link to nowhere) is never opened."""
    try:
        if not path.is_file():
            return FoundFile(path, FileKind.UNREADABLE, reason=_no_file(path))
        status = path.stat()
    except OSError as exception:
        return FoundFile(path, FileKind.UNREADABLE, reason=f'cannot be read: {exception.strerror}')
    return classify(path, status.st_size, status.st_mtime)


def _no_file(path: Path) -> str:
    if path.exists():
        return 'neither a file nor a folder'
    return 'a link that leads nowhere' if path.is_symlink() else 'does not exist'
