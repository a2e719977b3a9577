"""Basis sets: without a family most chains cannot begin."""

from __future__ import annotations

from aiida import orm

from aiida_crystalmath.data.basis_family import BasisSetFamily
from aiida_crystalmath.machines.checks.finding import Finding
from aiida_crystalmath.machines.families import make_family

FIRST = 'sto-3g'


def check(name: str) -> Finding:
    """Look whether there are families of basis sets in profile ``name``, and with something in them."""
    labels = orm.QueryBuilder().append(BasisSetFamily, project='label', tag='family').all(flat=True)
    filled = (
        orm.QueryBuilder()
        .append(BasisSetFamily, project='label', tag='family')
        .append(orm.Node, with_group='family')
        .distinct()
        .all(flat=True)
    )
    if filled:
        return Finding('basis sets', 'ok', ', '.join(sorted(set(filled))))
    if labels:
        return Finding(
            'basis sets',
            'fail',
            f'the families {", ".join(sorted(labels))} are empty',
            f'verdi -p {name} data crystalmath.basis list',
        )
    return Finding(
        'basis sets',
        'fail',
        'no family is installed',
        f'verdi -p {name} data crystalmath.basis install {FIRST}',
        _install_the_first,
    )


def _install_the_first() -> str:
    make_family(FIRST)
    return f'installed {FIRST}'
