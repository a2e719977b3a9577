"""Sequences on real physics: what goes from step to step, what a failure stops, pausing, skipping, and redoing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node, submit
from aiida.plugins import WorkflowFactory
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.workflows.sequences import control
from aiida_crystalmath.workflows.sequences.redo import REDO_OF, redo_builder, step_processes

pytestmark = pytest.mark.standin

NO_CHANCE = {'crystal': {'parameters': {'hamiltonian': {'dft': {'functional': 'SOGGA'}}}}}
"""Overrides that the stand-in has to refuse, at once."""
CURED = {'bad': {'overrides': {'crystal': {'parameters': {'hamiltonian': {'dft': {'functional': 'PBE'}}}}}}}


@pytest.fixture
def builder_for(crystal_code, properties_code, generate_structure, shipped_family):
    """Return a factory of builders of a sequence, protocol fast: ``builder_for('H2', step, step, ...)``."""
    shipped_family('sto-3g')

    def factory(structure, *steps, sequence=None, **arguments):
        structure = generate_structure(structure) if isinstance(structure, str) else structure
        return WorkflowFactory('crystalmath.crystal.sequence').get_builder_from_protocol(
            crystal_code,
            structure,
            'fast',
            sequence=sequence or {'steps': list(steps)},
            properties_code=properties_code,
            **arguments,
        )

    return factory


@pytest.fixture
def solid():
    """Return a crystal of hydrogen molecules in a row: the cheapest crystal with a gap."""
    structure = orm.StructureData(cell=[[3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.4]])
    structure.append_atom(position=(0, 0, 0), symbols='H')
    structure.append_atom(position=(0, 0, 0.74), symbols='H')
    return structure


def steps_of(node) -> dict:
    """Return the entries of the summary by step."""
    return {step['name']: step for step in node.outputs.output_parameters['steps']}


def states_of(node) -> dict:
    return {name: step['status'] for name, step in steps_of(node).items()}


def jobs_of(node) -> list:
    return [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]


# ------------------------------------------------------------------------------------------------ before it runs


@pytest.mark.parametrize(
    ('step', 'reason'),
    [
        ({'name': 'sp', 'overrides': {'cristal': {}}}, 'step "sp": unknown key "cristal" in overrides: did you mean'),
        ({'name': 'sp', 'protocol': 'sloppy'}, 'step "sp": unknown protocol "sloppy"'),
        (
            {'name': 'opt', 'arguments': {'relax': 1}},
            'step "opt": arguments: crystalmath.crystal.geopt takes no "relax"',
        ),
        ({'name': 'opt', 'arguments': {'protocol': 'fast'}}, '"protocol" is a key of the step itself'),
        ({'name': 'opt', 'arguments': {'relax_type': 'none'}}, 'step "opt": relax_type "none" moves nothing'),
        ({'name': 'sp', 'initial_magnetic_moments': {'Fe': 1}}, 'step "sp": initial_magnetic_moments: the structure'),
        (
            {'name': 'sp', 'overrides': {'crystal': {'parameters': {'scf': {'tolldee': 5}}}}},
            'step "sp": ',
        ),
    ],
)
def test_a_wrong_step_stops_before_anything_is_stored(builder_for, step, reason):
    builder_for('H2', {'name': 'sp'})  # codes and basis sets are stored now
    before = orm.QueryBuilder().append(orm.Data).count()
    with pytest.raises(ValueError, match='step') as caught:
        builder_for('H2', step)
    assert reason in str(caught.value)
    assert orm.QueryBuilder().append(orm.Data).count() == before


def test_bands_need_the_program_properties(builder_for, solid, crystal_code):
    chain = WorkflowFactory('crystalmath.crystal.sequence')
    with pytest.raises(ValueError, match='step "bands": band structure needs a code for the program properties'):
        chain.get_builder_from_protocol(crystal_code, solid, 'fast', sequence='full_electronic')


def test_the_mesh_of_a_single_point_is_that_its_followers_ask_for(builder_for, solid):
    """The protocol fast has SHRINK 2 for energies; bands and densities ask for more."""
    from aiida_crystalmath.workflows.sequences.builders import Programs, step_builder
    from aiida_crystalmath.workflows.sequences.model import Sequence

    builder = builder_for(solid, sequence='full_electronic')
    sequence = Sequence.parse(builder.sequence['sequence'])
    programs = Programs(builder.code, builder.properties_code)
    alone = Sequence.parse({'defaults': {'protocol': 'fast'}, 'steps': [{'name': 'sp'}]})
    assert step_builder(alone, alone.step('sp'), programs, solid).kpoints_distance.value == 1.5
    assert step_builder(sequence, sequence.step('sp'), programs, solid).kpoints_distance.value == 0.75


# ------------------------------------------------------------------------------------------------ results and failures


@pytest.fixture(scope='module')
def finished():
    """Hold the run that several tests look at."""
    return {}


@pytest.fixture
def branches(finished, builder_for):
    """Return a run on H2: an optimisation, then three single points of which one must fail, and one after that."""
    if 'node' not in finished:
        builder = builder_for(
            'H2',
            {'name': 'opt', 'overrides': {'final_scf': False}},
            {'name': 'good', 'kind': 'sp', 'needs': ['opt']},
            {'name': 'bad', 'kind': 'sp', 'needs': ['opt'], 'overrides': NO_CHANCE},
            {'name': 'after_bad', 'kind': 'sp', 'needs': ['bad']},
            {'name': 'lost', 'kind': 'opt', 'needs': ['good'], 'optional': True, 'overrides': {'base': NO_CHANCE}},
            {'name': 'after_lost', 'kind': 'sp', 'needs': ['lost']},
            {'name': 'bands', 'needs': ['good']},
        )
        finished['node'] = run_get_node(builder)[1]
    return finished['node']


def test_a_critical_failure_names_the_step(branches):
    assert branches.exit_status == 421
    assert branches.exit_message.startswith('The step "bad" <')
    assert states_of(branches) == {
        'opt': 'finished',
        'good': 'finished',
        'bad': 'failed',
        'after_bad': 'not run',
        'lost': 'failed',
        'after_lost': 'finished',
        'bands': 'left out',
    }
    assert steps_of(branches)['bands']['reason'] == 'a molecule has no band structure'
    assert steps_of(branches)['after_bad']['reason'] == 'it needs step "bad", which failed'


def test_what_was_reached_is_handed_on(branches):
    outputs = branches.outputs
    assert outputs.output_structure.uuid == outputs.steps.opt.output_structure.uuid
    energy = outputs.steps.good.output_parameters['energy_hartree']
    assert steps_of(branches)['good']['results']['energy_hartree'] == energy
    assert outputs.output_parameters['engine'] == 'STAND-IN'
    assert outputs.output_parameters['n_finished'] == 3


def test_after_a_lost_optimisation_the_structure_before_it_is_taken(branches):
    """The optional step failed: the next one has the geometry of `opt`, and its energy."""
    point = step_processes(branches)['after_lost']
    assert point.inputs.crystal.structure.uuid == branches.outputs.steps.opt.output_structure.uuid
    energies = [steps_of(branches)[name]['results']['energy_hartree'] for name in ('good', 'after_lost')]
    assert energies[0] == pytest.approx(energies[1], abs=1e-8)


def test_redo_after_a_failure_computes_only_what_is_missing(branches):
    """With what made it fail taken away; all else finished well and is not run at all."""
    builder = redo_builder(branches, 'bad', CURED)
    node = run_get_node(builder)[1]
    assert node.is_finished_ok, node.exit_message
    assert states_of(node) == {
        'opt': 'reused',
        'good': 'reused',
        'bad': 'finished',
        'after_bad': 'finished',
        'lost': 'failed',
        'after_lost': 'reused',
        'bands': 'left out',
    }
    assert set(step_processes(node)) == {'bad', 'after_bad', 'lost'}
    assert node.outputs.steps.good.output_parameters.uuid == branches.outputs.steps.good.output_parameters.uuid
    assert node.outputs.output_structure.uuid == branches.outputs.output_structure.uuid


def test_redo_repeats_no_calculation_with_the_same_inputs(branches):
    node = run_get_node(redo_builder(branches, 'opt'))[1]
    sources = {job.uuid for job in jobs_of(branches) if job.is_finished_ok}
    for name in ('opt', 'good', 'after_lost'):
        (job,) = jobs_of(step_processes(node)[name])
        assert job.base.caching.is_created_from_cache, name
        assert job.base.caching.get_cache_source() in sources
    failed = jobs_of(step_processes(node)['bad'])
    assert not any(job.base.caching.is_created_from_cache for job in failed), 'what failed is tried again'


@pytest.mark.slow
def test_nothing_is_taken_from_the_database_unless_it_is_asked_for(branches, builder_for):
    node = run_get_node(redo_builder(branches, 'after_lost', use_cache=False))[1]
    assert not any(job.base.caching.is_created_from_cache for job in jobs_of(node))


def test_redo_says_what_cannot_be(branches):
    with pytest.raises(ValueError, match='there is no step "god": did you mean "good"'):
        redo_builder(branches, 'god')
    with pytest.raises(ValueError, match='step "opt" is not run again from "good" on'):
        redo_builder(branches, 'good', {'opt': {'protocol': 'balanced'}})
    with pytest.raises(ValueError, match='unknown key "protcol": did you mean "protocol"'):
        redo_builder(branches, 'good', {'good': {'protcol': 'balanced'}})


# ------------------------------------------------------------------------------------------------ a crystal, a daemon


@pytest.mark.slow
@pytest.mark.daemon
def test_full_electronic_of_a_crystal(started_daemon_client, submit_and_await, builder_for, solid):
    """Through the daemon: bands and densities from one wavefunction, then bands once more."""
    node = submit_and_await(builder_for(solid, sequence='full_electronic'), timeout=240)
    assert node.is_finished_ok, node.exit_message
    assert set(states_of(node).values()) == {'finished'}
    steps = node.outputs.steps
    folders = {
        steps.bands.output_bands.creator.inputs.parent_folder.pk,
        steps.dos.output_dos.creator.inputs.parent_folder.pk,
    }
    assert folders == {steps.sp.remote_folder.pk}
    assert steps.sp.remote_folder.creator.inputs.structure.uuid == node.outputs.output_structure.uuid
    assert np.array(steps.bands.output_bands.cell) == pytest.approx(
        np.array(node.outputs.output_structure.cell), abs=1e-6
    )

    again = submit_and_await(
        redo_builder(node, 'bands', {'bands': {'overrides': {'bands_kpoints_distance': 0.2}}}), timeout=120
    )
    assert again.is_finished_ok, again.exit_message
    assert states_of(again) == {'opt': 'reused', 'sp': 'reused', 'bands': 'finished', 'dos': 'reused'}
    assert [job.process_label for job in jobs_of(again)] == ['Crystal23PropertiesCalculation']
    assert len(again.outputs.steps.bands.output_bands.get_kpoints()) < len(steps.bands.output_bands.get_kpoints())


@pytest.mark.daemon
def test_pause_skip_resume_and_redo(started_daemon_client, builder_for, aiida_profile):
    """As people do it, with the commands, while a daemon carries the sequence out."""

    def crystalmath(*arguments: object) -> str:
        result = CliRunner().invoke(main, ['-p', aiida_profile.name, 'sequence', *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return result.output

    node = submit(
        builder_for(
            'H2',
            {'name': 'first', 'kind': 'sp'},
            {'name': 'second', 'kind': 'sp', 'needs': ['first']},
            {'name': 'third', 'kind': 'sp', 'needs': ['first']},
        )
    )
    crystalmath('pause', node.pk)
    wait_until(lambda: node.paused)
    assert not node.is_terminated
    begun = set(step_processes(node))
    assert begun <= {'first'}
    assert 'will not begin step third' in crystalmath('skip', node.pk, 'third')
    refused = CliRunner().invoke(main, ['-p', aiida_profile.name, 'sequence', 'skip', str(node.pk), 'fourth'])
    assert 'there is no step "fourth"' in refused.stderr
    assert 'goes on' in crystalmath('resume', node.pk)
    wait_until(lambda: node.is_terminated)
    assert node.is_finished_ok, node.exit_message
    assert states_of(node) == {'first': 'finished', 'second': 'finished', 'third': 'skipped'}
    assert node.base.extras.get(control.STEPS)['third']['reason'] == 'on request'

    refused = CliRunner().invoke(main, ['-p', aiida_profile.name, 'sequence', 'pause', str(node.pk)])
    assert 'is over' in refused.stderr
    output = crystalmath('redo', node.pk, '--from', 'second', '--set', 'second.overrides.max_iterations=2')
    again = orm.QueryBuilder().append(orm.WorkChainNode, filters={f'extras.{REDO_OF}': node.uuid}).one()[0]
    assert f'PK {again.pk}' in output
    assert states_of(again) == {'first': 'reused', 'second': 'finished', 'third': 'finished'}
    assert all(job.base.caching.is_created_from_cache for job in jobs_of(again)), 'the same single point, in a way'


def wait_until(condition, timeout_s: float = 120) -> None:
    """Wait for something that a daemon does."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, 'it does not come about'
        time.sleep(0.5)
