"""``crystalmath setup computer``: a cluster, from no more than the way to it."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile
from aiida_crystalmath.cli.steps import Step, print_steps
from aiida_crystalmath.machines.probe import SCHEDULERS

if TYPE_CHECKING:
    from aiida_crystalmath.machines.computers import ComputerSettings
    from aiida_crystalmath.machines.probe import Machine


@click.command()
@click.argument('target', metavar='[USER@]HOST[:PORT]')
@click.option('--label', help='Its name in AiiDA (default: the first word of the host).')
@click.option('--scratch', metavar='DIR', help='Folder for jobs (default: crystalmath below $SCRATCH, $WORK or $HOME).')
@click.option('--scheduler', type=click.Choice(list(SCHEDULERS)), help='Where it is not found by itself.')
@click.option('--partition', '--queue', 'queue', help='Where jobs go (default: where the scheduler puts them).')
@click.option('--account', help='Who pays.')
@click.option('--qos', help='Quality of service (SLURM).')
@click.option('--cores', type=click.IntRange(1), help='Processes a node takes (default: what SLURM says).')
@click.option('--mpirun', metavar='COMMAND', help='How parallel programs start: "srun -n {tot_num_mpiprocs}".')
@click.option('--prepend', metavar='TEXT', help='Lines for the top of every job script.')
@click.option('--poll-interval', type=click.FloatRange(0), help='Seconds between looks at the queue.')
@click.option('--safe-interval', type=click.FloatRange(0), help='Seconds between connections.')
@click.option('--identity', type=click.Path(path_type=Path), help='Private key, if ~/.ssh/config names none.')
@click.option('--known-hosts', type=click.Path(path_type=Path), help='File with the host key, likewise.')
@click.option('--yaml', 'folder', type=click.Path(path_type=Path), help="Folder for verdi's files (default: here).")
@click.option('--test/--no-test', default=True, show_default=True, help='Run a tiny job.')
@click.option('--test-timeout', default=600.0, show_default=True, help='Seconds to wait for it.')
@click.option('--dry-run', is_flag=True, help='Only look, and say what would be made.')
@click.option('--json', 'as_json', is_flag=True, help='Print what was found and made as JSON.')
@click.pass_context
def computer(ctx: click.Context, /, target: str, **options: Any) -> None:
    """Set up a machine that jobs run on.

    It is reached by SSH as ~/.ssh/config says; "localhost" is this machine. Scheduler, folder for scratch, cores and
    the command for parallel programs are looked for there; an option overrules what is found. Run it again to change
    something: jobs that were submitted are not touched.
    """
    from aiida_crystalmath.machines.clusters import asked_for, check_workdir, suggest, write_yaml
    from aiida_crystalmath.machines.computers import has_computer, make_computer
    from aiida_crystalmath.machines.probe import probe
    from aiida_crystalmath.machines.shell import open_shell, without_broker
    from aiida_crystalmath.machines.ssh import parse_target, way_to
    from aiida_crystalmath.machines.trial import try_computer

    profile = load_profile(ctx)
    ctx.with_resource(without_broker())
    where = parse_target(target)
    label = options['label'] or where.label
    if not re.fullmatch(r'[A-Za-z0-9_][A-Za-z0-9_.-]*', label):
        fail(f'--label {label!r}: use letters, digits, dots, underscores and hyphens.')
    transport = 'core.local' if where.is_here else 'core.ssh_async'
    write = not options['dry_run']
    way = way_to(where, label, options['identity'], options['known_hosts'], write)
    with nullcontext(where.host) if where.is_here else way as hostname, open_shell(transport, hostname) as shell:
        machine = probe(shell).with_scheduler(options['scheduler'])
        settings = asked_for(suggest(machine, label, hostname, transport), machine, options)
        room = check_workdir(shell, settings.workdir, write)
    steps = found_steps(machine, settings, room)
    if not options['dry_run']:
        there = has_computer(label)
        made = make_computer(settings)
        steps.append(Step('computer', there, f'{label}: {"settings renewed" if there else hostname}', done=True))
        files = write_yaml(settings, options['folder'] or Path())
        steps.append(Step('files', False, ' '.join(map(str, files)), done=True))
    if not options['as_json']:
        print_steps(steps, console(), options['dry_run'])
        for line in advice(machine, settings):
            click.echo(line)
    seconds = None
    if options['test'] and not options['dry_run'] and kind_of(settings) != 'sge':
        seconds = try_computer(made, options['test_timeout'])
    if options['as_json']:
        echo_json(
            {
                'computer': label,
                'profile': profile,
                'settings': settings.setup() | settings.configuration(),
                'trial_seconds': seconds,
                'steps': [step.as_dict(options['dry_run']) for step in steps],
            }
        )
        return
    if seconds is not None:
        click.echo(f'A trial job was submitted, run, retrieved and parsed in {seconds:.0f} s.')
    if not options['dry_run']:
        click.echo(f'\nNext: crystalmath setup code {label}')


def found_steps(machine: Machine, settings: ComputerSettings, room: str) -> list[Step]:
    """Say in rows what was found."""
    partitions = ', '.join(
        f'{item.name}{"*" if item.is_default else ""} ({item.nodes} x {item.cores} cores, {item.limit})'
        for item in machine.partitions
    )
    kind = kind_of(settings)
    return [
        Step('connection', True, f'{machine.user}@{settings.hostname}', word='found'),
        Step('scheduler', True, f'{kind}{f": {partitions}" if partitions else ""}', word='found'),
        Step('scratch', True, f'{settings.workdir} ({room})', word='found'),
        Step('parallel', True, f'{" ".join(settings.mpirun)}, {settings.cores} processes a node', word='found'),
    ]


def kind_of(settings: ComputerSettings) -> str:
    """Return the scheduler in a word."""
    return next(name for name, entry in SCHEDULERS.items() if entry == settings.scheduler)


def advice(machine: Machine, settings: ComputerSettings) -> list[str]:
    """Say what will not work as well as it could."""
    lines = []
    if settings.scheduler == SCHEDULERS['slurm'] and machine.scheduler == 'slurm' and not machine.has_accounts:
        lines.append(
            'SLURM keeps no accounts here (sacct does not answer): a job stopped for its memory may look like a '
            'failure of the program.'
        )
    if settings.cores == 1 and machine.scheduler not in ('slurm', 'none'):
        lines.append('How many cores a node has cannot be asked from this scheduler: give --cores N.')
    if settings.mpirun[0] not in machine.programs:
        lines.append(
            f'{settings.mpirun[0]} is not there without modules: "crystalmath setup code --module ..." checks it.'
        )
    return lines
