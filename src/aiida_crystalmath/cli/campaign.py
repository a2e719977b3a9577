"""``crystalmath campaign``: much work that the daemon submits little by little."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import echo_json, fail, load_profile
from aiida_crystalmath.cli.recipe import check_recipe, recipe_options

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_crystalmath.tracking.campaign import Campaign

KILL_TIMEOUT_S = 60.0
"""How long is waited for the next end among what is to be killed."""
KILL_ANSWER_S = 5.0
"""How long the answers to a message are waited for; a controller gives its own when all it called are dead."""
MOST_NAMED = 5

FILES = click.argument(
    'files', metavar='[FILE]...', nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
JSON = click.option('--json', 'as_json', is_flag=True, help='Print as JSON.')
ORDER = (
    click.option('--priority', type=int, help='What has a higher one is submitted first.  [default: 0]'),
    click.option('--kind', help='What --cap counts.  [default: the name of the chain or sequence]'),
)


def order_options(command: Any) -> Any:
    """Give a command the options that say in which order work goes."""
    for option in reversed(ORDER):
        command = option(command)
    return command


@click.group()
def campaign() -> None:
    """Run the same on hundreds of files: the daemon submits them as others end, with nobody logged in.

    What is submitted and when is up to a process of the daemon. It survives a restart of the daemon or of the machine,
    and submits nothing twice.
    """


@campaign.command()
@FILES
@click.option('--name', help='Name of the campaign.  [default: that of the chain or sequence]')
@click.option('--limit', type=click.IntRange(min=0), help='How many files may be worked on at once.')
@click.option('--cap', 'caps', multiple=True, metavar='KIND=N', help='How many of one kind at once (repeat).')
@order_options
@click.option('--failed', is_flag=True, help='Let what failed, or was not submitted, run once more.')
@recipe_options
@click.option('--again', is_flag=True, help='Run also what has finished outside of this campaign before.')
@JSON
@click.pass_context
def start(ctx: click.Context, /, files: tuple[Path, ...], **options: Any) -> None:
    """Start a campaign with FILEs, or go on with one.

    The same command again adds what is new and what failed, and repeats nothing else. Without FILEs, --name says which
    campaign goes on; --limit and --cap hold from now on. Exit status: 0 well, 1 a file was not added.
    """
    from aiida_crystalmath.cli.campaign_files import add_files, default_name, repeat_failed

    check_recipe(options)
    profile = load_profile(ctx)
    caps = parse_caps(options['caps'])
    name = options['name'] or (default_name(files, options) if files else None)
    if name is None:
        fail('which campaign?', 'Give files, or the name of a campaign that there is: crystalmath campaign list')
    chosen = begin(name, bool(files), caps, options)
    once_more = repeat_failed(chosen) if options['failed'] else 0
    added = {'once more': once_more, **add_files(chosen, profile, list(dict.fromkeys(files)), options)}
    finish(chosen, profile, added, options['as_json'])


def begin(name: str, is_new_welcome: bool, caps: dict[str, int], options: dict[str, Any]) -> Campaign:
    """Return the campaign, made if it may be, with its settings as asked for."""
    from aiida_crystalmath.cli.many import at_once
    from aiida_crystalmath.tracking.campaign import Campaign

    found = Campaign.find(name)
    if found is None and not is_new_welcome:
        fail(f'there is no campaign "{name}".', 'Those there are: crystalmath campaign list')
    changes: dict[str, Any] = {'paused': False, 'stopped': False}
    if options['limit'] is not None:
        changes['limit'] = options['limit']
    elif found is None:
        changes['limit'] = at_once(options)
    try:
        chosen = found or Campaign.make(name)
        chosen.change(**changes, caps={**chosen.settings.caps, **caps})
    except ValueError as exception:
        fail(str(exception))
    return chosen


def fit_limit(chosen: Campaign, profile: str) -> None:
    """Lower the limit of a campaign to what the daemon has places for, and say so.

    Beyond it chains could fill all places, and wait for ever for what they called and has none.
    """
    from aiida.manage import get_manager

    from aiida_crystalmath.machines.workers import workers

    slots, n_workers = get_manager().get_option('daemon.worker_process_slots'), max(1, len(workers(profile)))
    places, each, limit = slots * n_workers, chosen.places(), chosen.settings.limit
    fits = max(1, places // each)
    if limit * each <= places:
        return
    needed, verdi = -(-limit * each // n_workers), f'verdi -p {shlex.quote(profile)}'
    said, again = 'even one may wait for ever', ''
    if fits < limit:
        chosen.change(limit=fits)
        said, again = f'{fits} at once instead of {limit}', f'; then --limit {limit} again'
    click.echo(
        f'note: {said}: each may need {each} places in the daemon, which has {places}. This makes room: '
        f'{verdi} config set daemon.worker_process_slots {needed}; {verdi} daemon restart{again}',
        err=True,
    )


def finish(chosen: Campaign, profile: str, added: dict[str, Any], as_json: bool) -> None:
    """See to a controller, say what was done, and leave with 1 if a file was not added."""
    from aiida_crystalmath.tracking.items import OPEN

    node = ensure_controller(chosen, profile)
    refused = added.pop('refused')
    if as_json:
        echo_json({'name': chosen.label, 'controller': node, **added, 'refused': refused})
    else:
        words = ', '.join(f'{n} {what}' for what, n in added.items() if n)
        click.echo(f'Campaign "{chosen.label}": {words or "nothing new"}.')
        settings = chosen.settings
        if (settings.stopped or settings.paused) and chosen.has(*OPEN):
            click.echo(f'It submits nothing for now; go on with: crystalmath campaign resume {quoted(chosen)}')
        else:
            does = f'Controller PK {node} submits what waits' if node else 'Nothing is left to do in it'
            click.echo(f'{does}. Look: crystalmath campaign status {quoted(chosen)}')
    if refused:
        sys.exit(1)


def quoted(chosen: Campaign) -> str:
    """Return the name of a campaign as a shell and the commands want it."""
    from aiida_crystalmath.tracking.campaign import as_argument

    return as_argument(str(chosen.label))


def ensure_controller(chosen: Campaign, profile: str) -> int | None:
    """Return the PK of the controller at work, started if anything may be done and there is none."""
    from aiida_crystalmath.cli.run import ensure_daemon
    from aiida_crystalmath.tracking.campaign import CampaignError
    from aiida_crystalmath.tracking.items import OPEN

    if not chosen.has(*OPEN):
        return None
    settings = chosen.settings
    if settings.stopped or settings.paused:
        chosen.notify()
        return next((int(node.pk or 0) for node in chosen.controllers()), None)
    ensure_daemon(profile)
    fit_limit(chosen, profile)
    try:
        node = chosen.start()
    except CampaignError as exception:
        fail(str(exception))
    return int(node.pk or 0) if node is not None else None


def parse_caps(given: tuple[str, ...]) -> dict[str, int]:
    """Parse ``KIND=N`` options."""
    caps = {}
    for text in given:
        kind, _, number = text.rpartition('=')
        if not kind or not number.isdecimal():
            fail(f'--cap {text}: write KIND=N, for example elastic=4.')
        caps[kind] = int(number)
    return caps


def load_campaign(ctx: click.Context, name: str | None) -> tuple[str, Campaign]:
    """Load the profile and a campaign: the one called ``name``, else the only one there is; exits if there is none."""
    from aiida import orm

    from aiida_crystalmath.tracking.campaign import Campaign

    profile = load_profile(ctx)
    labels = orm.QueryBuilder().append(Campaign, project='label').all(flat=True)
    if name is None and len(labels) == 1:
        name = labels[0]
    if name is None or name not in labels:
        names = ', '.join(sorted(labels)) or 'none; start one with "crystalmath campaign start FILE..."'
        fail('which campaign?' if name is None else f'there is no campaign "{name}".', f'There are: {names}')
    found = Campaign.find(name)
    assert found is not None
    return profile, found


NAME = click.argument('name', metavar='[NAME]', required=False)


@campaign.command()
@click.argument('name')
@FILES
@order_options
@recipe_options
@click.option('--again', is_flag=True, help='Run also what has finished outside of this campaign before.')
@JSON
@click.pass_context
def add(ctx: click.Context, /, name: str, files: tuple[Path, ...], **options: Any) -> None:
    """Add FILEs to the campaign NAME, also while it goes on; by default the same is run for them as for the first.

    A file that waits already is put where --priority and --kind say. Exit status: 0 well, 1 a file was not added.
    """
    from aiida_crystalmath.cli.campaign_files import add_files, same_as_before

    profile, found = load_campaign(ctx, name)
    options = same_as_before(found, options)
    check_recipe(options)
    added = add_files(found, profile, list(dict.fromkeys(files)), options)
    finish(found, profile, added, options['as_json'])


@campaign.command()
@NAME
@JSON
@click.pass_context
def status(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Say how far the campaign NAME is: what runs, what failed and why, and how much waits."""
    from aiida_crystalmath.cli.campaign_status import print_status, status_of

    profile, found = load_campaign(ctx, name)
    known = status_of(found, profile)
    if as_json:
        echo_json(known)
    else:
        print_status(known)


@campaign.command('list')
@JSON
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the campaigns there are, and how far they are."""
    from aiida import orm

    from aiida_crystalmath.cli.campaign_status import print_list, status_of
    from aiida_crystalmath.tracking.campaign import Campaign

    profile = load_profile(ctx)
    query = orm.QueryBuilder().append(Campaign, tag='campaign').order_by({'campaign': 'id'})
    known = [status_of(found, profile) for found in query.all(flat=True)]
    for entry in known:
        del entry['items']
    if as_json:
        echo_json(known)
    else:
        print_list(known)


@campaign.command()
@NAME
@click.pass_context
def pause(ctx: click.Context, name: str | None) -> None:
    """Let the campaign NAME submit nothing more for now; what runs goes on to its end."""
    _, found = load_campaign(ctx, name)
    found.change(paused=True)
    click.echo(
        f'Campaign "{found.label}" submits nothing more; what runs goes on. '
        f'Go on with: crystalmath campaign resume {quoted(found)}'
    )


@campaign.command()
@NAME
@click.pass_context
def resume(ctx: click.Context, name: str | None) -> None:
    """Let the campaign NAME go on after "pause" or "stop", or after its controller was killed."""
    from aiida_crystalmath.cli.sequence import play

    profile, found = load_campaign(ctx, name)
    found.change(paused=False, stopped=False)
    node = ensure_controller(found, profile)
    for controller in found.controllers():
        if controller.paused:
            play(controller)
    click.echo(
        f'Campaign "{found.label}" ' + (f'goes on: controller PK {node}.' if node else 'has nothing left to do.')
    )


@campaign.command()
@NAME
@click.option('--kill', is_flag=True, help='Kill what runs, too.')
@click.pass_context
def stop(ctx: click.Context, name: str | None, kill: bool) -> None:
    """Let the campaign NAME end when what runs now is over; "resume" takes up what waits."""
    _, found = load_campaign(ctx, name)
    found.change(stopped=True)
    if kill:
        kill_all(found)
        return
    click.echo(
        f'Campaign "{found.label}" ends when what runs now is over. '
        f'Take up what waits with: crystalmath campaign resume {quoted(found)}'
    )


def kill_all(found: Campaign) -> None:
    """Kill the controllers and all that they called; exits with an explanation if they do not heed it.

    A killed process tells those that it called, but not those that no worker has begun, and one that is paused does not
    heed it: what is left is told again, until nothing is. What another command submitted goes on, and is named.
    """
    from aiida.common.log import override_log_level
    from aiida.engine.processes.control import kill_processes, play_processes

    told: list[ProcessNode] = [*found.controllers()]
    n_left, deadline = 0, time.monotonic() + KILL_TIMEOUT_S
    while left := found.at_work():
        if n_left and len(left) < n_left:
            deadline = time.monotonic() + KILL_TIMEOUT_S
        elif time.monotonic() > deadline:
            fail(
                f'{named(left)} not over yet.',
                'Is the daemon running ("verdi daemon status")? What its workers have no place for yet is killed when '
                'it begins: give the same command again then. Nothing more is submitted in any case.',
            )
        n_left = len(left)
        with override_log_level():
            kill_processes(told or left, timeout=KILL_ANSWER_S)
            if paused := [node for node in left if node.paused and not node.is_terminated]:
                play_processes(paused, timeout=KILL_ANSWER_S)
        told = []
        time.sleep(0.5)
    click.echo(f'Campaign "{found.label}" and what it ran were killed.')
    others = [item.process_pk for item in found.look('running') if item.state == 'running' and item.process_pk]
    if others:
        pks = ' '.join(map(str, others))
        click.echo(f'Other commands submitted these, and they go on: kill them with "verdi process kill {pks}"')


def named(nodes: list[ProcessNode]) -> str:
    """Return the PKs of processes as the beginning of a sentence; not more than a few."""
    rest = len(nodes) - MOST_NAMED
    pks = ', '.join(str(node.pk) for node in nodes[:MOST_NAMED])
    return f'PK {pks}{f" and {rest} more" if rest > 0 else ""} {"are" if len(nodes) > 1 else "is"}'
