"""The replay of p2y, yambo and ypp refuses what there is no recording of, and does what the real ones do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name('yambo_replay.py')
REFUSED = 99


@pytest.fixture
def folder(tmp_path, yambo_corpus):
    """Return a folder with a SAVE of silicon that is set up."""
    save = tmp_path / 'run' / 'SAVE'
    save.mkdir(parents=True)
    shutil.copyfile(yambo_corpus / 'p2y_ok' / 'ns.db1', save / 'ns.db1')
    for name in ('ndb.gops', 'ndb.kindx'):
        (save / name).write_text('')
    return save.parent


@pytest.fixture
def call(tmp_path, yambo_corpus, folder):
    """Return a function that calls a program in the folder."""
    (tmp_path / 'home' / 'calls').mkdir(parents=True)

    def run(program: str, *arguments: str):
        command = [sys.executable, str(SCRIPT), program, str(tmp_path / 'home'), str(yambo_corpus), *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)

    return run


def notes(tmp_path):
    return [json.loads(path.read_text()) for path in sorted((tmp_path / 'home' / 'calls').glob('*.json'))]


@pytest.mark.parametrize('change', ['NGsBlkXp= 3 Ry', 'GDamping= 0.2 eV', '% QPkrange\n1|8|1|7|\n%', 'rim_cut'])
def test_a_deck_that_was_not_recorded_is_refused(call, folder, yambo_corpus, change):
    text = (yambo_corpus / 'gw_ppa_mpi2' / 'gw.in').read_text()
    (folder / 'yambo.in').write_text(f'{text}\n{change}\n')
    done = call('yambo', '-F', 'yambo.in', '-J', 'job', '-C', 'out')
    assert done.returncode == REFUSED
    assert 'there is no recording of this' in done.stderr
    assert not (folder / 'out').exists()


@pytest.mark.parametrize(
    'arguments',
    [
        ('-F', 'yambo.in', '-J', 'job'),
        ('-F', 'yambo.in', '-C', 'out'),
        ('-F', 'yambo.in', '-J', 'job', '-C', 'out', '-Q'),
        ('-F', 'yambo.in', '-J', 'job', '-C', 'out', '-I', '../x'),
    ],
)
def test_arguments_that_were_not_recorded_are_refused(call, folder, yambo_corpus, arguments):
    shutil.copyfile(yambo_corpus / 'gw_ppa_mpi2' / 'gw.in', folder / 'yambo.in')
    assert call('yambo', *arguments).returncode == REFUSED


def test_files_bear_the_names_of_the_arguments(call, folder, yambo_corpus, tmp_path):
    shutil.copyfile(yambo_corpus / 'gw_ppa_mpi2' / 'gw.in', folder / 'any.in')
    assert call('yambo', '-F', 'any.in', '-J', 'label', '-C', 'text').returncode == 0
    assert (folder / 'text' / 'o-label.qp').read_bytes() == (yambo_corpus / 'gw_ppa_mpi2' / 'o-gw.qp').read_bytes()
    assert (folder / 'label' / 'ndb.QP').read_bytes() == (yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP').read_bytes()
    assert {path.name for path in (folder / 'text' / 'LOG').iterdir()} == {
        f'l-label_HF_and_locXC_gw0_dyson_em1d_ppa_el_el_corr_CPU_{n}' for n in (1, 2)
    }
    assert notes(tmp_path)[0]['played'] == 'gw_ppa_mpi2'


def test_without_a_setup_there_is_an_empty_file_and_status_zero(call, folder, yambo_corpus):
    shutil.copyfile(yambo_corpus / 'gw_ppa_mpi2' / 'gw.in', folder / 'yambo.in')
    (folder / 'SAVE' / 'ndb.gops').unlink()
    done = call('yambo', '-F', 'yambo.in', '-J', 'job', '-C', 'out')
    assert (done.returncode, (folder / 'fort.0').exists(), (folder / 'out').exists()) == (0, True, False)


def test_other_quasiparticles_are_refused(call, folder, yambo_corpus):
    """Those of MgO must not give the spectrum of silicon."""
    shutil.copyfile(yambo_corpus / 'bse_diago_mpi2' / 'bse.in', folder / 'yambo.in')
    (folder / 'gw').mkdir()
    shutil.copyfile(yambo_corpus / 'gw_mgo_dojo' / 'ndb.QP', folder / 'gw' / 'ndb.QP')
    done = call('yambo', '-F', 'yambo.in', '-J', 'job', '-C', 'out')
    assert done.returncode == REFUSED
    assert 'is not the ndb.QP' in done.stderr


def test_a_save_of_something_else_is_refused(call, folder, yambo_corpus):
    shutil.copyfile(yambo_corpus / 'gw_ppa_mpi2' / 'gw.in', folder / 'yambo.in')
    (folder / 'SAVE' / 'ns.db1').write_text('another system')
    assert call('yambo', '-F', 'yambo.in', '-J', 'job', '-C', 'out').returncode == REFUSED
