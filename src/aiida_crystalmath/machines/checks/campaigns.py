"""Campaigns in which something waits that nobody submits."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import partial

from aiida import orm

from aiida_crystalmath.machines.checks.finding import Finding
from aiida_crystalmath.tracking.campaign import Campaign, as_argument
from aiida_crystalmath.tracking.items import OPEN


def check(name: str) -> Iterator[Finding]:
    """Yield a finding for each campaign of profile ``name`` without a controller, or one for all if there are any.

    One that was stopped is left alone, and a controller that somebody killed is not replaced without being asked.
    """
    campaigns: list[Campaign] = orm.QueryBuilder().append(Campaign).all(flat=True)
    deserted = [campaign for campaign in campaigns if is_deserted(campaign)]
    for campaign in deserted:
        last = next(iter(campaign.controllers(active=False)), None)
        by_hand = last is not None and last.is_killed
        yield Finding(
            'campaigns',
            'warn' if by_hand else 'fail',
            f'"{campaign.label}" waits, and nobody submits it' + (': its controller was killed' if by_hand else ''),
            f'crystalmath -p {shlex.quote(name)} campaign resume {as_argument(campaign.label)}',
            None if by_hand else partial(_start, campaign),
        )
    if campaigns and not deserted:
        yield Finding('campaigns', 'ok', f'{len(campaigns)}, nothing waits that nobody submits')


def is_deserted(campaign: Campaign) -> bool:
    """Tell whether something is left to do, and no controller there to do it."""
    return campaign.has(*OPEN) and not campaign.settings.stopped and not campaign.controllers()


def _start(campaign: Campaign) -> str:
    node = campaign.start()
    return f'"{campaign.label}" goes on' + (f': controller PK {node.pk}' if node is not None else '')
