"""Whether an SCF that is running may be given up: never one that converges."""

from __future__ import annotations

import math
from itertools import count

import pytest
from pydantic import ValidationError

from aiida_crystalmath.crystal.outputs.scf_log import read_scf_log
from aiida_crystalmath.crystal.scf_behaviour import StopLimits, hopeless

# The two values between which MgO (STO-3G, PBE, 2 x 2 x 2, NODIIS, FMIXING 0) of the stand-in goes up and down.
TWO_CYCLE = [-268.34, -270.01]
WILDEST = 'guessp_fock0_propio_error'
"""A real SCF of 50 cycles that converges after steps of tens of hartree."""


@pytest.fixture(scope='module')
def scf_runs(outputs, corpus):
    """Return every SCF of the corpus that converged, by the file it stands in; those of optimisations as well."""
    runs = [(run, scf) for run, output in outputs.items() for scf in output.scf]
    logs = [*corpus.glob('*/*.SCFLOG'), *corpus.glob('*/SCFOUT.LOG')]
    runs += [(str(path), scf) for path in logs for scf in read_scf_log(path).runs]
    return [(run, scf) for run, scf in runs if scf.converged and not scf.n_dropped_cycles]


def false_alarms(runs, limits: StopLimits, max_cycles: int) -> list[tuple[str, int]]:
    """Return the file and cycle of every converging SCF that would be stopped at any moment of its course."""
    return [
        (run, n)
        for run, scf in runs
        for n in range(1, len(scf.cycles) + 1)
        if hopeless([cycle.energy_hartree for cycle in scf.cycles[:n]], limits, max_cycles=max_cycles)
    ]


@pytest.mark.corpus
@pytest.mark.parametrize('max_cycles', [50, 200])
def test_no_converging_scf_of_the_corpus_is_stopped(scf_runs, max_cycles):
    assert len(scf_runs) >= 115
    assert sum(len(scf.cycles) for _, scf in scf_runs) > 1000
    assert max(len(scf.cycles) for _, scf in scf_runs) > StopLimits().min_cycles
    assert false_alarms(scf_runs, StopLimits(), max_cycles) == []


@pytest.mark.corpus
def test_the_limits_have_a_margin(scf_runs):
    """No false alarm either when every SCF is judged as soon as its window is full, or at half the thresholds."""
    eager = StopLimits(min_cycles=21)
    assert false_alarms(scf_runs, eager, 50) == []
    low = StopLimits(min_cycles=21, oscillation_hartree=0.005, divergence_hartree=0.5, patience=1.0)
    assert false_alarms(scf_runs, low, 50) == []


@pytest.mark.corpus
def test_the_corpus_can_tell_bad_limits(scf_runs):
    """With a short window and small thresholds a real converging SCF would be stopped: the proof is not empty."""
    hasty = StopLimits(min_cycles=10, window=8, oscillation_hartree=1e-3, divergence_hartree=0.01)
    assert {run for run, _ in false_alarms(scf_runs, hasty, 50)} == {WILDEST}


def course(step, n: int = 60) -> list[float]:
    """Return n energies, the first of them -270, each a ``step(i)`` further."""
    energies = [-270.0]
    for i in range(1, n):
        energies.append(energies[-1] + step(i))
    return energies


@pytest.mark.parametrize(
    ('energies', 'expected'),
    [
        (TWO_CYCLE * 30, 'oscillating'),
        (course(lambda i: 0.5 * (-0.999) ** i), 'oscillating'),  # would need thousands of cycles
        (course(lambda i: 0.5 * (-0.8) ** i), None),  # shrinks
        (course(lambda i: 0.5 * 0.8**i), None),
        (course(lambda i: 1e-3 * (-1) ** i), None),  # near convergence: left alone
        (course(lambda i: 0.3), None),  # drifts: the SCF may be on its way to another state
        (course(lambda i: 1e-6 * 1.5**i), 'diverging'),
        (course(lambda i: 1e-6 * (-1.5) ** i), 'diverging'),
        ([-270.0, -271.0, math.nan], 'diverging'),
        ([], None),
    ],
)
def test_hopeless(energies, expected):
    verdict = hopeless(energies, StopLimits(), max_cycles=100)
    assert (verdict and verdict.behaviour) == expected


def test_the_earliest_cycle():
    """A two-cycle is stopped at the 30th cycle; ten cycles with a locked spin do not count."""

    def first(**arguments) -> int:
        return next(n for n in count(1) if hopeless((TWO_CYCLE * 50)[:n], StopLimits(), max_cycles=200, **arguments))

    assert first() == 30
    assert first(locked_cycles=10) == 40


def test_only_the_end_is_known():
    """The last 25 energies do, if it is said which cycle the last one is."""
    energies = (TWO_CYCLE * 20)[:25]
    assert hopeless(energies, StopLimits()) is None
    assert hopeless(energies, StopLimits(), n_cycles=40) is not None


def test_cycles_left_count():
    """What shrinks slowly is left alone where there are cycles enough, and where there are few it is not."""
    energies = course(lambda i: 0.5 * (-0.98) ** i)
    assert hopeless(energies, StopLimits(), max_cycles=400) is None
    assert hopeless(energies, StopLimits(), max_cycles=100) is not None


@pytest.mark.parametrize('wrong', [{'window': 30}, {'min_cycles': '40'}, {'patience': 0.5}, {'mincycles': 40}])
def test_wrong_limits(wrong):
    with pytest.raises(ValidationError):
        StopLimits(**wrong)
