"""Whether a running job of ``crystal`` is hopeless. No AiiDA here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from pydantic import Field

from aiida_crystalmath.crystal.diagnosis import by_name, diagnose
from aiida_crystalmath.crystal.outputs.progress import Tails
from aiida_crystalmath.crystal.scf_behaviour import DEFAULT_MAXCYCLE, StopLimits, hopeless

__all__ = ('EarlyWarning', 'Verdict', 'judge')

TOLDEE = 6
OPTIMISATION_TOLDEE = 7
"""CRYSTAL's defaults of TOLDEE."""


class EarlyWarning(StopLimits):
    """The keyword arguments of the monitor: when it stops a job."""

    max_scf_failures: int = Field(
        2, ge=1, description='SCF in a row of an optimisation that ran out of their cycles before it is given up.'
    )


@dataclass(frozen=True)
class Verdict:
    """Why a job is stopped.

    :param name: of an entry of the catalogue of failures.
    :param words: what was seen.
    """

    name: str
    words: str

    def __str__(self) -> str:
        """Return the message of the monitor, from which handlers take the name."""
        return f'{self.name}: {self.words}'


def judge(tails: Tails, parameters: Mapping[str, Any], limits: EarlyWarning) -> Verdict | None:
    """Tell why a running job should be stopped; ``None`` if it should not.

    :param parameters: of the calculation.
    """
    if tails.terminated:
        return None
    return _disk_full(tails) or _scf_failing(tails, limits) or _scf_hopeless(tails, parameters, limits)


def _disk_full(tails: Tails) -> Verdict | None:
    """Find the message of a full disk, as the parser will."""
    found = next((one for one in diagnose(tails.output, stderr=tails.stderr) if one.name == 'disk_full'), None)
    return None if found is None else Verdict(found.name, f'{by_name(found.name).message} [{found.evidence[:200]}]')


def _scf_failing(tails: Tails, limits: EarlyWarning) -> Verdict | None:
    """Find out whether the SCF of an optimisation fails point by point, which CRYSTAL itself mostly stops for."""
    if not tails.log.runs:
        return None
    ended = [run for run in tails.scf_runs if run.complete]
    failed = len(list(takewhile(lambda run: not run.converged, reversed(ended))))
    if failed < limits.max_scf_failures:
        return None
    return Verdict('optimisation_scf_failing', f'the last {failed} SCF of the optimisation did not converge')


def _scf_hopeless(tails: Tails, parameters: Mapping[str, Any], limits: EarlyWarning) -> Verdict | None:
    """Judge the SCF that is running by its energies."""
    run = tails.current_scf
    if run is None or run.complete:
        return None
    scf = parameters.get('scf') or {}
    optimises = (parameters.get('geometry') or {}).get('optgeom') is not None
    max_cycles = scf.get('maxcycle')
    verdict = hopeless(
        [cycle.energy_hartree for cycle in run.cycles] + [math.nan] * tails.not_a_number,
        limits,
        toldee=scf.get('toldee') or (OPTIMISATION_TOLDEE if optimises else TOLDEE),
        max_cycles=max_cycles,
        locked_cycles=_locked_cycles(scf, max_cycles),
        n_cycles=run.cycles[-1].n,
    )
    return None if verdict is None else Verdict(f'scf_{verdict.behaviour}', verdict.reason)


def _locked_cycles(scf: Mapping[str, Any], max_cycles: int | None) -> int:
    """Return for how many cycles the spin is locked before it is set free; 0 if that is to the end (a molecule)."""
    locks = [int(lock[1]) for lock in (scf.get('spinlock'), scf.get('betalock')) if lock]  # negative: a tolerance
    longest = max([0, *locks])
    return longest if longest < (max_cycles or DEFAULT_MAXCYCLE) else 0
