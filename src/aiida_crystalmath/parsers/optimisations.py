"""Geometries of an optimisation: the one it ended with, the one to go on from, and all its points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aiida import orm

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Optimisation, OptPoint
from aiida_crystalmath.crystal.outputs.opt_steps import read_opt_steps
from aiida_crystalmath.parsers.arrays import floats

__all__ = ('geometry_to_go_on_from', 'last_step_file', 'spans_volumes', 'trajectory')

CRITERIA = ('max_gradient', 'rms_gradient', 'max_displacement', 'rms_displacement')
"""Columns of the array ``criteria``."""


def geometry_to_go_on_from(output: CrystalOutput) -> Geometry | None:
    """Return the geometry an optimisation ended with, or the best one to go on from; CRYSTAL's primitive cell.

    Without convergence that is the point of lowest energy (enthalpy under pressure) whose SCF ended: a later point may
    be the step that went wrong. A search for a transition state does not go downhill: there it is the last such point.
    Where no energy is known, it is the last geometry that was printed. A run over several volumes has no such geometry.
    """
    optimisation = output.optimisation
    if optimisation is None or spans_volumes(output):
        return None
    if optimisation.status == 'converged' and output.final_geometry is not None:
        return output.final_geometry
    printed = [point for point in optimisation.points if point.snapshot is not None]
    certain = [point for point in printed if point.energy_hartree is not None and not point.rejected]
    if certain:
        chosen = min(certain, key=_energy) if goes_downhill(optimisation) else certain[-1]
        return chosen.geometry
    return printed[-1].geometry if printed else None


def spans_volumes(output: CrystalOutput) -> bool:
    """Say whether the optimisations of a run are those of several volumes, so that none of them is its result."""
    return output.is_equation_of_state_run or output.quasi_harmonic is not None


def _energy(point: OptPoint) -> float:
    energy = point.comparable_hartree
    return np.inf if energy is None else energy


def goes_downhill(optimisation: Optimisation) -> bool:
    """Say whether the best point of an optimisation is the one of lowest energy, or enthalpy where that is printed."""
    pressed = 'EXTPRESS' in optimisation.settings.constraints and not optimisation.energy_is_enthalpy
    return optimisation.target == 'minimum' and not pressed


def last_step_file(folder: str | None, output: CrystalOutput) -> Geometry | None:
    """Return the geometry of the last optc or opta file, for a run that was stopped before it printed any.

    :param folder: of the files that were retrieved to be parsed only.
    """
    if folder is None or output.optimisation is None or spans_volumes(output):
        return None
    # The file that was being written when the run was stopped cannot be read: the one before it is whole.
    steps = read_opt_steps(Path(folder)).steps
    return max(steps, key=lambda step: step.n).geometry if steps else None


def trajectory(points: list[OptPoint], cells: CellMap) -> orm.TrajectoryData:
    """Return the points of an optimisation in the user's cell; the arrays are described in ``reference/outputs.md``.

    A point that cannot be told there (a damaged file) is left out.

    :param points: those whose geometry is known, at least one.
    :raises ValueError: if no point can be told.
    """
    points, geometries = _told(points, cells)
    node = orm.TrajectoryData()
    node.set_trajectory(
        symbols=geometries[0].symbols,
        positions=np.array([geometry.positions for geometry in geometries]),
        stepids=np.array([point.n for point in points]),
        cells=np.array([geometry.cell for geometry in geometries]),
        pbc=list(geometries[0].pbc),
    )
    columns = {
        'energies_hartree': [point.energy_hartree for point in points],
        'enthalpies_hartree': [
            point.comparable_hartree if point.stress_hartree is not None else None for point in points
        ],
        'max_gradients_hartree_per_bohr': [point.max_gradient for point in points],
        'rms_gradients_hartree_per_bohr': [point.rms_gradient for point in points],
        'max_displacements_bohr': [point.max_displacement for point in points],
        'rms_displacements_bohr': [point.rms_displacement for point in points],
        'trust_radii_bohr': [point.trust_radius for point in points],
    }
    always = ('energies_hartree', 'max_gradients_hartree_per_bohr')
    for name, values in columns.items():
        if name in always or any(value is not None for value in values):
            node.set_array(name, floats(values))
    node.set_array('rejected', np.array([point.rejected for point in points]))
    flags = [[point.flags.get(name) for name in CRITERIA] for point in points]
    node.set_array('criteria', np.array([[-1 if flag is None else int(flag) for flag in row] for row in flags]))
    if (forces := forces_of(points, cells)) is not None:
        node.set_array('forces_hartree_per_bohr', forces)
    return node


def _told(points: list[OptPoint], cells: CellMap) -> tuple[list[OptPoint], list[Geometry]]:
    """Return the points whose geometry can be told in the user's cell, all of the same atoms, and these geometries.

    :raises ValueError: if there is none.
    """
    told: list[tuple[OptPoint, Geometry]] = []
    reason = 'the optimisation has no geometry'
    for point in points:
        geometry = point.geometry
        if geometry is None:
            continue
        try:
            restored = cells.restore(geometry)
        except ValueError as exception:
            reason = str(exception)
            continue
        if not told or restored.numbers == told[0][1].numbers:
            told.append((point, restored))
    if not told:
        raise ValueError(reason)
    return [point for point, _ in told], [geometry for _, geometry in told]


def forces_of(points: list[OptPoint], cells: CellMap) -> np.ndarray | None:
    """Return the forces of all points, NaN where a point did not print them; None if none did."""
    known = [None if point.forces is None else cells.atom_tensors(point.forces) for point in points]
    shape = next((forces.shape for forces in known if forces is not None), None)
    if shape is None:
        return None
    empty = np.full(shape, np.nan)
    return np.array([forces if forces is not None and forces.shape == shape else empty for forces in known])
