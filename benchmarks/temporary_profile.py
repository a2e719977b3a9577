"""A profile of AiiDA for the benchmarks; without services unless they are given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any


def load_temporary_profile(folder: str, *, daemon: bool = False, postgresql: Mapping[str, Any] | None = None) -> Any:
    """Make, load and return a profile whose files lie in ``folder``; call it before anything of AiiDA is imported.

    :param daemon: with the ZeroMQ broker, so that a daemon can be started.
    :param postgresql: the configuration of ``core.psql_dos``; without it the database is SQLite.
    """
    os.environ['AIIDA_PATH'] = folder
    from aiida.manage.configuration import create_profile, get_config, load_profile
    from aiida.plugins import BrokerFactory

    broker = 'core.zeromq' if daemon else None
    config = get_config(create=True)
    create_profile(
        config,
        name='bench',
        email='bench@localhost',
        storage_backend='core.psql_dos' if postgresql else 'core.sqlite_dos',
        storage_config=dict(postgresql or {}),
        broker_backend=broker,
        broker_config=BrokerFactory(broker).get_default_config() if broker else None,
    )
    if daemon:
        config.set_option('runner.poll.interval', 1, scope='bench')
        config.set_option('daemon.timeout', 30, scope='bench')
        config.set_default_profile('bench', overwrite=True)
        config.store()
    return load_profile('bench')
