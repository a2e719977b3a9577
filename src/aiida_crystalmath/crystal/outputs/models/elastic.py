"""Elastic, piezoelectric and photoelastic constants (ELASTCON, ELAPIEZO, PHOTOELA)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.units import HARTREE_JOULE

ElasticUnit = Literal['GPa', 'hartree']


@dataclass
class ElasticStrain:
    """One deformation of the cell and the energies along it (block ``STRAIN MATRIX``).

    :param component: number of the deformation as printed: the Voigt index 1-6.
    :param matrix: shape (d, d) for d periodic directions; None where its lines could not be read.
    :param displacements: amplitude of the deformation, without unit.
    :param energies_hartree: one per amplitude; ten significant digits are printed.
    :param deltas_hartree: energy above that of the undeformed cell.
    :param constants: raw second derivatives below the table, by their names (``c11``), before symmetrisation; unit as
        in :attr:`unit`.
    :param complete: False when the text stops before the constants.
    """

    component: int
    matrix: Array | None = None
    displacements: list[float] = field(default_factory=list)
    energies_hartree: list[float] = field(default_factory=list)
    deltas_hartree: list[float] = field(default_factory=list)
    constants: dict[str, float] = field(default_factory=dict)
    unit: str | None = None
    complete: bool = False


@dataclass
class ElasticModuli:
    """Averages of a polycrystal after Voigt, Reuss and Hill; GPa, the Poisson ratios without unit.

    The program prints K and G of all three, E and v of Hill's average only; the others stay None.
    """

    bulk_voigt_gpa: float | None = None
    bulk_reuss_gpa: float | None = None
    bulk_hill_gpa: float | None = None
    shear_voigt_gpa: float | None = None
    shear_reuss_gpa: float | None = None
    shear_hill_gpa: float | None = None
    young_hill_gpa: float | None = None
    poisson_hill: float | None = None


@dataclass(frozen=True)
class SeismicVelocity:
    """Velocities of sound along ``direction`` (Christoffel's equation), km/s.

    :param direction: wave vector in the cartesian frame, as printed (not normalised).
    :param longitudinal: Vp.
    :param shear_fast: Vs1.
    :param shear_slow: Vs2.
    """

    direction: tuple[float, float, float]
    longitudinal: float | None
    shear_fast: float | None
    shear_slow: float | None


@dataclass
class ElasticFit:
    """Constants from fewer points or another order of the fit (``NUMBER OF POINTS, ORDER=``).

    :param constants: as :attr:`Elastic.constants`; None where the table could not be read.
    """

    n_points: int
    order: int
    constants: Array | None = None
    compliance_per_tpa: Array | None = None
    bulk_modulus_gpa: float | None = None


@dataclass
class Elastic:
    """The result of ELASTCON.

    Tensors are full symmetric matrices in Voigt's notation (11, 22, 33, 23, 13, 12 in 3D; 11, 22, 12 in 2D; 11 in 1D),
    shapes (6, 6), (3, 3), (1, 1); a field the program overprinted with asterisks is NaN in them. Nothing is given until
    the end of its table was read. Constants include the relaxation of the atoms (unless the deck says CLAMPION).

    :param unit: of ``constants``: GPa in 3D; in 2D and 1D hartree, the second derivative of the energy of the
        primitive cell with respect to strain (divide by its area or length: see :meth:`newton_per_metre`).
    :param crystal_system: of the title (``CUBIC``, ``HEXAGONAL``).
    :param moduli: None where not printed (2D, 1D, unfinished).
    :param bulk_modulus_gpa: of the line ``K =`` at the end, for the full number of points; None in 2D and 1D.
    :param pressure_gpa: external pressure the constants are corrected for; None where the output names none.
    :param volume_angstrom3: of the cell as printed with the density; None where asterisks stand. Meaningless in 2D, 1D.
    :param density_g_per_cm3: as printed; meaningless in 2D and 1D, where the formal cell enters.
    :param preoptimised: the geometry was optimised by the same run (PREOPTGEOM).
    :param needs_optimisation: the program found forces at the undeformed geometry and says to optimise first:
        constants of this run are not to be trusted.
    :param lower_than_reference: a deformed cell was lower in energy than the undeformed one.
    :param negative_eigenvalues: the Christoffel equation had no real velocity for some direction (an unstable crystal).
    :param stability: Born's criteria as printed, condition to YES/NO; empty where not printed (before CRYSTAL17).
    :param complete: the end of the final results was seen.
    """

    dimensionality: int | None = None
    unit: ElasticUnit | None = None
    crystal_system: str | None = None
    constants: Array | None = None
    compliance_per_tpa: Array | None = None
    moduli: ElasticModuli | None = None
    bulk_modulus_gpa: float | None = None
    pressure_gpa: float | None = None
    volume_angstrom3: float | None = None
    density_g_per_cm3: float | None = None
    strain_step: float | None = None
    n_points: int | None = None
    fit_order: str | None = None
    preoptimised: bool = False
    needs_optimisation: bool = False
    lower_than_reference: bool = False
    negative_eigenvalues: bool = False
    stability: dict[str, bool] = field(default_factory=dict)
    velocities: list[SeismicVelocity] = field(default_factory=list)
    strains: list[ElasticStrain] = field(default_factory=list)
    fits: list[ElasticFit] = field(default_factory=list)
    line: int = 0
    complete: bool = False

    @property
    def constants_gpa(self) -> Array | None:
        """Shape (6, 6), of a three-dimensional crystal; else None."""
        return self.constants if self.unit == 'GPa' else None

    @property
    def constants_hartree(self) -> Array | None:
        """Shape (3, 3) or (1, 1), hartree per primitive cell, of a slab or polymer; else None."""
        return self.constants if self.unit == 'hartree' else None

    def newton_per_metre(self, area_angstrom2: float) -> Array | None:
        """Return the constants of a slab in N/m.

        :param area_angstrom2: of the primitive cell, Å^2.
        """
        constants = self.constants_hartree
        if constants is None or constants.shape != (3, 3):
            return None
        return constants * (HARTREE_JOULE / (area_angstrom2 * 1e-20))


@dataclass
class PrintedTensor:
    """A table of numbers as it stands in the output.

    :param title: the line above it.
    :param values: rows as printed.
    """

    title: str
    values: Array


@dataclass
class Piezoelectric:
    """The result of PIEZOCON (or ELAPIEZO): tables in the order printed. The elastic part of ELAPIEZO is an Elastic.

    No real output of this keyword has been seen: a table is taken when it has the form of the elastic ones (rows
    between bars) and a title that says ``PIEZOELECTRIC``; which quantity it holds follows from the unit in that title.
    """

    tables: list[PrintedTensor] = field(default_factory=list)
    line: int = 0
    complete: bool = False

    @property
    def direct_c_per_m2(self) -> Array | None:
        """Direct tensor e, shape (3, 6): cartesian direction by Voigt strain, C/m^2."""
        return self._last('C/M')

    @property
    def converse_pm_per_v(self) -> Array | None:
        """Converse tensor d, shape (3, 6), pm/V."""
        return self._last('PM/V')

    def _last(self, unit: str) -> Array | None:
        """Return the last full tensor whose title names ``unit``."""
        found = [table.values for table in self.tables if unit in table.title.upper() and table.values.shape == (3, 6)]
        return found[-1] if found else None


@dataclass
class Photoelastic:
    """The result of PHOTOELA: tables in the order printed. As for :class:`Piezoelectric` no real output was seen."""

    tables: list[PrintedTensor] = field(default_factory=list)
    line: int = 0
    complete: bool = False

    @property
    def constants(self) -> Array | None:
        """Pockels' tensor p, shape (6, 6), without unit: dielectric by strain index; not symmetric in general."""
        found = [table.values for table in self.tables if table.values.shape == (6, 6)]
        return found[-1] if found else None
