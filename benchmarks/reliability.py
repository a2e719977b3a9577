"""How a hundred jobs end whose machine fails: finished rightly, explained, finished wrongly, or lost.

Small molecules run with the stand-in through a real daemon, each by ``CrystalBaseWorkChain``; ``faulty_program.py``
stands between and lets the machine fail as the seed says: kills in the middle, time limits, truncated and spoilt
output, SCF that do not converge, files that are gone. Most faults strike once, so that recovery can show what it does;
a third strike again and again, so that the end must be explained.

*finished*: exit status 0, and the energy of the same calculation without any fault. *explained*: it failed, and
``crystalmath why`` names a cause and what to do. *wrong*: exit status 0 with another energy, or none. *lost*: anything
else, such as an exception, a process that never ends, or a failure without a cause.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

ONCE = (
    'sigkill',
    'no_fort9',
    'walltime',
    'truncated',
    'scf',
    'nul_bytes',
    'sigterm',
    'oom',
    'noise_bytes',
    'disk_full',
    'segfault',
    'no_output',
    'no_output_file',
    'no_fort20',
    'empty_fort9_left',
)
SYSTEMS = ('H2 sp', 'H2 opt', 'He sp', 'LiH sp', 'LiH opt', 'H2 guess')
TOLERANCE_HARTREE = {'sp': 1e-7, 'opt': 1e-6, 'guess': 1e-7, 'properties': 0.0}
"""How far an energy may be from that of the undisturbed run. Optimisations end where their tests are met."""

AT_ONCE = 6
LOST_AFTER_S = 1800


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--jobs', type=int, default=100)
    parser.add_argument('--seed', type=int, default=2026)
    parser.add_argument('--json', action='store_true', help='print every job and the sums as JSON')
    parser.add_argument('--log', type=Path, help='file for the JSON, whatever is printed')
    return parser.parse_args()


def main() -> int:
    """Run the benchmark; the exit status is 1 if a job was lost or finished wrongly."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix='reliability-', ignore_cleanup_errors=True) as folder:
        os.environ['AIIDA_PATH'] = folder
        os.environ['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
        os.environ.setdefault('OMP_NUM_THREADS', '1')
        bench = Bench(Path(folder), options.jobs, options.seed)
        try:
            report = bench.run()
        finally:
            subprocess.run(['verdi', 'daemon', 'stop'], check=False, capture_output=True)
    if options.log:
        options.log.write_text(json.dumps(report, indent=1) + '\n')
    print(json.dumps(report, indent=1) if options.json else table(report))
    return 1 if report['lost'] or report['wrong'] else 0


class Bench:
    """One run of the benchmark."""

    def __init__(self, folder: Path, n_jobs: int, seed: int) -> None:
        self.folder = folder
        self.plan_path = folder / 'plan.json'
        self.seed = seed
        self.jobs = self._plan(n_jobs)

    def _plan(self, n_jobs: int) -> list[dict[str, Any]]:
        """Choose system and faults of every job; every kind of fault comes as often as the others."""
        random = Random(self.seed)
        jobs = []
        for number in range(n_jobs):
            fault = ONCE[number % len(ONCE)]
            system = random.choice(SYSTEMS)
            system = {'no_fort20': 'H2 guess', 'no_fort9': 'LiH properties'}.get(fault, system)
            jobs.append(
                {
                    'title': f'job {number} {system}',
                    'system': system,
                    'faults': [fault],
                    'stays': random.random() < 1 / 3,
                    'seed': random.randrange(10**6),
                }
            )
        random.shuffle(jobs)
        return jobs

    # ------------------------------------------------------------------------------------------------- the machine

    def set_up(self) -> None:
        """Make profile, computer, codes and daemon."""
        from aiida import orm

        from aiida_crystalmath.machines.computers import make_computer
        from aiida_crystalmath.machines.daemon import start_daemon
        from aiida_crystalmath.machines.families import make_family
        from aiida_crystalmath.machines.profiles import make_profile

        make_profile('crystalmath')
        make_computer()
        make_family('sto-3g')
        self.computer = orm.load_computer('localhost')
        self.crystal = self.code('crystal')
        self.plan_path.write_text(json.dumps({job['title']: job for job in self.jobs}))
        start_daemon('crystalmath')

    def code(self, program: str, title: str = '') -> Any:
        """Return a code whose program fails as the plan says.

        :param title: of the plan; needed for ``properties``, whose input has none.
        """
        from aiida import orm

        label = f'faulty-{program}{title.replace(" ", "-")}'
        wrapper = self.folder / label
        script = Path(__file__).with_name('faulty_program.py')
        command = [sys.executable, str(script), str(self.plan_path), str(shutil.which(f'crystalmath-{program}'))]
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.join([*command, *([title] if title else [])])}\n')
        wrapper.chmod(0o755)
        return orm.InstalledCode(
            label=label,
            computer=self.computer,
            filepath_executable=str(wrapper),
            default_calc_job_plugin=f'crystalmath.{program}23',
            prepend_text='export OMP_NUM_THREADS=1',
        ).store()

    def run(self) -> dict[str, Any]:
        """Run everything and return what became of it."""
        start = time.monotonic()
        self.set_up()
        self.references = self.run_references()
        say(f'references after {time.monotonic() - start:.0f} s: {self.references}')
        ended: list[dict[str, Any]] = []
        try:
            self.run_jobs(ended)
        except KeyboardInterrupt:
            say(f'stopped: what follows is of the first {len(ended)} jobs that ended')
        return self.summarise(ended, time.monotonic() - start)

    def run_jobs(self, ended: list[dict[str, Any]]) -> None:
        """Run all jobs, a few at a time, and add what became of each to ``ended``."""
        waiting, running = list(self.jobs), []
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                job = waiting.pop(0)
                job['node'] = self.submit(job['system'], job['title'])
                job['deadline'] = time.monotonic() + LOST_AFTER_S
                running.append(job)
            time.sleep(1)
            over = [job for job in running if job['node'].is_terminated or time.monotonic() > job['deadline']]
            for job in over:
                running.remove(job)
                ended.append(self.judge(job))
                say(f'{len(ended):4} of {len(self.jobs)}: {ended[-1]}')

    # ------------------------------------------------------------------------------------------------- the jobs

    def run_references(self) -> dict[str, float]:
        """Return the energy of every system without any fault, and keep the folders of the wavefunctions."""
        systems = [system for system in SYSTEMS if not system.endswith('guess')]
        nodes = {system: self.submit(system, f'reference {system}') for system in systems}
        while not all(node.is_terminated for node in nodes.values()):
            time.sleep(1)
        for system, node in nodes.items():
            if not node.is_finished_ok:
                raise SystemExit(f'the reference {system} failed: {node.exit_status} {node.exit_message}')
        self.folders = {system: node.outputs.remote_folder for system, node in nodes.items()}
        energies = {system: node.outputs.output_parameters['energy_hartree'] for system, node in nodes.items()}
        return {**energies, 'H2 guess': energies['H2 sp']}

    def submit(self, system: str, title: str) -> Any:
        """Submit a calculation of a system."""
        from aiida.engine import submit

        return submit(self.properties(title) if system.endswith('properties') else self.base(system, title))

    def base(self, system: str, title: str) -> Any:
        """Return the builder of a base chain."""
        from aiida import orm
        from aiida.plugins import WorkflowFactory

        from aiida_crystalmath.data.basis_family import BasisSetFamily

        name, kind = system.split()
        structure = molecule(name)
        parameters: dict[str, Any] = {'title': title, 'scf': {'toldee': 9, 'maxcycle': 60}}
        if kind == 'opt':
            parameters['geometry'] = {'optgeom': {'type': 'ATOMONLY'}}
        builder = WorkflowFactory('crystalmath.crystal.base').get_builder()
        if kind == 'guess':
            parameters['scf']['guessp'] = True
            builder.crystal.parent_folder = self.folders['H2 sp']
        builder.crystal.code = self.crystal
        builder.crystal.structure = structure
        builder.crystal.parameters = orm.Dict(parameters)
        builder.crystal.basis_sets = BasisSetFamily.find('sto-3g').get_basis_sets(structure=structure)
        builder.crystal.metadata.options = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}
        builder.max_iterations = orm.Int(5)
        return builder

    def properties(self, title: str) -> Any:
        """Return the builder of a calculation of properties on the wavefunction of LiH."""
        from aiida import orm
        from aiida.plugins import CalculationFactory

        builder = CalculationFactory('crystalmath.properties23').get_builder()
        builder.code = self.code('properties', title)
        builder.parent_folder = self.folders['LiH sp']
        builder.parameters = orm.Dict({'blocks': [{'keyword': 'PPAN'}]})
        builder.metadata.options = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}
        builder.metadata.label = title
        return builder

    # ------------------------------------------------------------------------------------------------- the end

    def judge(self, job: dict[str, Any]) -> dict[str, Any]:
        """Say how a job ended."""
        node = job['node']
        result = {'title': job['title'], 'fault': job['faults'][0], 'stays': job['stays'], 'pk': node.pk}
        result['n_runs'] = len(node.called) if hasattr(node, 'called') else 1
        if not node.is_terminated or node.is_excepted:
            return {**result, 'end': 'lost', 'why': str(node.exception or node.process_state)[-200:]}
        if node.is_finished_ok:
            if job['system'].endswith('properties'):
                return {**result, 'end': 'finished', 'why': ''}
            energy = node.outputs.output_parameters.get_dict().get('energy_hartree')
            error = None if energy is None else abs(energy - self.references[job['system']])
            right = error is not None and error <= TOLERANCE_HARTREE[job['system'].split()[1]]
            return {**result, 'end': 'finished' if right else 'wrong', 'why': '', 'error_hartree': error}
        cause = why(node.pk)
        return {**result, 'end': 'explained' if cause else 'lost', 'why': cause, 'exit_status': node.exit_status}

    def summarise(self, ended: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
        """Return the sums."""
        done = [json.loads(line) for line in self.plan_path.with_suffix('.done').read_text().splitlines()]
        struck = Counter(entry['title'] for entry in done if entry['struck'])
        for job in ended:
            job['n_struck'] = struck.get(job['title'].strip(), 0)
        ends = Counter(job['end'] for job in ended)
        by_fault = {
            fault: dict(Counter(job['end'] for job in ended if job['fault'] == fault))
            for fault in ONCE
            if any(job['fault'] == fault for job in ended)
        }
        return {
            'jobs': len(ended),
            'planned': len(self.jobs),
            'seed': self.seed,
            'seconds': round(seconds),
            'finished': ends['finished'],
            'explained': ends['explained'],
            'wrong': ends['wrong'],
            'lost': ends['lost'],
            'faults_struck': sum(entry['struck'] for entry in done),
            'runs': len(done),
            'cured': sum(job['end'] == 'finished' and job['n_struck'] > 0 and job['n_runs'] > 1 for job in ended),
            'by_fault': by_fault,
            'each': ended,
        }


def why(pk: int) -> str:
    """Return the cause that ``crystalmath why`` names, empty if it names none."""
    from click.testing import CliRunner

    from aiida_crystalmath.cli import main as crystalmath

    answer = CliRunner().invoke(crystalmath, ['why', str(pk), '--json'])
    if answer.exit_code:
        return ''
    story = json.loads(answer.stdout)
    causes = (story['explanation'] or {}).get('causes') or []
    named = [cause['name'] for cause in causes if cause['remedy'] and cause['name'] != 'unclassified_error']
    if named:
        return str(named[0])
    problem = (story['explanation'] or {}).get('problem')
    return str(problem or story['failure']['exit_message'] or '')


def molecule(name: str) -> Any:
    """Return a small molecule."""
    from aiida.plugins import DataFactory

    structure = DataFactory('core.structure')(cell=[[500, 0, 0], [0, 500, 0], [0, 0, 500]], pbc=(False,) * 3)
    for symbol, z in {'H2': [('H', 0.0), ('H', 0.8)], 'He': [('He', 0.0)], 'LiH': [('Li', 0.0), ('H', 1.7)]}[name]:
        structure.append_atom(position=(0.0, 0.0, z), symbols=symbol)
    return structure


def say(text: str) -> None:
    """Tell how far it is, on stderr."""
    print(text, file=sys.stderr, flush=True)


def table(report: dict[str, Any]) -> str:
    """Return the report as a table of Markdown."""
    ends = ('finished', 'explained', 'wrong', 'lost')
    lines = [f'| fault | jobs | {" | ".join(ends)} |', f'|---|{"---:|" * (len(ends) + 1)}']
    for fault, counts in report['by_fault'].items():
        cells = ' | '.join(str(counts.get(end, 0)) for end in ends)
        lines.append(f'| {fault} | {sum(counts.values())} | {cells} |')
    sums = ' | '.join(f'**{report[end]}**' for end in ends)
    lines.append(f'| **all** | **{report["jobs"]}** | {sums} |')
    lines.append('')
    lines.append(
        f'Seed {report["seed"]}: {report["runs"]} runs of the programs, {report["faults_struck"]} faults struck, '
        f'{report["cured"]} jobs were cured by another run, {report["seconds"]} s.'
    )
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
