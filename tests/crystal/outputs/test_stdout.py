"""The stdout parser on short texts: what the corpus has not, and text that makes no sense."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

BOX = ' ' + '*' * 79 + '\n'
BANNER = f'{BOX} *                               CRYSTAL23                                     *\n' + (
    ' *                      public : 1.0.1 - October 2022                          *\n' + BOX
)
START = ' EEEEEEEEEE STARTING  DATE 04 09 2018 TIME 23:27:06.5\n MgO bulk\n'
SCF = (
    ' CYC   0 ETOT(AU) -2.740000000000E+02 DETOT -2.74E+02 tst  0.00E+00 PX  1.00E+00\n'
    ' INSULATING STATE\n'
    ' TOP OF VALENCE BANDS -    BAND     10; K    1; EIG -1.5202135E-01 AU\n'
    ' BOTTOM OF VIRTUAL BANDS - BAND     11; K    1; EIG  1.0976891E-01 AU\n'
    ' DIRECT ENERGY BAND GAP:   7.1237 eV\n'
    ' CYC   1 ETOT(AU) -2.754485911377E+02 DETOT -3.96E-09 tst  3.43E-11 PX  2.25E-04\n'
    '\n'
    ' == SCF ENDED - CONVERGENCE ON ENERGY      E(AU) -2.7544859113772E+02 CYCLES   1\n'
)
END = (
    ' TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT END         TELAPSE        4.11 TCPU        4.10\n'
    ' EEEEEEEEEE TERMINATION  DATE 24 11 2014 TIME 16:30:46.5\n'
)


def test_crystal23():
    output = parse_stdout(BANNER + START + SCF + END)
    assert (output.program, output.engine, output.version) == ('crystal', 'CRYSTAL', 'CRYSTAL23')
    assert output.release == 'public : 1.0.1 - October 2022'
    assert output.title == 'MgO bulk'
    assert output.succeeded and output.energy_hartree == -275.44859113772
    assert (output.gap_ev, output.gap_kind) == (7.1237, 'direct')
    assert output.fermi_energy_hartree == output.vbm_hartree == -0.15202135
    assert (output.timings.wall_s, output.timings.cpu_s) == (4.11, 4.10)


def test_stand_in_is_told_by_the_banner_only():
    banner = BANNER.replace(' CRYSTAL23      ', ' CRYSTAL23 FORMAT, STAND-IN (PySCF) - NOT CRYSTAL ')
    assert parse_stdout(banner + START + SCF + END).engine == 'STAND-IN'
    title = START.replace('MgO bulk', 'STAND-IN of a title')
    assert parse_stdout(BANNER + title + SCF + END).engine == 'CRYSTAL'
    assert parse_stdout('a deck for the STAND-IN\n' + BANNER + START + SCF + END).engine == 'CRYSTAL'


@pytest.mark.parametrize(
    'line',
    [
        ' *                  STAND-IN (PySCF) - NOT CRYSTAL                              *\n',
        ' * STAND-IN ENGINE, NOT CRYSTAL *\n',
    ],
)
def test_stand_in_told_on_a_line_of_its_own(line):
    output = parse_stdout(BOX + line + BANNER + START + SCF + END)
    assert (output.engine, output.version) == ('STAND-IN', 'CRYSTAL23')


def test_sources_are_equal(tmp_path):
    text = BANNER + START + SCF + END
    path = tmp_path / 'crystal.out'
    path.write_text(text)
    expected = parse_stdout(text)
    assert parse_stdout(path) == parse_stdout(io.StringIO(text)) == parse_stdout(text.splitlines()) == expected
    path.write_bytes(text.replace('\n', '\r\n').encode() + b'\xff\xfe')
    assert parse_stdout(path).energy_hartree == expected.energy_hartree


def test_no_termination_no_energy():
    output = parse_stdout(BANNER + START + SCF)
    assert output.scf_converged, 'the line is there'
    assert output.energy_hartree is None and output.gap_ev is None and not output.succeeded


def test_termination_is_not_success():
    text = SCF.replace('CONVERGENCE ON ENERGY', 'TOO MANY CYCLES      ')
    output = parse_stdout(BANNER + START + text + END)
    assert output.terminated and output.scf_status == 'too_many_cycles'
    assert not output.succeeded and output.energy_hartree is None


def test_noise_of_mpi_inside_a_table():
    rows = ' TOTAL ATOMIC CHARGES:\n  10.1   9.9\n PROCESS   3  OF   8  WORKING\n  10.2   9.8\n'
    scf = SCF.replace(' INSULATING', rows + ' INSULATING', 1)
    assert parse_stdout(BANNER + START + scf + END).scf[0].charges == (10.1, 9.9, 10.2, 9.8)


def test_open_shell_gap_lies_between_the_levels_of_either_spin():
    """Highest occupied level: beta, lowest empty one: alpha; the gap is smaller than that of each channel."""
    edge = '{0} - {1}BAND     {2}; K    {3}; EIG {4:.7E} AU\n'
    gap = ' {0} ENERGY BAND GAP:   {1:.4f} eV\n'
    spins = (
        '\n    ALPHA      ELECTRONS\n INSULATING STATE\n'
        + edge.format(' TOP OF VALENCE BANDS', '   ', 10, 1, -0.30)
        + edge.format(' BOTTOM OF VIRTUAL BANDS', '', 11, 1, -0.10)
        + gap.format('DIRECT', 5.4423)
        + '\n    BETA       ELECTRONS\n INSULATING STATE\n'
        + edge.format(' TOP OF VALENCE BANDS', '   ', 9, 2, -0.20)
        + edge.format(' BOTTOM OF VIRTUAL BANDS', '', 10, 2, 0.00)
        + gap.format('DIRECT', 5.4423)
    )
    scf = SCF.split(' INSULATING', maxsplit=1)[0] + spins + ' CYC   1' + SCF.split(' CYC   1')[1]
    output = parse_stdout(BANNER + START + scf + END)
    assert (output.gap_alpha_ev, output.gap_beta_ev) == (5.4423, 5.4423)
    assert output.gap_ev == pytest.approx(0.1 * 27.211386, abs=1e-4)
    assert output.gap_kind == 'indirect'
    assert (output.vbm_hartree, output.cbm_hartree) == (-0.2, -0.1)


def test_conducting_state():
    state = ' POSSIBLY CONDUCTING STATE - EFERMI(AU)  1.5293153E-02 (RES. CHARGE  1.16E-11;IT.  6)\n'
    scf = SCF.split(' INSULATING', maxsplit=1)[0] + state + ' CYC   1' + SCF.split(' CYC   1')[1]
    output = parse_stdout(BANNER + START + scf + END)
    assert output.is_conducting and output.gap_ev == 0.0 and output.fermi_energy_hartree == 0.015293153


def test_spin_locking_forgets_the_gap_of_an_earlier_cycle():
    scf = SCF.replace(' CYC   1', ' CYC   1 ETOT(AU) -2.7E+02\n SPIN LOCKING: NO ENERGY GAP COMPUTED\n CYC   2')
    output = parse_stdout(BANNER + START + scf + END)
    assert output.gap_ev is None and output.is_conducting is None


def test_overflow_and_glued_columns():
    geometry = (
        ' GEOMETRY FOR WAVE FUNCTION - DIMENSIONALITY OF THE SYSTEM    3\n'
        ' PRIMITIVE CELL - CENTRING CODE 1/0 VOLUME=************ - DENSITY  6.801 g/cm^3\n'
        '         A              B              C           ALPHA      BETA       GAMMA\n'
        '     2.00000000     3.00000000     4.00000000    90.000000  90.000000  90.000000\n'
        ' ATOMS IN THE ASYMMETRIC UNIT    1 - ATOMS IN THE UNIT CELL:    1\n'
        '     ATOM                 X/A                 Y/B                 Z/C\n'
        ' *****\n'
        '      1 T 282 PB    5.000000000000E-01-2.500000000000E-01-.500000000000E+00\n'
    )
    output = parse_stdout(BANNER + START + geometry + SCF + END)
    cell = output.primitive_cell
    assert cell.volume_is_computed and cell.volume_angstrom3 == pytest.approx(24.0)
    site = output.final_geometry.sites[0]
    assert (site.number, site.ecp, site.position) == (82, True, (1.0, -0.75, -2.0))


def test_foreign_text():
    output = parse_stdout('#!/bin/bash\nERROR: module not found\n')
    assert output.program is None and not output.succeeded and output.stages == []
    assert parse_stdout('').n_lines == 0


WORDS = st.sampled_from(
    [
        *(BANNER + START + SCF + END).splitlines(),
        ' GEOMETRY FOR WAVE FUNCTION - DIMENSIONALITY OF THE SYSTEM    3',
        ' GEOMETRY FOR WAVE FUNCTION - DIMENSIONALITY OF THE SYSTEM    7',
        ' PRIMITIVE CELL - CENTRING CODE 1/0 VOLUME=    NaN',
        '     2.0     3.0     4.0    90.0  190.0  90.0',
        ' ATOMS IN THE ASYMMETRIC UNIT    1 - ATOMS IN THE UNIT CELL:    1',
        '      1 T 999 XX    NaN  1.0E+400 2',
        '      1 T  12 MG    1.0  1.0E+400 2.0',
        ' DIRECT LATTICE VECTORS CARTESIAN COMPONENTS (ANGSTROM)',
        '   0.0 0.0 0.0',
        ' COORDINATE AND CELL OPTIMIZATION - POINT    2',
        ' TOTAL ENERGY(DFT)(AU)(  6) -2.7E+02     DE (AU)   -9.826E-05',
        ' MAX GRADIENT      ********  THRESHOLD              0.000450 CONVERGED NO',
        ' * OPT END - CONVERGED * E(AU):  ************  POINTS    4 *',
        '   BAND GAP:                      NaN  eV',
        ' FINAL OPTIMIZED GEOMETRY - DIMENSIONALITY OF THE SYSTEM      0',
        ' MULLIKEN POPULATION ANALYSIS - NO. OF ELECTRONS   72.000000',
        '   1 NI  28 27.602  2.000',
        ' TOTAL ATOMIC CHARGES:',
        '  10.1 9.9',
        ' SUMMED SPIN DENSITY    *****',
        ' NUMBER OF AO ****',
        ' N. OF ELECTRONS PER CELL    **',
        '    BETA       ELECTRONS',
        '    ALPHA',
        ' ERROR **** OPTGEOM **** SCF FAILED - OPTGEOM STOP',
        ' WARNING ****',
        ' LINE  1 ( a b c: 0 0 0) IN TERMS',
        ' CRYSTAL - PROPERTIES - TYPE OF CALCULATION :  RESTRICTED CLOSED SHELL',
        ' *  BAND STRUCTURE',
        ' NUMBER OF PROJECTIONS    x',
        ' CARTESIAN FORCES IN HARTREE/BOHR (ANALYTICAL)',
        '   1  12  1 2',
        ' EQUATION OF STATE',
        ' LOCKING - FERMI ENERGY ALTERED BY LEVEL SHIFTER',
        '',
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS | st.text(max_size=30), max_size=60))
def test_never_raises(lines):
    """Known lines in any order, mixed with any text."""
    output = parse_stdout('\n'.join(lines))
    if not output.terminated:
        assert output.energy_hartree is None
    assert parse_stdout(lines).n_lines == len(lines)
