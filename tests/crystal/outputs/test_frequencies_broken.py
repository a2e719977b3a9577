"""Frequencies of cut, noisy and damaged files: what is certain, and never a result that is not there."""

from __future__ import annotations

import re

import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

HEADER = '    MODES         EIGV          FREQUENCIES     IRREP  IR   INTENS    RAMAN'
OVERLAPS = """\
 LONGITUDINAL OPTICAL (LO) PHONON CALCULATION REQUESTED. IN THOSE CASES

 OVERLAP BETWEEN THE EIGENVECTORS OF LO AND TO MODES.
 ENTRIES ARE FRQS IN CM**-1

 IRREP A2

      LO/TO       0.000   395.259

      0.916    0.999999  0.000913
    421.693   -0.000690  0.966367

 IRREP E

      LO/TO       0.000   143.359
\x20
      0.039    1.000000  0.000000
    143.361    0.000000  0.999999

      LO/TO     847.314
\x20
      0.039    0.000008
    143.361   -0.000174

 LO MODES FOR IRREP A2
"""


def table(text):
    """Return the text before the table of modes, its rows and the text after it."""
    start = text.index(HEADER)
    start = text.index('\n', text.index('HARTREE**2', start)) + 1
    end = text.index('\n\n', start) + 1
    return text[:start], text[start:end].splitlines(keepends=True), text[end:]


@pytest.fixture
def quartz(corpus):
    return (corpus / 'quartz_hf_freq' / 'qua_hf_2d_f.out').read_text()


@pytest.mark.corpus
def test_a_cut_table_gives_its_rows_and_no_result(quartz):
    before, rows, _ = table(quartz)
    cut = parse_stdout(before + ''.join(rows[:5]) + rows[5][:40])
    assert cut.is_frequency_run
    assert [mode.frequency_cm1 for mode in cut.frequencies.modes][-1] == 286.6552
    assert len(cut.frequencies.modes) == 8 and not cut.frequencies.complete
    # All rows are there, the line after them is not: nothing says that they were all.
    assert not parse_stdout(before + ''.join(rows)).frequencies.complete


@pytest.mark.corpus
def test_a_run_killed_between_displacements_is_known(quartz):
    at = quartz.index('    4 O  DY  1 *')
    killed = parse_stdout(quartz[:at])
    assert killed.is_frequency_run and killed.frequencies.modes == []
    assert not killed.frequencies.complete and not killed.frequencies.displacements_complete
    assert [d.atom for d in killed.frequencies.displacements] == [0, 1, 1, 1, 4]
    asked = parse_stdout(quartz[: quartz.index('FREQUENCY CALCULATION') + 40])
    assert asked.is_frequency_run and asked.frequencies is None


@pytest.mark.corpus
@pytest.mark.parametrize('change', ['drop', 'swap', 'overflow', 'cut'])
def test_damaged_rows_are_no_result(quartz, change):
    before, rows, after = table(quartz)
    if change == 'drop':
        del rows[-1]
    elif change == 'swap':
        rows[3], rows[4] = rows[4], rows[3]
    elif change == 'overflow':
        rows[6] = rows[6].replace('395.6940', '********')
    else:
        rows[6] = rows[6][:30] + '\n'
    found = parse_stdout(before + ''.join(rows) + after)
    assert found.unreadable == []
    assert not found.frequencies.complete


@pytest.mark.corpus
def test_noise_between_rows_changes_nothing(quartz):
    before, rows, after = table(quartz)
    noise = ' PROCESS   3 OF   8 WORKING\n', 'Note: The following floating-point exceptions are signalling: X\n'
    noisy = parse_stdout(before + ''.join(row + noise[n % 2] for n, row in enumerate(rows)) + after).frequencies
    whole = parse_stdout(quartz).frequencies
    assert noisy.complete and noisy.modes == whole.modes


@pytest.mark.corpus
def test_trouble_inside_a_table_ends_it(quartz):
    before, rows, after = table(quartz)
    trouble = 'slurmstepd: error: *** JOB 1 ON n CANCELLED AT 2022-01-01T00:00:00 DUE TO TIME LIMIT ***\n'
    found = parse_stdout(before + ''.join(rows[:5]) + trouble + '\n')
    assert len(found.noise) == 1 and not found.frequencies.complete
    assert len(found.frequencies.modes) == 8
    assert parse_stdout(before + ''.join(rows) + after).noise == []


@pytest.mark.corpus
def test_line_ends_of_windows(quartz):
    whole, other = parse_stdout(quartz).frequencies, parse_stdout(quartz.replace('\n', '\r\n')).frequencies
    assert other.complete and other.modes == whole.modes and other.thermodynamics == whole.thermodynamics
    assert (other.eigenvectors == whole.eigenvectors).all()


@pytest.mark.corpus
def test_eigenvectors_need_every_row(quartz):
    lines = quartz.splitlines(keepends=True)
    row = next(n for n, line in enumerate(lines) if line.startswith(' AT.   5 O  X'))
    assert parse_stdout(''.join(lines[:row] + lines[row + 1 :])).frequencies.eigenvectors is None
    shorter = lines[row].rstrip()[:-1] + '\n'
    assert parse_stdout(''.join([*lines[:row], shorter, *lines[row + 1 :]])).frequencies.eigenvectors is None
    atom = [n for n, line in enumerate(lines) if line.startswith(' AT.   9')]
    gone = {n + i for n in atom for i in range(3)}
    without = ''.join(line for n, line in enumerate(lines) if n not in gone)
    assert parse_stdout(without).frequencies.eigenvectors is None
    overflow = lines[row][:13] + '*' * 10 + lines[row][23:]
    damaged = parse_stdout(''.join([*lines[:row], overflow, *lines[row + 1 :]]))
    assert damaged.frequencies.eigenvectors is None and damaged.frequencies.complete


@pytest.mark.corpus
def test_a_row_printed_twice_counts_once(quartz):
    before, rows, after = table(quartz)
    rows.insert(4, rows[4])
    found, whole = parse_stdout(before + ''.join(rows) + after).frequencies, parse_stdout(quartz).frequencies
    assert found.complete and found.modes == whole.modes


@pytest.mark.corpus
def test_part_of_the_atoms_only(quartz):
    """A FRAGMENT has fewer modes than atoms allow for: as many eigenvectors prove its table whole."""
    before, rows, after = table(quartz)
    few = [row for row in rows if int(row[6:10]) <= 21]
    shorter = re.sub(r' FREQ\(CM\*\*-1\)    824\.44.*?(?= \*{79})', '', after, flags=re.DOTALL)
    assert not parse_stdout(before + ''.join(few) + after).frequencies.complete
    fragment = [row for row in rows if int(row[6:10]) <= 18]
    found = parse_stdout(before + ''.join(fragment) + shorter).frequencies
    assert len(found.modes) == 18 and found.eigenvectors.shape == (18, 9, 3) and found.complete


@pytest.mark.corpus
def test_a_missing_point_is_no_whole_dispersion(corpus):
    text = (corpus / 'mgo222_freq' / 'mgo-222.out').read_text()
    lines = text.splitlines(keepends=True)
    point = next(n for n, line in enumerate(lines) if 'DISPERSION K POINT NUMBER  2' in line)
    found = parse_stdout(''.join(lines[:point] + lines[point + 1 :])).frequencies
    assert not found.complete and [q.n for q in found.qpoints] == [1, 3]
    last = text.index('DISPERSION K POINT NUMBER  3')
    cut = parse_stdout(text[: last + 200]).frequencies
    assert not cut.complete and [q.n for q in cut.qpoints] == [1, 2] and len(cut.modes) == 6


@pytest.mark.corpus
def test_thermodynamics_with_nan_and_cut(corpus):
    text = (corpus / 'si_freq_c14' / 'crystal.o').read_text()
    nan = text.replace('0.000792895590       0.021575785909           2.08174708', 'NaN                  NaN      NaN')
    (functions,) = parse_stdout(nan).frequencies.thermodynamics
    assert functions.ts_hartree is None and functions.complete
    assert functions.entropy_mhartree_per_k == 0.002659384842
    title = ' AT (T =  298.15 K, P =   0.10132500E+00 MPA):'
    twice = text.replace(title, title + text[text.index(title) + len(title) : text.index('EEEEEEEEEE TERMINATION')])
    (functions,) = parse_stdout(twice.replace('0.000580174706', '0.000580174707', 1)).frequencies.thermodynamics
    assert functions.thermal_hartree == 0.000580174707
    (cut,) = parse_stdout(text[: text.index(' HEAT CAPACITY') + 60]).frequencies.thermodynamics
    assert not cut.complete and cut.heat_capacity_mhartree_per_k is None


@pytest.mark.corpus
def test_born_charges_that_disagree_with_their_trace(corpus):
    text = (corpus / 'nacl_freq_born' / 'crystal.o').read_text()
    assert parse_stdout(text).frequencies.born_charges_e is not None
    assert (
        parse_stdout(
            text.replace('DYNAMIC CHARGE     1.023754', 'DYNAMIC CHARGE     1.523754')
        ).frequencies.born_charges_e
        is None
    )
    at = text.index(' ATOM   2 CL DYNAMIC CHARGE')
    assert parse_stdout(text[: at + 120]).frequencies.born_charges_e is None


def test_overlaps_in_several_blocks():
    """Low symmetry prints six columns at a time (as PDielec's quartz example does; numbers shortened)."""
    overlaps = parse_stdout(OVERLAPS).frequencies.lo_to.overlaps
    assert sorted(overlaps) == ['A2', 'E']
    lo, to, matrix = overlaps['E']
    assert lo.tolist() == [0.039, 143.361] and to.tolist() == [0.0, 143.359, 847.314]
    assert matrix.tolist() == [[1.0, 0.0, 0.000008], [0.0, 0.999999, -0.000174]]


def test_no_frequency_run():
    output = parse_stdout(' STEP SIZE NUMERICAL GRADIENT 0.00100\n NUMERICALLY INTEGRATED DENSITY    159.99\n')
    assert output.frequencies is None and not output.is_frequency_run


@pytest.mark.corpus
def test_polarisabilities_are_no_dielectric_tensors(corpus):
    text = (corpus / 'nacl_freq_band_doss' / 'NaCl.out').read_text()
    assert parse_stdout(text).frequencies.dielectric is not None
    other = parse_stdout(
        text.replace('DIELECTRIC     TENSOR', 'POLARIZABILITY TENSOR').replace(
            'DIELECTRIC TENSOR', 'POLARIZABILITY TENSOR'
        )
    )
    assert other.frequencies.dielectric is None and other.frequencies.complete


@pytest.mark.corpus
def test_complex_eigenvectors_need_both_parts(corpus):
    text = (corpus / 'graphene_phonon_dos' / 'phono_Gstrain0DOS.out').read_text()
    at = text.index(' FREQ(CM**-1)', text.index(' MODES IN ANTI-PHASE'))
    run = parse_stdout(text[:at] + text[text.index('\n', at) + 1 :]).frequencies
    assert [q.n for q in run.qpoints if q.eigenvectors is None] == [2] and run.complete


@pytest.mark.corpus
def test_tensors_that_lost_their_symmetry(corpus):
    text = (corpus / 'dryice_raman' / 'spec_dryIceRaman.out').read_text()
    rows = [f'           {row}\n' for row in ('0.33259    0.00000    0.00000', '0.00000    0.33259    0.00000')]
    assert rows[0] + rows[1] in text
    damaged = parse_stdout(text.replace(rows[0] + rows[1], rows[1] + rows[0])).frequencies.dielectric
    assert damaged.vibrational is None and not damaged.complete
