"""Gaussian basis sets as CRYSTAL writes them: shells, effective core potentials, one basis per element.

The format is that of the block "Basis set" of the CRYSTAL User's Manual: per element ``NAT NSHL``, for a potential its
keyword, per shell ``ITYB LAT NG CHE SCAL`` and, for ITYB 0, NG lines ``EXP COE1 [COE2]``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

ShellType = Literal['S', 'SP', 'P', 'D', 'F', 'G']

#: Shell types in the order of CRYSTAL's code LAT: 0 S, 1 SP, 2 P, 3 D, 4 F, 5 G.
SHELL_TYPES: tuple[ShellType, ...] = ('S', 'SP', 'P', 'D', 'F', 'G')
#: Number of (spherical) functions of one shell.
SHELL_FUNCTIONS: dict[str, int] = {'S': 1, 'SP': 4, 'P': 3, 'D': 5, 'F': 7, 'G': 9}

#: ITYB: where the exponents come from.
GENERAL, STO_NG, POPLE_SPLIT = 0, 1, 2

#: NG of an ITYB 2 shell is a code: 6 and 3 cores of 6-21G and 3-21G, 2 inner and 1 outer valence.
POPLE_SPLIT_CODES = (6, 3, 2, 1)

#: Potentials that are written out in the deck.
ECP_EXPLICIT = ('INPUT',)
#: Explicit potentials with a spin-orbit part (CRYSTAL23), whose numeric lines are kept as they are.
ECP_VERBATIM = ('INPSOC',)
#: Potentials that CRYSTAL takes from its own tables.
ECP_TABULATED = ('HAYWLC', 'HAYWSC', 'BARTHE', 'DURAND', 'STUTLC', 'STUTSC', 'COLUSC')
ECP_KEYWORDS = ECP_EXPLICIT + ECP_VERBATIM + ECP_TABULATED


class BasisError(ValueError):
    """A basis set is malformed, or does not fit the system it is given to."""


@dataclass(frozen=True)
class Shell:
    """One shell of contracted Gaussians.

    :param type: S, SP (an S and a P shell that share their exponents), P, D, F or G.
    :param charge: formal electrons of the shell in the starting atomic density (CHE).
    :param scale: scale factor (SCAL): exponents are multiplied by its square; 0 with ``kind`` 1 is Pople's standard.
    :param kind: ITYB: 0 explicit primitives, 1 STO-nG and 2 3-21G or 6-21G of CRYSTAL's internal tables.
    :param n_gaussians: NG; with ``kind`` 2 a code (6, 3 core, 2 inner, 1 outer valence).
    :param primitives: for ``kind`` 0, rows (exponent in bohr⁻², coefficient, P coefficient of an SP shell or None).
    :raises BasisError: if the fields contradict each other.
    """

    type: ShellType
    charge: float
    scale: float = 1.0
    kind: int = GENERAL
    n_gaussians: int = 0
    primitives: tuple[tuple[float, float, float | None], ...] = ()

    def __post_init__(self) -> None:
        if self.type not in SHELL_FUNCTIONS:
            raise BasisError(f'unknown shell type {self.type!r}: use one of {", ".join(SHELL_TYPES)}')
        if self.kind not in (GENERAL, STO_NG, POPLE_SPLIT):
            raise BasisError(f'ITYB is {self.kind}: 0 (explicit), 1 (STO-nG) and 2 (3-21G, 6-21G) exist')
        if not (math.isfinite(self.charge) and math.isfinite(self.scale)):
            raise BasisError(f'charge {self.charge} and scale factor {self.scale} of a shell must be finite numbers')
        if self.kind == GENERAL:
            self._check_primitives()
        elif self.primitives:
            raise BasisError(f'a shell with ITYB {self.kind} takes its exponents from CRYSTAL: remove the primitives')
        elif self.kind == STO_NG and not 1 <= self.n_gaussians <= 6:
            raise BasisError(f'NG is {self.n_gaussians}: an STO-nG shell (ITYB 1) has 1 to 6 Gaussians')
        elif self.kind == POPLE_SPLIT and self.n_gaussians not in POPLE_SPLIT_CODES:
            raise BasisError(
                f'NG is {self.n_gaussians}: with ITYB 2 it is 6 or 3 (core), 2 (inner) or 1 (outer valence)'
            )

    def _check_primitives(self) -> None:
        if not self.primitives:
            raise BasisError(f'a {self.type} shell with ITYB 0 needs at least one primitive')
        if self.n_gaussians == 0:
            object.__setattr__(self, 'n_gaussians', len(self.primitives))
        if self.n_gaussians != len(self.primitives):
            raise BasisError(f'NG is {self.n_gaussians}, but the shell has {len(self.primitives)} primitives')
        for exponent, first, second in self.primitives:
            if not (math.isfinite(exponent) and exponent > 0.0):
                raise BasisError(f'exponent {exponent} of a {self.type} shell is not a positive number')
            if not (math.isfinite(first) and (second is None or math.isfinite(second))):
                raise BasisError(f'a {self.type} shell has a contraction coefficient that is not a finite number')
            if (second is None) == (self.type == 'SP'):
                wanted = 'two coefficients (S and P)' if self.type == 'SP' else 'one coefficient'
                raise BasisError(f'a primitive of a {self.type} shell has {wanted}: see exponent {exponent}')

    @property
    def n_functions(self) -> int:
        """Number of spherical atomic orbitals of the shell."""
        return SHELL_FUNCTIONS[self.type]

    @property
    def capacity(self) -> int:
        """The electrons the shell can hold."""
        return 2 * self.n_functions


@dataclass(frozen=True)
class ECP:
    """Effective core potential of an element with conventional number Z + 200.

    :param keyword: INPUT (written out here), INPSOC (with a spin-orbit part, kept verbatim) or the name of a table that
        CRYSTAL holds: HAYWLC, HAYWSC, BARTHE, DURAND, STUTLC, STUTSC, COLUSC.
    :param charge: effective nuclear charge ZNUC; None for the tables.
    :param terms: for INPUT, groups of rows (exponent in bohr⁻², coefficient, power of r): the local term first, then
        l = 0, 1, 2, 3 and, from CRYSTAL09 on, 4. Empty groups count.
    :param raw: for INPSOC, the lines between the keyword and the shells.
    :raises BasisError: if the fields contradict each other.
    """

    keyword: str
    charge: float | None = None
    terms: tuple[tuple[tuple[float, float, int], ...], ...] = ()
    raw: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.keyword not in ECP_KEYWORDS:
            raise BasisError(f'unknown pseudopotential {self.keyword!r}: CRYSTAL knows {", ".join(ECP_KEYWORDS)}')
        explicit = self.keyword not in ECP_TABULATED
        if explicit and not (self.charge is not None and math.isfinite(self.charge) and self.charge >= 0):
            raise BasisError(f'{self.keyword} needs the effective nuclear charge, a number that is not negative')
        if self.keyword in ECP_EXPLICIT and len(self.terms) not in (5, 6):
            raise BasisError(f'INPUT has the local term and l = 0 to 3 or 4: 5 or 6 groups, not {len(self.terms)}')
        if self.keyword not in ECP_EXPLICIT and self.terms:
            raise BasisError(f'{self.keyword} has no terms of its own: use INPUT to write a potential out')
        if (self.keyword in ECP_VERBATIM) != bool(self.raw):
            raise BasisError(f'raw lines belong to {", ".join(ECP_VERBATIM)} and to nothing else')


@dataclass(frozen=True)
class BasisSet:
    """The basis set of one element (or of one conventional number).

    Two sets are equal when they would be written the same; ``name`` and ``citation`` do not count.

    :param number: true atomic number, 0 for functions without a nucleus.
    :param conventional_number: NAT; 0 derives it: Z, or Z + 200 with a potential. NAT modulo 100 is Z; 200 < NAT < 1000
        means a potential.
    :param shells: shells in the order of the orbitals.
    :param ecp: the effective core potential, if any.
    :param name: name of the set the basis belongs to, for people.
    :param citation: where it was published, for people.
    :raises BasisError: if number, conventional number and potential contradict each other.
    """

    number: int
    conventional_number: int = 0
    shells: tuple[Shell, ...] = ()
    ecp: ECP | None = None
    name: str = field(default='', compare=False)
    citation: str = field(default='', compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.number <= 98:
            raise BasisError(f'atomic number {self.number} is outside 0-98, the range CRYSTAL can number')
        if self.conventional_number == 0 and self.number > 0:
            object.__setattr__(self, 'conventional_number', self.number + (200 if self.ecp else 0))
        check_conventional_number(self.conventional_number, self.number, self.ecp is not None)

    @property
    def n_functions(self) -> int:
        """Number of atomic orbitals."""
        return sum(shell.n_functions for shell in self.shells)

    @property
    def n_electrons(self) -> float:
        """Electrons of the starting density: the sum of the shell charges."""
        return math.fsum(shell.charge for shell in self.shells)

    @property
    def has_ecp(self) -> bool:
        """Whether an effective core potential replaces the core."""
        return self.ecp is not None

    @property
    def n_core(self) -> int:
        """Electrons that the potential replaces, 0 without one.

        For a table of CRYSTAL's own that is not in :mod:`.basis_cores` the atom is taken to be neutral.
        """
        if self.ecp is None:
            return 0
        if self.ecp.charge is not None:
            return round(self.number - self.ecp.charge)
        from .basis_cores import tabulated_core

        known = tabulated_core(self.ecp.keyword, self.number)
        return round(self.number - self.n_electrons) if known is None else known

    @property
    def nuclear_charge(self) -> float:
        """Charge of the nucleus with the core that the potential replaces."""
        if self.ecp is not None and self.ecp.charge is not None:
            return self.ecp.charge
        return float(self.number - self.n_core)

    @property
    def is_internal(self) -> bool:
        """Whether any shell is taken from CRYSTAL's internal tables (ITYB 1 or 2)."""
        return any(shell.kind != GENERAL for shell in self.shells)

    def resolved(self) -> BasisSet:
        """Write every shell out with explicit primitives and scale factor 1.

        :raises BasisError: for shells whose table is not documented (ITYB 2, STO-nG with n other than 3).
        """
        from .basis_pople import resolve

        return resolve(self)

    def check(self) -> None:
        """Check what CRYSTAL refuses although it can be read: shells, and their charges.

        :raises BasisError: with every problem found.
        """
        problems = [] if self.shells else ['it has no shells']
        for index, shell in enumerate(self.shells, 1):
            if shell.charge < 0 or shell.charge > shell.capacity:
                problems.append(
                    f'shell {index} ({shell.type}) is given {shell.charge:g} electrons, it holds 0 to {shell.capacity}'
                )
            if shell.kind == GENERAL and shell.scale <= 0:
                problems.append(
                    f'shell {index} ({shell.type}) has the scale factor {shell.scale:g}: it must be positive'
                )
        if problems:
            raise BasisError(f'basis set of conventional number {self.conventional_number}: {"; ".join(problems)}')


def check_conventional_number(conventional: int, number: int, has_ecp: bool) -> None:
    """Check CRYSTAL's numbering: NAT modulo 100 is Z and 200 < NAT < 1000 means an effective core potential.

    :raises BasisError: if the three do not agree.
    """
    if conventional < 0 or conventional % 100 != number:
        raise BasisError(
            f'conventional number {conventional} does not stand for Z = {number}: NAT modulo 100 must be Z'
        )
    if conventional == 200:
        raise BasisError('conventional number 200 stands for no element')
    if conventional_has_ecp(conventional) != has_ecp:
        have = 'has' if has_ecp else 'has no'
        raise BasisError(
            f'conventional number {conventional}: a potential belongs to the numbers 201 to 998 and only to them, '
            f'and this basis set {have} effective core potential'
        )


def conventional_has_ecp(conventional: int) -> bool:
    """Whether CRYSTAL reads a pseudopotential for this conventional atomic number."""
    return 200 < conventional < 1000
