"""``output_parameters`` of what a ``crystal`` run does beside the energy: vibrations, strain and field.

The large arrays stand in nodes of their own; here is what fits a table. Nothing but ``complete`` is told of a result
whose end is missing.
"""

from __future__ import annotations

from typing import Any

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.outputs.models import (
    CrystalOutput,
    Dielectric,
    Elastic,
    EquationOfState,
    Frequencies,
    LoMode,
    Polarisability,
    QuasiHarmonic,
)
from aiida_crystalmath.parsers.base import drop_none
from aiida_crystalmath.parsers.optimisations import spans_volumes
from aiida_crystalmath.parsers.vibrations import FUNCTIONS

__all__ = ('frequencies_of', 'further_parameters')

MAX_MODES = 1000
"""Of a larger system the modes are in their node only."""

MAX_STATES = 200
"""Of more temperatures and pressures likewise."""

UNFINISHED = {'complete': False}


def further_parameters(output: CrystalOutput, cells: CellMap) -> dict[str, Any]:
    """Return what is known of each kind of result, None where the run has none."""
    found = frequencies_of(output)
    return {
        'frequencies': _frequencies(found, cells),
        'thermodynamics': _thermodynamics(found),
        'dielectric': _dielectric(found, cells),
        'quasi_harmonic': _quasi_harmonic(output.quasi_harmonic),
        'elastic': _elastic(output.elastic),
        'equation_of_state': _equation_of_state(output.equation_of_state),
        'polarisability': _polarisability(output.polarisability, cells),
        'piezoelectric': None if output.piezoelectric is None else {'complete': output.piezoelectric.complete},
        'photoelastic': None if output.photoelastic is None else {'complete': output.photoelastic.complete},
    }


def frequencies_of(output: CrystalOutput) -> Frequencies | None:
    """Return the vibrations of a run; those of single volumes of a quasi-harmonic run are in its tables."""
    return None if spans_volumes(output) else output.frequencies


def _frequencies(found: Frequencies | None, cells: CellMap) -> dict[str, Any] | None:
    if found is None:
        return None
    if not found.complete:
        return UNFINISHED
    zero_point = next((state.zero_point_hartree for state in found.thermodynamics if state.complete), None)
    modes = found.modes
    few = modes if len(modes) <= MAX_MODES else []
    raman = few if found.raman_complete is not False else []
    return drop_none(
        {
            'complete': True,
            'n_modes': len(modes),
            'n_imaginary': found.n_imaginary,
            'is_dispersion': found.is_dispersion,
            'n_qpoints': len(found.qpoints) or None,
            'zero_point_energy_hartree': zero_point,
            'frequencies_cm1': _listed(few, 'frequency_cm1'),
            'irreps': _listed(few, 'irrep'),
            'ir_active': _listed(few, 'ir_active'),
            'ir_intensities_km_per_mol': _listed(few, 'ir_intensity_km_per_mol'),
            'raman_active': _listed(few, 'raman_active'),
            'raman_intensities': _listed(raman, 'raman_total'),
            'intensity_method': found.intensity_method,
            'lo_modes': [_lo_mode(mode, cells) for mode in found.lo_to.modes]
            if found.lo_to is not None and found.lo_to.complete
            else None,
        }
    )


def _listed(items: list[Any], name: str) -> list[Any] | None:
    """Return one field of all items; None if no item has it."""
    values = [getattr(item, name) for item in items]
    return values if any(value is not None for value in values) else None


def _lo_mode(mode: LoMode, cells: CellMap) -> dict[str, Any]:
    """Return a longitudinal mode, its direction in the user's axes."""
    direction = None if mode.direction is None else cells.tensors(mode.direction, 1).tolist()
    return drop_none(
        {
            'first': mode.first,
            'last': mode.last,
            'frequency_cm1': mode.frequency_cm1,
            'shift_cm1': mode.shift_cm1,
            'irrep': mode.irrep,
            'ir_intensity_km_per_mol': mode.ir_intensity_km_per_mol,
            'direction': direction,
        }
    )


def _thermodynamics(found: Frequencies | None) -> dict[str, Any] | None:
    states = [state for state in found.thermodynamics if state.complete] if found is not None else []
    if found is None or not found.complete or not states:
        return None
    states = states[:MAX_STATES]
    return drop_none(
        {
            'temperatures_k': [state.temperature_k for state in states],
            'pressures_mpa': [state.pressure_mpa for state in states],
            **{name: _listed(states, name) for name in FUNCTIONS},
        }
    )


def _dielectric(frequencies: Frequencies | None, cells: CellMap) -> dict[str, Any] | None:
    found: Dielectric | None = None if frequencies is None else frequencies.dielectric
    if found is None:
        return None
    if not found.complete:
        return UNFINISHED
    tensors = {'electronic': found.electronic, 'vibrational': found.vibrational, 'static': found.static}
    told = {name: None if tensor is None else cells.tensors(tensor).tolist() for name, tensor in tensors.items()}
    return drop_none({'complete': True, **told})


def _quasi_harmonic(found: QuasiHarmonic | None) -> dict[str, Any] | None:
    if found is None:
        return None
    if not found.complete:
        return UNFINISHED
    return drop_none(
        {
            'complete': True,
            'n_volumes': None if found.volumes_angstrom3 is None else len(found.volumes_angstrom3),
            'pressures_gpa': [table.pressure_gpa for table in found.at_pressure] or None,
            'zero_point_included': found.zero_point_included,
        }
    )


def _elastic(found: Elastic | None) -> dict[str, Any] | None:
    if found is None:
        return None
    if not found.complete:
        return UNFINISHED
    moduli = found.moduli
    return drop_none(
        {
            'complete': True,
            'crystal_system': found.crystal_system,
            'needs_optimisation': found.needs_optimisation,
            'lower_than_reference': found.lower_than_reference,
            'pressure_gpa': found.pressure_gpa,
            'density_g_per_cm3': found.density_g_per_cm3 if found.dimensionality == 3 else None,
            'bulk_modulus_gpa': found.bulk_modulus_gpa,
            'bulk_voigt_gpa': moduli.bulk_voigt_gpa if moduli else None,
            'bulk_reuss_gpa': moduli.bulk_reuss_gpa if moduli else None,
            'bulk_hill_gpa': moduli.bulk_hill_gpa if moduli else None,
            'shear_voigt_gpa': moduli.shear_voigt_gpa if moduli else None,
            'shear_reuss_gpa': moduli.shear_reuss_gpa if moduli else None,
            'shear_hill_gpa': moduli.shear_hill_gpa if moduli else None,
            'young_hill_gpa': moduli.young_hill_gpa if moduli else None,
            'poisson_hill': moduli.poisson_hill if moduli else None,
            'violated_stability_conditions': [name for name, holds in found.stability.items() if not holds]
            if found.stability
            else None,
        }
    )


def _equation_of_state(found: EquationOfState | None) -> dict[str, Any] | None:
    if found is None:
        return None
    if not found.complete:
        return UNFINISHED
    fits = [
        drop_none(
            {
                'name': fit.name,
                'selection': fit.selection or None,
                'volume_angstrom3': fit.volume_angstrom3,
                'energy_hartree': fit.energy_hartree,
                'bulk_modulus_gpa': fit.bulk_modulus_gpa,
                'bulk_modulus_prime': fit.bulk_modulus_prime,
            }
        )
        for fit in found.fits
    ]
    return {'complete': True, 'n_points': len(found.points), 'fits': fits}


def _polarisability(found: Polarisability | None, cells: CellMap) -> dict[str, Any] | None:
    if found is None:
        return None
    if not found.complete:
        return UNFINISHED
    tensors = {'alpha_bohr3': found.alpha_bohr3, 'epsilon': found.epsilon}
    told = {name: None if tensor is None else cells.tensors(tensor).tolist() for name, tensor in tensors.items()}
    hyper = {'beta': found.beta, 'gamma': found.gamma}
    components = {
        name: [{'component': key, 'value': item.value} for key, item in values.items()] or None
        for name, values in hyper.items()
    }
    return drop_none({'complete': True, 'method': found.method, **told, **components})
