"""What the calculation jobs of all programs share: guard, scheduler's verdict, caching, exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.engine import ExitCode
from aiida.engine.processes.process_spec import CalcJobProcessSpec

from aiida_crystalmath.calculations.guard import guard_begin, guard_end
from aiida_crystalmath.calculations.one_worker import JobByOneWorker
from aiida_crystalmath.calculations.reuse import can_be_reused, reusing
from aiida_crystalmath.schedulers.job_end import CANCELLED, NODE_FAILURE, OUT_OF_MEMORY, OUT_OF_TIME, job_end

__all__ = ('GuardedCalcJob', 'GuardedProcessSpec')

END_LABELS = {
    OUT_OF_TIME: 'ERROR_SCHEDULER_OUT_OF_WALLTIME',
    OUT_OF_MEMORY: 'ERROR_SCHEDULER_OUT_OF_MEMORY',
    NODE_FAILURE: 'ERROR_SCHEDULER_NODE_FAILURE',
    CANCELLED: 'ERROR_SCHEDULER_JOB_CANCELLED',
}
"""Exit codes for how the scheduler ended a job; all but the last are AiiDA's."""


class GuardedProcessSpec(CalcJobProcessSpec):
    """Process specification in which failures below 400 (no usable output) are never taken from the cache.

    The ranges are the community's: 300-399 unrecoverable, 400-499 electronic, 500-599 ionic. 400 to 409 depend on
    walltime and machine, not on the inputs, and are kept out of the cache as well.
    """

    def exit_code(self, status: int, label: str, message: str, invalidates_cache: bool | None = None) -> None:
        """Add an exit code; by default it invalidates the cache below 410.

        :param invalidates_cache: overrules the default.
        """
        if invalidates_cache is None:
            invalidates_cache = status < 410
        super().exit_code(status, label, message, invalidates_cache=invalidates_cache)


class GuardedCalcJob(JobByOneWorker):
    """A job that runs once in its directory, is carried out by one worker, and tells how the scheduler ended it."""

    _spec_class = GuardedProcessSpec

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define options, the output that every job has, and exit codes."""
        super().define(spec)
        options: Any = spec.inputs['metadata']['options']  # type: ignore[index]
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        spec.output('output_parameters', valid_type=orm.Dict, help='Results as numbers with their units in the keys.')
        spec.default_output_node = 'output_parameters'
        for status, label, message in cls.catalogued_exit_codes():
            spec.exit_code(status, label, message)

    @classmethod
    def catalogued_exit_codes(cls) -> Iterable[tuple[int, str, str]]:
        """Give (status, label, message) of the exit codes in the program's catalogue of failures."""
        raise NotImplementedError

    @classmethod
    def is_valid_cache(cls, node: orm.ProcessNode) -> bool:
        """Tell whether another run can be taken from a finished one: not where its folder is gone."""
        return super().is_valid_cache(node) and can_be_reused(node)

    def _create_and_setup_db_record(self) -> Any:
        """Make the node; below a work chain with ``use_cache`` from one that did the same, if there is one."""
        with reusing(self._parent_pid, self.build_process_type()):
            return super()._create_and_setup_db_record()

    def guarded_info(self) -> CalcInfo:
        """Return instructions for a job whose script runs once in its directory."""
        info = CalcInfo()
        info.uuid = str(self.uuid)
        info.prepend_text, info.append_text = guard_begin(), guard_end()
        return info

    def parse_scheduler_output(self, retrieved: orm.Node) -> ExitCode | None:
        """Read how the scheduler ended the job, where AiiDA's plugin does not: cancelled jobs, and without accounts."""
        try:
            return super().parse_scheduler_output(retrieved) or self._scheduler_end(retrieved)
        except UnicodeDecodeError as exception:
            self.logger.warning(f'what the scheduler wrote is not text: {exception}')
            return self._scheduler_end(retrieved)

    def _scheduler_end(self, retrieved: orm.Node) -> ExitCode | None:
        """Return the exit code for how SLURM ended the job, if it did."""
        name = str(self.node.get_option('scheduler_stderr'))
        there = name in retrieved.base.repository.list_object_names()
        content: bytes = retrieved.base.repository.get_object_content(name, mode='rb') if there else b''
        end = job_end(self.node.get_detailed_job_info(), content.decode('utf-8', errors='replace'))
        if end is None:
            return None
        code: ExitCode = self.exit_codes[END_LABELS[end.reason]]
        return code._replace(message=f'The job was cancelled by {end.by}.') if end.by else code
