"""``crystalmath import``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiida import orm
from aiida.manage import get_manager
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.importing.database import EXTRA

pytestmark = pytest.mark.corpus


LISTENING = """\
import signal
from aiida_crystalmath.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""The command, listening to Ctrl-C also where the suite was started with it ignored."""


@pytest.fixture
def clean(aiida_profile_clean):
    """Return the profile, emptied."""
    return aiida_profile_clean


@pytest.fixture
def call(clean):
    """Return a function that calls the command."""
    return lambda *arguments: CliRunner().invoke(main, ['-p', clean.name, 'import', *map(str, arguments)])


def n_imported() -> int:
    return orm.QueryBuilder().append(orm.CalcJobNode, filters={'extras': {'has_key': EXTRA}}).count()


def test_dry_run_changes_nothing(call, finished_runs) -> None:
    tree = finished_runs('nacl_freq_band_doss', 'error_empty_output', 'mgo_doss')
    result = call('--dry-run', tree)
    assert result.exit_code == 0, result.output
    assert 'NaCl.out#2' in result.output
    assert 'mgo_DOSS.outp' in result.output and 'not found' in result.output
    assert 'empty output: the output is empty' in result.output
    assert '3 to import, 0 already in, 0 cannot be imported.' in result.output
    assert orm.QueryBuilder().append(orm.Node).count() == 0


def test_dry_run_as_json(call, finished_runs) -> None:
    data = json.loads(call('--dry-run', '--json', finished_runs('nacl_freq_band_doss', 'mgo_doss')).stdout)
    runs = {Path(run['output']).name: run for run in data['runs'] if run['program'] == 'properties'}
    assert runs['NaCl.out']['parent'].endswith('NaCl.out#1')
    assert runs['NaCl.out']['parent_by'] == 'output in the same file'
    assert runs['mgo_DOSS.outp']['parent'] is None
    assert data['refused'] == []
    assert {entry['kind'] for entry in data['left_over']} == {'geometry file'}


def test_properties_that_stand_alone_are_counted(call, finished_runs) -> None:
    result = call(finished_runs('mgo_doss'))
    assert result.exit_code == 0, result.output
    assert 'Runs of properties that stand alone: 1.' in result.output


def test_show_tells_what_properties_did(call, clean, finished_runs) -> None:
    """Of a known run the structure, though the folder that was imported has none; else what was read."""

    def show(label: str) -> str:
        node = orm.QueryBuilder().append(orm.CalcJobNode, filters={'label': label}).one()[0]
        result = CliRunner().invoke(main, ['-p', clean.name, 'show', str(node.pk)])
        assert result.exit_code == 0, result.output
        return result.output

    assert call(finished_runs('mgo_scf_b3lyp', 'mgo_prop_newk', 'mgo_doss')).exit_code == 0
    linked, alone = show('mgo.outp'), show('mgo_DOSS.outp')
    assert 'crystal, 2 atoms in the cell' in linked and 'by a run that is not in the database' not in linked
    assert 'of MgO, by a run that is not in the database' in alone
    assert 'DOSS' in alone and '-4.1367 eV' in alone


def test_read_only_profile(call, finished_runs, monkeypatch) -> None:
    """One message, not one for each run."""
    monkeypatch.setattr(type(get_manager().get_profile_storage()), 'read_only', True)
    result = call('--group', 'old', finished_runs('h_bulk_scf'))
    assert result.exit_code == 1
    assert 'is read-only: nothing can be imported into it.' in result.stderr


def test_import_and_import_again(call, finished_runs) -> None:
    tree = finished_runs('h_bulk_scf', 'nio_scf_maxcyc', 'w_molecule_opt')
    result = call('--group', 'old', tree)
    assert result.exit_code == 0, result.output
    assert '3 imported, 0 already in, 0 not imported.' in result.output
    assert 'Failed runs among them: 1.' in result.output
    assert 'Runs without a deck: 1.' in result.output
    assert 'verdi group show old' in result.output
    assert '[1/3]' in result.stderr
    assert orm.load_group('old').count() == 3
    result = call(tree)
    assert (result.exit_code, n_imported()) == (0, 3)
    assert '0 imported, 3 already in, 0 not imported.' in result.output
    assert 'already in' in call('--dry-run', tree).output


def test_results_as_json(call, finished_runs) -> None:
    result = call('--json', finished_runs('h_bulk_scf', 'nio_scf_maxcyc'))
    data = json.loads(result.stdout)
    assert (data['imported'], data['present'], data['failed'], data['interrupted']) == (2, 0, 0, False)
    assert [run['exit_status'] for run in data['runs']] == [0, 410]
    assert orm.load_node(data['runs'][0]['uuid']).is_finished_ok


def test_exit_status_one_if_a_run_could_not_be_imported(call, finished_runs, monkeypatch) -> None:
    from aiida_crystalmath.parsers.crystal23 import Crystal23Parser

    def explode(self, *args, **kwargs):
        raise RuntimeError('boom')

    monkeypatch.setattr(Crystal23Parser, 'parse', explode)
    result = call(finished_runs('h_bulk_scf'))
    assert result.exit_code == 1
    assert 'h_bulk.out: RuntimeError: boom' in result.output
    assert orm.QueryBuilder().append(orm.CalcJobNode).count() == 0


def test_folder_without_runs(call, tmp_path) -> None:
    (tmp_path / 'notes.txt').write_text('nothing here')
    result = call(tmp_path)
    assert result.exit_code == 1
    assert 'No run of CRYSTAL that can be imported was found among 1 files.' in result.output


def test_folder_that_does_not_exist(call, tmp_path) -> None:
    result = call(tmp_path / 'gone')
    assert result.exit_code == 2
    assert 'does not exist' in result.output


def test_file_in_place_of_a_folder(call, finished_runs) -> None:
    tree = finished_runs('h_bulk_scf')
    result = call(tree / 'h_bulk_scf' / 'h_bulk.out')
    assert result.exit_code == 2
    assert f'crystalmath import {tree / "h_bulk_scf"}' in result.output


def test_nothing_is_written_beside_the_runs(call, finished_runs) -> None:
    tree = finished_runs('nacl_freq_band_doss', 'mgo_sto3g_opt')
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tree.rglob('*')}
    assert call(tree).exit_code == 0
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tree.rglob('*')} == before


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL], ids=['Ctrl-C', 'kill'])
def test_interrupted_import_goes_on(clean, finished_runs, how) -> None:
    """Stopped in the middle by a real signal: only whole runs are in; the same command again imports the rest."""
    names = (
        *('h_bulk_scf', 'mgo_sto3g_scf', 'mgo_sto3g_opt', 'mgo_co_slab_scf', 'nacl_freq_band_doss', 'test08_scf'),
        *('toluene_opt', 'optgeom_c14', 'nio_sto3g_afm_opt', 'nio_sto3g_afm_scf', 'quartz_hf_freq', 'nano05_opt'),
    )
    tree = finished_runs(*names)
    command = [sys.executable, '-c', LISTENING, '-p', clean.name, 'import', str(tree)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    lines = []
    while not (lines and lines[-1].startswith('[3/13]')):
        lines.append(process.stderr.readline())
        assert lines[-1], f'the command ended: {lines}'
    time.sleep(0.05)
    process.send_signal(how)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    if how == signal.SIGINT:
        assert 'Stopping after this one' in rest
        assert 'Run the same command again to go on.' in rest
    _forget_session()
    first = n_imported()
    assert 3 <= first < 13
    _assert_whole()
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    assert f'{13 - first} imported, {first} already in, 0 not imported.' in again.stdout
    _forget_session()
    assert n_imported() == 13
    _assert_whole()


def _forget_session() -> None:
    """Let the next query see what another process has stored."""
    from aiida.manage import get_manager

    get_manager().get_profile_storage().get_session().expire_all()
    get_manager().get_profile_storage().get_session().commit()


def _assert_whole() -> None:
    """Check that every calculation is sealed and has its outputs, and that no node is without any link."""
    for node in orm.QueryBuilder().append(orm.CalcJobNode).all(flat=True):
        assert node.is_sealed and node.is_finished
        assert {'retrieved', 'output_parameters'} <= set(node.outputs)
    for data in orm.QueryBuilder().append(orm.Data).all(flat=True):
        linked = data.base.links.get_incoming().all() + data.base.links.get_outgoing().all()
        assert linked, f'{data} is of no calculation'


def test_second_interrupt_stops_at_once() -> None:
    from aiida_crystalmath.cli.interrupts import stop_between

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with stop_between() as asked_to_stop:
            assert not asked_to_stop()
            signal.raise_signal(signal.SIGINT)
            assert asked_to_stop()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_ignored_interrupt_stays_ignored() -> None:
    from aiida_crystalmath.cli.interrupts import stop_between

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_between() as asked_to_stop:
            signal.raise_signal(signal.SIGINT)
            assert not asked_to_stop()
    finally:
        signal.signal(signal.SIGINT, before)
