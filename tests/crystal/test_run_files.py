"""Which files look like outputs, and which beside an output belong to its run."""

from __future__ import annotations

import json

import pytest

from aiida_crystalmath.crystal.run_files import files_beside, looks_like_output


@pytest.mark.corpus
def test_outputs_are_told_from_all_other_real_files(corpus):
    truth = json.loads((corpus / 'truth.json').read_text())
    for run, values in truth.items():
        is_output = values['n_banners'] > 0 or values['status'] == 'empty'
        assert looks_like_output(corpus / run / values['file']) == is_output, run
    rows = [line.split('\t') for line in (corpus / 'manifest.tsv').read_text().splitlines()[1:]]
    assert [row[0] for row in rows if row[1] == 'aux' and looks_like_output(corpus / row[0])] == []


@pytest.mark.corpus
def test_an_output_that_stops_in_its_banner_is_one(corpus, tmp_path):
    text = (corpus / 'mgo_scf_c14' / 'mgo.out').read_text()
    (tmp_path / 'cut.out').write_text(text[: text.index(' EEEEEEEEEE STARTING')])
    (tmp_path / 'code.c').write_text('/*\n * Reads CRYSTAL17 files.\n */\n')
    assert looks_like_output(tmp_path / 'cut.out') and not looks_like_output(tmp_path / 'code.c')
    assert not looks_like_output(tmp_path / 'nothing')


def test_what_lies_beside(tmp_path):
    """Own names first; common names only where one output lies in the folder."""
    output = tmp_path / 'mgo.out'
    output.write_text(' EEEEEEEEEE STARTING  DATE\n')
    assert files_beside(output).fort87_path is None
    (tmp_path / 'fort.87').write_text('common')
    (tmp_path / '_scheduler-stderr.txt').write_text('killed')
    (tmp_path / 'mgo.d12').write_text('MgO\nCRYSTAL\n')
    beside = files_beside(output)
    assert (beside.fort87, beside.stderr) == ('common', 'killed')
    assert beside.stderr_path == tmp_path / '_scheduler-stderr.txt'
    (tmp_path / 'mgo.f87').write_text('own')
    assert files_beside(output).fort87 == 'own'
    (tmp_path / 'other.out').write_text(' EEEEEEEEEE STARTING  DATE\n')
    beside = files_beside(output)
    assert (beside.fort87, beside.stderr, beside.stderr_path) == ('own', '', None)
    assert files_beside(tmp_path / 'other.out').fort87 == ''
