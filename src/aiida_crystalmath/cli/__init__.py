"""The ``crystalmath`` command. Each command lives in a module of its own and is imported only when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    'quickstart': (
        'aiida_crystalmath.cli.quickstart:quickstart',
        'Set everything up on this machine; run it as often as you like.',
    ),
    'setup': (
        'aiida_crystalmath.cli.setup:setup',
        'Set up one thing: a profile on PostgreSQL, a cluster, codes on it.',
    ),
    'doctor': (
        'aiida_crystalmath.cli.doctor:doctor',
        'Look at all that calculations need, and mend what can be mended.',
    ),
    'run': ('aiida_crystalmath.cli.run:run', 'Run a chain or a sequence of calculations on structure files.'),
    'campaign': (
        'aiida_crystalmath.cli.campaign:campaign',
        'Many files that the daemon submits little by little: start, add, status, pause.',
    ),
    'sequence': (
        'aiida_crystalmath.cli.sequence:sequence',
        'Sequences of steps: list, check, pause, resume, skip, redo.',
    ),
    'resources': (
        'aiida_crystalmath.cli.resources:resources',
        'Suggest time, ranks and memory for calculations on a structure.',
    ),
    'watch': ('aiida_crystalmath.cli.watch:watch', 'Watch how far a calculation or work chain has come.'),
    'show': ('aiida_crystalmath.cli.show:show', 'Show the results of a calculation or work chain.'),
    'plot': (
        'aiida_crystalmath.cli.plot:plot',
        'Plot what a calculation or work chain gave: bands, spectra, curves, maps.',
    ),
    'read': ('aiida_crystalmath.cli.read:read', 'Say what outputs of CRYSTAL hold; needs no AiiDA.'),
    'why': ('aiida_crystalmath.cli.why:why', 'Explain what went wrong with an output or a PK, and what to do.'),
    'retry': ('aiida_crystalmath.cli.retry:retry', 'Run what failed once more, with a change of its input.'),
    'import': (
        'aiida_crystalmath.cli.import_:import_',
        'Bring finished runs of CRYSTAL into AiiDA, from folders full of them.',
    ),
    'd12': ('aiida_crystalmath.cli.d12:d12', 'Print the CRYSTAL input that would be run for a structure file.'),
}


class LazyGroup(click.Group):
    """A group that imports a command when it is needed, so that ``crystalmath --help`` stays instant.

    :param lazy: where each command is (``module:attribute``), and what it is for.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order a newcomer meets them."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command called ``cmd_name``."""
        if cmd_name not in self.lazy:
            return None
        module, attribute = self.lazy[cmd_name][0].split(':')
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; what is wrong with a machine is told as an error that a person can act on."""
        from aiida_crystalmath.machines.errors import MachineError

        try:
            return super().invoke(ctx)
        except MachineError as exception:
            from aiida_crystalmath.cli.common import fail

            fail(str(exception), exception.hint)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when an unknown one was typed."""
        if args and args[0] not in self.lazy and not args[0].startswith('-'):
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.lazy, n=1)
            hint = f' Did you mean "{close[0]}"?' if close else f' There are: {", ".join(self.lazy)}.'
            ctx.fail(f'No such command "{args[0]}".{hint}')
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, _: click.Parameter, value: Any) -> None:
    if not value or ctx.resilient_parsing:
        return
    from aiida_crystalmath import __version__

    click.echo(f'aiida-crystalmath {__version__}')
    ctx.exit()


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={'help_option_names': ['-h', '--help']})
@click.option(
    '-p',
    '--profile',
    metavar='PROFILE',
    envvar='CRYSTALMATH_PROFILE',
    help='AiiDA profile; default: "crystalmath" (made by quickstart) if it exists, else the default of AiiDA.',
)
@click.option(
    '--version', is_flag=True, callback=_print_version, expose_value=False, is_eager=True, help='Show the version.'
)
@click.pass_context
def main(ctx: click.Context, profile: str | None) -> None:
    """Run CRYSTAL through AiiDA: from a structure file to bands and density of states, with full provenance."""
    ctx.obj = {'profile': profile}
