"""``crystalmath run``: from structure files to finished chains of calculations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli import many_body
from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile
from aiida_crystalmath.cli.recipe import check_recipe, checked_builder, choose_chain, recipe_options
from aiida_crystalmath.cli.repeats import FINGERPRINT, find_failed, find_finished, fingerprint_of

if TYPE_CHECKING:
    from aiida.orm import ProcessNode


@click.command()
@click.argument('files', metavar='FILE...', nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@recipe_options
@click.option(
    '--from',
    'from_chain',
    metavar='PK',
    help='Instead of FILE: a finished run of CRYSTAL, for its structure and to compare its gap with (gw, bse).',
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
    if bool(files) == bool(options['from_chain']):
        raise click.UsageError('give a FILE, or --from PK, and not both.' if files else 'Missing argument FILE...')
    name = load_profile(ctx)
    if len(files) > 1:
        from aiida_crystalmath.cli.many import run_many

        run_many(list(dict.fromkeys(files)), name, options)
        return
    try:
        node, is_old = launch(files[0] if files else None, name, options)
    except ValueError as exception:
        fail(str(exception))
    announce(node, name, is_old, options['as_json'])
    finish(node, is_old and node.is_terminated, options)


def check_options(options: dict[str, Any]) -> None:
    """Exit with an explanation if options contradict each other."""
    check_recipe(options)
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


def launch(file: Path | None, profile: str, options: dict[str, Any]) -> tuple[ProcessNode, bool]:
    """Submit the chain for ``file``, or find the same that ran before; return the node and whether it is old.

    A sequence that failed before is run again with what finished well in it.

    :param file: ``None`` to begin with the finished chain of ``--from``.

    :raises ValueError: if the file or an option is wrong.
    """
    from aiida.engine import submit

    if file is not None:
        chain = choose_chain(file, options)
        builder, origin = checked_builder(file, chain, options), file.name
    else:
        chain = str(options['chain'])
        builder, origin = many_body.make_builder(None, chain, options), f'PK {options["from_chain"]}'
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
    node.label = f'{origin} {chain}'
    node.base.extras.set(FINGERPRINT, fingerprint)
    return node, False


def ensure_daemon(profile: str) -> None:
    """Start the daemon if it is not running, and say so."""
    from aiida.engine.daemon.client import get_daemon_client

    if get_daemon_client(profile).is_daemon_running:
        return
    from aiida_crystalmath.machines.daemon import start_daemon

    click.echo(f'The daemon of profile "{profile}" was not running: starting it.', err=True)
    start_daemon(profile)
