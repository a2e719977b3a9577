"""What CRYSTAL's internal STO-3G shells (ITYB 1) stand for, as explicit primitives.

A shell with scale factor 0 is that of the shipped STO-3G set. A shell with a scale factor zeta is the same expansion,
of a Slater orbital with that exponent: the Gaussians fitted to zeta = 1, their exponents multiplied by zeta squared
(Hehre, Stewart, Pople, J. Chem. Phys. 51, 2657 (1969)). The fits at zeta = 1 come from the shipped exponents, which are
the same numbers times the square of a zeta with two decimals for every element; a test repeats this, and the
least-squares fit.
"""

from __future__ import annotations

import math
from dataclasses import replace

from .basis_models import GENERAL, POPLE_SPLIT, BasisError, BasisSet, Shell

# Leading exponent (bohr⁻²) of the three-Gaussian fits at zeta = 1, by their leading S (or D) coefficient. The fits of
# 3sp (Na-Ca) and of 3spd (shared by 3s, 3p, 3d, from Sc on) differ, and so do those of 4sp and 4spd.
_LEADING_EXPONENTS = {
    0.1543289673: 2.227660584,  # 1s
    -0.09996722919: 0.9942027296,  # 2sp
    -0.219620369: 0.4828540806,  # 3sp
    -0.3088441214: 0.2464581400,  # 4sp
    -0.3842642608: 0.1349013828,  # 5sp
    -0.2277635023: 0.4559504693,  # 3spd, its s and p
    0.2197679508: 0.4559504693,  # 3spd, its d
    -0.3306100626: 0.2334859142,  # 4spd, its s and p
    0.1250662138: 0.2334859142,  # 4spd, its d
}


def resolve(basis: BasisSet) -> BasisSet:
    """Write every shell of a basis set out with explicit primitives and scale factor 1.

    :raises BasisError: for shells whose table is not shipped: 3-21G and 6-21G (ITYB 2), STO-nG with n other than 3, an
        element or a shell that STO-3G does not have.
    """
    seen: dict[str, int] = {}
    shells: list[Shell] = []
    for index, shell in enumerate(basis.shells, 1):
        if shell.kind == GENERAL:
            shells.append(_unscaled(basis, index, shell))
            continue
        position = seen.get(shell.type, 0)
        seen[shell.type] = position + 1
        shells.append(_expand(basis, index, shell, position))
    return replace(basis, shells=tuple(shells))


def standard_zeta(shell: Shell) -> float:
    """Return the exponent of the Slater orbital that a shell of the shipped STO-3G set stands for, in bohr⁻¹.

    :raises BasisError: if it is none of the known expansions.
    """
    exponent, coefficient, _ = shell.primitives[0]
    unit = _LEADING_EXPONENTS.get(coefficient)
    if unit is None:
        raise BasisError(
            f'a {shell.type} shell with the leading coefficient {coefficient} is no known STO-3G expansion'
        )
    return math.sqrt(exponent / unit)


def _unscaled(basis: BasisSet, index: int, shell: Shell) -> Shell:
    """Put the scale factor of an explicit shell into its exponents."""
    if shell.scale == 1.0:
        return shell
    if shell.scale <= 0.0:
        raise BasisError(f'{_place(basis, index)} has explicit primitives and the scale factor {shell.scale:g}: use 1')
    return _scaled(shell, shell.scale)


def _scaled(shell: Shell, factor: float) -> Shell:
    rows = tuple((exponent * factor**2, first, second) for exponent, first, second in shell.primitives)
    return replace(shell, scale=1.0, primitives=rows)


def _expand(basis: BasisSet, index: int, shell: Shell, position: int) -> Shell:
    """Expand the internal shell that comes ``position``-th (from 0) among those of its type."""
    place = _place(basis, index)
    if shell.kind == POPLE_SPLIT:
        raise BasisError(f"{place} is from CRYSTAL's internal 3-21G/6-21G (ITYB 2), which is not shipped: write it out")
    if shell.n_gaussians != 3:
        raise BasisError(f'{place} is an internal STO-{shell.n_gaussians}G shell: only STO-3G is shipped, write it out')
    from . import basis_library

    element = basis_library.load('sto-3g').get(basis.number)
    if element is None:
        raise BasisError(f'{place} is an internal STO-3G shell, and STO-3G ends at Z = 54: write it out')
    same_type = [other for other in element.shells if other.type == shell.type]
    if position >= len(same_type):
        raise BasisError(
            f'{place} is {shell.type} shell number {position + 1} of STO-3G, but STO-3G has {len(same_type)} of them '
            f'for this element: write the shell out (ITYB 0)'
        )
    standard = replace(same_type[position], charge=shell.charge)
    if shell.scale < 0.0:
        raise BasisError(f'{place} has the scale factor {shell.scale:g}: it must be 0 (the standard) or positive')
    return standard if shell.scale == 0.0 else _scaled(standard, shell.scale / standard_zeta(standard))


def _place(basis: BasisSet, index: int) -> str:
    return f'basis set {basis.conventional_number}: shell {index}'
