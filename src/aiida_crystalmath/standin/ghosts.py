"""Ghosts (CRYSTAL's GHOSTS): atoms that keep their basis functions and lose nucleus and electrons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aiida_crystalmath.crystal.basis import BasisSet
from aiida_crystalmath.crystal.geometry import Geometry

from .model import StandinError

__all__ = ('bare', 'message', 'with_ghosts')


def with_ghosts(geometry: Geometry, labels: Sequence[int] | None) -> Geometry:
    """Mark the atoms that GHOSTS names, so that symmetry keeps them apart from the others.

    :param labels: atoms of the primitive cell, from 1.
    :raises StandinError: for an atom that does not exist.
    """
    chosen = set(labels or ())
    if chosen and max(chosen) > len(geometry):
        raise StandinError('INPUT', f'GHOSTS: ATOM {max(chosen)} DOES NOT EXIST')
    if len(chosen) == len(geometry):
        raise StandinError('INPUT', 'GHOSTS: NO ATOM IS LEFT')
    sites = [replace(site, ghost=site.ghost or index in chosen) for index, site in enumerate(geometry.sites, 1)]
    return geometry.with_sites(sites)


def bare(geometry: Geometry, basis: Sequence[BasisSet]) -> tuple[BasisSet, ...]:
    """Return the basis set of each atom, those of ghosts without electrons, potential and atomic number."""
    return tuple(
        BasisSet(0, shells=tuple(replace(shell, charge=0.0) for shell in one.shells)) if site.ghost else one
        for site, one in zip(geometry.sites, basis, strict=True)
    )


def message(geometry: Geometry) -> list[str]:
    """Return what CRYSTAL prints of ghosts before the SCF (seen in a real output of CRYSTAL17)."""
    ghosts = [(index, site) for index, site in enumerate(geometry.sites, 1) if site.ghost]
    if not ghosts:
        return []
    atoms = ''.join(f'{index:4d}({site.conventional_number:3d})' for index, site in ghosts)
    rule = ' ' + '*' * 79
    return [
        '',
        rule,
        f' * ATOMS TRANSFORMED INTO GHOSTS :{len(ghosts):4d}',
        *(atoms[start : start + 72] for start in range(0, len(atoms), 72)),
        ' SYMMETRY MAY BE BROKEN',
        '',
        rule,
    ]
