"""Dry runs: what they tell, and that a good one is no failure and no result."""

from __future__ import annotations

import pytest
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.cli.summaries import further_rows
from aiida_crystalmath.cli.summary import summarise
from aiida_crystalmath.workflows.crystal.preflight import dry_run_parameters


@pytest.fixture
def preflight(shipped_family, generate_structure):
    """Return a function that runs the chain for a structure and a code."""
    shipped_family('sto-3g')

    def run(code, structure='LiH', overrides=None, **arguments):
        builder = WorkflowFactory('crystalmath.crystal.preflight').get_builder_from_protocol(
            code, generate_structure(structure), 'fast', overrides, **arguments
        )
        return run_get_node(builder).node

    return run


@pytest.mark.standin
def test_sizes_without_an_scf(preflight, crystal_code):
    """LiH in STO-3G: 6 + 1 functions, 48 operators; nothing is computed, and an optimisation asked for is left out."""
    geopt = {'base': {'crystal': {'parameters': {'geometry': {'optgeom': {}}}}}}
    node = preflight(crystal_code, overrides=geopt)
    assert node.is_finished_ok, node.exit_message
    told = node.outputs.output_preflight
    assert (told['dry_run'], told['n_ao'], told['n_electrons'], told['n_symmetry_operators']) == ('TESTPDIM', 6, 4, 48)
    assert told['n_kpoints'] >= 3
    assert 'STAND-IN' in told['engine']
    base = next(called for called in node.called if called.process_label == 'CrystalBaseWorkChain')
    parameters = base.outputs.output_parameters
    assert 'energy_hartree' not in parameters.keys()
    assert not (parameters.get_dict().get('scf') or {}).get('energies_hartree')
    assert [found['name'] for found in parameters['diagnoses'] if found['severity'] == 'error'] == []
    assert 'dimensions_test' in [found['name'] for found in parameters['diagnoses']]


@pytest.mark.standin
def test_geometry_only(preflight, crystal_code):
    node = preflight(crystal_code, 'H2O', {'test': 'TESTGEOM'})
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.output_preflight['dry_run'] == 'TESTGEOM'
    assert 'n_ao' not in node.outputs.output_preflight.keys()
    shown = {name: value for name, value, _ in further_rows(summarise(node))}
    assert shown['dry run'] == 'TESTGEOM: the input was read, nothing was computed'
    assert shown['engine'] == 'STAND-IN, not CRYSTAL'
    assert 'basis functions' not in shown


@pytest.mark.standin
def test_a_wrong_input_is_explained(preflight, crystal_code):
    """Real: the stand-in refuses a charge, in words; the chain says them."""
    basis = {'base': {'crystal': {'parameters': {'basis': {'charged': True}}}}}
    node = preflight(crystal_code, overrides=basis)
    assert node.exit_status == 420
    assert 'exit status 329' in node.exit_message


def test_the_diagnosis_of_crystal(replay, corpus, preflight):
    """Recorded: TOLINTEG with too few numbers."""
    node = preflight(replay(corpus / 'mgo100_itol_error'))
    assert node.exit_status == 420
    assert 'exit status 325' in node.exit_message
    assert 'TOLINTEG' in node.exit_message
    assert 'TESTPDIM' in replay.decks[0].split()


def test_a_real_geometry_test_is_no_failure(replay, corpus, preflight):
    node = preflight(replay(corpus / 'slab_testgeom'), overrides={'test': 'TESTGEOM'})
    assert node.is_finished_ok, node.exit_message
    assert 'TESTGEOM' in replay.decks[0].split()


def test_a_program_that_computes_all_the_same(replay, corpus, preflight):
    """Recorded: a whole SCF, as if the keyword had been passed over."""
    node = preflight(replay(corpus / 'mgo_sto3g_scf'))
    assert node.exit_status == 421
    assert 'output_preflight' not in node.outputs


def test_parameters_of_a_dry_run():
    """Tasks and restarts go, what describes the system stays."""
    parameters = {
        'title': 'x',
        'geometry': {'optgeom': {'restart': True}, 'edits': ['SUPERCEL', '2 0 0', '0 2 0', '0 0 2']},
        'scf': {'guessp': True, 'toldee': 8},
    }
    geometry = {'edits': ['SUPERCEL', '2 0 0', '0 2 0', '0 0 2']}
    scf = {'toldee': 8, 'testpdim': True}
    assert dry_run_parameters(parameters, 'TESTPDIM') == {'title': 'x', 'geometry': geometry, 'scf': scf}
    assert dry_run_parameters({}, 'TESTGEOM') == {'geometry': {'testgeom': True}}
    optimisation = {'title': 'x', 'geometry': {'optgeom': {}}}
    assert dry_run_parameters(optimisation, 'TESTPDIM') == {'title': 'x', 'scf': {'testpdim': True}}


def test_unknown_test(preflight, fixture_code):
    with pytest.raises(ValueError, match='did you mean "TESTPDIM"'):
        preflight(fixture_code('crystalmath.crystal23'), overrides={'test': 'TESTDIM'})
