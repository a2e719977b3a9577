"""Campaigns of sums: the smallest jobs there are."""

from __future__ import annotations

import pytest
from aiida import orm

from aiida_crystalmath.tracking.campaign import Campaign


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
