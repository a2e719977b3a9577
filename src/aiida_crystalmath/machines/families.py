"""Families of basis sets that a profile needs before anything can run in it."""

from __future__ import annotations

FAMILIES = ('sto-3g', 'pob-tzvp-rev2')
"""Those that every profile made here begins with."""


def has_family(label: str) -> bool:
    """Tell whether a family of basis sets is installed."""
    from aiida import orm

    from aiida_crystalmath.data.basis_family import BasisSetFamily

    query = orm.QueryBuilder().append(BasisSetFamily, filters={'label': label})
    return bool(query.count())


def make_family(label: str) -> None:
    """Install a basis-set family that ships with the package."""
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    BasisSetFamily.create_from_library(label)
