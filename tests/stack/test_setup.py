"""From nothing to a finished job in production: PostgreSQL, RabbitMQ, SLURM over SSH, by what people type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.daemon, pytest.mark.standin, pytest.mark.timeout(900)]


@pytest.fixture
def person(stack, tmp_path):
    """Return a function that types a command in a home and an AiiDA folder of its own, and returns what it says."""
    home = tmp_path / 'home'
    home.mkdir()
    environment = {**os.environ, 'HOME': str(home), 'AIIDA_PATH': str(home), 'CRYSTALMATH_PROFILE': ''}

    def types(command: str, *arguments: str, status: int = 0) -> str:
        program = shutil.which(command, path=str(Path(sys.executable).parent))
        answer = subprocess.run(
            [program, *arguments], env=environment, cwd=home, capture_output=True, text=True, timeout=600, check=False
        )
        assert answer.returncode == status, answer.stdout + answer.stderr
        return answer.stdout + answer.stderr

    yield types
    subprocess.run([shutil.which('verdi'), 'daemon', 'stop'], env=environment, capture_output=True, check=False)


def test_from_nothing_to_a_job(stack, person, tmp_path):
    from cluster_programs import script_for_jobs

    env = stack.env
    with stack.database() as database:
        profile = (
            'setup',
            'profile',
            '--stack',
            str(stack.base / 'stack.env'),
            '--db-name',
            database,
            '--workers',
            '1',
        )
        assert 'core.psql_dos with 0 nodes, core.rabbitmq' in person('crystalmath', *profile)
        target = f'{env["SSH_USER"]}@{env["SSH_HOST"]}:{env["SSH_PORT"]}'
        way = ('--label', 'hpc', '--identity', env['SSH_KEY'], '--known-hosts', env['SSH_KNOWN_HOSTS'])
        computer = ('setup', 'computer', target, *way)
        said = person('crystalmath', *computer, '--partition', env['SLURM_PARTITION'], '--safe-interval', '1')
        assert 'A trial job was submitted, run, retrieved and parsed' in said
        assert f'{env["SLURM_PARTITION"]}*' in said

        # verdi takes the files that were written, and finds the same computer
        for kind in ('setup', 'config'):
            file = tmp_path / 'home' / f'hpc-{kind}.yaml'
            file.write_text(file.read_text().replace('label: hpc', 'label: again'))
        person('verdi', 'computer', 'setup', '-n', '--config', str(tmp_path / 'home' / 'hpc-setup.yaml'))
        config = ('--config', str(tmp_path / 'home' / 'hpc-config.yaml'))
        person('verdi', 'computer', 'configure', 'core.ssh_async', 'again', '-n', *config)
        assert 'all 6 tests succeeded' in person('verdi', 'computer', 'test', 'again')

        program = script_for_jobs(stack, 'crystalmath-crystal')
        said = person('crystalmath', 'setup', 'code', 'hpc', program, '--json')
        (step,) = json.loads(said)['steps']
        assert 'a job answered after' in step['detail']
        assert person('crystalmath', 'setup', 'code', 'hpc', program, '--json').count('"present"') == 1
        assert 'no program of CRYSTAL was found' in person('crystalmath', 'setup', 'code', 'hpc', status=1)


def test_job_that_cannot_begin_is_taken_back(stack, person, tmp_path):
    env = stack.env
    target = f'{env["SSH_USER"]}@{env["SSH_HOST"]}:{env["SSH_PORT"]}'
    way = ('--label', 'hpc', '--identity', env['SSH_KEY'], '--known-hosts', env['SSH_KNOWN_HOSTS'])
    tight = env['SLURM_PARTITION_TIGHT']
    person('crystalmath', 'setup', 'profile', '--db', 'sqlite', '--broker', 'zeromq', '--no-daemon')
    stack.slurm('scontrol', 'update', f'partition={tight}', 'state=down')
    try:
        waiting = ('setup', 'computer', target, *way, '--partition', tight, '--test-timeout', '15')
        assert 'had not ended after 15 s and was taken back' in person('crystalmath', *waiting, status=1)
        assert stack.slurm('squeue', '--noheader', f'--partition={tight}') == ''
        assert 'hpc' in person('verdi', 'computer', 'list')
        assert person('verdi', 'process', 'list', '-a', '--raw', '-P', 'pk').strip() == ''
    finally:
        stack.slurm('scontrol', 'update', f'partition={tight}', 'state=up')
