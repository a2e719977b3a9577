"""``crystalmath setup``: one thing at a time, for production; quickstart is for this machine alone."""

from __future__ import annotations

import click

from aiida_crystalmath.cli import LazyGroup

COMMANDS = {
    'profile': (
        'aiida_crystalmath.cli.setup_profile:profile',
        'A profile on PostgreSQL, with RabbitMQ or ZeroMQ.',
    ),
    'computer': (
        'aiida_crystalmath.cli.setup_computer:computer',
        'A cluster, over SSH, with what scheduler it has.',
    ),
    'code': ('aiida_crystalmath.cli.setup_code:code', 'The programs of CRYSTAL on a computer.'),
    'supervisor': (
        'aiida_crystalmath.cli.setup_supervisor:supervisor',
        'Something that looks after the daemon by itself.',
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def setup() -> None:
    """Set up a profile, a computer or codes for production.

    Each can be run again: what is there already is checked and left.
    """
