"""Layouts of optimisations and forces that no file of the corpus shows.

The excerpts are made up; each test names where its layout is documented.
"""

from __future__ import annotations

from pathlib import Path

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


FORCES = """\
 CARTESIAN FORCES IN HARTREE/BOHR (ANALYTICAL)
   ATOM                     X                   Y                   Z
   1  12             1.000000000000E-16  2.000000000000E-16  3.000000000000E-16
   2   8            -1.000000000000E-16 -2.000000000000E-16 -3.000000000000E-16

 CELL PART

 GRADIENT WITH RESPECT TO THE CELL PARAMETER IN HARTREE/BOHR
ORDER: -D/DA1X, -D/DA1Y, -D/DA1Z
       -D/DA2X, -D/DA2Y, -D/DA2Z
       -D/DA3X, -D/DA3Y, -D/DA3Z
 -0.110000000000E-05  0.120000000000E-05  0.130000000000E-05
  0.210000000000E-05 -0.220000000000E-05  0.230000000000E-05
  0.310000000000E-05  0.320000000000E-05 -0.330000000000E-05

STRESS TENSOR, IN HARTREE/BOHR^3:
ORDER: 11 12 13
       21 22 23
       31 32 33
 -0.250000000000E-06  0.100000000000E-16 -0.100000000000E-16
  0.100000000000E-16 -0.250000000000E-06 -0.100000000000E-16
  0.100000000000E-16  0.100000000000E-16 -0.250000000000E-06

PRESSURE FROM THE STRESS TENSOR,
IN HARTREE/BOHR^3:  0.25000E-06
PRESSURE IN GIGAPASCAL:  0.7355E-02
CONVERSION FACTOR: 1 HARTREE/BOHR^3= 29421 GIGAPASCAL
WHEN USING VALUES FOR BOHR RADIUS AND HARTREE
FROM IUPAC WEBSITE, APRIL 2009
ENTHALPY: -1.0049997000000E+02
NOW EXTERNAL STRESS TAKEN INTO ACCOUNT

GRADIENT WITH RESPECT TO THE CELL PARAMETER IN HARTREE/BOHR,
AFTER ADDING EXTERNAL STRESS
ORDER: -D/DA1X, -D/DA1Y, -D/DA1Z
       -D/DA2X, -D/DA2Y, -D/DA2Z
       -D/DA3X, -D/DA3Y, -D/DA3Z
  0.510000000000E-02 -0.520000000000E-02 -0.530000000000E-02
 -0.540000000000E-02  0.550000000000E-02 -0.560000000000E-02
 -0.570000000000E-02 -0.580000000000E-02  0.590000000000E-02

"""


def test_external_stress_has_its_own_gradient() -> None:
    """Layout of the same run: the gradient of the energy stays, that with the stress is another."""
    gradients = parse_stdout(HEAD + FORCES + END).gradients
    assert gradients is not None
    assert gradients.cell is not None
    assert gradients.cell[0].tolist() == [-1.1e-6, 1.2e-6, 1.3e-6]
    assert gradients.cell_under_stress is not None
    assert gradients.cell_under_stress[2, 2] == 5.9e-3
    assert gradients.pressure_gpa == 0.7355e-2
    assert gradients.enthalpy_hartree == -100.49997
    assert gradients.complete


def test_enthalpy_of_a_real_run(corpus: Path) -> None:
    """mgo_opt_c22: the line ENTHALPY below the pressure of its only forces."""
    gradients = parse_stdout(corpus / 'mgo_opt_c22/conv_mgoOpt.out').gradients
    assert gradients is not None
    assert gradients.enthalpy_hartree == -275.43677580829
    assert gradients.cell_under_stress is None


RESTARTED = f"""\
 OPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPT

            RESTARTING FROM A PREVIOUS GEOMETRY OPTIMIZATION RUN
 OPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPTOPT
{RULE} CELL OPTIMIZATION - POINT    4
 INITIAL HESSIAN FROM PREVIOUS OPTIMIZATION

              1
   1    0.719159E+01

 TOTAL ENERGY(DFT)(AU)( 11) -1.2000000000000E+03     DE (AU)   -1.700E-08

 UPDATED TRUST RADIUS     0.000E+00
 INFORMATION **** OPTGEN **** TOO SMALL TRUST RADIUS - INDICES UPDATED IN NEXT POINT
Abort(1) on node 1 (rank 1 in comm 0): application called MPI_Abort(MPI_COMM_WORLD, 1) - process 1
"""


def test_restarted_optimisation_that_aborts() -> None:
    """Layout of a public run of CRYSTAL23 (MACE, tests/data/opt_restart): the error stands in fort.87 only."""
    output = parse_stdout(HEAD + RESTARTED)
    assert output.optimisation is not None
    assert output.optimisation.settings.restarted
    assert [point.n for point in output.optimisation.points] == [4]
    assert output.optimisation.points[0].energy_hartree == -1200.0
    assert output.status == 'failed'
    assert output.energy_hartree is None


def test_default_number_of_points(corpus: Path) -> None:
    """mgo_opt_c22: the echo of OPTGEOM says -1 steps, the line below OPTIMIZATION STARTS that these are 100."""
    optimisation = parse_stdout(corpus / 'mgo_opt_c22/conv_mgoOpt.out').optimisation
    assert optimisation is not None
    assert optimisation.settings.max_points == 100
