"""Layouts of SCF, cells, the machine and properties that no file of the corpus shows.

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
