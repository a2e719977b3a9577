"""Thermodynamic functions of harmonic vibrations, and the quasi-harmonic approximation."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiida_crystalmath.crystal.outputs.models.arrays import Array


@dataclass
class Thermodynamics:
    """Thermodynamic functions at one temperature and pressure, in hartree per cell (as printed, AU/CELL).

    In a dispersion all are sums over the q points, divided by their number where CRYSTAL does so: CRYSTAL 09 gives the
    functions of the whole supercell, CRYSTAL 17 and later of the reference cell. A value printed as NaN is None.

    :param pressure_mpa: as printed, MPa.
    :param electronic_hartree: EL.
    :param zero_point_hartree: E0.
    :param thermal_hartree: ET, thermal contribution to the vibrational energy.
    :param pv_hartree: PV.
    :param ts_hartree: TS.
    :param gibbs_vibrational_hartree: ET+PV-TS.
    :param gibbs_hartree: EL+E0+ET+PV-TS.
    :param entropy_mhartree_per_k: mHARTREE/(CELL*K).
    :param heat_capacity_mhartree_per_k: at constant volume, mHARTREE/(CELL*K).
    :param printed: all functions as printed, by their label (``'ET+PV-TS'``), in the three units of the table: energies
        AU/CELL, EV/CELL, KJ/MOL; ``ENTROPY`` and ``HEAT CAPACITY`` mHARTREE/(CELL*K), mEV/(CELL*K), J/(MOL*K).
    """

    temperature_k: float
    pressure_mpa: float | None
    electronic_hartree: float | None = None
    zero_point_hartree: float | None = None
    thermal_hartree: float | None = None
    pv_hartree: float | None = None
    ts_hartree: float | None = None
    gibbs_vibrational_hartree: float | None = None
    gibbs_hartree: float | None = None
    entropy_mhartree_per_k: float | None = None
    heat_capacity_mhartree_per_k: float | None = None
    printed: dict[str, tuple[float | None, float | None, float | None]] = field(default_factory=dict)
    complete: bool = False


@dataclass
class ThermalTable:
    """A table of the quasi-harmonic approximation against temperature; absent columns are None.

    :param pressure_gpa: of ``... AT P =`` tables; None for the table without a pressure.
    :param polynomial_order: of the fit, ``ORDER OF POLYNOMIALS``; None if not printed.
    :param temperatures_k: shape (n,), as every other array.
    :param lattice_angstrom: a, b, c of the conventional cell, shape (n, 3).
    :param lattice_expansion_per_k: their linear expansion coefficients, shape (n, 3).
    """

    temperatures_k: Array
    pressure_gpa: float | None = None
    polynomial_order: int | None = None
    volumes_angstrom3: Array | None = None
    bulk_modulus_gpa: Array | None = None
    """Isothermal."""
    adiabatic_bulk_modulus_gpa: Array | None = None
    expansion_per_k: Array | None = None
    """Volumetric."""
    grueneisen: Array | None = None
    cp_minus_cv_j_per_mol_k: Array | None = None
    sp_minus_sv_j_per_mol_k: Array | None = None
    internal_energy_hartree: Array | None = None
    """U per cell, as the columns below: CRYSTAL17 prints them at pressures, CRYSTAL14 does not."""
    enthalpy_hartree: Array | None = None
    helmholtz_hartree: Array | None = None
    lattice_angstrom: Array | None = None
    lattice_expansion_per_k: Array | None = None
    complete: bool = False


@dataclass
class PvtTable:
    """``PRESSURE-VOLUME-TEMPERATURE RELATION``: one row per temperature and volume; F and G in hartree per cell."""

    temperatures_k: Array
    volumes_angstrom3: Array
    pressures_gpa: Array
    helmholtz_hartree: Array
    gibbs_hartree: Array
    complete: bool = False


@dataclass
class QuasiHarmonic:
    """The quasi-harmonic approximation (QHA), as CRYSTAL14 and 17 print it; of CRYSTAL23 no file was seen.

    :param volumes_angstrom3: volumes computed, ascending, shape (n_volumes,).
    :param energies_hartree: their static energies, from the equation of state of the same output.
    :param frequencies_cm1: per mode and volume (continuity established), shape (n_modes, n_volumes).
    :param irreps: number of the irrep per mode, as printed.
    :param grueneisen_fits: thermal properties from Grueneisen parameters, a table for each order of the fit printed.
    :param helmholtz_fits: thermal properties from the Helmholtz free energy, at zero pressure, likewise; the last one
        has the lattice parameters.
    :param at_pressure: the same at each pressure.
    :param complete: every table that was begun was printed to its end, and so was the output.
    """

    volumes_angstrom3: Array | None = None
    energies_hartree: Array | None = None
    frequencies_cm1: Array | None = None
    irreps: tuple[int, ...] = ()
    grueneisen_fits: list[ThermalTable] = field(default_factory=list)
    helmholtz_fits: list[ThermalTable] = field(default_factory=list)
    at_pressure: list[ThermalTable] = field(default_factory=list)
    pvt: PvtTable | None = None
    zero_point_included: bool | None = None
    complete: bool = False

    @property
    def grueneisen(self) -> ThermalTable | None:
        """The last table of :attr:`grueneisen_fits`."""
        return self.grueneisen_fits[-1] if self.grueneisen_fits else None

    @property
    def helmholtz(self) -> ThermalTable | None:
        """The last table of :attr:`helmholtz_fits`."""
        return self.helmholtz_fits[-1] if self.helmholtz_fits else None
