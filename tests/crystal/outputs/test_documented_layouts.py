"""Layouts that no file of the corpus shows; the excerpts are made up in the layout of the source named in each test."""

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


TWO_COMPONENTS = f"""\
{RULE} made up
 CRYSTAL - SCF - TYPE OF CALCULATION :  UNRESTRICTED OPEN SHELL
{RULE}
 CYC   0 ETOT(AU) -2.000000000000E+02 DETOT -2.00E+02 tst  0.00E+00 PX  1.00E+00
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT FDIK        TELAPSE       12.53 TCPU       11.77
 POSSIBLY CONDUCTING STATE - EFERMI(AU) -6.0000000E-02 (RES. CHARGE  3.51E-11;IT. 10)
 - NUMBER OF FULLY OCCUPIED/TOTAL SPINORS -    22 /     70
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT PDIG        TELAPSE       12.77 TCPU       12.01
 CHARGE NORMALIZATION FACTOR   1.00000000
 ATOMIC PARTICLE-No DENSITY:
  19.2500000  18.7500000
 TOTAL X-COMP MAGNETIZATION    0.50000000
 ATOMIC MX                 :
   0.2000000   0.3000000
 TOTAL Y-COMP MAGNETIZATION   -0.10000000
 ATOMIC MY                 :
  -0.0400000  -0.0600000
 TOTAL Z-COMP MAGNETIZATION    1.00000000
 ATOMIC MZ                 :
   0.7000000   0.3000000
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT MOQGAD      TELAPSE       12.80 TCPU       12.10
 CYC   1 ETOT(AU) -2.000000000001E+02 DETOT -1.00E-10 tst  0.00E+00 PX  1.00E-05

 == SCF ENDED - CONVERGENCE ON ENERGY      E(AU) -2.0000000000010E+02 CYCLES   1

"""


def test_two_component_scf() -> None:
    """Lines of one cycle of gold with spin-orbit coupling, published in the tests of MACE (automation of CRYSTAL)."""
    output = parse_stdout(HEAD + TWO_COMPONENTS + END)
    run = output.scf[0]
    assert output.two_component
    assert (run.n_occupied_spinors, run.n_spinors) == (22, 70)
    assert run.charges == (19.25, 18.75)
    assert run.magnetisation == (0.5, -0.1, 1.0)
    assert run.atomic_magnetisation == ((0.2, -0.04, 0.7), (0.3, -0.06, 0.3))
    assert run.state is not None
    assert run.state.is_conducting
    assert output.energy_hartree == -200.000000000100
    assert output.fermi_energy_hartree == -0.06


def test_cut_two_component_scf_has_no_vector() -> None:
    """A cycle cut before its last component gives none of the magnetisation of its atoms."""
    run = parse_stdout(HEAD + TWO_COMPONENTS.partition('   0.7000000')[0]).scf[0]
    assert run.atomic_magnetisation == ()
    assert run.magnetisation == (0.5, -0.1, 1.0)
    assert not run.complete


POLYMER = f"""\
 POLYMER CALCULATION
 POLYMER GROUP N. 28                  :  P M M M
 CORRESPONDING SPACE GROUP            :  P M M M
 (THE SPACE GROUP SYMBOL AND EQUIVALENT POSITIONS REFER TO A Z-ORIENTED POLYMER)

 LATTICE PARAMETER (ANGSTROMS) - CONVENTIONAL CELL        2.50000

 NUMBER OF SYMMETRY OPERATORS         :    8

 GEOMETRY FOR WAVE FUNCTION - DIMENSIONALITY OF THE SYSTEM    1
 (NON PERIODIC DIRECTION: LATTICE PARAMETER FORMALLY SET TO 500)
{RULE[:-1]}
 LATTICE PARAMETERS (ANGSTROMS AND DEGREES) - BOHR = 0.5291772083 ANGSTROM
 PRIMITIVE CELL
         A              B              C           ALPHA      BETA       GAMMA
     2.50000000   500.00000000   500.00000000    90.000000  90.000000  90.000000
{RULE[:-1]}
 ATOMS IN THE ASYMMETRIC UNIT    2 - ATOMS IN THE UNIT CELL:    2
     ATOM                 X/A             Y(ANGSTROM)         Z(ANGSTROM)
{RULE[:-1]}
      1 T   6 C     0.000000000000E+00  1.000000000000E-01  0.000000000000E+00
      2 T   6 C    -5.000000000000E-01  0.000000000000E+00  0.000000000000E+00

 T = ATOM BELONGING TO THE ASYMMETRIC UNIT

 DIRECT LATTICE VECTORS CARTESIAN COMPONENTS (ANGSTROM)
          X                    Y                    Z
   0.250000000000E+01   0.000000000000E+00   0.000000000000E+00
   0.000000000000E+00   0.500000000000E+03   0.000000000000E+00
   0.000000000000E+00   0.000000000000E+00   0.500000000000E+03

 WARNING **** RDDFTP **** HSEsol-HJS ACTIVE
 RANGE SEPARATION - OMEGA:   0.110000000000000
 WARNING **** RDDFTP **** HSEsol-3c has to be combined with sol-def2-mSVP basis set
 N. OF ATOMS PER CELL         2  COULOMB OVERLAP TOL         (T1) 10**   -8
 TYPE OF CALCULATION :  RESTRICTED CLOSED SHELL
 KOHN-SHAM HAMILTONIAN

 (EXCHANGE)[CORRELATION] FUNCTIONAL:(HSEsol GGA)[PBEsol]

 RANGE-SEPARATED HYBRID FUNCTIONAL
 OMEGA (SHORT-RANGE)[LONG-RANGE]:(    0.1100)[    0.0000]

 HYBRID EXCHANGE - PERCENTAGE OF FOCK EXCHANGE    25.0000

 SHRINK. FACT.(MONKH.)   12  1  1  NUMBER OF K POINTS IN THE IBZ      7
 EEEEEEEEEE INT_CALC TERMINATION  DATE 28 09 2026 TIME 16:04:07.3

{RULE[:-1]}
 made up
 CRYSTAL - SCF - TYPE OF CALCULATION :  RESTRICTED CLOSED SHELL
{RULE[:-1]}
 CYC   0 ETOT(AU) -7.500000000000E+01 DETOT -7.50E+01 tst  0.00E+00 PX  1.00E+00
 CYC   1 ETOT(AU) -7.500000000000E+01 DETOT  1.60E-11 tst  1.95E-15 PX  3.73E-06

 == SCF ENDED - CONVERGENCE ON ENERGY      E(AU) -7.5000000000000E+01 CYCLES   1


 ENERGY EXPRESSION=HARTREE+FOCK EXCH*0.00000+(HSESOL     EXCH)*1.00000+PBESOL     CORR


 TOTAL ENERGY(DFT)(AU)(  1) -7.5000000000000E+01 DE 1.6E-11 tester 1.9E-15
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT EDFT        TELAPSE        2.69 TCPU        1.98

 INFORMATION **** DFTD3 ENERGY **** CALCULATE DFTD3 ENERGY

           DFT-D V3(BJ)
 DF                                         hsesol3c
 parameters
 s6       :    1.0000
 s8       :    0.0000
 Edisp /kcal,au:    -0.5071 -0.00080810

 E6    /kcal :    -0.4910
 E8    /kcal :     0.0000
 E6(ABC) "   :  -0.016096

 INFORMATION **** DFTD3 ENERGY **** NORMAL TERMINATION OF DFTD3 MODULE

 GCP ENERGY CALCULATION
  level        hsesol3c            basis:hsesol3c
 ** gCP correction **
  Egcp:        0.0006692476 / (a.u.) ||       0.4200 / (kcal/mol)
 INFORMATION **** GCP **** NORMAL TERMINATION OF GCP MODULE

{RULE[:-1]}

 DFT-D3-GCP DISPERSION AND COUNTERPOISE CORRECTION

 D3 DISPERSION ENERGY (AU)      -8.0000000000000E-04
 GCP ENERGY (AU)                 6.0000000000000E-04
 TOTAL ENERGY + DISP + GCP (AU) -7.5000200000000E+01

"""


def test_polymer_with_composite_method() -> None:
    """Layout of public runs of CRYSTAL23 (MACE, tests/data/low_dim_groups): POLYMER, HSEsol-3c with D3, ABC and gCP.

    The line of INT_CALC speaks of a TERMINATION and is not the program's.
    """
    output = parse_stdout(HEAD + POLYMER + END)
    assert output.status == 'finished'
    assert output.dimensionality == 1
    assert output.group is not None
    assert (output.group.kind, output.group.number, output.group.symbol) == ('rod', 28, 'P M M M')
    assert output.initial_geometry is not None
    assert output.initial_geometry.positions.tolist() == [[0.0, 0.1, 0.0], [-1.25, 0.0, 0.0]]
    assert output.cell_primitive is not None
    assert (output.cell_primitive.a, output.cell_primitive.b) == (2.5, 500.0)
    assert output.functional is not None
    assert output.functional.exchange == 'HSEsol GGA'
    assert output.functional.range_separated
    assert output.scf[0].dispersion_hartree == -8e-4
    assert output.scf[0].gcp_hartree == 6e-4
    assert (output.energy_hartree, output.energy_source) == (-75.0002, 'TOTAL ENERGY + DISP + GCP')
    assert not parse_stdout(HEAD + POLYMER).terminated


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


QUASI_HARMONIC = f"""\
 ESTABLISHING CONTINUITY OF NORMAL MODES

{RULE} THERMAL PROPERTIES FROM HELMHOLTZ FREE ENERGY AT P =  50.924 GPa
{RULE}

    T (K)    V (Ang^3)    ALPHA (1/K)   B (GPa)     U (Ha/cell)        H (Ha/cell)         F (Ha/cell)

    10.00     400.799     0.33075E-11   341.556  -0.88140696403E+03  -0.88082784575E+03  -0.88140696404E+03
    15.92     400.801     0.48095E-11   341.555  -0.88140696402E+03  -0.88082784574E+03  -0.88140696405E+03

{RULE} LINEAR THERMAL EXPANSION OF CONVENTIONAL LATTICE PARAMETERS
{RULE}

    T (K)  a (Ang)  ALPHA_a (1/K)  b (Ang)  ALPHA_b (1/K)  c (Ang)  ALPHA_c (1/K)

    10.00   7.9147   0.11015E-11   7.9147   0.11015E-11     7.9147   0.11015E-11
    15.92   7.9148   0.16017E-11   7.9148   0.16017E-11     7.9148   0.16017E-11
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT QHA         TELAPSE   393369.63 TCPU   393328.99
"""


def test_quasi_harmonic_tables_at_pressures() -> None:
    """Layout of a public run of CRYSTAL17 (gfulian/quantas, examples/qha/crystal-qha): energies beside the volume."""
    result = parse_stdout(HEAD + QUASI_HARMONIC + END).quasi_harmonic
    assert result is not None
    assert result.complete
    (table,) = result.at_pressure
    assert table.pressure_gpa == 50.924
    assert table.volumes_angstrom3 is not None
    assert table.volumes_angstrom3.tolist() == [400.799, 400.801]
    assert table.internal_energy_hartree is not None
    assert table.internal_energy_hartree.tolist() == [-881.40696403, -881.40696402]
    assert table.enthalpy_hartree is not None
    assert table.enthalpy_hartree[1] == -880.82784574
    assert table.helmholtz_hartree is not None
    assert table.helmholtz_hartree[0] == -881.40696404
    assert table.lattice_angstrom is not None
    assert table.lattice_angstrom.tolist() == [[7.9147] * 3, [7.9148] * 3]


ELASTIC = """\
 ************************************************************************
 ************************************************************************
 * ELASTCON OPTION, W.F. PERGER, B. CIVALLERI, R. DOVESI                *
 * REFERENCES TO BE QUOTED WHEN USING THIS MODULE:                      *
 *                                                                      *
 * IT IS ASSUMED THAT THE INPUT IS FROM AN OPTIMIZED RUN                *

 CONVERGENCE CRITERION FOR ENERGY, TOLDEE =          1.0000E-08
 CONVERGENCE CRITERION FOR RMS GRADIENT, TOLDEG =    3.0000E-04
 MAGNITUDE OF STEPSIZE FOR ADIMENSIONAL STRAINS =    1.0000E-02
 NUMBER OF POINTS (TOTAL) IN NUMERICAL 2ND DERIVATIVE=        3
 ************************************************************************

 ************************************************************************
 ************************************************************************
                           FINAL RESULTS START
 ************************************************************************
 ************************************************************************

 THE CALCULATION HAS BEEN PERFORMED WITH   3 POINTS AND
 A STEP OF     0.01000
 THIS PERMITS TO PERFORM A FITTING UP TO SECOND   ORDER

 DATA FOR MAXIMUM NUMBER OF POINTS AND ORDER OF FIT

 ************************************************************************
 ELASTIC PROPERTIES AT PRESSURE (GPa) =  16.000

 Users of this module are kindly asked to cite the following reference:

 A. Erba, A. Mahmoud, D. Belmonte and R. Dovesi, J. Chem. Phys., 140, 124703 (2014)

 ************************************************************************


 SYMMETRIZED ELASTIC CONSTANTS FOR CUBIC        CASE, IN GPa

 |   300.000  100.000  100.000    0.000    0.000    0.000 |
 |            300.000  100.000    0.000    0.000    0.000 |
 |                     300.000    0.000    0.000    0.000 |
 |                              150.000    0.000    0.000 |
 |                                       150.000    0.000 |
 |                                                150.000 |


 ELASTIC MODULI (COMPLIANCE TENSOR), IN TPa^-1

 |    4.0000  -1.0000  -1.0000   0.0000   0.0000   0.0000 |
 |             4.0000  -1.0000   0.0000   0.0000   0.0000 |
 |                      4.0000   0.0000   0.0000   0.0000 |
 |                               5.5000   0.0000   0.0000 |
 |                                        5.5000   0.0000 |
 |                                                 5.5000 |


 BULK MODULUS K, SHEAR MODULUS G, YOUNG MODULUS E AND
 POISSON RATIO v (ALL IN GPa) ACCORDING TO VOIGT-REUSS-HILL

    K_V     G_V     K_R     G_R     K_H     G_H    E_H      v_H

  168.06  141.24  168.06  132.12  168.06  136.68  322.59   0.180

 SEISMIC VELOCITIES BY CHRISTOFFEL EQUATION (km/s)

       WAVE VECTOR                Vp        Vs1       Vs2

 [ 0.000  0.000  1.000]          9.252     6.937     6.937
 [ 0.000  1.000  0.000]          9.252     6.937     6.937
 [ 1.000  1.000  1.000]         10.583     5.910     5.910

 ************************************************************************
 ************************************************************************
                           FINAL RESULTS END
 ************************************************************************
 ************************************************************************


 BULK MODULUS (GPa)

 K =     168.06

"""


def test_elastic_constants_under_pressure() -> None:
    """Layout of public runs of CRYSTAL23 (gfulian/quantas, examples/thermoelasticity): no criteria of stability."""
    elastic = parse_stdout(HEAD + ELASTIC + END).elastic
    assert elastic is not None
    assert elastic.complete
    assert elastic.pressure_gpa == 16.0
    assert elastic.constants is not None
    assert elastic.constants[0].tolist() == [300.0, 100.0, 100.0, 0.0, 0.0, 0.0]
    assert elastic.compliance_per_tpa is not None
    assert elastic.compliance_per_tpa[3, 3] == 5.5
    assert elastic.moduli is not None
    assert elastic.moduli.shear_reuss_gpa == 132.12
    assert [velocity.longitudinal for velocity in elastic.velocities] == [9.252, 9.252, 10.583]
    assert elastic.bulk_modulus_gpa == 168.06
    assert elastic.stability == {}


def test_title_of_elapiezo() -> None:
    """Quantas (gfulian/quantas) takes ``ELAPIEZO OPTION`` for the same title; tables of ELAPIEZO are not known."""
    output = parse_stdout(HEAD + ELASTIC.replace('* ELASTCON OPTION', '* ELAPIEZO OPTION') + END)
    assert output.is_elastic_run
    assert output.is_piezoelectric_run
    assert output.elastic is not None
    assert output.elastic.complete
    assert output.piezoelectric is None


def test_default_number_of_points(corpus: Path) -> None:
    """mgo_opt_c22: the echo of OPTGEOM says -1 steps, the line below OPTIMIZATION STARTS that these are 100."""
    optimisation = parse_stdout(corpus / 'mgo_opt_c22/conv_mgoOpt.out').optimisation
    assert optimisation is not None
    assert optimisation.settings.max_points == 100


BOXES = f"""\
{RULE} made up
 CRYSTAL - PROPERTIES - TYPE OF CALCULATION :  UNRESTRICTED OPEN SHELL
{RULE}
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT ECH3 START  TELAPSE        8.39 TCPU        6.59

 3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D
 3D DENSITY, GRID IS 100*100*354
    Z COORDINATE RANGE IS    -9.514 TO    47.754
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT CHARGE      TELAPSE     2036.04 TCPU     2030.72
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT ECH3 END    TELAPSE     2036.05 TCPU     2030.73
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT ECH3        TELAPSE     2036.05 TCPU     2030.73
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT POT3 START  TELAPSE     2036.05 TCPU     2030.73
 PLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPLPL

  MULTIPOLAR EXPANSION UP TO L=  4

 MULTIPOLE ANALYSIS BY SHELLS
 L=  0 M=  0   1.251E+00  6.931E-01  3.703E-01  9.915E-01  2.091E+00  5.669E-01

 3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D3D
 3D DENSITY, GRID IS  80* 80*200
    Z COORDINATE RANGE IS    -9.514 TO    47.754
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT POT3 END    TELAPSE     2500.04 TCPU     2494.00
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT POT3        TELAPSE     2500.04 TCPU     2494.00
 ENDPROP
"""


def test_box_of_the_potential_is_none_of_the_density() -> None:
    """Layout of public runs of CRYSTAL23 (MACE, cif/cube): ECH3 and POT3 print the same words above their boxes."""
    properties = parse_stdout(HEAD + BOXES + END).properties
    assert properties is not None
    assert properties.keywords == ['ECH3', 'POT3']
    assert [(grid.keyword, grid.shape) for grid in properties.grids] == [
        ('ECH3', (100, 100, 354)),
        ('POT3', (80, 80, 200)),
    ]
    assert all(grid.complete for grid in properties.grids)


MEMORY = """\
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT SHELLXN     TELAPSE      800.00 TCPU      790.00
 MMMMM SHELLXN     USED MEM(MB)    155.42 MAX MEM    170.01 TOT MEM      4973.29
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT END         TELAPSE      946.86 TCPU      892.18
 MMMMM END         USED MEM(MB)    150.42 MAX MEM    160.01 TOT MEM      4813.44
"""


def test_memory_of_crystal23() -> None:
    """Layout of the end of a public run of CRYSTAL23 (MACE, cif/MACEfail_debug)."""
    output = parse_stdout(HEAD + MEMORY + END)
    assert output.resources.peak_memory_mb == 170.01
    assert output.resources.total_memory_mb == 4973.29
    assert output.timings.sections[-1] == ('END', 946.86, 892.18)


@pytest.mark.parametrize(
    ('run', 'kind', 'lost'),
    [
        ('slab_opt_c14/*.out', 'space', True),  # SLABCUT
        ('nano05_opt/*.out', 'layer', True),  # NANOTUBE
        ('mgo_opt_c22/conv_mgoOpt.out', 'space', False),
        ('graphene_elastic/*.out', 'layer', False),
    ],
)
def test_group_of_what_was_cut_or_rolled(corpus: Path, run: str, kind: str, lost: bool) -> None:
    """A slab cut from a crystal has not the space group printed above it, nor has a tube the group of its slab."""
    output = parse_stdout(next(corpus.glob(run)))
    assert output.group is not None
    assert output.group.kind == kind
    assert output.group_is_of_parent is lost


ANISOTROPIC = f"""\
 POLARIZABILITY (ALPHA), DIELECTRIC (EPSILON) AND FIRST-ORDER ELECTRIC
 SUSCEPTIBILITY (CHI(1)) TENSORS (INDEPENDENT COMPONENTS)

  COMPONENT    ALPHA(REAL, IMAGINARY)         EPSILON       CHI(1)
     XX        5.0000        0.0000        1.5000        0.5000
     XY        0.0000        0.0000        0.0000        0.0000
     XZ        0.0000        0.0000        0.0000        0.0000
     YY        5.0000        0.0000        1.5000        0.5000
     YZ        0.0000        0.0000        0.0000        0.0000
     ZZ        6.0000        0.0000        1.6000        0.6000

 DIELECTRIC TENSOR

 TENSOR IN PRINCIPAL AXES SYSTEM
 AA  1.500000E+00 BB  1.500000E+00 CC  1.600000E+00

 REFRACTIVE INDICES
 AA  1.224745E+00 BB  1.224745E+00 CC  1.264911E+00

 BIREFRINGENCE =    0.04017

 ALPHA IN BOHR**3; EPSILON AND CHI(1) ARE DIMENSIONLESS.
{RULE}"""


def test_birefringence() -> None:
    """The line is known from pycrystal; the table is that of CRYSTAL14 in the corpus."""
    polarisability = parse_stdout(HEAD + ANISOTROPIC + END).polarisability
    assert polarisability is not None
    (response,) = polarisability.responses
    assert response.refractive_indices == (1.224745, 1.224745, 1.264911)
    assert response.birefringence == 0.04017


EQUATION_OF_STATE = """\
 EOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOS

   VOLUME (A^3)   ENERGY (a.u.)  DIFFERENCE RELATIVE
                                    TO CENTRAL
  4.95853655E+02 -7.81429458E+03  5.17645332E-01
  6.77263529E+02 -7.81467207E+03  1.40149051E-01

 SORTING VOLUMES/ENERGIES

     VOLUME (A^3)    ENERGY (a.u.)

     495.853655   -7.814294578680E+03
     604.699579   -7.814812224012E+03
     677.263529   -7.814672074961E+03

 +++++++ FITTING USING ALL POINTS +++++++

 USERS OF THIS EOS MODULE SHOULD KINDLY CITE THE FOLLOWING REFERENCE:

 A. Erba, A. Mahmoud, D. Belmonte and R. Dovesi, J. Chem. Phys., 140, 124703 (2014)



 EQUATION OF STATE             VOL(A^3)        E(AU)       BM(GPa)   BM PRIME
 -------------------------------------------------------------------------------
 MURNAGHAN 1944                604.6212     -7814.81219052  167.16     3.74
 BIRCH-MURNAGHAN 1947          604.4507     -7814.81224772  167.81     3.90
 POIRIER-TARANTOLA 1998        604.3251     -7814.81231355  168.43     4.01
 VINET 1987                    604.3833     -7814.81227582  168.10     3.96

 POLYNOMIAL FITTING            VOL(A^3)        E(AU)       BM(GPa)
 -------------------------------------------------------------------------------
 THIRD ORDER POLYNOMIAL        603.4042     -7814.81312078  175.39
 FIFTH ORDER POLYNOMIAL        604.5206     -7814.81222364  167.50


 +++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
 THERMODYNAMIC FUNCTIONS OBTAINED AT 0 K WITH EOS: MURNAGHAN 1944
 +++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++

 V = VOLUME, P = PRESSURE, E = ENERGY, G = GIBBS FREE ENERGY, B = BULK MODULUS

 V (A^3)   P (GPa)        E (a.u.)            G (a.u.)      B (GPa)

  495.85     49.12     -7814.29444142     -7808.70774026     350.66
  677.26    -15.46     -7814.67190733     -7817.07333951     109.41

 EOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOSEOS
"""


def test_equation_of_state_of_crystal17() -> None:
    """Layout of a public run of CRYSTAL17 (gfulian/quantas, examples/qha/crystal-qha), that of CRYSTAL14 as well."""
    result = parse_stdout(HEAD + EQUATION_OF_STATE).equation_of_state
    assert result is not None
    assert result.complete
    assert [point.volume_angstrom3 for point in result.points] == [495.853655, 604.699579, 677.263529]
    assert [fit.name for fit in result.fits] == [
        'MURNAGHAN 1944',
        'BIRCH-MURNAGHAN 1947',
        'POIRIER-TARANTOLA 1998',
        'VINET 1987',
        'THIRD ORDER POLYNOMIAL',
        'FIFTH ORDER POLYNOMIAL',
    ]
    assert result.fits[1].bulk_modulus_gpa == 167.81
    assert result.fits[1].bulk_modulus_prime == 3.90
    assert result.fits[-1].bulk_modulus_prime is None
    (curve,) = result.curves
    assert curve.pressures_gpa.tolist() == [49.12, -15.46]
