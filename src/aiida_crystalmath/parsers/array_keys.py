"""What every array of the output nodes means, its shape and unit; the reference page is made of it, a test holds it.

``N`` stands for a number from 0. Atoms, axes and cells are those that the attribute ``frame`` of the node names.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ('ARRAYS', 'ArrayKey')


class ArrayKey(NamedTuple):
    """Shape, unit (empty for numbers and flags) and meaning of an array."""

    shape: str
    unit: str
    meaning: str


CELL = {
    'cell_angstrom': ArrayKey('(3, 3)', 'Å', 'Cell that the arrays belong to, vectors as rows; the attribute `pbc`.'),
    'positions_angstrom': ArrayKey('(atoms, 3)', 'Å', 'Its atoms, Cartesian.'),
    'numbers': ArrayKey('(atoms,)', '', 'Their atomic numbers.'),
}

TABLE = {
    'temperatures_k': ArrayKey('(n,)', 'K', 'Temperatures of the table.'),
    'volumes_angstrom3': ArrayKey('(n,)', 'Å³', 'Volume of the primitive cell.'),
    'bulk_modulus_gpa': ArrayKey('(n,)', 'GPa', 'Isothermal bulk modulus.'),
    'adiabatic_bulk_modulus_gpa': ArrayKey('(n,)', 'GPa', 'Adiabatic bulk modulus.'),
    'expansion_per_k': ArrayKey('(n,)', '1/K', 'Volumetric thermal expansion.'),
    'grueneisen': ArrayKey('(n,)', '', 'Grüneisen parameter.'),
    'cp_minus_cv_j_per_mol_k': ArrayKey('(n,)', 'J/(mol K)', 'Difference of the heat capacities.'),
    'sp_minus_sv_j_per_mol_k': ArrayKey('(n,)', 'J/(mol K)', 'Difference of the entropies.'),
    'lattice_angstrom': ArrayKey('(n, 3)', 'Å', 'a, b, c of the conventional cell.'),
    'lattice_expansion_per_k': ArrayKey('(n, 3)', '1/K', 'Their linear expansion.'),
}

HARTREE = 'hartree per primitive cell'

ARRAYS: dict[str, dict[str, ArrayKey]] = {
    'output_trajectory': {
        'steps': ArrayKey('(points,)', '', 'Numbers of the points as CRYSTAL counts them.'),
        'positions': ArrayKey('(points, atoms, 3)', 'Å', 'Cartesian positions.'),
        'cells': ArrayKey('(points, 3, 3)', 'Å', 'Cells, vectors as rows.'),
        'energies_hartree': ArrayKey(
            '(points,)', HARTREE, 'Energies with all corrections, as printed: under pressure with its work where it is.'
        ),
        'enthalpies_hartree': ArrayKey('(points,)', HARTREE, 'Under pressure: energies with the work of the stress.'),
        'max_gradients_hartree_per_bohr': ArrayKey('(points,)', 'hartree/bohr', 'Largest component of the gradient.'),
        'rms_gradients_hartree_per_bohr': ArrayKey('(points,)', 'hartree/bohr', 'Root mean square of the gradient.'),
        'max_displacements_bohr': ArrayKey(
            '(points,)', 'bohr', 'Largest component of the displacement that is printed with the point.'
        ),
        'rms_displacements_bohr': ArrayKey('(points,)', 'bohr', 'Its root mean square.'),
        'trust_radii_bohr': ArrayKey('(points,)', 'bohr', 'Trust radius.'),
        'criteria': ArrayKey(
            '(points, 4)',
            '',
            'Whether largest and rms gradient, largest and rms displacement satisfied the criteria: 1, 0, or -1 if not '
            'printed.',
        ),
        'rejected': ArrayKey('(points,)', '', 'Whether the step to the point was rejected.'),
        'forces_hartree_per_bohr': ArrayKey(
            '(points, atoms, 3)', 'hartree/bohr', 'Forces; of the first point only, unless ONELOG is set.'
        ),
    },
    'output_forces': {
        'forces_hartree_per_bohr': ArrayKey('(atoms, 3)', 'hartree/bohr', 'Forces on the atoms.'),
        'stress_hartree_per_bohr3': ArrayKey('(3, 3)', 'hartree/bohr³', 'Stress tensor, its sign as printed.'),
    },
    'output_modes': {
        'frequencies_cm1': ArrayKey(
            '(modes,)', 'cm⁻¹', 'Frequencies in the order of the file, imaginary ones negative.'
        ),
        'eigenvalues_hartree2': ArrayKey('(modes,)', 'hartree²', 'Eigenvalues of the weighted Hessian.'),
        'degeneracies': ArrayKey('(modes,)', '', 'Modes of the degenerate set that a mode belongs to.'),
        'ir_active': ArrayKey('(modes,)', '', 'Whether active in the infrared.'),
        'raman_active': ArrayKey('(modes,)', '', 'Whether active in Raman spectra.'),
        'ir_intensities_km_per_mol': ArrayKey(
            '(modes,)',
            'km/mol',
            'As printed: of the whole degenerate set. Divide by `degeneracies` before adding up modes.',
        ),
        'raman_intensities': ArrayKey(
            '(modes,)', 'arbitrary, the largest is 1000', 'Of a powder, total; of the whole set. NaN: not printed.'
        ),
        'raman_intensities_parallel': ArrayKey('(modes,)', 'the same', 'Parallel polarisation.'),
        'raman_intensities_perpendicular': ArrayKey('(modes,)', 'the same', 'Perpendicular polarisation.'),
        'eigenvectors': ArrayKey(
            '(modes, atoms, 3)',
            'bohr',
            'Displacements of the atoms in every mode, normalised to the classical amplitudes of the zero-point '
            'vibration, as CRYSTAL prints them: multiply by the square roots of the masses to have orthogonal vectors.',
        ),
        'masses_amu': ArrayKey('(atoms,)', 'amu', 'Masses of the isotopes.'),
        **CELL,
    },
    'output_born_charges': {
        'born_charges_e': ArrayKey('(atoms, 3, 3)', 'e', 'Born charge tensors, rows and columns as printed.')
    },
    'output_dielectric': {
        'electronic': ArrayKey('(3, 3)', '', 'High-frequency tensor that was used.'),
        'vibrational': ArrayKey('(3, 3)', '', 'Contribution of the modes.'),
        'static': ArrayKey('(3, 3)', '', 'Their sum.'),
        'oscillator_strengths': ArrayKey(
            '(n, 3, 3)', '', 'Contribution of each mode that has one; the attribute `oscillator_modes` has its number.'
        ),
    },
    'output_thermodynamics': {
        'temperatures_k': ArrayKey('(states,)', 'K', 'Temperature of each state.'),
        'pressures_mpa': ArrayKey('(states,)', 'MPa', 'Its pressure.'),
        'electronic_hartree': ArrayKey('(states,)', HARTREE, 'EL, the electronic energy.'),
        'zero_point_hartree': ArrayKey('(states,)', HARTREE, 'E0.'),
        'thermal_hartree': ArrayKey('(states,)', HARTREE, 'ET.'),
        'pv_hartree': ArrayKey('(states,)', HARTREE, 'PV.'),
        'ts_hartree': ArrayKey('(states,)', HARTREE, 'TS.'),
        'gibbs_vibrational_hartree': ArrayKey('(states,)', HARTREE, 'ET + PV - TS.'),
        'gibbs_hartree': ArrayKey('(states,)', HARTREE, 'EL + E0 + ET + PV - TS.'),
        'entropy_mhartree_per_k': ArrayKey('(states,)', 'mhartree/K per primitive cell', 'Entropy.'),
        'heat_capacity_mhartree_per_k': ArrayKey(
            '(states,)', 'mhartree/K per primitive cell', 'Heat capacity at constant volume.'
        ),
    },
    'output_hessian': {
        'hessian_hartree_per_bohr2': ArrayKey(
            '(atoms, 3, atoms, 3)',
            'hartree/bohr²',
            'Second derivatives of the energy as in HESSFREQ.DAT, not weighted and, being numerical, not quite '
            'symmetric.',
        ),
        **CELL,
    },
    'output_quasi_harmonic': {
        'volumes_angstrom3': ArrayKey('(volumes,)', 'Å³', 'Volumes of the primitive cell that were computed.'),
        'energies_hartree': ArrayKey('(volumes,)', HARTREE, 'Their static energies.'),
        'frequencies_cm1': ArrayKey('(modes, volumes)', 'cm⁻¹', 'Frequencies, the modes followed over the volumes.'),
        **{
            f'{name}_N_{column}': ArrayKey(key.shape, key.unit, f'{key.meaning[:-1]}; {of}')
            for name, of in (
                ('grueneisen', 'from Grüneisen parameters.'),
                ('helmholtz', 'from the Helmholtz free energy.'),
                ('pressure', 'likewise, at the N-th of the attribute `pressures_gpa`.'),
            )
            for column, key in TABLE.items()
        },
        'pvt_temperatures_k': ArrayKey('(n,)', 'K', 'Temperatures of the relation of pressure, volume, temperature.'),
        'pvt_volumes_angstrom3': ArrayKey('(n,)', 'Å³', 'Its volumes.'),
        'pvt_pressures_gpa': ArrayKey('(n,)', 'GPa', 'Its pressures.'),
        'pvt_helmholtz_hartree': ArrayKey('(n,)', HARTREE, 'Helmholtz free energy.'),
        'pvt_gibbs_hartree': ArrayKey('(n,)', HARTREE, 'Gibbs free energy.'),
    },
    'output_elastic': {
        'constants_gpa': ArrayKey(
            '(6, 6)', 'GPa', 'Elastic constants of a crystal: xx, yy, zz, yz, xz, xy. NaN: overprinted with asterisks.'
        ),
        'constants_hartree': ArrayKey(
            '(3, 3) or (1, 1)', HARTREE, 'Of a slab (xx, yy, xy) or polymer (xx): second derivatives by strain.'
        ),
        'constants_newton_per_metre': ArrayKey('(3, 3)', 'N/m', 'Of a slab, divided by its area.'),
        'compliance_per_tpa': ArrayKey('(6, 6)', '1/TPa', 'Compliances, shear strains counted twice.'),
    },
    'output_piezoelectric': {
        'direct_c_per_m2': ArrayKey('(3, 6)', 'C/m²', 'Direct tensor e, direction by strain.'),
        'converse_pm_per_v': ArrayKey('(3, 6)', 'pm/V', 'Converse tensor d.'),
    },
    'output_photoelastic': {'constants': ArrayKey('(6, 6)', '', "Pockels' constants p, dielectric tensor by strain.")},
    'output_eos': {
        'volumes_angstrom3': ArrayKey('(points,)', 'Å³', 'Volumes of the primitive cell.'),
        'energies_hartree': ArrayKey('(points,)', HARTREE, 'Their energies.'),
        'curve_N_volumes_angstrom3': ArrayKey('(n,)', 'Å³', 'Volumes along the N-th fit of the attribute `curves`.'),
        'curve_N_pressures_gpa': ArrayKey('(n,)', 'GPa', 'Pressures along it.'),
        'curve_N_energies_hartree': ArrayKey('(n,)', HARTREE, 'Energies along it.'),
        'curve_N_gibbs_hartree': ArrayKey('(n,)', HARTREE, 'E + PV along it.'),
        'curve_N_bulk_moduli_gpa': ArrayKey('(n,)', 'GPa', 'Bulk moduli along it.'),
    },
    'output_polarisability': {
        'frequencies_ev': ArrayKey('(n,)', 'eV', 'Frequencies of the field, 0 if static.'),
        'alpha_bohr3': ArrayKey('(n, 3, 3)', 'bohr³ per primitive cell', 'Polarisability.'),
        'alpha_imaginary_bohr3': ArrayKey('(n, 3, 3)', 'bohr³ per primitive cell', 'Imaginary part, unless zero.'),
        'epsilon': ArrayKey('(n, 3, 3)', '', 'Electronic dielectric tensor of a crystal.'),
        'epsilon_imaginary': ArrayKey('(n, 3, 3)', '', 'Imaginary part, unless zero.'),
    },
    'output_maps': {
        'map_N': ArrayKey(
            '(points, points)', 'attribute `units`', 'Field on a plane; the attribute `quantities` says which.'
        ),
        'map_N_origin_angstrom': ArrayKey('(3,)', 'Å', 'Its point (0, 0).'),
        'map_N_step_x_angstrom': ArrayKey('(3,)', 'Å', 'Step of the first index.'),
        'map_N_step_y_angstrom': ArrayKey('(3,)', 'Å', 'Step of the second index.'),
        **CELL,
    },
    'output_transport': {
        'temperatures_k': ArrayKey('(T,)', 'K', 'Temperatures.'),
        'chemical_potentials_ev': ArrayKey('(mu,)', 'eV', "Chemical potentials on CRYSTAL's scale."),
        'carriers_per_cell': ArrayKey('(spins, T, mu)', '', 'Carriers per cell, positive for holes.'),
        'conductivity_per_ohm_m': ArrayKey(
            '(spins, T, mu, d, d)', '1/(Ω m)', 'Electrical conductivity, d directions that repeat.'
        ),
        'conductivity_times_seebeck_a_per_m_k': ArrayKey(
            '(spins, T, mu, d, d)',
            'A/(m K)',
            "Its product with the Seebeck coefficient, the sign as in CRYSTAL's file.",
        ),
        'seebeck_v_per_k': ArrayKey('(spins, T, mu, d, d)', 'V/K', 'Seebeck coefficient.'),
        'thermal_conductivity_w_per_m_k': ArrayKey(
            '(spins, T, mu, d, d)', 'W/(m K)', 'Electronic thermal conductivity.'
        ),
        'tdf': ArrayKey('(spins, energies, d, d)', 'attribute `tdf_unit`', 'Transport distribution function.'),
        'tdf_energies_ev': ArrayKey('(energies,)', 'eV', 'Its energies.'),
    },
    'output_potential': {
        'distances_angstrom': ArrayKey('(n,)', 'Å', 'Distance along the line.'),
        'potential': ArrayKey('(n,)', 'atomic units', 'Electrostatic potential.'),
        'field': ArrayKey('(n,)', 'atomic units', 'Electric field, if written.'),
        'density': ArrayKey('(n,)', 'atomic units', 'Charge density, if written.'),
    },
    'output_xrd': {
        'peaks': ArrayKey(
            '(n, 8)',
            'degrees, Å, arbitrary',
            'h, k, l, 2θ, distance, intensity, with Lorentz-polarisation, with Lorentz-polarisation and Debye-Waller '
            'factor.',
        ),
        'spectrum': ArrayKey('(n, 4)', 'degrees, arbitrary', '2θ and the three intensities.'),
    },
}
"""By port and name."""
