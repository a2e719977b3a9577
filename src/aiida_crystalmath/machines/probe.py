"""What a machine has: scheduler, partitions, cores, folders for scratch, the command that starts parallel programs."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from importlib.resources import files

from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.shell import Shell

SCHEDULERS = {
    'slurm': 'crystalmath.slurm',
    'pbspro': 'core.pbspro',
    'torque': 'core.torque',
    'sge': 'core.sge',
    'lsf': 'core.lsf',
    'none': 'core.direct',
}
"""Entry point in ``aiida.schedulers`` for each scheduler; that for SLURM submits no job twice."""

DIRECTIVES = {
    'slurm': {'queue': '#SBATCH --partition={}', 'account': '#SBATCH --account={}', 'qos': '#SBATCH --qos={}'},
    'pbspro': {'queue': '#PBS -q {}', 'account': '#PBS -A {}'},
    'torque': {'queue': '#PBS -q {}', 'account': '#PBS -A {}'},
    'sge': {'queue': '#$ -q {}', 'account': '#$ -A {}'},
    'lsf': {'queue': '#BSUB -q {}', 'account': '#BSUB -P {}'},
    'none': {},
}
"""Lines of a job script that say where a job goes and who pays, by the manuals of the schedulers."""


@dataclass(frozen=True)
class Partition:
    """A partition of SLURM, as ``sinfo`` tells it.

    :param limit: of time, in SLURM's words (``1-00:00:00``, ``infinite``).
    :param cores: of a node, the smallest where nodes differ; :param memory_mb: likewise.
    """

    name: str
    is_default: bool
    is_up: bool
    limit: str
    cores: int
    memory_mb: int
    nodes: int


@dataclass(frozen=True)
class Machine:
    """What was found on a machine.

    :param folders: those that can be written to, the best for scratch first.
    :param scheduler: a key of :data:`SCHEDULERS`.
    :param login_cores: of the node that was asked.
    :param has_accounts: SLURM remembers jobs (``sacct``), which AiiDA needs to know why one ended.
    """

    user: str
    home: str
    folders: tuple[str, ...]
    scheduler: str
    programs: dict[str, str]
    partitions: tuple[Partition, ...]
    login_cores: int
    has_accounts: bool

    def with_scheduler(self, kind: str | None) -> Machine:
        """Return the machine with another scheduler than the one that was found, if one is given."""
        if kind in (None, self.scheduler):
            return self
        return replace(self, scheduler=str(kind), partitions=self.partitions if kind == 'slurm' else ())

    def partition(self, name: str | None = None) -> Partition | None:
        """Return a partition: the one named, or where jobs go by default; ``None`` where there is no SLURM.

        :raises MachineError: for a name that there is not.
        """
        if name is None:
            chosen = [item for item in self.partitions if item.is_default] or list(self.partitions[:1])
            return chosen[0] if chosen else None
        for item in self.partitions:
            if item.name == name:
                return item
        if self.scheduler != 'slurm':
            return None
        raise MachineError(
            f'there is no partition "{name}".',
            f'There are: {", ".join(item.name for item in self.partitions) or "none that sinfo shows"}.',
        )

    def mpirun(self) -> tuple[str, ...]:
        """Return the command that starts parallel programs: ``srun`` only where SLURM has nothing else."""
        if self.scheduler == 'slurm' and 'mpirun' not in self.programs:
            return ('srun', '-n', '{tot_num_mpiprocs}')
        return ('mpirun', '-np', '{tot_num_mpiprocs}')


def probe(shell: Shell) -> Machine:
    """Ask a machine what it has.

    :raises MachineError: if its login scripts print something, which AiiDA would take for answers; if it has no ``ps``
        and no scheduler, so that no job could be watched.
    """
    status, printed, errors = shell.answer('true')
    if status != 0:
        raise MachineError(f'{shell.host}: bash -l does not run there (status {status}): {(errors or printed).strip()}')
    if printed.strip() or errors.strip():
        raise MachineError(
            f'{shell.host}: the login scripts print {(printed or errors).strip()[:200]!r}, which AiiDA would take for '
            'answers to its commands.',
            'Print only in interactive shells, in ~/.bashrc or ~/.bash_profile there: case $- in *i*) ... ;; esac',
        )
    text = files('aiida_crystalmath.machines').joinpath('probe.sh').read_text(encoding='utf-8')
    machine = read_probe(shell.run(text))
    if machine.scheduler == 'none' and 'ps' not in machine.programs:
        raise MachineError(
            f'{shell.host} has neither a scheduler nor the program ps, by which AiiDA sees whether a job still runs.',
            'Install procps there, or name the scheduler with --scheduler.',
        )
    return machine


def read_probe(text: str) -> Machine:
    """Read what ``probe.sh`` printed.

    :raises MachineError: if it lacks what every machine has.
    """
    told: dict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        word, _, rest = line.partition(' ')
        if word == 'crystalmath':
            name, _, value = rest.partition(' ')
            told[name].append(value.strip())
    programs = dict(item.split(' ', 1) for item in told['program'] if ' ' in item)
    try:
        return Machine(
            user=told['user'][0],
            home=told['home'][0],
            folders=tuple(dict.fromkeys(told['folder'])),
            scheduler=_scheduler(programs, told),
            programs=programs,
            partitions=tuple(_partition(line) for line in told['partition'] if line.count('|') == 5),
            login_cores=int(told['cores'][0]),
            has_accounts=bool(told['accounts']),
        )
    except (IndexError, ValueError) as exception:
        raise MachineError(f'the machine gave no sensible answers: {" ".join(text.split())[:300]}') from exception


def _scheduler(programs: dict[str, str], told: dict[str, list[str]]) -> str:
    """Tell which scheduler the programs belong to; several families have a ``qsub``."""
    if 'sbatch' in programs:
        return 'slurm'
    if 'bsub' in programs:
        return 'lsf'
    if 'qsub' not in programs:
        return 'none'
    if told['sge']:
        return 'sge'
    return 'pbspro' if any('pbs_version' in line for line in told['qstat']) else 'torque'


def _partition(line: str) -> Partition:
    """Read a line of ``sinfo --format '%P|%a|%l|%c|%m|%D'``; a plus says that some nodes have more."""
    name, state, limit, cores, memory, nodes = line.split('|')
    numbers = [int(re.sub(r'\D', '', item) or 0) for item in (cores, memory, nodes)]
    return Partition(name.rstrip('*'), name.endswith('*'), state == 'up', limit, *numbers)
