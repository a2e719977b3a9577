"""``crystalmath read``: what is printed, what scripts get, and the exit status."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from aiida_crystalmath.cli import main

GOOD = 'mgo_opt_c22/conv_mgoOpt.out'
TOO_MANY_CYCLES = 'nio_scf_maxcyc/main.out'
FAILED_OPT = 'mackinawite_opt_failed/FAILED_GEOM_mackinawite_opt.out'
PROPERTIES_FAILED = 'guessp_fock0_propio_error/system_guessp_fock0.out'


def read(*arguments, **kwargs):
    return CliRunner().invoke(main, ['read', *map(str, arguments)], **kwargs)


def as_json(*arguments, **kwargs):
    return [json.loads(line) for line in read(*arguments, '--json', **kwargs).stdout.splitlines()]


@pytest.fixture
def abort(tmp_path, corpus):
    """An output that stops with MPI_Abort and does not say why, as a real CRYSTAL23 run whose fort.87 does."""
    lines = (corpus / GOOD).read_text().splitlines(keepends=True)
    folder = tmp_path / 'run'
    folder.mkdir()
    output = folder / 'mgo.out'
    output.write_text(''.join(lines[:600]) + 'Abort(1) on node 1 (rank 1 in comm 0): application called MPI_Abort\n')
    return output


# ------------------------------------------------------------------------------------------------- exit status


@pytest.mark.corpus
@pytest.mark.parametrize(
    ('run', 'status', 'code'),
    [
        (GOOD, 'finished', 0),
        ('mgo_band/conv_mgoBand.outp', 'finished', 0),
        (TOO_MANY_CYCLES, 'scf_unconverged', 1),
        (FAILED_OPT, 'geometry_unconverged', 1),
        ('mgo100_itol_error/conv_mgo100.out', 'failed', 1),
        ('nio_opt_walltime/main.out', 'incomplete', 1),
        ('error_empty_output/empty.out', 'incomplete', 1),
        (PROPERTIES_FAILED, 'finished', 1),
    ],
)
def test_exit_status(corpus, run, status, code):
    """0 only for a finished run; a good SCF whose properties failed is finished itself, and yet no success."""
    result = read(corpus / run, '--json')
    assert (json.loads(result.stdout)['status'], result.exit_code) == (status, code)
    assert read(corpus / run).exit_code == code


@pytest.mark.corpus
def test_one_bad_file_spoils_the_exit_status(corpus):
    assert read(corpus / GOOD, corpus / 'mgo_scf_b3lyp/out_mgoSCF.out').exit_code == 0
    result = read(corpus / GOOD, corpus / TOO_MANY_CYCLES, '--json')
    assert result.exit_code == 1
    assert [json.loads(line)['status'] for line in result.stdout.splitlines()] == ['finished', 'scf_unconverged']


def test_misuse_is_told_from_a_bad_file():
    assert read().exit_code == 2
    assert read('--jsn', 'x.out').exit_code == 2


# ----------------------------------------------------------------------------------------- files of another kind


@pytest.mark.corpus
@pytest.mark.parametrize(
    ('file', 'words'),
    [
        ('misc_fort25_S/fort.25', 'fort.25 (plot data) that begins with 12 BAND blocks'),
        ('mgo_scf_b3lyp/optc001', 'geometry file'),
        ('mgo_sto3g_scf/INPUT', 'input of crystal (d12)'),
        ('mgo_sto3g_newk/INPUT', 'input of properties (d3)'),
        ('mgo_band/conv_mgoBand.BAND', 'BAND.DAT'),
        ('mgo_sto3g_doss/DOSS.DAT', 'DOSS.DAT'),
        ('hematite_echg/dens_hematite_chg.cube', 'cube file'),
        ('si_scf_dft/si.f98', 'formatted wavefunction (fort.98)'),
        ('misc_transport_S/trans_Bi2Te3_SG.DAT', 'table of BOLTZTRA'),
        ('nacl_fsurf/fsurf_NaCl.bxsf', 'XCrySDen'),
        ('urea_topond/topo_urea.SURFRHOO', 'TOPOND'),
    ],
)
def test_says_what_another_file_is(corpus, file, words):
    (found,) = as_json(corpus / file)
    assert found['status'] == 'failed' and found['program'] is None
    assert words in found['problem'] and found['errors'] == [found['problem']]
    assert words in read(corpus / file).stdout


@pytest.mark.corpus
def test_a_fragment_is_read_but_is_no_success(corpus):
    """SCFOUT.LOG has no banner: its last SCF is told, and no final energy."""
    (found,) = as_json(corpus / 'mgo_opt_c22/out_mgoOpt.SCFLOG')
    assert (found['status'], found['energy_hartree'], found['scf']['converged']) == ('incomplete', None, True)
    assert 'SCFOUT.LOG' in found['problem'] and found['diagnoses'] == []


def test_binary_missing_and_foreign_files(tmp_path):
    (tmp_path / 'fort.9').write_bytes(bytes(range(256)) * 100)
    (tmp_path / 'notes.txt').write_text('buy milk\n')
    (tmp_path / 'mgo.out.gz').write_bytes(gzip.compress(b' EEEEEEEEEE STARTING\n' * 100))
    (tmp_path / 'utf16.out').write_text(' EEEEEEEEEE STARTING\n' * 100, encoding='utf-16')
    names = ['fort.9', 'notes.txt', 'nothing.out', 'mgo.out.gz', 'utf16.out']
    found = as_json(*(tmp_path / name for name in names))
    assert [summary['status'] for summary in found] == ['failed', 'incomplete', *['failed'] * 3]
    assert [Path(summary['file']).name for summary in found] == names
    assert 'binary' in found[0]['problem'] and 'fort.9' in found[0]['problem']
    assert 'no banner' in found[1]['problem'] and found[1]['diagnoses'] == ['not_crystal_output']
    assert found[2]['problem'] == 'cannot be read: No such file or directory'
    assert 'unpacked' in found[3]['problem'] and 'UTF-16' in found[4]['problem']
    assert set(found[0]) == set(found[2]), 'every object has all keys'


@pytest.mark.corpus
def test_a_folder_stands_for_the_outputs_in_it(corpus, tmp_path):
    (tmp_path / 'deep' / 'er').mkdir(parents=True)
    shutil.copy(corpus / GOOD, tmp_path / 'deep' / 'er' / 'mgo.out')
    shutil.copy(corpus / TOO_MANY_CYCLES, tmp_path / 'deep' / 'nio')
    shutil.copy(corpus / 'misc_fort25_S/fort.25', tmp_path / 'deep' / 'fort.25')
    found = as_json(tmp_path)
    assert [Path(summary['file']).name for summary in found] == ['nio', 'mgo.out']
    (tmp_path / 'deep' / 'crashed.out').touch()
    assert 'crashed.out' in {Path(summary['file']).name for summary in as_json(tmp_path)}, 'empty, and yet an output'
    (tmp_path / 'empty').mkdir()
    (found,) = as_json(tmp_path / 'empty')
    assert 'folder' in found['problem']


@pytest.mark.corpus
def test_a_narrow_terminal_shows_every_column(truth_files):
    """Long names lose their beginning, so that energies stay whole."""
    from aiida_crystalmath.cli.read_report import _cells, _shortened
    from aiida_crystalmath.crystal.summary import read_file

    rows = [_cells(read_file(file).summary) for file in truth_files]
    short = _shortened(rows, 100)
    assert {len(row[0]) for row in short} == {24} and [row[1:] for row in short] == [row[1:] for row in rows]
    assert all(row[0][0] == '…' and full[0].endswith(row[0][1:]) for row, full in zip(short, rows, strict=True))


@pytest.mark.corpus
def test_standard_input(corpus):
    content = (corpus / GOOD).read_bytes()
    assert as_json('-', input=content) == [{**as_json(corpus / GOOD)[0], 'file': '-'}]
    assert 'empty' in as_json('-', input='')[0]['problem']


@pytest.mark.corpus
def test_bytes_that_are_no_text(corpus, tmp_path):
    """Latin-1, NUL bytes and CR characters: read as far as it goes, and printed as valid JSON."""
    content = (corpus / GOOD).read_bytes()
    broken = content.replace(b'MGO BULK', b'MgO r\xe9seau\0').replace(b'\n', b'\r\n')
    (tmp_path / 'latin1.out').write_bytes(broken)
    (found,) = as_json(tmp_path / 'latin1.out')
    assert (found['status'], found['energy_hartree']) == ('finished', as_json(corpus / GOOD)[0]['energy_hartree'])
    assert 'seau' in found['title']


# ------------------------------------------------------------------------------------------------- fort.87 beside


def test_fort87_beside_tells_why(abort):
    (before,) = as_json(abort)
    assert (before['status'], before['diagnoses'], before['fort87']) == ('failed', ['aborted_without_reason'], None)
    fort87 = abort.parent / 'fort.87'
    fort87.write_text(' ERROR **** BFGS_ **** PXK TOO SMALL\n')
    (found,) = as_json(abort)
    assert found['diagnoses'][0] == 'optimiser_trust_radius' and found['fort87'] == str(fort87)
    assert 'ERROR **** BFGS_ **** PXK TOO SMALL' in found['errors']


def test_fort87_of_a_folder_with_two_runs_blames_nobody(abort):
    (abort.parent / 'fort.87').write_text(' ERROR **** BFGS_ **** PXK TOO SMALL\n')
    shutil.copy(abort, abort.parent / 'other.out')
    assert as_json(abort)[0]['diagnoses'] == ['aborted_without_reason']
    # A name of its own settles whose it is.
    (abort.parent / 'fort.87').rename(abort.with_suffix('.f87'))
    assert as_json(abort)[0]['diagnoses'][0] == 'optimiser_trust_radius'
    assert as_json(abort.parent / 'other.out')[0]['diagnoses'] == ['aborted_without_reason']


# ------------------------------------------------------------------------------------------------------ for people


@pytest.mark.corpus
def test_page_of_one_file(corpus):
    text = read(corpus / GOOD).stdout
    for words in ('finished', 'CRYSTAL22 crystal', '-275.4486980727 hartree', '6.9612 eV', 'F M 3 M', '4 points'):
        assert words in text, words
    assert '4.24022 4.24022 4.24022 Å' in text
    failed = read(corpus / FAILED_OPT).stdout
    assert 'NOT CONVERGED, 100 points' in failed and '  energy  ' not in failed
    assert 'GEOMETRY OPTIMIZATION FAILED' in failed and f'crystalmath why {corpus / FAILED_OPT}' in failed


@pytest.mark.corpus
def test_table_of_several_files_has_a_line_each(corpus, truth_files):
    result = read(*truth_files)
    lines = result.stdout.splitlines()
    assert len(lines) == 1 + len(truth_files)
    assert result.stderr.startswith(f'{len(truth_files)} files: ')
    starts = {line.index(' CRYSTAL') for line in lines if ' CRYSTAL' in line}
    assert len(starts) == 1, 'the columns are aligned'
    assert '\x1b' not in result.stdout, 'plain where nobody watches'
    (line,) = [line for line in lines if PROPERTIES_FAILED in line]
    assert 'properties failed' in line
    assert 'finished, but properties failed' in read(corpus / PROPERTIES_FAILED).stdout


@pytest.mark.corpus
def test_every_page_can_be_printed(truth_files):
    """Short and full, of every real output."""
    for file in truth_files:
        for options in ((), ('--full',)):
            result = read(file, *options)
            assert result.exception is None or isinstance(result.exception, SystemExit), (file, result.exception)
            assert result.stdout.startswith(str(file))


@pytest.fixture
def truth_files(corpus):
    truth = json.loads((corpus / 'truth.json').read_text())
    return [corpus / run / values['file'] for run, values in truth.items()]


# ---------------------------------------------------------------------------------------------------- as a program


@pytest.mark.corpus
def test_neither_aiida_nor_pydantic_is_loaded(corpus):
    """A loop of the shell over a thousand outputs pays for every import a thousand times."""
    script = (
        'import sys\nfrom aiida_crystalmath.cli import main\n'
        f'try: main(["read", {str(corpus / GOOD)!r}, "--json"])\n'
        'except SystemExit: pass\n'
        'print("\\n".join(sys.modules), file=sys.stderr)'
    )
    answer = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True)
    loaded = {name.split('.')[0] for name in answer.stderr.split()}
    assert json.loads(answer.stdout)['status'] == 'finished'
    assert 'numpy' in loaded
    assert not loaded & {'aiida', 'pydantic', 'rich', 'spglib', 'scipy', 'ase', 'sqlalchemy'}


@pytest.mark.corpus
def test_a_pipe_can_be_named_like_a_file(corpus):
    """``crystalmath read <(zcat mgo.out.gz)``: what can be read only once is read only once."""
    program = Path(sys.executable).parent / 'crystalmath'
    for command, file, words in (('read --json', GOOD, '"finished"'), ('why', TOO_MANY_CYCLES, '> 580 |')):
        line = f'{program} {command} <(cat {corpus / file})'
        answer = subprocess.run(['bash', '-c', line], capture_output=True, text=True, check=True)
        assert words in answer.stdout


@pytest.mark.corpus
def test_a_terminal_without_the_characters_of_units(corpus):
    program = Path(sys.executable).parent / 'crystalmath'
    for command in (['read', '--full'], ['read', '--json'], ['why']):
        answer = subprocess.run(
            [program, *command, corpus / 'dryice_ir' / 'spec_dryIceIR.out'],
            capture_output=True,
            check=False,
            env={**os.environ, 'PYTHONIOENCODING': 'latin-1'},
        )
        assert (answer.returncode, answer.stderr) == (0, b''), command


@pytest.mark.corpus
def test_a_reader_that_leaves_early_is_no_error(corpus):
    """``crystalmath read *.out --json | head -1`` ends without a word of Python."""
    program = Path(sys.executable).parent / 'crystalmath'
    files = [str(corpus / GOOD)] * 60
    with subprocess.Popen(
        [program, 'read', '--json', *files], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert json.loads(process.stdout.readline())['status'] == 'finished'
        process.stdout.close()
        assert process.stderr.read() == b''
    assert process.returncode not in (0, 2)
