"""Geometry optimisation with CRYSTAL's controls.

Crystals and slabs: PySCF has no gradients for Gaussian density fitting, so the few variables that the symmetry leaves
free are differentiated by energies, with steps well above the noise between cells, and a polynomial is fitted to all
energies known. Molecules: analytic gradients (:mod:`.molecule`).

Every energy is kept in OPTINFO.DAT as soon as it is known. A restart walks the same path with the energies that are
there, so that a killed run continues where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

from .coordinates import Variables, variables_of
from .engine import run_scf
from .model import Complex, Job, NotSupported, OptPoint, OptResult, OptSettings, Real, ScfCycle, ScfResult, StandinError

FORMAT, VERSION = 'crystalmath-standin-optinfo', 2
#: Longest step in units of the numerical displacement of each variable.
TRUST = 5.0
#: CRYSTAL's tolerances on the largest component are this much wider than those on the rms.
MAX_OVER_RMS = 1.5

OnPoint = Callable[[OptPoint], None]
OnCycle = Callable[[ScfCycle], None]


class ScfFailed(Exception):  # noqa: N818 (a signal inside this package, not an error for people)
    """An SCF inside the optimisation did not converge.

    :param result: its result.
    """

    def __init__(self, result: ScfResult, geometry: Geometry) -> None:
        self.result, self.geometry = result, geometry
        super().__init__('SCF FAILED')


def optimise(
    job: Job, settings: OptSettings, on_point: OnPoint, on_cycle: OnCycle, restart_path: str | Path | None = None
) -> OptResult:
    """Optimise the geometry of a job.

    :param on_point: called at each point, after its gradient.
    :param on_cycle: called at each SCF cycle of every energy (``n`` is 1 where an SCF starts).
    :param restart_path: OPTINFO.DAT: written all along, read first when ``settings.restart``.
    :raises NotSupported: for more variables than can be afforded.
    :raises StandinError: when RESTART has no usable file.
    """
    journal = Journal.open(job, settings, restart_path)
    job = replace(job, geometry=journal.reference)
    if not job.periodic:
        from .molecule import optimise_molecule

        if settings.type not in ('FULLOPTG', 'ATOMONLY'):
            raise NotSupported(settings.type, 'a molecule has no cell')
        return optimise_molecule(job, settings, on_point, on_cycle, journal)
    return NumericalOptimiser(job, settings, on_point, on_cycle, journal).run()


@dataclass
class Journal:
    """OPTINFO.DAT: the reference geometry and what has been computed (JSON).

    :param energy_of: what the energies belong to, see :func:`fingerprint`.
    :param energies: list of [x, energy] (periodic) or of [positions, energy, gradient] (molecules).
    :param points: points that were reported.
    """

    path: Path | None
    reference: Geometry
    kind: str
    energy_of: str
    energies: list[list[Any]]
    points: int = 0
    earlier: int = 0

    @classmethod
    def open(cls, job: Job, settings: OptSettings, path: str | Path | None) -> Journal:
        """Start a new journal, or continue one when RESTART is asked for.

        :raises StandinError: when there is nothing usable to continue from.
        """
        target = None if path is None else Path(path)
        if not settings.restart:
            return cls(target, job.geometry, settings.type, fingerprint(job), [])
        if target is None or not target.is_file() or target.stat().st_size == 0:
            raise StandinError('OPTGEOM', 'RESTART: OPTINFO.DAT NOT FOUND OR EMPTY')
        try:
            data = json.loads(target.read_text())
            if data['format'] != FORMAT or data['version'] != VERSION:
                raise ValueError(f'format {data["format"]} {data["version"]}')
            sites = tuple(Site(**(one | {'position': tuple(one['position'])})) for one in data['sites'])
            reference = Geometry(np.array(data['cell']), int(data['dimensionality']), sites)
            points = data['points']
            journal = cls(target, reference, data['type'], data['energy_of'], data['energies'], points, points)
        except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise StandinError('OPTGEOM', f'RESTART: OPTINFO.DAT IS NOT A FILE OF THE STAND-IN ({error})') from error
        same = [site.number for site in reference.sites] == [site.number for site in job.geometry.sites]
        if not same or reference.dimensionality != job.geometry.dimensionality or journal.kind != settings.type:
            raise StandinError('OPTGEOM', 'RESTART: OPTINFO.DAT BELONGS TO ANOTHER SYSTEM OR TYPE OF OPTIMISATION')
        if journal.energy_of != fingerprint(job):
            raise StandinError(
                'OPTGEOM',
                'RESTART: OPTINFO.DAT HOLDS ENERGIES OF ANOTHER HAMILTONIAN, BASIS SET, K-MESH OR SMEARING: '
                'begin anew from its last geometry (fort.34 or opt files)',
            )
        return journal

    def write(self) -> None:
        """Write the file, whole or not at all."""
        if self.path is None:
            return
        data = {
            'format': FORMAT,
            'version': VERSION,
            'type': self.kind,
            'energy_of': self.energy_of,
            'dimensionality': self.reference.dimensionality,
            'cell': np.asarray(self.reference.cell).tolist(),
            'sites': [asdict(site) for site in self.reference.sites],
            'energies': self.energies,
            'points': self.points,
        }
        partial = self.path.with_name(self.path.name + '.partial')
        partial.write_text(json.dumps(data))
        os.replace(partial, self.path)

    def find(self, x: Real) -> list[Any] | None:
        """Return the entry computed at x, if any."""
        for entry in self.energies:
            if np.allclose(np.asarray(entry[0]), x, rtol=0.0, atol=1e-7):
                return entry
        return None

    def add(self, entry: list[Any]) -> None:
        """Keep an entry, on disk too."""
        self.energies.append(entry)
        self.write()

    def reported(self, number: int) -> None:
        """Note that a point was reported."""
        self.points = max(self.points, number)
        self.write()


def fingerprint(job: Job) -> str:
    """Tell apart jobs whose energies must not be mixed: Hamiltonian, basis sets, k-mesh, smearing."""
    parts = (job.method, job.basis, tuple(job.kmesh), job.scf.smear)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


class NumericalOptimiser:
    """Optimisation of a crystal or slab by energies alone."""

    def __init__(self, job: Job, settings: OptSettings, on_point: OnPoint, on_cycle: OnCycle, journal: Journal) -> None:
        self._job, self._settings, self._journal = job, settings, journal
        self._on_point, self._on_cycle = on_point, on_cycle
        self._variables: Variables = variables_of(job, settings.type)
        self._steps = self._variables.steps
        self._samples: list[tuple[Real, float]] = []
        self._density: Complex | None = None
        self._last: tuple[Real, ScfResult] | None = None
        self._cycles = 0

    def run(self) -> OptResult:
        """Walk from point to point until all tests are met or the points are used up."""
        points: list[OptPoint] = []
        x = np.zeros(self._variables.count)
        most = self._settings.maxcycle + self._journal.earlier
        try:
            while True:
                started, known = time.perf_counter(), len(self._samples)
                energy = self._energy(x)
                if self._variables.count == 0:
                    return self._finish(x, [self._point(1, x, energy, gradient=np.zeros(0), step=np.zeros(0))])
                cycles = self._cycles
                self._sample_around(x, first=not points)
                gradient, hessian = self._fit(x)
                step = self._step(gradient, hessian)
                extra = len(self._samples) - known - 1
                previous = points[-1].energy if points else None
                seconds = time.perf_counter() - started
                point = self._point(len(points) + 1, x, energy, previous, gradient=gradient, step=step)
                point = replace(point, extra_energies=extra, scf_cycles=cycles, wall_s=seconds)
                points.append(point)
                if point.n > self._journal.earlier:
                    self._on_point(points[-1])
                    self._journal.reported(point.n)
                if all(point.converged) or len(points) >= most:
                    return self._finish(x, points)
                x = x + step
        except ScfFailed as failure:
            last = points[-1].energy if points else failure.result.energy
            return OptResult('scf_failed', tuple(points), failure.geometry, last, failure.result)

    def _finish(self, x: Real, points: list[OptPoint]) -> OptResult:
        if self._last is None or not np.allclose(self._last[0], x, rtol=0.0, atol=1e-7):
            self._last = (x, self._scf(x))
        if len(points) == 1 and self._variables.count == 0 and self._journal.earlier == 0:
            self._on_point(points[0])
        notes = (
            'DERIVATIVES ARE NUMERICAL: ENERGIES OF DIFFERENT CELLS HAVE A NOISE OF 0.01-0.02 mHa; TOLDEE IS NOT USED',
        )
        status: Literal['converged', 'failed'] = 'converged' if all(points[-1].converged) else 'failed'
        return OptResult(status, tuple(points), self._variables.geometry(x), points[-1].energy, self._last[1], notes)

    # -- energies ---------------------------------------------------------------------------------------
    def _energy(self, x: Real) -> float:
        """Energy at x: from the journal, or from an SCF that starts from the last density."""
        entry = self._journal.find(x)
        if entry is None:
            result = self._scf(x)
            self._last = (x, result)
            entry = [x.tolist(), result.energy]
            self._journal.add(entry)
        energy = float(entry[1])
        if not any(np.allclose(one, x, rtol=0.0, atol=1e-7) for one, _ in self._samples):
            self._samples.append((x.copy(), energy))
        return energy

    def _scf(self, x: Real) -> ScfResult:
        geometry = self._variables.geometry(x)
        result = run_scf(replace(self._job, geometry=geometry), self._on_cycle, self._density)
        if not result.converged:
            raise ScfFailed(result, geometry)
        self._density, self._cycles = result.density, len(result.cycles) - 1
        return result

    def _sample_around(self, x: Real, first: bool) -> None:
        """Energies for the derivatives: a whole quadratic form at the first point, one more per variable later.

        With one variable a later point needs none: its own energy and the others determine the polynomial.
        """
        count = self._variables.count
        if not first and count == 1:
            return
        moves = np.diag(self._steps)
        for i in range(count):
            self._energy(x + moves[i])
            if first:
                self._energy(x - moves[i])
        if first:
            for i in range(count):
                for j in range(i):
                    self._energy(x + moves[i] + moves[j])

    # -- polynomial -------------------------------------------------------------------------------------
    def _fit(self, x: Real) -> tuple[Real, Real]:
        """Gradient and Hessian at x of a polynomial through the energies, nearer ones weighing more."""
        offsets = np.array([(one - x) / self._steps for one, _ in self._samples])
        energies = np.array([energy for _, energy in self._samples])
        count = self._variables.count
        pairs = [(i, j) for i in range(count) for j in range(i + 1)]
        columns = [np.ones(len(offsets)), *offsets.T, *[offsets[:, i] * offsets[:, j] for i, j in pairs]]
        if len(offsets) >= len(columns) + count:
            columns += [offsets[:, i] ** 3 for i in range(count)]
        if count == 1 and len(offsets) >= len(columns) + 1:
            columns.append(offsets[:, 0] ** 4)
        weights = 1.0 / (1.0 + (np.linalg.norm(offsets, axis=1) / 4.0) ** 4)
        design = np.array(columns).T * weights[:, None]
        origin = energies.min()
        found = np.linalg.lstsq(design, (energies - origin) * weights, rcond=1e-12)[0]
        gradient = found[1 : 1 + count] / self._steps
        hessian = np.zeros((count, count))
        for value, (i, j) in zip(found[1 + count :], pairs, strict=False):
            hessian[i, j] = hessian[j, i] = value * (2.0 if i == j else 1.0) / (self._steps[i] * self._steps[j])
        return gradient, hessian

    def _step(self, gradient: Real, hessian: Real) -> Real:
        """Newton's step, along descent directions only, within the trust region."""
        values, vectors = np.linalg.eigh(hessian)
        along = vectors.T @ gradient
        step = -(vectors @ (along / np.maximum(np.abs(values), 1e-3)))
        longest = float(np.max(np.abs(step) / (TRUST * self._steps)))
        return np.asarray(step / max(1.0, longest))

    def _point(
        self,
        number: int,
        x: Real,
        energy: float,
        previous: float | None = None,
        *,
        gradient: Real,
        step: Real,
    ) -> OptPoint:
        inside = len(self._variables.strains)
        forces = None
        if len(self._variables.displacements):
            forces = np.tensordot(gradient[inside:], self._variables.displacements, axes=1)
        geometry = self._variables.geometry(x)
        return make_point(
            number, energy, previous, geometry, self._settings, gradient=gradient, step=step, forces=forces
        )


def make_point(
    number: int,
    energy: float,
    previous: float | None,
    geometry: Geometry,
    settings: OptSettings,
    *,
    gradient: Real,
    step: Real,
    forces: Real | None,
) -> OptPoint:
    """Make a point and its four tests: largest and rms gradient, largest and rms of the step that comes next."""

    def largest(values: Real) -> float:
        return float(np.abs(values).max(initial=0.0))

    def rms(values: Real) -> float:
        return float(np.sqrt(np.mean(values**2))) if values.size else 0.0

    measured = (largest(gradient), rms(gradient), largest(step), rms(step))
    limits = (
        MAX_OVER_RMS * settings.toldeg,
        settings.toldeg,
        MAX_OVER_RMS * settings.toldex,
        settings.toldex,
    )
    met = [value <= limit for value, limit in zip(measured, limits, strict=True)]
    return OptPoint(
        n=number,
        energy=energy,
        delta=None if previous is None else energy - previous,
        geometry=geometry,
        max_gradient=measured[0],
        rms_gradient=measured[1],
        max_displacement=measured[2],
        rms_displacement=measured[3],
        converged=(met[0], met[1], met[2], met[3]),
        gradients=forces,
    )


def positions_bohr(geometry: Geometry) -> Real:
    """Cartesian positions, bohr, (natom, 3)."""
    return np.array([site.position for site in geometry.sites]) / BOHR_ANGSTROM
