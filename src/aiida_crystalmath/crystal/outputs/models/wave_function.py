"""The wave function that properties reads, as it echoes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from aiida_crystalmath.crystal.geometry import NON_PERIODIC_LENGTH_ANGSTROM, Geometry
from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.outputs.models.optimisation import PointGeometry

CELL_DIGIT_ANGSTROM = 1e-4
"""Cells are printed with five decimals."""


@dataclass
class WaveFunction:
    """What properties tells of the run that wrote the wave function: enough to recognise that run.

    :param total_energy_hartree: of its SCF, with all digits: the ``SCF ENDED`` energy of the run.
    :param n_scf_cycles: of its SCF.
    :param cell: vectors as rows, Å, five decimals, shape (3, 3); None where not printed.
    :param numbers: conventional atomic numbers.
    :param labels: as printed.
    :param n_shells: shells per atom.
    :param positions: Cartesian, Å, three decimals, shape (n, 3); None without a whole table.
    :param electrons: Mulliken electrons per atom, three decimals.
    :param complete: the table of atoms was read to its end.
    """

    total_energy_hartree: float | None = None
    n_scf_cycles: int | None = None
    cell: Array | None = None
    numbers: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    n_shells: list[int] = field(default_factory=list)
    positions: Array | None = None
    electrons: list[float] = field(default_factory=list)
    complete: bool = False

    @property
    def geometry(self) -> Geometry | None:
        """The primitive cell with its atoms, as precise as printed; None unless cell and whole table are known.

        Vectors of 500 Å are those that do not repeat. That a molecule has three of them is not proven by a real file.
        """
        if not self.complete or self.cell is None or self.positions is None or not np.isfinite(self.cell).all():
            return None
        repeats = np.abs(np.linalg.norm(self.cell, axis=1) - NON_PERIODIC_LENGTH_ANGSTROM) > CELL_DIGIT_ANGSTROM
        dimensionality = int(repeats.sum())
        if not repeats[:dimensionality].all():
            return None
        return PointGeometry(self.cell, dimensionality, tuple(self.numbers), self.positions, frozenset()).build()
