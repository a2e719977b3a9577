"""How jobs ended, in the words of SLURM 22.05 about real jobs that were cancelled, or ran out of something."""

from __future__ import annotations

import pytest

from aiida_crystalmath.schedulers import job_end as module
from aiida_crystalmath.schedulers.job_end import JobEnd, job_end

HEAD = 'JobID|State|ExitCode|User|UID|'
ACCOUNTS = {
    'root': ('5|CANCELLED by 0|0:0|hpc|1001|', '5.batch|CANCELLED|0:15|||'),
    'owner': ('6|CANCELLED by 1001|0:0|hpc|1001|', '6.batch|CANCELLED|0:15|||'),
    'colleague': ('6|CANCELLED by 1002|0:0|hpc|1001|', '6.batch|CANCELLED|0:15|||'),
    'time': ('10|TIMEOUT|0:0|hpc|1001|', '10.batch|CANCELLED|0:15|||'),
    'memory': ('3|OUT_OF_MEMORY|0:125|hpc|1001|', '3.batch|OUT_OF_MEMORY|0:125|||'),
    'memory of a step': ('4|FAILED|1:0|hpc|1001|', '4.batch|FAILED|1:0|||', '4.0|OUT_OF_MEMORY|0:125|||'),
    'memory of a step that did no harm': ('4|COMPLETED|0:0|hpc|1001|', '4.0|OUT_OF_MEMORY|0:125|||'),
    'node': ('9|NODE_FAIL|0:0|hpc|1001|', '9.batch|CANCELLED||||'),
    'program': ('12|FAILED|1:0|hpc|1001|', '12.batch|FAILED|1:0|||'),
    'queue instead of accounts': ('7|CANCELLED|hpc|',),
}
STDERR = {
    'cancel': 'slurmstepd-localhost: error: *** JOB 6 ON localhost CANCELLED AT 2026-11-21T15:00:38 ***',
    'time': 'slurmstepd-localhost: error: *** JOB 10 ON localhost CANCELLED AT 2026-11-21T15:03:26 DUE TO TIME LIMIT '
    '***',
    'node': 'slurmstepd-localhost: error: *** JOB 9 ON localhost CANCELLED AT 2026-11-21T15:02:06 DUE TO NODE FAILURE, '
    'SEE SLURMCTLD LOG FOR DETAILS ***',
    'memory': 'slurmstepd-localhost: error: Detected 1 oom-kill event(s) in StepId=3.batch. Some of your processes may '
    'have been killed by the cgroup out-of-memory handler.',
}


@pytest.mark.parametrize(
    ('case', 'expected'),
    [
        ('root', JobEnd(module.CANCELLED, 'the administrator (root)')),
        ('owner', JobEnd(module.CANCELLED, 'its owner (hpc)')),
        ('colleague', JobEnd(module.CANCELLED, 'the user with the number 1002')),
        ('time', JobEnd(module.OUT_OF_TIME)),
        ('memory', JobEnd(module.OUT_OF_MEMORY)),
        ('memory of a step', JobEnd(module.OUT_OF_MEMORY)),
        ('memory of a step that did no harm', None),
        ('node', JobEnd(module.NODE_FAILURE)),
        ('program', None),
        ('queue instead of accounts', JobEnd(module.CANCELLED)),
    ],
)
def test_accounts(case, expected):
    head = 'JobID|State|User|' if case.startswith('queue') else HEAD
    assert job_end({'retval': 0, 'stdout': '\n'.join([head, *ACCOUNTS[case]]), 'stderr': ''}, '') == expected


@pytest.mark.parametrize(
    ('case', 'reason'),
    [
        ('cancel', module.CANCELLED),
        ('time', module.OUT_OF_TIME),
        ('node', module.NODE_FAILURE),
        ('memory', module.OUT_OF_MEMORY),
    ],
)
@pytest.mark.parametrize('info', [None, {'retval': 1, 'stdout': '', 'stderr': 'Slurm accounting storage is disabled'}])
def test_without_accounts_stderr_tells_wherever_the_line_stands(case, reason, info):
    assert job_end(info, f'first words\n{STDERR[case]}\nlast words\n') == JobEnd(reason)


def test_accounts_that_are_late_leave_the_word_to_stderr():
    info = {'retval': 0, 'stdout': f'{HEAD}\n6|RUNNING|0:0|hpc|1001|', 'stderr': ''}
    assert job_end(info, STDERR['cancel']) == JobEnd(module.CANCELLED)
    assert job_end(info, '') is None


def test_a_job_that_completed_was_not_cancelled_whatever_its_program_printed():
    info = {'retval': 0, 'stdout': f'{HEAD}\n6|COMPLETED|0:0|hpc|1001|', 'stderr': ''}
    assert job_end(info, STDERR['cancel']) is None


@pytest.mark.parametrize('text', ['', 'JobID|State|', 'no table', 'a|b\n1|2|3\n\n', '{"State": "CANCELLED"}\nx'])
def test_what_is_no_account_tells_nothing(text):
    assert job_end({'retval': 0, 'stdout': text, 'stderr': ''}, 'mpirun: killed\n') is None
