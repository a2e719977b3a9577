"""Vibrations of a molecule: gradients and dipole moments at displaced geometries, and the modes they make.

The gradients are PySCF's analytic ones, the second derivatives their differences, as in CRYSTAL. A molecule is taken
without symmetry: every coordinate is displaced.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aiida_crystalmath.crystal.elements import symbol
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.vibrations import external_modes

from . import scf
from .engine import assemble, normalised, starting_density
from .model import Complex, FreqSettings, Job, Real, ScfResult, StandinError
from .molecule import analytic_gradient, placed
from .optimise import OnCycle, positions_bohr
from .system import System, check_cost

AMU_ELECTRON_MASS = 1822.888486209
"""One atomic mass unit in electron masses (CODATA 2018)."""

INTENSITY_KM_PER_MOL = 1777071.2
"""Integrated infrared intensity (km/mol) for a squared dipole derivative of 1 e^2/m_e, as CRYSTAL prints it."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One geometry: energy (hartree), gradient (hartree/bohr, flat) and dipole moment (e bohr).

    :param n_cycles: of its SCF; 0 for what was read from FREQINFO.DAT.
    """

    energy: float
    gradient: Real
    dipole: Real
    n_cycles: int = 0


@dataclass(frozen=True)
class Step:
    """One displacement: atom and axis from 0, and the sign."""

    atom: int
    axis: int
    sign: int

    @property
    def index(self) -> int:
        """Its place among the flags of FREQINFO.DAT."""
        return 6 * self.atom + 2 * self.axis + (0 if self.sign > 0 else 1)


@dataclass(frozen=True, eq=False)
class Modes:
    """Normal modes, ascending by eigenvalue; N atoms.

    :param eigenvalues: of the mass-weighted Hessian, hartree^2, shape (3N,).
    :param frequencies: hartree, imaginary ones negative.
    :param vectors: orthonormal, mass-weighted, a row for each mode, shape (3N, 3N).
    :param charges: dipole derivatives along the modes, e m_e^(-1/2), shape (3N, 3); None without INTENS.
    """

    eigenvalues: Real
    frequencies: Real
    vectors: Real
    charges: Real | None


def evaluate(job: Job, on_cycle: OnCycle, density: Complex | None, *, dipole: bool) -> tuple[Evaluated, ScfResult]:
    """Run the SCF of a molecule and differentiate.

    :raises StandinError: if the SCF does not converge.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    system = System(job)
    start = starting_density(system) if density is None else normalised(system, density)
    result = assemble(system, scf.run(system, start, on_cycle, started), started, cpu_started)
    if not result.converged:
        raise StandinError('FREQCALC', 'SCF FAILED - FREQCALC STOP')
    moment = _dipole(system, result) if dipole else np.zeros(3)
    gradient = analytic_gradient(system, result).ravel()
    return Evaluated(result.energy, gradient, moment, len(result.cycles) - 1), result


def _dipole(system: System, result: ScfResult) -> Real:
    """Dipole moment about the origin, e bohr; of a neutral molecule the origin does not matter."""
    mole: Any = system.pyscf
    density = np.asarray(system.inward(result.density))
    total = density.sum(axis=0) if density.ndim == 3 else density
    electrons = np.einsum('xij,ji->x', mole.intor('int1e_r'), total)
    return np.asarray(mole.atom_charges() @ mole.atom_coords() - electrons)


def steps_of(natom: int, settings: FreqSettings) -> Iterator[Step]:
    """Give the displacements in the order in which they are computed."""
    for atom in range(natom):
        for axis in range(3):
            yield Step(atom, axis, 1)
            if settings.numderiv == 2:
                yield Step(atom, axis, -1)


def displaced(geometry: Geometry, step: Step, step_bohr: float) -> Geometry:
    """Return the geometry with one coordinate moved."""
    x = positions_bohr(geometry).ravel()
    x[3 * step.atom + step.axis] += step.sign * step_bohr
    return placed(geometry, x)


def derivatives(
    central: Evaluated, points: dict[Step, Evaluated], natom: int, settings: FreqSettings
) -> tuple[Real, Real]:
    """Return Hessian (hartree/bohr^2, as it comes, (3N, 3N)) and dipole derivatives (e, (3N, 3))."""
    hessian, dipoles = np.zeros((3 * natom, 3 * natom)), np.zeros((3 * natom, 3))
    for atom in range(natom):
        for axis in range(3):
            row = 3 * atom + axis
            plus = points[Step(atom, axis, 1)]
            minus = points[Step(atom, axis, -1)] if settings.numderiv == 2 else central
            width = settings.step_bohr * settings.numderiv
            hessian[row] = (plus.gradient - minus.gradient) / width
            dipoles[row] = (plus.dipole - minus.dipole) / width
    return hessian, dipoles


def normal_modes(hessian: Real, masses_amu: Real, geometry: Geometry, dipoles: Real | None) -> Modes:
    """Diagonalise the symmetrised, mass-weighted Hessian, rigid motions projected out (Eckart's conditions)."""
    masses = np.asarray(masses_amu) * AMU_ELECTRON_MASS
    root = np.repeat(np.sqrt(masses), 3)
    weighted = 0.5 * (hessian + hessian.T) / np.outer(root, root)
    rigid = external_modes(masses, positions_bohr(geometry), (False, False, False))
    keep = np.eye(len(root)) - rigid.T @ rigid
    # The rigid motions keep their own place in the spectrum: 3N modes come out, as CRYSTAL prints them.
    values, vectors = np.linalg.eigh(keep @ weighted @ keep)
    values[np.abs(values) < 1e-14] = 0.0
    modes = vectors.T
    frequencies = np.sign(values) * np.sqrt(np.abs(values))
    charges = None if dipoles is None else (modes / root) @ dipoles
    return Modes(values, frequencies, modes, charges)


def masses_of(geometry: Geometry, isotopes: dict[int, float]) -> Real:
    """Return the masses (amu) of the most abundant isotopes, as CRYSTAL takes them, or those of ISOTOPES."""
    from pyscf.data.elements import COMMON_ISOTOPE_MASSES

    unknown = sorted(index for index in isotopes if index >= len(geometry))
    if unknown:
        raise StandinError('INPFREQ', f'ISOTOPES: ATOM {unknown[0] + 1} DOES NOT EXIST')
    found = [isotopes.get(i, COMMON_ISOTOPE_MASSES[site.number]) for i, site in enumerate(geometry.sites)]
    return np.array(found, dtype=float)


def labels_of(geometry: Geometry) -> list[str]:
    """Return the symbols in capitals."""
    return [symbol(site.number).upper() for site in geometry.sites]


def central_job(job: Job) -> Job:
    """Return the job of the undisplaced molecule, ready to be evaluated."""
    check_cost(job)
    return replace(job, optimisation=None)
