"""Storage and broker of a profile: do they answer, and since when."""

from __future__ import annotations

import socket
from datetime import datetime

from aiida.manage.configuration import get_config
from aiida.manage.configuration.profile import Profile

from aiida_crystalmath.machines.checks.finding import Finding

TIMEOUT_S = 5


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
        return Finding('storage', 'fail', f'{profile.storage_backend}: {exception}', 'verdi storage info')
    return Finding('storage', 'ok', f'{profile.storage_backend} with {count} nodes')


def database_start(profile: Profile) -> datetime | None:
    """Return since when the PostgreSQL server of a profile runs; ``None`` for a profile that has none.

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
            row = connection.execute('SELECT pg_postmaster_start_time()').fetchone()
    except psycopg.Error as exception:
        raise ConnectionError(' '.join(str(exception).split())) from exception
    assert row is not None
    started: datetime = row[0]
    return started


def check_broker(name: str) -> Finding:
    """Look whether the broker of profile ``name`` answers; ZeroMQ's comes and goes with the daemon."""
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
    return Finding('broker', 'ok', where)


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
        if not connection.recv(8):
            raise ConnectionError('it hung up')
