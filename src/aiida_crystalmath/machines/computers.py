"""Computers: the machines that jobs run on, as AiiDA knows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.profiles import config_folder

if TYPE_CHECKING:
    from aiida.orm import Computer

LOCALHOST = 'localhost'
SHEBANG = '#!/bin/bash -l'
"""A login shell, as the one in which AiiDA runs commands: jobs find there what was found when probing."""


@dataclass(frozen=True)
class ComputerSettings:
    """All that AiiDA is told of a computer.

    :param label: by which it is known; :param hostname: for SSH, the host or ``Host`` of ``~/.ssh/config``.
    :param scheduler: entry point in ``aiida.schedulers``; :param transport: in ``aiida.transports``.
    :param workdir: folder below which each job gets its own; ``{username}`` stands for the user there.
    :param mpirun: the words of the command that starts parallel programs.
    :param cores: processes a node takes.
    :param poll_interval_s: seconds between looks at the queue, at least.
    :param safe_interval_s: seconds between connections, at least.
    """

    label: str
    hostname: str
    transport: str
    scheduler: str
    workdir: str
    mpirun: tuple[str, ...] = ('mpirun', '-np', '{tot_num_mpiprocs}')
    cores: int = 1
    shebang: str = SHEBANG
    prepend_text: str = ''
    description: str = 'Set up by crystalmath'
    poll_interval_s: float = 10.0
    safe_interval_s: float = 5.0

    def setup(self) -> dict[str, Any]:
        """Return what ``verdi computer setup --config`` takes."""
        return {
            'label': self.label,
            'hostname': self.hostname,
            'description': self.description,
            'transport': self.transport,
            'scheduler': self.scheduler,
            'shebang': self.shebang,
            'work_dir': self.workdir,
            'mpirun_command': ' '.join(self.mpirun),
            'mpiprocs_per_machine': self.cores,
            'use_double_quotes': False,
            'prepend_text': self.prepend_text,
            'append_text': '',
        }

    def configuration(self) -> dict[str, Any]:
        """Return what ``verdi computer configure TRANSPORT LABEL --config`` takes."""
        own = {'host': self.hostname} if self.transport == 'core.ssh_async' else {}
        return {**own, 'use_login_shell': True, 'safe_interval': self.safe_interval_s}


def localhost_settings() -> ComputerSettings:
    """Return the settings of this machine without a scheduler; jobs run below the folder of AiiDA's configuration."""
    return ComputerSettings(
        label=LOCALHOST,
        hostname='localhost',
        transport='core.local',
        scheduler='core.direct',
        workdir=str(Path(config_folder()) / 'scratch').replace('{', '{{').replace('}', '}}'),
        shebang='#!/bin/bash',
        poll_interval_s=1.0,
        safe_interval_s=0.0,
    )


def has_computer(label: str = LOCALHOST) -> bool:
    """Tell whether a computer is there and configured."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        # By label, as a short word of hexadecimal digits would be taken for the beginning of a UUID.
        return bool(orm.load_computer(label=label).is_configured)
    except NotExistent:
        return False


def make_computer(settings: ComputerSettings | None = None) -> Computer:
    """Make and configure a computer, by default this machine; one that is there gets these settings.

    :raises MachineError: if the label belongs to a computer elsewhere, or a setting is not right.
    """
    from aiida import orm
    from aiida.common.exceptions import NotExistent, ValidationError

    chosen = settings or localhost_settings()
    if settings is None:
        Path(chosen.workdir.format()).mkdir(parents=True, exist_ok=True)
    try:
        computer = orm.load_computer(label=chosen.label)
        if (computer.hostname, computer.transport_type) != (chosen.hostname, chosen.transport):
            raise MachineError(
                f'the computer "{chosen.label}" is {computer.hostname} ({computer.transport_type}) already.',
                'Give the new one another name with --label.',
            )
    except NotExistent:
        computer = orm.Computer(label=chosen.label, hostname=chosen.hostname, transport_type=chosen.transport)
    computer.description = chosen.description
    try:
        computer.scheduler_type = chosen.scheduler
        computer.set_workdir(chosen.workdir)
        computer.set_mpirun_command(chosen.mpirun)
        computer.set_default_mpiprocs_per_machine(chosen.cores)
        computer.set_shebang(chosen.shebang)
        computer.set_prepend_text(chosen.prepend_text)
        computer.set_use_double_quotes(False)
        computer.set_minimum_job_poll_interval(chosen.poll_interval_s)
        computer.store()
        computer.configure(**chosen.configuration())
    except (ValidationError, ValueError) as exception:
        raise MachineError(f'the settings of computer "{chosen.label}" are not right: {exception}') from exception
    return computer
