"""The objects within a summary."""

# said() and part() make fields of dataclasses.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass

from aiida_crystalmath.crystal.summary.documented import said


@dataclass
class ScfSummary:
    """The last SCF of the file that came to its end."""

    converged: bool | None = said('Whether it converged; null when no SCF of the file came to its end.')
    criterion: str | None = said('What ended it: `energy`, `tester`, `other`, or `too_many_cycles`.')
    cycles: int | None = said('Its number of cycles, as printed at its end.')
    energy_hartree: float | None = said(
        'Its energy as printed at its end, without the corrections added after it. Also given when it did not '
        'converge: `energy_hartree` is the key for a final energy.',
        'hartree per primitive cell',
    )
    unfinished_cycles: int | None = said(
        'Last cycle of a later SCF that did not come to its end; null if there is none.'
    )


@dataclass
class OptimisationSummary:
    """The last geometry optimisation of the file."""

    converged: bool | None = said('Whether it ended and said that it converged.')
    points: int | None = said('Number of points, as printed at its end; null for an optimisation that did not end.')
    points_printed: int | None = said('Points that the file shows (of an unfinished one, those it came to).')
    kind: str | None = said('What moved, as in the titles of the points: `COORDINATE AND CELL`.')
    target: str | None = said('`minimum` or `transition_state`.')
    energy_hartree: float | None = said(
        'Energy where it ended, with all corrections, whether it converged or not.', 'hartree per primitive cell'
    )
    max_gradient: float | None = said('Largest component of the gradient at the last point.', 'hartree/bohr')
    rms_gradient: float | None = said('Root mean square of the gradient at the last point.', 'hartree/bohr')
    count: int | None = said('Optimisations in the file (PREOPTGEOM, volumes of an equation of state).')


@dataclass
class StageSummary:
    """One program of the file: a job script may run ``crystal`` and ``properties`` one after the other."""

    program: str | None = said('`crystal` or `properties`.')
    version: str | None = said('Version in its banner.')
    line: int | None = said('Line of the file on which it starts.')
    ended: bool | None = said('Whether it came to its end; it may have failed nevertheless.')
    wall_time_s: float | None = said('Wall time.', 's')
    cpu_time_s: float | None = said('CPU time.', 's')
    errors: list[str] = said('Its ERROR lines.', many=True)


@dataclass
class MullikenSummary:
    """Mulliken populations, one value an atom."""

    symbols: list[str] = said('Element of every atom, as printed; empty where not.', many=True)
    electrons: list[float] = said('Electrons.', 'electrons', many=True)
    net_charges: list[float | None] = said(
        'Nuclear charge minus electrons; null with an effective core.', 'e', many=True
    )
    spins: list[float] | None = said('Alpha minus beta electrons; null of a closed shell.', 'electrons')


@dataclass
class Structure:
    """Atoms of CRYSTAL's primitive cell."""

    formula: str | None = said('What the cell holds, in the order of Hill.')
    symbols: list[str] = said('Element of every atom, in the order of the file; `X` is a ghost.', many=True)
    positions_angstrom: list[list[float]] = said('Cartesian positions, x, y, z of every atom.', 'Å', many=True)
    cell_angstrom: list[list[float]] | None = said(
        'Lattice vectors as rows; null of a molecule. Directions that do not repeat are formally 500 Å long.', 'Å'
    )
