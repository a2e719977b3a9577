"""What a machine has: asked of this one, and of machines that are made up of programs by those names."""

from __future__ import annotations

import os
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from aiida_crystalmath.machines import MachineError
from aiida_crystalmath.machines.clusters import asked_for, check_workdir, suggest, write_yaml
from aiida_crystalmath.machines.probe import probe, read_probe
from aiida_crystalmath.machines.shell import open_shell

PROBE = files('aiida_crystalmath.machines').joinpath('probe.sh').read_text()

SINFO = 'main*|up|infinite|8|21694|1\ntight|up|1:00|8|21694|1'
"""``sinfo --noheader --format '%P|%a|%l|%c|%m|%D'`` of SLURM 22.05.8 on the cluster of setup_scripts/stack.sh."""


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Return what the probe says of a machine that has these programs besides the usual ones."""

    def factory(programs: dict[str, str], **environment: str):
        folder = tmp_path / 'bin'
        folder.mkdir()
        for name in ('id', 'getconf', 'timeout', 'tr', 'ps', 'bash'):
            found = subprocess.run(['sh', '-c', f'command -v {name}'], capture_output=True, text=True, check=True)
            (folder / name).symlink_to(found.stdout.strip())
        for name, script in programs.items():
            (folder / name).write_text(f'#!{folder / "bash"}\n{script}\n')
            (folder / name).chmod(0o755)
        environment = {'PATH': str(folder), 'HOME': str(tmp_path), **environment}
        answer = subprocess.run(
            ['/bin/bash', '-c', PROBE], capture_output=True, text=True, check=True, env=environment, cwd='/'
        )
        return read_probe(answer.stdout)

    return factory


def test_slurm_with_its_partitions(ask, tmp_path):
    machine = ask({'sbatch': '', 'srun': '', 'sinfo': f"echo '{SINFO}'", 'sacct': ''}, SCRATCH=str(tmp_path / 'bin'))
    assert machine.scheduler == 'slurm'
    assert machine.has_accounts
    assert [(item.name, item.is_default, item.cores, item.limit) for item in machine.partitions] == [
        ('main', True, 8, 'infinite'),
        ('tight', False, 8, '1:00'),
    ]
    settings = suggest(machine, 'hpc', 'hpc', 'core.ssh_async')
    assert settings.scheduler == 'crystalmath.slurm'
    assert settings.workdir == f'{tmp_path}/bin/crystalmath'
    assert settings.mpirun == ('srun', '-n', '{tot_num_mpiprocs}')
    assert settings.cores == 8


@pytest.mark.parametrize(
    ('programs', 'environment', 'scheduler'),
    [
        ({}, {}, 'none'),
        ({'bsub': ''}, {}, 'lsf'),
        ({'qsub': '', 'qstat': 'echo pbs_version = 23.06.06'}, {}, 'pbspro'),
        ({'qsub': '', 'qstat': 'echo Version: 6.1.2'}, {}, 'torque'),
        ({'qsub': ''}, {'SGE_ROOT': '/opt/sge'}, 'sge'),
    ],
)
def test_other_schedulers(ask, programs, environment, scheduler):
    assert ask(programs, **environment).scheduler == scheduler


def test_slurm_that_does_not_answer_is_told(ask):
    """As on a machine that has SLURM's commands and no configuration: every submission would be tried in vain."""
    machine = ask({'sbatch': '', 'sinfo': 'echo no configuration >&2; exit 1'})
    with pytest.raises(MachineError, match='it does not answer'):
        asked_for(suggest(machine, 'a', 'a', 'core.local'), machine, {})
    machine = machine.with_scheduler('none')
    assert asked_for(suggest(machine, 'a', 'a', 'core.local'), machine, {}).scheduler == 'core.direct'


def test_what_is_asked_for_goes_before_what_is_found(ask):
    machine = ask({'sbatch': '', 'sinfo': f"echo '{SINFO}'"})
    found = suggest(machine, 'a', 'a', 'core.ssh_async')
    options = {'queue': 'tight', 'account': 'x-1', 'scratch': '/big/{dir}/', 'mpirun': 'mpiexec -n 2', 'cores': None}
    settings = asked_for(found, machine, {**options, 'prepend': 'umask 077'})
    assert settings.prepend_text == '#SBATCH --partition=tight\n#SBATCH --account=x-1\numask 077'
    assert settings.workdir.format(username='u') == '/big/{dir}'
    assert settings.mpirun == ('mpiexec', '-n', '2')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'queue': 'nowhere'}, 'There are: main, tight'),
        ({'account': 'a\ntouch /tmp/x'}, 'is no name'),
        ({'account': '$(id)'}, 'is no name'),
        ({'account': ''}, 'is no name'),
        ({'scratch': 'here'}, 'no absolute path'),
    ],
)
def test_wrong_options_are_refused(ask, options, message):
    machine = ask({'sbatch': '', 'sinfo': f"echo '{SINFO}'"})
    with pytest.raises(MachineError) as caught:
        asked_for(suggest(machine, 'a', 'a', 'core.ssh_async'), machine, options)
    assert message in f'{caught.value} {caught.value.hint}'


def test_this_machine_through_the_transport(aiida_profile, tmp_path):
    """Folders with hostile names stay folders."""
    with open_shell('core.local', 'localhost') as shell:
        machine = probe(shell)
        assert machine.home == os.environ['HOME']
        folder = tmp_path / "it's $(touch bad) {x}; ls"
        room = check_workdir(shell, str(folder).replace('{', '{{').replace('}', '}}'))
    assert room.endswith('GB free')
    assert folder.is_dir()
    assert not list(tmp_path.rglob('bad')) and not Path('bad').exists()


def test_login_scripts_that_print_are_refused(aiida_profile, tmp_path, monkeypatch):
    (tmp_path / '.bash_profile').write_text('echo Welcome\n')
    monkeypatch.setenv('HOME', str(tmp_path))
    with open_shell('core.local', 'localhost') as shell, pytest.raises(MachineError, match='Welcome'):
        probe(shell)


def test_files_for_verdi(ask, tmp_path):
    import yaml

    machine = ask({})
    settings = suggest(machine, 'a', 'host', 'core.ssh_async')
    setup, config = write_yaml(settings, tmp_path / 'new')
    assert (setup.name, config.name) == ('a-setup.yaml', 'a-config.yaml')
    assert yaml.safe_load(setup.read_text())['work_dir'] == settings.workdir
    assert yaml.safe_load(config.read_text()) == {'host': 'host', 'use_login_shell': True, 'safe_interval': 5.0}
