"""Geometry files of a run: fort.34 and one file for each point of an optimisation, in the same format."""

from __future__ import annotations

from pathlib import Path

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.fort34 import write_fort34

from .writers.symmetry import SymmetryOperators


def write_geometry_file(path: Path, geometry: Geometry, operators: SymmetryOperators) -> None:
    """Write a geometry with the symmetry operators of the run."""
    path.write_text(write_fort34(geometry, symmops='auto'))
