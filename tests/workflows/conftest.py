"""Fixtures of the tests of work chains."""

from __future__ import annotations

import pytest


@pytest.fixture(scope='session')
def shipped_family(aiida_profile):
    """Return a factory of the shipped basis-set families, each installed once a session (checking one takes long)."""
    installed = {}

    def factory(name: str = 'sto-3g'):
        from aiida_crystalmath.data.basis_family import BasisSetFamily

        if name not in installed:
            installed[name] = BasisSetFamily.create_from_library(name)
        return installed[name]

    return factory


@pytest.fixture
def generate_basis_sets(shipped_family):
    """Return a factory of ``{kind: BasisSetData}`` from a shipped set."""
    return lambda structure, name='sto-3g': shipped_family(name).get_basis_sets(structure=structure)
