"""``crystalmath d12``: the input that would be run, without AiiDA and without running anything."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aiida_crystalmath.cli.common import fail

TASKS = ('sp', 'opt')


@click.command()
@click.argument('file', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option('--protocol', help='fast, balanced or stringent.  [default: fast; none for a .d12]')
@click.option('--task', type=click.Choice(TASKS), help='Single point or optimisation.  [default: sp]')
@click.option(
    '-o',
    '--output',
    type=click.Path(dir_okay=False, path_type=Path),
    help='Write to this file (and fort.34 beside it, if any).',
)
@click.option('--external', is_flag=True, help='Print the geometry file (fort.34) instead, where the input needs one.')
@click.option('--force', is_flag=True, help='Write over files that exist.')
def d12(
    file: Path, *, protocol: str | None, task: str | None, output: Path | None, external: bool, force: bool
) -> None:
    """Print the CRYSTAL input that a protocol makes for the structure in FILE.

    FILE is a CIF, POSCAR, xyz, .gui/fort.34 or .d12. Nothing is run or stored. A .d12 is printed as it stands, written
    anew (so it also shows whether and how it is understood); with --protocol only its structure is taken.
    """
    text, geometry_file = make(file, protocol, task)
    if external and geometry_file is None:
        if 'EXTERNAL' in text.split():
            fail(
                f'{file.name} takes its geometry from a fort.34 that is not beside it.',
                'Put the .gui or fort.34 there.',
            )
        fail('this input carries its geometry itself: it needs no fort.34.')
    printed = (geometry_file if external else text) or ''
    if output is None:
        click.echo(printed, nl=False)
        if geometry_file is not None and not external:
            click.echo('note: this input reads its geometry from fort.34; print it with --external.', err=True)
        sys.stdout.flush()
        return
    write(output, printed, force)
    if geometry_file is not None and not external:
        write(output.parent / 'fort.34', geometry_file, force)


def make(file: Path, protocol: str | None, task: str | None) -> tuple[str, str | None]:
    """Return the text of the input, and that of the fort.34 it reads, if any; exits with the reason on failure."""
    from aiida_crystalmath.cli.protocol_deck import deck_as_it_stands, deck_for
    from aiida_crystalmath.data.structure_files import file_format

    try:
        if file_format(file.name) == 'd12' and protocol is None:
            if task is not None:
                fail('--task shapes what a protocol makes; a .d12 is printed as it stands.', 'Give --protocol as well.')
            return deck_as_it_stands(file)
        deck = deck_for(file, protocol or 'fast', task or 'sp')
    except ValueError as exception:
        fail(str(exception))
    except OSError as exception:
        fail(f'{file}: {exception.strerror or exception}')
    return deck.text, deck.external


def write(path: Path, text: str, force: bool) -> None:
    """Write a file and say so; one that exists with other content is kept unless ``force``."""
    if path.exists() and not force and path.read_text(errors='replace') != text:
        fail(f'{path} exists already, and is left as it is.', 'Write over it with --force.')
    try:
        path.write_text(text)
    except OSError as exception:
        fail(f'cannot write {path}: {exception.strerror or exception}')
    click.echo(f'wrote {path}', err=True)
