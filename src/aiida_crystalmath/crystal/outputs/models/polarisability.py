"""Response to an electric field (CPHF, CPKS): polarisability and hyperpolarisabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aiida_crystalmath.crystal.outputs.models.arrays import Array

CoupledPerturbedMethod = Literal['CPHF', 'CPKS']
OpticalKind = Literal['pockels', 'shg']


@dataclass
class CoupledPerturbedCycles:
    """The self-consistent cycles of one field.

    :param field_direction: ``X``, ``Y``, ``Z``; two letters at second order.
    :param frequency_ev: of the field; None of a static one.
    :param values: per cycle from 0: ALPHA (bohr^3) at first order, the derivative of the pseudo-energy at second.
    :param last_change: DELTA of the last cycle.
    :param converged: the last change is within the tolerance printed above; None without tolerance or cycle.
    """

    field_direction: str
    order: int = 1
    frequency_ev: float | None = None
    values: list[float] = field(default_factory=list)
    last_change: float | None = None
    converged: bool | None = None

    @property
    def n_cycles(self) -> int:
        """Number of the last cycle; cycle 0 is the uncoupled value."""
        return max(len(self.values) - 1, 0)


@dataclass
class LinearResponse:
    """Response at one frequency; all tensors are full symmetric 3 x 3 matrices in the cartesian frame.

    :param frequency_ev: of the field, 0 if static.
    :param alpha_bohr3: polarisability of the cell, bohr^3.
    :param alpha_imaginary_bohr3: zero for static fields.
    :param epsilon: electronic ("high-frequency", clamped ions) relative dielectric tensor; None of a molecule.
    :param chi1: real part of the first-order susceptibility epsilon - 1 (off the diagonal: epsilon).
    :param epsilon_principal: eigenvalues of epsilon (real part), three, as printed.
    :param refractive_indices: their square roots in the order printed, which is another one (ascending).
    :param birefringence: of an optically anisotropic crystal, ``BIREFRINGENCE =``, known from pycrystal (MIT); in the
        corpus all crystals with a dielectric tensor are isotropic. None where not printed.

    Components that are not printed (off the diagonal, below three dimensions) are NaN.
    """

    frequency_ev: float = 0.0
    alpha_bohr3: Array | None = None
    alpha_imaginary_bohr3: Array | None = None
    epsilon: Array | None = None
    epsilon_imaginary: Array | None = None
    chi1: Array | None = None
    epsilon_principal: tuple[float, float, float] | None = None
    refractive_indices: tuple[float, float, float] | None = None
    birefringence: float | None = None


@dataclass(frozen=True)
class HyperComponent:
    """One independent component of a hyperpolarisability.

    :param value: beta (order 2) or gamma (order 3), atomic units, per cell; None where overprinted with asterisks.
    :param unsymmetrised: the value in parentheses, before symmetrisation; None where not printed.
    :param chi: susceptibility chi(2) or chi(3), atomic units; None of a molecule.
    :param mks: d in pm/V (order 2), g in 10^-22 m^2/V^2 (order 3); None where not printed.
    :param cgs: d in 10^-7 esu (order 2), g in 10^-14 esu (order 3).
    """

    value: float | None
    unsymmetrised: float | None = None
    chi: float | None = None
    mks: float | None = None
    cgs: float | None = None


@dataclass
class OpticalResponse:
    """A first hyperpolarisability in a dynamic field, with all its components (27; permutations are not equivalent).

    :param kind: ``pockels``: beta(-w; w, 0); ``shg`` (second-harmonic generation): beta(-2w; w, w).
    :param frequency_ev: w; None where the line that tells it is missing.
    :param components: by name (``XYZ``).
    """

    kind: OpticalKind
    frequency_ev: float | None = None
    components: dict[str, HyperComponent] = field(default_factory=dict)


@dataclass
class Polarisability:
    """The result of CPHF/CPKS, asked for by its own keyword or by analytical IR and Raman intensities (INTCPHF).

    :param responses: one per frequency, in the order printed; the last table of a frequency counts.
    :param beta: first hyperpolarisability by component (``XXY``), independent components only. A run may print the
        table twice (first from first-order quantities, then from second-order ones); this is the last.
    :param gamma: second hyperpolarisability by component (``XXYY``).
    :param optical: hyperpolarisabilities of dynamic fields, in the order printed.
    :param cycles: the fields in the order of their computation.
    :param tolerance: threshold on DELTA by order: 1 on ALPHA (bohr^3), 2 on the derivative of the pseudo-energy.
    :param complete: the table of alpha was read, and the program ended or nothing begun after the table is missing.
    """

    method: CoupledPerturbedMethod | None = None
    responses: list[LinearResponse] = field(default_factory=list)
    beta: dict[str, HyperComponent] = field(default_factory=dict)
    gamma: dict[str, HyperComponent] = field(default_factory=dict)
    optical: list[OpticalResponse] = field(default_factory=list)
    cycles: list[CoupledPerturbedCycles] = field(default_factory=list)
    tolerance: dict[int, float] = field(default_factory=dict)
    line: int = 0
    complete: bool = False

    @property
    def static(self) -> LinearResponse | None:
        """The response to a static field."""
        return next((response for response in self.responses if response.frequency_ev == 0.0), None)

    @property
    def alpha_bohr3(self) -> Array | None:
        """Static polarisability, shape (3, 3), bohr^3."""
        return self.static.alpha_bohr3 if self.static else None

    @property
    def epsilon(self) -> Array | None:
        """Electronic dielectric tensor of the static response, shape (3, 3)."""
        return self.static.epsilon if self.static else None
