"""What a campaign costs, and what settings of transport and polls change; peer: the same jobs without it.

SQLite and ZeroMQ, the daemon of this machine, jobs of aiida-core's ArithmeticAdd. CPU seconds are those of the workers,
user and system, without the jobs; they hardly depend on what else the machine does. Wall times do: the load is printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psutil
from temporary_profile import load_temporary_profile

TIMEOUT_S = 1800


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--jobs', type=int, default=30, help='with and without a campaign')
    parser.add_argument('--limit', type=int, default=10, help='of the campaign')
    parser.add_argument(
        '--parts', nargs='+', choices=('looks', 'jobs', 'settings'), default=['looks', 'jobs', 'settings']
    )
    return parser.parse_args()


def computer(folder: str) -> Any:
    """Make this machine a computer."""
    from aiida import orm

    made = orm.Computer('bench', 'localhost', '', 'core.local', 'core.direct', workdir=f'{folder}/work').store()
    made.configure(safe_interval=0.0)
    made.set_minimum_job_poll_interval(0.5)
    made.set_default_mpiprocs_per_machine(1)
    return made


def sums(machine: Any) -> Callable[[int], Any]:
    """Return what builds the n-th job."""
    from aiida import orm

    code = orm.InstalledCode(
        label='add', computer=machine, filepath_executable='/bin/bash', default_calc_job_plugin='core.arithmetic.add'
    ).store()

    def build(number: int) -> Any:
        builder = code.get_builder()
        builder.x, builder.y = orm.Int(number), orm.Int(1)
        builder.metadata.options.resources = {'num_machines': 1}
        return builder

    return build


def worker_cpu_s(client: Any) -> float:
    """Return the CPU seconds that the workers took so far."""
    workers = [psutil.Process(int(pid)) for pid in client.get_worker_info()['info']]
    return sum(sum(worker.cpu_times()[:2]) for worker in workers)


def wait_for(is_over: Callable[[], bool]) -> None:
    """Wait for the daemon."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_over():
        if time.monotonic() > deadline:
            raise SystemExit('the daemon did not come to an end; see its log')
        time.sleep(0.2)


def measured(client: Any, work: Callable[[], Callable[[], bool]]) -> tuple[float, float]:
    """Return wall and worker seconds of work: ``work()`` begins it and returns what tells whether it is over."""
    wall, cpu = time.monotonic(), worker_cpu_s(client)
    wait_for(work())
    return time.monotonic() - wall, worker_cpu_s(client) - cpu


def looks(build: Callable[[int], Any]) -> None:
    """Print what a look at a campaign costs that much waits in; the controller looks twice for each item it submits."""
    from aiida import orm
    from aiida.orm.entities import EntityTypes

    from aiida_crystalmath.tracking import items
    from aiida_crystalmath.tracking.campaign import Campaign

    campaign = Campaign.make('looks')
    first = campaign.add(build(0), label='0')
    columns = ['node_type', 'attributes', 'extras', 'user_id', 'repository_metadata']
    row = orm.QueryBuilder().append(orm.Node, filters={'id': first.pk}, project=columns).first()
    before = 1
    for n_waiting in (100, 1_000, 10_000):
        rows = [dict(zip(columns, row, strict=True)) | {'uuid': str(uuid4())} for _ in range(n_waiting - before)]
        with first.backend.transaction():
            pks = first.backend.bulk_insert(EntityTypes.NODE, rows, allow_defaults=True)
            links = [{'dbnode_id': pk, 'dbgroup_id': campaign.pk} for pk in pks]
            first.backend.bulk_insert(EntityTypes.GROUP_NODE, links, allow_defaults=True)
        before = n_waiting
        repeats, start = 20, time.process_time()
        for _ in range(repeats):
            assert items.next_item(campaign.look(*items.OPEN), campaign.settings) is not None
        print(f'look, {n_waiting:6} wait: {(time.process_time() - start) / repeats * 1e3:7.1f} ms CPU', flush=True)


def with_and_without(client: Any, build: Callable[[int], Any], options: argparse.Namespace) -> None:
    """Print the cost of jobs submitted at once, and of the same by a campaign."""
    from aiida.engine import submit

    from aiida_crystalmath.tracking.campaign import Campaign

    def at_once() -> Callable[[], bool]:
        nodes = [submit(build(number)) for number in range(options.jobs)]
        return lambda: all(node.is_terminated for node in nodes)

    def by_campaign() -> Callable[[], bool]:
        campaign = Campaign.make(f'jobs-{uuid4()}')
        campaign.change(limit=options.limit)
        for number in range(options.jobs):
            campaign.add(build(number), label=str(number))
        node = campaign.start()
        assert node is not None
        return lambda: bool(node.is_terminated)

    for name, work in (('at once', at_once), (f'campaign, limit {options.limit}', by_campaign)):
        wall, cpu = measured(client, work)
        each = f'{wall / options.jobs:5.2f} s wall, {cpu / options.jobs:5.3f} s CPU of the worker'
        print(f'{options.jobs} jobs {name:20}: {each} each; load {os.getloadavg()[0]:.0f}', flush=True)


def settings(client: Any, machine: Any, build: Callable[[int], Any]) -> None:
    """Print the wall time of one job for settings of transport and polls."""
    from aiida.engine import submit

    for safe_s, poll_s in ((15.0, 10.0), (1.0, 1.0), (0.0, 10.0), (0.0, 0.5)):
        machine.configure(safe_interval=safe_s)
        machine.set_minimum_job_poll_interval(poll_s)
        walls = []
        for number in range(3):

            def one(number: int = number) -> Callable[[], bool]:
                node = submit(build(number))
                return lambda: bool(node.is_terminated)

            walls.append(measured(client, one)[0])
        print(
            f'safe_interval {safe_s:4} s, poll {poll_s:4} s: one job {min(walls):5.1f} to {max(walls):5.1f} s; '
            f'load {os.getloadavg()[0]:.0f}',
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    options = arguments()
    folder = tempfile.mkdtemp(prefix='cmb-')
    load_temporary_profile(folder, daemon=True)
    from aiida.engine.daemon.client import get_daemon_client

    machine = computer(folder)
    build = sums(machine)
    client = get_daemon_client()
    try:
        if 'looks' in options.parts:
            looks(build)
        client.start_daemon(number_workers=1, timeout=120)
        if 'jobs' in options.parts:
            with_and_without(client, build, options)
        if 'settings' in options.parts:
            settings(client, machine, build)
    finally:
        if client.is_daemon_running:
            client.stop_daemon(wait=True, timeout=120)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
