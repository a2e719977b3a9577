"""The programs of CRYSTAL, pw.x and those of Yambo on a machine: where they are, and what has to run before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from shlex import quote

from aiida_crystalmath.machines.codes import CRYSTAL, MANY_BODY, ONE_THREAD, PROPERTIES
from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.programs import PROBE_DECK, banner_of
from aiida_crystalmath.machines.shell import Shell

CRYSTAL_PROGRAMS = ('Pcrystal', 'PcrystalOMP', 'MPPcrystal', 'crystalOMP', 'crystal')
PROPERTIES_PROGRAMS = ('properties', 'Pproperties')
"""Names that are looked for, the one that a cluster is best served with first."""

LISTING = """
seen() {{ if [ -f "$1" ] && [ -x "$1" ]; then printf 'crystalmath %s\\n' "$1"; return 0; fi; return 1; }}
for name in {names}; do
  case "$name" in
    /*) seen "$name" || true; continue;;
  esac
  if path="$(command -v -- "$name")"; then seen "$path" && continue; fi
  for root in "${{CRY23_EXEDIR:-}}" "${{CRY23_ROOT:-}}"; do
    [ -d "$root" ] || continue
    path="$(find -L "$root" -type f -name "$name" 2>/dev/null | sort | head -n 1)"
    if [ -n "$path" ]; then seen "$path" && break; fi
  done
done
"""
DRY_RUN = """
folder="$(mktemp -d)" || exit 1
cd "$folder" || exit 1
printf '%s' {deck} > INPUT
timeout {timeout_s:g} {program} < INPUT > output 2>&1
head -c 20000 output
cd / && rm -rf -- "$folder"
"""


@dataclass(frozen=True)
class Program:
    """A program on a machine.

    :param with_mpi: it is started by the computer's command for parallel programs (and one of CRYSTAL's then reads a
        file ``INPUT``); ``None`` leaves it to each job.
    """

    path: str
    with_mpi: bool | None

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return PurePosixPath(self.path).name

    @property
    def is_standin(self) -> bool:
        """Tell whether it is one of the stand-in's programs."""
        return self.name.startswith('crystalmath-')

    @property
    def is_of_crystal(self) -> bool:
        """Tell whether it is one of CRYSTAL's programs, and none of Quantum ESPRESSO's or Yambo's."""
        return self.name not in MANY_BODY

    @property
    def plugin(self) -> str:
        """Return the calculation that it does."""
        if not self.is_of_crystal:
            return MANY_BODY[self.name]
        return PROPERTIES if 'properties' in self.name.lower() else CRYSTAL

    @property
    def label(self) -> str:
        """Return the label of its code, the same as quickstart's."""
        return f'{self.name.removeprefix("crystalmath-")}-standin' if self.is_standin else self.name.removesuffix('.x')

    @property
    def has_threads(self) -> bool:
        """Tell whether it was built with OpenMP."""
        return 'OMP' in self.name


def is_parallel(path: str) -> bool | None:
    """Tell by its name whether a program is started by MPI: ``Pcrystal``, ``MPPcrystalOMP``, ``Pproperties``.

    Names of other codes' programs tell nothing (``None``): jobs of pw.x and yambo ask for MPI, those of p2y and ypp do
    not.
    """
    name = PurePosixPath(path).name
    return None if name in MANY_BODY else name.startswith(('Pcrystal', 'MPPcrystal', 'Pproperties'))


def environment(modules: Sequence[str], text: str | None) -> str:
    """Return what has to run before a program can be found.

    :param text: of the user's own, as it is.
    """
    return '\n'.join([*(f'module load {quote(name)}' for name in modules), *([text] if text else [])])


def threads_text(program: Program, threads: int | None, scheduler: str, launcher: str) -> str:
    """Return the lines that say how many threads a program may use.

    One for a program without OpenMP, whatever libraries it has. With OpenMP, as many as the job asked cores for each
    process (``num_cores_per_mpiproc``): SLURM tells it in ``SLURM_CPUS_PER_TASK``, and ``srun`` of version 22.05 and
    later must be told again.

    :param threads: a number that was asked for.
    :param launcher: first word of the command that starts parallel programs.
    """
    if threads is not None:
        return f'export OMP_NUM_THREADS={threads}'
    if not program.has_threads or 'slurm' not in scheduler:
        return ONE_THREAD
    again = ['export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}'] if launcher == 'srun' and program.with_mpi else []
    return '\n'.join(['export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}', *again])


def find(shell: Shell, before: str, names: Sequence[str]) -> list[str]:
    """Return the paths of those programs that are there, in the order of their names.

    Looked for on ``PATH`` (after ``before``), then in ``CRY23_EXEDIR`` and ``CRY23_ROOT`` of the machine and below.

    :param names: names of programs, or absolute paths.
    """
    listing = LISTING.format(names=' '.join(quote(name) for name in names))
    printed = shell.run(f'{before}\n{listing}')
    return [line.removeprefix('crystalmath ') for line in printed.splitlines() if line.startswith('crystalmath ')]


def banner(shell: Shell, before: str, program: Program, timeout_s: float = 60.0) -> tuple[str | None, str]:
    """Let a program do a geometry dry run where we log in.

    :return: whose banner it answered with (``programs.banner_of``), and what it printed.
    """
    text = DRY_RUN.format(deck=quote(PROBE_DECK), program=quote(program.path), timeout_s=timeout_s)
    _, printed, _ = shell.answer(f'{before}\n{text}', timeout_s=timeout_s + 30)
    return banner_of(printed), printed


def check_launcher(shell: Shell, before: str, launcher: str) -> None:
    """See that the command for parallel programs is there.

    :raises MachineError: if it is not.
    """
    status, _, _ = shell.answer(f'{before}\ncommand -v -- {quote(launcher)}')
    if status != 0:
        raise MachineError(
            f'{shell.host}: the command that starts parallel programs, {launcher}, is not there.',
            'Load the module that has it (--module NAME), or set up the computer again with --mpirun.',
        )
