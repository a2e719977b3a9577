"""Run one SCF: from a :class:`~.model.Job` to a :class:`~.model.ScfResult`."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from . import scf
from .model import Complex, Job, ScfCycle, ScfResult
from .occupations import fermi_energy, fill, gaps
from .populations import mulliken
from .system import System, check_cost


def run_scf(job: Job, on_cycle: Callable[[ScfCycle], None] | None = None, density: Complex | None = None) -> ScfResult:
    """Run the SCF of a job at its geometry.

    :param on_cycle: called after each cycle.
    :param density: starting density (nspin, nk, nao, nao); without it GUESSP's file, or atomic densities.
    :raises NotSupported: if the job is outside the scope.
    :raises StandinError: if GUESSP's file is missing or does not fit.
    """
    check_cost(job)
    started, cpu_started = time.perf_counter(), time.process_time()
    system = System(job)
    start = starting_density(system) if density is None else normalised(system, density)
    end = scf.run(system, start, on_cycle or (lambda _: None), started)
    return assemble(system, end, started, cpu_started)


def starting_density(system: System) -> Complex:
    """GUESSP's density, or the superposition of atomic densities."""
    path = system.job.scf.guess_path
    if path is None:
        return system.atomic_density()
    from .wavefunction import guess_density

    return guess_density(path, system)


def normalised(system: System, density: Complex) -> Complex:
    """Scale a density of another geometry to the electrons of this one."""
    return density * (system.n_electrons / system.trace(system.overlap, density))


def assemble(system: System, end: scf.Converged, started: float, cpu_started: float) -> ScfResult:
    """Eigenvalues, occupations, gaps and populations of the last density; CRYSTAL's zero of the potential."""
    job, settings = system.job, system.job.scf
    shift = system.zero_shift(end.density)
    fock = end.fock + shift * system.overlap
    energies, orbitals = scf.diagonalise(fock, scf.orthogonalisers(system.overlap))
    hold = settings.spinlock[0] if end.locked and settings.spinlock is not None else None
    filling = fill(energies, system.n_electrons, settings.smear, hold)
    channels = gaps(energies, filling)
    notes: list[str] = []
    if settings.levshift > 0.0 and settings.smear == 0.0:
        held = scf.density_matrix(orbitals, filling.occupations)
        moved = abs(system.trace(system.overlap @ (held - end.density) @ system.overlap, end.density))
        if end.status == 'converged_energy' and moved > 1e-2:
            notes.append('THE LEVEL SHIFT HOLDS A STATE THAT IS NOT STABLE WITHOUT IT')
    return ScfResult(
        status=end.status,
        energy=end.energy,
        cycles=end.cycles,
        terms=end.terms,
        kpoints=system.kpoints,
        kpoints_integer=system.kpoints_integer,
        weights=np.full(system.nk, 1.0 / system.nk),
        eigenvalues=energies,
        occupations=filling.occupations,
        fermi=fermi_energy(filling, channels),
        gaps=channels,
        mulliken=mulliken(end.density, system.overlap, job.basis),
        fock=fock,
        overlap=system.overlap,
        kinetic=system.kinetic,
        density=end.density,
        n_electrons=system.n_electrons,
        level_shifted=settings.levshift > 0.0,
        spherical_shift=shift,
        wall_s=time.perf_counter() - started,
        cpu_s=time.process_time() - cpu_started,
        notes=tuple(notes),
    )
