"""Break production while jobs are under way, in every way a group's cluster breaks, and count what is lost.

For each fault a batch of ``CrystalBaseWorkChain`` is submitted to the SLURM cluster of ``setup_scripts/stack.sh``: one
half whose programs run, the other half just submitted when the fault strikes. The program appends its directory to a
file, sleeps, and replays the files of one recorded run of the stand-in (H2). Nobody but the supervisor
(``crystalmath doctor --fix --watch``) does anything until all have ended.

*rightly*: exit status 0, with the energy of the recorded run. *explained*: it failed, and ``crystalmath why`` names a
cause. *wrong*: exit status 0 with another energy. *lost*: anything else, such as an exception, or no end. *twice*: a
directory in which the program was started twice or for which there are two SLURM jobs, or a chain that ran its
calculation more often than the fault explains.

``CRYSTALMATH_STACK`` and ``CRYSTALMATH_STACK_PORT`` name the stack; never that of other work.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from shlex import quote
from typing import Any

from cluster_programs import script_for_jobs
from fault_list import FAULTS, MEMORY_KB, Fault, Scene, queue_looks
from production_site import PROFILE, Site
from reliability import molecule, say, why

PATIENCE_S = 900
LOOK_S = 0.5
RIGHT_HARTREE = 1e-9
PARAMETERS = {'scf': {'toldee': 9, 'maxcycle': 60}}
PROGRAM = """cat >/dev/null
echo "$PWD ${{SLURM_JOB_ID}}" >>{marks}
sleep "${{BENCH_SLEEP:-{sleep}}}"
cp {recorded}/fort.9 . && cat {recorded}/crystal.out
"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [fault.name for fault in FAULTS]
    parser.add_argument('--only', nargs='+', choices=names, metavar='NAME', help=', '.join(names))
    parser.add_argument('--long', action='store_true', help='also the faults of many minutes')
    parser.add_argument('--jobs', type=int, default=8, help='of each fault')
    parser.add_argument('--sleep', type=int, default=20, help='seconds that a program takes')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--json', action='store_true', help='print every job as JSON')
    parser.add_argument('--log', type=Path, help='file for the JSON, written after each fault')
    return parser.parse_args()


def main() -> int:
    """Run the benchmark; the exit status is 1 if something was lost, wrong, run twice, or had to be typed."""
    options = arguments()
    chosen = [fault for fault in FAULTS if (options.only and fault.name in options.only)]
    chosen = chosen or [fault for fault in FAULTS if options.long or not fault.long]
    if FAULTS[0] not in chosen:
        chosen.insert(0, FAULTS[0])
    reports: list[dict[str, Any]] = []
    with Site(options.workers) as site:
        bench = Bench(site, options.jobs, options.sleep)
        for fault in chosen:
            if fault.around is not None and fault.name == 'disk' and os.geteuid() != 0:
                say(f'{fault.name}: left out, only root may mount')
                continue
            report = bench.measure(fault)
            report['undisturbed_s'] = reports[0]['seconds'] if reports else report['seconds']
            reports.append(report)
            say(row(report))
            if options.log:
                options.log.write_text(json.dumps(reports, indent=1) + '\n')
    print(json.dumps(reports, indent=1) if options.json else table(reports))
    return 1 if any(report[bad] for report in reports for bad in ('lost', 'wrong', 'twice', 'typed')) else 0


class Bench:
    """One run of the benchmark.

    :param n_jobs: of each fault; :param sleep: seconds that a program takes.
    """

    def __init__(self, site: Site, n_jobs: int, sleep: int) -> None:
        from aiida import orm

        self.site, self.n_jobs = site, n_jobs
        self.structure = molecule('H2').store().pk
        self.parameters = orm.Dict(PARAMETERS).store().pk
        self.marks = site.shared / 'marks'
        self.marks.touch(0o666)
        self.marks.chmod(0o666)
        recorded = self.record()
        text = PROGRAM.format(marks=quote(str(self.marks)), sleep=sleep, recorded=quote(recorded))
        self.executable = site.program('replay', text)
        self.codes: dict[str, Any] = {}

    def record(self) -> str:
        """Run the stand-in once on the cluster and return its folder there; its energy is what is right."""
        code = self.site.code(
            'standin', script_for_jobs(self.site.stack, 'crystalmath-crystal'), 'crystalmath.crystal23'
        )
        pk = self.submit(code, {'max_memory_kb': 2_000_000})
        self.wait([pk], PATIENCE_S)
        node = _load(pk)
        if not node.is_finished_ok:
            raise SystemExit(f'the recorded run failed: {node.exit_status} {node.exit_message}')
        self.energy_hartree = node.outputs.output_parameters['energy_hartree']
        return str(node.outputs.remote_folder.get_remote_path())

    def submit(self, code: Any, options: dict[str, Any]) -> int:
        """Submit a chain and return its PK."""
        from aiida import orm
        from aiida.engine import submit
        from aiida.plugins import WorkflowFactory

        from aiida_crystalmath.data.basis_family import BasisSetFamily

        builder = WorkflowFactory('crystalmath.crystal.base').get_builder()
        builder.crystal.code = code
        # Loaded anew each time: the profile is, after services were away.
        structure = builder.crystal.structure = _load(self.structure)
        builder.crystal.parameters = _load(self.parameters)
        builder.crystal.basis_sets = BasisSetFamily.find('sto-3g').get_basis_sets(structure=structure)
        resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        builder.crystal.metadata.options = {'resources': resources, 'max_memory_kb': MEMORY_KB} | options
        builder.max_iterations = orm.Int(5)
        return int(submit(builder).pk)

    def code(self, computer: Any) -> Any:
        """Return the code of the replaying program on a computer."""
        from aiida import orm

        if computer.label not in self.codes:
            code = self.site.code(f'replay-{computer.label}', self.executable, 'crystalmath.crystal23', computer)
            self.codes[computer.label] = code.pk
        return orm.load_node(self.codes[computer.label])

    # ------------------------------------------------------------------------------------------ a fault

    def measure(self, fault: Fault) -> dict[str, Any]:
        """Let a fault strike under a batch of chains, and return what became of them."""
        from aiida import orm

        self.site.reload()
        told, load = self.site.supervisor_log.stat().st_size, os.getloadavg()[0]
        since, marked = time.strftime('%Y-%m-%dT%H:%M:%S'), len(self.runs())
        with (fault.around or (lambda _: nullcontext()))(self.site) as place:
            computer = place or orm.load_computer(label='cluster')
            pks, scene = self.set_scene(fault, computer)
            # Our own connections shall not break with the services.
            self.site.unload()
            start = time.monotonic()
            if fault.strike is not None:
                fault.strike(scene)
            self.site.reload()
            left = self.wait(pks, fault.lasts_s + PATIENCE_S)
            seconds = time.monotonic() - start
            typed = self.help(left) if left else []
            report = {
                'fault': fault.name,
                'words': fault.words,
                'jobs': len(pks),
                'seconds': round(seconds, 1),
                'lasts_s': fault.lasts_s,
                'typed': typed,
                'supervisor': self.told_since(told),
                'load': [round(load, 1), round(os.getloadavg()[0], 1)],
                'queue_looks': queue_looks(self.site) if fault.name == 'load' else None,
                'each': [self.judge(pk) for pk in pks],
            }
        report['twice'] = self.twice(pks, marked, since, fault)
        for end in ('rightly', 'explained', 'wrong', 'lost'):
            report[end] = sum(one['end'] == end for one in report['each'])
        return report

    def set_scene(self, fault: Fault, computer: Any) -> tuple[list[int], Scene]:
        """Submit the chains, the second half when the programs of the first run; return their PKs as well."""
        code, marked, half = self.code(computer), len(self.runs()), self.n_jobs // 2
        pks = [self.submit(code, self.options(fault, number)) for number in range(half)]
        folders = self.until_running(marked, half)
        pks += [self.submit(code, self.options(fault, number)) for number in range(half, self.n_jobs)]
        return pks, Scene(self.site, folders, computer.get_workdir())

    def options(self, fault: Fault, number: int) -> dict[str, Any]:
        """Return the options of the n-th job."""
        return fault.options if number % 2 else {}

    def until_running(self, marked: int, number: int) -> list[str]:
        """Wait until programs run and return their directories."""
        deadline = time.monotonic() + PATIENCE_S
        while len(folders := self.runs()[marked:]) < number:
            if time.monotonic() > deadline:
                say(f'only {len(folders)} of {number} run')
                break
            time.sleep(LOOK_S)
        return folders

    def runs(self) -> list[str]:
        """Return the directories of all starts of the program so far."""
        return [line.rpartition(' ')[0] for line in self.marks.read_text().splitlines()]

    def wait(self, pks: list[int], patience_s: float) -> list[int]:
        """Wait for the end of processes and return those that did not come to one."""
        from aiida import orm

        deadline = time.monotonic() + patience_s
        while True:
            query = orm.QueryBuilder().append(
                orm.ProcessNode, filters={'id': {'in': pks}, 'attributes.sealed': True}, project='id'
            )
            left = sorted(set(pks) - set(query.all(flat=True)))
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(LOOK_S)

    def help(self, left: list[int]) -> list[str]:
        """Do what the doctor says for processes that stand still; return what had to be typed."""
        from aiida.engine.processes.control import kill_processes

        command = ['crystalmath', '-p', PROFILE, 'doctor', '--fix']
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        say(said.stdout + said.stderr)
        typed = [' '.join(command)]
        left = self.wait(left, PATIENCE_S / 5)
        if left:
            typed.append(f'verdi process kill {" ".join(map(str, left))}')
            kill_processes([_load(pk) for pk in left], timeout=30)
        return typed

    def told_since(self, position: int) -> list[str]:
        """Return what the supervisor told, without the time."""
        with self.site.supervisor_log.open('rb') as log:
            log.seek(position)
            return [' '.join(line.split()[2:]) for line in log.read().decode().splitlines()]

    # ------------------------------------------------------------------------------------------ the end

    def judge(self, pk: int) -> dict[str, Any]:
        """Say how a chain ended."""
        node = _load(pk)
        result = {
            'pk': pk,
            'n_runs': len(node.called),
            'exit_status': node.exit_status,
            'message': node.exit_message,
            'why': '',
        }
        if node.is_finished_ok:
            parameters = node.outputs.output_parameters.get_dict()
            energy = parameters.get('energy_hartree')
            right = energy is not None and abs(energy - self.energy_hartree) < RIGHT_HARTREE
            return {**result, 'end': 'rightly' if right else 'wrong'}
        cause = why(pk) if node.is_finished else ''
        state = node.exception or node.process_status or str(node.process_state)
        return {**result, 'end': 'explained' if cause else 'lost', 'why': cause or state[-300:]}

    def twice(self, pks: list[int], marked: int, since: str, fault: Fault) -> list[str]:
        """Return what happened more than once that should have happened once."""
        command = ('sacct', '-a', '-X', '-n', '-P', '-S', since, '-o', 'WorkDir')
        said = {'program': self.runs()[marked:], 'sbatch': self.site.stack.slurm(*command).splitlines()}
        found = [
            f'{what} {count} times in {folder}'
            for what, folders in said.items()
            for folder in sorted(set(folders))
            if folder and (count := folders.count(folder)) > 1
        ]
        for pk in pks:
            # A child that was stored, and whose parent was done again before it got any further, runs nothing.
            jobs = [job for job in _load(pk).called if job.get_job_id()]
            if len(jobs) > fault.runs:
                found.append(f'chain {pk} ran its calculation {len(jobs)} times')
        return found


def _load(pk: int) -> Any:
    from aiida import orm

    return orm.load_node(pk)


DEEDS = ('daemon', 'sessions', 'processes', 'paused')
HEAD = (
    '| fault | jobs | rightly | explained | lost | twice | last end after | undisturbed | the supervisor | to type |\n'
    '|---|---:|---:|---:|---:|---:|---:|---:|---|---|'
)


def row(report: dict[str, Any]) -> str:
    """Return the line of a fault in the table."""
    cells = [report['words'], report['jobs'], report['rightly'], report['explained'], report['lost'] + report['wrong']]
    cells += [len(report['twice']), f'{report["seconds"]:.0f} s', f'{report["undisturbed_s"]:.0f} s']
    deeds = {
        line for line in report['supervisor'] if line.split(':')[0] in ('daemon', 'sessions', 'processes', 'paused')
    }
    cells += ['; '.join(sorted(deeds)) or '-', '; '.join(report['typed']) or 'nothing']
    return f'| {" | ".join(map(str, cells))} |'


def table(reports: list[dict[str, Any]]) -> str:
    """Return all as a table of Markdown."""
    loads = [load for report in reports for load in report['load']]
    lines = [HEAD, *map(row, reports), '']
    looks = [(report['queue_looks'], report['seconds']) for report in reports if report['queue_looks']]
    lines += [f'Under load the queue was looked at {n} times within {seconds:.0f} s.' for n, seconds in looks]
    lines.append(f'Load average {min(loads)} to {max(loads)}.')
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
