"""The self-consistent field loop, with CRYSTAL's controls.

The loop is ours because PySCF's own does something else under the same names: its damping acts only until DIIS starts,
and an unshifted extra cycle after convergence changes the energy. The order of events is CRYSTAL's (see any output):
cycle 0 is the energy of the starting density and its Fock matrix is used as it is; cycle 1 is mixed by FMIXING; from
cycle 2 on DIIS takes over, or the mixing goes on with NODIIS. MAXCYCLE counts the cycles after cycle 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import eigh, eigvalsh

from .model import Complex, EnergyTerms, Real, ScfCycle, ScfSettings, ScfStatus, StandinError
from .occupations import Filling, fermi_energy, fill, gaps
from .populations import atomic_populations
from .system import System, ao_atoms

#: Fock matrices that DIIS keeps.
DIIS_HISTORY = 10
#: First cycle (CRYSTAL's number) whose Fock matrix DIIS keeps: it extrapolates from the next one on.
DIIS_START = 1
#: Overlap eigenvalues below this mean a linearly dependent basis set (CRYSTAL stops too).
LINEAR_DEPENDENCE = 1e-6


@dataclass(frozen=True)
class _Step:
    """What DIIS keeps of a cycle: the matrix that was diagonalised before, the one it led to, and its commutator."""

    given: Complex
    fock: Complex
    error: Complex


@dataclass
class _State:
    """What one cycle hands to the next."""

    density: Complex
    previous_fock: Complex | None = None
    energy: float = 0.0
    locked: bool = False
    insulating: bool = False
    conducting: bool = False
    history: list[_Step] = field(default_factory=list)


@dataclass(frozen=True)
class Converged:
    """End of the loop: the last density, its own Fock matrix (unmixed, unshifted), and the record of the cycles."""

    status: ScfStatus
    energy: float
    density: Complex
    fock: Complex
    cycles: tuple[ScfCycle, ...]
    terms: EnergyTerms
    locked: bool


def run(system: System, density: Complex, on_cycle: Callable[[ScfCycle], None], started: float) -> Converged:
    """Iterate from a starting density to convergence, or to MAXCYCLE.

    :param density: (nspin, nk, nao, nao) in CRYSTAL's order.
    :param started: ``time.perf_counter()`` at the start of the run, for the times of the cycles.
    """
    settings = system.job.scf
    halves = orthogonalisers(system.overlap)
    state = _State(density, locked=settings.spinlock is not None and system.nspin == 2)
    cycles: list[ScfCycle] = []
    atoms = ao_atoms(system.job.basis)
    for number in range(settings.maxcycle + 1):
        potential = system.potential(state.density)
        fock = system.core + potential.matrix
        one_electron = system.trace(system.core, state.density)
        energy = one_electron + potential.energy + system.nuclear_repulsion
        delta = energy - state.energy
        state.energy = energy
        error = commutator(fock, state.density, system.overlap, halves)
        converged = number > 0 and abs(delta) < 10.0**-settings.toldee
        if state.locked and not _still_locked(settings, number, delta):
            # what DIIS remembers belongs to the locked problem
            state.locked, state.history = False, []
        density, filling, energies = _next_density(system, state, number, fock=fock, error=error, halves=halves)
        channels = gaps(energies, filling)
        state.conducting = any(one.conducting for one in channels)
        electrons, spins = atomic_populations(state.density, system.overlap, atoms)
        cycle = ScfCycle(
            n=number + 1,
            energy=energy,
            delta=delta,
            tester=float(np.mean(np.abs(density - state.density) ** 2)),
            px=float(np.abs(error).max()),
            electrons=tuple(electrons.tolist()),
            spins=None if spins is None else tuple(spins.tolist()),
            gap=None if state.conducting else min((one.gap or 0.0) for one in channels),
            fermi=fermi_energy(filling, channels),
            seconds=time.perf_counter() - started,
            cpu_seconds=time.process_time(),
        )
        cycles.append(cycle)
        on_cycle(cycle)
        terms = EnergyTerms(
            kinetic=system.trace(system.kinetic, state.density),
            nuclear_repulsion=system.nuclear_repulsion,
            one_electron=one_electron,
            coulomb=potential.coulomb,
            exchange_correlation=potential.exchange_correlation,
            smearing_entropy=filling.entropy,
        )
        if converged or number == settings.maxcycle:
            status: ScfStatus = 'converged_energy' if converged else 'too_many_cycles'
            return Converged(status, energy, state.density, fock, tuple(cycles), terms, state.locked)
        state.density = density
    raise AssertionError('unreachable: the last cycle returns')


def _still_locked(settings: ScfSettings, number: int, delta: float) -> bool:
    """SPINLOCK's second number: cycles, or, when negative, the power of ten of the energy change that ends the lock."""
    if settings.spinlock is None:
        return False
    length = settings.spinlock[1]
    return number < length if length >= 0 else number == 0 or abs(delta) > 10.0**length


def _next_density(
    system: System, state: _State, number: int, *, fock: Complex, error: Complex, halves: Complex
) -> tuple[Complex, Filling, Real]:
    """Mix or extrapolate, shift, diagonalise, occupy."""
    settings = system.job.scf
    kept = settings.fmixing / 100.0
    if settings.diis and number >= DIIS_START and state.previous_fock is not None:
        state.history.append(_Step(state.previous_fock, fock, error))
        del state.history[:-DIIS_HISTORY]
    if settings.diis and len(state.history) > 1:
        occupations_move = settings.smear > 0.0 or state.conducting
        fock = _damped_extrapolation(state.history, halves, kept) if occupations_move else _extrapolation(state.history)
    elif state.previous_fock is not None:
        fock = (1.0 - kept) * fock + kept * state.previous_fock
    state.previous_fock = fock
    if settings.levshift > 0.0:
        fock = shifted(fock, state.density, system.overlap, settings.levshift)
    energies, orbitals = diagonalise(fock, halves)
    hold = settings.spinlock[0] if state.locked and settings.spinlock is not None else None
    filling = fill(energies, system.n_electrons, settings.smear, hold, state.insulating)
    if settings.levshift_lock and settings.levshift > 0.0 and not state.insulating:
        state.insulating = not any(one.conducting for one in gaps(energies, filling))
    return density_matrix(orbitals, filling.occupations), filling, energies


def _extrapolation(history: list[_Step]) -> Complex:
    """Pulay's DIIS: the combination of Fock matrices with the smallest commutator with its density."""
    return diis_extrapolation([step.fock for step in history], [step.error for step in history])


def _damped_extrapolation(history: list[_Step], halves: Complex, kept: float) -> Complex:
    """DIIS of a conductor, on the change of the Fock matrix in a cycle: the commutator does not see wrong occupations.

    :param kept: share of the matrix that was diagonalised (FMIXING).
    """
    residuals = [halves @ (step.fock - step.given) @ halves for step in history]
    return diis_extrapolation([(1.0 - kept) * step.fock + kept * step.given for step in history], residuals)


def orthogonalisers(overlap: Complex) -> Complex:
    """S(k)**-1/2, shape (nk, nao, nao).

    :raises StandinError: if the basis set is linearly dependent.
    """
    values, vectors = np.linalg.eigh(overlap)
    if values.min() < LINEAR_DEPENDENCE:
        raise StandinError(
            'CHOLSK',
            f'BASIS SET LINEARLY DEPENDENT: smallest overlap eigenvalue {values.min():.2e}; remove diffuse functions',
        )
    return np.asarray((vectors * values[:, None, :] ** -0.5) @ vectors.conj().swapaxes(1, 2), dtype=complex)


def commutator(fock: Complex, density: Complex, overlap: Complex, halves: Complex) -> Complex:
    """FPS - SPF in the orthogonal basis: zero at self-consistency; (nspin, nk, nao, nao)."""
    product = fock @ density @ overlap
    difference = product - product.conj().swapaxes(-1, -2)
    return np.asarray(halves @ difference @ halves)


def diis_extrapolation(focks: list[Complex], errors: list[Complex]) -> Complex:
    """Pulay's combination of the Fock matrices (J. Comput. Chem. 3, 556 (1982))."""
    size = len(focks)
    gram = np.zeros((size + 1, size + 1))
    gram[:size, size] = gram[size, :size] = 1.0
    for i in range(size):
        for j in range(i + 1):
            gram[i, j] = gram[j, i] = float(np.vdot(errors[i], errors[j]).real)
    scale = float(np.abs(gram[:size, :size]).max()) or 1.0
    gram[:size, :size] /= scale
    target = np.zeros(size + 1)
    target[size] = 1.0
    weights = np.linalg.lstsq(gram, target, rcond=1e-14)[0][:size]
    return np.asarray(sum(weight * fock for weight, fock in zip(weights, focks, strict=True)))


def shifted(fock: Complex, density: Complex, overlap: Complex, shift: float) -> Complex:
    """Raise the virtual states of a density by ``shift`` hartree."""
    occupied = density if density.shape[0] == 2 else 0.5 * density
    return np.asarray(fock + shift * (overlap - overlap @ occupied @ overlap))


def diagonalise(fock: Complex, halves: Complex) -> tuple[Real, Complex]:
    """Eigenvalues (nspin, nk, nao) and orbitals in columns (nspin, nk, nao, nao)."""
    energies, vectors = np.linalg.eigh(halves @ fock @ halves)
    return energies, np.asarray(halves @ vectors)


def density_matrix(orbitals: Complex, occupations: Real) -> Complex:
    """P = C n C+."""
    return np.asarray((orbitals * occupations[..., None, :]) @ orbitals.conj().swapaxes(-1, -2))


def generalised_eigenvalues(fock: Complex, overlap: Complex) -> Real:
    """Eigenvalues of F C = S C e for one k-point."""
    return np.asarray(eigvalsh(fock, overlap))


def generalised_orbitals(fock: Complex, overlap: Complex) -> tuple[Real, Complex]:
    """Eigenvalues and orbitals of F C = S C e for one k-point."""
    energies, orbitals = eigh(fock, overlap)
    return np.asarray(energies), np.asarray(orbitals)
