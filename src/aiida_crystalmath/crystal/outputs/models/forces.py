"""Forces on atoms and cell."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiida_crystalmath.crystal.outputs.models.arrays import Array


@dataclass
class Gradients:
    """The last forces of the main output, with what the program prints of the cell at the same point.

    :param forces: shape (n_atoms, 3), hartree/bohr, Cartesian.
    :param numbers: conventional atomic numbers.
    :param resultant: sum of the forces, shape (3,), hartree/bohr.
    :param symmetrised: symmetry allowed forces of the atomic coordinates (direction number -> hartree/bohr).
    :param symmetrised_cell: the same of the cell.
    :param cell: *minus* derivatives of the energy with respect to the components of the cell vectors as printed (rows
        vectors, columns components), hartree/bohr; (3, 3) in a crystal, (2, 2) in a slab, (1, 1) in a polymer.
    :param stress: stress tensor, shape (3, 3), hartree/bohr^3, the sign as printed.
    :param pressure_hartree_per_bohr3: ``PRESSURE FROM THE STRESS TENSOR``; None where the stress is not hydrostatic.
    :param pressure_gpa: the same in GPa as printed.
    :param enthalpy_hartree: ``ENTHALPY`` below it: E + PV with this *internal* pressure, not with one applied
        (EXTPRESS), whose share the optimisation's points have.
    :param cell_under_stress: as ``cell`` after the external stress was added; None without one.
    :param is_analytical: False for numerical gradients.
    :param complete: every table that began was read to its end.
    """

    forces: Array | None = None
    numbers: list[int] = field(default_factory=list)
    resultant: Array | None = None
    symmetrised: dict[int, float] = field(default_factory=dict)
    symmetrised_cell: dict[int, float] = field(default_factory=dict)
    cell: Array | None = None
    stress: Array | None = None
    pressure_hartree_per_bohr3: float | None = None
    pressure_gpa: float | None = None
    enthalpy_hartree: float | None = None
    cell_under_stress: Array | None = None
    is_analytical: bool = True
    line: int = 0
    complete: bool = False
