"""``crystalmath d12``: the input that would be run, without AiiDA and without running anything."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aiida_crystalmath.cli.common import fail

TASKS = ('sp', 'opt')


@click.command()
@click.argument('file', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option('--protocol', default='fast', show_default=True, help='fast, balanced or stringent.')
@click.option('--task', type=click.Choice(TASKS), default='sp', show_default=True, help='Single point or optimisation.')
@click.option(
    '-o', '--output', type=click.Path(path_type=Path), help='Write to this file (and fort.34 beside it, if any).'
)
@click.option('--external', is_flag=True, help='Print the geometry file (fort.34) instead, where the input needs one.')
def d12(file: Path, protocol: str, task: str, output: Path | None, external: bool) -> None:
    """Print the CRYSTAL input that a protocol makes for the structure in FILE.

    FILE is a CIF, POSCAR, xyz, .gui/fort.34 or .d12. Nothing is run or stored.
    """
    from aiida_crystalmath.cli.protocol_deck import deck_for

    try:
        deck = deck_for(file, protocol, task)
    except ValueError as exception:
        fail(str(exception))
    if external and deck.external is None:
        fail('this input carries its geometry itself: it needs no fort.34.')
    text = deck.external if external else deck.text
    if output is None:
        click.echo(text, nl=False)
        if deck.external is not None and not external:
            click.echo('note: this input reads its geometry from fort.34; print it with --external.', err=True)
        sys.stdout.flush()
        return
    output.write_text(text or '')
    click.echo(f'wrote {output}', err=True)
    if deck.external is not None and not external:
        beside = output.parent / 'fort.34'
        beside.write_text(deck.external)
        click.echo(f'wrote {beside}', err=True)
