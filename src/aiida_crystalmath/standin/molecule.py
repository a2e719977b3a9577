"""Optimisation of a molecule with PySCF's analytic gradients."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

from . import scf
from .engine import assemble, normalised, starting_density
from .model import Complex, Job, OptPoint, OptResult, OptSettings, Real, ScfResult
from .optimise import Journal, OnCycle, OnPoint, ScfFailed, make_point, positions_bohr
from .system import System, check_cost

#: Longest displacement of a coordinate in one step, bohr.
TRUST_BOHR = 0.3
#: Force constants of the starting Hessian: R. Lindh et al., Chem. Phys. Lett. 241, 423 (1995), stretches only.
_STRETCH, _FLOOR = 0.45, 0.05
_LINDH_LENGTH = ((1.35, 2.10, 2.53), (2.10, 2.87, 3.40), (2.53, 3.40, 3.40))
_LINDH_DECAY = ((1.0000, 0.3949, 0.3949), (0.3949, 0.2800, 0.2800), (0.3949, 0.2800, 0.2800))


def optimise_molecule(
    job: Job, settings: OptSettings, on_point: OnPoint, on_cycle: OnCycle, journal: Journal
) -> OptResult:
    """Optimise Cartesian positions by BFGS.

    :param journal: continued, when it holds entries [positions, energy, gradient] in bohr and hartree.
    """
    check_cost(job)
    x = positions_bohr(job.geometry).ravel()
    hessian = model_hessian(job.geometry)
    points: list[OptPoint] = []
    density: Complex | None = None
    result: ScfResult | None = None
    before: tuple[Real, Real] | None = None
    most = settings.maxcycle + journal.earlier
    try:
        while True:
            started = time.perf_counter()
            geometry = placed(job.geometry, x)
            entry = journal.find(x)
            result = None
            if entry is None:
                result, gradient = energy_and_gradient(replace(job, geometry=geometry), on_cycle, density)
                density = result.density
                journal.add([x.tolist(), result.energy, gradient.tolist()])
                energy = result.energy
            else:
                energy, gradient = float(entry[1]), np.array(entry[2])
            if before is not None:
                hessian = bfgs(hessian, x - before[0], gradient - before[1])
            step = _step(gradient, hessian)
            previous = points[-1].energy if points else None
            seconds = time.perf_counter() - started
            forces = gradient.reshape(-1, 3)
            number = len(points) + 1
            point = make_point(
                number, energy, previous, geometry, settings, gradient=gradient, step=step, forces=forces
            )
            cycles = 0 if result is None else len(result.cycles) - 1
            points.append(replace(point, scf_cycles=cycles, wall_s=seconds))
            if number > journal.earlier:
                on_point(points[-1])
                journal.reported(number)
            if all(point.converged) or number >= most:
                break
            before, x = (x, gradient), x + step
        if result is None:
            result, _ = energy_and_gradient(replace(job, geometry=geometry), on_cycle, density)
    except ScfFailed as failure:
        last = points[-1].energy if points else failure.result.energy
        return OptResult('scf_failed', tuple(points), failure.geometry, last, failure.result)
    status: Literal['converged', 'failed'] = 'converged' if all(points[-1].converged) else 'failed'
    return OptResult(status, tuple(points), geometry, energy, result)


def energy_and_gradient(job: Job, on_cycle: OnCycle, density: Complex | None) -> tuple[ScfResult, Real]:
    """Run the SCF and differentiate: result, and gradient in hartree/bohr, (3 natom,).

    :raises ScfFailed: if the SCF does not converge.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    system = System(job)
    end = scf.run(
        system, starting_density(system) if density is None else normalised(system, density), on_cycle, started
    )
    result = assemble(system, end, started, cpu_started)
    if not result.converged:
        raise ScfFailed(result, job.geometry)
    return result, analytic_gradient(system, result).ravel()


def analytic_gradient(system: System, result: ScfResult) -> Real:
    """Analytic gradient from the orbitals of the converged Fock matrix, (natom, 3)."""
    field: Any = system.field
    energies, orbitals = scf.diagonalise(result.fock, scf.orthogonalisers(system.overlap))
    inverse = np.argsort(system.order)
    coefficients = orbitals[:, 0].real[:, inverse]
    channels = slice(None) if system.nspin == 2 else 0
    field.converged, field.e_tot = True, result.energy
    gradient = field.nuc_grad_method()
    gradient.verbose = 0
    return np.asarray(
        gradient.kernel(energies[:, 0][channels], coefficients[channels], result.occupations[:, 0][channels])
    )


def placed(geometry: Geometry, x: Real) -> Geometry:
    """Return a molecule with its atoms at x (bohr, flat)."""
    positions = x.reshape(-1, 3) * BOHR_ANGSTROM
    sites = tuple(
        replace(site, position=(float(p[0]), float(p[1]), float(p[2])))
        for site, p in zip(geometry.sites, positions, strict=True)
    )
    return replace(geometry, sites=sites)


def model_hessian(geometry: Geometry) -> Real:
    """Estimate the Hessian from springs between the atoms, hartree/bohr**2, (3 natom, 3 natom)."""
    positions = positions_bohr(geometry)
    natom = len(positions)
    rows = [0 if site.number <= 2 else 1 if site.number <= 10 else 2 for site in geometry.sites]
    hessian = _FLOOR * np.eye(3 * natom)
    for a in range(natom):
        for b in range(a):
            apart = positions[a] - positions[b]
            distance = float(np.linalg.norm(apart))
            near = _LINDH_LENGTH[rows[a]][rows[b]] ** 2 - distance**2
            spring = _STRETCH * np.exp(_LINDH_DECAY[rows[a]][rows[b]] * near)
            block = spring * np.outer(apart, apart) / distance**2
            i, j = slice(3 * a, 3 * a + 3), slice(3 * b, 3 * b + 3)
            hessian[i, i] += block
            hessian[j, j] += block
            hessian[i, j] -= block
            hessian[j, i] -= block
    return np.asarray(hessian)


def bfgs(hessian: Real, step: Real, change: Real) -> Real:
    """Broyden-Fletcher-Goldfarb-Shanno's update; skipped when the curvature along the step is not positive."""
    curvature = float(step @ change)
    if curvature < 1e-10:
        return hessian
    pushed = hessian @ step
    updated = hessian + np.outer(change, change) / curvature - np.outer(pushed, pushed) / float(step @ pushed)
    return np.asarray(updated)


def _step(gradient: Real, hessian: Real) -> Real:
    values, vectors = np.linalg.eigh(hessian)
    step = -(vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), 0.5 * _FLOOR)))
    return np.asarray(step / max(1.0, float(np.abs(step).max()) / TRUST_BOHR))
