"""``crystalmath run``: from structure files to finished chains of calculations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.chains import CHAINS
from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile
from aiida_crystalmath.cli.repeats import (
    FINGERPRINT,
    find_failed,
    find_finished,
    fingerprint_of,
    read_file,
    stored_structure,
)

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

PROTOCOL_OPTIONS = {
    'protocol': 'protocol',
    'moments': 'moment',
    'metal': 'metal',
    'overrides': 'overrides',
    'arguments': 'set',
}
"""Parameters of the command that shape what a protocol makes, and their names for people."""

LIMITS = {'--max-memory-gb': 'max_memory_gb', '--walltime': 'walltime', '--mpi': 'n_mpi'}
"""Options that say what each job may take, and their parameters."""


@click.command()
@click.argument(
    'files', metavar='FILE...', nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option('--protocol', help='fast, balanced or stringent.  [default: fast]')
@click.option(
    '--chain',
    type=click.Choice(list(CHAINS)),
    metavar='CHAIN',
    help='What to run: '
    + '; '.join(f'{name}: {text}' for name, text in CHAINS.items())
    + '.  [default: characterise; deck for a .d12]',
)
@click.option(
    '--sequence',
    metavar='NAME|FILE',
    help='Run a sequence of steps instead: a ready-made one ("crystalmath sequence list") or a YAML file.',
)
@click.option(
    '--set',
    'arguments',
    multiple=True,
    metavar='NAME=VALUE',
    help='Argument of the chain itself, e.g. relax_type=positions (repeat); a wrong name lists those there are.',
)
@click.option('--code', help='Code for crystal (label@computer or PK); default: the only one there is.')
@click.option('--properties-code', help='Code for properties; default: the one that goes with --code.')
@click.option(
    '--moment', 'moments', multiple=True, metavar='KIND=MOMENT', help='Starting spin moment, e.g. Fe=2 (repeat).'
)
@click.option('--metal', is_flag=True, help='Treat as a metal: smear the occupations.')
@click.option(
    '--overrides',
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='YAML file that changes the protocol.',
)
@click.option(
    '--max-memory-gb',
    type=click.FloatRange(min=0, min_open=True),
    help='Memory limit of each job, for schedulers that want one.',
)
@click.option('--walltime', type=click.IntRange(min=1), metavar='SECONDS', help='Wall-time limit of each job.')
@click.option('--mpi', 'n_mpi', type=click.IntRange(min=1), help='MPI ranks for each job (parallel codes).')
@click.option(
    '--resources',
    type=click.Choice(['auto']),
    metavar='auto',
    help='Ask for the time, ranks and memory that "crystalmath resources" suggests, for each run of crystal.',
)
@click.option(
    '--max-running',
    type=click.IntRange(min=1),
    metavar='N',
    help='Of many files, how many run at once.  [default: the cores of this machine; 50 on another]',
)
@click.option('--again', is_flag=True, help='Run even if the same has finished before.')
@click.option('--wait/--no-wait', default=True, show_default=True, help='Follow the progress until the end.')
@click.option('--json', 'as_json', is_flag=True, help='Print the result as JSON.')
@click.pass_context
def run(ctx: click.Context, /, files: tuple[Path, ...], **options: Any) -> None:
    """Run a chain of calculations on the structure in FILE: a CIF, POSCAR, xyz, .gui/fort.34 or .d12.

    The daemon carries it out in the background: with Ctrl-C the display stops, the calculations go on. What has run
    well before is shown again, not repeated; what failed is run again.

    Many files run side by side, and a table shows how far each is: one that fails, or cannot be read, stops no other.
    The same command again goes on where it stopped.

    A .d12 runs as it stands. With --protocol (or --moment, --metal, --overrides, --sequence, another --chain) only its
    structure is taken. With --json, stdout holds nothing but the JSON that "crystalmath show --json" prints, for many
    files a list of all. Exit status: 0 finished well, 1 not submitted, 2 failed (or the command line is wrong), 130
    stopped watching.
    """
    check_options(options)
    name = load_profile(ctx)
    if len(files) > 1:
        from aiida_crystalmath.cli.campaign import run_many

        run_many(list(dict.fromkeys(files)), name, options)
        return
    try:
        node, is_old = launch(files[0], name, options)
    except ValueError as exception:
        fail(str(exception))
    announce(node, name, is_old, options['as_json'])
    finish(node, is_old and node.is_terminated, options)


def check_options(options: dict[str, Any]) -> None:
    """Exit with an explanation if options contradict each other."""
    if options['sequence'] and options['chain']:
        fail('--chain and --sequence are both given: keep one.')
    if options['sequence'] and options['arguments']:
        fail(
            '--set is for the arguments of one chain; those of a step stand in the file of the sequence.',
            'crystalmath sequence show NAME > my.yaml',
        )
    limits = [name for name, key in LIMITS.items() if options[key]]
    if options['resources'] and limits:
        fail(f'--resources auto and {", ".join(limits)} are both given: keep one, or name limits under --overrides.')
    if options['max_running'] and not options['wait']:
        fail('--max-running needs this command to stay: leave out --no-wait.')


def finish(node: ProcessNode, finished_before: bool, options: dict[str, Any]) -> None:
    """Follow one process to its end and show its results; leave with 2 if it failed."""
    as_json = options['as_json']
    if not options['wait']:
        if as_json:
            echo_json({'pk': node.pk, 'uuid': node.uuid, 'finished_before': finished_before})
        else:
            click.echo(f'Later: crystalmath show {node.pk}')
        return
    if not finished_before:
        wait_for(node)
    from aiida_crystalmath.cli.summary import summarise

    summary = summarise(node)
    if as_json:
        echo_json({**summary, 'finished_before': finished_before})
    else:
        from aiida_crystalmath.cli.show import print_summary

        print_summary(summary, console())
    if not node.is_finished_ok:
        sys.exit(2)


def announce(node: ProcessNode, profile: str, is_old: bool, as_json: bool) -> None:
    """Say on stderr what was submitted or found; for a script only what it cannot see in the JSON."""
    if is_old and node.is_terminated:
        click.echo(
            f'The same has been run before, as PK {node.pk}: nothing is repeated (--again runs it anew).', err=True
        )
    elif is_old:
        click.echo(f'The same is being run already, as PK {node.pk} (--again starts another).', err=True)
    elif not as_json:
        click.echo(f'Submitted {node.process_label} with PK {node.pk} to the daemon of profile "{profile}".', err=True)


def wait_for(node: ProcessNode) -> None:
    """Follow ``node`` to its end; Ctrl-C leaves it running and says so."""
    from aiida_crystalmath.cli.progress import follow

    try:
        follow(node)
    except KeyboardInterrupt:
        click.echo(f'\nStopped watching; the calculations go on. Later: crystalmath show {node.pk}', err=True)
        sys.exit(130)


def launch(file: Path, profile: str, options: dict[str, Any]) -> tuple[ProcessNode, bool]:
    """Submit the chain for ``file``, or find the same that ran before; return the node and whether it is old.

    A sequence that failed before is run again with what finished well in it.

    :raises ValueError: if the file or an option is wrong.
    """
    from aiida.engine import submit

    chain = choose_chain(file, options)
    builder = checked_builder(file, chain, options)
    fingerprint = fingerprint_of(builder, chain)
    old = None if options['again'] else find_finished(fingerprint)
    if old is not None and old.is_terminated:
        return old, True
    ensure_daemon(profile)
    if old is not None:
        return old, True
    if options['sequence'] and not options['again'] and find_failed(fingerprint) is not None:
        builder.use_cache = True
    try:
        node = submit(builder)
    except ValueError as exception:
        reason = str(exception).removeprefix("Error occurred validating port 'inputs': ")
        raise ValueError(f'the inputs are not valid: {reason}') from exception
    node.label = f'{file.name} {chain}'
    node.base.extras.set(FINGERPRINT, fingerprint)
    return node, False


def choose_chain(file: Path, options: dict[str, Any]) -> str:
    """Return the chain asked for; a ``.d12`` runs as it stands, unless options of a protocol are given.

    :raises ValueError: if the file is of no known kind, or does not go with the chain.
    """
    from aiida_crystalmath.data.structure_files import file_format

    is_deck = file_format(file.name) == 'd12'
    if options.get('sequence'):
        return Path(options['sequence']).stem
    chain = options['chain']
    of_protocol = [name for name in PROTOCOL_OPTIONS if options.get(name)]
    if chain is None:
        if not is_deck:
            return 'characterise'
        if not of_protocol:
            return 'deck'
        click.echo(
            f'Only the structure is taken from {file.name}: options of a protocol are given. Without them it runs as '
            'it stands.',
            err=True,
        )
        return 'characterise'
    if chain == 'deck' and not is_deck:
        raise ValueError(
            f'--chain deck runs an input file as it stands, but {file.name} is a structure: use another chain.'
        )
    if chain == 'deck' and of_protocol:
        names = ', '.join(f'--{PROTOCOL_OPTIONS[name]}' for name in of_protocol)
        raise ValueError(f'--chain deck runs {file.name} as it stands: {names} cannot change it: use another chain.')
    return str(chain)


def checked_builder(file: Path, chain: str, options: dict[str, Any]) -> Any:
    """Make the builder; nothing is stored before the file and the options are known to be good.

    :raises ValueError: if they are not.
    """
    from aiida_crystalmath.cli.chains import make_builder
    from aiida_crystalmath.data.structure import from_geometry

    try:
        draft = from_geometry(read_file(file))
        make_builder(file, draft, chain, options)
        return make_builder(file, stored_structure(file), chain, options)
    except OSError as exception:
        raise ValueError(f'{file}: {exception.strerror or exception}') from exception


def ensure_daemon(profile: str) -> None:
    """Start the daemon if it is not running, and say so."""
    from aiida.engine.daemon.client import get_daemon_client

    if get_daemon_client(profile).is_daemon_running:
        return
    from aiida_crystalmath.machines.daemon import start_daemon

    click.echo(f'The daemon of profile "{profile}" was not running: starting it.', err=True)
    start_daemon(profile)
