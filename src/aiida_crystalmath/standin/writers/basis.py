"""The table ``LOCAL ATOMIC FUNCTIONS BASIS SET`` of a CRYSTAL output."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_crystalmath.crystal.basis import BasisSet
from aiida_crystalmath.crystal.geometry import Geometry

from .fortran import RULE, clean, fixed, scientific
from .geometry import BOHR_PRINTED

_NOBLE_GAS_CORES = (2, 10, 18, 36, 54, 86)


def basis_section(geometry: Geometry, basis: Sequence[BasisSet]) -> list[str]:
    """Return the table; the shells of an element are printed at its first atom only.

    :param basis: the resolved basis set (explicit primitives) of each atom.
    """
    lines = [
        '',
        RULE,
        ' LOCAL ATOMIC FUNCTIONS BASIS SET',
        RULE,
        '   ATOM   X(AU)   Y(AU)   Z(AU)  N. TYPE  EXPONENT  S COEF   P COEF   D/F/G COEF',
        RULE,
    ]
    printed: set[int] = set()
    first_function = 1
    positions = clean(geometry.positions) / BOHR_PRINTED
    for index, (site, basis_set) in enumerate(zip(geometry.sites, basis, strict=True)):
        coordinates = ''.join(fixed(value, 8, 3) for value in positions[index])
        lines.append(f'{index + 1:4d} {site.symbol.upper():<2s}{coordinates}')
        new = site.conventional_number not in printed
        printed.add(site.conventional_number)
        if new:
            lines += _shells(basis_set, first_function)
        first_function += basis_set.n_functions
    return lines


def _shells(basis_set: BasisSet, first: int) -> list[str]:
    lines = []
    for shell in basis_set.shells:
        last = first + shell.n_functions - 1
        place = f'{first:35d}' if last == first else f'{first:28d}-{last:6d}'
        lines.append(f'{place} {shell.type:<3s}')
        for exponent, first_coefficient, second in shell.primitives:
            s_coefficient = first_coefficient if shell.type in ('S', 'SP') else 0.0
            p_coefficient = second if shell.type == 'SP' else (first_coefficient if shell.type == 'P' else 0.0)
            d_coefficient = first_coefficient if shell.type in ('D', 'F', 'G') else 0.0
            columns = (exponent, s_coefficient, p_coefficient or 0.0, d_coefficient)
            lines.append(' ' * 40 + ''.join(scientific(value, 10, 3) for value in columns))
        first = last + 1
    return lines


def core_electrons(geometry: Geometry, basis: Sequence[BasisSet]) -> int:
    """Count the electrons of the noble-gas cores, without those that a potential replaces."""
    total = 0
    for site, basis_set in zip(geometry.sites, basis, strict=True):
        if not site.ghost:
            core = max((core for core in _NOBLE_GAS_CORES if core < site.number), default=0)
            total += max(core - basis_set.n_core, 0)
    return total
