"""From files to the items of a campaign; the same file for the same work is one item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import fail
from aiida_crystalmath.cli.recipe import LIMITS, checked_builder, choose_chain
from aiida_crystalmath.cli.repeats import FINGERPRINT, fingerprint_of, has_failed, runs_of

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.orm import ProcessNode

    from aiida_crystalmath.tracking.campaign import Campaign
    from aiida_crystalmath.tracking.items import Item

RECIPE = 'crystalmath_recipe'
"""Extra of a campaign: options of the first command that added a file to it."""
REMEMBERED = (
    'protocol', 'chain', 'sequence', 'arguments', 'code', 'properties_code', 'moments', 'metal', 'overrides',
    'max_memory_gb', 'walltime', 'n_mpi', 'resources', 'pw_code', 'p2y_code', 'yambo_code', 'ypp_code', 'pseudo_family',
)  # fmt: skip
AT_A_TIME = 20
"""So many files are read before their work is submitted, so that the first need not wait for the last."""


def default_name(files: Sequence[Path], options: dict[str, Any]) -> str:
    """Return the name of a campaign that was given none: what is run on the first file on which anything can be."""
    reasons = []
    for file in files:
        try:
            return choose_chain(file, options)
        except ValueError as exception:
            reasons.append(str(exception))
    if options['chain']:
        return str(options['chain'])
    fail(reasons[0])


def same_as_before(campaign: Campaign, options: dict[str, Any]) -> dict[str, Any]:
    """Return options with what was asked for when the campaign began, where nothing else is asked for now."""
    before: dict[str, Any] = dict(campaign.base.extras.get(RECIPE, {}))
    if options['resources']:
        for name in LIMITS.values():
            before.pop(name, None)
    elif any(options[name] for name in LIMITS.values()):
        before.pop('resources', None)
    if options['chain'] or options['sequence']:
        for name in ('chain', 'sequence', 'arguments'):
            before.pop(name, None)
    for name in ('moments', 'arguments'):
        before[name] = tuple(before.get(name) or ())
    if before.get('overrides'):
        before['overrides'] = Path(before['overrides'])
    return {name: value or before.get(name, value) for name, value in options.items()}


def remember(campaign: Campaign, options: dict[str, Any]) -> None:
    """Keep what is asked for, so that files can be added with the same."""
    recipe = {name: options[name] for name in REMEMBERED if options.get(name)}
    for name in ('overrides', 'sequence'):
        if name in recipe and Path(recipe[name]).is_file():
            recipe[name] = str(Path(recipe[name]).resolve())
    campaign.base.extras.set(RECIPE, recipe)


def alone(campaign: Campaign) -> AbstractContextManager[None]:
    """Let no other command add to a campaign within this context; say so if one is at it and must be waited for."""
    return campaign.alone(lambda: click.echo('Another command adds to this campaign: waiting for its end.', err=True))


def repeat_failed(campaign: Campaign) -> int:
    """Let all that failed, or was not submitted, wait once more; return how many that are."""
    from aiida_crystalmath.tracking.items import FAILED, REFUSED

    with alone(campaign):
        return len(campaign.repeat([item for item in campaign.look() if item.state in (FAILED, REFUSED)]))


def add_files(campaign: Campaign, profile: str, files: Sequence[Path], options: dict[str, Any]) -> dict[str, Any]:
    """Add files to a campaign; return how many were added, ran before, or are in it, and why others are not."""
    with alone(campaign):
        return _add_files(campaign, profile, files, options)


def _add_files(campaign: Campaign, profile: str, files: Sequence[Path], options: dict[str, Any]) -> dict[str, Any]:
    from aiida_crystalmath.cli.campaign import ensure_controller
    from aiida_crystalmath.tracking.items import FAILED, REFUSED, REPLACED

    counts: dict[str, Any] = {'added': 0, 'finished before': 0, 'in it already': 0, 'refused': {}}
    known = {item.key: item for item in campaign.look() if item.key}
    fresh: set[str] = set()
    for first in range(0, len(files), AT_A_TIME):
        ready = list(prepared(files[first : first + AT_A_TIME], options, counts['refused']))
        runs = {} if options['again'] else runs_of(fingerprint for *_, fingerprint in ready)
        for file, builder, kind, fingerprint in ready:
            order = {'label': file.name, 'kind': kind, 'priority': options['priority'] or 0, 'key': fingerprint}
            old = known.get(fingerprint)
            if fingerprint in fresh:
                counts['in it already'] += 1
                continue
            if old is not None and old.state not in (FAILED, REFUSED):
                put_where_asked(campaign, old, options)
                counts['in it already'] += 1
                continue
            with campaign.backend.transaction():  # stopped between the two, both would be submitted
                counts[add_one(campaign, builder, order, runs.get(fingerprint))] += 1
                if old is not None:
                    campaign.note(old, state=REPLACED)
            fresh.add(fingerprint)
            if campaign.base.extras.get(RECIPE, None) is None:
                remember(campaign, options)
        if first + AT_A_TIME < len(files):
            ensure_controller(campaign, profile)
            click.echo(f'{first + AT_A_TIME} of {len(files)} files read', err=True)
    return counts


def prepared(
    files: Sequence[Path], options: dict[str, Any], refused: dict[str, str]
) -> Iterator[tuple[Path, ProcessBuilder, str, str]]:
    """Yield each file with its builder, the kind of work, and its fingerprint; note and say which are not good."""
    for file in files:
        try:
            chain = choose_chain(file, options)
            builder = checked_builder(file, chain, options)
        except ValueError as exception:
            refused[str(file)] = str(exception)
            name = '' if str(exception).startswith((file.name, str(file))) else f'{file.name}: '
            click.secho(f'Not added: {name}{exception}', fg='red', err=True)
            continue
        yield file, builder, options['kind'] or chain, fingerprint_of(builder, chain)


def put_where_asked(campaign: Campaign, item: Item, options: dict[str, Any]) -> None:
    """Give an item that waits another kind or priority, if one was asked for."""
    asked = {name: options[name] for name in ('kind', 'priority') if options[name] is not None}
    if asked and item.state == 'waiting':
        campaign.put(item, **asked)


def add_one(campaign: Campaign, builder: Any, order: dict[str, Any], run: ProcessNode | None) -> str:
    """Add one item; return which of the counts it belongs to.

    :param run: the newest process that did the same.
    """
    if run is not None and not has_failed(run):
        campaign.add_run(run, builder, **order)
        return 'finished before' if run.is_terminated else 'added'
    if run is not None and 'use_cache' in builder._process_spec.inputs:
        builder.use_cache = True  # of a sequence that failed, only what failed is computed
    campaign.add(builder, **order, extras={FINGERPRINT: order['key']})
    return 'added'
