"""What a computer asks of SLURM by lines of its own, and what a job asks by its options."""

from __future__ import annotations

from aiida.common.datastructures import CodeRunMode
from aiida.schedulers.datastructures import JobTemplate, JobTemplateCodeInfo, NodeNumberJobResource

from aiida_crystalmath.schedulers.slurm import GuardedSlurmScheduler


def script(**options) -> list[str]:
    template = JobTemplate()
    template.job_resource = NodeNumberJobResource(num_machines=1, num_mpiprocs_per_machine=1)
    template.codes_info = [JobTemplateCodeInfo(cmdline_params=['true'])]
    template.codes_run_mode = CodeRunMode.SERIAL
    template.prepend_text = '#SBATCH --partition=main\n#SBATCH --account=x\numask 077'
    for name, value in options.items():
        setattr(template, name, value)
    return GuardedSlurmScheduler().get_submit_script(template).splitlines()


def test_options_of_the_job_overrule_the_computer():
    """Of two lines SLURM 22.05 takes the later: seen on the cluster of setup_scripts/stack.sh."""
    lines = script(queue_name='tight')
    partitions = [line for line in lines if line.startswith('#SBATCH') and 'partition' in line]
    assert partitions == ['#SBATCH --partition=main', '#SBATCH --partition=tight']


def test_lines_of_the_computer_come_before_any_command():
    """Behind the first command SLURM reads no more, and variables of the job are such commands."""
    lines = script(job_environment={'A': 'b'})
    last = max(number for number, line in enumerate(lines) if line.startswith('#SBATCH'))
    first = min(number for number, line in enumerate(lines) if line and not line.startswith('#'))
    assert last < first
    assert '#SBATCH --account=x' in lines[:first]
    assert 'umask 077' in lines[first:]
