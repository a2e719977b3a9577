"""The keywords and blocks of ``seedname.win`` that wannier90.x 3.1.0 knows.

Found out by trying: every word of the program that could be a keyword was given to ``wannier90.x -pp`` by itself, and
those are here that it did not report as "unrecognised"; the logical ones it said so of itself. Some are read only
beside another (``fermi_energy_max`` and ``_step`` beside ``fermi_energy_min``, the blocks ``dis_spheres`` and
``slwf_centres`` beside their numbers); they are here from the decks of its examples.
The program itself refuses unknown names, but does so in the job, and with exit status 0.
"""

from __future__ import annotations

__all__ = ('BLOCKS', 'KEYWORDS', 'LOGICAL', 'OWN')

LOGICAL = frozenset(
    """
    adpt_smr auto_projections bands_plot berry boltz_bandshift boltz_calc_also_dos boltz_dos_adpt_smr boltzwann
    cp_pp dos dos_adpt_smr effective_model fermi_surface_plot gamma_only geninterp geninterp_alsofirstder
    geninterp_single_file guiding_centres gyrotropic hr_plot kpath kslice kubo_adpt_smr postproc_setup precond
    shc_bandshift shc_freq_scan site_symmetry skip_b1_tests slwf_constrain spin_decomp spin_moment spinors
    spn_formatted tran_easy_fix tran_read_ht tran_use_same_lead tran_write_ht transl_inv translate_home_cell
    transport uhu_formatted use_bloch_phases use_degen_pert use_ws_distance wanint_kpoint_file wannier_plot
    wannier_plot_spinor_phase write_bvec write_hr write_hr_diag write_proj write_r2mn write_rmn write_tb
    write_u_matrices write_vdw_data write_xyz wvfn_formatted
    """.split()
)
"""Keywords whose value is true or false."""

KEYWORDS = LOGICAL | frozenset(
    """
    adpt_smr_fac adpt_smr_max bands_num_points bands_plot_dim bands_plot_format bands_plot_mode bands_plot_project
    berry_curv_adpt_kmesh berry_curv_adpt_kmesh_thresh berry_curv_unit berry_kmesh berry_kmesh_spacing berry_task
    boltz_2d_dir boltz_bandshift_energyshift boltz_bandshift_firstband boltz_dos_adpt_smr_fac boltz_dos_adpt_smr_max
    boltz_dos_energy_max boltz_dos_energy_min boltz_dos_energy_step boltz_dos_smr_fixed_en_width boltz_dos_smr_type
    boltz_kmesh boltz_kmesh_spacing boltz_mu_max boltz_mu_min boltz_mu_step boltz_relax_time boltz_tdf_energy_step
    boltz_tdf_smr_fixed_en_width boltz_tdf_smr_type boltz_temp_max boltz_temp_min boltz_temp_step conv_noise_amp
    conv_noise_num conv_tol conv_window degen_thr devel_flag dis_conv_tol dis_conv_window dis_froz_max dis_froz_min
    dis_mix_ratio dis_num_iter dis_spheres_first_wann dis_spheres_num dis_win_max dis_win_min dist_cutoff
    dist_cutoff_hc dist_cutoff_mode dos_adpt_smr_fac dos_adpt_smr_max dos_energy_max dos_energy_min dos_energy_step
    dos_kmesh dos_kmesh_spacing dos_project dos_smr_fixed_en_width dos_smr_type dos_task energy_unit exclude_bands
    fermi_energy fermi_energy_max fermi_energy_min fermi_energy_step
    fermi_surface_num_points fermi_surface_plot_format fixed_step gyrotropic_band_list
    gyrotropic_box_center gyrotropic_degen_thresh gyrotropic_eigval_max gyrotropic_freq_max gyrotropic_freq_min
    gyrotropic_freq_step gyrotropic_kmesh gyrotropic_kmesh_spacing gyrotropic_smr_fixed_en_width
    gyrotropic_smr_max_arg gyrotropic_smr_type gyrotropic_task hr_cutoff iprint kmesh kmesh_spacing kmesh_tol
    kpath_bands_colour kpath_num_points kpath_task kslice_2dkmesh kslice_b1 kslice_b2 kslice_corner
    kslice_fermi_lines_colour kslice_task kubo_adpt_smr_fac kubo_adpt_smr_max kubo_eigval_max kubo_freq_max
    kubo_freq_min kubo_freq_step kubo_smr_fixed_en_width kubo_smr_type length_unit mp_grid num_bands num_cg_steps
    num_dump_cycles num_elec_per_state num_guide_cycles num_iter num_no_guide_iter num_print_cycles num_shells
    num_valence_bands num_wann one_dim_axis optimisation restart sc_eta sc_phase_conv sc_w_thr scissors_shift
    search_shells select_projections shc_alpha shc_bandshift_energyshift shc_bandshift_firstband shc_beta shc_gamma
    shell_list slwf_lambda slwf_num smr_fixed_en_width smr_max_arg smr_type spin spin_axis_azimuth spin_axis_polar
    spin_kmesh spin_kmesh_spacing symmetrize_eps timing_level tran_energy_step tran_group_threshold tran_num_bandc
    tran_num_bb tran_num_cc tran_num_cell_ll tran_num_cell_rr tran_num_cr tran_num_lc tran_num_ll tran_num_rr
    tran_win_max tran_win_min translation_centre_frac transport_mode trial_step wannier_plot_format
    wannier_plot_list wannier_plot_mode wannier_plot_radius wannier_plot_scale wannier_plot_spinor_mode
    wannier_plot_supercell ws_distance_tol ws_search_size
    """.split()
)
"""All keywords, those of postw90.x included, which reads the same file."""

BLOCKS = (
    'unit_cell_cart', 'atoms_frac', 'atoms_cart', 'kpoints', 'projections', 'kpoint_path', 'nnkpts', 'slwf_centres',
    'dis_spheres',
)  # fmt: skip
"""Blocks between ``begin`` and ``end``."""

OWN = frozenset({'num_wann', 'mp_grid', 'postproc_setup', 'length_unit', 'energy_unit'})
"""Keywords that :class:`~aiida_crystalmath.wannier90.win.Win` has fields for, or that would change the units of what is
printed."""
