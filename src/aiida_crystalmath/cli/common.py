"""What the commands share: loading the profile, loading nodes, talking to people and to scripts."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from aiida_crystalmath.machines.profiles import aiida_config

if TYPE_CHECKING:
    from aiida.orm import Node, ProcessNode, StructureData
    from rich.console import Console

PROFILE_NAME = 'crystalmath'
"""Name of the profile that quickstart makes."""


def fail(message: str, hint: str = '', code: int = 1) -> NoReturn:
    """Print an error a person can act on to stderr and leave with ``code``."""
    click.secho(f'Error: {message}', fg='red', err=True)
    if hint:
        click.echo(hint, err=True)
    sys.exit(code)


def console(stderr: bool = False) -> Console:
    """Return a console that stays plain, and wide enough for a table row, when nobody watches it."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else 110)


def echo_json(data: Any) -> None:
    """Print ``data`` as JSON on stdout."""
    click.echo(json.dumps(data, indent=2, default=str))


def profile_name(ctx: click.Context) -> str | None:
    """Return the profile to use: ``-p``, else the one of quickstart, else the default of AiiDA, else ``None``."""
    asked = (ctx.find_root().obj or {}).get('profile')
    if asked:
        return str(asked)
    config = aiida_config()
    if config is None:
        return None
    if PROFILE_NAME in config.profile_names:
        return PROFILE_NAME
    default: str | None = config.default_profile_name
    return default


def load_profile(ctx: click.Context) -> str:
    """Load the profile for a command and return its name.

    Exits with an explanation when there is none.
    """
    name = profile_name(ctx)
    if name is None or aiida_config() is None:
        fail('there is no AiiDA profile yet.', 'Run "crystalmath quickstart" once; it sets everything up.')
    from aiida.common.exceptions import ConfigurationError, ProfileConfigurationError
    from aiida.manage.configuration import load_profile as aiida_load_profile

    try:
        aiida_load_profile(name)
    except (ConfigurationError, ProfileConfigurationError) as exception:
        fail(
            f'the AiiDA profile "{name}" cannot be loaded: {exception}',
            'List the profiles with "verdi profile list", or run "crystalmath quickstart".',
        )
    return name


def load_any(identifier: str) -> Node:
    """Load a node by PK, UUID or label; exits with an explanation when there is none."""
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        return orm.load_node(identifier)
    except NotExistent:
        fail(f'there is no node "{identifier}" in this profile.', 'List what there is with "verdi process list -a".')
    except (MultipleObjectsError, ValueError) as exception:
        fail(
            f'"{identifier}" is no PK and no UUID of one node: {exception}',
            'List what there is with "verdi process list -a".',
        )


def load_process(identifier: str) -> ProcessNode:
    """Load a process by PK, UUID or label, or the one that made a data node; exits if there is none."""
    from aiida import orm

    node = load_any(identifier)
    if isinstance(node, orm.ProcessNode):
        return node
    creator = getattr(node, 'creator', None)
    if creator is None:
        fail(
            f'node {identifier} is data ({type(node).__name__}), and no calculation made it.',
            f'Look at it with "verdi node show {node.pk}"; list processes with "verdi process list -a".',
        )
    return creator  # type: ignore[no-any-return]


def formula_of(structure: StructureData) -> str:
    """Return the formula as chemists write it: reduced for what repeats (``MgO``), whole for a molecule (``C6H6``)."""
    formula: str = structure.get_formula('hill_compact' if any(structure.pbc) else 'hill')
    return formula
