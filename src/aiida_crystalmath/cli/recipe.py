"""What is to be run on a file: the options that say it, and the builder they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from aiida_crystalmath.cli import many_body
from aiida_crystalmath.cli.chains import CHAINS
from aiida_crystalmath.cli.common import fail
from aiida_crystalmath.cli.repeats import read_file, stored_structure

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

OPTIONS = [
    click.option('--protocol', help='fast, balanced or stringent.  [default: fast]'),
    click.option(
        '--chain',
        type=click.Choice(list(CHAINS)),
        metavar='CHAIN',
        help='What to run: '
        + '; '.join(f'{name}: {text}' for name, text in CHAINS.items())
        + '.  [default: characterise; deck for a .d12]',
    ),
    click.option(
        '--sequence',
        metavar='NAME|FILE',
        help='Run a sequence of steps instead: a ready-made one ("crystalmath sequence list") or a YAML file.',
    ),
    click.option(
        '--set',
        'arguments',
        multiple=True,
        metavar='NAME=VALUE',
        help='Argument of the chain itself, e.g. relax_type=positions (repeat); a wrong name lists those there are.',
    ),
    click.option('--code', help='Code for crystal (label@computer or PK); default: the only one there is.'),
    click.option('--properties-code', help='Code for properties; default: the one that goes with --code.'),
    click.option('--pw-code', metavar='CODE', help='Code for pw.x (gw, bse); default: the only one there is.'),
    click.option('--p2y-code', metavar='CODE', help='Code for p2y (gw, bse); default: the one on that computer.'),
    click.option('--yambo-code', metavar='CODE', help='Code for yambo (gw, bse); default: likewise.'),
    click.option('--ypp-code', metavar='CODE', help='Code for ypp (bse), if it is needed; default: likewise.'),
    click.option(
        '--pseudo-family',
        metavar='LABEL',
        help='Norm-conserving pseudopotentials of aiida-pseudo (gw, bse); default: the only ones with all elements.',
    ),
    click.option(
        '--moment', 'moments', multiple=True, metavar='KIND=MOMENT', help='Starting spin moment, e.g. Fe=2 (repeat).'
    ),
    click.option('--metal', is_flag=True, help='Treat as a metal: smear the occupations.'),
    click.option(
        '--overrides',
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help='YAML file that changes the protocol.',
    ),
    click.option(
        '--max-memory-gb',
        type=click.FloatRange(min=0, min_open=True),
        help='Memory limit of each job, for schedulers that want one.',
    ),
    click.option('--walltime', type=click.IntRange(min=1), metavar='SECONDS', help='Wall-time limit of each job.'),
    click.option('--mpi', 'n_mpi', type=click.IntRange(min=1), help='MPI ranks for each job (parallel codes).'),
    click.option(
        '--resources',
        type=click.Choice(['auto']),
        metavar='auto',
        help='Ask for the time, ranks and memory that "crystalmath resources" suggests, for each run of crystal.',
    ),
]

C = TypeVar('C', bound=Callable[..., Any])


def recipe_options(command: C) -> C:
    """Give a command the options that say what is to be run."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def check_recipe(options: dict[str, Any]) -> None:
    """Exit with an explanation if options contradict each other."""
    if options['sequence'] and options['chain']:
        fail('--chain and --sequence are both given: keep one.')
    many_body.check_options(options)
    if options['sequence'] and options['arguments']:
        fail(
            '--set is for the arguments of one chain; those of a step stand in the file of the sequence.',
            'crystalmath sequence show NAME > my.yaml',
        )
    limits = [name for name, key in LIMITS.items() if options[key]]
    if options['resources'] and limits:
        fail(f'--resources auto and {", ".join(limits)} are both given: keep one, or name limits under --overrides.')


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
