"""Parsers of Yambo's programs: what is never hidden, and what is done without a library."""

from __future__ import annotations

import sys

import pytest
from aiida import orm

G0W0 = {
    'kind': 'g0w0_ppa',
    'exchange_cutoff_ry': 12,
    'screening_bands': 30,
    'response_block_ry': 2,
    'qp_kpoints': [1, 8],
    'qp_bands': [2, 7],
}


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
