"""What the keys of ``output_parameters`` mean that tell of vibrations, strain and fields."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ('FURTHER_KEYS', 'OutputKey')


class OutputKey(NamedTuple):
    """Unit (empty for text, flags and counts) and meaning of a key."""

    unit: str
    meaning: str


COMPLETE = OutputKey('', 'Whether the result was printed to its end; nothing else is told of one that was not.')

CELL = 'hartree per primitive cell'

FURTHER_KEYS: dict[str, OutputKey] = {
    'frequencies.complete': COMPLETE,
    'frequencies.n_modes': OutputKey('', 'Modes at Gamma.'),
    'frequencies.n_imaginary': OutputKey('', 'Modes printed with a negative frequency, translations included.'),
    'frequencies.is_dispersion': OutputKey('', 'Whether other q points than Gamma were computed.'),
    'frequencies.n_qpoints': OutputKey('', 'Number of q points of a dispersion.'),
    'frequencies.zero_point_energy_hartree': OutputKey(CELL, 'Zero-point energy.'),
    'frequencies.frequencies_cm1': OutputKey(
        'cm⁻¹', 'Of every mode at Gamma (up to 1000), degenerate ones repeated, imaginary ones negative.'
    ),
    'frequencies.irreps': OutputKey('', 'Irreducible representation of every mode.'),
    'frequencies.ir_active': OutputKey('', 'Whether every mode is active in the infrared.'),
    'frequencies.ir_intensities_km_per_mol': OutputKey(
        'km/mol', 'As printed: of the whole degenerate set that a mode belongs to.'
    ),
    'frequencies.raman_active': OutputKey('', 'Whether every mode is active in Raman spectra.'),
    'frequencies.raman_intensities': OutputKey(
        'arbitrary, the largest is 1000', 'Of a powder, total, as printed: of the whole degenerate set.'
    ),
    'frequencies.intensity_method': OutputKey('', '`berry_phase`, `wannier` or `cphf`.'),
    'frequencies.lo_modes': OutputKey(
        'cm⁻¹',
        'Longitudinal optical modes: `first` and `last` mode of the set (from 1), `frequency_cm1`, `shift_cm1` from '
        'the transverse ones, `irrep`, `ir_intensity_km_per_mol`, `direction` of the field in the axes of the input.',
    ),
    'thermodynamics.temperatures_k': OutputKey('K', 'Temperature of each state (up to 200).'),
    'thermodynamics.pressures_mpa': OutputKey('MPa', 'Its pressure.'),
    'thermodynamics.zero_point_hartree': OutputKey(CELL, 'E0.'),
    'thermodynamics.thermal_hartree': OutputKey(CELL, 'ET, thermal part of the vibrational energy.'),
    'thermodynamics.pv_hartree': OutputKey(CELL, 'PV.'),
    'thermodynamics.ts_hartree': OutputKey(CELL, 'TS.'),
    'thermodynamics.gibbs_vibrational_hartree': OutputKey(CELL, 'ET + PV - TS.'),
    'thermodynamics.gibbs_hartree': OutputKey(CELL, 'EL + E0 + ET + PV - TS, the Gibbs free energy.'),
    'thermodynamics.entropy_mhartree_per_k': OutputKey('mhartree/K per primitive cell', 'Entropy.'),
    'thermodynamics.heat_capacity_mhartree_per_k': OutputKey(
        'mhartree/K per primitive cell', 'Heat capacity at constant volume.'
    ),
    'dielectric.complete': COMPLETE,
    'dielectric.electronic': OutputKey('', 'High-frequency dielectric tensor, in the axes of the input.'),
    'dielectric.vibrational': OutputKey('', 'Sum of the contributions of the modes.'),
    'dielectric.static': OutputKey('', 'Their sum.'),
    'quasi_harmonic.complete': COMPLETE,
    'quasi_harmonic.n_volumes': OutputKey('', 'Volumes computed.'),
    'quasi_harmonic.pressures_gpa': OutputKey('GPa', 'Pressures of the tables.'),
    'quasi_harmonic.zero_point_included': OutputKey('', 'Whether the zero-point energy is in the free energies.'),
    'elastic.complete': COMPLETE,
    'elastic.crystal_system': OutputKey('', 'As printed.'),
    'elastic.needs_optimisation': OutputKey(
        '', 'The program found forces in the undeformed cell: the constants are not to be trusted.'
    ),
    'elastic.lower_than_reference': OutputKey(
        '', 'A strained cell had a lower energy than the undeformed one: likewise.'
    ),
    'elastic.pressure_gpa': OutputKey('GPa', 'External pressure that the constants are corrected for.'),
    'elastic.density_g_per_cm3': OutputKey('g/cm³', 'Density.'),
    'elastic.bulk_modulus_gpa': OutputKey('GPa', 'As printed at the end (`K =`).'),
    'elastic.bulk_voigt_gpa': OutputKey('GPa', "Bulk modulus of a polycrystal, Voigt's average."),
    'elastic.bulk_reuss_gpa': OutputKey('GPa', "Reuss's average."),
    'elastic.bulk_hill_gpa': OutputKey('GPa', "Hill's average."),
    'elastic.shear_voigt_gpa': OutputKey('GPa', "Shear modulus, Voigt's average."),
    'elastic.shear_reuss_gpa': OutputKey('GPa', "Reuss's average."),
    'elastic.shear_hill_gpa': OutputKey('GPa', "Hill's average."),
    'elastic.young_hill_gpa': OutputKey('GPa', "Young's modulus, Hill's average."),
    'elastic.poisson_hill': OutputKey('', "Poisson's ratio, Hill's average."),
    'elastic.violated_stability_conditions': OutputKey('', "Born's criteria that do not hold, as printed."),
    'equation_of_state.complete': COMPLETE,
    'equation_of_state.n_points': OutputKey('', 'Volumes whose energy was computed.'),
    'equation_of_state.fits': OutputKey(
        'of the primitive cell',
        'Every fit: `name`, `volume_angstrom3`, `energy_hartree`, `bulk_modulus_gpa`, `bulk_modulus_prime`, and '
        '`selection` of points.',
    ),
    'polarisability.complete': COMPLETE,
    'polarisability.method': OutputKey('', '`CPHF` or `CPKS`.'),
    'polarisability.alpha_bohr3': OutputKey(
        'bohr³ per primitive cell', 'Static polarisability, 3 x 3, in the axes of the input.'
    ),
    'polarisability.epsilon': OutputKey('', 'Static electronic dielectric tensor, likewise.'),
    'polarisability.beta': OutputKey(
        'atomic units per primitive cell',
        "First hyperpolarisability: `component` and `value` of the independent ones, in CRYSTAL's axes.",
    ),
    'polarisability.gamma': OutputKey('atomic units per primitive cell', 'Second hyperpolarisability, likewise.'),
    'piezoelectric.complete': COMPLETE,
    'photoelastic.complete': COMPLETE,
}
