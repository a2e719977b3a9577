"""The faults of ``faults.py``: what happens to services, workers, cluster and files while jobs are under way."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from production_site import Site

SMALL_DISK_MB = 16
BURNERS = 8
MEMORY_KB = 102400
GREEDY = 'head -c 150M /dev/zero | tail >/dev/null'
"""``tail`` keeps a line in memory until it ends: more than MEMORY_KB, less than twice as much."""

LONG_SLEEP_S = 100
"""Of a program that is stopped by a limit of one minute (SLURM looks twice a minute), and fits into two."""


@dataclass
class Scene:
    """What a fault strikes at.

    :param folders: working directories of the jobs whose programs run.
    :param workdir: the folder that theirs are in.
    """

    site: Site
    folders: list[str]
    workdir: str
    notes: list[str] = field(default_factory=list)

    def job_ids(self) -> list[str]:
        """Return the numbers of the jobs that run now, for SLURM."""
        return self.site.stack.slurm('squeue', '-h', '-t', 'RUNNING', '-o', '%i').split()


@dataclass(frozen=True)
class Fault:
    """Something that happens.

    :param words: what, for people.
    :param strike: does it, and returns when it is over; ``None``: it is in the ``options`` of the jobs.
    :param options: those of every other job, beyond the usual.
    :param runs: how often a chain may run its calculation, as it is the job itself that is hit.
    :param around: surrounds the whole, from before the submission to the end.
    :param lasts_s: for how long the fault itself keeps things from going on.
    """

    name: str
    words: str
    strike: Callable[[Scene], None] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    runs: int = 1
    around: Callable[[Site], Any] | None = None
    lasts_s: float = 0
    long: bool = False


def kill(pids: list[int]) -> None:
    """Kill processes, in this order."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def kill_worker(scene: Scene) -> None:
    """Kill one worker."""
    kill(scene.site.worker_pids()[:1])


def kill_workers(scene: Scene) -> None:
    """Kill all workers."""
    kill(scene.site.worker_pids())


def kill_daemon(scene: Scene) -> None:
    """Kill all workers and what would start others."""
    kill(scene.site.daemon_pids())


def outage(service: str, seconds: float) -> Callable[[Scene], None]:
    """Return what stops a service for a time."""

    def strike(scene: Scene) -> None:
        scene.site.stack.down(service)
        time.sleep(seconds)
        scene.site.stack.up(service)

    return strike


def cancel(scene: Scene) -> None:
    """Cancel half of the running jobs without telling AiiDA."""
    jobs = scene.job_ids()
    scene.site.stack.slurm('scancel', *jobs[: len(jobs) // 2 or 1])


def drain(scene: Scene) -> None:
    """Take the node out of service: what runs goes on, what waits waits."""
    update = ('scontrol', 'update', 'nodename=localhost')
    scene.site.stack.slurm(*update, 'state=drain', 'reason=benchmark')
    time.sleep(30)
    scene.site.stack.slurm(*update, 'state=resume')


def fail_node(scene: Scene) -> None:
    """Let the node fail under its jobs; it registers anew by itself."""
    scene.site.stack.slurm('scontrol', 'update', 'nodename=localhost', 'state=down', 'reason=benchmark')


def delete_folders(scene: Scene) -> None:
    """Delete the working directories of half of the running jobs."""
    victims = scene.folders[: len(scene.folders) // 2 or 1]
    scene.site.stack.ssh(f'rm -rf {" ".join(map(quote, victims))}')


def fill_disk(scene: Scene) -> None:
    """Fill the disk of the working directories for a time."""
    filler = quote(f'{scene.workdir}/filler')
    scene.site.stack.ssh(f'cat /dev/zero >{filler} 2>/dev/null || true')
    time.sleep(30)
    scene.site.stack.ssh(f'rm {filler}')


@contextmanager
def small_disk(site: Site) -> Iterator[Any]:
    """Make the cluster a computer whose working directories lie on a disk of a few MB; for root only."""
    folder = site.shared / 'disk'
    site.stack.ssh(f'mkdir {quote(str(folder))}')
    owner = Path(site.shared).stat()
    options = f'size={SMALL_DISK_MB}m,uid={owner.st_uid},gid={owner.st_gid},mode=700'
    subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', str(folder)], check=True)
    try:
        yield site.add_computer('small-disk', str(folder))
    finally:
        subprocess.run(['umount', '--lazy', str(folder)], check=True)


@contextmanager
def busy_machine(site: Site) -> Iterator[None]:
    """Give the machine much else to do."""
    burners = [subprocess.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(BURNERS)]
    site.stack.slurm('sdiag', '--reset')
    try:
        yield None
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def queue_looks(site: Site) -> int:
    """Return how often SLURM was asked about jobs since the counters were reset."""
    lines = site.stack.slurm('sdiag').splitlines()
    rows = [line.split('count:')[1].split()[0] for line in lines if 'REQUEST_JOB_' in line and 'INFO' in line]
    return sum(map(int, rows))


FAULTS = (
    Fault('nothing', 'nothing (undisturbed)'),
    Fault('worker', 'kill -9 of a daemon worker', kill_worker),
    Fault('workers', 'kill -9 of all workers', kill_workers),
    Fault('daemon', 'kill -9 of all workers and of what starts them', kill_daemon),
    Fault('rabbitmq', 'RabbitMQ stopped for 10 s', outage('rabbitmq', 10), lasts_s=10),
    Fault('postgres', 'PostgreSQL stopped for 10 s', outage('postgres', 10), lasts_s=10),
    Fault('postgres-quick', 'PostgreSQL restarted', outage('postgres', 0)),
    Fault('sshd', 'sshd down for 60 s', outage('sshd', 60), lasts_s=60),
    Fault('sshd-long', 'sshd down for 10 min', outage('sshd', 600), lasts_s=600, long=True),
    Fault('slurmctld', 'slurmctld down for 20 s', outage('slurmctld', 20), lasts_s=20),
    Fault('scancel', 'scancel of half of the running jobs', cancel),
    Fault(
        'time-limit',
        'TIME LIMIT for half of the jobs',
        options={'max_wallclock_seconds': 60, 'prepend_text': f'export BENCH_SLEEP={LONG_SLEEP_S}'},
        runs=3,
        lasts_s=3 * LONG_SLEEP_S,
    ),
    Fault('out-of-memory', 'OUT_OF_MEMORY for half of the jobs', options={'prepend_text': GREEDY}, runs=4),
    Fault('node-drained', 'node drained for 30 s', drain, lasts_s=30),
    Fault('node-down', 'node fails under its jobs', fail_node, runs=4),
    Fault('disk', 'scratch disk full for 30 s', fill_disk, runs=4, around=small_disk, lasts_s=30),
    Fault('folders', 'work directories of half of the running jobs deleted', delete_folders, runs=4),
    Fault('load', f'{BURNERS} other programs on the cores all the time', around=busy_machine),
)
