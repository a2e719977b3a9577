"""fort.25, BAND.DAT and DOSS.DAT: real files, two files of one run against each other, and broken ones."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.band_dat import read_band_dat
from aiida_crystalmath.crystal.outputs.coop_dat import read_coop_dat
from aiida_crystalmath.crystal.outputs.doss_dat import read_doss_dat
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25 import (
    Fort25Bands,
    bands_from_fort25,
    dos_from_fort25,
    find_iss,
    phonon_segments,
    read_fort25,
)
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout


def files(corpus, *endings):
    found = [path for path in sorted(corpus.glob('*/*')) if path.name.lower().endswith(endings)]
    assert found
    return found


@pytest.mark.corpus
def test_every_fort25_reads(corpus):
    """Bands, densities, and maps (MAPN), which are skipped."""
    counts = {str(path.relative_to(corpus)): len(read_fort25(path.read_text())) for path in files(corpus, '.25', 'f25')}
    assert counts['misc_fort25_S/spinpolarized.fort.25'] == 14
    assert counts['misc_band_doss_S/es_grapheneDV.f25'] == 17
    assert counts['wse2_soc_prop/relt_WSe2.f25'] == counts['mgo_echg/dens_mgoDCHG.f25'] == 0
    assert sum(counts.values()) == 67, counts


@pytest.mark.corpus
def test_every_band_and_doss_file_reads(corpus):
    bands = [read_band_dat(path.read_text()) for path in files(corpus, '.band') if path.stat().st_size > 100]
    assert len(bands) == 5
    densities = [
        read_doss_dat(path.read_text()) for path in files(corpus, '.doss', 'doss.dat') if path.stat().st_size > 100
    ]
    assert len(densities) == 8


@pytest.mark.corpus
@pytest.mark.parametrize('run', ['nacl_hf_band_doss', 'nacl_freq_band_doss'])
def test_fort25_agrees_with_band_dat(corpus, run):
    """Energies of BAND.DAT count from the Fermi energy of fort.25; distances and segments are the same."""
    bands = bands_from_fort25(read_fort25((corpus / run / 'NaCl.f25').read_text()))
    other = read_band_dat((corpus / run / 'NaCl_dat.BAND').read_text())
    assert not other.absolute and other.fermi_energy_hartree is None
    assert bands.fermi_energy_hartree == -0.396858
    assert bands.energies_hartree.shape == other.energies_hartree.shape == (1, 61, 18)
    relative = bands.energies_hartree - bands.fermi_energy_hartree
    assert np.allclose(relative, other.energies_hartree, rtol=6e-5, atol=2e-6)
    assert bands.segments == other.segments == [(0, 19), (19, 29), (29, 43), (43, 60)]
    assert np.allclose(bands.distances, other.distances, atol=2e-5)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ('fort25', 'doss'),
    [
        ('nacl_hf_band_doss/NaCl.f25', 'nacl_hf_band_doss/NaCl_dat.DOSS'),
        ('mgo_sto3g_doss/fort.25', 'mgo_sto3g_doss/DOSS.DAT'),
        ('mgo_sto3g_doss_total/doss_total_only.f25', 'mgo_sto3g_doss_total/doss_total_only_dat.DOSS'),
        ('misc_band_doss_S/es_grapheneDV.f25', 'misc_band_doss_S/doss_grapheneDV4.DOSS'),
    ],
)
def test_fort25_agrees_with_doss_dat(corpus, fort25, doss):
    """Both made absolute, with and without EFERMI in DOSS.DAT (NaCl's has none and is absolute itself)."""
    dos = dos_from_fort25(read_fort25((corpus / fort25).read_text()))
    other = read_doss_dat((corpus / doss).read_text())
    assert other.absolute
    assert dos.densities.shape == other.densities.shape
    assert np.allclose(dos.energies_hartree, other.energies_hartree, atol=1e-4)
    if 'graphene' not in doss:  # not the same run, only the same system and layout
        assert np.allclose(dos.densities, other.densities, rtol=1e-4, atol=1e-3)
    assert dos.labels[-1] == other.labels[-1] == 'total'


@pytest.mark.corpus
def test_kpoints_from_fort25_and_stdout(corpus):
    """ISS is not in fort.25; the echo of the path in stdout tells it. Two jumps, segments that share points or not."""
    run = corpus / 'properties_c14'
    blocks = read_fort25((run / 'fort.25').read_text())
    segments = parse_stdout(run / 'properties.out').properties.segments
    iss = find_iss(blocks, [segment.end for segment in segments])
    assert iss == 8
    bands = bands_from_fort25(blocks, iss=iss, n_segments=len(segments))
    assert bands.segments == [(0, 6), (6, 8), (9, 16), (16, 22), (22, 27), (27, 30)]
    for segment, (first, last) in zip(segments, bands.segments, strict=True):
        assert bands.kpoints[first] == pytest.approx(segment.start)
        assert bands.kpoints[last] == pytest.approx(segment.end)
    # 7 points from Gamma to X in steps of 4/48
    assert bands.kpoints[1] == pytest.approx((1 / 12, 0, 1 / 12))
    assert bands.distances[6] == pytest.approx(6 * 0.132237, abs=1e-5)
    # the file holds the same run twice; once is enough
    assert bands_from_fort25(blocks).segments == bands.segments


@pytest.mark.corpus
def test_bands_repeat_where_the_crystal_does(corpus):
    """Gamma is met three times on the path, at different indices: same energies. Wrong k-points would not."""
    bands = bands_from_fort25(read_fort25((corpus / 'properties_c14/fort.25').read_text()), iss=8)
    at_gamma = [i for i, k in enumerate(bands.kpoints) if np.allclose(k, 0)]
    assert at_gamma == [0, 16]
    assert np.allclose(bands.energies_hartree[0, 0], bands.energies_hartree[0, 16], atol=1e-4)
    at_x = [i for i, k in enumerate(bands.kpoints) if np.allclose(k, (0.5, 0, 0.5))]
    assert at_x == [6, 30]
    assert np.allclose(bands.energies_hartree[0, 6], bands.energies_hartree[0, 30], atol=1e-4)


@pytest.mark.corpus
def test_two_spins(corpus):
    """All alpha segments come before all beta ones; beta densities are negative in the file."""
    blocks = read_fort25((corpus / 'misc_fort25_S/spinpolarized.fort.25').read_text())
    bands = bands_from_fort25(blocks, iss=2)
    assert bands.energies_hartree.shape == (2, 80, 41)
    # the last segment jumps back to (1,1,1)
    assert bands.segments[-2:] == [(53, 68), (69, 79)]
    assert np.allclose(bands.kpoints[69], 0.5)
    assert np.array_equal(*bands.energies_hartree), 'the spins of this run are equal'
    dos = dos_from_fort25(blocks)
    assert dos.densities.shape == (2, 1, 25002)
    assert np.allclose(dos.densities[1], dos.densities[0]), 'beta is given positive'


@pytest.mark.corpus
def test_integral_of_the_density(corpus):
    """MgO: six valence bands of two electrons below the Fermi energy in the window, told as states per hartree."""
    dos = read_doss_dat((corpus / 'mgo_doss/mgo_DOSS_dat.DOSS').read_text())
    below = dos.energies_hartree < dos.fermi_energy_hartree + 0.05
    integral = np.trapezoid(dos.densities[0, -1][below], dos.energies_hartree[below])
    assert integral == pytest.approx(6.0, abs=0.1)
    assert np.allclose(dos.densities[0, :2].sum(axis=0), dos.densities[0, 2], atol=2e-2)


@pytest.mark.corpus
def test_band_dat_kpoints_and_gap(corpus):
    """Labels hold the k-points; the gap along the path is that of stdout (7.1237 eV, direct at Gamma)."""
    bands = read_band_dat((corpus / 'mgo_band/conv_mgoBand.BAND').read_text())
    assert bands.labels[1] == (52, '(2,0,2)/4')
    assert bands.kpoints[52] == pytest.approx((0.5, 0, 0.5))
    assert bands.kpoints[26] == pytest.approx((0.25, 0, 0.25))
    assert bands.absolute and bands.fermi_energy_hartree == -0.15202
    gap = (bands.energies_hartree[0, :, 10].min() - bands.energies_hartree[0, :, 9].max()) * 27.211386
    assert gap == pytest.approx(7.1237, abs=1e-3)
    assert int(bands.energies_hartree[0, :, 9].argmax()) == int(bands.energies_hartree[0, :, 10].argmin()) == 0


# Layout of a spin-polarised file as in a real one of CRYSTAL (201 k-points, 26 bands), cut to two and one.
SPIN_BAND = """# NKPT     2 NBND     1 NSPIN     2
# NPANEL     1
#      1   (0,0,0)/4
#      2   (2,0,2)/4
@ WITH G0
@ TITLE "ALPHA"
@ XAXIS TICK SPEC     2
@ XAXIS TICK     0,     0.00000
@ XAXIS TICKLABEL    0,"(0,0,0)/4"
@ XAXIS TICK     1,     0.78846
  0.00000E+00 -0.10000E+00
  0.78846E+00 -0.20000E+00
# EFERMI (HARTREE)   -0.15202
@ WITH G1
@ TITLE "BETA"
@ XAXIS TICK     0,     0.00000
  0.00000E+00  0.10000E+00
  0.78846E+00  0.20000E+00
# EFERMI (HARTREE)   -0.15202
"""


def test_two_spins_of_band_dat():
    bands = read_band_dat(SPIN_BAND)
    assert bands.energies_hartree.shape == (2, 2, 1)
    assert bands.energies_hartree[1, :, 0] == pytest.approx([-0.05202, 0.04798])
    assert bands.segments == [(0, 1)] and bands.kpoints[1] == pytest.approx((0.5, 0, 0.5))


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'first line'),
        (SPIN_BAND.rsplit('  0.78846E+00', 1)[0], 'BAND.DAT: 4 rows announced, 3 found'),
        (SPIN_BAND.replace('-0.20000E+00', '**********'), 'BAND.DAT, line 12'),
        (SPIN_BAND.replace('-0.20000E+00', ''), 'BAND.DAT, line 12: 2 numbers expected, 1 found'),
    ],
)
def test_broken_band_dat(text, words):
    with pytest.raises(OutputFileError, match=words):
        read_band_dat(text)


DOSS = """# NEPTS     3 NPROJ     2 NSPIN     2
#
@ XAXIS LABEL "E-EFERMI (HARTREE)"
@ YAXIS LABEL "DENSITY OF STATES (STATES/HARTREE/CELL)"
 -1.0000E-01  1.0000E+00  2.0000E+00
  0.0000E+00  1.0000E+00  2.0000E+00
  1.0000E-01  1.0000E+00  2.0000E+00
#
# BETA
 -1.0000E-01 -3.0000E+00 -4.0000E+00
  0.0000E+00 -3.0000E+00 -4.0000E+00
  1.0000E-01 -3.0000E+00 -4.0000E+00
# EFERMI (HARTREE)   -0.20000
"""


def test_two_spins_of_doss_dat():
    dos = read_doss_dat(DOSS)
    assert dos.densities.shape == (2, 2, 3)
    assert dos.densities[1, 1].tolist() == [4.0, 4.0, 4.0], 'beta is given positive'
    assert dos.energies_hartree == pytest.approx([-0.3, -0.2, -0.1])


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'first line'),
        (DOSS.replace('DENSITY OF STATES', 'COOP'), 'not a density of states'),
        (DOSS.replace('  1.0000E-01 -3.0000E+00 -4.0000E+00\n', ''), '6 rows announced, 5 found'),
        (DOSS.replace('-4.0000E+00', 'NaN*'), 'line 10'),
        (DOSS.replace(' -4.0000E+00', ''), 'line 10: 3 numbers expected, 2 found'),
    ],
)
def test_broken_doss_dat(text, words):
    with pytest.raises(OutputFileError, match=words):
        read_doss_dat(text)


def fort25_block(*, flag=0, n_bands=2, n_k=3, start=(0, 0, 0), end=(4, 0, 4), fermi=-0.1, shift=0.0):
    values = [f'{-1.0 - 0.1 * i + shift:12.5E}' for i in range(n_bands * n_k)]
    rows = [''.join(values[i : i + 6]) for i in range(0, len(values), 6)]
    head = f'-%-{flag}BAND{n_bands:5d}{n_k:5d}{0.0:12.5E}{0.25:12.5E}{fermi:12.5E}\n{-2.0:12.5E}{1.0:12.5E}\n'
    return head + ''.join(f'{i:5d}' for i in (*start, *end)) + '\n' + '\n'.join(rows) + '\n'


def test_glued_columns_and_segments():
    text = fort25_block() + fort25_block(start=(4, 0, 4), end=(4, 4, 4)) + fort25_block(start=(0, 0, 0), end=(4, 4, 4))
    bands = bands_from_fort25(read_fort25(text), iss=8)
    assert bands.segments == [(0, 2), (2, 5), (6, 8)]
    assert bands.kpoints[3] == pytest.approx((0.5, 1 / 6, 0.5)), 'a continued segment leaves its first point out'
    assert bands.distances.tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.25, 1.5, 1.75])
    assert bands.energies_hartree[0, 0].tolist() == [-1.0, -1.1]
    assert bands_from_fort25(read_fort25(text)).kpoints is None
    last = bands_from_fort25(read_fort25(text), iss=8, n_segments=1)
    assert last.n_kpoints == 3 and (last.n_spin, last.n_bands) == (1, 2)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (fort25_block()[:-13], 'announces 6 values but has 5'),
        (fort25_block().split('\n', maxsplit=1)[0], 'header of a block cannot be read'),
        (fort25_block().replace('-1.30000E+00', '************'), 'a value of the block'),
        (fort25_block().replace('    4', '   x4'), 'header of a block'),
    ],
)
def test_broken_fort25(text, words):
    with pytest.raises(OutputFileError, match=words):
        read_fort25(text)


def test_alpha_comes_before_beta():
    one, two = {'flag': 1}, {'flag': 1, 'start': (4, 0, 4), 'end': (4, 4, 4)}
    text = fort25_block(**one) + fort25_block(**two)
    text += fort25_block(**one, shift=0.5) + fort25_block(**two, shift=0.5)
    bands = bands_from_fort25(read_fort25(text), iss=8)
    assert bands.energies_hartree.shape == (2, 6, 2)
    assert np.allclose(bands.energies_hartree[1] - bands.energies_hartree[0], 0.5)
    assert bands.segments == [(0, 2), (2, 5)]


def test_spins_on_different_paths():
    text = fort25_block(flag=1) + fort25_block(flag=1, end=(4, 4, 4))
    with pytest.raises(OutputFileError, match='do not follow the same path'):
        bands_from_fort25(read_fort25(text))


def test_nothing_to_read():
    assert bands_from_fort25([]) is None and dos_from_fort25([]) is None
    assert read_fort25('') == []
    assert find_iss([], [(0.5, 0, 0)]) is None
    assert all(isinstance(block, Fort25Bands) for block in read_fort25(fort25_block()))


def test_exponents_of_three_digits():
    """Fortran prints -9.28819E-311 without its E."""
    text = '-%-0DOSS    1    3 0.00000E+00 1.00000E-02 1.00000E-01\n 0.00000E+00-1.00000E-01\n'
    text += '    1    2    0    0    0    0\n-9.28819-311 1.00000E+00 2.50000+100\n'
    (block,) = read_fort25(text)
    assert block.densities.tolist() == [-9.28819e-311, 1.0, 2.5e100]


def doss_block(kind='DOSS', *, flag=0, index=1, values=(1.0, 2.0, 3.0), fermi=-0.1, step=0.01, first=-0.2):
    rows = ''.join(f'{value:12.5E}' for value in values)
    head = f'-%-{flag}{kind}{1:5d}{len(values):5d}{0.0:12.5E}{step:12.5E}{fermi:12.5E}\n{0.0:12.5E}{first:12.5E}\n'
    return f'{head}{index:5d}' + f'{0:5d}' * 5 + f'\n{rows}\n'


@pytest.mark.parametrize('kind', ['COOP', 'COHP'])
def test_overlap_populations_of_fort25(kind):
    """They stand beside a density of states, and those of beta keep their signs."""
    text = doss_block(flag=1) + doss_block(flag=1, values=(-1.0, -2.0, -3.0))
    text += doss_block(kind, flag=1, values=(-0.5, 0.5, 0.0)) + doss_block(kind, flag=1, values=(-0.25, 0.25, 0.0))
    blocks = read_fort25(text)
    assert [block.kind for block in blocks] == ['DOSS', 'DOSS', kind, kind]
    curves = dos_from_fort25(blocks, kind=kind)
    assert curves.densities[:, 0].tolist() == [[-0.5, 0.5, 0.0], [-0.25, 0.25, 0.0]]
    assert curves.labels == ['interaction 1']
    assert dos_from_fort25(blocks).densities[1, 0].tolist() == [1.0, 2.0, 3.0]


def test_phonons_of_fort25():
    """Their Fermi energy is zero; they never count as electrons."""
    text = fort25_block(fermi=0.0) + doss_block('PDOS', fermi=0.0, step=8.5, first=0.0)
    blocks = read_fort25(text)
    assert bands_from_fort25(blocks) is None and dos_from_fort25(blocks) is None
    (segment,) = phonon_segments(blocks)
    assert segment.is_phonon and segment.energies_hartree.shape == (3, 2)
    assert dos_from_fort25(blocks, kind='PDOS').energies_hartree.tolist() == [0.0, 8.5, 17.0]


def test_coop_dat():
    text = DOSS.replace('DENSITY OF STATES (STATES/HARTREE/CELL)', 'COOP').replace('NPROJ', 'NINT ')
    curves = read_coop_dat(text)
    assert curves.densities[1, 1].tolist() == [-4.0, -4.0, -4.0], 'as in the file'
    assert curves.labels == ['interaction 1', 'interaction 2'] and curves.absolute
    with pytest.raises(OutputFileError, match='a density of states'):
        read_coop_dat(DOSS)


def test_rows_that_go_on_in_the_next_line():
    text = DOSS.replace('E+00  2.0000E+00', 'E+00\n   2.0000E+00').replace('E+00 -4.0000E+00', 'E+00\n  -4.0000E+00')
    assert np.array_equal(read_doss_dat(text).densities, read_doss_dat(DOSS).densities)


@pytest.mark.parametrize(
    ('text', 'read'),
    [
        (fort25_block() + fort25_block(start=(4, 0, 4), end=(4, 4, 4)), read_fort25),
        (DOSS, read_doss_dat),
        (SPIN_BAND, read_band_dat),
    ],
)
def test_no_cut_goes_unnoticed(text, read):
    """Every prefix is an error, or says what the whole file says (without the lines that are missing)."""
    whole = read(text)
    for length in range(1, len(text)):
        try:
            found = read(text[:length])
        except OutputFileError:
            continue
        if isinstance(found, list):
            assert all(np.array_equal(a.energies_hartree, b.energies_hartree) for a, b in zip(found, whole))  # noqa: B905
        else:
            values = 'densities' if read is read_doss_dat else 'energies_hartree'
            shift = 0.0 if found.absolute or read is read_doss_dat else whole.fermi_energy_hartree
            assert np.allclose(getattr(found, values) + shift, getattr(whole, values), atol=1e-12)
            assert found.fermi_energy_hartree in (None, whole.fermi_energy_hartree)


def test_odd_characters_end_no_line():
    """NUL bytes and form feeds of a bad disk make a value unreadable; they are no line ends."""
    with pytest.raises(OutputFileError, match='line 4'):
        read_fort25(fort25_block().replace('-1.10000E+00', '-1.1\x0c0000E+0'))
    with pytest.raises(OutputFileError, match='line 4'):
        read_fort25(fort25_block().replace('-1.10000E+00', '\0' * 12))
