"""Bands and densities of states between the k-points of the SCF.

A matrix is transformed to direct space and back with the image of each pair of atoms that is nearest in the supercell
of the k-mesh (Wigner-Seitz, as CRYSTAL does with its direct-space Fock matrix); S and T are exact at every k-point. On
the points of the mesh the bands are exact. There are two schemes, see :data:`Scheme`, because neither is good for all:
measured on meshes of 4x4x4 of which every second point was left out (PBE, STO-3G), the valence bands are off by 0.09 eV
(``potential``) or 0.69 eV (``orthogonal``) for MgO, 0.25 or 0.08 eV for Si, 62 or 1.0 eV for LiH (root mean square).
The better one on the points left out is taken; where none can be left out, ``potential``, unless its bands run away.

PySCF's own bands at new points are not used: with exact exchange they diverge near the points of the mesh, and without
it they take longer than the SCF.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.units import HARTREE_EV

from .model import BandsResult, Complex, DosResult, Integer, Job, Real, WavefunctionFile
from .scf import generalised_eigenvalues, generalised_orbitals
from .system import OneElectron, periodic_cell

#: Width of the Gaussian of a density of states, hartree.
GAUSSIAN_HARTREE = 0.01
#: What is interpolated. ``potential``: F - T, which decays fast, but whose errors the inverse of a nearly singular S
#: blows up. ``orthogonal``: S^-1/2 F S^-1/2, which decays more slowly, but whose levels stay near those of the mesh.
Scheme = Literal['potential', 'orthogonal']
#: How far (hartree, beside its own width) a band may leave its range on the mesh before it is taken to run away.
RUNAWAY_HARTREE = 0.15
#: Distances closer than this (Å) are the same when images of an atom pair are counted.
_SAME_DISTANCE = 1e-4


def at_kpoints(matrices: Complex, mesh: Sequence[int], geometry: Geometry, ao_atoms: Integer, kpoints: Real) -> Complex:
    """Interpolate lattice-periodic matrices to new k-points.

    :param matrices: (..., nk, nao, nao) on the Gamma-centred ``mesh``, last index of the mesh fastest.
    :param ao_atoms: atom of each orbital, (nao,).
    :param kpoints: fractional, (n, 3).
    :return: (..., n, nao, nao).
    """
    divisions = np.array(mesh)
    grid = np.indices(tuple(mesh)).reshape(3, -1).T
    forward = np.exp(-2j * np.pi * (grid / divisions) @ grid.T)  # (nk, nR)
    in_space = np.einsum('...kij,kr->...rij', matrices, forward) / len(grid)
    cells, weights, origin = _images(divisions, grid, geometry)
    phases = np.exp(2j * np.pi * kpoints @ cells.T)  # (n, ncell)
    result: Complex = np.zeros((*matrices.shape[:-3], len(kpoints), *matrices.shape[-2:]), dtype=complex)
    natom = weights.shape[1]
    for a, b in itertools.product(range(natom), repeat=2):
        used = np.flatnonzero(weights[:, a, b])
        factors = phases[:, used] * weights[used, a, b]  # (n, used)
        rows, columns = np.flatnonzero(ao_atoms == a), np.flatnonzero(ao_atoms == b)
        block = in_space[..., origin[used][:, None, None], rows[:, None], columns]
        result[..., rows[:, None], columns] = np.einsum('nr,...rij->...nij', factors, block)
    return result


def _images(divisions: Integer, grid: Integer, geometry: Geometry) -> tuple[Integer, Real, Integer]:
    """Nearest images: cells (n, 3), their weights for each pair of atoms (n, natom, natom), their index in the mesh."""
    lattice = periodic_cell(geometry) if geometry.dimensionality else np.asarray(geometry.cell)
    positions = np.array([site.position for site in geometry.sites])
    apart = positions[None, :, :] - positions[:, None, :]  # from a to b
    moves = np.array(list(itertools.product((-2, -1, 0, 1), repeat=3)))
    # fractional differences between atoms may be large: reduce the pair vector before searching near images
    folded = np.rint(apart @ np.linalg.inv(lattice)).astype(int)
    cells: list[Integer] = []
    weights: list[Real] = []
    origin: list[int] = []
    store: dict[tuple[int, int, int], int] = {}
    natom = len(positions)
    for index, cell in enumerate(grid):
        for a, b in itertools.product(range(natom), repeat=2):
            candidates = _centred(cell + folded[a, b], divisions) - folded[a, b] + moves * divisions
            distances = np.linalg.norm(candidates @ lattice + apart[a, b], axis=1)
            near = candidates[distances < distances.min() + _SAME_DISTANCE]
            for image in near:
                key = (int(image[0]), int(image[1]), int(image[2]))
                if key not in store:
                    store[key] = len(cells)
                    cells.append(image)
                    origin.append(index)
                    weights.append(np.zeros((natom, natom)))
                weights[store[key]][a, b] += 1.0 / len(near)
    return np.array(cells), np.array(weights), np.array(origin)


def _centred(cell: Integer, divisions: Integer) -> Integer:
    """Bring a cell index of the mesh near zero."""
    wrapped = np.mod(cell, divisions)
    return np.asarray(np.where(wrapped > divisions // 2, wrapped - divisions, wrapped))


def hamiltonian(wavefunction: WavefunctionFile, kpoints: Real) -> tuple[Complex, Complex]:
    """Fock matrices (nspin, n, nao, nao) and overlaps (n, nao, nao) at fractional k-points, by the better scheme."""
    return _interpolated(wavefunction, kpoints, scheme_of(wavefunction))


def scheme_of(wavefunction: WavefunctionFile) -> Scheme:
    """Choose the scheme that finds the points left out better, or, where none can be, one whose bands stay in range."""
    if wavefunction.geometry.dimensionality == 0:
        return 'potential'
    errors = {scheme: halved_mesh_error(wavefunction, scheme) for scheme in SCHEMES}
    if None not in errors.values():
        return min(SCHEMES, key=lambda scheme: sum(errors[scheme] or ()))
    return 'orthogonal' if _runs_away(wavefunction) else 'potential'


SCHEMES: tuple[Scheme, ...] = ('potential', 'orthogonal')


def _runs_away(wavefunction: WavefunctionFile) -> bool:
    """Tell whether the occupied bands or the first virtual one leave their range half-way between the mesh's points."""
    points, _ = dense_mesh([2 * n if n > 1 else 1 for n in wavefunction.kmesh])
    energies = _eigenvalues(*_interpolated(wavefunction, points, 'potential'))
    last = round(wavefunction.n_electrons / 2) + 1
    low, high = (find(wavefunction.eigenvalues[..., :last], axis=1) for find in (np.min, np.max))
    margin = RUNAWAY_HARTREE + (high - low)
    found = energies[..., :last]
    return bool(np.any(found.min(axis=1) < low - margin) or np.any(found.max(axis=1) > high + margin))


def _interpolated(wavefunction: WavefunctionFile, kpoints: Real, scheme: Scheme) -> tuple[Complex, Complex]:
    """Interpolate from the whole mesh."""
    one = OneElectron(_job(wavefunction))
    overlap, kinetic = one.matrices('int1e_ovlp', kpoints), one.matrices('int1e_kin', kpoints)
    every = np.ones(len(wavefunction.kpoints), dtype=bool)
    fock = _from_points(
        wavefunction, every, wavefunction.kmesh, kpoints, overlap=overlap, kinetic=kinetic, scheme=scheme
    )
    return fock, overlap


def _from_points(
    wavefunction: WavefunctionFile,
    kept: NDArray[np.bool_],
    mesh: Sequence[int],
    kpoints: Real,
    *,
    overlap: Complex,
    kinetic: Complex,
    scheme: Scheme,
) -> Complex:
    """Return Fock matrices at new points from those of the points ``kept``, which form ``mesh``.

    :param overlap: at the new points, likewise ``kinetic``.
    """
    geometry, atoms = wavefunction.geometry, wavefunction.ao_atoms
    if scheme == 'potential':
        shift = wavefunction.spherical_shift
        smooth = wavefunction.fock - wavefunction.kinetic - shift * wavefunction.overlap
        return at_kpoints(smooth[:, kept], mesh, geometry, atoms, kpoints) + kinetic + shift * overlap
    inverse = np.array([_power(matrix, -0.5) for matrix in wavefunction.overlap[kept]])
    orthogonal = at_kpoints(inverse @ wavefunction.fock[:, kept] @ inverse, mesh, geometry, atoms, kpoints)
    root = np.array([_power(matrix, 0.5) for matrix in overlap])
    result: Complex = root @ orthogonal @ root
    return result


def _power(matrix: Complex, exponent: float) -> Complex:
    """Raise a positive Hermitian matrix to a power."""
    values, vectors = np.linalg.eigh(matrix)
    result: Complex = (vectors * values**exponent) @ vectors.conj().T
    return result


def bands(wavefunction: WavefunctionFile, kpoints: Real, check: bool = True) -> BandsResult:
    """Bands along k-points.

    :param kpoints: fractional, (n, 3).
    :param check: estimate the error of the interpolation, when the mesh of the SCF can be halved.
    """
    points = np.asarray(kpoints, dtype=float)
    fock, overlap = hamiltonian(wavefunction, points)
    notes = _error_note(wavefunction) if check and wavefunction.geometry.dimensionality else ()
    return BandsResult(points, _eigenvalues(fock, overlap), wavefunction.fermi, notes)


def _eigenvalues(fock: Complex, overlap: Complex) -> Real:
    """Eigenvalues (nspin, n, nao)."""
    return np.array([[generalised_eigenvalues(f, s) for f, s in zip(one, overlap, strict=True)] for one in fock])


def _error_note(wavefunction: WavefunctionFile) -> tuple[str, ...]:
    mesh = 'x'.join(str(n) for n in wavefunction.kmesh)
    scheme = scheme_of(wavefunction)
    what = 'F - T' if scheme == 'potential' else 'ORTHOGONALISED F'
    note = f'BANDS ARE INTERPOLATED FROM THE {mesh} MESH OF THE SCF (EXACT ON ITS POINTS) THROUGH {what}'
    errors = halved_mesh_error(wavefunction, scheme)
    if errors is None:
        return (note, 'THE ERROR BETWEEN THE POINTS IS NOT KNOWN: AN EVEN SHRINK ABOVE 2 WOULD BOUND IT')
    return (
        note,
        f'A MESH OF HALF THE DIVISIONS WOULD MISS THE OCCUPIED BANDS BY UP TO {errors[0] * HARTREE_EV:.3f} eV, '
        f'THE FIRST VIRTUAL BAND BY {errors[1] * HARTREE_EV:.3f} eV',
    )


def halved_mesh_error(wavefunction: WavefunctionFile, scheme: Scheme | None = None) -> tuple[float, float] | None:
    """Estimate the error of the interpolation: what it misses on known points when every second one is left out.

    Exact bands at new points would take PySCF longer than the SCF itself, and diverge for exact exchange.

    :param scheme: by default the one that is used.
    :return: largest deviation in hartree of the occupied bands and of the first virtual band; None if a number of
        divisions is odd or none is above 2.
    """
    mesh = np.array(wavefunction.kmesh)
    periodic = mesh > 1
    if np.any(mesh[periodic] % 2) or not np.any(mesh > 2):
        return None
    half = np.where(periodic, mesh // 2, 1)
    index = np.indices(tuple(wavefunction.kmesh)).reshape(3, -1).T
    kept = np.all(index % np.where(periodic, 2, 1) == 0, axis=1)
    overlap, kinetic = wavefunction.overlap[~kept], wavefunction.kinetic[~kept]
    left_out, chosen = wavefunction.kpoints[~kept], scheme or scheme_of(wavefunction)
    guess = _from_points(wavefunction, kept, half.tolist(), left_out, overlap=overlap, kinetic=kinetic, scheme=chosen)
    difference = np.abs(_eigenvalues(guess, overlap) - wavefunction.eigenvalues[:, ~kept])
    filled = round(wavefunction.n_electrons / 2)
    return float(difference[..., :filled].max()), float(difference[..., filled : filled + 1].max(initial=0.0))


def dense_mesh(mesh: Sequence[int]) -> tuple[Real, Real]:
    """Half of a Gamma-centred mesh (time reversal joins k and -k): points (n, 3) fractional and weights, sum 1."""
    divisions = np.array(mesh)
    grid = np.indices(tuple(mesh)).reshape(3, -1).T
    opposite = np.mod(-grid, divisions)
    index = np.ravel_multi_index(tuple(grid.T), tuple(mesh))
    partner = np.ravel_multi_index(tuple(opposite.T), tuple(mesh))
    kept = index <= partner
    weights = np.where(index == partner, 1.0, 2.0)[kept] / len(grid)
    return grid[kept] / divisions, weights


def atom_orbitals(wavefunction: WavefunctionFile, atoms: Sequence[int]) -> list[int]:
    """Return the indices (from 0) of the orbitals of atoms (indices from 0)."""
    return [int(i) for i in np.flatnonzero(np.isin(wavefunction.ao_atoms, list(atoms)))]


def dos(
    wavefunction: WavefunctionFile,
    mesh: Sequence[int],
    *,
    window: tuple[float, float] | None = None,
    n_points: int = 1000,
    band_range: tuple[int, int] | None = None,
    projections: Sequence[Sequence[int]] = (),
    sigma: float = GAUSSIAN_HARTREE,
) -> DosResult:
    """Densities of states, total and projected Mulliken-wise on sets of orbitals.

    :param mesh: divisions of the dense mesh ((1, 1, 1) for a molecule).
    :param window: first and last energy, hartree; None takes the range of the bands.
    :param band_range: first and last band, from 1; None takes all.
    :param projections: indices (from 0) of the orbitals of each projection.
    :param sigma: width of the Gaussian, hartree.
    """
    kpoints, weights = dense_mesh(mesh if wavefunction.geometry.dimensionality else (1, 1, 1))
    fock, overlap = hamiltonian(wavefunction, kpoints)
    nspin, nk, nao = fock.shape[0], len(kpoints), fock.shape[-1]
    energies = np.empty((nspin, nk, nao))
    shares = np.empty((nspin, nk, nao, nao))
    for spin, k in itertools.product(range(nspin), range(nk)):
        energies[spin, k], orbitals = generalised_orbitals(fock[spin, k], overlap[k])
        shares[spin, k] = (orbitals.conj() * (overlap[k] @ orbitals)).real  # (ao, band)
    first, last = band_range or (1, nao)
    chosen = energies[:, :, first - 1 : last]
    low, high = window or (float(chosen.min()) - 3 * sigma, float(chosen.max()) + 3 * sigma)
    axis = np.linspace(low, high, n_points)
    counts = (2.0 / nspin) * np.broadcast_to(weights[:, None], chosen.shape[1:])
    total = np.array([broaden(axis, chosen[s], counts, sigma) for s in range(nspin)])
    parts = np.zeros((nspin, len(projections), n_points))
    for s, (p, indices) in itertools.product(range(nspin), enumerate(projections)):
        share = shares[s][:, list(indices), first - 1 : last].sum(axis=1)
        parts[s, p] = broaden(axis, chosen[s], counts * share, sigma)
    return DosResult(axis, parts, total, wavefunction.fermi)


def broaden(axis: Real, levels: Real, counts: Real, sigma: float) -> Real:
    """Sum of normalised Gaussians."""
    result = np.zeros_like(axis)
    order = np.argsort(levels, axis=None)
    sorted_levels, sorted_counts = levels.ravel()[order], np.asarray(counts).ravel()[order]
    for start in range(0, len(sorted_levels), 4096):
        part, weight = sorted_levels[start : start + 4096], sorted_counts[start : start + 4096]
        left, right = np.searchsorted(axis, (part[0] - 8 * sigma, part[-1] + 8 * sigma))
        distance = (axis[left:right, None] - part) / sigma
        result[left:right] += np.exp(-0.5 * distance**2) @ weight
    return np.asarray(result / (sigma * np.sqrt(2.0 * np.pi)))


def _job(wavefunction: WavefunctionFile) -> Job:
    return Job(wavefunction.title, wavefunction.geometry, wavefunction.basis, wavefunction.method, wavefunction.kmesh)
