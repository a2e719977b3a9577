"""Looking things up in a database of 100,000 processes: the queries behind our commands, beside AiiDA's own list.

*newest*: the 100 newest processes, with the columns of a list, as one asks with the QueryBuilder; beside it the query
of ``verdi process list --all``. *campaign*: what ``crystalmath campaign status`` asks, of a campaign of 100. *found
again*: what ``crystalmath run FILE`` asks, whether this was computed before. *imported*: what ``crystalmath import``
asks of a hundred runs.

With ``--postgresql`` on the PostgreSQL of ``setup_scripts/stack.sh``, in a database that is dropped at the end; else on
SQLite.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from production_stack import Stack
from temporary_profile import load_temporary_profile

CHUNK = 2000
LISTED = 100
DIGESTS = 100
CHAINS = (
    'aiida.workflows:crystalmath.crystal.characterise',
    'aiida.workflows:crystalmath.crystal.geopt',
    'aiida.workflows:crystalmath.crystal.base',
)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--processes', type=int, default=100_000)
    parser.add_argument('--repeats', type=int, default=40)
    parser.add_argument('--postgresql', action='store_true')
    parser.add_argument('--json', action='store_true')
    return parser.parse_args()


def process_row(number: int, total: int, random: Random, user: int, computer: int) -> dict[str, Any]:
    """Return one process as the database keeps it: six in ten are jobs, one in twenty failed, the last few run."""
    is_job = random.random() < 0.6
    state = 'waiting' if number >= total - 50 else 'finished'
    ended: dict[str, Any] = {'exit_status': 412 if random.random() < 0.05 else 0, 'sealed': True}
    attributes = {
        'process_label': 'Crystal23Calculation' if is_job else 'CrystalBaseWorkChain',
        'process_state': state,
        'version': {'core': '2.9.4', 'plugin': '0.4.0'},
        **(ended if state == 'finished' else {}),
    }
    extras: dict[str, Any] = {'engine': 'STAND-IN'}
    if is_job:
        # About the 2 kB that a job of CRYSTAL has.
        attributes |= {
            'remote_workdir': f'/scratch/{number:08}',
            'job_id': str(number),
            'retrieve_list': ['x' * 40] * 40,
        }
        extras['crystalmath_import'] = {'digest': f'digest-{number:08}'}
    else:
        extras['crystalmath_fingerprint'] = f'fingerprint-{number:08}'
    when = datetime.now(UTC) - timedelta(seconds=30 * (total - number))
    return {
        'uuid': str(UUID(int=random.getrandbits(128), version=4)),
        'node_type': f'process.{"calculation.calcjob.CalcJobNode" if is_job else "workflow.workchain.WorkChainNode"}.',
        'process_type': 'aiida.calculations:crystalmath.crystal23' if is_job else CHAINS[number % len(CHAINS)],
        'label': f'MgO-{number}',
        'description': '',
        'ctime': when,
        'mtime': when,
        'attributes': attributes,
        'extras': extras,
        'repository_metadata': {},
        'dbcomputer_id': computer if is_job else None,
        'user_id': user,
    }


def fill(processes: int) -> Any:
    """Store the processes, and a campaign of the newest hundred; return the campaign."""
    from aiida import orm
    from aiida.manage import get_manager
    from aiida.orm.entities import EntityTypes

    from aiida_crystalmath.tracking.campaign import Campaign
    from aiida_crystalmath.tracking.items import FINISHED, ORDER, RUNNING, STATE

    storage = get_manager().get_profile_storage()
    computer = orm.Computer(
        label='cluster',
        hostname='cluster',
        transport_type='core.local',
        scheduler_type='core.slurm',
        workdir='/scratch',
    ).store()
    user = orm.User.collection.get_default()
    random = Random(5)
    for start in range(0, processes, CHUNK):
        numbers = range(start, min(start + CHUNK, processes))
        rows = [process_row(number, processes, random, user.pk, computer.pk) for number in numbers]
        storage.bulk_insert(EntityTypes.NODE, rows)
    campaign = Campaign.make('bench')
    for number, row in enumerate(rows[-LISTED:]):
        item = orm.Dict({})
        item.label = row['label']
        item.base.extras.set(ORDER, {'kind': 'base', 'priority': 0})
        item.base.extras.set(STATE, {'state': RUNNING if number % 2 else FINISHED, 'process': row['uuid']})
        campaign.add_nodes(item.store())
    return campaign


def newest() -> list[Any]:
    """Return the newest processes, with the columns of a list."""
    from aiida import orm

    columns = ('process_label', 'process_state', 'exit_status', 'paused', 'scheduler_state')
    query = orm.QueryBuilder()
    query.append(
        orm.ProcessNode, tag='node', project=['id', 'label', 'ctime', *(f'attributes.{name}' for name in columns)]
    )
    query.order_by({'node': {'ctime': 'desc'}}).limit(LISTED)
    return list(query.all())


def verdi_list() -> list[Any]:
    """Return what ``verdi process list --all --limit 100`` lists."""
    from aiida.tools.query.calculation import CalculationQueryBuilder

    builder = CalculationQueryBuilder()
    found = builder.get_query_set(order_by={'ctime': 'desc'}, limit=LISTED)
    return list(builder.get_projected(found, list(builder.default_projections)))[1:]


def questions(campaign: Any, processes: int) -> dict[str, Callable[[], Any]]:
    """Return what is asked, by name; each has an answer."""
    from aiida_crystalmath.cli.repeats import find_failed, find_finished
    from aiida_crystalmath.importing.database import imported_digests

    digests = [f'digest-{number:08}' for number in range(0, processes, max(1, processes // DIGESTS))]
    chain = next(row for row in newest() if row[3] == 'CrystalBaseWorkChain' and row[4] == 'finished')
    fingerprint = f'fingerprint-{int(chain[1].partition("-")[2]):08}'
    return {
        'newest 100': newest,
        'newest 100, `verdi process list`': verdi_list,
        'campaign of 100': campaign.look,
        'found again': lambda: find_finished(fingerprint) or find_failed(fingerprint),
        'not found again': lambda: [find_finished('none'), find_failed('none')],
        '100 imported runs': lambda: imported_digests(digests),
    }


def measure(ask: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Return median and 95th percentile of the time of one question, and the CPU it takes on our side, in ms."""
    assert ask(), 'there should be an answer'
    times = []
    cpu = time.process_time()
    for _ in range(repeats):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
    cpu = (time.process_time() - cpu) / repeats * 1000
    times.sort()
    found = {'p50_ms': times[len(times) // 2], 'p95_ms': times[int(0.95 * len(times))], 'cpu_ms': cpu}
    return {name: round(value, 1) for name, value in found.items()}


def main() -> None:
    """Fill a database, ask, and print what it took."""
    options = arguments()
    with ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix='listing-', ignore_cleanup_errors=True))
        postgresql = None
        if options.postgresql:
            stack = Stack()
            postgresql = stack.storage_config(opened.enter_context(stack.database()), Path(folder) / 'repository')
        load_temporary_profile(folder, postgresql=postgresql)
        from aiida.manage import get_manager

        opened.callback(get_manager().reset_profile)
        start = time.monotonic()
        campaign = fill(options.processes)
        report: dict[str, Any] = {
            'storage': 'PostgreSQL' if options.postgresql else 'SQLite',
            'processes': options.processes,
            'filled_s': round(time.monotonic() - start, 1),
        }
        asked = questions(campaign, options.processes)
        report['questions'] = {name: measure(ask, options.repeats) for name, ask in asked.items()}
        report['load_average'] = os.getloadavg()[0]
    if options.json:
        print(json.dumps(report))
        return
    print(f'| {report["storage"]}, {report["processes"]:,} processes | p50 | p95 | our CPU |\n|---|---:|---:|---:|')
    for name, of in report['questions'].items():
        print(f'| {name} | {of["p50_ms"]} ms | {of["p95_ms"]} ms | {of["cpu_ms"]} ms |')
    print(f'load average {report["load_average"]:.1f}')


if __name__ == '__main__':
    main()
