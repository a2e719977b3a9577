"""Which run another one goes on from: the wavefunction of ``properties``, the geometry of a later run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import Geometry
from .files import stems
from .fitting import same_geometry
from .runs import FoundRun

SAME_ENERGY_HARTREE = 2e-9
"""Outputs print energies of a few hundred hartree with eleven decimals; larger ones relatively as many digits."""
SAME_GEOMETRY_ANGSTROM = 5e-6
"""Geometries are printed with eight digits and more; two optimisations of MgO of the corpus ended 3e-5 Å apart."""
CLOCK = timedelta(minutes=5)
"""Machines that share a file system may disagree on the time."""


def link_properties(runs: Sequence[FoundRun]) -> None:
    """Find the run whose wavefunction each run of ``properties`` used.

    The program prints the energy of the wavefunction with all its digits: runs with that energy, the same number of
    electrons and of basis functions are it. Where it is not printed (or the run of ``crystal`` is not over), the run in
    front in the same file, the one whose wavefunction the script names, or the one of the same name counts.

    Where none is found, or none that can be imported, the run stands alone: its output tells cell and atoms.
    """
    crystals = [run for run in runs if run.program == 'crystal']
    by_energy: dict[int, list[FoundRun]] = {}
    for run in crystals:
        for energy in run.facts.energies_hartree:
            by_energy.setdefault(round(energy * 1000), []).append(run)
    for run in runs:
        if run.program != 'properties':
            continue
        run.parent, run.parent_by = _parent(run, crystals, by_energy)
        if run.parent is not None and run.parent.problem:
            run.notes.append(f'the run whose wavefunction it used cannot be imported: {run.parent.name}')
            run.parent, run.parent_by = None, ''
        if run.parent is None and not run.facts.has_wavefunction:
            run.problem = 'the run whose wavefunction it used was not found, and its output does not print the atoms'


def _parent(
    run: FoundRun, crystals: Sequence[FoundRun], by_energy: dict[int, list[FoundRun]]
) -> tuple[FoundRun | None, str]:
    same_file = [other for other in crystals if other.output.path == run.output.path and other.part < run.part]
    if same_file and _agree(run, same_file[-1]):
        return same_file[-1], 'output in the same file'
    for energy in run.facts.energies_hartree:
        key = round(energy * 1000)
        near = {id(other): other for shift in (-1, 0, 1) for other in by_energy.get(key + shift, ())}
        found = [other for other in near.values() if _has_energy(other, energy) and _agree(run, other)]
        if found:
            return max(found, key=lambda other: _nearness(run, other)), 'energy of its wavefunction'
    beside = [other for other in crystals if other.folder == run.folder and _agree(run, other)]
    for by, wanted in (
        ('name of its wavefunction', set(run.facts.wavefunctions)),
        ('same name', set(stems(run.output.path.name))),
    ):
        named = [other for other in beside if wanted & set(stems(other.output.path.name)) and not _differ(run, other)]
        if named:
            return max(named, key=lambda other: _nearness(run, other)), by
    only = [other for other in beside if not _differ(run, other)]
    counts = run.facts.n_ao is not None and run.facts.n_electrons is not None
    if len(only) == 1 and len(beside) == 1 and counts and only[0].facts.n_ao == run.facts.n_ao:
        return only[0], 'the only run in the folder, with as many electrons and basis functions'
    return None, ''


def _has_energy(run: FoundRun, energy: float) -> bool:
    return any(same_energy(energy, own) for own in run.facts.energies_hartree)


def same_energy(first: float, second: float) -> bool:
    """Whether two energies (hartree) are the same to the digits that are printed."""
    return abs(first - second) <= max(SAME_ENERGY_HARTREE, abs(first) * 1e-12)


def _agree(run: FoundRun, other: FoundRun) -> bool:
    """Whether nothing that both outputs print speaks against one belonging to the other."""
    ours, theirs = run.facts, other.facts
    for mine, its in ((ours.n_ao, theirs.n_ao), (ours.n_electrons, theirs.n_electrons)):
        if mine is not None and its is not None and mine != its:
            return False
    return not is_later(other.facts.started, ours.started)


def _differ(run: FoundRun, other: FoundRun) -> bool:
    """Whether both energies are known, and are not the same; not so where later steps overwrite the wavefunction."""
    if not run.facts.energies_hartree or not other.facts.energies_hartree:
        return False
    return not any(_has_energy(other, energy) for energy in run.facts.energies_hartree)


def _nearness(run: FoundRun, other: FoundRun) -> tuple[Any, ...]:
    """Return how near a possible parent is: by names, folders, title, and then the later one."""
    names = set(stems(other.output.path.name))
    common = len(os.path.commonpath([run.folder, other.folder]))
    return (
        bool(names & set(run.facts.wavefunctions)),
        other.folder == run.folder,
        bool(names & set(stems(run.output.path.name))),
        common,
        other.facts.title == run.facts.title,
        other.facts.started or datetime.min,
    )


def link_geometries(runs: Iterable[FoundRun]) -> None:
    """Find the runs that started from the geometry another one ended with.

    Cell (same orientation) and positions (same order) must agree within the printed digits, and the optimisation must
    have moved: otherwise the geometry says nothing.
    """
    crystals = [run for run in runs if run.program == 'crystal' and run.facts.initial is not None]
    ended: dict[tuple[object, ...], list[tuple[_Arrays, FoundRun]]] = {}
    for run in crystals:
        initial, final = run.facts.initial, run.facts.final
        if final is not None and initial is not None and not same_geometry(initial, final):
            arrays = _Arrays.of(final)
            ended.setdefault(arrays.key(), []).append((arrays, run))
    for run in crystals:
        if run.facts.initial is None or not ended:
            continue
        start = _Arrays.of(run.facts.initial)
        found = [
            other
            for shift in (-1, 0, 1)
            for arrays, other in ended.get(start.key(shift), ())
            if other is not run
            and arrays.same(start)
            and not is_later(other.facts.ended or other.facts.started, run.facts.started)
            and not _descends(other, run)
        ]
        if found:
            run.started_from = max(found, key=lambda other: _nearness(run, other))


@dataclass(frozen=True, eq=False)
class _Arrays:
    """A geometry ready to be compared with thousands of others.

    :param size: volume (area, length) of the cell, or the spread of a molecule; equal geometries have equal ones.
    """

    name: tuple[str, int, tuple[int, ...]]
    size: float
    frame: NDArray[np.float64]
    fractional: NDArray[np.float64]
    periodic: NDArray[np.bool_]

    @classmethod
    def of(cls, geometry: Geometry) -> _Arrays:
        positions = geometry.positions
        spread = float(np.linalg.norm(positions - positions.mean(axis=0))) if len(positions) else 0.0
        name = (geometry.formula, geometry.dimensionality, tuple(geometry.numbers))
        size = geometry.measure if geometry.dimensionality else spread
        return cls(name, size, geometry.frame, geometry.fractional, np.array(geometry.pbc))

    def key(self, shift: int = 0) -> tuple[object, ...]:
        """Return what equal geometries have in common, up to a shift by one."""
        return (*self.name, round(100 * self.size) + shift)

    def same(self, other: _Arrays) -> bool:
        """Whether cell and atoms are the same within the printed digits; atoms may be shifted by lattice vectors."""
        if np.abs(self.frame - other.frame)[self.periodic].max(initial=0.0) > SAME_GEOMETRY_ANGSTROM:
            return False
        change = self.fractional - other.fractional
        change[:, self.periodic] -= np.rint(change[:, self.periodic])
        return bool(np.linalg.norm(change @ self.frame, axis=1).max(initial=0.0) < SAME_GEOMETRY_ANGSTROM)


def _descends(run: FoundRun | None, ancestor: FoundRun) -> bool:
    """Whether a run goes back to another one, whose descendant it is then."""
    while run is not None:
        if run is ancestor:
            return True
        run = run.started_from
    return False


def is_later(first: datetime | None, second: datetime | None) -> bool:
    """Whether the first time is later than the second, by more than clocks may differ."""
    return first is not None and second is not None and first > second + CLOCK
