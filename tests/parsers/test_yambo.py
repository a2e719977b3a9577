"""Parsers of Yambo's programs: what is never hidden, and what is done without a library."""

from __future__ import annotations

import json
import sys

import pytest
from aiida import orm
from aiida.plugins import CalculationFactory
from yambo_parameters import BSE, G0W0, MGO_G0W0, TOO_BIG_BSE


@pytest.fixture
def parse(generate_calc_job_node, generate_parser, yambo_corpus):
    """Return a function that parses a recorded set as if a job had left it."""

    def factory(name, *, parameters=G0W0, exit_status=None, change=lambda files: files):
        folder = yambo_corpus / name
        files = {}
        for path in folder.rglob('*'):
            if path.is_file() and path.name[:2] in ('r-', 'l-', 'o-'):
                files[f'out/{path.relative_to(folder).as_posix()}'] = path
            elif path.name == 'ndb.QP':
                files['job/ndb.QP'] = path
            elif path.name in ('fort.0', 'run.out'):
                files[{'run.out': 'yambo.out'}.get(path.name, path.name)] = path
        node = generate_calc_job_node(
            'crystalmath.yambo', change(files), {'parameters': orm.Dict(parameters)}, exit_status=exit_status
        )
        results, code = generate_parser('crystalmath.yambo').parse_from_node(node, store_provenance=False)
        return results, code

    return factory


@pytest.mark.parametrize('verdict', [110, 120, 140])
def test_the_schedulers_verdict_stays(parse, verdict):
    results, code = parse('fail_f8_kill', exit_status=verdict)
    assert code.exit_status == verdict
    told = results['output_parameters']
    assert told['status'] == 'interrupted'
    assert told['diagnoses'][0]['name'] == 'interrupted'
    assert told['databases_written'][-1] == 'ndb.HF_and_locXC'


def test_a_killed_run_has_no_results(parse):
    results, code = parse('fail_f8_kill')
    assert code.exit_status == 404
    assert set(results) == {'output_parameters'}
    assert 'gap_direct_ev' not in results['output_parameters'].get_dict()
    assert results['output_parameters']['dft_gap_direct_ev'] == 2.554015


def test_what_is_written_into_save_is_no_headway(parse):
    """The BSE writes ndb.kindx anew before it begins."""
    results, _ = parse('bse_diago_mpi2', parameters={'arguments': ['bse'], 'variables': {}})
    written = results['output_parameters']['databases_written']
    assert 'ndb.kindx' not in written
    assert 'ndb.em1s' in written


def test_quasiparticles_are_missed_whatever_words_asked_for_them(parse):
    """Without `dyson`, as inputs of older versions have it."""
    words = {'arguments': ['gw0', 'ppa', 'HF_and_locXC', 'em1d'], 'variables': {'GbndRnge': [1, 30]}}
    without = {'change': lambda files: {k: v for k, v in files.items() if 'ndb.QP' not in k}}
    assert parse('gw_ppa_mpi2', parameters=words, **without)[1].exit_status == 391
    results, code = parse('gw_ppa_mpi2', parameters=words)
    assert code is None or code.exit_status == 0
    assert results['output_parameters']['n_quasiparticles'] == 48


def test_a_result_that_lacks_is_missed(parse):
    """The report says that all went well, and the database did not come along."""
    results, code = parse('gw_ppa_mpi2', change=lambda files: {k: v for k, v in files.items() if 'ndb.QP' not in k})
    assert code.exit_status == 391
    assert 'qp_database' not in results


def test_a_database_of_another_run_is_refused(parse, yambo_corpus):
    other = yambo_corpus / 'gw_mgo_dojo' / 'ndb.QP'
    results, code = parse('gw_ppa_mpi2', change=lambda files: {**files, 'job/ndb.QP': other})
    assert code.exit_status == 391
    assert 'output_quasiparticles' not in results


def test_without_h5py_the_extra_is_named(parse, monkeypatch):
    monkeypatch.setitem(sys.modules, 'h5py', None)
    results, code = parse('gw_ppa_mpi2')
    assert code.exit_status == 391
    assert "pip install 'aiida-crystalmath[yambo]'" in results['output_parameters']['missing_results'][0]
    assert set(results) == {'output_parameters'}


# ------------------------------------------------------------------------------------------------ every failure

FAILURES = {
    'fail_f1_too_many_bands': ('yambo', {**G0W0, 'screening_bands': 60}, 320, 'ERROR_TOO_FEW_BANDS'),
    'fail_f1b_serial': ('yambo', {**G0W0, 'screening_bands': 60}, 320, 'ERROR_TOO_FEW_BANDS'),
    'fail_f2_no_save': ('yambo', G0W0, 350, 'ERROR_SAVE_NOT_SET_UP'),
    'fail_f3_missing_ndbqp': ('yambo', BSE, 330, 'ERROR_QP_DATABASE_NOT_READ'),
    'fail_f5_not_initialised': ('yambo', G0W0, 350, 'ERROR_SAVE_NOT_SET_UP'),
    'fail_f5b_not_init_serial': ('yambo', G0W0, 350, 'ERROR_SAVE_NOT_SET_UP'),
    'fail_f6_memory': ('yambo', TOO_BIG_BSE, 405, 'ERROR_OUT_OF_MEMORY'),
    'fail_f8_kill': ('yambo', G0W0, 404, 'ERROR_INTERRUPTED'),
    'p2y_err_no_save': ('p2y', None, 312, 'ERROR_NO_QE_SAVE'),
    'p2y_err_nonsymmorphic': ('p2y', None, 311, 'ERROR_NON_SYMMORPHIC_SYMMETRY'),
    'p2y_err_uspp': ('p2y', None, 310, 'ERROR_ULTRASOFT_PSEUDOPOTENTIAL'),
}
"""By recorded failure the program, its input, exit status and label."""

RESULTS = ('gap', 'absorption', 'exciton', 'n_quasiparticles')
"""What the names of numbers have in them that a failed run must not tell, but for the gap of DFT: that was given."""


def test_every_recorded_failure_is_known(yambo_corpus):
    recorded = json.loads((yambo_corpus / 'manifest.json').read_text())['sets']
    assert {name for name in recorded if name.startswith('fail_') or '_err_' in name} == set(FAILURES)


@pytest.mark.parametrize('name', list(FAILURES))
def test_every_recorded_failure_has_its_exit_code_and_no_results(
    name, parse, yambo_corpus, generate_calc_job_node, generate_parser
):
    program, parameters, status, label = FAILURES[name]
    if program == 'yambo':
        results, node = parse(name, parameters=parameters)
    else:
        job = generate_calc_job_node('crystalmath.p2y', {'l_p2y': yambo_corpus / name / 'l_p2y'})
        results, node = generate_parser('crystalmath.p2y').parse_from_node(job, store_provenance=False)
    assert node.exit_status == status
    assert CalculationFactory(f'crystalmath.{program}').exit_codes[label].status == status
    assert set(results) == {'output_parameters'}
    told = [key for key in results['output_parameters'].get_dict() if not key.startswith('dft_')]
    assert not [key for key in told if any(word in key for word in RESULTS)]


# ------------------------------------------------------------------------------------------------ the tables themselves


def table(path):
    """Return the rows of an o- file as plain numbers: whatever is no comment, split on blanks."""
    return [[float(word) for word in line.split()] for line in path.read_text().splitlines() if '#' not in line]


@pytest.mark.parametrize(
    ('name', 'parameters', 'edge'), [('gw_ppa_mpi2', G0W0, 4), ('gw_mgo_dojo', MGO_G0W0, 8)], ids=['silicon', 'MgO']
)
def test_gap_and_correction_at_gamma_are_those_of_the_table(parse, yambo_corpus, name, parameters, edge):
    """Bands 4 and 5 of silicon, 8 and 9 of MgO, at the first k-point; columns: k-point, band, E0, E - E0, Sc."""
    rows = {
        int(band): (e0, de) for point, band, e0, de, *_ in table(yambo_corpus / name / 'o-gw.qp') if int(point) == 1
    }
    (top, top_change), (bottom, bottom_change) = rows[edge], rows[edge + 1]
    results, node = parse(name, parameters=parameters)
    assert node.is_finished_ok, node.exit_message
    told = results['output_parameters'].get_dict()
    assert told['dft_gap_direct_ev'] == pytest.approx(bottom - top, abs=2e-5)
    assert told['gap_direct_ev'] == pytest.approx(bottom + bottom_change - top - top_change, abs=2e-5)
    states = results['output_quasiparticles']
    at_gamma = states.get_array('kpoints') == 1
    assert len(rows) == at_gamma.sum()
    corrections = zip(states.get_array('bands')[at_gamma], states.get_array('de_ev')[at_gamma], strict=True)
    for band, change in corrections:
        assert change == pytest.approx(rows[band][1], abs=2e-5)


@pytest.mark.parametrize(
    ('name', 'changes', 'suffix'),
    [
        ('bse_diago_mpi2', {}, 'diago_bse'),
        ('bse_diago_small_netcdf', {'bands': [4, 5], 'write_wavefunctions': False}, 'diago_bse'),
        ('bse_haydock_serial', {'solver': 'haydock', 'write_wavefunctions': False}, 'haydock_bse'),
        ('bse_scissor_serial', {'scissor': {'shift_ev': 0.7}}, 'diago_bse'),
    ],
)
def test_the_peak_is_the_largest_number_of_its_column(parse, yambo_corpus, name, changes, suffix):
    """Columns: energy, Im eps, Re eps, and the same two without excitons."""
    rows = table(yambo_corpus / name / f'o-bse.eps_q1_{suffix}')
    results, node = parse(name, parameters={**BSE, **changes})
    assert node.is_finished_ok, node.exit_message
    told = results['output_parameters'].get_dict()
    assert told['absorption_peak_ev'] == max(rows, key=lambda row: row[1])[0]
    assert told['absorption_peak_ip_ev'] == max(rows, key=lambda row: row[3])[0]
    assert results['output_spectrum'].get_array('eps_im').tolist() == [row[1] for row in rows]
