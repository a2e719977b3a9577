"""What every key of ``output_parameters`` means, and its unit: the reference page is made of it, and a test holds it.

Inner keys are written with a dot: ``scf.n_cycles`` is ``output_parameters['scf']['n_cycles']``.
"""

from __future__ import annotations

from aiida_crystalmath.parsers.further_keys import FURTHER_KEYS, OutputKey

__all__ = ('BOTH_KEYS', 'CRYSTAL_KEYS', 'PROPERTIES_KEYS', 'OutputKey')

BOTH_KEYS: dict[str, OutputKey] = {
    'engine': OutputKey('', '`CRYSTAL`, or `STAND-IN` for the free stand-in engine.'),
    'version': OutputKey('', 'Version in the banner, for example `CRYSTAL23`.'),
    'release': OutputKey('', 'The line below it, for example `public : 1.0.1 - October 2022`.'),
    'program': OutputKey('', '`crystal` or `properties`.'),
    'status': OutputKey(
        '',
        'What became of the run, from its output alone: `finished`, `scf_unconverged`, `geometry_unconverged`, '
        '`failed` or `incomplete`.',
    ),
    'incomplete_results': OutputKey('', 'Results that were begun and whose end is missing.'),
    'terminated': OutputKey('', 'Whether the program reached its end. It is no sign of success: see the exit status.'),
    'wall_time_s': OutputKey('s', 'Wall time of the program.'),
    'cpu_time_s': OutputKey('s', 'CPU time of the program.'),
    'n_processes': OutputKey('', 'Processes of a parallel run.'),
    'n_threads': OutputKey('', 'Threads of a process.'),
    'peak_memory_mb': OutputKey('MB', 'Largest memory that the program reports, of one process (CRYSTAL23).'),
    'warnings': OutputKey('', 'WARNING lines as printed, the first 50.'),
    'errors': OutputKey('', 'ERROR lines as printed, the first 50.'),
    'diagnoses': OutputKey(
        '', 'What the catalogue of failures knows of this run: `name`, `severity`, `message`, `remedy`, `evidence`.'
    ),
    'dry_run': OutputKey('', '`TESTGEOM`, `TESTPDIM` or `TESTRUN` of the input: nothing was computed, nor was to be.'),
    'functional': OutputKey('', 'Functional or method of the input.'),
    'basis_set': OutputKey('', 'Name of the basis set(s) of the input.'),
    'is_spin_polarised': OutputKey('', 'Whether alpha and beta electrons may differ.'),
    'is_level_shifted': OutputKey('', 'Whether a locked level shifter altered the levels; then no gap is given.'),
    'n_electrons': OutputKey('per primitive cell', 'Number of electrons outside potentials.'),
    'n_ao': OutputKey('per primitive cell', 'Number of basis functions, which is that of bands.'),
    'n_kpoints': OutputKey('', 'k-points of the irreducible wedge.'),
    'n_symmetry_operators': OutputKey('', 'Symmetry operators of the primitive cell.'),
    'fermi_energy_ev': OutputKey('eV', 'Fermi energy; of an insulator, the top of its valence bands.'),
    'gap_ev': OutputKey('eV', 'Band gap; 0 of a conductor. With spin, between the highest filled and lowest empty.'),
    'gap_kind': OutputKey('', '`direct` or `indirect`; not printed after an optimisation.'),
    'is_conducting': OutputKey('', 'Whether the program takes the final state for a conducting one.'),
    'two_component': OutputKey('', 'Whether it is a two-component (spin-orbit) calculation; absent unless said.'),
}
"""Keys that runs of both programs have; properties takes some of them over from its parent."""

CRYSTAL_KEYS: dict[str, OutputKey] = {
    'title': OutputKey('', 'Title of the input.'),
    'calculation_type': OutputKey('', 'As printed, for example `RESTRICTED CLOSED SHELL`.'),
    'hamiltonian': OutputKey('', 'As printed, for example `KOHN-SHAM HAMILTONIAN`.'),
    'dimensionality': OutputKey('', 'Number of directions in which the system repeats.'),
    'space_group': OutputKey('', 'Symbol of the space or layer group as printed.'),
    'dft.exchange': OutputKey('', 'Exchange functional as printed.'),
    'dft.correlation': OutputKey('', 'Correlation functional as printed.'),
    'dft.fock_exchange_percent': OutputKey('%', 'Exact exchange of a hybrid.'),
    'symmetry_group.kind': OutputKey('', '`space`, `layer`, `rod` or `point`.'),
    'symmetry_group.symbol': OutputKey('', 'As printed.'),
    'symmetry_group.number': OutputKey('', 'As printed.'),
    'cell_primitive': OutputKey(
        'Å and degrees',
        'a, b, c, alpha, beta, gamma of the primitive cell of the final geometry; c (and b) are 500 Å below three '
        'dimensions.',
    ),
    'cell_conventional': OutputKey('Å and degrees', 'The same of the conventional cell.'),
    'volume_angstrom3': OutputKey('Å³', 'Volume of the primitive cell of a crystal.'),
    'n_atoms': OutputKey('per primitive cell', 'Number of atoms.'),
    'primitive_cells_in_structure': OutputKey(
        '', "CRYSTAL's primitive cells in the cell of the input structure; multiply energies by it."
    ),
    'atom_order': OutputKey(
        '',
        'Whose order lists of atoms have: `structure` (of the input) or `crystal` (as printed, where the input '
        'edits the geometry).',
    ),
    'energy_hartree': OutputKey(
        'hartree per primitive cell', 'The total energy, with dispersion; after an optimisation, of its last geometry.'
    ),
    'energy_ev': OutputKey('eV per primitive cell', 'The same.'),
    'energy_source': OutputKey(
        '',
        'The line it is from: `SCF ENDED`, `TOTAL ENERGY + DISP`, `TOTAL ENERGY + DISP + GCP` or `OPT END`; under an '
        'external pressure `OPT END (ENTHALPY)`, where the program prints E + PV.',
    ),
    'energy_scf_hartree': OutputKey(
        'hartree per primitive cell',
        'Energy of the last SCF in the main output, without dispersion; in an optimisation that is most often the '
        'first point. Also given when the SCF did not converge.',
    ),
    'energy_dispersion_hartree': OutputKey('hartree per primitive cell', 'Corrections added to that SCF energy.'),
    'gap_alpha_ev': OutputKey('eV', 'Gap of the alpha electrons.'),
    'gap_beta_ev': OutputKey('eV', 'Gap of the beta electrons.'),
    'vbm_ev': OutputKey('eV', 'Top of the valence bands, on the scale of `fermi_energy_ev`.'),
    'cbm_ev': OutputKey('eV', 'Bottom of the conduction bands, likewise.'),
    'scf.converged': OutputKey('', 'Whether the last SCF in the main output converged.'),
    'scf.status': OutputKey('', '`converged_energy`, `converged_tester`, `converged_other` or `too_many_cycles`.'),
    'scf.n_cycles': OutputKey('', 'Its number of cycles.'),
    'scf.energies_hartree': OutputKey('hartree per primitive cell', 'Energies of its last 100 cycles.'),
    'scf.gap_ev': OutputKey('eV', 'Gap in its last cycle, only if it did not converge: 0 for a conductor.'),
    'scf.is_conducting': OutputKey('', 'Whether its last cycle is that of a conductor, only if it did not converge.'),
    'optimisation.kind': OutputKey('', 'What moved: as printed in the titles of the points.'),
    'optimisation.converged': OutputKey('', 'Whether the optimisation converged.'),
    'optimisation.status': OutputKey('', '`converged` or `failed`; absent if it was cut short.'),
    'optimisation.n_points': OutputKey('', 'Number of points.'),
    'optimisation.energy_hartree': OutputKey('hartree per primitive cell', 'Energy where it ended, converged or not.'),
    'optimisation.last_max_gradient_hartree_per_bohr': OutputKey('hartree/bohr', 'Largest gradient of the last point.'),
    'optimisation.last_rms_gradient_hartree_per_bohr': OutputKey('hartree/bohr', 'RMS gradient of the last point.'),
    'optimisation.last_scf': OutputKey('', 'As `scf`, of the last SCF that SCFOUT.LOG holds.'),
    'mulliken.electrons': OutputKey('electrons', 'Mulliken population of every atom, in `atom_order`.'),
    'mulliken.charges': OutputKey('e', 'Net charge of every atom; absent if an atom has a potential.'),
    'mulliken.spins': OutputKey('electrons', 'Spin (alpha - beta) of every atom.'),
    'total_spin': OutputKey('electrons per primitive cell', 'Sum of the Mulliken spins.'),
    **FURTHER_KEYS,
}
"""Keys of runs of ``crystal`` only."""

PROPERTIES_KEYS: dict[str, OutputKey] = {
    'wave_function.energy_hartree': OutputKey(
        'hartree per primitive cell', 'Energy of the SCF whose wavefunction was read, without dispersion.'
    ),
    'wave_function.n_scf_cycles': OutputKey('', 'Cycles of that SCF.'),
    'wave_function.formula': OutputKey('per primitive cell', 'Formula of the cell that it is of.'),
    'keywords': OutputKey('', 'Keywords that the program worked on, in order.'),
    'incomplete_keywords': OutputKey('', 'Those of them whose end was not printed.'),
    'newk.shrink': OutputKey('', 'Mesh of NEWK.'),
    'newk.n_kpoints': OutputKey('', 'Its k-points in the irreducible wedge.'),
    'newk.channels': OutputKey(
        'eV',
        'State of each spin on that mesh: `spin`, `conducting`, `fermi_energy_ev`, `vbm_ev`, `cbm_ev`, `gap_ev`, '
        '`gap_kind`.',
    ),
    'maps': OutputKey(
        'e/bohr³ (charge, spin), hartree/e (potential)',
        'Fields on planes in the order of `output_maps`: `quantity`, `is_atomic` (superposition of atoms), `minimum`, '
        '`maximum`.',
    ),
    'transport.complete': OutputKey('', 'Whether BOLTZTRA wrote its files.'),
    'transport.relaxation_time_fs': OutputKey('fs', 'Relaxation time of the coefficients.'),
    'topond.complete': OutputKey('', 'Whether TOPOND came to its end.'),
    'topond.tasks': OutputKey('', 'Its sections in order.'),
    'topond.critical_points': OutputKey(
        'bohr, e/bohr³, e/bohr⁵',
        "Critical points of the density (up to 500): `kind` (rank and signature), `position_bohr` in CRYSTAL's axes, "
        '`density`, `laplacian`.',
    ),
    'bands.n_spin': OutputKey('', '1, or 2 for alpha and beta.'),
    'bands.n_kpoints': OutputKey('', 'Points of the path.'),
    'bands.n_bands': OutputKey('', 'Bands of one spin.'),
    'bands.n_segments': OutputKey('', 'Straight lines of the path.'),
    'bands.absolute_energies': OutputKey('', "Whether energies have CRYSTAL's own zero; else the Fermi energy is 0."),
    'dos.n_spin': OutputKey('', '1, or 2 for alpha and beta.'),
    'dos.n_energies': OutputKey('', 'Energies of the grid.'),
    'dos.n_projections': OutputKey('', 'Projections, without the total.'),
    'dos.absolute_energies': OutputKey('', 'As for bands.'),
}
"""Keys of runs of ``properties`` only."""
