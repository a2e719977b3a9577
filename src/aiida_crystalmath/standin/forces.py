"""Forces after a single point (GRADCAL): analytic ones of a molecule, differences of energies of a crystal.

PySCF has no analytic gradients for Gaussian density fitting with periodic cells. The force of a crystal is therefore
the derivative of the energy along every displacement pattern that the symmetry of its geometry leaves free, by central
differences: two energies a pattern, so that only tiny or symmetric cells can be afforded. Nothing is lost by that: a
force is as symmetric as the geometry, and it has no part along moving all atoms together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import engine
from .coordinates import free_displacements
from .model import Job, NotSupported, Real, ScfResult, StandinError
from .molecule import energy_and_gradient, placed
from .optimise import OnCycle, ScfFailed, positions_bohr
from .system import limit_of

MAX_PATTERNS = 6
"""Most patterns, two energies each (environment: CRYSTALMATH_STANDIN_MAX_PATTERNS)."""

STEP_BOHR = 0.02
"""Length of a displacement along a pattern: short enough for the cubic terms of a stiff bond (a few thousandths of the
force), long enough for the noise of an energy at fixed cell (1e-7 hartree makes 3e-6 hartree/bohr)."""


def single_point(job: Job, on_cycle: OnCycle) -> tuple[ScfResult, Real | None]:
    """Run the SCF, and the forces if the job asks for them: result, gradient in hartree/bohr, shape (natom, 3)."""
    if not job.gradient:
        return engine.run_scf(job, on_cycle), None
    if not job.periodic:
        try:
            result, gradient = energy_and_gradient(job, on_cycle, None)
        except ScfFailed as failure:
            return failure.result, None
        return result, gradient.reshape(-1, 3)
    patterns = free_displacements(job)
    most = limit_of('CRYSTALMATH_STANDIN_MAX_PATTERNS', MAX_PATTERNS)
    if len(patterns) > most:
        raise NotSupported(
            'GRADCAL',
            f'{len(patterns)} free displacements: the stand-in differentiates energies numerically and takes up to '
            f'{most} of them in a crystal',
        )
    result = engine.run_scf(job, on_cycle)
    return result, _numerical(job, result, patterns) if result.converged else None


def _numerical(job: Job, result: ScfResult, patterns: Real) -> Real:
    """Differentiate the energy along orthonormal patterns, shape (n, natom, 3)."""
    x = positions_bohr(job.geometry)
    gradient = np.zeros_like(x)
    for pattern in patterns:
        energies = []
        for sign in (1.0, -1.0):
            moved = replace(job, geometry=placed(job.geometry, (x + sign * STEP_BOHR * pattern).ravel()))
            energies.append(_energy(moved, result))
        gradient += (energies[0] - energies[1]) / (2.0 * STEP_BOHR) * pattern
    return gradient


def _energy(job: Job, start: ScfResult) -> float:
    displaced = engine.run_scf(job, density=start.density)
    if not displaced.converged:
        raise StandinError('TOTGRA', 'SCF FAILED AT A DISPLACED GEOMETRY')
    return displaced.energy
