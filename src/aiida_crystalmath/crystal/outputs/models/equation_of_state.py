"""The equation of state (EOS): energies at several volumes and the fits through them."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiida_crystalmath.crystal.outputs.models.arrays import Array


@dataclass(frozen=True)
class EosPoint:
    """One volume: Å^3 of the primitive cell, hartree."""

    volume_angstrom3: float
    energy_hartree: float


@dataclass(frozen=True)
class EosFit:
    """One line of the table of fits; equilibrium values at 0 K without zero-point energy.

    :param name: as printed: ``MURNAGHAN 1944``, ``BIRCH-MURNAGHAN 1947``, ``POIRIER-TARANTOLA 1998``, ``VINET 1987``,
        ``THIRD ORDER POLYNOMIAL`` (fourth, fifth).
    :param volume_angstrom3: of the primitive cell.
    :param bulk_modulus_prime: first derivative of the bulk modulus with respect to pressure; None of polynomials.
    :param selection: the words above the table, as ``ALL POINTS``; empty if none.
    """

    name: str
    volume_angstrom3: float | None
    energy_hartree: float | None
    bulk_modulus_gpa: float | None
    bulk_modulus_prime: float | None = None
    selection: str = ''

    @property
    def is_polynomial(self) -> bool:
        """Whether this is a polynomial rather than an equation of state."""
        return 'POLYNOMIAL' in self.name


@dataclass
class EosCurve:
    """Functions at 0 K along one equation of state (``THERMODYNAMIC FUNCTIONS OBTAINED AT 0 K WITH EOS``).

    All arrays have the shape (n,); ``gibbs_hartree`` is E + PV as the program prints it.
    """

    name: str
    volumes_angstrom3: Array
    pressures_gpa: Array
    energies_hartree: Array
    gibbs_hartree: Array
    bulk_moduli_gpa: Array


@dataclass
class EquationOfState:
    """The result of EOS.

    A run of this kind (or a quasi-harmonic one, which contains it) has neither *the* final energy nor *the* final
    geometry: look at :attr:`fits`.

    :param points: sorted by volume; as many as converged. Empty until the sorted table was read to its end.
    :param n_points_asked: of the heading, the reference included or not as the program counts.
    :param range_percent: volumes asked for, percent of the reference volume.
    :param reference_volume_angstrom3: volume of the undeformed primitive cell.
    :param complete: the table of fits was read to its end.
    """

    points: list[EosPoint] = field(default_factory=list)
    fits: list[EosFit] = field(default_factory=list)
    curves: list[EosCurve] = field(default_factory=list)
    n_points_asked: int | None = None
    range_percent: tuple[float, float] | None = None
    reference_volume_angstrom3: float | None = None
    line: int = 0
    complete: bool = False

    def fit(self, name: str) -> EosFit | None:
        """Return the last fit whose name starts with ``name`` (``'BIRCH'``), None without it."""
        found = [fit for fit in self.fits if fit.name.startswith(name.upper())]
        return found[-1] if found else None
