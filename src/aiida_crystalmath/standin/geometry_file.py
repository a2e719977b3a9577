"""Geometry files of a run: fort.34 and one file for each point of an optimisation, in the same format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.fort34 import SymmOps, write_fort34

from .writers.symmetry import SymmetryOperators


def write_geometry_file(path: Path, geometry: Geometry, operators: SymmetryOperators) -> None:
    """Write a geometry with the symmetry operators of the run."""
    path.write_text(write_fort34(geometry, cartesian(geometry, operators)))


def cartesian(geometry: Geometry, operators: SymmetryOperators) -> SymmOps:
    """Turn operators on fractional coordinates (Å along directions that do not repeat) into Cartesian ones."""
    frame = np.array(geometry.cell, dtype=float)
    frame[geometry.dimensionality :] = np.eye(3)[geometry.dimensionality :]
    rotations = frame.T @ operators.rotations @ np.linalg.inv(frame.T)
    return SymmOps(rotations, operators.translations @ frame)
