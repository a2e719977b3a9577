"""The configuration of AiiDA: its profiles, the services they speak to, and settings that suit long jobs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.machines.errors import MachineError

if TYPE_CHECKING:
    from aiida.manage.configuration.config import Config

EMAIL = 'user@localhost'
DAEMON_TIMEOUT_S = 30
"""AiiDA's own 2 s are too short to hear from a daemon on a busy machine."""

SETTINGS: dict[str, Any] = {'runner.poll.interval': 1, 'daemon.timeout': DAEMON_TIMEOUT_S}
"""Of every profile made here: seconds between looks at processes without a broker, and for the daemon to answer."""

RABBITMQ_SETTINGS: dict[str, Any] = {'warnings.rabbitmq_version': False}
"""AiiDA warns of any version after 3.8.14 at every command; ``consumer_timeout`` is what matters (howto/production)."""


@dataclass(frozen=True)
class Storage:
    """Where a profile keeps its data.

    :param backend: name of the entry point in ``aiida.storage``.
    :param config: what it needs; nothing for SQLite in the folder of the configuration.
    """

    backend: str = 'core.sqlite_dos'
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Broker:
    """Who carries the messages between commands and daemon.

    :param backend: name of the entry point in ``aiida.brokers``.
    :param config: what it needs; ``None`` for what AiiDA takes by itself (ZeroMQ: sockets below its folder).
    """

    backend: str = 'core.zeromq'
    config: dict[str, Any] | None = None


def aiida_config() -> Config | None:
    """Return the configuration of AiiDA, or ``None`` where AiiDA has never been set up."""
    with warnings.catch_warnings():
        # AiiDA makes its folder when it is first imported, and warns; a newcomer can do nothing about that.
        warnings.filterwarnings('ignore', message='Creating AiiDA configuration folder')
        from aiida.common.exceptions import MissingConfigurationError
        from aiida.manage.configuration import get_config
    try:
        return get_config()
    except MissingConfigurationError:
        return None


def exists(name: str) -> bool:
    """Tell whether there is a profile ``name``."""
    config = aiida_config()
    return config is not None and name in config.profile_names


def load(name: str) -> None:
    """Load the profile ``name``, whichever is loaded."""
    from aiida.manage.configuration import load_profile

    load_profile(name, allow_switch=True)


def is_default(name: str) -> bool:
    """Tell whether ``verdi`` uses the profile ``name`` without being told."""
    config = aiida_config()
    return config is None or config.default_profile_name in (None, name)


def config_folder() -> str:
    """Return the folder of the AiiDA configuration."""
    from aiida.manage.configuration.settings import AiiDAConfigDir

    return str(AiiDAConfigDir.get())


def make_profile(
    name: str, storage: Storage | None = None, broker: Broker | None = None, email: str = EMAIL, default: bool = False
) -> None:
    """Make the profile ``name`` and load it; without a word on where, it needs no service.

    :param default: make it the default of ``verdi`` even if there is another.
    :raises MachineError: if the storage cannot be made.
    """
    from aiida.common.exceptions import StorageMigrationError
    from aiida.manage.configuration import create_profile, get_config
    from aiida.plugins import BrokerFactory

    storage, broker = storage or Storage(), broker or Broker()
    config = get_config(create=True)
    default_before = config.default_profile_name
    try:
        create_profile(
            config,
            name=name,
            email=email,
            storage_backend=storage.backend,
            storage_config=storage.config,
            broker_backend=broker.backend,
            broker_config=broker.config or BrokerFactory(broker.backend).get_default_config(),
        )
    except StorageMigrationError as exception:
        raise MachineError(f'the storage of profile "{name}" cannot be made: {exception}') from exception
    config.set_default_profile(name if default or not default_before else default_before, overwrite=True)
    apply_settings(name, broker.backend)
    load(name)


def apply_settings(name: str, broker_backend: str) -> None:
    """Set what suits a profile of ours; passwords may be in the file of the configuration, so that it becomes private.

    :param broker_backend: that of the profile.
    """
    from aiida.manage.configuration import get_config

    config = get_config()
    for option, value in {**SETTINGS, **(RABBITMQ_SETTINGS if broker_backend == 'core.rabbitmq' else {})}.items():
        config.set_option(option, value, scope=name)
    config.store()
    # Backups of the file are written whenever it changes, and hold the same passwords.
    for path in [Path(config.filepath), *Path(config.filepath).parent.glob(f'{Path(config.filepath).name}*')]:
        path.chmod(0o600)


def set_workers(name: str, workers: int) -> None:
    """Set how many workers the daemon of a profile starts with, unless it is told otherwise."""
    from aiida.manage.configuration import get_config

    config = get_config()
    config.set_option('daemon.default_workers', workers, scope=name)
    config.store()
