"""How SLURM ended a job is how it ended, for the calculation and for the chain: real limits, real cancellations.

The program is ``cat``: what counts is what the scheduler says, which no parser may hide.
"""

from __future__ import annotations

import time

import pytest
from aiida import orm
from aiida.engine import submit
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.schedulers.job_end import CANCELLED, JobEnd, job_end

pytestmark = [pytest.mark.stack, pytest.mark.daemon, pytest.mark.timeout(600)]

PATIENCE_S = 400
SLEEP = 'sleep 300'
GREEDY = '(head -c 150M /dev/zero; sleep 5) | tail >/dev/null'
"""``tail`` keeps a line in memory until it ends: for longer than SLURM takes to look, where no cgroup limits it."""


@pytest.fixture
def chain(started_daemon_client, slurm_computer, aiida_code_installed, generate_inputs_crystal):
    """Return a factory that submits a base chain whose program does something else first, on the cluster."""
    code = aiida_code_installed(
        label='cat-cluster',
        default_calc_job_plugin='crystalmath.crystal23',
        computer=slurm_computer,
        filepath_executable='/bin/cat',
    )

    def start(first: str, max_iterations: int = 5, **options) -> orm.WorkChainNode:
        crystal = generate_inputs_crystal('H2')
        resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        crystal |= {
            'code': code,
            'metadata': {'options': {'resources': resources, 'prepend_text': first, 'max_memory_kb': 102400} | options},
        }
        return submit(WorkflowFactory('crystalmath.crystal.base'), crystal=crystal, max_iterations=max_iterations)

    return start


def until(condition, what: str):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f'not within {PATIENCE_S} s: {what}'
        time.sleep(0.5)
    return found


def jobs(node) -> list[orm.CalcJobNode]:
    return sorted(node.called, key=lambda job: job.pk)


def ended(node):
    until(lambda: node.is_terminated, f'{node} ends')
    return node


def running(stack, node, number: int = 0) -> str:
    """Wait until a job of a chain runs, by SLURM and by what its script does; return its number for SLURM.

    Cancelled between these two, a job leaves no word of it but in the accounts.
    """
    job = until(lambda: jobs(node)[number:], f'job {number} of {node}')[0]
    job_id = until(job.get_job_id, f'{job} is submitted')
    until(lambda: 'RUNNING' in stack.slurm('squeue', '--noheader', '-o', '%T', '-j', job_id), f'{job} runs')
    stderr = f'{job.get_remote_workdir()}/_scheduler-stderr.txt'
    until(lambda: stack.ssh(f'ls {stderr} 2>/dev/null || true').strip(), f'the script of {job} begins')
    return job_id


def test_limits_and_cancellations_keep_their_exit_codes(stack, chain):
    late = chain(SLEEP, max_iterations=1, max_wallclock_seconds=60)
    greedy = chain(GREEDY)
    by_root, by_owner = chain(SLEEP), chain(SLEEP)
    stack.slurm('scancel', running(stack, by_root))
    stack.ssh(f'scancel {running(stack, by_owner)}')
    for node, who in ((by_root, 'root'), (by_owner, stack.env['SSH_USER'])):
        assert ended(node).exit_status == 170
        assert [job.exit_status for job in jobs(node)] == [170], 'a cancelled job is not started again'
        assert 'was cancelled by' in node.exit_message and who in node.exit_message
        assert 'start it again' in node.outputs.recovery_report['next_step']
    assert [job.exit_status for job in jobs(ended(greedy))] == [110, 304], 'more memory, and it went through'
    assert [job.exit_status for job in jobs(ended(late))] == [120]
    assert late.outputs.recovery_report['failure']['diagnoses'][0] == 'walltime'


def test_a_node_that_fails_is_not_the_fault_of_the_job(stack, chain):
    node = chain('sleep 20')
    running(stack, node)
    stack.slurm('scontrol', 'update', 'nodename=localhost', 'state=down', 'reason=test')
    until(lambda: jobs(node)[0].is_terminated, 'the end of the job')
    # The node registers anew and is back by itself (ReturnToService=2).
    until(lambda: 'down' not in stack.slurm('sinfo', '--noheader', '-o', '%t'), 'the node is back')
    assert [job.exit_status for job in jobs(ended(node))] == [140, 304], 'once more, on a machine that works'


def test_without_accounts(stack, chain, slurm_computer):
    """The queue remembers how a job ended; with AiiDA's own plugin SLURM's last words in the job's stderr tell."""
    guarded = slurm_computer.get_scheduler()
    slurm_computer.scheduler_type = 'core.slurm'
    try:
        node = chain(SLEEP)
        job_id = running(stack, node)
        stack.down('slurmdbd')
        stack.slurm('scancel', job_id)
        assert ended(node).exit_status == 170
        with slurm_computer.get_transport() as transport:
            guarded.set_transport(transport)
            info = guarded.get_detailed_job_info(job_id)
        assert job_end(info, '') == JobEnd(CANCELLED), 'nobody says who'
    finally:
        stack.up('slurmdbd')
        slurm_computer.scheduler_type = 'crystalmath.slurm'
