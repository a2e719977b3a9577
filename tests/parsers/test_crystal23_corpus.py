"""Crystal23Parser on every output of the corpus: success is told exactly of the runs that succeeded."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.crystal.diagnosis import CATALOGUE, exit_codes
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.data.structure import from_geometry, to_geometry

pytestmark = pytest.mark.corpus

ENTRY_POINT = 'crystalmath.crystal23'
STDERR = '_scheduler-stderr.txt'


@pytest.fixture
def parse(generate_calc_job_node, generate_parser, generate_structure):
    """Parse an output given as text or file; outputs are not stored."""

    def factory(output, structure=None, parameters=None, files=None, settings=None):
        inputs = {'parameters': orm.Dict(parameters or {}), 'structure': structure or generate_structure()}
        if settings is not None:
            inputs['settings'] = orm.Dict(settings)
        node = generate_calc_job_node(
            ENTRY_POINT, {'crystal.out': output, **(files or {})}, inputs, options={'scheduler_stderr': STDERR}
        )
        return generate_parser(ENTRY_POINT).parse_from_node(node, store_provenance=False)

    return factory


def asked_for(values):
    """Return what the input of a run asked for, as far as the exit code depends on it."""
    if values['status'] == 'ok_testgeom':
        return {'geometry': {'testgeom': True}}
    return {'geometry': {'optgeom': {}}} if values['kind'] == 'opt' else {}


def test_success_is_told_of_successes_only(parse, corpus, truth):
    """Exit status 0 if and only if the hand-checked truth says: a run of crystal, whole, and without failure."""
    statuses = {}
    for run, values in truth.items():
        path = corpus / run / values['file']
        initial = parse_stdout(path).initial_geometry
        # A ghost is printed without its element, so that no structure can be made of it.
        has_ghosts = initial is not None and any(site.number == 0 for site in initial.sites)
        structure = from_geometry(initial) if initial is not None and not has_ghosts else None
        # No run of the corpus has its fort.87.
        results, function = parse(path, structure, asked_for(values), settings={'symmetry': 'none'})
        # `is_failure` is null where a crystal run succeeded and the properties step after it did not.
        succeeded = values['program'] == 'crystal' and not values['is_failure']
        assert (function.exit_status == 0) == succeeded, (run, function.exit_status, function.exit_message)
        has_banner = values['program'] in ('crystal', 'properties') and values['status'] != 'empty'
        told = set(results['output_parameters'].get_dict()) if 'output_parameters' in results else set()
        assert len(told) > 1 if has_banner else told <= {'diagnoses'}, run
        statuses[run] = function.exit_status
    assert sum(status == 0 for status in statuses.values()) > 40
    assert {status for status in statuses.values() if status} >= {304, 325, 400, 404, 410, 500, 501}


@pytest.mark.parametrize('run', ['mgo_scf_b3lyp', 'mgo_opt_c22', 'nio_sto3g_afm_opt', 'mgo_raman', 'mgo_slab_testgeom'])
def test_no_cut_output_is_a_success(parse, corpus, truth, run):
    lines = (corpus / run / truth[run]['file']).read_text(errors='replace').splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if line.startswith(' EEEEEEEEEE TERMINATION  DATE'))
    initial = parse_stdout(lines).initial_geometry
    structure = from_geometry(initial)
    for stop in (*range(0, end, max(end // 8, 1)), end):
        results, function = parse(''.join(lines[:stop]), structure, asked_for(truth[run]))
        assert function.exit_status in (304, 404), (stop, function.exit_status)
        if 'output_parameters' in results:
            told = results['output_parameters'].get_dict()
            assert not {'energy_hartree', 'gap_ev', 'fermi_energy_ev', 'mulliken', 'is_conducting'} & set(told), stop


OPTIMISATIONS = [
    *('w_molecule_opt', 'toluene_opt', 'nano05_opt', 'mgo_opt_c22', 'mgo_sto3g_opt', 'nio_sto3g_afm_opt'),
    *('optgeom_c14', 'nio_tzvp_pbe0_opt', 'fe_opt_c09', 'check_last_point_opt', 'spin_opt_c17', 'slab_opt_c14'),
    *('nio_walltime2_restart_opt', 'srhfo3_y4h4_opt', 'diamond_opt_c22', 'lafeo3_opt_c09', 'srtio3_opt_c06'),
    *('graphene_elastic', 'mackinawite_opt_failed', 'nio_opt_walltime'),
]


def distances(geometry):
    """Return the shortest distances (Å) between all atoms and images within one cell, shape (n, n)."""
    apart = geometry.fractional[:, None] - geometry.fractional[None]
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1] if p else [0] for p in geometry.pbc], indexing='ij'), -1).reshape(-1, 3)
    periodic = list(geometry.pbc)
    apart[..., periodic] -= np.round(apart[..., periodic])
    return np.linalg.norm((apart[:, :, None] + shifts) @ geometry.frame, axis=-1).min(axis=-1)


@pytest.mark.parametrize('run', OPTIMISATIONS)
def test_optimised_atoms_and_charges_come_back_in_the_users_order(parse, corpus, truth, run):
    """The user's structure has the atoms in another order and other images of them; every atom stays itself.

    Without symmetry, since the spins of antiferromagnets and the wish for a supercell are not in an output's geometry.
    """
    path = corpus / run / truth[run]['file']
    output = parse_stdout(path)
    initial = output.initial_geometry
    random = np.random.default_rng(7)
    # A kind with a potential is another species than the one of a structure whose basis sets are not known, so that
    # only the images are changed there.
    has_ecp = any(site.ecp for site in initial.sites)
    order = np.arange(len(initial)) if has_ecp else random.permutation(len(initial))
    images = random.integers(-1, 2, (len(initial), 3)) * np.array(initial.pbc)
    moved = initial.with_positions(initial.positions + images @ initial.frame)
    given = moved.with_sites(moved.sites[index] for index in order)
    results, function = parse(path, from_geometry(given), {'geometry': {'optgeom': {}}}, settings={'symmetry': 'none'})
    assert (function.exit_status == 0) == (not truth[run]['is_failure'])
    told = results['output_parameters'].get_dict()
    assert told['atom_order'] == 'structure'
    assert told['primitive_cells_in_structure'] == 1
    relaxed = to_geometry(results['output_structure'])
    assert relaxed.numbers == given.numbers
    printed = output.final_geometry
    if output.optimisation.status != 'converged':
        points = [point for point in output.optimisation.points if point.energy_hartree is not None]
        printed = min(points, key=lambda point: point.energy_hartree).geometry
    assert np.allclose(relaxed.cell_parameters, printed.cell_parameters, atol=1e-3)
    assert np.allclose(distances(relaxed), distances(printed)[np.ix_(order, order)], atol=2e-4)
    if output.mulliken is not None:
        electrons = [output.mulliken.electrons[index] for index in order]
        assert told['mulliken']['electrons'] == pytest.approx(electrons, abs=2e-3)
        if output.mulliken.spins is not None:
            spins = [output.mulliken.spins[index] for index in order]
            assert np.abs(told['mulliken']['spins']) == pytest.approx(np.abs(spins), abs=2e-3)


def with_marker(output, entry):
    """Return the files of a run that stops with the example of an entry of the catalogue."""
    name = {'stdout': 'crystal.out', 'fort87': 'fort.87', 'stderr': STDERR}[entry.source]
    if name == 'crystal.out':
        # Some are quoted without the form in which CRYSTAL prints every error on stdout.
        line = entry.example if '****' in entry.example else f' ERROR **** ROUTINE **** {entry.example}'
        return {name: f'{output}{line}\n'}
    return {'crystal.out': output, name: f'{entry.example}\n'}


@pytest.mark.parametrize('entry', [e for e in CATALOGUE if e.marker and e.exit_code], ids=lambda entry: entry.name)
def test_every_marker_reaches_its_exit_code(parse, corpus, truth, entry):
    """A real output that stops in the middle, with the words of the catalogue where it says that they stand."""
    run = 'incomplete_scf'
    files = with_marker((corpus / run / truth[run]['file']).read_text(errors='replace'), entry)
    results, function = parse(files.pop('crystal.out'), files=files)
    assert function.exit_status == entry.exit_code
    assert function.exit_message == {status: message for status, _, message in exit_codes()}[entry.exit_code]
    diagnoses = results['output_parameters'].get_dict()['diagnoses']
    assert diagnoses[0]['name'] == entry.name
    assert diagnoses[0]['remedy'] == entry.remedy


def test_unknown_error_has_its_exit_code(parse, corpus, truth):
    run = 'incomplete_scf'
    text = (corpus / run / truth[run]['file']).read_text(errors='replace')
    results, function = parse(f'{text} ERROR **** NEWSUB **** SOMETHING NOBODY HAS SEEN\n')
    assert function.exit_status == 390
    assert 'NEWSUB' in results['output_parameters'].get_dict()['diagnoses'][0]['evidence']


def test_every_exit_code_can_be_reached():
    """By an entry of the catalogue, or by the parsers themselves when there is no output file."""
    by_parsers = {303, 170}  # 170: from what the scheduler says
    assert {status for status, _, _ in exit_codes()} == {e.exit_code for e in CATALOGUE if e.exit_code} | by_parsers
