"""Electron density of a wavefunction at points in space, by PySCF's values of the atomic orbitals.

The charge density is ``sum_ij P_ij phi_j phi_i*``, averaged over the k-points of the SCF; the spin density is the same
of alpha minus beta. Both in electrons/bohr³. A slab is one slab here, without the images above and below it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .model import Complex, Job, Real, WavefunctionFile
from .system import OneElectron

CHUNK = 4096
"""Points at which orbitals are evaluated at a time: bounds the memory."""


class Density:
    """The charge density, and in an open shell the spin density.

    :param wfn: the wavefunction, of which the density matrix is taken until :meth:`superpose_atoms`.
    """

    def __init__(self, wfn: WavefunctionFile) -> None:
        job = Job(wfn.title, wfn.geometry, wfn.basis, wfn.method, wfn.kmesh)
        self._one = OneElectron(job)
        self._matrix: Complex = wfn.density

    def superpose_atoms(self) -> None:
        """Take the sum of the densities of spherical atoms (PySCF's, in the same basis set, without spin) instead."""
        self._matrix = self._one.atomic_density()

    def at(self, points: Real) -> Real:
        """Return the fields at Cartesian points (n, 3) in bohr: charge, and spin in an open shell; (nfield, n)."""
        parts = [self._some(points[start : start + CHUNK]) for start in range(0, len(points), CHUNK)]
        return np.concatenate(parts, axis=1)

    def grid(self, level: int) -> tuple[Real, Real]:
        """Return points (n, 3) in bohr and weights for integrals over the cell, dense around the nuclei (Becke's).

        :param level: of PySCF's grids.
        """
        from pyscf.pbc.dft.gen_grid import BeckeGrids

        found: Any = BeckeGrids(self._space())
        found.level = level
        found.build()
        return np.asarray(found.coords), np.asarray(found.weights)

    @property
    def nuclei(self) -> Real:
        """Positions of the nuclei in bohr, (n, 3)."""
        return np.asarray(self._one.pyscf.atom_coords())

    @property
    def nuclear_charges(self) -> Real:
        """Charges of the nuclei, without cores that potentials replace; of ghosts zero."""
        return np.asarray(self._one.pyscf.atom_charges(), dtype=float)

    @property
    def area(self) -> float:
        """Area of the cell of a slab in bohr²."""
        first, second, _ = self._one.pyscf.lattice_vectors()
        return float(np.linalg.norm(np.cross(first, second)))

    def _space(self) -> Any:
        """Return PySCF's cell, of a slab without images above and below it."""
        cell = self._one.pyscf
        if self._one.job.geometry.dimensionality == 2:
            cell = cell.copy()
            cell.dimension = 2
        return cell

    def _some(self, points: Real) -> Real:
        spins = self._spins(points)
        return np.array([spins[0]]) if len(spins) == 1 else np.array([spins[0] + spins[1], spins[0] - spins[1]])

    def _spins(self, points: Real) -> Real:
        """Return the density of each spin channel (the sum of both in a closed shell), (nspin, n)."""
        order = self._one.order
        result = np.zeros((len(self._matrix), len(points)))
        for k, values in enumerate(self._orbitals(points)):
            chosen = np.asarray(values)[:, order]
            for spin, channel in enumerate(self._matrix):
                product = chosen @ channel[k]
                result[spin] += np.einsum('pi,pi->p', product, chosen.conj()).real
        return result / self._one.nk

    def _orbitals(self, points: Real) -> Any:
        """Return the orbitals of PySCF at the points, for every k-point (n, nao)."""
        if not self._one.job.periodic:
            return [self._one.pyscf.eval_gto('GTOval_sph', points)]
        return self._space().pbc_eval_gto('GTOval_sph', points, kpts=self._one.kpts)
