"""The results of further keywords in the summary: vibrations, elasticity, response, properties."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_crystalmath.crystal.outputs.models import CrystalOutput
from aiida_crystalmath.crystal.outputs.models.elastic import Elastic
from aiida_crystalmath.crystal.outputs.models.equation_of_state import EquationOfState
from aiida_crystalmath.crystal.outputs.models.frequencies import Frequencies
from aiida_crystalmath.crystal.summary.documented import plain
from aiida_crystalmath.crystal.summary.model import Summary

MODE_KEYS = ('frequency_cm1', 'irrep', 'ir_active', 'ir_intensity_km_per_mol', 'raman_active', 'raman_total')
LO_KEYS = ('first', 'last', 'frequency_cm1', 'irrep', 'shift_cm1')
THERMODYNAMIC_KEYS = (
    'temperature_k',
    'pressure_mpa',
    'electronic_hartree',
    'zero_point_hartree',
    'thermal_hartree',
    'pv_hartree',
    'ts_hartree',
    'gibbs_vibrational_hartree',
    'gibbs_hartree',
    'entropy_mhartree_per_k',
    'heat_capacity_mhartree_per_k',
)
FIT_KEYS = (
    'name',
    'volume_angstrom3',
    'energy_hartree',
    'bulk_modulus_gpa',
    'bulk_modulus_prime',
    'selection',
)


def add_results(summary: Summary, output: CrystalOutput) -> None:
    """Add what the sections of further keywords found."""
    if output.forces is not None and np.isfinite(output.forces).all() and output.forces.size:
        summary.max_force_hartree_per_bohr = float(np.abs(output.forces).max())
    if output.frequencies is not None:
        _add_frequencies(summary, output.frequencies)
    if output.elastic is not None:
        _add_elastic(summary, output.elastic)
    if output.equation_of_state is not None:
        _add_equation_of_state(summary, output.equation_of_state)
    if output.polarisability is not None:
        summary.polarisability_bohr3 = plain(output.polarisability.alpha_bohr3)
        if summary.dielectric_electronic is None:
            summary.dielectric_electronic = plain(output.polarisability.epsilon)
    _add_properties(summary, output)


def _pick(value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return some attributes of an object as a dict of plain values."""
    return {key: plain(getattr(value, key)) for key in keys}


def _add_frequencies(summary: Summary, frequencies: Frequencies) -> None:
    """Add modes, thermodynamics and what belongs to a field."""
    gamma = next((point for point in frequencies.qpoints if point.is_gamma), None)
    if frequencies.modes and (frequencies.complete or (gamma is not None and gamma.complete)):
        summary.frequencies_cm1 = list(frequencies.frequencies_cm1)
        summary.modes = [_pick(mode, MODE_KEYS) for mode in frequencies.modes]
        summary.n_imaginary = frequencies.n_imaginary
    if frequencies.lo_to is not None and frequencies.lo_to.modes:
        summary.lo_modes = [_pick(mode, LO_KEYS) for mode in frequencies.lo_to.modes]
    summary.n_qpoints = len(frequencies.qpoints) or None
    thermodynamics = [point for point in frequencies.thermodynamics if point.complete]
    if thermodynamics:
        summary.thermodynamics = [_pick(point, THERMODYNAMIC_KEYS) for point in thermodynamics]
    summary.born_charges_e = plain(frequencies.born_charges_e)
    if frequencies.dielectric is not None:
        summary.dielectric_electronic = plain(frequencies.dielectric.electronic)
        summary.dielectric_static = plain(frequencies.dielectric.static)


def _add_elastic(summary: Summary, elastic: Elastic) -> None:
    """Add constants and moduli."""
    summary.elastic_gpa = plain(elastic.constants_gpa)
    summary.elastic_hartree = plain(elastic.constants_hartree)
    summary.bulk_modulus_gpa = elastic.bulk_modulus_gpa
    if elastic.moduli is not None:
        summary.elastic_moduli = plain(vars(elastic.moduli))
        if summary.bulk_modulus_gpa is None:
            summary.bulk_modulus_gpa = elastic.moduli.bulk_hill_gpa


def _add_equation_of_state(summary: Summary, equation: EquationOfState) -> None:
    """Add the fits; the one after Birch and Murnaghan gives the bulk modulus."""
    if equation.fits:
        summary.equation_of_state = [_pick(fit, FIT_KEYS) for fit in equation.fits]
    fit = equation.fit('BIRCH')
    if fit is not None and summary.bulk_modulus_gpa is None:
        summary.bulk_modulus_gpa = fit.bulk_modulus_gpa


def _add_properties(summary: Summary, output: CrystalOutput) -> None:
    """Add what the properties program tells; its state counts when no crystal program is in the file."""
    properties = output.properties
    if properties is None:
        return
    summary.properties = list(properties.keywords)
    if output.program == 'crystal':
        if summary.fermi_hartree is None and not output.level_shifted and output.terminated:
            # The wavefunction that properties reads in the same job is that of the final geometry.
            summary.fermi_hartree = properties.fermi_energy_hartree
        return
    if summary.n_electrons is None:
        summary.n_electrons = properties.n_electrons
    if summary.n_ao is None:
        summary.n_ao = properties.n_ao
    if summary.fermi_hartree is None:
        summary.fermi_hartree = properties.fermi_energy_hartree
