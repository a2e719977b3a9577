"""PostgreSQL and RabbitMQ: how to reach them, and whether they really answer.

AiiDA takes a broker that does not answer for none, and makes the profile without one; here that is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.profiles import Broker, Storage

CONNECT_TIMEOUT_S = 20


@dataclass(frozen=True)
class PostgreSql:
    """A database of a PostgreSQL server."""

    password: str = field(repr=False)
    host: str = '127.0.0.1'
    port: int = 5432
    user: str = 'aiida'
    database: str = 'aiida'

    @property
    def where(self) -> str:
        """Return the database in words, without the password."""
        return f'{self.user}@{self.host}:{self.port}/{self.database}'

    def storage(self, repository: Path) -> Storage:
        """Return the storage of a profile in this database; files go into the folder ``repository``."""
        return Storage(
            'core.psql_dos',
            {
                'database_engine': 'postgresql_psycopg',
                'database_hostname': self.host,
                'database_port': self.port,
                'database_username': self.user,
                'database_password': self.password,
                'database_name': self.database,
                'repository_uri': repository.resolve().as_uri(),
            },
        )


@dataclass(frozen=True)
class RabbitMq:
    """A virtual host of a RabbitMQ server."""

    password: str = field(repr=False)
    host: str = '127.0.0.1'
    port: int = 5672
    user: str = 'aiida'
    vhost: str = '/'
    protocol: str = 'amqp'

    @property
    def where(self) -> str:
        """Return the server in words, without the password."""
        return f'{self.protocol}://{self.user}@{self.host}:{self.port}{"" if self.vhost == "/" else f"/{self.vhost}"}'

    @property
    def _parameters(self) -> dict[str, Any]:
        return {
            'protocol': self.protocol,
            'username': self.user,
            'password': self.password,
            'host': self.host,
            'port': self.port,
            'virtual_host': '' if self.vhost == '/' else self.vhost,
        }

    def broker(self) -> Broker:
        """Return the broker of a profile at this server."""
        return Broker('core.rabbitmq', {f'broker_{name}': value for name, value in self._parameters.items()})


def check_postgresql(server: PostgreSql, empty: bool) -> str:
    """Connect to the database and return what answers, in words.

    :param empty: also check that a new profile can begin in it.
    :raises MachineError: if it does not answer, refuses, or holds somebody's data already.
    """
    import psycopg

    try:
        with psycopg.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            dbname=server.database,
            connect_timeout=CONNECT_TIMEOUT_S,
        ) as connection:
            version = connection.info.server_version
            encoding = connection.info.parameter_status('server_encoding')
            row = connection.execute(
                "SELECT to_regclass('db_dbnode') IS NOT NULL, has_schema_privilege(current_schema(), 'CREATE')"
            ).fetchone()
    except psycopg.Error as exception:
        reason = ' '.join(str(exception).split())
        raise MachineError(f'PostgreSQL {server.where} does not let us in: {reason}', _POSTGRESQL_HINT) from exception
    has_data, may_create = row or (False, False)
    if encoding != 'UTF8':
        raise MachineError(f'PostgreSQL {server.where}: the encoding is {encoding}, not UTF8.', _POSTGRESQL_HINT)
    if empty and has_data:
        raise MachineError(
            f'PostgreSQL {server.where}: the database holds the data of another profile already.',
            'Give a database of its own with --db-name. ' + _POSTGRESQL_HINT,
        )
    if empty and not may_create:
        raise MachineError(
            f'PostgreSQL {server.where}: {server.user} may not make tables there.',
            f'The database must belong to that user: ALTER DATABASE {server.database} OWNER TO {server.user};',
        )
    return f'PostgreSQL {version // 10000}.{version % 10000} at {server.where}'


_POSTGRESQL_HINT = (
    "An administrator makes role and database with: CREATE ROLE aiida LOGIN PASSWORD '...'; "
    "CREATE DATABASE aiida OWNER aiida ENCODING 'UTF8' TEMPLATE template0;"
)


def check_rabbitmq(server: RabbitMq) -> str:
    """Connect to the broker and return what answers, in words.

    :raises MachineError: if it does not answer, or refuses.
    """
    from aiida.brokers.rabbitmq.defaults import detect_rabbitmq_config

    try:
        detect_rabbitmq_config(**server._parameters)
    except ConnectionError as exception:
        # The words of the exception itself have the password in them; those of its cause do not.
        cause = exception.__cause__
        reason = ' '.join(f'{type(cause).__name__}: {cause}'.replace(server.password, '***').split())
        raise MachineError(
            f'RabbitMQ {server.where} does not let us in: {reason}',
            'Is it running, and do port, user, password and virtual host agree? An administrator makes a user with: '
            "rabbitmqctl add_user aiida; rabbitmqctl set_permissions -p / aiida '.*' '.*' '.*'",
        ) from exception
    return f'RabbitMQ at {server.where}'


def check_profile(name: str) -> str:
    """Use storage and broker of a profile as commands do and return what answers, in words.

    :raises MachineError: if one of them does not.
    """
    from aiida import orm
    from aiida.manage import get_manager

    from aiida_crystalmath.machines.profiles import load

    load(name)
    profile = get_manager().get_profile()
    try:
        n_nodes = orm.QueryBuilder().append(orm.Node).count()
    except Exception as exception:
        raise MachineError(f'the storage of profile "{name}" does not answer: {exception}') from exception
    if profile is None or profile.process_control_backend is None:
        raise MachineError(
            f'the profile "{name}" has no broker: nothing can be given to a daemon.',
            f'Give it one: verdi profile configure-broker core.zeromq {name}',
        )
    broker = get_manager().get_broker()
    if profile.process_control_backend == 'core.rabbitmq' and not (broker and broker.check_service_reachable()):
        raise MachineError(f'the broker of profile "{name}" does not answer: {broker}')
    return f'{profile.storage_backend} with {n_nodes} nodes, {profile.process_control_backend}'


def read_stack(path: Path) -> tuple[PostgreSql, RabbitMq]:
    """Read how to enter the services from the ``stack.env`` that ``setup_scripts/stack.sh`` writes.

    :raises MachineError: if it cannot be read, or lacks something.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except OSError as exception:
        raise MachineError(f'{path}: {exception.strerror}') from exception
    values = dict(line.split('=', 1) for line in lines if '=' in line and not line.startswith('#'))
    try:
        return (
            PostgreSql(
                values['PG_PASSWORD'],
                values['PG_HOST'],
                int(values['PG_PORT']),
                values['PG_USER'],
                values['PG_DATABASE'],
            ),
            RabbitMq(
                values['RMQ_PASSWORD'],
                values['RMQ_HOST'],
                int(values['RMQ_PORT']),
                values['RMQ_USER'],
                values['RMQ_VHOST'],
                values['RMQ_PROTOCOL'],
            ),
        )
    except (KeyError, ValueError) as exception:
        raise MachineError(f'{path}: not the file that setup_scripts/stack.sh writes: {exception}') from exception
