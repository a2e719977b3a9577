"""How far a run has come, from the last part of its output: for what looks at jobs that are running."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Optimisation, OptPoint, ScfRun
from aiida_crystalmath.crystal.outputs.models.optimisation import CRITERIA
from aiida_crystalmath.crystal.outputs.scf_log import ScfLog, read_scf_log
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

__all__ = ('Progress', 'Tails', 'progress_of')

_TERMINATION = ' EEEEEEEEEE TERMINATION'
_NOT_A_NUMBER = re.compile(r'^ CYC\s+\d+ ETOT\(AU\)\s+NaN', re.MULTILINE)


@dataclass(frozen=True)
class Progress:
    """Where a run stands; None where it has not come to it, or where the part that was read does not tell.

    :param scf_cycle: number of the last cycle, and ``energy_hartree``, ``delta_hartree`` its energy and change.
    :param log10_delta: decimal logarithm of the size of that change: the SCF ends below minus TOLDEE.
    :param scf_converged: whether the SCF shown has converged; False while it goes on, or if it did not.
    :param point: number of the last point of an optimisation that has a title; ``point_energy_hartree`` is of the last
        point with an energy, ``gradients`` are its criteria (hartree/bohr and bohr), ``thresholds`` theirs.
    :param stage: name of the part of the program that ended last, ``SHELLXN``; ``elapsed_s`` the program's own clock.
    :param terminated: whether the program said that it ended.
    """

    scf_cycle: int | None = None
    energy_hartree: float | None = None
    delta_hartree: float | None = None
    log10_delta: float | None = None
    gap_ev: float | None = None
    scf_converged: bool = False
    point: int | None = None
    point_energy_hartree: float | None = None
    gradients: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    stage: str | None = None
    elapsed_s: float | None = None
    terminated: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return what is known as plain data."""
        return {name: value for name, value in asdict(self).items() if value not in (None, {})}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Progress:
        """Return what :meth:`as_dict` gave; keys of another version are ignored."""
        return cls(**{name: value for name, value in values.items() if name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Tails:
    """The last part of the output of a run and of its SCFOUT.LOG, as read.

    :param stderr: last part of what the scheduler caught on stderr.
    :param terminated: whether the program said that it ended.
    :param not_a_number: whether the energy of a cycle was ``NaN``, as Fortran prints it; the reader leaves it out.
    """

    output: CrystalOutput
    log: ScfLog
    stderr: str = ''
    terminated: bool = False
    not_a_number: bool = False

    @classmethod
    def read(cls, stdout: str, log: str = '', stderr: str = '') -> Tails:
        """Read texts, which may begin and end anywhere."""
        # Without its banner, as here most often, the reader does not take the end for one of a program.
        terminated = _TERMINATION in stdout
        read = parse_stdout(stdout), read_scf_log(log) if log else ScfLog()
        return cls(*read, stderr, terminated, bool(_NOT_A_NUMBER.search(log or stdout)))

    @property
    def scf_runs(self) -> list[ScfRun]:
        """The SCF seen, in order; of an optimisation the first one is in the output, the others in the log."""
        return [*self.output.scf, *self.log.runs]

    @property
    def current_scf(self) -> ScfRun | None:
        """The SCF that is running, or ran last."""
        runs = [run for run in self.scf_runs if run.cycles]
        return runs[-1] if runs else None


def progress_of(tails: Tails) -> Progress:
    """Return how far a run has come."""
    output = tails.output
    sections = output.timings.sections
    stage = sections[-1] if sections else None
    return Progress(
        **_scf_part(tails.current_scf),
        **_optimisation_part(output.optimisation),
        stage=stage[0] if stage else None,
        elapsed_s=stage[1] if stage else None,
        terminated=tails.terminated,
    )


def _scf_part(run: ScfRun | None) -> dict[str, Any]:
    """Return the fields that an SCF fills."""
    if run is None:
        return {}
    cycle = run.cycles[-1]
    delta = cycle.delta_hartree if cycle.n > 1 else None
    return {
        'scf_cycle': cycle.n,
        'energy_hartree': _finite(cycle.energy_hartree),
        'delta_hartree': _finite(delta),
        'log10_delta': math.log10(abs(delta)) if delta and math.isfinite(delta) else None,
        'gap_ev': cycle.gap_ev,
        'scf_converged': run.converged,
    }


def _optimisation_part(optimisation: Optimisation | None) -> dict[str, Any]:
    """Return the fields that an optimisation fills."""
    if optimisation is None or not optimisation.points:
        return {}
    known: OptPoint | None = next(
        (point for point in reversed(optimisation.points) if point.energy_hartree is not None), None
    )
    values = {} if known is None else {name: getattr(known, name) for name in CRITERIA}
    return {
        'point': optimisation.points[-1].n,
        'point_energy_hartree': known and known.energy_hartree,
        'gradients': {name: value for name, value in values.items() if value is not None},
        'thresholds': dict(optimisation.settings.thresholds),
    }


def _finite(value: float | None) -> float | None:
    """Return a number, None for one that the database cannot hold."""
    return value if value is not None and math.isfinite(value) else None
