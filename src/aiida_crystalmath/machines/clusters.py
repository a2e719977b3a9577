"""From what was found on a machine, and what was asked for, to the settings of a computer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from aiida_crystalmath.machines.computers import ComputerSettings
from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.probe import DIRECTIVES, SCHEDULERS, Machine
from aiida_crystalmath.machines.shell import Shell

WORKDIR = 'crystalmath'
"""Folder for jobs, below the one for scratch."""

WORD = frozenset('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,:+@/')
"""Characters of the names of queues and accounts; anything else could end the line of a job script."""


def suggest(machine: Machine, label: str, hostname: str, transport: str) -> ComputerSettings:
    """Return the settings that follow from what was found.

    :param hostname: as the transport takes it.
    :param transport: entry point in ``aiida.transports``.
    """
    partition = machine.partition()
    return ComputerSettings(
        label=label,
        hostname=hostname,
        transport=transport,
        scheduler=SCHEDULERS[machine.scheduler],
        workdir=f'{_plain(machine.folders[0])}/{WORKDIR}' if machine.folders else '',
        mpirun=machine.mpirun(),
        cores=partition.cores if partition else machine.login_cores if machine.scheduler == 'none' else 1,
        poll_interval_s=10.0 if transport == 'core.ssh_async' else 1.0,
        safe_interval_s=5.0 if transport == 'core.ssh_async' else 0.0,
    )


def asked_for(settings: ComputerSettings, machine: Machine, options: Mapping[str, Any]) -> ComputerSettings:
    """Return the settings with what was asked for in place of what was found.

    :param options: any of ``scratch``, ``mpirun``, ``cores``, ``queue``,
        ``account``, ``qos``, ``prepend``, ``poll_interval``, ``safe_interval``; ``None`` for what was not.
    :raises MachineError: for a partition that there is not, a name that is no name, or a folder that is relative.
    """
    given = {name: value for name, value in options.items() if value is not None}
    kind = machine.scheduler
    if kind == 'slurm' and not machine.partitions:
        raise MachineError(
            'SLURM is installed there, but sinfo names no partition: it does not answer.',
            'Look with "sinfo" there. If it is not meant to be used: --scheduler none.',
        )
    if 'queue' in given and kind == 'slurm' and 'cores' not in given:
        partition = machine.partition(given['queue'])
        given['cores'] = partition.cores if partition else settings.cores
    changes: dict[str, Any] = {
        'scheduler': SCHEDULERS[kind],
        'prepend_text': '\n'.join([*_directives(kind, given), *([given['prepend']] if 'prepend' in given else [])]),
    }
    if 'scratch' in given:
        changes['workdir'] = _plain(given['scratch'])
    if 'mpirun' in given:
        changes['mpirun'] = tuple(given['mpirun'].split())
    for name, target in (
        ('cores', 'cores'),
        ('poll_interval', 'poll_interval_s'),
        ('safe_interval', 'safe_interval_s'),
    ):
        if name in given:
            changes[target] = given[name]
    settings = replace(settings, **changes)
    if not settings.workdir.startswith('/'):
        raise MachineError(
            f'the folder for jobs, "{settings.workdir}", is no absolute path, or none can be written to.',
            'Give one with --scratch.',
        )
    return settings


def _plain(folder: str) -> str:
    """Return a path in which AiiDA replaces nothing."""
    return folder.rstrip('/').replace('{', '{{').replace('}', '}}')


def _directives(kind: str, given: Mapping[str, Any]) -> list[str]:
    """Return the lines of the job script for queue, account and quality of service."""
    lines = []
    for name in ('queue', 'account', 'qos'):
        if name not in given:
            continue
        if name not in DIRECTIVES[kind]:
            raise MachineError(f'--{name} means nothing to the scheduler "{kind}".')
        if not given[name] or not set(given[name]) <= WORD:
            raise MachineError(f'--{name} {given[name]!r} is no name.')
        lines.append(DIRECTIVES[kind][name].format(given[name]))
    return lines


def check_workdir(shell: Shell, workdir: str, write: bool = True) -> str:
    """Make the folder for jobs, see that files can be written there, and return how much room it has, in words.

    :param workdir: as AiiDA has it, with doubled braces.
    :param write: else nothing is made: the nearest folder above that is there is looked at.
    :raises MachineError: if that cannot be.
    """
    folder = quote(workdir.format(username='USER'))
    make = f'mkdir -p -- {folder} && touch -- {folder}/.trial && rm -- {folder}/.trial && df -Pk -- {folder}'
    look = (
        f'd={folder}; while [ ! -e "$d" ]; do d=$(dirname -- "$d"); done; '
        'if [ -w "$d" ]; then df -Pk -- "$d"; else echo "$d cannot be written to" >&2; false; fi'
    )
    try:
        lines = shell.run(make if write else look).splitlines()
    except MachineError as exception:
        raise MachineError(str(exception), 'Give another folder with --scratch.') from exception
    free_kb = int(lines[-1].split()[3]) if len(lines) > 1 else 0
    return f'{free_kb / 1024**2:.0f} GB free'


def write_yaml(settings: ComputerSettings, folder: Path) -> tuple[Path, Path]:
    """Write the files for ``verdi computer setup --config`` and ``verdi computer configure ... --config``.

    They are named as ``verdi computer export`` names them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind, content in (('setup', settings.setup()), ('config', settings.configuration())):
        path = folder / f'{settings.label}-{kind}.yaml'
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding='utf-8')
        paths.append(path)
    return paths[0], paths[1]
