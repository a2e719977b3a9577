"""Overlap and Hamilton populations between groups of orbitals over the energy (COOP and COHP) for the stand-in.

``COOP_AB(E) = sum_nk w_k f sum_{i in A, j in B} Re(c_i* c_j S_ij) delta(E - e_nk)`` and COHP the same with the Fock
matrix for S (Hughbanks, Hoffmann, J. Am. Chem. Soc. 105, 3528 (1983); Dronskowski, Blöchl, J. Phys. Chem. 97, 8617
(1993)). The sum over k of a periodic system makes B all images of the atoms of B. Each pair counts once, as in the
overlap populations of PPAN, to which the occupied part of COOP sums up.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .interpolate import GAUSSIAN_HARTREE, broaden, dense_mesh, hamiltonian
from .model import Real, WavefunctionFile
from .scf import generalised_orbitals


@dataclass(frozen=True, eq=False)
class Populations:
    """Curves over the energy.

    :param energies: hartree, shape (ne,).
    :param overlap: COOP, electrons/hartree/cell, shape (nspin, npair, ne).
    :param hamilton: COHP, hartree/hartree/cell, likewise.
    """

    energies: Real
    overlap: Real
    hamilton: Real


def populations(
    wavefunction: WavefunctionFile,
    mesh: Sequence[int],
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    window: tuple[float, float] | None,
    n_points: int,
    band_range: tuple[int, int] | None = None,
) -> Populations:
    """Return the populations between pairs of groups.

    :param mesh: divisions of the dense mesh.
    :param pairs: indices (from 0) of the orbitals of both groups.
    :param window: first and last energy, hartree; None takes the range of the bands.
    :param band_range: first and last band, from 1; None takes all.
    """
    kpoints, weights = dense_mesh(mesh if wavefunction.geometry.dimensionality else (1, 1, 1))
    fock, overlap = hamiltonian(wavefunction, kpoints)
    nspin, nk, nao = fock.shape[0], len(kpoints), fock.shape[-1]
    energies = np.empty((nspin, nk, nao))
    shares = np.empty((2, nspin, len(pairs), nk, nao))
    for spin, k in itertools.product(range(nspin), range(nk)):
        energies[spin, k], orbitals = generalised_orbitals(fock[spin, k], overlap[k])
        for (which, matrix), (p, (first, second)) in itertools.product(
            enumerate((overlap[k], fock[spin, k])), enumerate(pairs)
        ):
            left, right = orbitals[list(first)], orbitals[list(second)]
            shares[which, spin, p, k] = np.einsum(
                'in,ij,jn->n', left.conj(), matrix[np.ix_(list(first), list(second))], right
            ).real
    first_band, last_band = band_range or (1, nao)
    chosen = slice(first_band - 1, last_band)
    levels = energies[:, :, chosen]
    low, high = window or (float(levels.min()) - 3 * GAUSSIAN_HARTREE, float(levels.max()) + 3 * GAUSSIAN_HARTREE)
    axis = np.linspace(low, high, n_points)
    counts = (2.0 / nspin) * weights[:, None]
    curves = np.array(
        [
            [
                [
                    broaden(axis, levels[s], counts * shares[which, s, p][:, chosen], GAUSSIAN_HARTREE)
                    for p in range(len(pairs))
                ]
                for s in range(nspin)
            ]
            for which in range(2)
        ]
    )
    return Populations(axis, curves[0], curves[1])
