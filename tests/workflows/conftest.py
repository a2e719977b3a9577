"""Fixtures of the tests of work chains."""

from __future__ import annotations

import pytest


@pytest.fixture
def generate_basis_sets(shipped_family):
    """Return a factory of ``{kind: BasisSetData}`` from a shipped set."""
    return lambda structure, name='sto-3g': shipped_family(name).get_basis_sets(structure=structure)
