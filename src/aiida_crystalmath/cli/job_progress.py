"""How far one running job has come: what its monitor recorded, or what its output says when there is no monitor."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.crystal.outputs.progress import Progress

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode

__all__ = ('JobProgress', 'JobReader', 'words_of')

CRYSTAL = 'crystalmath.crystal23'
FRESH_S = 90.0
"""So old may the monitor's record be; it looks every 30 s where a protocol attached it."""

LOOK_EVERY_S = 10.0
"""Least time between two looks of our own at one computer; more where its transport asks for more."""


@dataclass(frozen=True)
class JobProgress:
    """What is known of a job that is running.

    :param age_s: how old the knowledge is.
    :param problem: why nothing newer is known, in words.
    :param limit_s: the wall time it was given.
    """

    progress: Progress | None = None
    age_s: float = 0.0
    problem: str = ''
    limit_s: float | None = None
    max_cycles: int | None = None
    toldee: int | None = None
    max_points: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, with units in the keys."""
        known = {
            **(self.progress.as_dict() if self.progress else {}),
            'age_s': round(self.age_s, 1) if self.progress else None,
            'problem': self.problem or None,
            'max_wallclock_s': self.limit_s,
            'max_scf_cycles': self.max_cycles,
            'toldee': self.toldee,
            'max_points': self.max_points,
        }
        return {name: value for name, value in known.items() if value is not None}


class JobReader:
    """Reads the progress of running jobs, opening as few connections as it can; keep one for a whole display."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._seen: dict[int, tuple[Progress, float]] = {}
        self._next_look: dict[int, float] = {}
        self._problems: dict[int, str] = {}

    def read(self, node: CalcJobNode, *, is_running: bool) -> JobProgress:
        """Return the progress of a job.

        :param is_running: whether the scheduler says so; of another job only what was seen before is told.
        """
        from aiida_crystalmath.calculations.monitors.crystal23 import last_progress

        pk = int(node.pk or 0)
        recorded = last_progress(node)
        known = [seen for seen in (recorded, self._seen.get(pk)) if seen is not None]
        latest = max(known, key=lambda seen: seen[1], default=None)
        if is_running and (recorded is None or time.time() - recorded[1] > FRESH_S):
            latest = self._look(node) or latest
        problem = self._problems.get(int(getattr(node.computer, 'pk', None) or 0), '') if is_running else ''
        fields = _limits(node)
        if latest is None:
            return JobProgress(problem=problem, **fields)
        return JobProgress(latest[0], max(time.time() - latest[1], 0.0), problem, **fields)

    def _look(self, node: CalcJobNode) -> tuple[Progress, float] | None:
        """Read the output of a job itself; nothing if that is too early, impossible, or there is none yet."""
        from aiida_crystalmath.calculations.monitors.reading import tails_of
        from aiida_crystalmath.crystal.outputs.progress import progress_of

        if not str(node.process_type).endswith(CRYSTAL) or node.computer is None:
            return None
        computer, pk = int(node.computer.pk or 0), int(node.pk or 0)
        # Of several jobs on one computer each has its turn.
        due = self._next_look.get(pk, 0.0)
        if time.monotonic() < max(due, self._next_look.get(-computer, 0.0)):
            return self._seen.get(pk)
        try:
            transport = node.get_authinfo().get_transport()
            pause = max(LOOK_EVERY_S, float(transport.get_safe_open_interval()))
            self._next_look[-computer] = time.monotonic() + float(transport.get_safe_open_interval())
            with transport:
                tails = tails_of(node, transport)
        except Exception as exception:  # noqa: BLE001  # whatever a connection raises is told, and the display goes on
            pause = 3 * LOOK_EVERY_S
            self._next_look[-computer] = time.monotonic() + pause
            self._problems[computer] = (
                f'{node.computer.label} cannot be reached: {" ".join(str(exception).split())[:120]}'
            )
            tails = None
        else:
            self._problems.pop(computer, None)
        self._next_look[pk] = time.monotonic() + pause
        if tails is not None:
            self._seen[pk] = (progress_of(tails), time.time())
        return self._seen.get(pk)


def _limits(node: CalcJobNode) -> dict[str, Any]:
    """Return what bounds the job: wall time, cycles, points, and the threshold of the energy."""
    parameters = node.inputs.parameters.get_dict() if 'parameters' in node.inputs else {}
    scf: Mapping[str, Any] = parameters.get('scf') or {}
    optgeom: Mapping[str, Any] = (parameters.get('geometry') or {}).get('optgeom') or {}
    limit = node.get_option('max_wallclock_seconds')
    return {
        'limit_s': float(limit) if limit else None,
        'max_cycles': scf.get('maxcycle'),
        'toldee': scf.get('toldee'),
        'max_points': optgeom.get('maxcycle'),
    }


def words_of(job: JobProgress) -> str:
    """Return the progress in one line of words; empty if nothing is known."""
    parts = [*_optimisation_words(job), *_scf_words(job)]
    progress = job.progress
    if progress is not None and not parts and progress.stage:
        parts.append(f'past {progress.stage}')
    if progress is not None and progress.elapsed_s is not None:
        clock = duration(progress.elapsed_s + (0.0 if progress.terminated else job.age_s))
        parts.append(f'{clock} of {duration(job.limit_s)}' if job.limit_s else clock)
    if job.problem:
        old = f', known for {duration(job.age_s)}' if progress is not None else ''
        parts.append(f'{job.problem}{old}')
    return '; '.join(parts)


def _optimisation_words(job: JobProgress) -> list[str]:
    """Return point, energy, and the largest gradient with its threshold."""
    progress = job.progress
    if progress is None or progress.point is None:
        return []
    words = f'point {progress.point}' + (f'/{job.max_points}' if job.max_points else '')
    if progress.point_energy_hartree is not None:
        words += f' E {progress.point_energy_hartree:.7f} Ha'
    gradient, threshold = (values.get('max_gradient') for values in (progress.gradients, progress.thresholds))
    if gradient is not None:
        words += f' gradient {gradient:.6f}' + (f' (to {threshold:.6f})' if threshold is not None else '')
    return [words]


def _scf_words(job: JobProgress) -> list[str]:
    """Return cycle, energy, and residual with its threshold."""
    progress = job.progress
    if progress is None or progress.scf_cycle is None:
        return []
    words = f'SCF {progress.scf_cycle}' + (f'/{job.max_cycles}' if job.max_cycles else '')
    if progress.scf_converged:
        words += ' converged'
    if progress.energy_hartree is not None:
        words += f' E {progress.energy_hartree:.7f} Ha'
    if progress.log10_delta is not None:
        words += f' log|dE| {progress.log10_delta:.1f}' + (f' (to -{job.toldee})' if job.toldee else '')
    return [words]


def duration(seconds: float | None) -> str:
    """Return a time in the two largest units: ``42 s``, ``3 min 20 s``, ``7 h 05 min``."""
    whole = round(seconds or 0.0)
    if whole < 60:
        return f'{whole} s'
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f'{minutes} min {rest:02} s' if rest else f'{minutes} min'
    hours, minutes = divmod(minutes, 60)
    return f'{hours} h {minutes:02} min' if minutes else f'{hours} h'
