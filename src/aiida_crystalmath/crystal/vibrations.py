"""What follows from harmonic frequencies: which modes are no vibrations, thermodynamic functions, spectra.

Free of AiiDA. Imaginary frequencies are negative numbers here, as CRYSTAL prints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .units import BOLTZMANN_EV_PER_K, CM1_EV, EV_KJ_PER_MOL

__all__ = (
    'ModeKinds',
    'classify_modes',
    'external_modes',
    'lorentzian_spectrum',
    'n_external_modes',
    'thermal_functions',
    'zero_point_energy_ev',
)

Array = NDArray[np.float64]

LINEAR_TOLERANCE = 1e-3
"""Smallest moment of inertia over the largest, below which a molecule is linear."""


@dataclass(frozen=True)
class ModeKinds:
    """Indices (from 0) of modes at Gamma by what they are.

    :param external: translations, and rotations of a molecule; they have no frequency but for numerical noise.
    :param imaginary: vibrations with an imaginary frequency: the structure is no minimum along them.
    :param real: all other vibrations.
    :param by: ``eigenvectors``: each mode was compared with rigid motions; ``frequencies``: the lowest ones were taken.
    """

    external: tuple[int, ...]
    imaginary: tuple[int, ...]
    real: tuple[int, ...]
    by: Literal['eigenvectors', 'frequencies']

    @property
    def vibrations(self) -> tuple[int, ...]:
        """Indices of all modes that are vibrations."""
        return tuple(sorted((*self.imaginary, *self.real)))


def external_modes(masses: ArrayLike, positions: ArrayLike, pbc: ArrayLike) -> Array:
    """Return orthonormal mass-weighted vectors of the rigid motions that cost no energy, shape (n, 3 atoms).

    Three translations; the three rotations of a molecule (two if it is linear), the one of a polymer about its axis.

    :param masses: shape (atoms,), :param positions: Cartesian, shape (atoms, 3), :param pbc: three flags.
    """
    root = np.sqrt(np.asarray(masses, dtype=float))
    periodic = np.asarray(pbc, dtype=bool)
    centre = np.average(np.asarray(positions, dtype=float), axis=0, weights=root**2)
    arms = np.asarray(positions, dtype=float) - centre
    motions = [np.tile(axis, (len(root), 1)) for axis in np.eye(3)]
    axes = np.eye(3) if not periodic.any() else np.eye(3)[periodic] if periodic.sum() == 1 else np.zeros((0, 3))
    motions += [np.cross(axis, arms) for axis in axes]
    vectors = np.array([(motion * root[:, None]).ravel() for motion in motions])
    # A rotation about the axis of a linear molecule moves nothing: its vector vanishes.
    _, sizes, basis = np.linalg.svd(vectors, full_matrices=False)
    lengths = np.linalg.norm(vectors, axis=1).max()
    return np.asarray(basis[sizes > LINEAR_TOLERANCE * lengths])


def n_external_modes(masses: ArrayLike, positions: ArrayLike, pbc: ArrayLike) -> int:
    """Return the number of rigid motions: 3 of a crystal or slab, 6 of a molecule (5 if linear), 4 of a polymer."""
    return len(external_modes(masses, positions, pbc))


def classify_modes(
    frequencies_cm1: ArrayLike,
    masses: ArrayLike,
    positions: ArrayLike,
    pbc: ArrayLike,
    eigenvectors: ArrayLike | None = None,
) -> ModeKinds:
    """Tell vibrations from rigid motions.

    :param frequencies_cm1: of all 3 N modes at Gamma.
    :param masses: shape (N,), :param positions: Cartesian, shape (N, 3), :param pbc: three flags.
    :param eigenvectors: displacements (not mass-weighted) of the modes, shape (3 N, N, 3), in any normalisation. With
        them the modes that resemble rigid motions most are found; else those of lowest frequency are taken for them.
    """
    found = np.asarray(frequencies_cm1, dtype=float)
    rigid = external_modes(masses, positions, pbc)
    n = min(len(rigid), len(found))
    if eigenvectors is None:
        order, by = np.argsort(np.abs(found), kind='stable'), 'frequencies'
    else:
        root = np.repeat(np.sqrt(np.asarray(masses, dtype=float)), 3)
        vectors = np.asarray(eigenvectors, dtype=float).reshape(len(found), -1) * root
        weights = np.sum((vectors @ rigid.T) ** 2, axis=1) / np.maximum(np.sum(vectors**2, axis=1), 1e-30)
        order, by = np.lexsort((np.abs(found), -np.round(weights, 3))), 'eigenvectors'
    external = sorted(int(index) for index in order[:n])
    rest = [index for index in range(len(found)) if index not in external]
    imaginary = tuple(index for index in rest if found[index] < 0.0)
    real = tuple(index for index in rest if found[index] >= 0.0)
    return ModeKinds(tuple(external), imaginary, real, 'eigenvectors' if by == 'eigenvectors' else 'frequencies')


def zero_point_energy_ev(frequencies_cm1: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return half the sum of the quanta of the positive frequencies, eV.

    :param weights: of each frequency (of a mesh of q points); 1 by default.
    """
    found = np.asarray(frequencies_cm1, dtype=float)
    each = np.ones_like(found) if weights is None else np.asarray(weights, dtype=float)
    positive = found > 0.0
    return float(0.5 * CM1_EV * np.sum(found[positive] * each[positive]))


def thermal_functions(
    frequencies_cm1: ArrayLike, temperatures_k: ArrayLike, weights: ArrayLike | None = None
) -> dict[str, Array]:
    """Return the harmonic thermodynamic functions against temperature, per mole of what the frequencies are of.

    Formulas: any textbook of statistical mechanics (D. A. McQuarrie, *Statistical Mechanics*, ch. 8 and 11); only
    positive frequencies count, and volume and geometry are fixed. The zero-point energy is in the energies.

    :param frequencies_cm1: of all vibrations, in any shape.
    :param temperatures_k: 0 is allowed.
    :param weights: of each frequency, 1 by default; those of a mesh of q points add up to 1 for each branch.
    :return: ``free_energy_kj_per_mol`` (Helmholtz), ``internal_energy_kj_per_mol``, ``entropy_j_per_mol_k`` and
        ``heat_capacity_j_per_mol_k`` (at constant volume), each of the shape of ``temperatures_k``.
    """
    found = np.asarray(frequencies_cm1, dtype=float).ravel()
    each = np.ones_like(found) if weights is None else np.asarray(weights, dtype=float).ravel()
    quanta, each = CM1_EV * found[found > 0.0], each[found > 0.0]
    temperatures = np.asarray(temperatures_k, dtype=float)
    kt = BOLTZMANN_EV_PER_K * np.maximum(temperatures, 1e-3)[:, None]
    x = np.minimum(quanta[None, :] / kt, 500.0)
    zero_point = 0.5 * float(np.sum(each * quanta))
    bose = 1.0 / np.expm1(x)
    energy = zero_point + np.sum(each * quanta * bose, axis=1)
    logarithm = np.log1p(-np.exp(-x))
    free = zero_point + np.sum(each * kt * logarithm, axis=1)
    capacity = np.sum(each * x**2 * bose * (bose + 1.0), axis=1)
    entropy = np.sum(each * (x * bose - logarithm), axis=1)
    gas = BOLTZMANN_EV_PER_K * EV_KJ_PER_MOL * 1000.0
    return {
        'free_energy_kj_per_mol': free * EV_KJ_PER_MOL,
        'internal_energy_kj_per_mol': energy * EV_KJ_PER_MOL,
        'entropy_j_per_mol_k': entropy * gas,
        'heat_capacity_j_per_mol_k': capacity * gas,
    }


def lorentzian_spectrum(
    frequencies_cm1: ArrayLike, intensities: ArrayLike, grid_cm1: ArrayLike, fwhm_cm1: float
) -> Array:
    """Return a spectrum of Lorentzians, each with the area of its intensity: intensity per cm^-1 over ``grid_cm1``.

    :param fwhm_cm1: full width at half maximum.
    """
    half = 0.5 * fwhm_cm1
    apart = np.asarray(grid_cm1, dtype=float)[:, None] - np.asarray(frequencies_cm1, dtype=float)[None, :]
    lines = half / np.pi / (apart**2 + half**2)
    return np.asarray(lines @ np.asarray(intensities, dtype=float))
