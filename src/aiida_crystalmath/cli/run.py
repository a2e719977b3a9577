"""``crystalmath run``: from a structure file to a finished chain of calculations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile
from aiida_crystalmath.cli.repeats import FINGERPRINT, find_finished, fingerprint_of, read_file, stored_structure

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

CHAINS = {
    'characterise': 'optimisation, single point, bands and density of states',
    'geopt': 'geometry optimisation and a final single point',
    'bands': 'single point and band structure',
    'dos': 'single point and density of states',
    'scf': 'single point',
    'deck': 'the input file as it stands (.d12 only; the default for it)',
}
PROTOCOL_OPTIONS = {'protocol': 'protocol', 'moments': 'moment', 'metal': 'metal', 'overrides': 'overrides'}
"""Parameters of the command that shape what a protocol makes, and their names for people."""


@click.command()
@click.argument('file', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option('--protocol', help='fast, balanced or stringent.  [default: fast]')
@click.option(
    '--chain',
    type=click.Choice(list(CHAINS)),
    help='What to run. '
    + '; '.join(f'{name}: {text}' for name, text in CHAINS.items())
    + '.  [default: characterise; deck for a .d12]',
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
@click.option('--again', is_flag=True, help='Run even if the same has finished before.')
@click.option('--wait/--no-wait', default=True, show_default=True, help='Follow the progress until the end.')
@click.option('--json', 'as_json', is_flag=True, help='Print the result as JSON.')
@click.pass_context
def run(ctx: click.Context, /, file: Path, **options: Any) -> None:
    """Run a chain of calculations on the structure in FILE: a CIF, POSCAR, xyz, .gui/fort.34 or .d12.

    The daemon carries it out in the background: with Ctrl-C the display stops, the calculations go on. What has run
    well before is shown again, not repeated; what failed is run again.

    A .d12 runs as it stands. With --protocol (or --moment, --metal, --overrides, another --chain) only its structure is
    taken. With --json, stdout holds nothing but the JSON that "crystalmath show --json" prints. Exit status: 0 finished
    well, 1 not submitted, 2 failed, 130 stopped watching.
    """
    name = load_profile(ctx)
    node, is_old = launch(file, name, options)
    as_json = options['as_json']
    announce(node, name, is_old, as_json)
    if not options['wait']:
        if as_json:
            echo_json({'pk': node.pk, 'uuid': node.uuid, 'finished_before': is_old and node.is_terminated})
        else:
            click.echo(f'Later: crystalmath show {node.pk}')
        return
    finished_before = is_old and node.is_terminated
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
    """Submit the chain for ``file``, or find the same that ran before; return the node and whether it is old."""
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
    try:
        node = submit(builder)
    except ValueError as exception:
        fail(f'the inputs are not valid: {exception}')
    node.label = f'{file.name} {chain}'
    node.base.extras.set(FINGERPRINT, fingerprint)
    return node, False


def choose_chain(file: Path, options: dict[str, Any]) -> str:
    """Return the chain asked for; a ``.d12`` runs as it stands, unless options of a protocol are given."""
    from aiida_crystalmath.data.structure_files import StructureFileError, file_format

    try:
        is_deck = file_format(file.name) == 'd12'
    except StructureFileError as exception:
        fail(str(exception))
    chain = options['chain']
    of_protocol = [name for name in PROTOCOL_OPTIONS if options[name]]
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
        fail(f'--chain deck runs an input file as it stands, but {file.name} is a structure.', 'Use another chain.')
    if chain == 'deck' and of_protocol:
        names = ', '.join(f'--{PROTOCOL_OPTIONS[name]}' for name in of_protocol)
        fail(f'--chain deck runs {file.name} as it stands: {names} cannot change it.', 'Use another chain.')
    return str(chain)


def checked_builder(file: Path, chain: str, options: dict[str, Any]) -> Any:
    """Make the builder; nothing is stored before the file and the options are known to be good."""
    from aiida_crystalmath.cli.chains import make_builder
    from aiida_crystalmath.data.structure import from_geometry

    try:
        draft = from_geometry(read_file(file))
        make_builder(file, draft, chain, options)
        return make_builder(file, stored_structure(file), chain, options)
    except ValueError as exception:
        fail(str(exception))
    except OSError as exception:
        fail(f'{file}: {exception.strerror or exception}')


def ensure_daemon(profile: str) -> None:
    """Start the daemon if it is not running, and say so."""
    from aiida.engine.daemon.client import get_daemon_client

    if get_daemon_client(profile).is_daemon_running:
        return
    from aiida_crystalmath.cli.machine import start_daemon

    click.echo(f'The daemon of profile "{profile}" was not running: starting it.', err=True)
    start_daemon(profile)
