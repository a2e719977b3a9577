"""Mulliken populations: atoms, shells, orbitals and overlaps between atoms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_crystalmath.crystal.basis import BasisSet
from aiida_crystalmath.crystal.basis_models import SHELL_FUNCTIONS

from .model import Complex, Integer, Mulliken, Real
from .system import ao_atoms, shell_list


def orbital_populations(density: Complex, overlap: Complex) -> Real:
    """Average the diagonal of P S over k: populations of the orbitals in each spin channel, (nspin, nao)."""
    nk = overlap.shape[0]
    return np.asarray(np.einsum('skij,kji->si', density, overlap).real / nk, dtype=float)


def atomic_populations(density: Complex, overlap: Complex, atoms: Integer) -> tuple[Real, Real | None]:
    """Electrons, and alpha minus beta electrons (None when restricted), of each atom.

    :param atoms: index of the atom of each orbital.
    """
    orbitals = orbital_populations(density, overlap)
    electrons = np.bincount(atoms, weights=orbitals.sum(axis=0)).astype(float)
    if len(orbitals) == 1:
        return electrons, None
    return electrons, np.bincount(atoms, weights=orbitals[0] - orbitals[1]).astype(float)


def mulliken(density: Complex, overlap: Complex, basis: Sequence[BasisSet]) -> Mulliken:
    """Analyse a density (nspin, nk, nao, nao) in CRYSTAL's order of orbitals."""
    orbitals = orbital_populations(density, overlap)
    atoms = ao_atoms(basis)
    natom = len(basis)
    shells = shell_list(basis)
    shell_of = np.repeat(np.arange(len(shells), dtype=np.int64), [SHELL_FUNCTIONS[kind] for _, kind, _ in shells])

    def by(index: Integer, values: Real, size: int) -> Real:
        return np.bincount(index, weights=values, minlength=size).astype(float)

    total = orbitals.sum(axis=0)
    spin = orbitals[0] - orbitals[1] if len(orbitals) == 2 else None
    product = np.einsum('skij,kji->ij', density, overlap).real / overlap.shape[0]
    pairs = np.zeros((natom, natom))
    np.add.at(pairs, (atoms[:, None], atoms[None, :]), product)
    return Mulliken(
        electrons=by(atoms, total, natom),
        ao_electrons=total,
        ao_atoms=atoms,
        shell_atoms=np.array([atom for atom, _, _ in shells], dtype=np.int64),
        shell_types=tuple(kind for _, kind, _ in shells),
        shell_electrons=by(shell_of, total, len(shells)),
        overlap=pairs,
        spins=None if spin is None else by(atoms, spin, natom),
        ao_spins=spin,
        shell_spins=None if spin is None else by(shell_of, spin, len(shells)),
    )
