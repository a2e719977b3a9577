"""What quickstart looks for on this machine and makes: profile, computer, codes, families of basis sets, daemon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiida_crystalmath.cli.common import aiida_config, fail

COMPUTER_LABEL = 'localhost'
DAEMON_TIMEOUT_S = 30


# -- the profile -------------------------------------------------------------------------------------------------------


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


def make_profile(name: str) -> None:
    """Make the profile ``name``; it becomes the default only where there was none."""
    from aiida.manage.configuration import create_profile, get_config
    from aiida.plugins import BrokerFactory

    config = get_config(create=True)
    default_before = config.default_profile_name
    create_profile(
        config,
        name=name,
        email='user@localhost',
        storage_backend='core.sqlite_dos',
        storage_config={},
        broker_backend='core.zeromq',
        broker_config=BrokerFactory('core.zeromq').get_default_config(),
    )
    config.set_option('runner.poll.interval', 1, scope=name)
    config.set_option('daemon.timeout', DAEMON_TIMEOUT_S, scope=name)
    config.set_default_profile(default_before or name, overwrite=True)
    config.store()
    load(name)


# -- what is in it -----------------------------------------------------------------------------------------------------


def _exists(load: Callable[[], Any]) -> bool:
    from aiida.common.exceptions import NotExistent

    try:
        load()
    except NotExistent:
        return False
    return True


def has_computer() -> bool:
    """Tell whether the computer ``localhost`` is there and configured."""
    from aiida import orm

    return (
        _exists(lambda: orm.load_computer(label=COMPUTER_LABEL))
        and orm.load_computer(label=COMPUTER_LABEL).is_configured
    )


def code_program(label: str) -> Path | None:
    """Return the program that a code of ``localhost`` runs, or ``None`` where there is no such code."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        return Path(str(orm.load_code(f'{label}@{COMPUTER_LABEL}').filepath_executable))
    except NotExistent:
        return None


def real_codes() -> list[str]:
    """Return the labels of the codes of CRYSTAL itself whose programs are there."""
    from aiida import orm

    from aiida_crystalmath.cli.chains import is_gone, is_standin

    query = orm.QueryBuilder().append(orm.InstalledCode, filters={'attributes.input_plugin': 'crystalmath.crystal23'})
    codes = [code for code in query.all(flat=True) if not code.is_hidden]
    return [code.full_label for code in codes if not is_standin(code) and not is_gone(code)]


def has_family(label: str) -> bool:
    """Tell whether a family of basis sets is installed."""
    from aiida import orm

    from aiida_crystalmath.data.basis_family import BasisSetFamily

    query = orm.QueryBuilder().append(BasisSetFamily, filters={'label': label})
    return bool(query.count())


def daemon_runs(name: str) -> bool:
    """Tell whether the daemon of profile ``name`` is running."""
    from aiida.engine.daemon.client import get_daemon_client

    return bool(get_daemon_client(name).is_daemon_running)


def make_computer() -> None:
    """Make and configure the computer ``localhost``; jobs run below the folder of the AiiDA configuration."""
    from aiida import orm

    workdir = Path(config_folder()) / 'scratch'
    workdir.mkdir(parents=True, exist_ok=True)
    _, computer = orm.Computer.collection.get_or_create(
        label=COMPUTER_LABEL,
        hostname='localhost',
        description='This machine, set up by crystalmath quickstart',
        transport_type='core.local',
        scheduler_type='core.direct',
        workdir=str(workdir),
    )
    computer.store()
    computer.set_minimum_job_poll_interval(1.0)
    computer.set_default_mpiprocs_per_machine(1)
    computer.set_use_double_quotes(False)
    computer.configure(safe_interval=0.0)


def make_code(label: str, path: str, plugin: str, with_mpi: bool) -> None:
    """Make a code on ``localhost`` for a program; an old one of that label, whose program is gone, is put aside.

    A stored code cannot be changed, and what it has run must stay true: it is renamed and hidden.
    """
    from aiida import orm

    if code_program(label) is not None:
        old = orm.load_code(f'{label}@{COMPUTER_LABEL}')
        old.label = f'{label}-gone-{old.pk}'
        old.is_hidden = True
    orm.InstalledCode(
        label=label,
        computer=orm.load_computer(label=COMPUTER_LABEL),
        filepath_executable=path,
        default_calc_job_plugin=plugin,
        with_mpi=with_mpi,
        prepend_text='export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}',
        description='Set up by crystalmath quickstart',
    ).store()


def make_family(label: str) -> None:
    """Install a basis-set family that ships with the package."""
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    BasisSetFamily.create_from_library(label)


def start_daemon(name: str) -> None:
    """Start the daemon of profile ``name`` with one worker."""
    from aiida.engine.daemon.client import DaemonException, get_daemon_client

    try:
        get_daemon_client(name).start_daemon(number_workers=1, timeout=DAEMON_TIMEOUT_S)
    except DaemonException as exception:
        fail(f'the daemon of profile "{name}" did not start: {exception}', f'See: verdi -p {name} daemon logshow')
