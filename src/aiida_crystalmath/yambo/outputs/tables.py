"""Tables: ``o-*`` files, columns of numbers below a header, with the input echoed at their end.

Columns stand where they like (list-directed output of Fortran), so lines are split on blanks; what the columns are is
read from the last comment before the numbers, whose names are two blanks apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.yambo.inputs.deck import Deck, read_echo
from aiida_crystalmath.yambo.inputs.errors import YamboInputError
from aiida_crystalmath.yambo.inputs.variables import Program

__all__ = (
    'ExcitonList',
    'Quasiparticles',
    'Spectrum',
    'Table',
    'read_excitons',
    'read_quasiparticles',
    'read_spectrum',
)


@dataclass(frozen=True)
class Table:
    """An o-file.

    :param columns: names without their units.
    :param rows: one a line (n, columns).
    :param complete: whether the file was written to its end.
    :param used: the echoed input.
    """

    columns: tuple[str, ...]
    rows: NDArray[np.float64]
    complete: bool
    used: Deck | None

    def column(self, name: str) -> NDArray[np.float64]:
        """Return a column.

        :raises ValueError: there is none of this name.
        """
        if name not in self.columns:
            raise ValueError(f'the table has no column `{name}`; it has {", ".join(self.columns)}')
        values: NDArray[np.float64] = self.rows[:, self.columns.index(name)]
        return values


def read_table(text: str, program: Program = 'yambo') -> Table:
    """Read an o-file.

    :raises ValueError: it has no header or no numbers.
    """
    header = ''
    rows: list[list[float]] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith('#'):
            names = stripped.strip('# ')
            if names and not rows:
                header = names
        elif stripped:
            rows.append([_number(word) for word in stripped.split()])
    columns = tuple(re.sub(r'\s*\[\w+\]$|\[1\] \[\w+\]$', '', name).strip() for name in re.split(r'\s{2,}', header))
    columns = tuple(re.sub(r'\[\d\]$', '', name) for name in columns)
    whole = [row for row in rows if len(row) == len(columns)]
    if len(columns) < 2 or not whole:
        raise ValueError('no table: a header and rows of numbers were expected')
    try:
        used = read_echo(text, program)
    except YamboInputError:
        used = None
    ended = re.search(r'^#\s*\d\d/\d\d/\d{4} at \d\d:\d\d\s+\[end\]', text, re.MULTILINE) is not None
    return Table(columns, np.array(whole), ended and len(whole) == len(rows), used)


def _number(word: str) -> float:
    """Read a number of Fortran; asterisks, and what a killed run left of one, are no number."""
    try:
        return float(word)
    except ValueError:
        return float('nan')


# ------------------------------------------------------------------------------------------------- what they are about


@dataclass(frozen=True)
class Quasiparticles:
    """Corrected states; energies in eV, DFT's zero at the top of the valence bands. Arrays are one entry a state.

    :param kpoint: number of the irreducible k-point, from 1.
    :param band: number of the band, from 1.
    :param spin: 1 or 2; 1 without spin polarisation.
    :param z: renormalisation factor (real part), where it is known.
    :param kpoints_iku: of the k-points (all, or those corrected), in Yambo's own units (n, 3), where they are known.
    """

    kpoint: NDArray[np.int64]
    band: NDArray[np.int64]
    e0_ev: NDArray[np.float64]
    de_ev: NDArray[np.float64]
    spin: NDArray[np.int64]
    sc_ev: NDArray[np.float64] | None = None
    z: NDArray[np.float64] | None = None
    kpoints_iku: NDArray[np.float64] | None = None

    @property
    def energies_ev(self) -> NDArray[np.float64]:
        """The corrected energies."""
        return self.e0_ev + self.de_ev

    def __len__(self) -> int:
        """Return the number of states."""
        return len(self.band)


def read_quasiparticles(text: str) -> Quasiparticles:
    """Read ``o-*.qp``.

    :raises ValueError: it is no table of quasi-particles, or not whole.
    """
    table = _whole(read_table(text), 'quasi-particles')
    spin = table.column('Spin_Pol') if 'Spin_Pol' in table.columns else np.ones(len(table.rows))
    return Quasiparticles(
        kpoint=table.column('K-point').astype(np.int64),
        band=table.column('Band').astype(np.int64),
        e0_ev=table.column('Eo'),
        de_ev=table.column('E-Eo'),
        spin=np.where(spin < 0, 2, spin).astype(np.int64),
        sc_ev=table.column('Sc|Eo') if 'Sc|Eo' in table.columns else None,
    )


@dataclass(frozen=True)
class Spectrum:
    """A function of the energy: the dielectric function (``eps``) or the energy loss (``eel``).

    :param imaginary: with electron-hole interaction (or local fields); likewise ``real``.
    :param imaginary_ip: of independent particles, where the table has it; likewise ``real_ip``.
    """

    kind: str
    energy_ev: NDArray[np.float64]
    imaginary: NDArray[np.float64]
    real: NDArray[np.float64]
    imaginary_ip: NDArray[np.float64] | None
    real_ip: NDArray[np.float64] | None

    @property
    def peak_ev(self) -> float:
        """Energy of the highest point of the imaginary part."""
        return float(self.energy_ev[int(np.argmax(self.imaginary))])

    @property
    def peak_ip_ev(self) -> float | None:
        """The same for independent particles."""
        if self.imaginary_ip is None:
            return None
        return float(self.energy_ev[int(np.argmax(self.imaginary_ip))])


def read_spectrum(text: str, kind: str = 'eps') -> Spectrum:
    """Read ``o-*.eps_*`` or ``o-*.eel_*``.

    :param kind: ``eps`` or ``eel``, as the columns are called.
    :raises ValueError: it is no such spectrum, or not whole.
    """
    table = _whole(read_table(text), 'spectrum')

    def column(name: str) -> NDArray[np.float64] | None:
        return table.column(name) if name in table.columns else None

    return Spectrum(
        kind,
        energy_ev=table.column('E'),
        imaginary=table.column(f'Im({kind})'),
        real=table.column(f'Re({kind})'),
        imaginary_ip=column(f'Im({kind}_o)'),
        real_ip=column(f'Re({kind}_o)'),
    )


@dataclass(frozen=True)
class ExcitonList:
    """Excitons, the lowest first.

    A BSE with coupling has each of them twice, at plus and minus its energy: the negative half is left out. Energies
    that are negative otherwise (an unstable ground state) stay.

    :param strength: oscillator strength, that of the strongest being 1.
    :param index: number that the solver gave them, from 1.
    """

    energy_ev: NDArray[np.float64]
    strength: NDArray[np.float64]
    index: NDArray[np.int64]

    @classmethod
    def of(cls, energy_ev: NDArray[np.float64], strength: NDArray[np.float64], index: NDArray[np.int64]) -> ExcitonList:
        """Return a list in the order of the energies, without mirror images."""
        order = np.argsort(energy_ev, kind='stable')
        if _mirrored(energy_ev[order]):
            order = order[len(order) // 2 :]
        return cls(energy_ev[order], strength[order], index[order])

    def bright(self, threshold: float) -> NDArray[np.bool_]:
        """Tell which are seen in absorption: as strong as ``threshold`` times the strongest, at least."""
        mask: NDArray[np.bool_] = self.strength >= threshold * self.strength.max()
        return mask


def read_excitons(text: str) -> ExcitonList:
    """Read ``o-*.exc_qpt1_E_sorted`` (or ``_I_sorted``) of ypp.

    :raises ValueError: it is no such list, or not whole.
    """
    table = _whole(read_table(text, 'ypp'), 'excitons')
    return ExcitonList.of(table.column('E'), table.column('Strength'), table.column('Index').astype(np.int64))


MIRROR_EV = 1e-3
"""Eigenvalues of a matrix that is not Hermitian come in single precision."""


def _mirrored(energies_ev: NDArray[np.float64]) -> bool:
    """Tell whether rising energies are those of a BSE with coupling: as many below zero as above, and the same."""
    half, odd = divmod(len(energies_ev), 2)
    below, above = -energies_ev[:half][::-1], energies_ev[half:]
    return not odd and half > 0 and bool(below[0] > 0 and np.abs(below - above).max() <= MIRROR_EV)


def _whole(table: Table, what: str) -> Table:
    """Return the table if it was written to its end and all of it is numbers.

    :raises ValueError: otherwise.
    """
    if not table.complete:
        raise ValueError(f'the table of {what} was not written to its end')
    if not np.isfinite(table.rows).all():
        raise ValueError(f'the table of {what} has entries that are no numbers')
    return table
