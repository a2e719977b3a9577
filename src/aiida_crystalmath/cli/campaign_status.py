"""How far campaigns are, for people and for scripts."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.common import console
from aiida_crystalmath.cli.many import coloured, counts_as_keys, states_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida_crystalmath.tracking.campaign import Campaign
    from aiida_crystalmath.tracking.items import Item

AT_MOST = 20
"""Lines of what runs, and of what failed, that are shown to people."""
STATES = ('waiting', 'running', 'finished', 'failed', 'not submitted')


def status_of(campaign: Campaign, profile: str) -> dict[str, Any]:
    """Return all there is to know about a campaign, in a few queries however large it is."""
    found = campaign.look()
    states = Counter(item.state for item in found)
    paused = paused_of(found)
    kinds: dict[str, Counter[str]] = {}
    for item in found:
        kinds.setdefault(item.kind, Counter())[item.state] += 1
    return {
        'name': campaign.label,
        'state': state_of(campaign, states),
        'controller': controller_of(campaign, profile),
        'settings': asdict(campaign.settings),
        'n_items': len(found),
        **counts_as_keys({state: states[state] for state in STATES}),
        'kinds': {kind: counts_as_keys({state: count[state] for state in STATES}) for kind, count in kinds.items()},
        'n_paused': sum(item.pk in paused for item in found),
        'items': [{**item.as_dict(), 'paused': paused.get(item.pk, [])} for item in found],
    }


def paused_of(found: Sequence[Item]) -> dict[int, list[int]]:
    """Return the PKs of paused processes by the PK of the item that they hold up: its own, or one that it called."""
    from aiida_crystalmath.tracking.calls import at_work

    items = {item.process_pk: item.pk for item in found if item.state == 'running' and item.process_pk is not None}
    paused: dict[int, list[int]] = {}
    for pk, caller in sorted(at_work(items, paused=True).items() if items else ()):
        paused.setdefault(items[caller], []).append(pk)
    return paused


def state_of(campaign: Campaign, states: Counter[str]) -> str:
    """Return in a word what goes on: over, paused, stopped, or running."""
    if not states['waiting'] and not states['running']:
        return 'over'
    settings = campaign.settings
    return 'stopped' if settings.stopped else 'paused' if settings.paused else 'running'


def controller_of(campaign: Campaign, profile: str) -> dict[str, Any] | None:
    """Return what is known of the newest controller."""
    from aiida_crystalmath.machines.daemon import daemon_runs

    newest = next(iter(campaign.controllers() or campaign.controllers(active=False)), None)
    if newest is None:
        return None
    return {
        'pk': newest.pk,
        'process_state': newest.process_state.value if newest.process_state else None,
        'is_active': not newest.is_terminated,
        'is_paused': newest.paused,
        'daemon_runs': daemon_runs(profile),
    }


def print_status(known: dict[str, Any]) -> None:
    """Print one campaign."""
    from rich.markup import escape

    out = console()
    over = known['n_finished'] + known['n_failed'] + known['n_not_submitted']
    out.print(f'[bold]{escape(known["name"])}[/]: {known["state"]}, {over} of {known["n_items"]} over')
    out.print(escape(controller_line(known)))
    print_kinds(known, out)
    print_running(known, out)
    for item in [item for item in known['items'] if item['state'] in ('failed', 'not submitted')][:AT_MOST]:
        pk = f'PK {item["process_pk"]} ' if item['process_pk'] else ''
        out.print(f'\n[red]{item["state"]}[/]: {pk}{escape(item["label"])}: {escape(item["reason"])}')
        if item['process_pk']:
            out.print(f'  crystalmath why {item["process_pk"]}')
    unshown = known['n_failed'] + known['n_not_submitted'] - AT_MOST
    if unshown > 0:
        out.print(f'... and {unshown} more: --json has them all')
    if known['n_failed'] + known['n_not_submitted']:
        name = shlex.quote(known['name'])
        out.print(f'\nOnce more what failed: crystalmath campaign start --name {escape(name)} --failed', soft_wrap=True)


def controller_line(known: dict[str, Any]) -> str:
    """Say who submits, and what to type if nobody does."""
    from aiida_crystalmath.tracking.campaign import as_argument

    controller, resume = known['controller'], f'crystalmath campaign resume {as_argument(known["name"])}'
    if known['state'] == 'over':
        return 'nothing is left to do'
    if controller is None or not controller['is_active']:
        return f'nobody submits: {resume}'
    line = f'controller PK {controller["pk"]}'
    if not controller['daemon_runs']:
        return f'{line}, but the daemon is not running: {resume}'
    if controller['is_paused'] or known['state'] in ('paused', 'stopped'):
        return f'{line}, submits nothing; go on with: {resume}'
    return line


def print_kinds(known: dict[str, Any], out: Any) -> None:
    """Print a table of the kinds of work."""
    from rich.markup import escape
    from rich.table import Table

    settings = known['settings']
    table = Table(box=None, pad_edge=False, header_style='bold')
    table.add_column('kind')
    for title in ('at once', *STATES):
        table.add_column(title, justify='right')
    for kind, count in known['kinds'].items():
        numbers = [str(n or '') for n in count.values()]
        table.add_row(escape(kind), str(settings['caps'].get(kind, '')), *numbers)
    numbers = [str(known[key]) for key in counts_as_keys(dict.fromkeys(STATES, 0))]
    table.add_row('all', str(settings['limit']), *numbers)
    out.print(table)


def print_running(known: dict[str, Any], out: Any) -> None:
    """Print what runs, and how far each is."""
    from aiida import orm
    from rich.markup import escape

    running = [item for item in known['items'] if item['state'] == 'running']
    running.sort(key=lambda item: not item['paused'])  # the first are shown
    for item in running[:AT_MOST]:
        node: Any = orm.load_node(uuid=item['process'])
        steps = states_of(node)
        words = ', '.join(f'{escape(name)} {coloured(state)}' for name, state in steps.items() if state == 'running')
        out.print(f'  {item["process_pk"]}  {escape(item["label"])}{f": {words}" if words else ""}')
        if item['paused']:
            pks = ' '.join(map(str, item['paused']))
            out.print(f'    {coloured("paused")}, and keeps its place until: verdi process play {pks}', soft_wrap=True)
    if len(running) > AT_MOST:
        out.print(f'  ... and {len(running) - AT_MOST} more run')


def print_list(known: list[dict[str, Any]]) -> None:
    """Print a line for each campaign."""
    from rich.markup import escape
    from rich.table import Table

    if not known:
        console().print('There are no campaigns. Start one: crystalmath campaign start FILE...')
        return
    table = Table('campaign', 'state', 'files', *STATES, 'controller', box=None, pad_edge=False, header_style='bold')
    for entry in known:
        numbers = [str(entry[key]) for key in counts_as_keys(dict.fromkeys(STATES, 0))]
        controller = entry['controller']
        pk = f'PK {controller["pk"]}' if controller and controller['is_active'] else 'none'
        table.add_row(escape(entry['name']), entry['state'], str(entry['n_items']), *numbers, pk)
    console().print(table)
