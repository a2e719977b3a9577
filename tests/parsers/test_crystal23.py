"""Crystal23Parser on real outputs: numbers, cells and exit codes."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.data.structure import from_geometry, to_geometry

pytestmark = pytest.mark.corpus

ENTRY_POINT = 'crystalmath.crystal23'


@pytest.fixture
def parse(corpus, truth, generate_calc_job_node, generate_parser):
    """Parse a corpus run; the input structure is the given one, or the primitive cell that the output begins with."""

    def factory(run, structure=None, parameters=None, files=None, temporary=None, **kwargs):
        output = corpus / run / truth[run]['file'] if run else None
        if structure is None and output is not None:
            initial = parse_stdout(output.read_text(errors='replace')).initial_geometry
            structure = from_geometry(initial) if initial is not None else None
        inputs = {'parameters': orm.Dict(parameters or {})}
        if structure is not None:
            inputs['structure'] = structure
        node = generate_calc_job_node(
            ENTRY_POINT, {**({'crystal.out': output} if output else {}), **(files or {})}, inputs, **kwargs
        )
        parser = generate_parser(ENTRY_POINT)
        return parser.parse_from_node(node, store_provenance=False, retrieved_temporary_folder=temporary)

    return factory


@pytest.mark.parametrize(
    'run', ['mgo_scf_b3lyp', 'mgo_sto3g_scf', 'si_scf_dft', 'fes_scf_spin', 'h_bulk_scf', 'mgo_co_slab_scf']
)
def test_finished_scf(parse, truth, run):
    results, function = parse(run)
    assert function.is_finished_ok, function.exit_message
    parameters = results['output_parameters'].get_dict()
    known = truth[run]
    assert parameters['energy_hartree'] == pytest.approx(known['energy_final'], abs=1e-7)
    assert parameters['scf']['converged'] is True
    assert parameters['scf']['n_cycles'] == known['scf_cycles_last']
    assert parameters['n_electrons'] == known['n_electrons']
    assert parameters['engine'] == 'CRYSTAL'
    assert parameters['version'] == known['version']
    assert 'output_structure' not in results
    if known['gap_final'] is not None:
        assert parameters['gap_ev'] == pytest.approx(known['gap_final'])
    assert results['output_parameters'].base.extras.get('engine') == 'CRYSTAL'


@pytest.mark.parametrize('run', ['mgo_opt_c22', 'nio_sto3g_afm_opt', 'toluene_opt', 'optgeom_c14', 'w_molecule_opt'])
def test_finished_optimisation(parse, truth, run):
    results, function = parse(run, parameters={'geometry': {'optgeom': {}}})
    assert function.is_finished_ok, function.exit_message
    parameters = results['output_parameters'].get_dict()
    assert parameters['energy_hartree'] == pytest.approx(truth[run]['energy_final'], abs=1e-6)
    assert parameters['optimisation']['converged'] is True
    assert parameters['optimisation']['n_points'] == truth[run]['opt_points']
    structure, trajectory = results['output_structure'], results['output_trajectory']
    assert len(structure.sites) == truth[run]['n_atoms']
    assert trajectory.numsteps >= truth[run]['opt_points'] - 1
    assert trajectory.pbc == structure.pbc
    if truth[run]['dimensionality'] == 3:
        assert structure.get_cell_volume() == pytest.approx(truth[run]['volume_primitive'], rel=2e-5)


@pytest.fixture
def shuffled_rock_salt():
    """Return a factory of a conventional cell of MgO, its atoms shuffled, and their fractional positions."""

    def factory(a):
        shifts = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
        fractional = np.concatenate([shifts + np.array([0.5, 0, 0]), shifts])[[0, 5, 1, 4, 2, 6, 3, 7]]
        numbers = [8, 12] * 4
        return from_geometry(Geometry.from_fractional(np.eye(3) * a, fractional, numbers)), fractional

    return factory


def test_charges_come_back_in_the_users_order(parse, shuffled_rock_salt):
    structure, _ = shuffled_rock_salt(4.217)
    results, function = parse('mgo_scf_b3lyp', structure)
    assert function.is_finished_ok
    assert [charge > 0 for charge in results['output_parameters']['mulliken']['charges']] == [False, True] * 4


def test_results_come_back_in_the_users_cell_and_order(parse, corpus, truth, shuffled_rock_salt):
    """The conventional cell with the atoms shuffled, while CRYSTAL worked in the primitive one."""
    run = 'mgo_opt_c22'
    initial = parse_stdout((corpus / run / truth[run]['file']).read_text()).initial_geometry
    a = float(np.linalg.norm(initial.cell[0])) * 2**0.5
    structure, fractional = shuffled_rock_salt(a)
    results, function = parse(run, structure, parameters={'geometry': {'optgeom': {}}})
    assert function.is_finished_ok
    relaxed = to_geometry(results['output_structure'])
    assert relaxed.numbers == [8, 12] * 4
    assert np.allclose(relaxed.cell_parameters[3:], 90)
    assert relaxed.volume_angstrom3 == pytest.approx(4 * truth[run]['volume_primitive'], rel=2e-5)
    assert np.allclose((relaxed.fractional - fractional + 0.5) % 1, 0.5, atol=1e-4)
    parameters = results['output_parameters'].get_dict()
    assert parameters['primitive_cells_in_structure'] == 4
    assert parameters['atom_order'] == 'structure'
    assert results['output_trajectory'].get_step_structure(0).get_cell_volume() == pytest.approx(a**3, rel=1e-5)


def test_spins_come_back_in_the_users_order(parse, corpus, truth):
    """A doubled cell with the atoms of both halves mixed: every atom gets the spin of its image."""
    run = 'nio_sto3g_afm_scf'
    output = parse_stdout((corpus / run / truth[run]['file']).read_text(errors='replace'))
    initial, spins = output.initial_geometry, output.mulliken.spins
    names = ['NiUp' if spin > 1 else 'NiDown' if spin < -1 else 'O' for spin in spins]
    cell = initial.cell.copy()
    cell[0] *= 2
    structure = orm.StructureData(cell=cell.tolist())
    order = [(0, 0), (1, 1), (2, 0), (3, 1), (3, 0), (2, 1), (1, 0), (0, 1)]
    for index, half in order:
        site = initial.sites[index]
        position = np.array(site.position) + half * initial.cell[0]
        structure.append_atom(position=position.tolist(), symbols=site.symbol, name=names[index])
    results, function = parse(run, structure)
    assert function.is_finished_ok
    parameters = results['output_parameters'].get_dict()
    assert parameters['primitive_cells_in_structure'] == 2
    assert parameters['mulliken']['spins'] == pytest.approx([spins[index] for index, _ in order])
    assert parameters['total_spin'] == pytest.approx(0, abs=1e-3)


def test_edited_geometry_stays_in_crystals_cell(parse, generate_structure):
    """A supercell made in the input is not the structure that was given: nothing is forced into its cell."""
    results, _ = parse('mgo222_freq', generate_structure('MgO'))
    parameters = results['output_parameters'].get_dict()
    assert parameters['atom_order'] == 'crystal'
    assert 'primitive_cells_in_structure' not in parameters


@pytest.mark.parametrize(
    ('run', 'parameters', 'status', 'outputs'),
    [
        ('nio_scf_maxcyc', {}, 410, {'output_parameters'}),
        (
            'mackinawite_opt_failed',
            {'geometry': {'optgeom': {}}},
            500,
            {'output_parameters', 'output_structure', 'output_trajectory'},
        ),
        (
            'nio_opt_walltime',
            {'geometry': {'optgeom': {}}},
            400,
            {'output_parameters', 'output_structure', 'output_trajectory'},
        ),
        ('incomplete_scf', {}, 404, {'output_parameters'}),
        ('failed_elastic', {}, 501, None),
        ('mgo100_itol_error', {}, 325, {'output_parameters'}),
    ],
)
def test_failures_have_their_exit_code_and_all_outputs(parse, run, parameters, status, outputs):
    results, function = parse(run, parameters=parameters)
    assert function.exit_status == status, function.exit_message
    if outputs is not None:
        assert outputs <= set(results)
    assert results['output_parameters'].get_dict()['diagnoses']
    told = set(results['output_parameters'].get_dict())
    assert not told & {'energy_hartree', 'gap_ev', 'fermi_energy_ev', 'mulliken', 'is_conducting'}


def test_message_of_fort87_counts(parse):
    """In parallel runs the reason is in fort.87 only (a real case of CRYSTAL23)."""
    results, function = parse('incomplete_scf', files={'fort.87': ' ERROR **** BFGS_ **** PXK TOO SMALL\n'})
    assert function.exit_status == 502
    assert 'output_parameters' in results


def test_last_scf_of_an_optimisation_comes_from_its_log(parse, corpus):
    """Of 19 SCFs the main output shows only the first; the last lines of SCFOUT.LOG are of the one that was killed."""
    folder = corpus / 'nio_opt_walltime'
    results, _ = parse('nio_opt_walltime', parameters={'geometry': {'optgeom': {}}}, temporary=str(folder))
    optimisation = results['output_parameters'].get_dict()['optimisation']
    energies = optimisation['last_scf']['energies_hartree']
    last = [line for line in (folder / 'SCFOUT.LOG').read_text().splitlines() if line.startswith(' CYC ')][-1]
    assert energies[-1] == pytest.approx(float(last.split('ETOT(AU)')[1].split()[0]))


def test_last_whole_step_file_is_taken(corpus, tmp_path):
    from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Optimisation
    from aiida_crystalmath.parsers.optimisations import last_step_file

    for name in ('optc001', 'optc002', 'optc003'):
        (tmp_path / name).write_bytes((corpus / 'mgo_scf_b3lyp' / name).read_bytes())
    (tmp_path / 'optc004').write_text((tmp_path / 'optc003').read_text()[:300])
    geometry = last_step_file(str(tmp_path), CrystalOutput(optimisation=Optimisation()))
    assert geometry.cell[0, 1] == pytest.approx(2.12007023163)
    assert last_step_file(str(tmp_path), CrystalOutput()) is None


def test_missing_output(parse, generate_structure):
    _, function = parse(None, generate_structure())
    assert function.exit_status == 303


def test_output_of_another_program(parse, generate_structure):
    _, function = parse(None, generate_structure(), files={'crystal.out': 'bash: crystal: command not found\n'})
    assert function.exit_status == 304


STDERR = '_scheduler-stderr.txt'
KILLED = {
    STDERR: '=   EXIT STRING: Killed (signal 9)\nAPPLICATION TERMINATED WITH THE EXIT STRING: KILLED BY SIGNAL: 9\n'
}


@pytest.mark.parametrize('printed', [{}, {'crystal.out': ''}])
def test_reason_of_a_run_that_printed_nothing_is_kept(parse, generate_structure, printed):
    """Both verdicts: the status is the scheduler's, and what the program's last words were is there to be read."""
    how = {'files': {**KILLED, **printed}, 'options': {'scheduler_stderr': STDERR}}
    results, function = parse(None, generate_structure(), **how, exit_status=110)
    assert function.exit_status == 110
    told = results['output_parameters']
    assert [entry['name'] for entry in told['diagnoses']] == ['killed']
    assert 'engine' not in told.get_dict() and 'engine' not in told.base.extras.all
    _, function = parse(None, generate_structure(), **how)
    assert function.exit_status == 404, 'the reason decides, not that the output is missing'


@pytest.mark.parametrize(
    ('run', 'verdict'), [('nio_opt_walltime', 120), ('incomplete_scf', 110), ('mgo_sto3g_scf', 140)]
)
def test_scheduler_verdict_is_never_hidden(parse, run, verdict):
    results, function = parse(run, exit_status=verdict)
    assert function.exit_status == verdict
    assert 'output_parameters' in results


def test_scheduler_verdict_without_output(parse, generate_structure):
    _, function = parse(None, generate_structure(), exit_status=110)
    assert function.exit_status == 110


def test_testgeom_is_a_success(parse):
    _, function = parse('mgo_slab_testgeom', parameters={'geometry': {'testgeom': True}})
    assert function.is_finished_ok, function.exit_message


def test_optimisation_that_was_asked_for_must_be_there(parse):
    _, function = parse('mgo_sto3g_scf', parameters={'geometry': {'optgeom': {}}})
    assert function.exit_status == 500
