"""Layouts of elasticity, equations of state and optics that no file of the corpus shows.

The excerpts are made up; each test names where its layout is documented.
"""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

HEAD = """\
 *                               CRYSTAL23                                     *
 *                      public : 1.0.1 - October 2022                          *
 EEEEEEEEEE STARTING  DATE 01 02 2026 TIME 10:00:00.0
 made up
"""
END = ' EEEEEEEEEE TERMINATION  DATE 01 02 2026 TIME 11:00:00.0\n'
RULE = f' {"*" * 79}\n'

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
