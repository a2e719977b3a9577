"""Production in small, for benchmarks: a profile on PostgreSQL and RabbitMQ, daemon, supervisor, and a SLURM cluster.

The services are those of ``setup_scripts/stack.sh`` (:class:`production_stack.Stack`). Configuration, home and
repository of the profile lie in a temporary folder, so that nobody's own AiiDA is touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from shlex import quote
from types import MappingProxyType, TracebackType
from typing import Any

import psutil
from production_stack import Stack

PROFILE = 'bench'
POLL_S = 2.0
SAFE_S = 1.0
STOP_S = 60


class Site:
    """Services, profile, cluster, daemon and supervisor; to be entered with ``with``.

    :param workers: of the daemon.
    :param supervised: whether something looks after the daemon (``crystalmath doctor --fix --watch``).
    :param settings: options of the profile beyond those that ``crystalmath setup profile`` sets.
    """

    def __init__(
        self, workers: int = 2, *, supervised: bool = True, settings: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.workers = workers
        self.supervised = supervised
        self.settings = settings
        self.stack = Stack()
        self.folder = Path(tempfile.mkdtemp(prefix='production-'))
        self._supervisor: subprocess.Popen[bytes] | None = None
        os.environ['AIIDA_PATH'] = str(self.folder)
        os.environ['HOME'] = str(self.folder / 'home')
        os.environ['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
        os.environ.setdefault('OMP_NUM_THREADS', '1')

    def __enter__(self) -> Site:
        for which in (signal.SIGINT, signal.SIGTERM):  # the first is ignored in the background of a shell
            signal.signal(which, _leave)
        with ExitStack() as opened:
            opened.callback(shutil.rmtree, self.folder, ignore_errors=True)
            ran = self.stack.running() if self.stack.exists else set()
            opened.callback(self._leave_running, ran)
            self.stack.up()
            self.stack.write_ssh_config(Path(os.environ['HOME']))
            self.shared = self.stack.shared_folder('bench')
            opened.callback(self._clean_cluster)
            self._make_profile(opened.enter_context(self.stack.database()))
            opened.callback(self.unload)
            self.computer = self.add_computer('cluster', f'{self.stack.env["SCRATCH_DIR"]}/aiida')
            opened.callback(self._stop)
            self._start()
            opened.callback(self.stack.up)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, value, trace)

    def _leave_running(self, services: set[str]) -> None:
        if others := self.stack.running() - services:
            self.stack.down(*others)

    def _clean_cluster(self) -> None:
        with suppress(RuntimeError):
            self.stack.ssh('scancel --me')
            self.stack.ssh(f'rm -rf {quote(str(self.shared))}')

    # ------------------------------------------------------------------------------------------ AiiDA

    def _make_profile(self, database: str) -> None:
        """Make the profile as ``crystalmath setup profile`` does."""
        from aiida.manage.configuration import get_config

        from aiida_crystalmath.machines.families import make_family
        from aiida_crystalmath.machines.profiles import Broker, Storage, make_profile, set_workers

        storage = Storage('core.psql_dos', self.stack.storage_config(database, self.folder / 'repository'))
        make_profile(PROFILE, storage, Broker('core.rabbitmq', self.stack.broker_config()), default=True)
        set_workers(PROFILE, self.workers)
        config = get_config()
        for name, value in self.settings.items():
            config.set_option(name, value, scope=PROFILE)
        config.store()
        make_family('sto-3g')

    def add_computer(self, label: str, workdir: str) -> Any:
        """Make the cluster a computer, with another working directory under another label."""
        from aiida_crystalmath.machines.computers import ComputerSettings, make_computer

        settings = ComputerSettings(
            label=label,
            hostname=self.stack.env['SSH_ALIAS'],
            transport='core.ssh_async',
            scheduler='crystalmath.slurm',
            workdir=workdir,
            shebang='#!/bin/bash',
            poll_interval_s=POLL_S,
            safe_interval_s=SAFE_S,
        )
        return make_computer(settings)

    def code(self, label: str, path: str, plugin: str, computer: Any = None) -> Any:
        """Return a new code on the cluster."""
        from aiida import orm

        return orm.InstalledCode(
            label=label, computer=computer or self.computer, filepath_executable=path, default_calc_job_plugin=plugin
        ).store()

    def program(self, name: str, text: str) -> str:
        """Write a shell script that jobs can start, and return its path."""
        path = self.shared / name
        path.write_text(f'#!/bin/sh\n{text}')
        path.chmod(0o755)
        return str(path)

    def reload(self) -> None:
        """Begin anew with the profile."""
        from aiida_crystalmath.machines.profiles import load

        self.unload()
        load(PROFILE)

    def unload(self) -> None:
        """Close our own connections to the services, so that they can come and go; nodes loaded so far are lost."""
        from aiida.manage import get_manager

        get_manager().reset_profile()

    # ------------------------------------------------------------------------------------------ the daemon

    def _start(self) -> None:
        from aiida_crystalmath.machines import supervision
        from aiida_crystalmath.machines.daemon import start_daemon

        start_daemon(PROFILE, self.workers)
        if not self.supervised:
            return
        with self.supervisor_log.open('wb') as output:
            self._supervisor = subprocess.Popen(
                supervision.command(PROFILE),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _stop(self) -> None:
        from aiida_crystalmath.machines.workers import halt

        if self._supervisor is not None:
            self._supervisor.terminate()
            self._supervisor.wait(STOP_S)
        halt(PROFILE)

    @property
    def supervisor_log(self) -> Path:
        """Where the supervisor tells what it does."""
        return self.folder / 'supervisor.log'

    def worker_pids(self) -> list[int]:
        """Return the processes of the daemon's workers."""
        from aiida_crystalmath.machines.workers import workers

        return [worker.pid for worker in workers(PROFILE)]

    def daemon_pids(self) -> list[int]:
        """Return the processes of the daemon, its head first."""
        from aiida_crystalmath.machines.workers import circus

        head = circus(PROFILE)
        return [] if head is None else [head.pid, *(child.pid for child in head.children(recursive=True))]

    def worker_cpu_s(self) -> float:
        """Return the CPU seconds, user and system, that the present workers took so far."""
        return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in self.worker_pids())


def _leave(*_: Any) -> None:
    sys.exit('stopped')
