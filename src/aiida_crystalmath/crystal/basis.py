"""Gaussian basis sets: models, reader and writer, and checks against the system they are given to.

This module is the public face; the parts live beside it in ``basis_models`` (types), ``basis_text`` (CRYSTAL's format),
``basis_pople`` (internal STO-nG tables) and ``basis_library`` (the sets that are shipped).
"""

from __future__ import annotations

from collections.abc import Mapping

from .basis_models import (
    ECP,
    ECP_KEYWORDS,
    SHELL_TYPES,
    BasisError,
    BasisSet,
    Shell,
    ShellType,
    conventional_has_ecp,
)
from .basis_text import is_terminator, read_basis, read_element_basis, write_basis
from .elements import SYMBOLS
from .geometry import Geometry, Site

__all__ = (
    'ECP',
    'ECP_KEYWORDS',
    'SHELL_TYPES',
    'BasisError',
    'BasisSet',
    'Shell',
    'ShellType',
    'check_coverage',
    'check_neutrality',
    'conventional_has_ecp',
    'electrons',
    'is_terminator',
    'nuclear_charge',
    'read_basis',
    'read_element_basis',
    'write_basis',
)

#: Charges are formal numbers typed by people: further digits are noise.
_CHARGE_TOLERANCE = 1e-4


def electrons(geometry: Geometry, basis_sets: Mapping[str, BasisSet]) -> float:
    """Electrons of the cell: the shell charges of every atom that is not a ghost.

    :param basis_sets: basis set of each kind (or, for kinds without their own, of each chemical symbol).
    :raises BasisError: if a kind has no basis set.
    """
    found = _by_site(geometry, basis_sets)
    return sum(basis.n_electrons for site, basis in found if not site.ghost)


def nuclear_charge(geometry: Geometry, basis_sets: Mapping[str, BasisSet]) -> float:
    """Charge of the nuclei of the cell, without the cores that potentials replace and without ghosts.

    :raises BasisError: if a kind has no basis set.
    """
    found = _by_site(geometry, basis_sets)
    return sum(basis.nuclear_charge for site, basis in found if not site.ghost)


def check_coverage(geometry: Geometry, basis_sets: Mapping[str, BasisSet]) -> None:
    """Check that every kind of the geometry has a basis set of its own element.

    :param basis_sets: basis set of each kind, or of each chemical symbol.
    :raises BasisError: naming every kind at fault.
    """
    missing: dict[str, None] = {}
    wrong: dict[str, None] = {}
    for site in geometry.sites:
        kind = _kind(site)
        basis = _lookup(site, basis_sets)
        if basis is None:
            missing[kind] = None
        elif basis.number != site.number:
            wrong[f'{kind} ({_symbol(site.number)}) has the basis set of {_symbol(basis.number)}'] = None
        elif site.ecp and not basis.has_ecp:
            wrong[f'{kind} is to have an effective core potential, its basis set has none'] = None
    problems = [*wrong]
    if missing:
        given = ', '.join(basis_sets) or 'none'
        problems.insert(0, f'no basis set for {", ".join(missing)} (basis sets are given for: {given})')
    if problems:
        raise BasisError('; '.join(problems))


def check_neutrality(geometry: Geometry, basis_sets: Mapping[str, BasisSet], charge: float = 0.0) -> None:
    """Check that the shell charges add up to the nuclear charges, as CRYSTAL does before the SCF.

    :param charge: charge of the cell that is wanted (keyword CHARGED), in units of e.
    :raises BasisError: with the charge of each kind, or naming kinds without basis set.
    """
    excess = nuclear_charge(geometry, basis_sets) - electrons(geometry, basis_sets) - charge
    if abs(excess) < _CHARGE_TOLERANCE:
        return
    charges: dict[str, str] = {}
    for site, basis in _by_site(geometry, basis_sets):
        if not site.ghost:
            formal = basis.nuclear_charge - basis.n_electrons
            charges[_kind(site)] = f'{_kind(site)} {basis.n_electrons:g} electrons (formal charge {formal:+g})'
    wanted = 'neutral' if charge == 0 else f'charged {charge:+g}'
    raise BasisError(
        f'the cell is not {wanted}: {electrons(geometry, basis_sets):g} electrons for a nuclear charge of '
        f'{nuclear_charge(geometry, basis_sets):g}. The shell charges give {"; ".join(charges.values())}. '
        'Correct the charges of the shells, or declare the charge of the cell (CHARGED)'
    )


def _kind(site: Site) -> str:
    return site.kind or _symbol(site.number)


def _symbol(number: int) -> str:
    return SYMBOLS[number]


def _lookup(site: Site, basis_sets: Mapping[str, BasisSet]) -> BasisSet | None:
    """Find the basis set of a site: the one of its kind, else that of its element."""
    basis = basis_sets.get(_kind(site))
    return basis_sets.get(_symbol(site.number)) if basis is None else basis


def _by_site(geometry: Geometry, basis_sets: Mapping[str, BasisSet]) -> list[tuple[Site, BasisSet]]:
    check_coverage(geometry, basis_sets)
    found = ((site, _lookup(site, basis_sets)) for site in geometry.sites)
    return [(site, basis) for site, basis in found if basis is not None]
