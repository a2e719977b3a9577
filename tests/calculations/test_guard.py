"""Nothing runs twice in one directory: the guard in the scripts of our jobs, run for real."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
from aiida.engine import run_get_node

from aiida_crystalmath.calculations.guard import guard_begin, guard_end

SHELLS = (['bash'], ['sh'], ['bash', '-u'])


@pytest.fixture
def job(tmp_path):
    """Return a factory that starts a guarded script in one directory."""
    started = []

    def start(program: str, *, shell=('bash',), folder=tmp_path, **environment: str) -> subprocess.Popen:
        script = tmp_path / f'job{len(started)}.sh'
        script.write_text(f'{guard_begin()}\n\n{program}\n\n{guard_end()}')
        quick = {'CRYSTALMATH_GUARD_PULSE': '1', 'CRYSTALMATH_GUARD_SILENCE': '6', **environment}
        process = subprocess.Popen(
            [*shell, str(script)],
            cwd=folder,
            env={**os.environ, **quick},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f'no {path}'
        time.sleep(0.05)


@pytest.mark.parametrize('shell', SHELLS, ids=' '.join)
def test_of_jobs_at_once_one_runs_and_all_end_as_it_did(job, shell, tmp_path):
    jobs = [job('echo run >>runs; sleep 2; (exit 3)', shell=shell) for _ in range(3)]
    words = [process.communicate(timeout=120)[1] for process in jobs]
    assert [process.returncode for process in jobs] == [3, 3, 3]
    assert (tmp_path / 'runs').read_text() == 'run\n'
    assert sum('runs nothing' in text for text in words) == 2


def test_after_the_end_nothing_runs(job, tmp_path):
    assert job('echo first >out').wait(timeout=60) == 0
    late = job('echo second >out')
    assert 'runs nothing' in late.communicate(timeout=60)[1]
    assert late.returncode == 0
    assert (tmp_path / 'out').read_text() == 'first\n'


def test_files_of_a_killed_run_stay_as_it_left_them(job, tmp_path):
    first = job('echo first >out; sleep 300')
    wait_for(tmp_path / 'out')
    second = job('echo second >out')
    os.killpg(first.pid, signal.SIGKILL)
    assert second.wait(timeout=120) == 1
    assert (tmp_path / 'out').read_text() == 'first\n'
    assert not (tmp_path / '.crystalmath' / 'run' / 'code').exists()


def test_a_second_job_waits_as_long_as_the_first_lives(job, tmp_path):
    first = job('echo first >out; sleep 9', shell=('bash', '-C'))  # sets that no file is overwritten
    wait_for(tmp_path / 'out')
    second = job('echo second >out', CRYSTALMATH_GUARD_SILENCE='4')
    assert second.wait(timeout=120) == 0
    assert first.wait(timeout=5) == 0


def test_a_job_started_anew_by_its_scheduler_runs_nothing(job, tmp_path):
    """The files are no longer those it was given: fort.34, OPTINFO.DAT and others were written over."""
    first = job('echo first >out; sleep 300', SLURM_JOB_ID='7')
    wait_for(tmp_path / 'out')
    os.killpg(first.pid, signal.SIGKILL)
    start = time.monotonic()
    again = job('echo second >out', SLURM_JOB_ID='7', CRYSTALMATH_GUARD_SILENCE='600')
    assert again.wait(timeout=120) == 1
    assert time.monotonic() - start < 300
    assert (tmp_path / 'out').read_text() == 'first\n'


def test_two_jobs_within_one_allocation(job, tmp_path):
    """They have one number, and the second may not end before the first does."""
    job('echo first >out; sleep 4; echo whole >>out', SLURM_JOB_ID='7')
    wait_for(tmp_path / 'out')
    second = job('echo second >out', SLURM_JOB_ID='7')
    assert second.wait(timeout=60) == 0
    assert (tmp_path / 'out').read_text() == 'first\nwhole\n'


def test_where_nothing_can_be_written_nothing_runs(job, tmp_path):
    (tmp_path / '.crystalmath').mkdir()
    (tmp_path / '.crystalmath' / 'run').write_text('no directory')
    process = job('echo run >out')
    assert 'mkdir' in process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert not (tmp_path / 'out').exists()


def test_hostile_directories(job, tmp_path):
    folder = tmp_path / 'a b\'"$(touch pwned);`touch pwned`\n*'
    folder.mkdir()
    assert job('echo run >out', folder=folder).wait(timeout=60) == 0
    assert job('echo again >out', folder=folder).wait(timeout=60) == 0
    assert (folder / 'out').read_text() == 'run\n'
    assert not list(tmp_path.rglob('pwned'))


@pytest.mark.parametrize('entry_point', ['crystalmath.crystal23', 'crystalmath.properties23'])
def test_every_job_has_the_guard(entry_point, fixture_code):
    """Whatever class is added to the programs of CRYSTAL: the text comes from the base class."""
    from aiida.plugins import CalculationFactory

    from aiida_crystalmath.calculations.base import CrystalCalcJob

    assert issubclass(CalculationFactory(entry_point), CrystalCalcJob)


def test_the_script_of_a_finished_job_runs_nothing_again(generate_inputs_crystal, aiida_code_installed):
    """``cat`` for CRYSTAL: its output is the input, and would be written anew."""
    inputs = generate_inputs_crystal('H2')
    inputs['code'] = aiida_code_installed(
        label='cat', default_calc_job_plugin='crystalmath.crystal23', filepath_executable='/bin/cat'
    )
    from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation

    _, node = run_get_node(Crystal23Calculation, **inputs)
    folder = node.outputs.remote_folder.get_remote_path()
    output = os.path.join(folder, 'crystal.out')
    with open(os.path.join(folder, 'INPUT'), 'a') as handle:
        handle.write('another input\n')
    again = subprocess.run(['bash', '_aiidasubmit.sh'], cwd=folder, timeout=120, check=False)
    assert again.returncode == 0
    with open(os.path.join(folder, '_scheduler-stderr.txt')) as handle:
        assert 'runs nothing' in handle.read()
    with open(output) as handle:
        assert 'another input' not in handle.read()
