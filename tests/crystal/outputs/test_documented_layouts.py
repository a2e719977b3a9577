"""Layouts that no file of the corpus shows; the excerpts are made up in the layout of the source named in each test."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

HEAD = """\
 *                               CRYSTAL23                                     *
 *                      public : 1.0.1 - October 2022                          *
 EEEEEEEEEE STARTING  DATE 01 02 2026 TIME 10:00:00.0
 made up
"""
END = ' EEEEEEEEEE TERMINATION  DATE 01 02 2026 TIME 11:00:00.0\n'
RULE = f' {"*" * 79}\n'

PRESSURE = """\
 EXTERNAL STRESS APPLIED (HARTREE/BOHR^3):
 (1 HARTREE/BOHR^3 = 29421 GIGAPASCAL)
 EXTERNAL STRESS
 ORDER:   11   12    13
          21   22    23
          31   32    33
  0.3398933E-03  0.0000000E+00  0.0000000E+00
  0.0000000E+00  0.3398933E-03  0.0000000E+00
  0.0000000E+00  0.0000000E+00  0.3398933E-03

"""
POINTS = f"""\
{RULE} CELL OPTIMIZATION - POINT    1
 CYC   0 ETOT(AU) -1.005000000000E+02 DETOT -1.00E+02 tst  0.00E+00 PX  1.00E+00
 CYC   1 ETOT(AU) -1.005000000000E+02 DETOT -1.00E-09 tst  0.00E+00 PX  1.00E-05

 == SCF ENDED - CONVERGENCE ON ENERGY      E(AU) -1.0050000000000E+02 CYCLES   1

 TOTAL ENERGY(DFT)(AU)(  1) -1.0050000000000E+02 DE-1.0E-09 tester 4.0E-08

 TOTAL ENERGY CORRECTED: EXTERNAL STRESS CONTRIBUTION =    0.450E-01
{RULE} CELL OPTIMIZATION - POINT    2
 TOTAL ENERGY CORRECTED: EXTERNAL STRESS CONTRIBUTION =    0.430E-01

 TOTAL ENERGY(DFT)(AU)(  9) -1.0045600000000E+02     DE (AU)   -1.000E-03
{RULE} CELL OPTIMIZATION - POINT    3
 TOTAL ENERGY CORRECTED: EXTERNAL STRESS CONTRIBUTION =    0.430E-01

 TOTAL ENERGY(DFT)(AU)(  7) -1.0045599000000E+02     DE (AU)    1.000E-05

 ******************************************************************
 * OPT END - CONVERGED * E(AU):  -1.004559900000E+02  POINTS    3 *
 ******************************************************************
"""


def test_optimisation_under_pressure_gives_enthalpies() -> None:
    """Layout of a public run of CRYSTAL23 (gfulian/quantas, ELASTCON with PRESSURE and PREOPTGEOM)."""
    output = parse_stdout(HEAD + PRESSURE + POINTS + END)
    optimisation = output.optimisation
    assert optimisation is not None
    stress = optimisation.settings.external_stress_hartree_per_bohr3
    assert stress is not None
    assert stress.diagonal().tolist() == [0.3398933e-3] * 3
    assert optimisation.energy_is_enthalpy
    assert output.energy_source == 'OPT END (ENTHALPY)'
    assert [point.includes_stress for point in optimisation.points] == [False, True, True]
    assert optimisation.points[0].comparable_hartree == pytest.approx(-100.455)
    # By its energy alone the first point would be the lowest.
    assert optimisation.best is optimisation.points[1]


def test_half_a_stress_is_none() -> None:
    """A tensor that the text stops in is not taken."""
    output = parse_stdout(HEAD + PRESSURE.replace('0.3398933E-03  0.0000000E+00  0.0000000E+00', '', 1) + POINTS)
    assert output.optimisation is not None
    assert output.optimisation.settings.external_stress_hartree_per_bohr3 is None
