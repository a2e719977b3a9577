"""Basis sets made of the basis an output prints, and their comparison with the ones of a deck.

The program prints four significant digits and contraction coefficients as they were given. What is missing: the shell
charges (CHE) and the terms of effective core potentials.
"""

from __future__ import annotations

from aiida_crystalmath.crystal.basis_models import BasisError, BasisSet, Shell
from aiida_crystalmath.crystal.outputs.models import PrintedAtomBasis, PrintedBasis, PrintedShell

PRINTED_PRECISION = 'printed precision'
"""Name of the basis sets made here: their numbers have four digits, and their shells no charges."""

_COLUMN = {'S': 0, 'P': 1, 'D': 2, 'F': 2, 'G': 2}
_RELATIVE = 6e-4
"""Half a unit of the last of four digits of 1.000 is 5e-4."""


def basis_sets(printed: PrintedBasis) -> dict[int, BasisSet]:
    """Return basis sets by conventional atomic number, as far as the output tells them.

    Their shells have no charges and their ``name`` is :data:`PRINTED_PRECISION`: they are for people and comparison,
    not for a run. Species with an effective core potential, ghosts and atoms without a known number are left out.
    """
    result: dict[int, BasisSet] = {}
    for species in printed.species if printed.complete else []:
        number = species.conventional_number
        if number is None or number % 100 == 0 or 200 < number < 1000:
            continue
        shells = tuple(Shell(shell.type, 0.0, primitives=_primitives(shell)) for shell in species.shells)
        try:
            result[number] = BasisSet(number % 100, number, shells, name=PRINTED_PRECISION)
        except BasisError:
            continue
    return result


def _primitives(shell: PrintedShell) -> tuple[tuple[float, float, float | None], ...]:
    """Return the primitives of a shell."""
    if shell.type == 'SP':
        return tuple((e, s, p) for e, (s, p, _) in zip(shell.exponents, shell.coefficients, strict=True))
    column = _COLUMN[shell.type]
    return tuple((e, row[column], None) for e, row in zip(shell.exponents, shell.coefficients, strict=True))


def agrees(species: PrintedAtomBasis, basis: BasisSet) -> bool:
    """Say whether a printed basis is this one: same shells, all exponents and coefficients equal as printed.

    Shells of the program's internal tables (ITYB 1, 2) are compared where the tables are known; where they are not, by
    type only. Shells with a single primitive are compared without their coefficient, which the program sets to 1.
    """
    if len(species.shells) != len(basis.shells):
        return False
    try:
        shells = basis.resolved().shells
    except BasisError:
        shells = basis.shells
    return all(_same(printed, shell) for printed, shell in zip(species.shells, shells, strict=True))


def _same(printed: PrintedShell, shell: Shell) -> bool:
    """Say whether two shells are equal to the printed digits."""
    if printed.type != shell.type:
        return False
    if shell.kind:
        return True
    ours = _primitives(printed)
    if len(ours) != len(shell.primitives):
        return False
    if len(ours) == 1:
        return _close(ours[0][0], shell.primitives[0][0] * shell.scale**2)
    return all(
        _close(a[0], b[0] * shell.scale**2) and _close(a[1], b[1]) and _close(a[2] or 0.0, b[2] or 0.0)
        for a, b in zip(ours, shell.primitives, strict=True)
    )


def _close(printed: float, exact: float) -> bool:
    """Say whether a number printed with four digits stands for an exact one."""
    return abs(printed - exact) <= _RELATIVE * max(abs(printed), abs(exact)) + 1e-30
