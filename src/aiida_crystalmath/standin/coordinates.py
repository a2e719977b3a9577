"""Symmetry-allowed displacements of a geometry: the variables of an optimisation.

A variable is an orthonormal pattern of atomic displacements (Cartesian, bohr) or of strain (dimensionless, times the
length V**(1/3) so that its gradient is in hartree/bohr as well). Patterns are those that every symmetry operator of the
job leaves unchanged; moving all atoms together is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.symmetry.freedom import displacement_patterns, strain_patterns
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

from .model import Job, NotSupported, OptimisationType, Real

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
        rotations, _ = _operators(job)
        strains = strain_patterns(rotations, geometry.dimensionality, fixed_volume=kind == 'CVOLOPT')
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


def _operators(job: Job) -> tuple[Real, Real]:
    """Cartesian rotations and translations (Å) of a job."""
    frame = np.asarray(job.geometry.frame)
    rotations = np.eye(3, dtype=int)[None] if job.rotations is None else np.asarray(job.rotations)
    translations = np.zeros((len(rotations), 3)) if job.translations is None else np.asarray(job.translations)
    return np.array([frame.T @ one @ np.linalg.inv(frame.T) for one in rotations]), translations @ frame


def free_displacements(job: Job) -> Real:
    """Find the displacements of the atoms that the symmetry leaves free, apart from moving all of them together.

    :return: orthonormal patterns, Cartesian, (n, natom, 3).
    """
    return displacement_patterns(job.geometry, *_operators(job))
