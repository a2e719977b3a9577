"""What the tests of the readers share."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout


@pytest.fixture(scope='session')
def outputs(corpus, truth):
    """Return our reading of every output of the corpus, by run; tests must not change it."""
    return {run: parse_stdout(corpus / run / values['file']) for run, values in truth.items()}
