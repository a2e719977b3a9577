"""Storage and broker of a profile: do they answer, and since when."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from aiida.manage.configuration import get_config
from aiida.manage.configuration.profile import Profile

from aiida_crystalmath.machines.checks.finding import Finding
from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.services import RabbitMq, check_rabbitmq

TIMEOUT_S = 5

METHOD_FRAME = b'\x01'
"""What the answer to the greeting of AMQP 0-9-1 begins with (its specification, 4.2.3); a refusal begins with A."""


def check_storage(name: str) -> Finding:
    """Look whether the storage of profile ``name`` answers; nothing of AiiDA's own session is touched."""
    profile = get_config().get_profile(name)
    if profile.storage_backend == 'core.psql_dos':
        config = profile.storage_config
        where = f'PostgreSQL at {config["database_hostname"]}:{config["database_port"]}'
        try:
            since = database_start(profile)
        except ConnectionError as exception:
            return Finding('storage', 'fail', f'{where} does not answer: {exception}', 'start PostgreSQL')
        return Finding('storage', 'ok', f'{where}, up since {since:%Y-%m-%d %H:%M:%S}')
    return _ask_aiida(profile)


def _ask_aiida(profile: Profile) -> Finding:
    from aiida import orm

    try:
        count = orm.QueryBuilder().append(orm.Node).count()
    except Exception as exception:  # noqa: BLE001  whatever a storage says when it cannot be read
        return Finding(
            'storage', 'fail', f'{profile.storage_backend}: {exception}', f'verdi -p {profile.name} storage info'
        )
    return Finding('storage', 'ok', f'{profile.storage_backend} with {count} nodes')


def database_start(profile: Profile) -> datetime | None:
    """Return since when the PostgreSQL server of a profile runs; ``None`` for a profile that has none.

    By the clock of this machine: that of the server may be another one.

    :raises ConnectionError: if it does not answer.
    """
    if profile.storage_backend != 'core.psql_dos':
        return None
    import psycopg

    config = profile.storage_config
    try:
        with psycopg.connect(
            host=config['database_hostname'],
            port=config['database_port'],
            user=config['database_username'],
            password=config['database_password'],
            dbname=config['database_name'],
            connect_timeout=TIMEOUT_S,
        ) as connection:
            now = time.time()
            row = connection.execute('SELECT clock_timestamp() - pg_postmaster_start_time()').fetchone()
    except psycopg.Error as exception:
        raise ConnectionError(' '.join(str(exception).split())) from exception
    assert row is not None
    uptime: timedelta = row[0]
    return datetime.fromtimestamp(now) - uptime


def check_broker(name: str, *, log_in: bool = False) -> Finding:
    """Look whether the broker of profile ``name`` answers; ZeroMQ's comes and goes with the daemon.

    :param log_in: also see that user, password and virtual host are right, which takes longer.
    """
    profile = get_config().get_profile(name)
    backend = profile.process_control_backend
    if backend is None:
        remedy = f'verdi profile configure-broker core.zeromq {name}'
        return Finding('broker', 'fail', 'none: nothing can be given to a daemon', remedy)
    if backend != 'core.rabbitmq':
        return Finding('broker', 'ok', f'{backend}, started with the daemon')
    config = profile.process_control_config
    where = f'RabbitMQ at {config["broker_host"]}:{config["broker_port"]}'
    try:
        greet_rabbitmq(profile)
    except OSError as exception:
        return Finding('broker', 'fail', f'{where} does not answer: {exception}', 'start RabbitMQ')
    try:
        if log_in:
            _log_in(config)
    except MachineError as exception:
        return Finding('broker', 'fail', str(exception), f'verdi profile configure-broker core.rabbitmq {name}')
    return Finding('broker', 'ok', where)


def _log_in(config: dict[str, Any]) -> None:
    """Log in to RabbitMQ as the daemon does.

    :raises MachineError: if it does not let us in.
    """
    server = RabbitMq(
        config['broker_password'],
        config['broker_host'],
        int(config['broker_port']),
        config['broker_username'],
        config.get('broker_virtual_host') or '/',
        config.get('broker_protocol') or 'amqp',
    )
    with ThreadPoolExecutor(1) as other:  # the check makes an event loop of its own, and leaves its thread without any
        other.submit(check_rabbitmq, server).result()


def greet_rabbitmq(profile: Profile) -> None:
    """Exchange the first words of the protocol with RabbitMQ: a port may be open long before it answers.

    :raises OSError: if it does not answer; TLS is not spoken, so that only the port is tried there.
    """
    config = profile.process_control_config
    address = (config['broker_host'], int(config['broker_port']))
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        if config.get('broker_protocol') == 'amqps':
            return
        connection.sendall(b'AMQP\x00\x00\x09\x01')
        answer = connection.recv(8)
    if not answer:
        raise ConnectionError('it hung up')
    if answer[:1] != METHOD_FRAME:
        raise ConnectionError(f'what answers there speaks no AMQP 0-9-1, but says {answer!r}')
