"""Everything that is in a tree: runs, how they hang together, and what is left over, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .files import FileKind, FoundFile, stems
from .links import link_geometries, link_properties
from .pairing import Folder
from .runs import FoundRun
from .walk import walk

_LEFT_OVER = {
    FileKind.DECK: 'no output was found that belongs to it',
    FileKind.PROPERTIES_DECK: 'no output was found that belongs to it',
    FileKind.SCF_LOG: 'a log without the output of its run',
    FileKind.GEOMETRY: 'no run was found that it belongs to',
    FileKind.AUXILIARY: 'no run was found that it belongs to',
    FileKind.SCHEDULER: 'no run was found that it belongs to',
}


@dataclass
class Plan:
    """What was found.

    :param runs: runs that can be imported, each behind those it goes on from.
    :param refused: runs that cannot, each with its ``problem``.
    :param left_over: files of CRYSTAL that belong to no run, and what cannot be read, with the reason.
    :param n_files: number of files seen, those of no program of CRYSTAL included.
    """

    runs: list[FoundRun] = field(default_factory=list)
    refused: list[FoundRun] = field(default_factory=list)
    left_over: list[FoundFile] = field(default_factory=list)
    n_files: int = 0


def discover(roots: Iterable[Path], watch: Callable[[Path], None] | None = None, *, recursive: bool = True) -> Plan:
    """Find the runs in folders and all folders below.

    :param roots: folders (or single files).
    :param watch: called with every folder that is entered.
    :param recursive: whether folders below are entered (``X.optstory`` always is).
    """
    plan = Plan()
    folders: list[Folder] = []
    found: list[FoundRun] = []
    pending: dict[Path, list[FoundFile]] = {}
    for files in walk([root.absolute() for root in roots], watch, recursive=recursive):
        plan.n_files += sum(file.kind is not FileKind.UNREADABLE for file in files)
        if files:
            pending.setdefault(files[0].path.parent, []).extend(files)
    for path, files in pending.items():
        folder = Folder(files, _stories(path, pending))
        folders.append(folder)
        found += folder.pair()
    link_properties(found)
    link_geometries(found)
    _settle(plan, found)
    for folder in folders:
        plan.left_over += _left_over(folder, pending)
    return plan


def _stories(folder: Path, all_files: dict[Path, list[FoundFile]]) -> dict[str, list[str]]:
    """Return the folders ``X.optstory`` of the scripts, by X, that stand in a folder."""
    return {
        path.stem: [file.path.name for file in files]
        for path, files in all_files.items()
        if path.parent == folder and path.suffix == '.optstory'
    }


def _settle(plan: Plan, found: list[FoundRun]) -> None:
    """Sort runs into those that can be imported, in an order that they can be, and those that cannot."""
    for run in found:
        if run.started_from is not None and run.started_from.problem:
            run.started_from = None
    done: set[int] = set()

    def add(run: FoundRun) -> None:
        if id(run) in done:
            return
        done.add(id(run))
        for other in (run.parent, run.started_from):
            if other is not None:
                add(other)
        (plan.refused if run.problem else plan.runs).append(run)

    for run in found:
        add(run)


def _left_over(folder: Folder, all_files: dict[Path, list[FoundFile]]) -> list[FoundFile]:
    """Return the files of a folder that belong to no run, with the reason."""
    found = []
    for file in folder.files:
        story = file.path.parent
        if file.path in folder.used or (file.kind is FileKind.FOREIGN and not _is_suspect(file)):
            continue
        if story.suffix == '.optstory' and _has_run(story, all_files):
            continue
        reason = file.reason or folder.reasons.get(file.path) or _LEFT_OVER.get(file.kind, '')
        found.append(FoundFile(file.path, file.kind, file.size, file.mtime, file.standard, file.stem, reason))
    return found


def _has_run(story: Path, all_files: dict[Path, list[FoundFile]]) -> bool:
    """Whether the run that a folder ``X.optstory`` belongs to is beside it."""
    return any(story.stem in stems(file.path.name) for file in all_files.get(story.parent, ()))


def _is_suspect(file: FoundFile) -> bool:
    """Whether a file that is not CRYSTAL's has a name that promises an output."""
    return file.path.suffix in ('.out', '.outp')
