"""Geometry optimisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from aiida_crystalmath.crystal.elements import split_conventional
from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.outputs.models.deferred import Deferred, none

OptStatus = Literal['converged', 'failed']
OptTarget = Literal['minimum', 'transition_state']
CRITERIA = ('max_gradient', 'rms_gradient', 'max_displacement', 'rms_displacement')


@dataclass(slots=True)
class PointGeometry:
    """The geometry of a point in little memory; :meth:`build` makes the real thing.

    :param cell: vectors as rows (Å), shape (3, 3).
    :param numbers: conventional atomic numbers (one tuple is shared by all points of an optimisation).
    :param positions: Cartesian (Å), shape (n, 3).
    """

    cell: Array
    dimensionality: int
    numbers: tuple[int, ...]
    positions: Array
    ghosts: frozenset[int] = frozenset()
    """Atoms (from 1) that are ghosts."""

    @classmethod
    def of(cls, geometry: Geometry) -> PointGeometry:
        """Keep a geometry."""
        numbers = tuple(site.conventional_number for site in geometry.sites)
        ghosts = frozenset(i for i, site in enumerate(geometry.sites, 1) if site.ghost)
        return cls(np.asarray(geometry.cell), geometry.dimensionality, numbers, geometry.positions, ghosts)

    def build(self) -> Geometry:
        """Return the geometry."""
        sites = []
        for i, (conventional, (x, y, z)) in enumerate(zip(self.numbers, self.positions.tolist(), strict=True), 1):
            number, ecp, variant = split_conventional(conventional)
            sites.append(Site(number, (x, y, z), ghost=number == 0 or i in self.ghosts, ecp=ecp, variant=variant))
        return Geometry(self.cell, self.dimensionality, tuple(sites))


@dataclass
class OptPoint:
    """One point of a geometry optimisation; gradients hartree/bohr, displacements bohr (as printed, CRYSTAL's norm).

    Points whose lines were not complete (a killed job) keep ``energy_hartree`` None.

    :param n: the number CRYSTAL gives it, from 1.
    :param energy_hartree: with all corrections: the first point prints dispersion and counterpoise on lines of their
        own, the later ones include them.
    """

    n: int
    energy_hartree: float | None = None
    delta_hartree: float | None = None
    """Printed change of the energy to the point before; not printed for the first one."""
    scf_cycles: int | None = None
    max_gradient: float | None = None
    rms_gradient: float | None = None
    max_displacement: float | None = None
    rms_displacement: float | None = None
    gradient_norm: float | None = None
    trust_radius: float | None = None
    predicted_change_hartree: float | None = None
    flags: Mapping[str, bool] = field(default_factory=dict)
    """``CONVERGED YES|NO`` per criterion printed: max_gradient, rms_gradient, max_displacement, rms_displacement."""
    rejected: bool = False
    """``ENERGY CHANGE > 0 STEP REJECTED``: this point lies higher than the one before, and was left."""
    flat_surface: bool = False
    """The optimiser found no change of the energy (``FLAT SURFACE``, ``NO CHANGE IN ENERGY``)."""
    stress_hartree: float | None = None
    """What an external stress or pressure (EXTPRESS) adds to the energy (``EXTERNAL STRESS CONTRIBUTION``, three
    digits). The energies of all points but the first include it: they are enthalpies."""
    includes_stress: bool = False
    """Whether ``energy_hartree`` includes ``stress_hartree``."""
    forces: Array | None = None
    """Cartesian forces (hartree/bohr), shape (n_atoms, 3), where this point printed them (always the first, and all
    with ONELOG)."""
    snapshot: Deferred[PointGeometry | None] = field(default=Deferred(none), repr=False)
    line: int = 0

    @property
    def comparable_hartree(self) -> float | None:
        """The energy to compare with that of other points: with the work of an external stress, if one acts."""
        if self.energy_hartree is None or self.stress_hartree is None or self.includes_stress:
            return self.energy_hartree
        return self.energy_hartree + self.stress_hartree

    @property
    def geometry(self) -> Geometry | None:
        """Primitive cell of the point, built anew at each call; None when not printed in full (or not kept)."""
        return None if self.snapshot is None else self.snapshot.build()

    @property
    def converged(self) -> bool:
        """Whether all four criteria were printed, and all with YES."""
        return len(self.flags) == len(CRITERIA) and all(self.flags.values())


@dataclass(slots=True)
class OptSettings:
    """What is optimised and how, as echoed; None where not printed."""

    control: str | None = None
    """'COMBINED CELL/ATOM', 'ATOMIC POSITIONS', 'CELL', ...: the words of the title ``... OPTIMIZATION CONTROL``."""
    max_points: int | None = None
    finalrun: int | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By criterion, as in :attr:`OptPoint.flags`."""
    constraints: tuple[str, ...] = ()
    """Keywords that the output names and that change what is optimised: 'CVOLOPT', 'FRAGMENT', 'EXTPRESS', ..."""
    external_stress_hartree_per_bohr3: Array | None = None
    """``EXTERNAL STRESS APPLIED``, shape (3, 3); positive where it compresses. Proven by a public run of CRYSTAL23
    (ELASTCON with PRESSURE and PREOPTGEOM)."""
    restarted: bool = False
    """``RESTARTING FROM A PREVIOUS GEOMETRY OPTIMIZATION RUN``, or a Hessian read from a file of a run before."""


@dataclass(slots=True)
class Optimisation:
    """A geometry optimisation.

    :param kind: what was optimised, as in the titles: 'COORDINATE', 'CELL' or 'COORDINATE AND CELL'.
    :param status: from ``OPT END``; None without it.
    :param energy_hartree: of the ``OPT END`` line (includes dispersion); None without it. Under an external stress an
        enthalpy, see :attr:`energy_is_enthalpy`.
    :param n_points: of the ``OPT END`` line; None without it. ``len(points) + n_dropped_points`` counts what was
        printed.
    """

    kind: str = ''
    points: list[OptPoint] = field(default_factory=list)
    status: OptStatus | None = None
    energy_hartree: float | None = None
    n_points: int | None = None
    target: OptTarget = 'minimum'
    settings: OptSettings = field(default_factory=OptSettings)
    reason: str | None = None
    """Why it ended, in the program's words: 'CONVERGENCE TESTS SATISFIED', 'GEOMETRY OPTIMIZATION STOPPED' (converged
    at its first point), 'CONVERGENCE TESTS UNSATISFIED', ..."""
    restarts: int = 0
    """How often FINALRUN started the optimisation again from its end (``RE-STARTING OPTIMIZATION``)."""
    n_dropped_points: int = 0
    """Points that were not kept, to bound the memory a huge file takes; the first, the lowest and the last ones are."""
    n_dropped_geometries: int = 0
    """Points kept without their geometry, for the same reason."""
    line: int = 0

    @property
    def complete(self) -> bool:
        """Whether ``OPT END`` was printed."""
        return self.status is not None

    @property
    def energy_is_enthalpy(self) -> bool:
        """Whether an external stress acts: the energies are those of cell and stress, E + PV for a pressure."""
        return any(point.stress_hartree is not None for point in self.points)

    @property
    def best(self) -> OptPoint | None:
        """The kept point of lowest energy (enthalpy), from which a failed optimisation is best continued."""
        known = [(point.comparable_hartree, i) for i, point in enumerate(self.points)]
        lowest = min(((energy, i) for energy, i in known if energy is not None), default=None)
        return None if lowest is None else self.points[lowest[1]]
