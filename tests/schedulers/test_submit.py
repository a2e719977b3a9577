"""The shell text that submits, where SLURM itself cannot be made to fail on demand: a job lost, an answer never given.

Three scripts stand for SLURM's commands; what they print is what SLURM 22.05 prints. Real submissions, real workers
killed: ``tests/stack/test_submitted_once.py``.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from aiida.schedulers.datastructures import JobTemplate

from aiida_crystalmath.schedulers.slurm import GuardedSlurmScheduler

SBATCH = """echo "$1" >>submissions; echo "Submitted batch job $(wc -l <submissions | tr -d ' ')" """


@pytest.fixture
def cluster(tmp_path):
    """Return a function that submits on a cluster whose commands do what is given, once for each of ``times``."""
    folder, programs = tmp_path / 'a job', tmp_path / 'bin'
    folder.mkdir()
    programs.mkdir()

    def submit(times: int = 1, *, sbatch: str = SBATCH, squeue: str = 'true', sacct: str = 'exit 1'):
        for name, text in (('sbatch', sbatch), ('squeue', squeue), ('sacct', sacct)):
            (programs / name).write_text(f'#!/bin/sh\n{text}\n')
            (programs / name).chmod(0o755)
        command = GuardedSlurmScheduler()._get_submit_command("'job.sh'")
        path = f'{programs}:{os.environ["PATH"]}'
        started = [
            subprocess.Popen(
                ['bash', '-c', f'cd "{folder}" && ( {command} )'],
                env={**os.environ, 'PATH': path, 'CRYSTALMATH_SUBMIT_PATIENCE': '3'},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(times)
        ]
        return [(process.communicate(timeout=120)[0].strip(), process.returncode) for process in started]

    submit.folder = folder
    return submit


def submissions(cluster) -> int:
    path = cluster.folder / 'submissions'
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_of_many_at_once_one_submits(cluster):
    slow = f'sleep 1; {SBATCH}'
    said = cluster(6, sbatch=slow, squeue=f'echo "1 {cluster.folder}"')
    assert said == [('Submitted batch job 1', 0)] * 6
    assert submissions(cluster) == 1


def test_an_sbatch_that_is_at_work_still_is_waited_for(cluster):
    """SLURM's own attempts may take minutes ("temporarily unable to accept job, sleeping and retrying")."""
    said = cluster(2, sbatch=f'sleep 6; {SBATCH}', squeue=f'[ ! -e submissions ] || echo "1 {cluster.folder}"')
    assert said == [('Submitted batch job 1', 0)] * 2
    assert submissions(cluster) == 1


def test_a_script_run_by_hand_has_no_job(cluster):
    """Its mark is a process number, which must not be taken for the number of somebody's job."""
    assert cluster(sbatch='echo "$1" >>submissions; exit 1')[0][0] == ''
    (cluster.folder / '.crystalmath' / 'run').mkdir()
    (cluster.folder / '.crystalmath' / 'run' / 'job').write_text('4711@login1\n')
    assert cluster() == [('Submitted batch job 2', 0)]


def test_a_job_that_slurm_has_lost_is_submitted_again_once(cluster):
    """As after ``kill -9`` of the controller: neither the queue nor the accounts know what sbatch has promised."""
    assert cluster() == [('Submitted batch job 1', 0)]
    knows_the_second = 'case "$*" in *--jobs=1*) ;; *) echo 2 "$PWD";; esac'
    assert cluster() == [('Submitted batch job 2', 0)]
    assert cluster(3, squeue=knows_the_second) == [('Submitted batch job 2', 0)] * 3
    assert submissions(cluster) == 2


def test_a_job_that_slurm_has_forgotten_and_that_has_run_is_taken(cluster):
    assert cluster() == [('Submitted batch job 1', 0)]
    (cluster.folder / '.crystalmath' / 'run').mkdir()
    assert cluster() == [('Submitted batch job 1', 0)]
    assert submissions(cluster) == 1


def test_an_answer_that_was_never_given_is_looked_for_in_queue_and_accounts(cluster):
    """sbatch was killed, or timed out, after SLURM had the job."""
    killed = 'echo "$1" >>submissions; kill -9 $PPID'
    assert cluster(sbatch=killed)[0][0] == ''
    queue = f'echo "6 /elsewhere"; echo "7 {cluster.folder}"; echo "8 {cluster.folder}/below"'
    assert cluster(squeue=queue) == [('Submitted batch job 7', 0)]
    accounts = f'echo "6|/elsewhere"; echo "9|{cluster.folder}"'
    assert cluster(sacct=accounts) == [('Submitted batch job 9', 0)]
    assert submissions(cluster) == 1
    assert cluster() == [('Submitted batch job 2', 0)], 'nobody knows it: it was never accepted'


def test_nothing_is_submitted_where_nobody_can_tell(cluster):
    cluster()
    assert cluster(squeue='echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1') == [('', 2)]
    assert submissions(cluster) == 1


def test_nothing_is_submitted_where_the_answer_cannot_be_kept(cluster):
    (cluster.folder / '.crystalmath').write_text('no directory')
    said, status = cluster()[0]
    assert said == '' and status != 0
    assert submissions(cluster) == 0


def test_a_second_job_empties_no_file_of_the_first():
    template = JobTemplate()
    template.job_resource = GuardedSlurmScheduler.create_job_resource(num_machines=1, num_mpiprocs_per_machine=1)
    assert '#SBATCH --open-mode=append' in GuardedSlurmScheduler()._get_submit_script_header(template).splitlines()
