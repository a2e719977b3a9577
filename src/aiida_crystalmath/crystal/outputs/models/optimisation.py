"""Geometry optimisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aiida_crystalmath.crystal.geometry import Geometry

OptStatus = Literal['converged', 'failed']


@dataclass
class OptPoint:
    """One point of a geometry optimisation; gradients hartree/bohr, displacements bohr.

    :param n: the number CRYSTAL gives it, from 1.
    :param geometry: primitive cell of the point; None when not printed in full. Points whose lines were not complete
        (a killed job) keep ``energy_hartree`` None.
    """

    n: int
    energy_hartree: float | None = None
    delta_hartree: float | None = None
    geometry: Geometry | None = None
    max_gradient: float | None = None
    rms_gradient: float | None = None
    max_displacement: float | None = None
    rms_displacement: float | None = None
    gradient_norm: float | None = None
    flags: dict[str, bool] = field(default_factory=dict)
    """``CONVERGED YES|NO`` per criterion: max_gradient, rms_gradient, max_displacement, rms_displacement."""
    rejected: bool = False
    """The step to this point was rejected by the optimiser."""


@dataclass
class Optimisation:
    """A geometry optimisation.

    :param kind: what was optimised, as in the titles: 'COORDINATE', 'CELL' or 'COORDINATE AND CELL'.
    :param status: from ``OPT END``; None without it.
    :param energy_hartree: of the ``OPT END`` line (includes dispersion); None without it.
    :param n_points: of the ``OPT END`` line; None without it. ``len(points)`` counts what was printed.
    """

    kind: str = ''
    points: list[OptPoint] = field(default_factory=list)
    status: OptStatus | None = None
    energy_hartree: float | None = None
    n_points: int | None = None
    line: int = 0
