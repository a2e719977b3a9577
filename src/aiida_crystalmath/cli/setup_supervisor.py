"""``crystalmath setup supervisor``: let something look after the daemon by itself."""

from __future__ import annotations

import click

from aiida_crystalmath.cli.common import echo_json, load_profile


@click.command()
@click.option('--stop', 'action', flag_value='stop', help='Stop it and take it away; the daemon stays as it is.')
@click.option('--status', 'action', flag_value='status', help='Tell whether it runs; ends with status 1 if not.')
@click.option('--json', 'as_json', is_flag=True, help='Print what was done or found as JSON.')
@click.pass_context
def supervisor(ctx: click.Context, /, *, action: str | None, as_json: bool) -> None:
    """Let "crystalmath doctor --fix --watch" run by itself: the daemon is kept up, whatever its services do.

    As a systemd service of yours where there is systemd, else as a process of its own. While it runs, it starts the
    daemon again when somebody stops it: stop the supervisor first.
    """
    from aiida_crystalmath.machines import supervision

    name = load_profile(ctx)
    if action == 'status':
        found = supervision.status(name)
        text = found or f'no supervisor of profile {name} runs'
    else:
        text = supervision.stop(name) if action == 'stop' else supervision.install(name)
        found = supervision.status(name)
    if as_json:
        echo_json({'profile': name, 'runs': found is not None, 'text': text})
    else:
        click.echo(text)
    ctx.exit(1 if action == 'status' and found is None else 0)
