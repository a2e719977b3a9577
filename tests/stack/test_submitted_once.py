"""No directory gets a second job, and if it does, nothing runs twice in it: workers killed, answers lost, on SLURM."""

from __future__ import annotations

import os
import secrets
import signal
import time

import pytest
from aiida import orm
from aiida.engine import submit

from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation

pytestmark = [pytest.mark.stack, pytest.mark.daemon, pytest.mark.timeout(600)]

PATIENCE_S = 400
SLOW_SBATCH = 'sbatch() { command sbatch "$@"; code=$?; sleep 5; return $code; }; export -f sbatch\n'
"""The moment between the submission of a job and the answer, made long enough to kill a worker in it."""


def until(condition, what: str):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f'not within {PATIENCE_S} s: {what}'
        time.sleep(0.2)
    return found


def accounts(stack, folder) -> list[str]:
    """Return the numbers of all jobs of a directory that SLURM has had; the accounts learn of them with delay."""

    def ask() -> list[str]:
        table = stack.slurm('sacct', '-a', '-X', '-n', '-P', '-S', 'now-1day', '-o', 'JobID,WorkDir')
        rows = [line.split('|', 1) for line in table.splitlines()]
        return [number for number, directory in rows if directory == str(folder)]

    return until(ask, f'the accounts know {folder}')


@pytest.fixture
def folder(stack, slurm_computer):
    """Return a directory on the cluster with a job script, an open connection and the scheduler."""
    path = stack.shared_folder('once') / f"it's $(touch pwned) {secrets.token_hex(4)}"
    path.mkdir()
    path.chmod(0o777)
    (path / 'job.sh').write_text(f'#!/bin/bash\n#SBATCH --job-name="{path.name[-8:]}"\necho run >>runs\nsleep 2\n')
    scheduler = slurm_computer.get_scheduler()
    with slurm_computer.get_transport() as transport:
        scheduler.set_transport(transport)
        yield path, scheduler


def test_a_second_submission_takes_the_first(stack, folder):
    """From the answer of sbatch, from the queue without it, and from the job itself when SLURM has forgotten it."""
    path, scheduler = folder
    first = scheduler.submit_job(str(path), 'job.sh')
    assert scheduler.submit_job(str(path), 'job.sh') == first
    (path / '.crystalmath' / 'submit.1' / 'out').unlink()
    assert scheduler.submit_job(str(path), 'job.sh') == first
    until(lambda: 'COMPLETED' in stack.slurm('sacct', '-X', '-n', '-j', first, '-o', 'State'), 'the end of the job')
    assert scheduler.submit_job(str(path), 'job.sh') == first
    assert accounts(stack, path) == [first]
    assert (path / 'runs').read_text() == 'run\n'
    assert not list(path.parent.rglob('pwned'))


def test_what_sbatch_refused_is_submitted_again(stack, folder):
    path, scheduler = folder
    script = (path / 'job.sh').read_text()
    (path / 'job.sh').write_text('#!/bin/bash\n#SBATCH --partition=absent\n')
    with pytest.raises(Exception, match='invalid partition'):
        scheduler.submit_job(str(path), 'job.sh')
    (path / 'job.sh').write_text(script)
    job_id = scheduler.submit_job(str(path), 'job.sh')
    assert accounts(stack, path) == [job_id]


def test_while_slurm_does_not_answer_nothing_is_submitted_again(stack, folder):
    path, scheduler = folder
    first = scheduler.submit_job(str(path), 'job.sh')
    stack.down('slurmctld')
    try:
        with pytest.raises(Exception, match='squeue does not answer'):
            scheduler.submit_job(str(path), 'job.sh')
    finally:
        stack.up('slurmctld')
    assert scheduler.submit_job(str(path), 'job.sh') == first


@pytest.fixture
def slow_job(started_daemon_client, slurm_computer, aiida_code_installed, generate_inputs_crystal):
    """Return the inputs of a calculation on the cluster that takes some seconds; ``cat`` for CRYSTAL."""
    inputs = generate_inputs_crystal('H2')
    inputs['code'] = aiida_code_installed(
        label='cat-cluster',
        default_calc_job_plugin='crystalmath.crystal23',
        computer=slurm_computer,
        filepath_executable='/bin/cat',
    )
    inputs['metadata']['options'] |= {'prepend_text': 'echo run >>runs; sleep 10', 'max_memory_kb': 102400}
    return inputs


def test_workers_killed_between_sbatch_and_the_saved_number(stack, slow_job, started_daemon_client):
    """AiiDA submits again what it knows no number of; the directory knows it."""
    stack.ssh(f"cat > ~/.bashrc <<'EOF'\n{SLOW_SBATCH}EOF")
    try:
        nodes = [submit(Crystal23Calculation, **slow_job) for _ in range(4)]
        names = [f'aiida-{node.pk}' for node in nodes]
        queue = lambda: stack.slurm('squeue', '-a', '-h', '-o', '%j').split()  # noqa: E731
        until(lambda: set(names) & set(queue()), 'a job in the queue')
        unsaved = [node for node in nodes if f'aiida-{node.pk}' in queue() and node.get_job_id() is None]
        workers = started_daemon_client.get_worker_info()['info']
        for pid in map(int, workers):
            os.kill(pid, signal.SIGKILL)
        assert unsaved, 'the workers were killed too late'
        until(lambda: all(node.is_terminated for node in nodes), 'the end of all')
    finally:
        stack.ssh('rm ~/.bashrc')
    for node in nodes:
        assert node.is_finished
        assert accounts(stack, node.get_remote_workdir()) == [node.get_job_id()]
        assert stack.ssh(f'cat {node.get_remote_workdir()}/runs') == 'run\n'


def test_a_job_submitted_beside_the_plugin_runs_nothing(stack, slow_job):
    """As with ``core.slurm``, or by hand: the second job waits for the first, and leaves its files alone."""
    node = submit(Crystal23Calculation, **slow_job)
    first = until(node.get_job_id, 'the job is submitted')
    folder = node.get_remote_workdir()
    until(lambda: stack.ssh(f'cat {folder}/runs 2>/dev/null || true'), 'it runs')
    said = stack.ssh(f'cd {folder} && sbatch --output=second.out --error=second.err _aiidasubmit.sh')
    second = said.split()[-1]
    until(lambda: 'COMPLETED' in stack.slurm('sacct', '-X', '-n', '-j', second, '-o', 'State'), 'the second job')
    until(lambda: node.is_terminated, 'the end of the first')
    assert node.get_job_id() == first
    assert stack.ssh(f'cat {folder}/runs') == 'run\n'
    assert f'job {second} runs nothing: job {first} has this directory' in stack.ssh(f'cat {folder}/second.err')
    assert isinstance(node, orm.CalcJobNode)
