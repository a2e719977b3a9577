"""Memory of a daemon worker over a thousand jobs: ours, and as many ArithmeticAddCalculation in a worker of their own.

As in ``calcjob_overhead.py`` the executable behind our calculation replays one recorded run of the stand-in, and every
job has another structure. A kind of job gets a daemon with one fresh worker; its resident memory is read each time so
many more jobs have finished. What the first tenth brings (imports, caches that fill) is no growth; the rest is fitted
by a line, whose slope must be that of the peer, or nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from calcjob_overhead import computer, crystal_builder, replaying
from temporary_profile import load_temporary_profile

AT_ONCE = 10
POLL_S = 0.5
LOST_AFTER_S = 600
"""Seconds without any job finishing after which the benchmark gives up."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--jobs', type=int, default=1000, help='of each kind')
    parser.add_argument('--every', type=int, default=50, help='jobs between two looks at the memory')
    parser.add_argument('--kinds', nargs='+', choices=('crystal', 'chain', 'add'), default=['crystal', 'add'])
    parser.add_argument('--json', action='store_true')
    return parser.parse_args()


def builders(folder: Path) -> dict[str, Callable[[int], Any]]:
    """Store what the jobs need and return for each kind what builds its n-th job."""
    from aiida import orm
    from aiida.engine import run_get_node
    from aiida.plugins import CalculationFactory, WorkflowFactory

    from aiida_crystalmath.data.basis_family import BasisSetFamily

    BasisSetFamily.create_from_library('sto-3g')
    machine = computer(folder / 'work')
    machine.set_minimum_job_poll_interval(POLL_S)

    def code(label: str, path: Path | str, plugin: str) -> Any:
        return orm.InstalledCode(
            label=label, computer=machine, filepath_executable=str(path), default_calc_job_plugin=plugin
        ).store()

    standin = code('standin', Path(sys.executable).parent / 'crystalmath-crystal', 'crystalmath.crystal23')
    _, node = run_get_node(crystal_builder(standin, 0))
    assert node.is_finished_ok, f'the recorded run failed: {node.exit_message}'
    replay = code('replay', replaying(folder, Path(node.get_remote_workdir())), 'crystalmath.crystal23')
    bash = code('add', '/bin/bash', 'core.arithmetic.add')

    def chain(index: int) -> Any:
        job = crystal_builder(replay, index)
        builder = WorkflowFactory('crystalmath.crystal.base').get_builder()
        for name in ('code', 'structure', 'parameters', 'basis_sets'):
            builder.crystal[name] = job[name]
        builder.crystal.metadata.options = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}
        return builder

    def add(index: int) -> Any:
        builder = CalculationFactory('core.arithmetic.add').get_builder()
        builder.code, builder.x, builder.y = bash, orm.Int(index), orm.Int(1)
        return builder

    return {'crystal': lambda index: crystal_builder(replay, index), 'chain': chain, 'add': add}


def resident_mb(client: Any) -> float:
    """Return the resident memory of the only worker in MB."""
    import psutil

    (pid,) = client.get_worker_info()['info']
    return float(psutil.Process(int(pid)).memory_info().rss / 1e6)


def measure(client: Any, build: Callable[[int], Any], jobs: int, every: int) -> list[tuple[int, float]]:
    """Run jobs through a fresh worker; return how many had finished and its memory then, in MB."""
    from aiida import orm
    from aiida.engine import submit

    client.start_daemon(number_workers=1)
    samples = [(0, resident_mb(client))]
    try:
        waiting: set[int] = set()
        submitted, last = 0, time.monotonic()
        while submitted < jobs or waiting:
            while submitted < jobs and len(waiting) < AT_ONCE:
                submitted += 1
                waiting.add(submit(build(submitted)).pk)
            time.sleep(POLL_S)
            ended = {'id': {'in': list(waiting)}, 'attributes.sealed': True}
            states = orm.QueryBuilder().append(orm.ProcessNode, filters=ended, project=['id', 'attributes.exit_status'])
            for pk, status in states.all():
                assert status == 0, f'the process {pk} ended with exit status {status}'
                waiting.remove(pk)
                last = time.monotonic()
            done = submitted - len(waiting)
            if done >= samples[-1][0] + every or (done == jobs and samples[-1][0] < jobs):
                samples.append((done, resident_mb(client)))
                print(f'{done:5} of {jobs}: {samples[-1][1]:.1f} MB', file=sys.stderr, flush=True)
            if time.monotonic() - last > LOST_AFTER_S:
                raise SystemExit(f'no process has ended for {LOST_AFTER_S} s; {len(waiting)} are waiting')
    except KeyboardInterrupt:
        print(f'stopped after {samples[-1][0]} jobs', file=sys.stderr)
    finally:
        client.stop_daemon(wait=True)
    return samples


def summary(samples: list[tuple[int, float]]) -> dict[str, Any]:
    """Return the memory when the worker was fresh, warm and at the end, and the slope between the last two."""
    import numpy as np

    jobs = samples[-1][0]
    warm = [sample for sample in samples[1:] if sample[0] >= jobs / 10] or samples
    slope = float(np.polyfit(*np.transpose(warm), 1)[0]) if len(warm) > 1 else 0.0
    return {
        'jobs': jobs,
        'fresh_mb': round(samples[0][1], 1),
        'warm_mb': round(warm[0][1], 1),
        'end_mb': round(samples[-1][1], 1),
        'growth_kb_per_job': round(slope * 1000, 2),
        'samples': samples,
    }


def measured(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one kind of job in a process and a profile of its own: a broker ends with its daemon."""
    command = [sys.executable, __file__, '--kinds', kind, '--jobs', str(options.jobs), '--every', str(options.every)]
    answer = subprocess.run([*command, '--json'], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(answer.stdout)[kind])


def measure_here(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one kind of job in this process."""
    with tempfile.TemporaryDirectory(prefix='worker-memory-', ignore_cleanup_errors=True) as temporary:
        profile = load_temporary_profile(temporary, daemon=True)
        from aiida.engine.daemon.client import get_daemon_client

        build = builders(Path(temporary))[kind]
        print(f'{kind}:', file=sys.stderr)
        return summary(measure(get_daemon_client(profile.name), build, options.jobs, options.every))


def main() -> None:
    """Measure one kind after the other."""
    options = arguments()
    # Stopped, it tells what it has; a shell that starts it in the background lets it ignore Ctrl-C.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    os.environ['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    how = measured if len(options.kinds) > 1 else measure_here
    report = {kind: how(kind, options) for kind in options.kinds}
    if options.json:
        print(json.dumps(report))
        return
    print('| kind of job | jobs | fresh | after a tenth | at the end | growth |\n|---|---:|---:|---:|---:|---:|')
    for kind, of in report.items():
        memory = ' | '.join(f'{of[name]:.0f} MB' for name in ('fresh_mb', 'warm_mb', 'end_mb'))
        print(f'| {kind} | {of["jobs"]} | {memory} | {of["growth_kb_per_job"]:.1f} kB a job |')
    print('load average', os.getloadavg())


if __name__ == '__main__':
    main()
