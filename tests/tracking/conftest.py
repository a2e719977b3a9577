"""Campaigns of sums: the smallest jobs there are."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from aiida import orm

from aiida_crystalmath.tracking.campaign import Campaign

MEANWHILE_S = 10


@pytest.fixture
def sums(aiida_profile, aiida_code_installed):
    """Return a factory of builders of ``core.arithmetic.add``: ``sums(x)`` is done in no time, ``sleep`` in seconds."""
    code = aiida_code_installed(
        label='add', default_calc_job_plugin='core.arithmetic.add', filepath_executable='/bin/bash'
    )

    def factory(number: int, sleep: int | None = None):
        builder = code.get_builder()
        builder.x, builder.y = orm.Int(number), orm.Int(1)
        builder.metadata.options.resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        if sleep is not None:
            builder.metadata.options.sleep = sleep
        return builder

    return factory


@pytest.fixture
def campaign(aiida_profile_clean, request) -> Campaign:
    """Return an empty campaign that looks often."""
    made = Campaign.make('sums')
    made.change(interval_s=1.0)
    return made


def wait_until(
    condition: Callable[[], object], what: str, timeout_s: float = 240.0, meanwhile: Callable[[], None] | None = None
) -> None:
    """Wait for something that processes of the daemon do.

    :param meanwhile: is called every few seconds.
    """
    start = time.monotonic()
    called = start
    while not condition():
        now = time.monotonic()
        assert now < start + timeout_s, f'waited in vain for: {what}; {states()}'
        if meanwhile is not None and now - called > MEANWHILE_S:
            meanwhile()
            called = now
        time.sleep(0.5)


def states() -> str:
    """Return the state of each process of the profile, and what it says of itself."""
    query = orm.QueryBuilder().append(
        orm.ProcessNode,
        project=['id', 'attributes.process_label', 'attributes.process_state', 'attributes.process_status'],
    )
    return '; '.join(' '.join(map(str, found)) for found in query.order_by({orm.ProcessNode: {'id': 'asc'}}).all())


@pytest.fixture
def until() -> Callable[..., None]:
    """Return the function that waits."""
    return wait_until
