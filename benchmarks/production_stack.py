"""The services of ``setup_scripts/stack.sh`` in the hands of benchmarks and tests.

``CRYSTALMATH_STACK`` names the folder of the stack; without it a stack of their own is used, never the one that
``stack.sh`` would take by default: here services are stopped and killed on purpose.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ('SERVICES', 'Stack')

SCRIPT = Path(__file__).resolve().parents[1] / 'setup_scripts' / 'stack.sh'
SERVICES = ('postgres', 'rabbitmq', 'munge', 'mariadb', 'slurmdbd', 'slurmctld', 'slurmd', 'sshd')
TEST_PORT = '24200'
TIMEOUT_S = 600
SOME_ARE_DOWN = 3  # exit status of `stack.sh status`


class Stack:
    """PostgreSQL, RabbitMQ, and a SLURM cluster of one node behind SSH.

    :param on_change: called after services were started or stopped.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._on_change = on_change
        home = Path('/var/lib') if os.geteuid() == 0 else Path.home() / '.local' / 'state'
        self._environment = {**os.environ, 'LC_ALL': 'C.UTF-8'}
        if not os.environ.get('CRYSTALMATH_STACK'):
            self._environment['CRYSTALMATH_STACK'] = str(home / 'crystalmath' / 'test-stack')
            self._environment.setdefault('CRYSTALMATH_STACK_PORT', TEST_PORT)
        self.base = Path(self._environment['CRYSTALMATH_STACK'])

    # ------------------------------------------------------------------------------------------ services

    @property
    def exists(self) -> bool:
        """Whether the stack was made before."""
        return (self.base / 'stack.env').exists()

    @property
    def env(self) -> dict[str, str]:
        """How to enter the services: the content of ``stack.env``."""
        lines = (self.base / 'stack.env').read_text(encoding='utf-8').splitlines()
        return dict(line.split('=', 1) for line in lines)

    def script(self, *arguments: str) -> str:
        """Call ``stack.sh`` and return what it says.

        :raises RuntimeError: it failed; with everything it said.
        """
        return self._run(['bash', str(SCRIPT), *arguments], self._environment)

    def up(self, *services: str) -> None:
        """Start services, all without names, and wait until they answer."""
        self.script('up', *services)
        self._on_change()

    def down(self, *services: str) -> None:
        """Stop services, all without names."""
        self.script('down', *services)
        self._on_change()

    def restart(self, *services: str) -> None:
        """Stop services and start them."""
        self.script('restart', *services)
        self._on_change()

    def running(self) -> set[str]:
        """Return the names of the services that run."""
        return set(self.processes())

    def missing(self) -> set[str]:
        """Return the names of the services that do not run."""
        return set(SERVICES) - self.running()

    def pids(self, service: str) -> list[int]:
        """Return the processes of a service; none if it does not run."""
        return self.processes().get(service, [])

    def processes(self) -> dict[str, list[int]]:
        """Return the processes of each service that runs."""
        command = ['bash', str(SCRIPT), 'status']
        said = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        if said.returncode not in (0, SOME_ARE_DOWN):
            raise RuntimeError(f'{command} ended with {said.returncode}:\n{said.stdout}{said.stderr}')
        found = {}
        for line in said.stdout.splitlines():
            if line.startswith('up '):
                pids = line.partition(' pid ')[2].partition(',')[0]
                found[line.split()[1]] = [int(word) for word in pids.split()]
        return found

    # ------------------------------------------------------------------------------------------ the cluster

    def slurm(self, *command: str) -> str:
        """Run a command of SLURM as its administrator and return what it prints."""
        return self._run(list(command), {**os.environ, 'SLURM_CONF': self.env['SLURM_CONF']})

    def ssh(self, command: str) -> str:
        """Run shell text on the cluster, as the user as whom jobs run, and return what it prints."""
        return self._run(['ssh', '-F', self.env['SSH_CONFIG'], '-o', 'BatchMode=yes', self.env['SSH_ALIAS'], command])

    def write_ssh_config(self, home: Path) -> None:
        """Make the cluster known to ``ssh`` and to AiiDA in a home directory: its ``.ssh/config`` is replaced."""
        folder = home / '.ssh'
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, source in (('config', 'SSH_CONFIG'), ('known_hosts', 'SSH_KNOWN_HOSTS')):
            (folder / name).write_text(Path(self.env[source]).read_text())
            (folder / name).chmod(0o600)

    def shared_folder(self, name: str) -> Path:
        """Return a new folder on the cluster's scratch in which we and the jobs may write (nobody else gets there)."""
        folder = Path(self.env['SCRATCH_DIR']) / f'{name}-{secrets.token_hex(4)}'
        self.ssh(f"mkdir '{folder}' && chmod 777 '{folder}'")
        return folder

    # ------------------------------------------------------------------------------------------ AiiDA

    def broker_config(self) -> dict[str, Any]:
        """Return what a profile with ``core.rabbitmq`` needs."""
        env = self.env
        return {
            'broker_protocol': env['RMQ_PROTOCOL'],
            'broker_username': env['RMQ_USER'],
            'broker_password': env['RMQ_PASSWORD'],
            'broker_host': env['RMQ_HOST'],
            'broker_port': int(env['RMQ_PORT']),
            'broker_virtual_host': '' if env['RMQ_VHOST'] == '/' else env['RMQ_VHOST'],
        }

    def storage_config(self, database: str, repository: Path) -> dict[str, Any]:
        """Return what a profile with ``core.psql_dos`` needs."""
        env = self.env
        return {
            'database_engine': 'postgresql_psycopg',
            'database_hostname': env['PG_HOST'],
            'database_port': int(env['PG_PORT']),
            'database_username': env['PG_USER'],
            'database_password': env['PG_PASSWORD'],
            'database_name': database,
            'repository_uri': repository.as_uri(),
        }

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database for the time of a block, and yield its name."""
        name = f'crystalmath_{secrets.token_hex(6)}'
        self.sql(f'create database {name}')
        try:
            yield name
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        """Drop a database; one that autovacuum is at cannot be had by force, but it is soon done."""
        from psycopg.errors import InsufficientPrivilege

        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                return self.sql(f'drop database {name} with (force)')
            except InsufficientPrivilege:
                if time.monotonic() > deadline:
                    raise
            time.sleep(1)

    def sql(self, statement: str) -> None:
        """Run a statement as the user of the profiles, outside of a transaction."""
        import psycopg

        env = self.env
        with psycopg.connect(
            host=env['PG_HOST'],
            port=int(env['PG_PORT']),
            user=env['PG_USER'],
            password=env['PG_PASSWORD'],
            dbname=env['PG_DATABASE'],
            autocommit=True,
        ) as connection:
            connection.execute(statement.encode())

    @staticmethod
    def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
        # No pipe is left to a service that inherits it: stack.sh gives its services none of ours.
        said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if said.returncode:
            raise RuntimeError(f'{command} ended with {said.returncode}:\n{said.stdout}{said.stderr}')
        return said.stdout
