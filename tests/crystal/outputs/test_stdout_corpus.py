"""The stdout parser against hand-checked values of real outputs, and against the same outputs cut short."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.models import ScfRun

pytestmark = pytest.mark.corpus

SCF = {
    'CONVERGENCE ON ENERGY': 'converged_energy',
    'CONVERGENCE ON TESTER': 'converged_tester',
    'TOO MANY CYCLES': 'too_many_cycles',
}

STATUS = {
    'ok': 'finished',
    'ok_testgeom': 'finished',
    # The crystal program finished; the properties program after it did not find its wavefunction.
    'ok_then_properties_step_failed': 'finished',
    'scf_not_converged': 'scf_unconverged',
    'optimisation_not_converged': 'geometry_unconverged',
    # ERROR **** OPTGEOM **** SCF FAILED; the SCF of the main output converged.
    'scf_failed_in_optimisation': 'failed',
    'input_error': 'failed',
    'incomplete': 'incomplete',
    'killed_sigterm': 'incomplete',
    'scf_log_fragment': 'incomplete',
    'empty': 'incomplete',
}


def of_final_scf(output):
    """Charges and spins as printed last, whatever geometry they belong to."""
    return output.scf[-1] if output.scf else None


def ended_scf(output, index):
    """The first or the last SCF that ended."""
    ended = [run for run in output.scf if run.complete]
    return ended[index] if ended else ScfRun()


def state_of(output):
    """Whether the last state printed conducts, whatever geometry it belongs to."""
    run = of_final_scf(output)
    return run.state.is_conducting if run is not None and run.state is not None else output.is_conducting


def cell(parameters):
    return list(parameters.lengths_and_angles) if parameters else None


# field: what we say, what the truth says, tolerance (None: equal), and where both differ on purpose: {run: reason}.
FIELDS = {
    'program': (
        lambda o: o.program,
        lambda t: None if t['program'] == 'scflog' or t['status'] == 'empty' else t['program'],
        None,
        {},
    ),
    'version': (lambda o: o.version, lambda t: t['version'], None, {}),
    'n_banners': (lambda o: len(o.stages), lambda t: t['n_banners'], None, {}),
    'terminated': (lambda o: o.terminated, lambda t: t['termination_line'], None, {}),
    'is_failure': (
        lambda o: not o.succeeded,
        lambda t: True if t['program'] == 'scflog' else bool(t['is_failure']),
        None,
        {},
    ),
    'dimensionality': (lambda o: o.dimensionality, lambda t: t['dimensionality'], None, {}),
    'n_atoms': (
        lambda o: o.n_atoms if o.program == 'crystal' else None,
        lambda t: t['n_atoms'] if t['program'] == 'crystal' else None,
        None,
        {},
    ),
    'n_electrons': (lambda o: o.n_electrons, lambda t: t['n_electrons'], 1e-9, {}),
    'calc_type': (lambda o: o.calculation_type, lambda t: t['calc_type'], None, {}),
    'hamiltonian': (lambda o: o.hamiltonian, lambda t: t['hamiltonian'], None, {}),
    'space_group': (
        lambda o: None if (o.space_group or '').isdigit() else o.space_group,
        lambda t: t['space_group'],
        None,
        {},
    ),
    'energy_final': (
        lambda o: o.energy_hartree,
        lambda t: t['energy_final'],
        1e-8,
        {
            'mackinawite_opt_failed': 'the truth takes the energy of OPT END - FAILED, which is no final energy',
            'nio_scf_maxcyc': 'the truth takes the energy of SCF ENDED - TOO MANY CYCLES, which is not converged',
            'failed_elastic': 'the truth takes the first SCF of a run that then stopped with an ERROR',
        },
    ),
    'scf_status': (
        lambda o: o.scf_status,
        lambda t: SCF.get(t['scf_status']),
        None,
        {'nio_walltime_scfoutlog': 'the log stops inside another SCF; the truth speaks of the last finished one'},
    ),
    'n_scf_ended': (
        lambda o: sum(run.status is not None for run in o.scf),
        lambda t: t['n_scf_ended'],
        None,
        {},
    ),
    'opt_status': (
        lambda o: o.optimisation and o.optimisation.status,
        lambda t: t['opt_status'] and t['opt_status'].lower(),
        None,
        {},
    ),
    'opt_points': (lambda o: o.optimisation and o.optimisation.n_points, lambda t: t['opt_points'], None, {}),
    'opt_energy': (lambda o: o.optimisation and o.optimisation.energy_hartree, lambda t: t['opt_energy'], 1e-8, {}),
    'gap_final': (
        lambda o: o.gap_ev if o.program == 'crystal' else None,
        lambda t: t['gap_final'],
        1e-4,
        {
            'fes_scf_spin': 'conducting: the truth leaves open shells to gap_last_cycle, which is 0 here',
            'graphene_mv_saddle_scf': 'open shell: the truth has 0.1204 (alpha) and 0.1205 (beta) in gap_last_cycle',
        },
    ),
    'status': (lambda o: o.status, lambda t: STATUS[t['status']], None, {}),
    'release': (lambda o: o.release, lambda t: t['subversion'], None, {}),
    'started': (
        lambda o: o.stages[0].timings.started if o.stages else None,
        lambda t: t['start'] and f'DATE {t["start"]}',
        None,
        {},
    ),
    'ended': (
        lambda o: next((stage.timings.ended for stage in reversed(o.stages) if stage.terminated), None),
        lambda t: t['end'] and f'DATE {t["end"]}',
        None,
        {},
    ),
    'spin': (lambda o: o.is_spin_polarized, lambda t: t['spin'], None, {}),
    'is_opt': (lambda o: o.is_optimisation, lambda t: t['is_opt'], None, {}),
    'n_opt_end': (lambda o: sum(each.complete for each in o.optimisations), lambda t: t['n_opt_end'], None, {}),
    'scf_energy_first': (lambda o: ended_scf(o, 0).energy_hartree, lambda t: t['scf_energy_first'], 1e-9, {}),
    'scf_energy_last': (lambda o: ended_scf(o, -1).energy_hartree, lambda t: t['scf_energy_last'], 1e-9, {}),
    'scf_cycles_first': (lambda o: ended_scf(o, 0).n_cycles, lambda t: t['scf_cycles_first'], None, {}),
    'scf_cycles_last': (lambda o: ended_scf(o, -1).n_cycles, lambda t: t['scf_cycles_last'], None, {}),
    'scf_cyc_lines': (lambda o: sum(len(run.cycles) for run in o.scf), lambda t: t['scf_cyc_lines'], None, {}),
    'e_plus_disp': (
        lambda o: ended_scf(o, -1).total_with_dispersion_hartree,
        lambda t: t['e_plus_disp'] or t['e_plus_disp_gcp'],
        1e-9,
        {},
    ),
    'energy_final_source': (
        lambda o: o.energy_source,
        lambda t: t['energy_final_source'],
        None,
        {
            'mackinawite_opt_failed': 'as energy_final',
            'nio_scf_maxcyc': 'as energy_final',
            'failed_elastic': 'as energy_final',
            'corundum_qha': 'the truth has a remark: several volumes',
            'nio_opt_walltime': 'the truth has a remark: the optimisation did not end',
        },
    ),
    'state_last': (
        lambda o: {True: 'conducting', False: 'insulating', None: None}[state_of(o)],
        lambda t: t['state_last'],
        None,
        {},
    ),
    'volume_primitive': (
        lambda o: o.primitive_cell and o.primitive_cell.volume_angstrom3,
        lambda t: t['volume_primitive'],
        1e-5,
        {'nio_opt_walltime': 'as cell_primitive'},
    ),
    'cell_primitive': (
        lambda o: cell(o.primitive_cell),
        lambda t: t['cell_primitive'],
        1e-8,
        {'nio_opt_walltime': 'killed optimisation: the truth has the first cell, we the last one printed'},
    ),
    'cell_crystallographic': (
        lambda o: cell(o.crystallographic_cell),
        lambda t: t['cell_crystallographic'],
        1e-8,
        {},
    ),
    'wall_s': (
        lambda o: o.timings.wall_s,
        lambda t: t['wall_s_stage1'],
        1e-3,
        {'wse2_soc_prop': 'two END lines before one TERMINATION: 6.98 s (line 332) and 9.28 s (line 451)'},
    ),
    'cpu_s': (
        lambda o: o.stages[0].timings.cpu_s if o.stages else None,
        lambda t: t['cpu_s_stage1'],
        1e-3,
        {'wse2_soc_prop': 'as wall_s: 4.67 s (line 332) and 6.82 s (line 451)'},
    ),
    'n_atoms_asym': (
        lambda o: (o.final_cell or o.initial_cell) and (o.final_cell or o.initial_cell).n_asymmetric,
        lambda t: t['n_atoms_asym'],
        None,
        {},
    ),
    'atomic_charges_n': (
        lambda o: len(of_final_scf(o).charges) if of_final_scf(o) else None,
        lambda t: t['atomic_charges_n'],
        None,
        {},
    ),
    'atomic_charges_sum': (
        lambda o: sum(of_final_scf(o).charges) if of_final_scf(o) else None,
        lambda t: t['atomic_charges_sum'],
        2e-4,
        {},
    ),
    'atomic_spins_sum': (
        lambda o: sum(of_final_scf(o).spins) if of_final_scf(o) else None,
        lambda t: t['atomic_spins_sum'],
        2e-4,
        {},
    ),
    'summed_spin_density': (
        lambda o: of_final_scf(o) and of_final_scf(o).spin_total,
        lambda t: t['summed_spin_density'],
        1e-6,
        {},
    ),
    'fermi_au': (
        lambda o: o.properties and o.properties.fermi_wavefunction_hartree,
        lambda t: t['fermi_au'],
        1e-6,
        {},
    ),
}
# The truth leaves these null where it did not look, so that only its values are compared.
ONLY_WHERE_KNOWN = {
    'atomic_charges_sum',
    'atomic_charges_n',
    'n_atoms_asym',
    'volume_primitive',
    'state_last',
    'spin',
    'atomic_spins_sum',
    'summed_spin_density',
    'fermi_au',
}


def same(ours, theirs, tolerance):
    if ours is None or theirs is None or tolerance is None:
        return ours == theirs
    return np.allclose(ours, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize('field', FIELDS)
def test_agrees_with_the_truth(outputs, truth, field):
    """Every run, every value; the disagreements are exactly those listed with their reason."""
    get, expected, tolerance, on_purpose = FIELDS[field]
    wrong = {}
    for run, values in truth.items():
        ours, theirs = get(outputs[run]), expected(values)
        if field in ONLY_WHERE_KNOWN and theirs is None:
            continue
        if not same(ours, theirs, tolerance):
            wrong[run] = (ours, theirs)
    assert wrong.keys() == on_purpose.keys(), wrong


def test_no_line_was_unreadable(outputs):
    assert {run: output.unreadable for run, output in outputs.items() if output.unreadable} == {}


def test_gap_of_the_last_cycle_per_spin(outputs, truth):
    """The truth has the gap of the last cycle per channel, in single points the final one."""
    compared = 0
    for run, values in truth.items():
        output = outputs[run]
        channels = values['gap_last_cycle'] or {}
        if values['is_opt'] or output.program != 'crystal' or not output.terminated:
            continue
        for name, ours in (('alpha', output.gap_alpha_ev), ('beta', output.gap_beta_ev)):
            if name in channels:
                assert ours == pytest.approx(channels[name][0], abs=1e-4), run
                compared += 1
        if 'closed' in channels and channels['closed'][1] in ('direct', 'indirect'):
            assert (output.gap_ev, output.gap_kind) == (pytest.approx(channels['closed'][0]), channels['closed'][1])
            compared += 1
    assert compared >= 10


def test_gap_after_an_optimisation_is_not_the_initial_one(outputs):
    """MgO in a minimal basis: 12.69 eV before, 17.48 eV after the optimisation."""
    output = outputs['mgo_sto3g_opt']
    assert output.gap_ev == pytest.approx(17.4781)
    assert output.gap_initial_ev == pytest.approx(12.6919)
    assert output.gap_kind is None, 'no kind is printed after an optimisation'


def test_mulliken_analysis(outputs, truth):
    """The sum of the charges is the number of electrons of the header of the analysis."""
    compared = 0
    for run, values in truth.items():
        output = outputs[run]
        if output.mulliken is None or values['n_electrons'] is None:
            continue
        n_atoms = output.n_atoms
        assert len(output.mulliken.electrons) == len(output.mulliken.net_charges) == n_atoms, run
        assert sum(output.mulliken.electrons) == pytest.approx(values['n_electrons'], abs=2e-3 * n_atoms), run
        if values['mulliken_spin'] is not None:
            assert sum(output.mulliken.spins) == pytest.approx(values['mulliken_spin'], abs=2e-3 * n_atoms), run
            compared += 1
    assert compared >= 5
    nio = outputs['nio_sto3g_afm_opt'].mulliken
    # The analysis after OPT END, not the charges of the first geometry.
    assert nio.electrons[0] != pytest.approx(outputs['nio_sto3g_afm_opt'].scf[0].charges[0], abs=1e-3)


def test_net_charges_need_the_nuclear_charge(outputs):
    """Sr and Hf have potentials here (238, 272), whose charges 10 and 12 the output prints; O has none."""
    mulliken = outputs['check_last_point_opt'].mulliken
    assert mulliken.numbers[:5] == [238, 238, 238, 238, 272]
    assert mulliken.net_charges[0] == pytest.approx(10 - 8.147)
    assert mulliken.net_charges[4] == pytest.approx(12 - 9.544)
    oxygen = mulliken.numbers.index(8)
    assert mulliken.net_charges[oxygen] == pytest.approx(8 - mulliken.electrons[oxygen])


def test_conventional_numbers_become_sites(outputs):
    sites = outputs['srtio3_opt_c06'].final_geometry.sites
    assert [(site.number, site.ecp) for site in sites[:3]] == [(38, True), (38, True), (22, True)]
    assert (sites[4].number, sites[4].ecp) == (8, False)


def test_geometries_have_the_printed_cell(outputs):
    """Cell vectors and printed parameters are two statements of one cell."""
    compared = 0
    for run, output in outputs.items():
        for geometry in (output.initial_geometry, output.final_geometry):
            if geometry is not None:
                assert len(geometry) == output.n_atoms, run
        geometry = output.final_geometry
        if geometry is None or output.dimensionality == 0:
            continue
        assert geometry.cell_parameters == pytest.approx(output.primitive_cell.lengths_and_angles, abs=2e-5), run
        if output.dimensionality == 3 and output.primitive_cell.volume_angstrom3:
            volume = output.primitive_cell.volume_angstrom3
            assert geometry.volume_angstrom3 == pytest.approx(volume, rel=1e-6), run
        compared += 1
    assert compared > 30


def test_points_of_an_optimisation_are_oriented_like_the_final_geometry(outputs):
    """The cell of a point is printed as parameters only; turned back it must be the final cell, vector by vector."""
    compared = 0
    for run, output in outputs.items():
        optimisation = output.optimisation
        if optimisation is None or optimisation.status != 'converged' or output.dimensionality == 0:
            continue
        last = optimisation.points[-1]
        if last.n == 1 or output.n_optimisations > 1:
            continue
        assert np.allclose(last.geometry.cell, output.final_geometry.cell, atol=2e-6), run
        difference = np.linalg.solve(
            output.final_geometry.cell.T, (last.geometry.positions - output.final_geometry.positions).T
        )
        assert np.allclose(difference, np.rint(difference), atol=1e-6), run
        compared += 1
    assert compared > 10


def test_positions_are_those_printed_in_cartesian_coordinates(corpus, outputs, truth):
    """Fractional coordinates times vectors give the table CARTESIAN COORDINATES, up to lattice vectors."""
    for run in ('mgo_opt_c22', 'nano05_opt', 'slab_opt_c14', 'optgeom_c14', 'srtio3_opt_c06'):
        text = (corpus / run / truth[run]['file']).read_text(errors='replace')
        table = text.rsplit('CARTESIAN COORDINATES - PRIMITIVE CELL', 1)[1].splitlines()[4:]
        geometry = outputs[run].final_geometry
        printed = np.array([[float(word) for word in line.split()[3:6]] for line in table[: len(geometry)]])
        shift = (geometry.positions - printed) @ np.linalg.inv(geometry.cell)
        assert np.allclose(shift, np.rint(shift), atol=1e-7), run


def test_points(outputs):
    """MgO: four points, energies and criteria as printed; the first energy is that of the first SCF."""
    points = outputs['mgo_opt_c22'].optimisation.points
    assert [point.energy_hartree for point in points] == [
        -275.44859113772,
        -275.44868940122,
        -275.44869659605,
        -275.44869807267,
    ]
    assert [point.max_gradient for point in points] == [0.020465, 0.004694, 0.000068, 0.000031]
    assert points[0].flags == {'max_gradient': False, 'rms_gradient': False}
    assert all(points[-1].flags.values()) and len(points[-1].flags) == 4
    assert points[1].delta_hartree == pytest.approx(-9.826e-05)


def test_dispersion_of_the_first_point_is_included(outputs):
    """No false jump between the first point (dispersion on its own line) and the later ones (included)."""
    for run, output in outputs.items():
        if output.optimisation and output.optimisation.status == 'converged' and len(output.optimisation.points) > 2:
            energies = [point.energy_hartree for point in output.optimisation.points]
            assert None not in energies, run
            assert abs(energies[-1] - output.optimisation.energy_hartree) < 1e-6 * abs(energies[-1]), run
    scf = outputs['paracetamol_freq'].scf[-1]
    assert scf.dispersion_hartree == -0.12569847523676
    assert outputs['paracetamol_freq'].energy_hartree == -2057.6869155596


def test_level_shifted_levels_give_no_gap(outputs):
    output = outputs['nano05_opt']
    assert output.level_shifted and output.gap_ev is None and output.gap_initial_ev is None


def test_two_programs_in_one_file(outputs):
    output = outputs['nacl_freq_band_doss']
    assert [stage.program for stage in output.stages] == ['crystal', 'properties']
    assert all(stage.terminated for stage in output.stages)
    assert output.program == 'crystal' and output.properties.keywords == ['BAND', 'NEWK', 'DOSS']


def test_error_of_properties_is_not_one_of_the_scf(outputs):
    output = outputs['guessp_fock0_propio_error']
    assert output.succeeded and output.errors == []
    assert output.stages[1].program == 'properties' and not output.stages[1].terminated
    assert output.stages[1].errors[0].text == 'Wavefunction file can not be found'


def test_echo_of_the_band_path(outputs):
    properties = outputs['properties_c14'].properties
    assert (properties.first_band, properties.last_band) == (1, 14)
    assert len(properties.segments) == 6
    # Two decimals are printed (0.62 0.25 0.62), the shrinking factor makes them exact.
    assert properties.segments[1].end == (0.625, 0.25, 0.625)
    assert properties.segments[2].start == (0.375, 0.375, 0.75)
    assert [segment.n_points for segment in properties.segments] == [7, 2, 8, 6, 5, 3]
    assert outputs['mgo_band'].properties.newk
    assert outputs['mgo_band'].properties.fermi_energy_hartree == pytest.approx(-0.15202135)
    assert outputs['mgo_doss'].properties.dos_projections == 2
    assert outputs['mgo_doss'].properties.dos_range_hartree == (-0.7, 0.8)


def printed_positions(text):
    """Cartesian positions (Å) of the first table of coordinates, which the parser does not read."""
    _, title, rest = text.partition('CARTESIAN COORDINATES - PRIMITIVE CELL')
    if not title or 'GEOMETRY FOR WAVE FUNCTION' in rest:
        # A later geometry: an output with several, or one of which the first has no table.
        return None
    rows = []
    for line in rest.splitlines()[4:]:
        words = line.split()
        if len(words) != 6 or not words[0].isdigit():
            break
        rows.append([float(word) for word in words[3:]])
    return np.array(rows)


def test_positions_are_those_of_the_cartesian_table(corpus, truth, outputs):
    """Fractional positions and cell give the Cartesian table of the same output, up to lattice vectors."""
    compared = set()
    for run, output in outputs.items():
        geometry = output.initial_geometry
        if geometry is None or output.program != 'crystal':
            continue
        printed = printed_positions((corpus / run / truth[run]['file']).read_text(errors='replace'))
        if printed is None or len(printed) != len(geometry):
            continue
        apart = (printed - geometry.positions) @ np.linalg.inv(geometry.frame)
        periodic = list(geometry.pbc)
        apart[:, periodic] -= np.round(apart[:, periodic])
        assert np.abs(apart @ geometry.frame).max() < 2e-5, run
        compared.add(run)
    assert {'mgo_scf_b3lyp', 'nio_sto3g_afm_scf', 'mgo_co_slab_scf'} <= compared
    # Its labels have digits (FE1), which once were taken for coordinates.
    assert 'lafeo3_opt_c09' in compared
    assert len(compared) > 20


def test_no_two_atoms_in_one_place(outputs):
    """In no geometry of any output, also those of optimisation points, are two atoms closer than 0.7 Å."""
    checked = 0
    for run, output in outputs.items():
        points = output.optimisation.points if output.optimisation else []
        geometries = [output.initial_geometry, output.final_geometry, *(point.geometry for point in points)]
        for geometry in (each for each in geometries if each is not None and 1 < len(each) < 100):
            apart = geometry.fractional[:, None] - geometry.fractional[None]
            periodic = list(geometry.pbc)
            apart[..., periodic] -= np.round(apart[..., periodic])
            distances = np.linalg.norm(apart @ geometry.frame, axis=-1)
            assert distances[np.triu_indices(len(geometry), 1)].min() > 0.7, run
            checked += 1
    assert checked > 100


def test_a_locked_level_shifter_leaves_no_levels(outputs):
    """The shift of 0.6 hartree moves MgO's valence top to -0.678; the program says that the Fermi energy is altered."""
    for run in ('mgo222_freq', 'hfo2_8x_freq', 'nano05_opt'):
        output = outputs[run]
        assert output.level_shifted, run
        assert (output.gap_ev, output.fermi_energy_hartree, output.vbm_hartree, output.cbm_hartree) == (None,) * 4, run
        assert output.energy_hartree is not None, run


def test_state_of_the_first_geometry_is_not_told_of_the_last(outputs):
    """After several points the main output tells no state of the final geometry, unless it prints its gap."""
    for run, output in outputs.items():
        optimisation = output.optimisation
        if optimisation is not None and (optimisation.n_points or 0) > 1 and output.gap_ev is None:
            assert output.is_conducting is None, run
