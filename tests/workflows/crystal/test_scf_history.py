"""Judging an SCF by its energies."""

from __future__ import annotations

import pytest

from aiida_crystalmath.workflows.crystal.scf_history import classify, next_accelerator, next_fmixing

# Energies of the stand-in (MgO, STO-3G, PBE, 2 x 2 x 2, NODIIS), see the test of the handlers that runs it.
OSCILLATING = [-268.34, -270.01, -268.35, -270.00, -268.34, -270.01, -268.34, -270.01]
CONVERGING = [-271.2, -271.70, -271.755, -271.7645]


@pytest.mark.parametrize(
    ('energies', 'expected'),
    [
        (CONVERGING, 'converging'),
        (OSCILLATING, 'oscillating'),
        ([0.0, 1.0, 0.5, 0.75, 0.625, 0.6875, 0.65625], 'converging'),  # alternates, but shrinks
        ([0.0, -1.0, -2.0, -3.0, -4.0, -5.0], 'stalled'),  # drifts
        ([0.0, 1.0, -2.0, 4.0, -8.0, 16.0], 'diverging'),  # grows
        ([0.0, 1.0, 3.0, 9.0, 27.0, 81.0], 'diverging'),
        ([0.0, 1e-4, -2e-4, 4e-4, -8e-4, 16e-4], 'oscillating'),  # grows, and is small
        ([-10.0, *OSCILLATING[1:], -268.34], 'oscillating'),
        ([-1.0, -1.5], 'unknown'),
        ([], 'unknown'),
        ([-1.0, -1.0, -1.0, -1.0], 'stalled'),  # stands still and yet did not converge
    ],
)
def test_classify(energies, expected):
    assert classify(energies) == expected


def test_only_the_end_counts():
    """A wild start is forgiven when the end converges, and a good start does not excuse the end."""
    end = [-1.0 - 0.5**n for n in range(12)]
    assert classify([*OSCILLATING, *end]) == 'converging'
    assert classify([*end, *[-1 + 0.1 * (-1) ** n for n in range(13)]]) == 'oscillating'


LADDER = (30, 60, 90)
ORDER = ('DIIS', 'BROYDEN', 'ANDERSON')


def test_damping_is_only_ever_raised():
    """30 -> 60 -> 90 -> nothing: lowering it is the wrong direction."""
    steps = []
    value: int | None = 0
    while (value := next_fmixing(value, LADDER)) is not None:
        steps.append(value)
    assert steps == [30, 60, 90]
    assert next_fmixing(None, LADDER) == 60  # CRYSTAL's default is 30
    assert next_fmixing(40, LADDER) == 60


def test_accelerators():
    """NODIIS -> DIIS -> Broyden -> Anderson -> nothing; the default of CRYSTAL is DIIS."""
    assert next_accelerator(False, ORDER) is True
    assert next_accelerator(True, ORDER) == next_accelerator(None, ORDER) == 'BROYDEN'
    assert next_accelerator('BROYDEN', ORDER) == 'ANDERSON'
    assert next_accelerator('ANDERSON', ORDER) is None


def test_other_ladders_and_orders():
    """Steps given in any order are climbed upwards; an accelerator that is left out is not tried, none twice."""
    assert next_fmixing(50, (80, 20, 60)) == 60
    assert next_fmixing(80, (80, 20, 60)) is None
    assert next_accelerator(None, ('ANDERSON', 'DIIS')) is None
    assert next_accelerator(False, ('ANDERSON', 'DIIS')) == 'ANDERSON'
    assert next_accelerator('ANDERSON', ('ANDERSON', 'DIIS')) is True
    assert next_accelerator(None, ()) is None
