"""SLURM for AiiDA, with a submission that can be repeated: what runs in a directory already is taken, not run again."""

from __future__ import annotations

from importlib.resources import files
from shlex import quote

from aiida.schedulers.datastructures import JobTemplate
from aiida.schedulers.plugins.slurm import SlurmScheduler

from aiida_crystalmath.schedulers.job_end import has_ended

__all__ = ('GuardedSlurmScheduler',)

QUEUE_FIELDS = {'JobID': '%i', 'State': '%T', 'User': '%u'}
"""Columns of ``sacct`` and the fields of ``squeue`` that say the same."""


class GuardedSlurmScheduler(SlurmScheduler):
    """SLURM of which no directory gets a second job when the worker dies that submitted the first.

    A worker that dies between ``sbatch`` and the moment when the job's number is saved leaves AiiDA without the number,
    and its successor submits once more. Here the directory remembers its job (``submit.sh``): a second submission finds
    it in the directory, in the queue or in the accounts, and takes its number. It waits up to ten minutes for an
    ``sbatch`` that is at work still, and for half a minute if that is on another login node, where it cannot be seen.
    """

    def _get_submit_script_header(self, job_tmpl: JobTemplate) -> str:
        """Return the header; what the scheduler tells is added to its files, so that no second job empties them.

        Of two lines SLURM takes the later. What the computer asks for by lines of its own (``crystalmath setup computer
        --partition``) comes first, so that options of the job overrule it.
        """
        lines = (job_tmpl.prepend_text or '').splitlines()
        asked = [line for line in lines if line.startswith('#SBATCH ')]
        job_tmpl.prepend_text = '\n'.join(line for line in lines if line not in asked)
        return '\n'.join([*asked, super()._get_submit_script_header(job_tmpl), '#SBATCH --open-mode=append'])

    def _get_submit_command(self, submit_script: str) -> str:
        """Return the shell text that submits, or finds what was submitted.

        :param submit_script: name of the script in the directory of the job, quoted already.
        """
        text = files('aiida_crystalmath.schedulers').joinpath('submit.sh').read_text(encoding='utf-8')
        return f'script={submit_script}\n{text}'

    def get_detailed_job_info(self, job_id: str) -> dict[str, str | int]:
        """Return how a job ended: what the accounts say, or where nobody keeps any, or they are late, the queue.

        For some minutes after its end (``MinJobAge``) the queue remembers a job and its state.
        """
        accounts = super().get_detailed_job_info(job_id)
        if accounts['retval'] == 0 and has_ended(accounts):
            return accounts
        fields = '|'.join(QUEUE_FIELDS.values())
        command = f"squeue --noheader --states=all --jobs={quote(job_id)} -o '{fields}|'"
        retval, stdout, stderr = self.transport.exec_command_wait(command)
        queue = {'retval': retval, 'stdout': f'{"|".join(QUEUE_FIELDS)}|\n{stdout}', 'stderr': stderr}
        return queue if retval == 0 and has_ended(queue) else accounts
