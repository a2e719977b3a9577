"""A session of imports: run by run, each in a transaction of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine.runners import Runner
from aiida.manage import get_manager
from aiida.manage.caching import disable_caching

from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation
from aiida_crystalmath.calculations.importers.nodes import (
    ImportRefusedError,
    crystal_inputs,
    is_exact,
    job_options,
    properties_inputs,
)
from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.data.structure import to_geometry
from aiida_crystalmath.importing.database import EXTRA, BasisSets, imported_digests, local_computer
from aiida_crystalmath.importing.origin import describe_origin
from aiida_crystalmath.importing.process import make_imported_job
from aiida_crystalmath.importing.wavefunctions import Wavefunctions

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.discovery import FoundRun

__all__ = ('ImportSession', 'Outcome', 'Result')

BY_DATABASE = 'energy of its wavefunction, in the database'
LINK_TOLERANCE_ANGSTROM = 1e-5
"""A structure stands for the one a deck describes if no atom is further away than digits are printed."""


class Outcome(StrEnum):
    """What became of a run."""

    IMPORTED = 'imported'
    PRESENT = 'already in'
    FAILED = 'not imported'


@dataclass(frozen=True)
class Result:
    """What became of a run.

    :param uuid: of its calculation; empty if there is none.
    :param exit_status: of its calculation, when it was imported now.
    :param reason: why it was not imported.
    :param lacks_parent: whether it came in without the run whose wavefunction it used.
    """

    run: FoundRun
    outcome: Outcome
    uuid: str = ''
    exit_status: int | None = None
    reason: str = ''
    lacks_parent: bool = False


class ImportSession:
    """Imports runs into the loaded profile.

    :param runs: in an order in which each stands behind those it goes on from, as ``discover`` returns them.
    :param computer: computer whose disks the runs are on; by default ``localhost``.
    :param group: group to put the calculations into.
    """

    def __init__(
        self, runs: Sequence[FoundRun], *, computer: orm.Computer | None = None, group: orm.Group | None = None
    ) -> None:
        self.runs = runs
        self.group = group
        self._computer = computer
        self._basis_sets = BasisSets()
        self._nodes: dict[str, str] = imported_digests(run.digest for run in runs)
        self._wavefunctions = Wavefunctions()
        self._runner = Runner()

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.runs)

    def results(self) -> Iterator[Result]:
        """Import the runs that are not in yet, and yield what became of each."""
        with disable_caching(), _quiet():
            for run in self.runs:
                yield self._result(run)

    def _result(self, run: FoundRun) -> Result:
        if (uuid := self._nodes.get(run.digest)) is not None:
            self._add_to_group(uuid)
            return Result(run, Outcome.PRESENT, uuid)
        try:
            node, lacks_parent = self._import(run)
        except ImportRefusedError as exception:
            return Result(run, Outcome.FAILED, reason=str(exception))
        except Exception as exception:
            # Whatever is wrong with one run, it is told, and must not stop the thousand behind it.
            logging.getLogger(__name__).debug('%s', run.name, exc_info=True)
            return Result(run, Outcome.FAILED, reason=f'{type(exception).__name__}: {exception}')
        self._nodes[run.digest] = node.uuid
        return Result(run, Outcome.IMPORTED, node.uuid, node.exit_status, lacks_parent=lacks_parent)

    def _import(self, run: FoundRun) -> tuple[orm.CalcJobNode, bool]:
        """Import one run; whatever goes wrong, nothing of it stays in the database.

        :return: its calculation, and whether that lacks the run whose wavefunction it used.
        """
        if self._computer is None:
            self._computer = local_computer()
        try:
            with get_manager().get_profile_storage().transaction():
                inputs = self._inputs(run)
                lacks_parent = run.lacks_parent and inputs['parent_folder'].creator is None
                parent_by = BY_DATABASE if run.lacks_parent and not lacks_parent else run.parent_by
                node = make_imported_job(self._runner, _process_class(run), inputs)
                origin = describe_origin(run, self._uuid(run.started_from), parent_by, lacks_parent=lacks_parent)
                node.base.extras.set(EXTRA, origin)
                node.label = run.output.path.name[:255]
                node.seal()
                if not is_exact(run):
                    node.base.caching.is_valid_cache = False
                if self.group is not None:
                    self.group.add_nodes(node)
        except BaseException:
            self._basis_sets.forget()
            raise
        self._basis_sets.keep()
        return node, lacks_parent

    def _inputs(self, run: FoundRun) -> dict[str, Any]:
        """Return the inputs of the job of a run."""
        remote = orm.RemoteData(computer=self._computer, remote_path=str(run.folder))
        metadata = {'computer': self._computer, 'options': job_options(run)}
        common: dict[str, Any] = {'remote_folder': remote, 'metadata': metadata}
        if run.program == 'properties':
            return {**properties_inputs(run), **common, 'parent_folder': self._parent_folder(run, remote)}
        inputs = {**crystal_inputs(run, self._basis_sets), **common}
        origin = self._node(run.started_from)
        if origin is not None and 'output_structure' in origin.outputs:
            _take_structure(inputs, origin.outputs.output_structure)
        return inputs

    def _parent_folder(self, run: FoundRun, remote: orm.RemoteData) -> orm.RemoteData:
        """Return the folder of the run whose wavefunction was used; ``remote``, its own, if that run is not known.

        :raises ImportRefusedError: if it is known, but was not imported: the next attempt may succeed.
        """
        if run.lacks_parent:
            return self._wavefunctions.folder_of(run.facts) or remote
        parent = self._node(run.parent)
        if parent is None:
            raise ImportRefusedError('the run whose wavefunction it used was not imported')
        folder: orm.RemoteData = parent.outputs.remote_folder
        return folder

    def _node(self, run: FoundRun | None) -> orm.CalcJobNode | None:
        """Return the calculation of an imported run."""
        uuid = self._uuid(run)
        return orm.load_node(uuid) if uuid is not None else None  # type: ignore[return-value]

    def _uuid(self, run: FoundRun | None) -> str | None:
        return self._nodes.get(run.digest) if run is not None else None

    def _add_to_group(self, uuid: str) -> None:
        if self.group is not None:
            self.group.add_nodes(orm.load_node(uuid))


def _process_class(run: FoundRun) -> type[Crystal23Calculation | Crystal23PropertiesCalculation]:
    return Crystal23Calculation if run.program == 'crystal' else Crystal23PropertiesCalculation


def _take_structure(inputs: dict[str, Any], candidate: orm.StructureData) -> None:
    """Take the structure that an optimisation made, if it is the same as the one the run was given.

    The same means: cell, order of atoms, kinds, positions up to the printed digits.
    """
    from aiida_crystalmath.crystal.discovery.fitting import same_geometry

    ours, theirs = to_geometry(inputs['structure']), to_geometry(candidate)
    if ours.kinds == theirs.kinds and same_geometry(ours, theirs, LINK_TOLERANCE_ANGSTROM):
        inputs['structure'] = candidate


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what AiiDA and the parsers log off the terminal: a failed run is no failed import.

    The reports of the calculations, in the database, have it all.
    """
    handlers = [
        handler
        for name in ('aiida', 'aiida.parser', 'aiida.orm')
        for handler in logging.getLogger(name).handlers
        if type(handler).__name__ != 'DBLogHandler'
    ]
    levels = [handler.level for handler in handlers]
    try:
        for handler in handlers:
            handler.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for handler, level in zip(handlers, levels, strict=True):
            handler.setLevel(level)
