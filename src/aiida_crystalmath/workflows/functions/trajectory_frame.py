"""A structure out of a trajectory, with its provenance."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

__all__ = ('trajectory_frame',)


@calcfunction
def trajectory_frame(trajectory: orm.TrajectoryData, structure: orm.StructureData, index: orm.Int) -> orm.StructureData:
    """Return the structure of one point of an optimisation.

    :param trajectory: points with cell and positions in Å, in the atom order of ``structure``.
    :param structure: the structure at the start, which gives kinds and periodicity.
    :param index: which point, from 0; negative ones count from the end.
    """
    from aiida_crystalmath.data.structure import from_geometry, to_geometry

    geometry = to_geometry(structure)
    positions = np.asarray(trajectory.get_positions())[index.value]
    cells = trajectory.get_cells()
    cell = None if cells is None else np.asarray(cells)[index.value]
    return from_geometry(geometry.with_positions(positions, cell))
