"""One calculation with yambo that looks after itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ProcessHandlerReport, process_handler, while_

from aiida_crystalmath.calculations.yambo import YamboCalculation
from aiida_crystalmath.calculations.yambo_base import with_mpi
from aiida_crystalmath.workflows.restart import CrystalmathBaseRestartWorkChain

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('YamboBaseWorkChain', 'mpi_as_code')

CORE_EXIT_CODES = (301, 302, 401, 402)
SCHEDULER_EXIT_CODES = {110: 'out_of_memory', 120: 'out_of_walltime', 140: 'node_failure', 170: 'cancelled'}
PARALLEL_VARIABLES = ('_CPU', '_ROLEs', '_nCPU_LinAlg_INV', '_nCPU_LinAlg_DIAGO')
THREAD_VARIABLES = ('X_Threads', 'DIP_Threads', 'SE_Threads', 'K_Threads')
MAX_LOST = 1
"""How often a run that was cut short before it wrote any database is repeated."""


class YamboBaseWorkChain(CrystalmathBaseRestartWorkChain):
    """Run yambo until it is done: with fewer processes where memory lacks, and from its databases where it was killed.

    What is wrong with the input, with the number of bands or with the quasi-particle energies stops the chain at once,
    with the exit code of the calculation and what is needed in ``recovery_report``: repeating would give the same, or a
    spectrum of something else. No handler changes what is calculated.
    """

    _process_class = YamboCalculation

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.expose_inputs(YamboCalculation, namespace='yambo')
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            steps.prepare_inputs,
            while_(steps.should_run_process)(
                steps.run_process,
                steps.inspect_process,
            ),
            steps.results,
        )
        spec.expose_outputs(YamboCalculation)
        for label, code in YamboCalculation.exit_codes.items():
            if code.status >= 300 and code.status not in CORE_EXIT_CODES:
                spec.exit_code(code.status, label, message=code.message)

    def prepare_inputs(self) -> None:
        """Put the inputs of the first calculation together in ``ctx.inputs``."""
        inputs = AttributeDict(self.exposed_inputs(YamboCalculation, 'yambo'))
        inputs.parameters = inputs.parameters.get_dict()
        mpi_as_code(inputs)
        self.ctx.inputs = inputs
        self.ctx.used = {}

    # ---------------------------------------------------------------------------------------------- the report

    def describe_failure(self, node: orm.CalcJobNode) -> dict[str, Any]:
        """Return the scheduler's part and the diagnoses of a child."""
        return {'scheduler': SCHEDULER_EXIT_CODES.get(node.exit_status or 0), 'diagnoses': list(_diagnoses(node))}

    def suggest(self, node: orm.CalcJobNode) -> str:
        """Return the remedy of the catalogue for the decisive diagnosis."""
        from aiida_crystalmath.yambo.diagnosis import CATALOGUE

        for name in _diagnoses(node):
            entry = CATALOGUE.by_name(name)
            if entry.exit_code is not None:
                return entry.remedy
        return 'Read the report of the run (out/r-*) and what the scheduler wrote.'

    # ---------------------------------------------------------------------------------------------- the handlers

    @process_handler(priority=600, exit_codes=[YamboCalculation.exit_codes.ERROR_TOO_FEW_BANDS])
    def handle_too_few_bands(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Stop, and say how many bands the NSCF needs.

        Cause: ``Too many bands required``: the bands come from the NSCF of pw.x, which this chain does not run.
        """
        told = _results(node)
        needed, there = told.get('bands_needed'), told.get('bands_available')
        if needed is None:
            return self.give_up(node)
        return self.give_up(
            node, f'Repeat the NSCF with nbnd = {needed} at least (it has {there}), and p2y after it; or ask for fewer.'
        )

    @process_handler(
        priority=590,
        exit_codes=[
            YamboCalculation.exit_codes.ERROR_QP_DATABASE_NOT_READ,
            YamboCalculation.exit_codes.ERROR_SAVE_NOT_SET_UP,
            YamboCalculation.exit_codes.ERROR_NO_OUTPUT,
            YamboCalculation.exit_codes.ERROR_UNKNOWN,
            YamboCalculation.exit_codes.ERROR_RESULT_MISSING,
        ],
    )
    def handle_hopeless(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Stop: the quasi-particle energies were not read, SAVE is not there, or nobody knows what happened.

        Cause: yambo goes on with the energies of DFT where it cannot read those of GW, and ends well; another run would
        do the same. The calculation has no spectrum then, and neither has the chain.
        """
        return self.give_up(node)

    @process_handler(priority=595, exit_codes=[YamboCalculation.exit_codes.ERROR_UNKNOWN])
    def handle_spoilt_databases(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Begin anew where a run stopped on the databases of one that was cut short.

        Cause: a kill may hit a database while it is written, and HDF5 cannot read half of one. Without such databases
        the error has another reason, and the next handler stops.
        """
        if 'restart_folder' not in self.ctx.inputs:
            return None
        del self.ctx.inputs['restart_folder']
        return self.record(
            node, cause='an error on the databases of a run that was cut short', action='begin anew, without them'
        )

    @process_handler(priority=580, exit_codes=[YamboCalculation.exit_codes.ERROR_PARALLEL_STRUCTURE])
    def handle_parallel_structure(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Leave the roles to yambo; if it was left to it, take half the processes.

        Cause: yambo found no way to share the work out.
        """
        if self._drop_roles():
            return self.record(
                node,
                cause='the roles do not fit the calculation',
                action='leave it to yambo how the work is shared out',
            )
        halved = self._halve_processes()
        if halved is None:
            return self.give_up(node)
        return self.record(node, cause='the work cannot be shared out among so many processes', action=halved)

    @process_handler(
        priority=570,
        exit_codes=[
            YamboCalculation.exit_codes.ERROR_OUT_OF_MEMORY,
            YamboCalculation.exit_codes.ERROR_SCHEDULER_OUT_OF_MEMORY,
        ],
    )
    def handle_out_of_memory(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Take half the processes with twice the threads each, and go on from the databases.

        Cause: an allocation failed, or the scheduler ended the job (110). Each process holds its own copy of much. The
        roles are left to yambo, as those given do not fit another number of processes. With one process a node nothing
        is left but more nodes, which are not taken unasked.
        """
        halved = self._halve_processes()
        if halved is None:
            return self.give_up(
                node, 'One process a node is not enough: take nodes with more memory, or a smaller response block.'
            )
        self._drop_roles()
        self._go_on_from(node)
        return self.record(node, cause='out of memory', action=f'{halved}, and go on from the databases')

    @process_handler(
        priority=560,
        exit_codes=[
            YamboCalculation.exit_codes.ERROR_INTERRUPTED,
            YamboCalculation.exit_codes.ERROR_SCHEDULER_OUT_OF_WALLTIME,
            YamboCalculation.exit_codes.ERROR_SCHEDULER_NODE_FAILURE,
        ],
    )
    def handle_interrupted(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on from the databases of a run that was cut short.

        Cause: walltime (120), a node that failed (140), or a kill that nobody explains. A run that wrote no database
        has made no headway: it is repeated once, and then given up.
        """
        if not _results(node).get('databases_written'):
            self.ctx.used['lost'] = self.ctx.used.get('lost', 0) + 1
            if self.ctx.used['lost'] > MAX_LOST:
                return self.give_up(
                    node,
                    'The time that the job has is not enough for its first database: give it more, or more processes.',
                )
            return self.record(node, cause='cut short before it wrote any database', action='run it once more')
        self._go_on_from(node)
        return self.record(node, cause='cut short', action='go on from its databases')

    # ---------------------------------------------------------------------------------------------- the next run

    def _go_on_from(self, node: orm.CalcJobNode) -> None:
        """Have the next run take the databases of a run: the only place that touches restarts."""
        self.ctx.inputs.restart_folder = node.outputs.remote_folder

    def _drop_roles(self) -> bool:
        """Leave it to yambo how the work is shared out; return whether that is a change."""
        parameters = self.ctx.inputs.parameters
        parallel = dict(parameters.get('parallel') or {})
        variables = dict(parameters.get('variables') or {})
        stray = [name for name in variables if name.endswith(PARALLEL_VARIABLES)]
        if not parallel.get('roles') and not stray:
            return False
        if parallel.pop('roles', None):
            parameters['parallel'] = parallel
        if stray:
            parameters['variables'] = {name: value for name, value in variables.items() if name not in stray}
        return True

    def _halve_processes(self) -> str | None:
        """Take half the processes on a node and twice the threads; return that in words, ``None`` with one process."""
        options = self.ctx.inputs.metadata.options
        resources = dict(options.get('resources') or {})
        processes: int | None = resources.get('num_mpiprocs_per_machine')
        if processes is None or processes < 2 or not with_mpi(self.ctx.inputs):
            return None
        fewer = processes // 2
        resources['num_mpiprocs_per_machine'] = fewer
        if 'tot_num_mpiprocs' in resources and 'num_machines' in resources:
            resources['tot_num_mpiprocs'] = resources['num_machines'] * fewer
        if resources.get('num_cores_per_mpiproc') is not None:
            resources['num_cores_per_mpiproc'] *= 2
        options['resources'] = resources
        threads = self._threads() * 2
        options['environment_variables'] = {
            **(options.get('environment_variables') or {}),
            'OMP_NUM_THREADS': str(threads),
        }
        self._set_threads(threads)
        return f'{fewer} processes a node instead of {processes}, with {threads} threads each'

    def _threads(self) -> int:
        """Return how many threads a process of the last run had."""
        told = _results(self.ctx.children[-1]).get('n_threads') if self.ctx.get('children') else None
        return int(told or 1)

    def _set_threads(self, threads: int) -> None:
        """Have the deck say how many threads there are, if it says so at all."""
        parameters = self.ctx.inputs.parameters
        parallel = parameters.get('parallel') or {}
        if parallel.get('threads') is not None:
            parameters['parallel'] = {**parallel, 'threads': threads}
        variables = parameters.get('variables') or {}
        if any(name in variables for name in THREAD_VARIABLES):
            parameters['variables'] = {
                name: threads if name in THREAD_VARIABLES else value for name, value in variables.items()
            }


def mpi_as_code(inputs: AttributeDict, *others: orm.AbstractCode) -> None:
    """Let codes that say themselves whether they run with MPI say it: AiiDA refuses a job that says otherwise.

    A chain hands defaults on as if somebody had said them.

    :param others: further codes of the same job. Where not all say the same, the job says nothing.
    """
    said = [code.with_mpi for code in (inputs.code, *others)]
    if said.count(None) == len(said):
        return
    metadata = AttributeDict(inputs.get('metadata') or {})
    metadata.options = AttributeDict({**(metadata.get('options') or {}), 'withmpi': said[0]})
    if len(set(said)) > 1:
        del metadata.options['withmpi']
    inputs.metadata = metadata


def _results(node: orm.CalcJobNode) -> dict[str, Any]:
    """Return ``output_parameters`` of a calculation, empty without any."""
    outputs: Any = node.outputs
    return dict(outputs.output_parameters.get_dict()) if 'output_parameters' in outputs else {}


def _diagnoses(node: orm.CalcJobNode) -> Sequence[str]:
    """Return the names of the diagnoses of a calculation, the most decisive first."""
    return [item['name'] for item in _results(node).get('diagnoses') or []]
