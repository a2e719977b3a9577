"""Symmetry-allowed displacements of a geometry: the variables of an optimisation.

A variable is an orthonormal pattern of atomic displacements (Cartesian, bohr) or of strain (dimensionless, times the
length V**(1/3) so that its gradient is in hartree/bohr as well). Patterns are those that every symmetry operator of the
job leaves unchanged; moving all atoms together is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

from .model import Integer, Job, NotSupported, OptimisationType, Real

#: Most variables that derivatives by energies can afford.
MAX_CELL_VARIABLES, MAX_ATOM_VARIABLES = 2, 3
#: Displacements for numerical derivatives: linear strain (cell energies have a noise of 20 uHa), bohr.
CELL_STEP, ATOM_STEP_BOHR = 0.012, 0.05


@dataclass(frozen=True, eq=False)
class Variables:
    """The allowed patterns around a reference geometry.

    :param strains: (n, 3, 3), orthonormal; ``displacements``: (m, natom, 3), orthonormal. x holds strains first.
    :param length: factor from strain to bohr.
    :param fixed_volume: CVOLOPT: a strain without trace keeps the volume to first order only, so it is scaled back.
    """

    reference: Geometry
    strains: Real
    displacements: Real
    length: float
    fixed_volume: bool = False

    @property
    def count(self) -> int:
        """Number of variables."""
        return len(self.strains) + len(self.displacements)

    @property
    def steps(self) -> Real:
        """Displacement of each variable for numerical derivatives, bohr."""
        # the largest diagonal strain of a pattern becomes CELL_STEP
        scale = [CELL_STEP / float(np.abs(pattern).max()) * self.length for pattern in self.strains]
        return np.array([*scale, *[ATOM_STEP_BOHR * np.sqrt(2.0)] * len(self.displacements)])

    def geometry(self, x: Real) -> Geometry:
        """Geometry displaced by x (bohr) from the reference."""
        n = len(self.strains)
        strain = np.tensordot(x[:n], self.strains, axes=1) / self.length if n else np.zeros((3, 3))
        moved = np.tensordot(x[n:], self.displacements, axes=1) if len(x) > n else 0.0
        deformation = np.eye(3) + strain
        periodic = self.reference.dimensionality
        if self.fixed_volume:
            deformation[:periodic, :periodic] /= float(np.linalg.det(deformation)) ** (1 / periodic)
        positions = np.array([site.position for site in self.reference.sites]) + np.asarray(moved) * BOHR_ANGSTROM
        positions = positions @ deformation.T
        sites = tuple(
            replace(site, position=(float(p[0]), float(p[1]), float(p[2])))
            for site, p in zip(self.reference.sites, positions, strict=True)
        )
        cell = np.array(self.reference.cell, dtype=float)
        cell[:periodic] = cell[:periodic] @ deformation.T
        return replace(self.reference, cell=cell, sites=sites)


def variables_of(job: Job, kind: OptimisationType) -> Variables:
    """Find the variables of a periodic optimisation.

    :raises NotSupported: when there are more than numerical derivatives can afford.
    """
    geometry = job.geometry
    cell = np.array(geometry.cell, dtype=float)
    strains = np.zeros((0, 3, 3))
    if kind != 'ATOMONLY':
        _, _, cartesian = _operators(job)
        strains = _strain_patterns(cartesian, geometry.dimensionality, fixed_volume=kind == 'CVOLOPT')
    displacements = np.zeros((0, len(geometry.sites), 3)) if kind == 'CELLONLY' else free_displacements(job)
    for what, found, most in (
        ('cell parameters', len(strains), MAX_CELL_VARIABLES),
        ('coordinates of atoms', len(displacements), MAX_ATOM_VARIABLES),
    ):
        if found > most:
            raise NotSupported(
                kind,
                f'{len(strains)} free cell parameters and {len(displacements)} free atomic coordinates: the stand-in '
                f'differentiates energies numerically and takes up to {most} {what}',
            )
    volume = abs(float(np.linalg.det(cell)))
    if geometry.dimensionality == 2:
        volume = float(np.linalg.norm(np.cross(cell[0], cell[1]))) ** 1.5
    length = volume ** (1 / 3) / BOHR_ANGSTROM
    return Variables(geometry, strains, displacements, length, fixed_volume=kind == 'CVOLOPT')


def _operators(job: Job) -> tuple[Integer, Real, Real]:
    """Rotations and translations of a job in fractional coordinates, and its rotations in Cartesian ones."""
    cell = np.array(job.geometry.cell, dtype=float)
    rotations = np.eye(3, dtype=int)[None] if job.rotations is None else np.asarray(job.rotations)
    translations = np.zeros((len(rotations), 3)) if job.translations is None else np.asarray(job.translations)
    return rotations, translations, np.array([cell.T @ one @ np.linalg.inv(cell.T) for one in rotations])


def _strain_patterns(cartesian: Real, dimensionality: int, fixed_volume: bool) -> Real:
    """Orthonormal symmetric strains that the rotations leave unchanged."""
    basis = []
    for i in range(dimensionality):
        for j in range(i, dimensionality):
            pattern = np.zeros((3, 3))
            pattern[i, j] = pattern[j, i] = 1.0 if i == j else np.sqrt(0.5)
            basis.append(sum(r @ pattern @ r.T for r in cartesian) / len(cartesian))
    if fixed_volume:
        unit = np.diag([1.0 if i < dimensionality else 0.0 for i in range(3)]) / np.sqrt(dimensionality)
        basis = [pattern - unit * np.sum(unit * pattern) for pattern in basis]
    return _orthonormal(np.array(basis).reshape(len(basis), -1)).reshape(-1, 3, 3)


def free_displacements(job: Job) -> Real:
    """Find the displacements of the atoms that the symmetry leaves free, apart from moving all of them together.

    :return: orthonormal patterns, Cartesian, (n, natom, 3).
    """
    geometry, (rotations, translations, cartesian) = job.geometry, _operators(job)
    natom = len(geometry.sites)
    fractional = np.asarray(geometry.fractional)
    projector = np.zeros((natom, 3, natom, 3))
    for rotation, translation, turned in zip(rotations, translations, cartesian, strict=True):
        image = _permutation(geometry, fractional, rotation, translation)
        for atom in range(natom):
            projector[image[atom], :, atom, :] += turned
    flat = (projector / len(rotations)).reshape(3 * natom, 3 * natom)
    common = np.tile(np.eye(3), (natom, 1)) / np.sqrt(natom)
    flat = flat - common @ (common.T @ flat)
    return _orthonormal(flat.T).reshape(-1, natom, 3)


def _permutation(geometry: Geometry, fractional: Real, rotation: Integer, translation: Real) -> list[int]:
    """Index of the atom that each atom is moved to."""
    periodic = np.arange(3) < geometry.dimensionality
    image = []
    for atom, moved in enumerate(fractional @ rotation.T + translation):
        difference = fractional - moved
        difference = difference - np.where(periodic, np.rint(difference), 0.0)
        distances = np.abs(difference).max(axis=1)
        distances[[site.number != geometry.sites[atom].number for site in geometry.sites]] = np.inf
        image.append(int(np.argmin(distances)))
    return image


def _orthonormal(rows: Real) -> Real:
    """Orthonormal basis of the space that rows span."""
    if not len(rows):
        return rows
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(vectors[values > 1e-3])
