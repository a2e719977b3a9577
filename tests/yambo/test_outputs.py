"""What p2y, yambo and ypp left in every recorded run, with values read from the files by eye."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from aiida_crystalmath.yambo.diagnosis import CATALOGUE, diagnose
from aiida_crystalmath.yambo.inputs import Block, Deck, Text, compare, read_deck
from aiida_crystalmath.yambo.outputs.databases import (
    DatabaseError,
    iku_to_rlu,
    read_bs_diago,
    read_ndb_qp,
    read_ns_db1,
)
from aiida_crystalmath.yambo.outputs.report import read_report
from aiida_crystalmath.yambo.outputs.run import files_of, latest, read_p2y_run, read_yambo_run
from aiida_crystalmath.yambo.outputs.tables import ExcitonList, read_excitons, read_quasiparticles, read_spectrum

# set: (status, names of the diagnoses)
YAMBO = {
    'bse_diago_small_netcdf': ('finished', []),
    'bse_haydock_serial': ('finished', []),
    'bse_scissor_serial': ('finished', []),
    'fail_f1_too_many_bands': ('failed', ['too_few_bands']),
    'fail_f1b_serial': ('failed', ['too_few_bands']),
    'fail_f2_no_save': ('not_started', ['save_not_set_up']),
    'fail_f3_missing_ndbqp': ('finished', ['qp_database_unreadable']),
    'fail_f5_not_initialised': ('not_started', ['save_not_set_up']),
    'fail_f5b_not_init_serial': ('not_started', ['save_not_set_up']),
    'fail_f6_memory': ('failed', ['out_of_memory', 'qp_database_unreadable']),
    'fail_f8_kill': ('interrupted', ['interrupted']),
    'gw_mgo_dojo': ('finished', []),
    'gw_ppa_mpi2': ('finished', []),
    'gw_ppa_serial_unknown_variable': ('finished', ['input_unknown']),
    'restart_after_kill': ('finished', []),
}
P2Y = {
    'p2y_ok': ('finished', []),
    'p2y_ok_mpi': ('finished', []),
    'p2y_err_no_save': ('interrupted', ['no_qe_save']),
    'p2y_err_nonsymmorphic': ('failed', ['non_symmorphic_symmetry']),
    'p2y_err_uspp': ('failed', ['ultrasoft_pseudopotential']),
}
NOT_YAMBO = {'qe67_si_scf', 'qe67_si_nscf', 'pw2bgw', 'wannier90_si'}


def run_of(folder, **options):
    return read_yambo_run({name: text for name, text in files_of(folder).items() if 'exc' not in name}, **options)


def diagnoses_of(folder, run):
    decks = [path for path in folder.iterdir() if path.name in ('gw.in', 'bse.in')]
    asked = read_deck(decks[0].read_text()) if decks else None
    differences = compare(asked, run.used) if asked is not None and run.used is not None else []
    ran = any(path.name == 'fort.0' for path in folder.iterdir())
    return diagnose(run, asked=asked, differences=differences, ran=ran)


def test_every_recorded_set_is_accounted_for(yambo_corpus):
    sets = {path.name for path in yambo_corpus.iterdir() if path.is_dir()}
    assert sets == {*YAMBO, *P2Y, *NOT_YAMBO, 'bse_diago_mpi2', 'yambo_setup'}
    assert len(sets) == 26


@pytest.mark.parametrize('name', YAMBO)
def test_status_and_diagnoses_of_yambo(yambo_corpus, name):
    """Each of the failed serial runs ended with exit status 0: it is the words that tell."""
    status, diagnoses = YAMBO[name]
    run = run_of(yambo_corpus / name)
    assert run.status == status
    assert [finding.name for finding in diagnoses_of(yambo_corpus / name, run)] == diagnoses


@pytest.mark.parametrize('name', P2Y)
def test_status_and_diagnoses_of_p2y(yambo_corpus, name):
    status, diagnoses = P2Y[name]
    run = read_p2y_run(files_of(yambo_corpus / name))
    assert run.status == status
    assert [finding.name for finding in diagnose(run)] == diagnoses


def test_nothing_left_behind_is_no_missing_save():
    run = read_yambo_run({})
    assert [finding.name for finding in diagnose(run, ran=False)] == ['no_output']
    assert [finding.name for finding in diagnose(read_p2y_run({}))] == ['no_output']


# ------------------------------------------------------------------------------------------------ p2y and set-up


def test_log_of_p2y(yambo_corpus):
    log = read_p2y_run(files_of(yambo_corpus / 'p2y_ok')).log
    assert (log.n_kpoints, log.n_bands, log.n_electrons) == (8, 30, 8.0)
    assert (log.n_spinors, log.n_spins, log.spin_orbit, log.n_symmetries) == (1, 1, False, 24)
    assert (log.n_gvectors_wavefunctions, log.n_gvectors_density) == (439, 2277)
    assert log.functional == 'Slater exchange(X)+Perdew & Zunger(C)'
    assert log.data_format == 'qexsd'


def test_one_process_that_did_not_end_spoils_p2y(yambo_corpus):
    files = files_of(yambo_corpus / 'p2y_ok_mpi')
    name = next(name for name in files if name.endswith('CPU_2'))
    files[name] = files[name].replace('P1:  == P2Y completed ==', '')
    files[name] = files[name].replace('== P2Y completed ==', '')
    assert read_p2y_run(files).status == 'interrupted'


def test_p2y_complains_in_quantum_espressos_words_too(yambo_corpus):
    """As reported for an XML of another version (yambo-code/yambo, issue 33): the log only stops."""
    log = (yambo_corpus / 'p2y_ok' / 'l_p2y').read_text()
    cut = log[: log.index('Cell data')] + '\n'
    bar = '%' * 78
    box = f' {bar}\n     Error in routine qexsd_read_symmetry (2):\n     fmt problem\n {bar}\n\n     stopping ...\n'
    assert read_p2y_run({'l_p2y': cut}).status == 'interrupted'
    run = read_p2y_run({'l_p2y': cut}, box)
    assert run.status == 'failed'
    (finding,) = diagnose(run)
    assert (finding.diagnosis.exit_code, finding.evidence) == (390, 'qexsd_read_symmetry: fmt problem (2)')
    assert read_p2y_run({}, box).status == 'failed'
    assert read_p2y_run({'l_p2y': log}, 'whatever\n').status == 'finished'


def test_setup(yambo_corpus):
    run = read_yambo_run(files_of(yambo_corpus / 'yambo_setup'), setup=True)
    report = run.report
    assert run.status == 'finished'
    assert (report.version, report.revision) == ('5.2.4', '22806')
    assert (report.n_processes, report.n_threads, report.n_bands, report.n_kpoints) == (1, 1, 30, 8)
    assert report.grid == (4, 4, 4)
    assert report.cell_bohr == ((-5.1, 0.0, 5.1), (0.0, 5.1, 5.1), (-5.1, 5.1, 0.0))
    assert report.memory_peak_mb == pytest.approx(0.694)
    assert report.kpoints_rlu[6] == (0.0, -0.5, -0.5)
    assert sum(report.kpoint_weights) == pytest.approx(1.0, abs=1e-5)
    dft = report.dft
    assert (dft.gap_direct_ev, dft.gap_direct_kpoint) == (2.554015, 1)
    assert (dft.gap_indirect_ev, dft.gap_indirect_kpoints) == (0.612049, (1, 7))
    assert (dft.fermi_level_ev, dft.filled_bands) == (6.30068, 4)


def test_kpoints_of_the_database_are_those_of_the_report(yambo_corpus):
    report = run_of(yambo_corpus / 'yambo_setup', setup=True).report
    core = read_ns_db1(yambo_corpus / 'p2y_ok' / 'ns.db1')
    assert iku_to_rlu(core.kpoints_iku, report.lattice_iru) == pytest.approx(np.array(report.kpoints_rlu), abs=1e-6)
    gap = core.energies_ev[0, 0, 4] - core.energies_ev[0, 0, 3]
    assert gap == pytest.approx(report.dft.gap_direct_ev, abs=1e-5)


# ------------------------------------------------------------------------------------------------ quasi-particles


@pytest.mark.parametrize(
    ('name', 'state', 'values'),
    [
        ('gw_ppa_mpi2', (1, 5), (2.554015, 0.661091, -3.554248)),
        ('gw_ppa_mpi2', (1, 4), (0.0, 0.135911, 1.500533)),
        ('gw_ppa_mpi2', (8, 7), (5.038407, 0.726906, -4.410011)),
        ('gw_mgo_dojo', (1, 8), (0.0, -0.600852, 4.108665)),
        ('gw_mgo_dojo', (1, 9), (4.650479, 2.268942, -3.422057)),
    ],
)
def test_quasiparticles_are_those_of_the_table(yambo_corpus, name, state, values):
    found = read_quasiparticles(run_of(yambo_corpus / name).table('qp'))
    (index,) = np.flatnonzero((found.kpoint == state[0]) & (found.band == state[1]))
    assert (found.e0_ev[index], found.de_ev[index], found.sc_ev[index]) == values
    assert set(found.spin) == {1}


@pytest.mark.parametrize(('name', 'n_states'), [('gw_ppa_mpi2', 48), ('gw_mgo_dojo', 4)])
def test_the_database_has_the_numbers_of_the_table(yambo_corpus, name, n_states):
    table = read_quasiparticles((yambo_corpus / name / 'o-gw.qp').read_text())
    database = read_ndb_qp(yambo_corpus / name / 'ndb.QP')
    assert len(database) == len(table) == n_states
    assert (database.kpoint == table.kpoint).all()
    assert (database.band == table.band).all()
    assert database.e0_ev == pytest.approx(table.e0_ev, abs=1e-5)
    assert database.de_ev == pytest.approx(table.de_ev, abs=1e-6)


def test_the_renormalisation_is_that_of_the_corrections(yambo_corpus):
    """E-Eo = Re Z (Sc|Eo + <nlXC> - <lXC>); the last two are printed in the report, at k 1."""
    table = read_quasiparticles((yambo_corpus / 'gw_ppa_mpi2' / 'o-gw.qp').read_text())
    database = read_ndb_qp(yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP')
    for index, exchange, local in ((0, -12.63863, -11.31006), (3, -5.695363, -10.08822)):
        correction = database.z[index] * (table.sc_ev[index] + exchange - local)
        assert correction == pytest.approx(table.de_ev[index], abs=1e-4)


def test_kpoints_of_the_database_are_those_that_were_corrected(yambo_corpus):
    """All eight of silicon; of MgO, where only Gamma was asked for, that one."""
    assert read_ndb_qp(yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP').kpoints_iku.shape == (8, 3)
    assert read_ndb_qp(yambo_corpus / 'gw_mgo_dojo' / 'ndb.QP').kpoints_iku.tolist() == [[0, 0, 0]]


def test_gaps_that_are_told(yambo_corpus):
    """2.554 -> 3.079 eV at Gamma of silicon; 4.65 -> 7.52 eV of MgO."""
    silicon = read_quasiparticles((yambo_corpus / 'gw_ppa_mpi2' / 'o-gw.qp').read_text())
    energies = {(k, b): e for k, b, e in zip(silicon.kpoint, silicon.band, silicon.energies_ev, strict=True)}
    assert energies[1, 5] - energies[1, 4] == pytest.approx(3.079195, abs=1e-6)
    mgo = read_quasiparticles((yambo_corpus / 'gw_mgo_dojo' / 'o-gw.qp').read_text())
    assert mgo.energies_ev[2] - mgo.energies_ev[1] == pytest.approx(7.520273, abs=1e-6)


# ------------------------------------------------------------------------------------------------ spectra, excitons


@pytest.mark.parametrize(
    ('name', 'peak', 'peak_ip'),
    [
        ('bse_diago_mpi2', 3.15, 4.30),
        ('bse_diago_small_netcdf', 3.25, 4.30),
        ('bse_haydock_serial', 3.15, 4.30),
        ('bse_scissor_serial', 3.30, 4.45),
        ('fail_f3_missing_ndbqp', 2.60, 3.75),
    ],
)
def test_peaks_of_absorption(yambo_corpus, name, peak, peak_ip):
    spectrum = read_spectrum(run_of(yambo_corpus / name).table('eps'))
    assert len(spectrum.energy_ev) == 201
    assert (spectrum.peak_ev, spectrum.peak_ip_ev) == (pytest.approx(peak), pytest.approx(peak_ip))


def test_first_row_of_a_spectrum(yambo_corpus):
    run = run_of(yambo_corpus / 'bse_diago_mpi2')
    eps = read_spectrum(run.table('eps'))
    first = (eps.energy_ev[0], eps.imaginary[0], eps.real[0], eps.imaginary_ip[0], eps.real_ip[0])
    assert first == (0.0, 0.315776, 11.8096, 0.24696, 10.57097)
    eel = read_spectrum(run.table('eel'), 'eel')
    assert (eel.imaginary[0], eel.real[0]) == (-0.50987e-11, -0.042719)


def test_what_the_bse_started_from(yambo_corpus):
    levels = run_of(yambo_corpus / 'bse_diago_mpi2').report.levels['K+QP']
    assert levels.gap_direct_ev == 3.079195
    assert run_of(yambo_corpus / 'bse_scissor_serial').report.levels['K+QP'].gap_direct_ev == 3.254015
    assert 'K+QP' not in run_of(yambo_corpus / 'fail_f3_missing_ndbqp').report.levels


def test_haydock_says_how_well_it_converged(yambo_corpus):
    report = run_of(yambo_corpus / 'bse_haydock_serial').report
    assert (report.haydock_iterations, report.haydock_accuracy_percent) == (46, 0.016986)
    assert report.haydock_threshold_percent == -0.02


def test_haydock_that_stopped_too_early_is_told(yambo_corpus):
    path = next((yambo_corpus / 'bse_haydock_serial').glob('r-bse*'))
    less = path.read_text().replace(':  0.016986 [o/o]', ':  0.216986 [o/o]')
    found = diagnose(read_yambo_run({path.name: less}))
    assert [finding.name for finding in found] == ['haydock_not_converged']
    assert found[0].evidence == 'accuracy 0.216986 %, and 0.02 % was asked for'


def test_mirror_images_of_a_coupled_bse_are_left_out(yambo_corpus):
    one = read_bs_diago(yambo_corpus / 'bse_diago_small_netcdf' / 'ndb.BS_diago_Q1')
    energies = np.concatenate([one.energy_ev, -one.energy_ev])
    both = ExcitonList.of(energies, np.concatenate([one.strength] * 2), np.arange(1, len(energies) + 1))
    assert (both.energy_ev == one.energy_ev).all()
    assert (both.strength == one.strength).all()
    assert both.index.tolist() == list(range(1, 65))
    unstable = ExcitonList.of(np.array([1.0, -0.5]), np.array([1.0, 0.2]), np.array([1, 2]))
    assert unstable.energy_ev.tolist() == [-0.5, 1.0]


def test_excitons_of_ypp(yambo_corpus):
    files = files_of(yambo_corpus / 'bse_diago_mpi2')
    run = read_yambo_run({name: text for name, text in files.items() if 'exc' in name}, 'ypp')
    assert (run.status, run.report.program) == ('finished', 'ypp')
    by_energy = read_excitons(run.tables['exc_qpt1_E_sorted'])
    by_strength = read_excitons(run.tables['exc_qpt1_I_sorted'])
    assert len(by_energy.energy_ev) == 576
    assert (by_energy.energy_ev[0], by_energy.strength[0]) == (2.95893621, 0.0124870595)
    assert by_energy.strength[3] == 0.288805127
    assert (by_energy.energy_ev == by_strength.energy_ev).all()
    assert by_energy.bright(0.1)[:4].tolist() == [False, False, False, True]


def test_excitons_of_the_database_make_the_spectrum(yambo_corpus):
    """Poles with the database's strengths and the input's damping are the spectrum that yambo printed."""
    folder = yambo_corpus / 'bse_diago_small_netcdf'
    excitons = read_bs_diago(folder / 'ndb.BS_diago_Q1')
    assert len(excitons.energy_ev) == 64
    assert excitons.energy_ev[0] == pytest.approx(2.99816, abs=1e-5)
    spectrum = read_spectrum(run_of(folder).table('eps'))
    omega = spectrum.energy_ev + 0.1j
    poles = sum(
        s * (1 / (e - omega) + 1 / (e + omega)) for e, s in zip(excitons.energy_ev, excitons.strength, strict=True)
    )
    assert np.corrcoef(poles.imag, spectrum.imaginary)[0, 1] > 0.99999


# ------------------------------------------------------------------------------------------------ resources, restarts


def test_memory_time_and_processes(yambo_corpus):
    report = run_of(yambo_corpus / 'gw_mgo_dojo').report
    assert (report.memory_peak_mb, report.wall_time_s, report.n_processes) == (11.956, 2.0, 2)
    assert report.started == report.ended == datetime(2026, 11, 21, 1, 58)


def test_a_restart_reads_what_was_there(yambo_corpus):
    run = run_of(yambo_corpus / 'restart_after_kill')
    assert run.n_calls == 2
    assert run.report.databases_written == ('./gw//ndb.QP',)
    assert './gw//ndb.pp' in run.report.databases_read
    found, fresh = (
        read_quasiparticles((yambo_corpus / name / 'o-gw.qp').read_text())
        for name in ('restart_after_kill', 'gw_ppa_mpi2')
    )
    assert found.de_ev == pytest.approx(fresh.de_ev, abs=2e-5)


def test_the_last_call_counts():
    names = ['r-gw', 'r-gw_01', 'r-gw_02', 'r-gw_01_02']
    assert latest(names) == ['r-gw_02', 'r-gw_01_02']


# ------------------------------------------------------------------------------------------------ damaged files


def test_arrays_that_do_not_fit_are_refused(yambo_corpus, tmp_path):
    h5py = pytest.importorskip('h5py')

    def spoilt(source, name, change):
        path = tmp_path / name
        path.write_bytes(source.read_bytes())
        with h5py.File(path, 'r+') as handle:
            values = change(np.array(handle[name]))
            del handle[name]
            handle[name] = values
        return path

    states, excitons = (
        yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP',
        yambo_corpus / 'bse_diago_small_netcdf' / 'ndb.BS_diago_Q1',
    )
    for name, change in {
        'QP_E': lambda values: values[:, 0],
        'QP_table': lambda values: values[0],
        'QP_Z': lambda values: values[1:],
        'QP_Eo': lambda values: np.full_like(values, np.nan),
    }.items():
        with pytest.raises(DatabaseError, match=r'ndb\.QP'):
            read_ndb_qp(spoilt(states, name, change))
    for name in ('BS_Energies', 'BS_left_Residuals'):
        with pytest.raises(DatabaseError, match='do not fit'):
            read_bs_diago(spoilt(excitons, name, lambda values: values[:, 0]))


def test_a_date_that_is_none_is_no_date(yambo_corpus):
    path = next((yambo_corpus / 'gw_ppa_mpi2').glob('r-gw*'))
    report = read_report(path.read_text().replace('11/21/2026 at 01:52', '21/11/2026 at 01:52'))
    assert (report.started, report.ended) == (None, None)
    assert report.game_over


def test_a_cut_table_gives_no_numbers(yambo_corpus):
    text = (yambo_corpus / 'gw_ppa_mpi2' / 'o-gw.qp').read_text()
    begin = text.index('        1                  2')
    for end in range(begin, begin + 2000, 37):
        with pytest.raises(ValueError, match='table'):
            read_quasiparticles(text[:end])
    with pytest.raises(ValueError, match='no numbers'):
        read_quasiparticles(text.replace('0.661091', '********'))


def test_a_report_cut_anywhere_is_read(yambo_corpus):
    path = next((yambo_corpus / 'bse_diago_mpi2').glob('r-bse_optics*'))
    text = path.read_text()
    for end in range(0, len(text), 499):
        report = read_report(text[:end])
        assert report.dft.gap_direct_ev in (None, 2.554015)
        assert report.memory_peak_mb in (None, 4.982)
        assert report.used is None or report.game_over
    run = read_yambo_run({path.name: text[: text.index('Game Over')]})
    assert run.status == 'interrupted'


def test_what_is_no_database_is_refused(yambo_corpus, tmp_path):
    path = tmp_path / 'ndb.QP'
    path.write_bytes((yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP').read_bytes()[:20000])
    with pytest.raises(DatabaseError):
        read_ndb_qp(path)
    with pytest.raises(DatabaseError, match='QP_table'):
        read_ndb_qp(yambo_corpus / 'bse_diago_small_netcdf' / 'ndb.BS_diago_Q1')


# ------------------------------------------------------------------------------------------------ the catalogue


def test_every_marker_finds_its_example():
    for entry in CATALOGUE.entries:
        if entry.marker is not None:
            assert entry.search(entry.example), entry.name


def test_the_core_owns_some_exit_codes():
    assert not {301, 302, 401, 402} & set(CATALOGUE.codes)


def test_quasiparticles_that_nobody_read_are_noticed_without_a_warning(yambo_corpus):
    """A version that did not even warn would not get through."""
    files = files_of(yambo_corpus / 'fail_f3_missing_ndbqp')
    files = {name: text.replace('[WARNING] I/O problems', 'I/O problems') for name, text in files.items()}
    (finding,) = diagnose(read_yambo_run(files))
    assert finding.name == 'qp_database_not_read'
    assert finding.diagnosis.exit_code == 330


def test_an_unknown_error_is_told_with_its_words(yambo_corpus):
    files = files_of(yambo_corpus / 'fail_f1b_serial')
    files = {name: text.replace('Too many bands required in X.', 'Something new.') for name, text in files.items()}
    (finding,) = diagnose(read_yambo_run(files))
    assert finding.diagnosis.exit_code == 390
    assert finding.evidence == 'Something new. Run DFT with more bands!'


def test_the_sorts_of_differences_are_warnings(yambo_corpus):
    run = run_of(yambo_corpus / 'gw_ppa_mpi2')
    asked = Deck(('gw0', 'bse'), (), {'SE_CPU': Text('2'), 'BndsRnXp': Block(((1, 20),))})
    findings = diagnose(run, asked=asked, differences=compare(asked, run.used))
    assert [finding.name for finding in findings] == ['input_ignored', 'parallel_replaced', 'input_changed']
    assert {finding.diagnosis.severity for finding in findings} == {'warning'}
