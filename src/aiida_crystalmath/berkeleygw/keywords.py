"""The keywords of ``epsilon.inp``, ``sigma.inp``, ``kernel.inp`` and ``absorption.inp``, and the kind of each value.

Source: the commented decks of the BerkeleyGW manual (``documentation/input_files``), without what stands there between
``BEGIN_INTERNAL_ONLY`` and ``END_INTERNAL_ONLY``. **Untested on the real program.**
"""

from __future__ import annotations

from typing import Literal

__all__ = ('KEYWORDS', 'Kind', 'Program')

Program = Literal['epsilon', 'sigma', 'kernel', 'absorption']
Kind = Literal['flag', 'integer', 'real', 'integers', 'reals', 'numbers']
"""What stands behind a keyword: nothing, one number, or several (``numbers``: integers and reals mixed)."""


def _of(kind: Kind, names: str) -> dict[str, Kind]:
    return {name: kind for name in names.split()}


_COMMON: dict[str, Kind] = {
    **_of(
        'flag',
        """cell_box_truncation cell_wire_truncation cell_slab_truncation spherical_truncation
        fermi_level_absolute fermi_level_relative dont_use_hdf5 use_wfn_hdf5 write_vcoul fullbz_replace fullbz_write""",
    ),
    **_of('real', 'coulomb_truncation_radius fermi_level'),
    **_of('integer', 'verbosity'),
}
_SCISSORS: dict[str, Kind] = {**_of('real', 'evs ev0 evdel ecs ec0 ecdel'), 'cvfit': 'reals'}
_SCREENING: dict[str, Kind] = _of('flag', 'screening_semiconductor screening_metal screening_graphene')

_EPSILON: dict[str, Kind] = {
    **_COMMON,
    **_SCISSORS,
    **_of(
        'flag',
        """write_subspace_epsinv subspace_dont_keep_full_eps_omega0 subspace_use_elpa dont_keep_fix_buffers
        sub_collective_eigen_redistr comm_nonblocking_cyclic eqp_corrections gcomm_matrix gcomm_elements skip_epsilon
        skip_chi degeneracy_check_override no_min_fftgrid restart subsample""",
    ),
    **_of(
        'integer',
        """number_bands frequency_dependence frequency_dependence_method number_imaginary_freqs nbasis_subspace
        full_chi_conv_log number_valence_pools nfreq_group""",
    ),
    **_of(
        'real',
        """epsilon_cutoff plasma_freq imaginary_frequency broadening init_frequency frequency_low_cutoff
        delta_frequency frequency_high_cutoff delta_frequency_step init_sfrequency delta_sfrequency
        delta_sfrequency_step sfrequency_low_cutoff sfrequency_high_cutoff chi_eigenvalue_cutoff
        read_chi_maxmem_per_block""",
    ),
    'qgrid': 'integers',
}

_SIGMA: dict[str, Kind] = {
    **_COMMON,
    **_SCISSORS,
    **_SCREENING,
    **_of(
        'flag',
        """do_sigma_subspace use_epsilon_remainder use_xdat dont_use_vxcdat use_kihdat eqp_corrections
        eqp_outer_corrections degeneracy_check_override no_symmetries_q_grid use_symmetries_q_grid dont_symmetrize
        no_symmetries_offdiagonals die_outside_sphere ignore_outside_sphere skip_averagew subsample""",
    ),
    **_of(
        'integer',
        """number_bands band_index_min band_index_max number_diag number_offdiag spin_index_min spin_index_max
        frequency_dependence frequency_dependence_method frequency_grid_shift number_frequency_eval
        cd_integration_method finite_difference_form invalid_gpp_mode full_ch_conv_log number_sigma_pools
        exact_static_ch""",
    ),
    **_of(
        'real',
        """screened_coulomb_cutoff bare_coulomb_cutoff cell_average_cutoff delta_frequency_eval max_frequency_eval
        init_frequency_eval finite_difference_spacing bare_exchange_fraction gpp_broadening gpp_sexcutoff evs_outer
        ev0_outer evdel_outer ecs_outer ec0_outer ecdel_outer avgpot avgpot_outer tol_degeneracy""",
    ),
    **_of('integers', 'qgrid sigma_matrix'),
    'cvfit_outer': 'reals',
}

_KERNEL: dict[str, Kind] = {
    **_COMMON,
    **_SCREENING,
    **_of(
        'flag',
        """no_symmetries_coarse_grid use_symmetries_coarse_grid low_comm low_memory high_memory die_outside_sphere
        ignore_outside_sphere read_kpoints extended_kernel""",
    ),
    **_of('integer', 'number_val_bands number_cond_bands wfn_hdf5_min_band_block'),
    **_of('real', 'screened_coulomb_cutoff bare_coulomb_cutoff'),
    'exciton_q_shift': 'numbers',
}

_ABSORPTION: dict[str, Kind] = {
    **_COMMON,
    **_SCISSORS,
    **_SCREENING,
    **_of(
        'flag',
        """no_symmetries_fine_grid use_symmetries_fine_grid no_symmetries_shifted_grid use_symmetries_shifted_grid
        no_symmetries_coarse_grid use_symmetries_coarse_grid use_velocity use_momentum use_dos read_kpoints
        degeneracy_check_override spinor diagonalization haydock lanczos lanczos_gauss_quadrature
        no_lanczos_gauss_quadrature eqp_corrections eqp_co_corrections read_vmtxel read_eps2_moments read_eigenvalues
        noeh_only read_dtmat lorentzian_broadening gaussian_broadening voigt_broadening read_epsdiag spin_triplet
        spin_singlet local_fields skip_interpolation delaunay_interpolation greedy_interpolation
        kpt_interpolation_linear kpt_interpolation_exp_transform average_w extended_kernel full_bse
        zero_coupling_block unrestricted_transformation zero_unrestricted_contribution use_elpa dont_use_elpa""",
    ),
    **_of(
        'integer',
        """number_val_bands_fine number_val_bands_coarse number_cond_bands_fine number_cond_bands_coarse
        lowest_occupied_band highest_occupied_band wfn_hdf5_min_band_block number_eigenvalues number_iterations
        write_eigenvectors zero_q0_element subsample_algo""",
    ),
    **_of(
        'real',
        """avgpot cell_average_cutoff energy_resolution energy_resolution_sigma energy_resolution_gamma
        delta_frequency kernel_scaling subsample_line""",
    ),
    'regular_grid': 'integers',
    **_of('reals', 'q_shift polarization'),
    'exciton_q_shift': 'numbers',
}

KEYWORDS: dict[Program, dict[str, Kind]] = {
    'epsilon': _EPSILON,
    'sigma': _SIGMA,
    'kernel': _KERNEL,
    'absorption': _ABSORPTION,
}
"""By program. The manual writes ``exciton_Q_shift`` with a capital; names are compared without regard to that."""
