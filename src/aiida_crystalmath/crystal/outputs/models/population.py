"""Mulliken population analysis."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiida_crystalmath.crystal.outputs.models.deferred import Deferred, none


@dataclass
class Mulliken:
    """Last Mulliken charges of the output, in the order of CRYSTAL's primitive cell.

    :param electrons: electrons per atom.
    :param numbers: conventional atomic numbers as printed.
    :param net_charges: nuclear charge minus electrons (e); None where the nuclear charge is not known (an ECP whose
        charge is not printed). Of a ghost minus its electrons.
    :param spins: alpha - beta electrons per atom; None in a closed shell.
    """

    electrons: list[float]
    numbers: list[int] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    net_charges: list[float | None] = field(default_factory=list)
    spins: list[float] | None = None


@dataclass(frozen=True)
class OverlapPopulation:
    """One row of ``OVERLAP POPULATION CONDENSED TO ATOMS``; neighbours related by symmetry have one row.

    :param atom: number of atom A, in the reference cell, from 1.
    :param neighbour: number of atom B, from 1.
    :param cell: indices of the cell of atom B.
    :param distance_bohr: distance, three decimals.
    :param distance_angstrom: the same in Å.
    :param population: overlap population in electrons.
    """

    atom: int
    neighbour: int
    cell: tuple[int, int, int]
    distance_bohr: float
    distance_angstrom: float
    population: float


@dataclass
class DensityPopulation:
    """One density (sum or difference of the spins) of one Mulliken analysis.

    :param n_electrons: of the title: electrons of the cell (alpha + beta), or their spin (alpha - beta).
    :param numbers: conventional atomic numbers.
    :param symbols: as printed.
    :param atoms: electrons (or spin) per atom, three decimals.
    :param orbitals: per atom, its atomic orbitals; empty where the table is not printed.
    :param shells: per atom, its shells; empty where the table is not printed.
    :param overlap: overlap populations; empty where the table is not printed.
    :param complete: every table that began was read to its end, and all have the same atoms.
    """

    n_electrons: float | None = None
    numbers: list[int] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    atoms: list[float] = field(default_factory=list)
    orbitals: list[list[float]] = field(default_factory=list)
    shells: list[list[float]] = field(default_factory=list)
    overlap: list[OverlapPopulation] = field(default_factory=list)
    complete: bool = False


@dataclass
class PopulationAnalysis:
    """The last Mulliken analysis of the output; its densities are converted at the first access.

    :param total: alpha + beta.
    :param spin: alpha - beta; None in a closed shell.
    :param is_final: the density is that of the final geometry of a run that ended. Not said of an analysis that the
        properties program of the same job printed.
    :param line: of the title of ``total``.
    """

    total: Deferred[DensityPopulation] = Deferred(DensityPopulation)  # noqa: RUF009 - a descriptor
    spin: Deferred[DensityPopulation | None] = Deferred(none)  # noqa: RUF009
    is_final: bool = False
    line: int = 0

    @property
    def complete(self) -> bool:
        """Whether every density was read to its end."""
        return self.total.complete and (self.spin is None or self.spin.complete)
