"""Jobs per hour and daemon CPU per job of many characterisation chains at once; peer: as many jobs of ArithmeticAdd.

Both go through PostgreSQL, RabbitMQ, SSH and SLURM (``setup_scripts/stack.sh``) and the same daemon, one after the
other. A chain optimises LiH and computes wavefunction, bands and density of states; the stand-in runs once, afterwards
its files are replayed by what the input is, so that AiiDA and our work chains and parsers are measured. The peer gets
as many jobs as all chains together have, without any work chain around them. CPU seconds are those of the workers, user
and system, without the jobs; they depend less than wall times on what else the machine does. How late the daemon is
under that load: from the end of a job as SLURM has it (in whole seconds) to the look at the queue that noticed it.

``CRYSTALMATH_STACK`` and ``CRYSTALMATH_STACK_PORT`` name the stack.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any

from cluster_programs import script_for_jobs
from production_site import POLL_S, Site

PATIENCE_S = 3600
LOOK_S = 1.0
OPTIONS = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'max_memory_kb': 102400}
SETTINGS = {'runner.poll.interval': 10}
"""As ``docs/topics/settings.md`` has it for many chains at once."""

STANDIN_MEMORY_KB = 2_000_000
PROGRAM = """here={recorded}/$(cksum | cut -d' ' -f1)
cp --remove-destination "$here"/files/* . 2>/dev/null
exec cat "$here/stdout"
"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chains', type=int, default=100)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--log', type=Path, help='file for the JSON, whatever is printed')
    return parser.parse_args()


class Recording:
    """A characterisation run once by the stand-in, and codes that replay it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.structure = lithium_hydride().store()
        self.folder = site.shared / 'recorded'
        plugins = {'crystal': 'crystalmath.crystal23', 'properties': 'crystalmath.properties23'}
        script = {name: script_for_jobs(site.stack, f'crystalmath-{name}') for name in plugins}
        standin = {name: site.code(f'{name}-standin', script[name], plugin) for name, plugin in plugins.items()}
        node = self.run_once(standin)
        self.jobs = jobs_of(node)
        self.n_processes = 1 + len(node.called_descendants)
        site.stack.ssh(f'mkdir {quote(str(self.folder))}')
        for job in self.jobs:
            self.keep(job)
        replay = site.program('replay', PROGRAM.format(recorded=quote(str(self.folder))))
        self.codes = {name: site.code(f'{name}-replay', replay, plugin) for name, plugin in plugins.items()}

    def run_once(self, codes: dict[str, Any]) -> Any:
        """Run the chain for real."""
        from aiida import orm
        from aiida.engine import submit

        pk = submit(self.builder(codes, {**OPTIONS, 'max_memory_kb': STANDIN_MEMORY_KB})).pk
        wait([pk])
        node = orm.load_node(pk)
        if not node.is_finished_ok:
            raise SystemExit(f'the recorded run failed: {node.exit_status} {node.exit_message}')
        return node

    def keep(self, job: Any) -> None:
        """Keep what a job wrote, under the checksum of its input; links are inputs."""
        output = job.get_option('output_filename')
        work, into = quote(job.get_remote_workdir()), quote(str(self.folder))
        self.site.stack.ssh(
            f"cd {work} && here={into}/$(cksum <{quote(job.get_option('input_filename'))} | cut -d' ' -f1)"
            f' && mkdir -p "$here/files" && cp {quote(output)} "$here/stdout" && find . -maxdepth 1 -type f'
            f" ! -name '_*' ! -name {quote(output)} ! -name '*.d[0-9]*' -exec cp {{}} \"$here/files\" \\;"
        )

    def builder(self, codes: dict[str, Any], options: dict[str, Any]) -> Any:
        """Return the builder of a chain."""
        from aiida.plugins import WorkflowFactory

        return WorkflowFactory('crystalmath.crystal.characterise').get_builder_from_protocol(
            codes['crystal'], self.structure, 'fast', properties_code=codes['properties'], options=options
        )

    def chain(self, _: int) -> Any:
        """Return the builder of a replayed chain."""
        return self.builder(self.codes, OPTIONS)


def adding(site: Site) -> Callable[[int], Any]:
    """Return what builds the n-th job of the peer."""
    from aiida import orm

    code = site.code('add', '/bin/bash', 'core.arithmetic.add')

    def build(number: int) -> Any:
        builder = code.get_builder()
        builder.x, builder.y = orm.Int(number), orm.Int(1)
        builder.metadata.options = OPTIONS
        return builder

    return build


def lithium_hydride() -> Any:
    """Return the cheapest crystal with a gap."""
    from aiida.plugins import DataFactory

    half = 4.0834 / 2
    structure = DataFactory('core.structure')(cell=[[0, half, half], [half, 0, half], [half, half, 0]])
    structure.append_atom(position=(0, 0, 0), symbols='Li')
    structure.append_atom(position=(half, half, half), symbols='H')
    return structure


def jobs_of(node: Any) -> list[Any]:
    """Return the jobs of a chain."""
    from aiida import orm

    return [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]


def noticed_after_s(pks: list[int]) -> list[float]:
    """Return, sorted, how long after its end each job of some processes was noticed to have ended.

    :param pks: of jobs, or of chains of them.
    """
    from aiida import orm

    delays = []
    for pk in pks:
        node = orm.load_node(pk)
        for job in [node] if isinstance(node, orm.CalcJobNode) else jobs_of(node):
            names, row = str(job.get_detailed_job_info()['stdout']).splitlines()[:2]
            end = datetime.fromisoformat(dict(zip(names.split('|'), row.split('|'), strict=False))['End'])
            delays.append((job.get_scheduler_lastchecktime() - end.astimezone()).total_seconds())
    return sorted(delays)


def wait(pks: list[int]) -> dict[int, int | None]:
    """Wait for the end of processes and return their exit statuses."""
    from aiida import orm

    deadline = time.monotonic() + PATIENCE_S
    while True:
        query = orm.QueryBuilder().append(
            orm.ProcessNode,
            filters={'id': {'in': pks}, 'attributes.sealed': True},
            project=['id', 'attributes.exit_status'],
        )
        ended = dict(query.all())
        if len(ended) == len(pks):
            return ended
        if time.monotonic() > deadline:
            raise SystemExit(f'{len(pks) - len(ended)} of {len(pks)} did not end within {PATIENCE_S} s')
        time.sleep(LOOK_S)


def measure(site: Site, build: Callable[[int], Any], number: int, jobs_each: int) -> dict[str, Any]:
    """Submit so many processes at once and wait for the end of all.

    :param jobs_each: jobs of SLURM that each of them makes.
    """
    from aiida.engine import submit

    wall, own, workers = time.monotonic(), time.process_time(), site.worker_cpu_s()
    pks = [int(submit(build(index)).pk) for index in range(number)]
    submission_cpu_s, submission_s = time.process_time() - own, time.monotonic() - wall
    ended = wait(pks)
    wall, workers = time.monotonic() - wall, site.worker_cpu_s() - workers
    n_jobs = number * jobs_each
    delays = noticed_after_s(pks)
    return {
        'processes': number,
        'jobs': n_jobs,
        'ok': sum(status == 0 for status in ended.values()),
        'wall_s': round(wall, 1),
        'jobs_per_hour': round(3600 * n_jobs / wall),
        'worker_cpu_s_per_job': round(workers / n_jobs, 3),
        'submission_s': round(submission_s, 1),
        'submission_cpu_s_per_job': round(submission_cpu_s / n_jobs, 3),
        'noticed_after_s': {'median': round(delays[len(delays) // 2], 1), 'max': round(delays[-1], 1)},
        'load': [round(load, 1) for load in os.getloadavg()],
    }


def main() -> int:
    """Measure both; the exit status is 1 if a process failed."""
    options = arguments()
    report: dict[str, Any] = {}
    with Site(options.workers, supervised=False, settings=SETTINGS) as site:
        recording = Recording(site)
        jobs_each = len(recording.jobs)
        add = adding(site)
        for build in (add, recording.chain):  # imports and caches of the workers fill
            measure(site, build, 2 * options.workers, 1)
        report['add'] = measure(site, add, options.chains * jobs_each, 1)
        report['chains'] = measure(site, recording.chain, options.chains, jobs_each)
        per_process = report['chains']['worker_cpu_s_per_job'] * jobs_each / recording.n_processes
        report['processes_per_chain'] = recording.n_processes
    report['cpu_ratio_per_process'] = round(per_process / report['add']['worker_cpu_s_per_job'], 2)
    report['cpu_ratio'] = round(report['chains']['worker_cpu_s_per_job'] / report['add']['worker_cpu_s_per_job'], 2)
    report['wall_ratio'] = round(report['add']['jobs_per_hour'] / report['chains']['jobs_per_hour'], 2)
    if options.log:
        options.log.write_text(json.dumps(report, indent=1) + '\n')
    print(json.dumps(report, indent=1) if options.json else table(report))
    return int(any(report[kind]['ok'] < report[kind]['processes'] for kind in ('add', 'chains')))


def table(report: dict[str, Any]) -> str:
    """Return the report as a table of Markdown."""
    lines = [
        '| | processes | jobs | exit status 0 | jobs per hour | daemon CPU s a job | submission CPU s a job |',
        '|---|---:|---:|---:|---:|---:|---:|',
    ]
    for kind, name in (('chains', 'characterisation chains'), ('add', '`ArithmeticAddCalculation`')):
        of = report[kind]
        cells = ('processes', 'jobs', 'ok', 'jobs_per_hour', 'worker_cpu_s_per_job', 'submission_cpu_s_per_job')
        lines.append(f'| {name} | {" | ".join(str(of[cell]) for cell in cells)} |')
    lines.append(f'\nDaemon CPU a job: {report["cpu_ratio"]} times; time a job: {report["wall_ratio"]} times.')
    lines.append(
        f'A chain is {report["processes_per_chain"]} processes of AiiDA; daemon CPU a process: '
        f'{report["cpu_ratio_per_process"]} times.'
    )
    late = [report[kind]['noticed_after_s'] for kind in ('add', 'chains')]
    lines.append(
        f'The end of a job was noticed after {late[0]["median"]} s (at most {late[0]["max"]}) with the peer, after '
        f'{late[1]["median"]} s (at most {late[1]["max"]}) with the chains; polls every {POLL_S} s.'
    )
    lines.append(f'Load average {report["add"]["load"]} after the peer, {report["chains"]["load"]} after the chains.')
    return '\n'.join(lines)


if __name__ == '__main__':
    raise SystemExit(main())
