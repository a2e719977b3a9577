"""SLURM for AiiDA, with a submission that can be repeated: what runs in a directory already is taken, not run again."""

from __future__ import annotations

from importlib.resources import files
from shlex import quote

from aiida.schedulers.datastructures import JobTemplate
from aiida.schedulers.plugins.slurm import SlurmScheduler

__all__ = ('GuardedSlurmScheduler',)

QUEUE_FIELDS = ('%i', '%T', '%u')
"""Fields of ``squeue`` that stand in for :data:`ACCOUNT_FIELDS`, where nobody keeps accounts."""

ACCOUNT_FIELDS = ('JobID', 'State', 'User')


class GuardedSlurmScheduler(SlurmScheduler):
    """SLURM of which no directory gets a second job, whatever happened to the worker that submitted the first.

    A worker that dies between ``sbatch`` and the moment when the job's number is saved leaves AiiDA without the number,
    and its successor submits once more. Here the directory remembers its job (``submit.sh``): a second submission finds
    it in the directory, in the queue or in the accounts, and takes its number.
    """

    def _get_submit_script_header(self, job_tmpl: JobTemplate) -> str:
        """Return the header; what the scheduler tells is added to its files, so that no second job empties them."""
        return f'{super()._get_submit_script_header(job_tmpl)}\n#SBATCH --open-mode=append'

    def _get_submit_command(self, submit_script: str) -> str:
        """Return the shell text that submits, or finds what was submitted.

        :param submit_script: name of the script in the directory of the job, quoted already.
        """
        text = files('aiida_crystalmath.schedulers').joinpath('submit.sh').read_text(encoding='utf-8')
        return f'script={submit_script}\n{text}'

    def _get_detailed_job_info_command(self, job_id: str) -> str:
        """Return the shell text that asks how a job ended: the accounts, or where nobody keeps any, the queue.

        For some minutes after its end (``MinJobAge``) the queue remembers a job and its state.
        """
        accounts = super()._get_detailed_job_info_command(quote(job_id))
        queue = f"squeue --noheader --states=all --jobs={quote(job_id)} -o '{'|'.join(QUEUE_FIELDS)}|'"
        return f"{accounts} || {{ echo '{'|'.join(ACCOUNT_FIELDS)}|'; {queue}; }}"
