"""Basis sets made of the basis an output prints, and their comparison with the ones of a deck.

The program prints four significant digits. Of the deck's basis contraction coefficients are as they were given; of one
read from a wave function they are those of the program's own functions. Terms of effective core potentials have
seven decimals. What is missing: the shell charges (CHE).
"""

from __future__ import annotations

import math
from itertools import combinations

from aiida_crystalmath.crystal.basis_models import ECP, BasisError, BasisSet, Shell, conventional_has_ecp
from aiida_crystalmath.crystal.outputs.models import PrintedAtomBasis, PrintedBasis, PrintedPotential, PrintedShell

Primitives = tuple[tuple[float, float, float | None], ...]

PRINTED_PRECISION = 'printed precision'
"""Name of the basis sets made here: their numbers have four digits, and their shells no charges."""

_COLUMNS = {'S': [(0, 0)], 'SP': [(0, 0), (1, 1)], 'P': [(1, 1)], 'D': [(2, 2)], 'F': [(3, 2)], 'G': [(4, 2)]}
"""Angular momentum and column of coefficients of each function of a shell."""
_ODD = (1, 1, 3)
"""(2l - 1)!!"""
_LARGEST = 1e12
"""No exponent or coefficient is larger; a broken file may hold anything."""
_ENOUGH = 6
"""Shells that tell what coefficients mean."""
_RELATIVE = 6e-4
"""Half a unit of the last of four digits of 1.000 is 5e-4."""


def basis_sets(printed: PrintedBasis) -> dict[int, BasisSet]:
    """Return basis sets by conventional atomic number, as far as the output tells them.

    Their shells have no charges and their ``name`` is :data:`PRINTED_PRECISION`: they are for people and comparison,
    not for a run. Ghosts, atoms without a known number and potentials whose terms are not certain are left out.
    Contractions turned back from the program's own functions have the norm 1, which those of the deck need not have.
    """
    result: dict[int, BasisSet] = {}
    for species in printed.species if printed.complete else []:
        number = species.conventional_number
        if number is None or number % 100 == 0:
            continue
        tables = [_primitives(shell, normalised=printed.is_normalised) for shell in species.shells]
        pairs = zip(species.shells, tables, strict=True)
        try:
            ecp = _potential(printed.potentials.get(number % 100)) if conventional_has_ecp(number) else None
            shells = tuple(Shell(shell.type, 0.0, primitives=rows) for shell, rows in pairs)
            result[number] = BasisSet(number % 100, number, shells, ecp, name=PRINTED_PRECISION)
        except BasisError:
            # No primitives (coefficients of F and G shells are not turned back), or no potential.
            continue
    return result


def _potential(printed: PrintedPotential | None) -> ECP | None:
    """Return a potential written out; None where its terms are not certain."""
    terms = dict(printed.terms) if printed is not None else {}
    if printed is None or not terms:
        return None
    groups = ('W0', 'P0', 'P1', 'P2', 'P3', 'P4') if 'P4' in terms else ('W0', 'P0', 'P1', 'P2', 'P3')
    if not terms.keys() <= set(groups):
        return None
    return ECP('INPUT', printed.charge, tuple(terms.get(name, ()) for name in groups))


def _primitives(shell: PrintedShell, *, normalised: bool) -> Primitives:
    """Return the primitives of a shell as they would stand in a deck, none if they are not known."""
    columns = []
    for momentum, column in _COLUMNS[shell.type]:
        values = [row[column] for row in shell.coefficients]
        if normalised:
            if momentum > 2 or not all(0 < e < _LARGEST for e in shell.exponents):
                return ()
            factors = [_norm(exponent, momentum) for exponent in shell.exponents]
            values = [value / factor for value, factor in zip(values, factors, strict=True)]
        columns.append(values)
    second = columns[1] if len(columns) > 1 else [None] * len(shell.exponents)
    return tuple(zip(shell.exponents, columns[0], second, strict=True))


def _norm(exponent: float, momentum: int) -> float:
    """Return the factor between a coefficient of the program's functions and one of a deck.

    It is the norm of a primitive times ``2**(1/4) pi**(5/8)``: found, to all digits, from S and P coefficients of a
    formatted wave function (silicon, STO-3G) and, to four, from D shells of an output that prints both (NiO).
    """
    squared: float = 2.0 ** (2 * momentum + 1.5) * exponent ** (momentum + 1.5) / (_ODD[momentum] * math.pi**1.5)
    return math.sqrt(math.sqrt(2) * math.pi**1.25 * squared)


def is_normalised(species: list[PrintedAtomBasis]) -> bool:
    """Say whether coefficients are those of the program's own functions: shells with them have the norm 1."""
    as_given = as_own = 0.0
    for shell in [shell for atom in species for shell in atom.shells][:_ENOUGH]:
        momentum, column = _COLUMNS[shell.type][0]
        sound = all(0 < e < _LARGEST for e in shell.exponents)
        if momentum < 3 and sound and all(abs(c) < _LARGEST for row in shell.coefficients for c in row):
            values = [row[column] for row in shell.coefficients]
            own = [v / _norm(e, momentum) for v, e in zip(values, shell.exponents, strict=False)]
            as_given += min(abs(_overlap(shell.exponents, values, momentum) - 1), 1)
            as_own += min(abs(_overlap(shell.exponents, own, momentum) - 1), 1)
    return as_own < as_given


def _overlap(exponents: list[float], values: list[float], momentum: int) -> float:
    """Return the norm of a contraction of normalised primitives."""
    power = momentum + 1.5
    pairs = [(a, c) for a, c in zip(exponents, values, strict=False) if a > 0]
    return math.fsum(c * c for _, c in pairs) + 2 * math.fsum(
        c * d * (2 * math.sqrt(a * b) / (a + b)) ** power for (a, c), (b, d) in combinations(pairs, 2)
    )


def agrees(species: PrintedAtomBasis, basis: BasisSet, *, normalised: bool = False) -> bool:
    """Say whether a printed basis is this one: same shells, all exponents and coefficients equal as printed.

    :param normalised: :attr:`PrintedBasis.is_normalised`: contractions are then compared as far as a factor.

    Shells of the program's internal tables (ITYB 1, 2) are compared where the tables are known; where they are not, by
    type only. Shells with a single primitive are compared without their coefficient, which the program sets to 1.
    """
    if len(species.shells) != len(basis.shells):
        return False
    try:
        shells = basis.resolved().shells
    except BasisError:
        shells = basis.shells
    pairs = zip(species.shells, shells, strict=True)
    return all(_same(printed, shell, normalised=normalised) for printed, shell in pairs)


def _same(printed: PrintedShell, shell: Shell, *, normalised: bool) -> bool:
    """Say whether two shells are equal to the printed digits."""
    if printed.type != shell.type:
        return False
    if shell.kind:
        return True
    ours = _primitives(printed, normalised=normalised)
    if len(printed.exponents) != len(shell.primitives):
        return False
    if not ours:
        return all(
            _close(e, row[0] * shell.scale**2) for e, row in zip(printed.exponents, shell.primitives, strict=True)
        )
    if len(ours) == 1:
        return _close(ours[0][0], shell.primitives[0][0] * shell.scale**2)
    theirs = [(e * shell.scale**2, *_numbers(row)) for e, *row in shell.primitives]
    if normalised:
        theirs = _unit(theirs, shell.type)
    return all(
        _close(a[0], b[0]) and _close(a[1], b[1]) and _close(a[2] or 0.0, b[2])
        for a, b in zip(ours, theirs, strict=True)
    )


def _numbers(row: list[float | None]) -> tuple[float, float]:
    """Return both coefficients of a primitive, 0 for the one it has not."""
    return row[0] or 0.0, row[1] or 0.0


def _unit(rows: list[tuple[float, float, float]], kind: str) -> list[tuple[float, float, float]]:
    """Return the primitives of a shell whose contractions have the norm 1, as the program makes them."""
    exponents = [row[0] for row in rows]
    scales = [1.0, 1.0]
    for i, (momentum, _) in enumerate(_COLUMNS[kind]):
        squared = _overlap(exponents, [row[i + 1] for row in rows], momentum)
        scales[i] = 1 / math.sqrt(squared) if squared > 0 else 1.0
    return [(e, s * scales[0], p * scales[1]) for e, s, p in rows]


def _close(printed: float, exact: float) -> bool:
    """Say whether a number printed with four digits stands for an exact one."""
    return abs(printed - exact) <= _RELATIVE * max(abs(printed), abs(exact)) + 1e-30
