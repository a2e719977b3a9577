"""What the properties program tells on stdout: values looked up in the real files, every cut of them, failures."""

from __future__ import annotations

import json
import re

import pytest

from aiida_crystalmath.crystal.outputs.band_dat import read_band_dat
from aiida_crystalmath.crystal.outputs.fort25 import bands_from_fort25, dos_from_fort25, read_fort25
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

RUNS = [
    'diamond_xrd/spec_diamondXRD.out',
    'g2s_boltztra/trans_G2S.out',
    'graphene_mv_echg/dens_grapheneMV.out',
    'hematite_echg/dens_hematite.out',
    'mg2o2_prop_newk/Mg2O2_O1_100_1.outp',
    'mg_fsurf/fsurf_Mg.out',
    'mgo_band/conv_mgoBand.outp',
    'mgo_density/mgo_density.outp',
    'mgo_doss/mgo_DOSS.outp',
    'mgo_echg/dens_mgoDCHG.out',
    'mgo_prop_newk/mgo.outp',
    'mgo_sto3g_doss_total/doss_total_only.out',
    'mgo_sto3g_newk/main.out',
    'mgoco_ech3/dens_MgOCO.out',
    'nacl_fsurf/fsurf_NaCl.out',
    'nacl_hf_band_doss/NaCl.out',
    'urea_topond/topo_urea.out',
    'wse2_soc_prop/relt_WSe2.out',
    'zrs2_band_doss/ZrS2_band_structure_dos.prop.o',
]
"""Outputs of properties alone with their deck echoed before the banner."""


def read(corpus, run):
    return parse_stdout(corpus / run).properties


@pytest.mark.corpus
@pytest.mark.parametrize('run', RUNS)
def test_keywords_are_those_of_the_deck(corpus, run):
    """The deck echoed by the run script lists what the program then works on, word for word."""
    properties = read(corpus, run)
    assert properties.deck_keywords
    assert properties.keywords == properties.deck_keywords
    assert properties.missing_keywords == []
    assert properties.complete and all(result.complete for result in properties.results)


@pytest.mark.corpus
def test_fermi_energy_and_gap_agree_with_the_hand_checked_table(corpus):
    """truth.json holds the Fermi energy stored with the wavefunction (three decimals) and the gap of NEWK."""
    truth = json.loads((corpus / 'truth.json').read_text())
    seen = 0
    for run in RUNS:
        fields = truth[run.split('/')[0]]
        output = parse_stdout(corpus / run)
        assert output.properties.fermi_wavefunction_hartree == fields['fermi_au'], run
        assert output.properties.n_electrons == fields['n_electrons'], run
        if fields.get('gap_ev') is not None:
            assert output.gap_ev == fields['gap_ev'], run
            assert output.properties.newk_result.channels[0].gap_kind == fields['gap_type'], run
            seen += 1
    assert seen == 8


@pytest.mark.corpus
def test_newk_of_an_indirect_gap(corpus):
    """mgo_sto3g_newk prints the valence top twice, the true one first: the gap is between the extremes."""
    newk = read(corpus, 'mgo_sto3g_newk/main.out').newk_result
    assert (newk.shrink, newk.gilat, newk.n_kpoints, newk.n_kpoints_gilat) == ((18, 18, 18), 36, 195, 1240)
    assert newk.kpoints.shape == (195, 3)
    assert newk.kpoints[54].tolist() == [15, 3, 0]
    edges = newk.channels[0]
    assert (edges.vbm_hartree, edges.cbm_hartree) == (-0.14650129, 0.31898294)
    assert (edges.cbm_hartree - edges.vbm_hartree) * 27.211386 == pytest.approx(edges.gap_ev, abs=1e-3)
    assert edges.fermi_energy_hartree == -0.14650129


@pytest.mark.corpus
def test_newk_of_a_metal_and_of_old_versions(corpus):
    metal = read(corpus, 'mg_fsurf/fsurf_Mg.out').newk_result.channels[0]
    assert metal.conducting and metal.fermi_energy_hartree == -0.11421196 and metal.vbm_hartree is None
    old = read(corpus, 'zrs2_band_doss/ZrS2_band_structure_dos.prop.o')
    assert old.shrink == (24, 24, 18, 24)
    assert old.newk_result.channels[0].gap_ev is None, 'CRYSTAL14 prints edges, no gap'
    assert old.newk_result.channels[0].cbm_hartree == -0.12426344


@pytest.mark.corpus
def test_newk_without_fermi_energy(corpus):
    """hematite_echg: NEWK with ``0 0`` computes no Fermi energy; that of the wavefunction stays."""
    properties = read(corpus, 'hematite_echg/dens_hematite.out')
    assert properties.newk_result.complete and properties.newk_result.channels == []
    assert properties.fermi_energy_hartree == -0.148


@pytest.mark.corpus
def test_negative_kpoints_without_blanks(corpus):
    """wse2_soc_prop: ``( -2-10  0)``."""
    points = read(corpus, 'wse2_soc_prop/relt_WSe2.out').newk_result.kpoints
    assert points.shape == (576, 3)
    assert points[461].tolist() == [-2, -10, 0]


@pytest.mark.corpus
def test_band(corpus):
    properties = read(corpus, 'mgo_band/conv_mgoBand.outp')
    (run,) = properties.band_runs
    assert (run.title, run.first_band, run.last_band, run.n_kpoints, run.n_segments) == ('BN', 1, 26, 200, 4)
    assert run.energy_range_hartree == (-46.65363, 6.57089)
    assert run.fermi_energy_hartree == -0.15202 and run.complete
    assert properties.segments[3].end == (0.5, 0.25, 0.75)
    assert [segment.n_points for segment in properties.segments] == [53, 45, 45, 58]


@pytest.mark.corpus
def test_dos(corpus):
    (run,) = read(corpus, 'mgo_doss/mgo_DOSS.outp').dos_runs
    assert (run.bands, run.energy_range_hartree) == ((8, 14), (-0.7, 0.8))
    assert (run.n_polynomials, run.n_projections, run.n_energies) == (12, 2, 298)
    assert run.projections == [list(range(1, 14)), list(range(14, 27))]
    assert run.band_integrals[14] == [1.47732, 0.52268, 2.0]
    assert run.integrals == [[4.09902, 9.90098, 14.0]]
    assert sum(row[0] for row in run.band_integrals.values()) == pytest.approx(run.integrals[0][0], abs=5e-5)
    assert run.complete


@pytest.mark.corpus
def test_dos_without_projections(corpus):
    (run,) = read(corpus, 'mgo_sto3g_doss_total/doss_total_only.out').dos_runs
    assert run.projections == [] and run.n_projections == 0
    assert run.integrals == [[6.0]]


@pytest.mark.corpus
def test_maps_of_an_open_shell(corpus):
    """graphene_mv_echg: charge and spin, then the same of superposed atoms; one title lost its blanks."""
    output = parse_stdout(corpus / 'graphene_mv_echg/dens_grapheneMV.out')
    properties = output.properties
    assert [(m.quantity, m.atomic, m.shape) for m in properties.maps] == [
        ('charge', False, (100, 100)),
        ('spin', False, (100, 100)),
        ('charge', True, (100, 100)),
        ('spin', True, (100, 100)),
    ]
    assert (properties.maps[1].minimum, properties.maps[1].maximum) == (-1.4247e-02, 1.9545e-01)
    assert properties.maps[0].corners_bohr[2] == (-0.171, 27.825, 0.0)
    assert all(m.complete for m in properties.maps)
    assert [warning.text for warning in output.warnings] == ['ALL INPUT DATA ARE 0.0'], 'kept, and ends no table'


@pytest.mark.corpus
def test_atoms_of_pato(corpus):
    iron, oxygen = read(corpus, 'hematite_echg/dens_hematite.out').atomic_wavefunctions
    assert (iron.nuclear_charge, iron.n_electrons, iron.energy_hartree) == (26.0, 26.0, -1260.241308)
    assert (oxygen.kinetic_energy_hartree, oxygen.virial) == (74.60838933, -2.002578231)


@pytest.mark.corpus
def test_two_components(corpus):
    properties = read(corpus, 'wse2_soc_prop/relt_WSe2.out')
    assert properties.two_component
    assert properties.keywords == ['NEWK', 'PROPS2COMP', 'ECHG']
    assert len(properties.maps) == 16 and all(m.complete for m in properties.maps)
    assert properties.maps[0].quantity == 'charge'
    assert properties.maps[3].quantity == 'Z-COMP MAGNETIZATION m_z'
    assert properties.maps[15].maximum == 2.2376e-04


@pytest.mark.corpus
def test_boxes(corpus):
    (grid,) = read(corpus, 'mgoco_ech3/dens_MgOCO.out').grids
    assert (grid.keyword, grid.shape, grid.complete) == ('ECH3', (20, 20, 136), True)


@pytest.mark.corpus
def test_xray(corpus):
    properties = read(corpus, 'diamond_xrd/spec_diamondXRD.out')
    assert len(properties.structure_factors) == 10
    factor = properties.structure_factors[6]
    assert factor.hkl == (1, 1, 1) and factor.multiplicity == 8
    assert factor.value == complex(-13.31, -13.31)
    spectrum = properties.xray_spectrum
    assert (spectrum.wavelength_angstrom, spectrum.debye_waller_angstrom2) == (1.5406, 1.0)
    assert spectrum.peaks[4].tolist() == [2, 2, 0, 74.81, 1.268, 2952.8, 672.8, 575.92]
    assert spectrum.spectrum.shape == (2000, 4)
    assert spectrum.spectrum[-1, 0] == 89.96
    strongest = spectrum.spectrum[spectrum.spectrum[:, 2].argmax(), 0]
    assert strongest == pytest.approx(43.68, abs=0.05), 'the peak of (1 1 1)'


@pytest.mark.corpus
def test_xray_spectrum_with_a_hole(corpus):
    """A row that lost a column makes the spectrum uncertain, and the run incomplete."""
    text = (corpus / 'diamond_xrd/spec_diamondXRD.out').read_text()
    output = parse_stdout(text.replace('       1.04      0.00      0.00      0.00', '       1.04      0.00'))
    assert output.properties.xray_spectrum.spectrum is None
    assert not output.properties.complete and output.status == 'incomplete'


@pytest.mark.corpus
def test_topond(corpus):
    topond = read(corpus, 'urea_topond/topo_urea.out').topond
    assert (topond.version, topond.tasks, topond.complete) == ('2021', ['PLOT2D'], True)
    assert topond.plot_ranges_angstrom == [(-4.0, 4.0, 0.08)] * 2
    assert topond.files['SURFELFB.DAT'] == 'BECKE ELECTRON LOCALIZATION FUNCTION'
    assert len(topond.files) == 12


TITLE = """\
 EEEEEEEEEE STARTING  DATE 29 07 2024 TIME 17:54:51.4
 *******************************************************************************
 a title
 CRYSTAL - PROPERTIES - TYPE OF CALCULATION :  RESTRICTED CLOSED SHELL
 *******************************************************************************
"""


def test_critical_points():
    """Lines as Jmol and other public readers quote them."""
    text = f"""{TITLE}
 *                              T O P O N D  2 0 2 1                           *
 CP N.      8  NON-EQUIV. ATOM      3 C  ---    199 H (     1      1      0 )  DISTANCE(ANG)= 1.0859
 *********

 CP TYPE                        :  (3,-1)
 COORD(AU)  (X  Y  Z)           :  1.8343E+00  7.5829E+00  2.5685E+01
 COORD FRACT. CONV. CELL        :  3.5525E-02  1.4686E-01  4.9744E-01
 PROPERTIES (RHO,GRHO,LAP)      :  2.7486E-01  1.2022E-15 -8.2652E-01
 KINETIC ENERGY DENSITIES (G,K) :  3.7054E-02  2.4369E-01
 VIRIAL DENSITY                 : -2.8074E-01
 ELF(PAA)                       :  9.8781E-01
"""
    topond = parse_stdout(text).properties.topond
    (point,) = topond.critical_points
    assert (point.number, point.kind) == (8, (3, -1))
    assert point.position_bohr == (1.8343, 7.5829, 25.685)
    assert (point.density, point.laplacian, point.virial, point.elf) == (0.27486, -0.82652, -0.28074, 0.98781)
    assert point.kinetic_energy == (0.037054, 0.24369)
    assert not topond.complete


def test_an_error_stops_its_keyword_and_the_run():
    text = f"""{TITLE}
 RESTART WITH NEW K POINTS NET
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT NEWK        TELAPSE        0.05 TCPU        0.04
 TOTAL AND PROJECTED DENSITY OF STATES - FOURIER LEGENDRE METHOD
 ERROR **** DOSS **** TOO MANY PROJECTIONS
"""
    properties = parse_stdout(text).properties
    newk, doss = properties.results
    assert newk.complete and newk.wall_s == 0.05
    assert not doss.complete and doss.error == 'ERROR **** DOSS **** TOO MANY PROJECTIONS'
    assert not properties.finished and not properties.complete


def test_keywords_known_by_their_time_line_only():
    text = f"""{TITLE}
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT POTC        TELAPSE        3.00 TCPU        2.00
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT POT3        TELAPSE        4.00 TCPU        3.00
 TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT SHLC        TELAPSE        4.00 TCPU        3.00
 ENDPROP
"""
    properties = parse_stdout(text).properties
    assert properties.keywords == ['POTC', 'POT3'], 'SHLC is no keyword'
    assert properties.finished and properties.complete


@pytest.mark.corpus
def test_properties_without_a_wavefunction(corpus):
    """guessp_fock0_propio_error: the second program of the file stops before its title."""
    output = parse_stdout(corpus / 'guessp_fock0_propio_error/system_guessp_fock0.out')
    assert output.program == 'crystal'
    assert output.properties.deck_keywords == output.properties.missing_keywords == ['RDFMWF']
    assert not output.properties.complete


@pytest.mark.corpus
@pytest.mark.parametrize('run', RUNS)
def test_cuts(corpus, run):
    """A keyword is complete only with its time line, a result only as in the whole file, the run only at its end."""
    text = (corpus / run).read_text(errors='replace')
    whole = parse_stdout(text).properties
    start, end = text.index('CRYSTAL - PROPERTIES'), text.rindex(' EEEEEEEEEE TERMINATION')
    untimed = ('RDFMWF', 'TOPO', 'PROPS2COMP')
    for step in range(12):
        cut = text[: start + (end - start) * step // 12]
        properties = parse_stdout(cut).properties
        if properties is None:
            continue
        assert not properties.finished or ' ENDPROP' in cut
        for result in properties.results:
            timed = re.search(rf'TTT {result.keyword} +TELAPSE', cut[start:])
            assert not result.complete or timed or result.keyword in untimed
        assert all(m in whole.maps for m in properties.maps if m.complete)
        assert all(d in whole.dos_runs for d in properties.dos_runs if d.complete)
        assert all(b in whole.band_runs for b in properties.band_runs if b.complete)
        if properties.xray_spectrum is not None:
            assert not properties.xray_spectrum.complete
            assert properties.structure_factors == []


@pytest.mark.corpus
@pytest.mark.parametrize('run', ['mgo_echg/dens_mgoDCHG.out', 'mgo_doss/mgo_DOSS.outp'])
def test_noise_between_the_lines(corpus, run):
    """Lines of the ranks, carriage returns and overflowed numbers change no keyword."""
    text = (corpus / run).read_text()
    whole = parse_stdout(text).properties
    noisy = parse_stdout(text.replace('\n', '\n PROCESS            3  OF            4  WORKING\n')).properties
    assert noisy.maps == whole.maps and noisy.dos_runs == whole.dos_runs
    assert parse_stdout(text.replace('\n', '\r\n')).properties.keywords == whole.keywords
    stars = parse_stdout(re.sub(r'\d\.\d', '***', text)).properties
    assert stars.keywords == whole.keywords


@pytest.mark.corpus
def test_plot_files_agree_with_stdout(corpus):
    """Range, Fermi energy and valence top that stdout tells are those of the files of the same run."""
    run = corpus / 'mgo_band'
    bands = read_band_dat((run / 'conv_mgoBand.BAND').read_text())
    properties = read(corpus, 'mgo_band/conv_mgoBand.outp')
    (told,) = properties.band_runs
    assert bands.fermi_energy_hartree == told.fermi_energy_hartree
    assert (bands.energies_hartree.min(), bands.energies_hartree.max()) == pytest.approx(
        told.energy_range_hartree, rel=5e-5
    )
    edges = properties.newk_result.channels[0]
    assert bands.energies_hartree[0, :, 9].max() == pytest.approx(edges.vbm_hartree, abs=1e-5)
    assert bands.energies_hartree[0, :, 10].min() == pytest.approx(edges.cbm_hartree, abs=1e-5)
    assert [last - first + 1 for first, last in bands.segments] == [53, 46, 46, 59], 'the first points are shared'


@pytest.mark.corpus
def test_fort25_agrees_with_stdout(corpus):
    """nacl_hf_band_doss: bands and density in one file, their echo in stdout."""
    blocks = read_fort25((corpus / 'nacl_hf_band_doss/NaCl.f25').read_text())
    properties = read(corpus, 'nacl_hf_band_doss/NaCl.out')
    bands, dos = bands_from_fort25(blocks), dos_from_fort25(blocks)
    (told,) = properties.band_runs
    assert (bands.energies_hartree.min(), bands.energies_hartree.max()) == pytest.approx(
        told.energy_range_hartree, rel=1e-5
    )
    assert bands.fermi_energy_hartree == pytest.approx(properties.newk_result.channels[0].vbm_hartree, abs=1e-6)
    (density,) = properties.dos_runs
    assert dos.energies_hartree.size == density.n_energies + 4, 'two points more at each end'
    assert (dos.energies_hartree[2], dos.energies_hartree[-3]) == pytest.approx((-1.026, -0.399), abs=2e-3)
