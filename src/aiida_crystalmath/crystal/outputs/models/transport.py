"""Electronic transport from Boltzmann's equation (BOLTZTRA)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aiida_crystalmath.crystal.outputs.models.arrays import Array

TransportQuantity = Literal['SIGMA', 'SIGMAS', 'SEEBECK', 'KAPPA', 'TDF']


@dataclass
class TransportSettings:
    """What the properties program says on stdout about its run of BOLTZTRA.

    Ranges are (minimum, maximum, step) as printed.

    :param directions: components of the transport distribution function: XX, XY, ...
    :param files: names of the files the program says it wrote: SIGMA.DAT, ...
    :param complete: the files were written.
    """

    relaxation_time_fs: float | None = None
    temperature_range_k: tuple[float, float, float] | None = None
    chemical_potential_range_ev: tuple[float, float, float] | None = None
    tdf_range_ev: tuple[float, float, float] | None = None
    smearing: float | None = None
    smearing_scheme: str | None = None
    directions: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    line: int = 0
    complete: bool = False


@dataclass
class TransportTensor:
    """One of the files SIGMA.DAT, SIGMAS.DAT, SEEBECK.DAT, KAPPA.DAT.

    :param quantity: SIGMA electrical conductivity, SIGMAS conductivity times Seebeck coefficient, SEEBECK, KAPPA
        electronic thermal conductivity.
    :param unit: as the file says: ``1/Ohm/m``, ``A/m/K``, ``V/K``, ``W/m/K`` (of the formal cell in 2D and 1D).
    :param components: names of the columns, lower case: ``xx``, ``xy``, ...
    :param temperatures_k: shape (n_t,).
    :param chemical_potentials_ev: shape (n_mu,); absolute, CRYSTAL's zero.
    :param carriers: number of carriers per cell, shape (n_spin, n_t, n_mu); positive for holes.
    :param values: shape (n_spin, n_t, n_mu, n_components).
    :param volume_cm3: of the cell; None if the file does not tell it.
    :param complete: False when the last temperature is shorter than the first (those before it are given), a channel
        is missing, or the only temperature has fewer rows than announced.
    """

    quantity: TransportQuantity
    unit: str
    components: list[str]
    temperatures_k: Array
    chemical_potentials_ev: Array
    carriers: Array
    values: Array
    volume_cm3: float | None = None
    complete: bool = True

    @property
    def n_spin(self) -> int:
        """1 or 2."""
        return int(self.values.shape[0])

    @property
    def dimensionality(self) -> int | None:
        """Periodic directions the columns speak of; None if they are none of the known sets."""
        return {1: 1, 3: 2, 4: 2, 6: 3, 9: 3}.get(len(self.components))


@dataclass
class TransportDistribution:
    """The file TDF.DAT.

    :param unit: as the file says (``1/hbar^2*eV*fs/angstrom``).
    :param energies_ev: shape (n_e,); absolute.
    :param values: shape (n_spin, n_e, n_components).
    :param complete: False when the spin channels differ in length; then one is given.
    """

    unit: str
    components: list[str]
    energies_ev: Array
    values: Array
    complete: bool = True

    @property
    def n_spin(self) -> int:
        """1 or 2."""
        return int(self.values.shape[0])
