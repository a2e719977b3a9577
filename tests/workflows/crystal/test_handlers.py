"""Every handler of the base chain, one by one, on finished calculations; nothing is run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessHandlerReport

CONVERGING = [-271.2, -271.70, -271.755, -271.7645]
OSCILLATING = [-268.34, -270.01] * 6


@pytest.fixture
def base(generate_inputs_crystal, generate_workchain):
    """Return a factory of base chains, set up but not run."""

    def factory(parameters: dict | None = None, **inputs):
        crystal = generate_inputs_crystal()
        content = crystal['parameters'].get_dict()
        for block, values in (parameters or {}).items():
            content[block] = {**content.get(block, {}), **values}
        crystal['parameters'] = orm.Dict(content)
        if 'options' in inputs:
            crystal['metadata']['options'].update(inputs.pop('options'))
        process = generate_workchain('crystalmath.crystal.base', {'crystal': crystal, **inputs})
        process.setup()
        assert process.prepare_inputs() is None
        process.ctx.children = []
        return process

    return factory


@pytest.fixture
def finished(generate_calc_job_node, generate_structure, aiida_localhost, tmp_path):
    """Return a factory that gives a chain one more finished child with results, remote files and trajectory."""

    def factory(process, exit_status, *, results=None, files=None, points=0, energies=None, message=None, parent=None):
        inputs = {'structure': process.ctx.inputs.structure, **({'parent_folder': parent} if parent else {})}
        node = generate_calc_job_node('crystalmath.crystal23', inputs=inputs, exit_status=exit_status)
        node.set_process_state('finished')
        if message is not None:
            node.set_exit_message(message)
        folder = tmp_path / str(node.pk)
        folder.mkdir()
        for name, content in (files or {}).items():
            (folder / name).write_text(content)
        node.outputs.remote_folder.base.attributes._backend_node.set_attribute('remote_path', str(folder))
        if results is not None:
            attach(node, 'output_parameters', orm.Dict(results))
        if points:
            attach(node, 'output_trajectory', trajectory(process.ctx.inputs.structure, points, energies))
        process.ctx.children.append(node)
        process.ctx.iteration = len(process.ctx.children)
        return node

    return factory


def attach(node, label, data):
    data.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label=label)
    data.store()


def trajectory(structure, points, energies=None):
    """Make a trajectory whose cell shrinks by 1 % a point."""
    data = orm.TrajectoryData()
    scale = 0.99 ** np.arange(points)
    positions = np.array([site.position for site in structure.sites])
    data.set_trajectory(
        symbols=[site.kind_name for site in structure.sites],
        positions=scale[:, None, None] * positions,
        stepids=np.arange(points),
        cells=scale[:, None, None] * np.array(structure.cell),
        pbc=structure.pbc,
    )
    if energies is not None:
        data.set_array('energies_hartree', np.array(energies))
    return data


def scf_results(energies):
    return {'scf': {'converged': False, 'n_cycles': len(energies), 'energies_hartree': energies}}


def continues(result) -> bool:
    return result is not None and result.status == 0


OPTGEOM = {'geometry': {'optgeom': {'type': 'FULLOPTG', 'maxcycle': 10}}}
BOTH = {'OPTINFO.DAT': 'state', 'fort.9': 'wavefunction'}


# ---------------------------------------------------------------------------------------------------- input errors


@pytest.mark.parametrize('status', [303, 320, 321, 322, 323, 324, 390, 405, 406, 407, 100, 110, 150])
def test_input_errors_stop_at_once(base, finished, status):
    """Whatever running again cannot help ends the chain with the calculation's own code."""
    process = base()
    finished(process, status)
    result = process.inspect_process()
    assert result.status == status
    assert process.ctx.recovery == []
    assert 'remote_folder' in process.outputs
    report = process.outputs['recovery_report']
    assert (report['outcome'], report['failure']['exit_status']) == ('given_up', status)
    assert report['next_step']


def test_success_is_left_alone(base, finished):
    process = base()
    finished(process, 0)
    assert process.inspect_process() is None
    assert process.ctx.is_finished


def test_exit_codes_of_the_calculation_are_declared(base):
    """The chain's documentation lists them, and the core's own are not declared again."""
    from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain

    codes = CrystalBaseWorkChain.exit_codes
    assert codes.ERROR_SCF_NOT_CONVERGED.status == 410
    assert codes.ERROR_CELL_NOT_NEUTRAL.status == 322
    assert codes.ERROR_MAXIMUM_ITERATIONS_EXCEEDED.status == 401
    statuses = [code.status for code in codes.values()]
    assert len(statuses) == len(set(statuses))


# ---------------------------------------------------------------------------------------------------- SCF


def test_cycles_exhausted_goes_on_from_the_wavefunction(base, finished):
    """GUESSP and twice MAXCYCLE; TOLDEE and all the rest as they were."""
    process = base({'scf': {'maxcycle': 4, 'toldee': 7}})
    before = dict(process.ctx.inputs.parameters['scf'])
    node = finished(process, 410, results=scf_results(CONVERGING), files={'fort.9': 'wavefunction'})
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parent_folder.pk == node.outputs.remote_folder.pk
    assert process.ctx.inputs.parameters['scf'] == {**before, 'maxcycle': 8, 'guessp': True}
    assert process.ctx.recovery[0]['changes'] == {
        'MAXCYCLE': {'old': 4, 'new': 8},
        'GUESSP': {'old': None, 'new': True},
        'parent_folder': {'old': None, 'new': node.outputs.remote_folder.uuid},
    }


@pytest.mark.parametrize('files', [{}, {'fort.9': ''}])
def test_empty_wavefunction_is_not_used(base, finished, files):
    """Reading an empty fort.9 ends with an opaque Fortran error: start anew, with more cycles."""
    process = base({'scf': {'maxcycle': 4}})
    finished(process, 410, results=scf_results(CONVERGING), files=files)
    assert continues(process.inspect_process())
    assert 'parent_folder' not in process.ctx.inputs
    assert process.ctx.inputs.parameters['scf']['guessp'] is False
    assert process.ctx.inputs.parameters['scf']['maxcycle'] == 8


def test_cleaned_folder_counts_as_empty(base, finished):
    process = base({'scf': {'maxcycle': 4}})
    node = finished(process, 410, results=scf_results(CONVERGING), files={'fort.9': 'wavefunction'})
    shutil.rmtree(node.outputs.remote_folder.get_remote_path())
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['guessp'] is False


def test_oscillation_climbs_the_ladder(base, finished):
    """More damping each time, from atomic densities; then other accelerators; then the calculation's own code."""
    process = base({'scf': {'diis': False, 'fmixing': 0}}, max_iterations=orm.Int(20))
    seen = []
    for _ in range(6):
        finished(process, 410, results=scf_results(OSCILLATING), files={'fort.9': 'wavefunction'})
        assert continues(process.inspect_process())
        scf = process.ctx.inputs.parameters['scf']
        assert scf['guessp'] is False
        seen.append((scf['fmixing'], scf['diis']))
    assert seen == [(30, False), (60, False), (90, False), (90, True), (50, 'BROYDEN'), (50, 'ANDERSON')]
    assert 'broyden' not in process.ctx.inputs.parameters['scf']
    finished(process, 410, results=scf_results(OSCILLATING))
    assert process.inspect_process().status == 410
    assert len(process.outputs['recovery_report']['actions']) == 6


def test_everything_is_tried_within_the_default_number_of_runs(base, finished):
    """The chain does not end with 401, which would hide the reason."""
    process = base()
    seen = []
    for _ in range(4):
        finished(process, 410, results=scf_results(OSCILLATING))
        assert continues(process.inspect_process())
        scf = process.ctx.inputs.parameters['scf']
        seen.append((scf.get('fmixing'), scf.get('diis')))
    assert seen == [(60, None), (90, None), (50, 'BROYDEN'), (50, 'ANDERSON')]
    finished(process, 410, results=scf_results(OSCILLATING))
    assert process.inspect_process().status == 410


def test_damping_never_changes_the_physics(base, finished):
    """Hamiltonian, basis, mesh and thresholds stay."""
    process = base({'scf': {'toldee': 9, 'tolinteg': [7, 7, 7, 7, 14]}})
    before = process.ctx.inputs.parameters
    kept = {key: before['scf'][key] for key in ('toldee', 'tolinteg', 'shrink')}
    hamiltonian = dict(before['hamiltonian'])
    finished(process, 410, results=scf_results(OSCILLATING))
    assert continues(process.inspect_process())
    after = process.ctx.inputs.parameters
    assert {key: after['scf'][key] for key in kept} == kept
    assert after['hamiltonian'] == hamiltonian
    assert after['scf']['fmixing'] == 60  # CRYSTAL's default is 30


def test_no_history_means_more_cycles(base, finished):
    """Too few energies to tell: the cheap remedy."""
    process = base({'scf': {'maxcycle': 2}})
    finished(process, 410, results=scf_results([-1.0, -1.1]))
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['maxcycle'] == 4


def test_history_of_another_scf_is_not_judged(base, finished):
    """In an optimisation the output has the first SCF, which converged; the one that failed is unknown: more cycles
    once, then damping.
    """
    process = base({'scf': {'maxcycle': 20}, **OPTGEOM})
    first = {'scf': {'converged': True, 'energies_hartree': CONVERGING}}
    finished(process, 501, results=first, files=BOTH)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['maxcycle'] == 40
    finished(process, 501, results=first, files=BOTH)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['fmixing'] == 60


def test_scf_failure_in_an_optimisation_goes_on_from_its_last_point(base, finished):
    process = base(OPTGEOM)
    finished(process, 501, results=scf_results(OSCILLATING), files=BOTH)
    assert continues(process.inspect_process())
    parameters = process.ctx.inputs.parameters
    assert parameters['geometry']['optgeom']['restart'] is True
    assert parameters['scf']['guessp'] is False
    assert parameters['scf']['fmixing'] == 60


def test_fermi_energy(base, finished):
    """A denser mesh once; then smearing, which is told to change the physics; then the end."""
    process = base({'scf': {'shrink': {'is': [4, 4, 2], 'isp': 8}}})
    finished(process, 411)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['shrink'] == {'is': [8, 8, 4], 'isp': 16}
    assert 'smear' not in process.ctx.inputs.parameters['scf']
    assert process.ctx.recovery[0]['physics'] == []
    finished(process, 411)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['smear'] == 0.005
    assert process.ctx.inputs.parameters['scf']['shrink']['is'] == [8, 8, 4]
    finished(process, 411)
    assert process.inspect_process().status == 411
    report = process.outputs['recovery_report']
    assert report['physics_changed'] == {'SMEAR': {'old': None, 'new': 0.005}}
    assert 'finite temperature' in report['notes'][0]


def test_fermi_energy_without_smearing(base, finished):
    """The choice of the user; and a mesh beyond the cap is not made."""
    recovery = orm.Dict({'fermi_energy': {'smear': False, 'max_shrink': 4}})
    process = base({'scf': {'shrink': {'is': 4, 'isp': 8}}}, recovery=recovery)
    finished(process, 411)
    assert process.inspect_process().status == 411
    assert process.ctx.recovery == []


def test_guess_missing(base, finished):
    """GUESSP is dropped once."""
    process = base({'scf': {'maxcycle': 4}})
    finished(process, 410, results=scf_results(CONVERGING), files={'fort.9': 'wavefunction'})
    assert continues(process.inspect_process())
    finished(process, 412)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['guessp'] is False
    assert 'parent_folder' not in process.ctx.inputs
    finished(process, 412)
    assert process.inspect_process().status == 412


def test_guess_missing_keeps_the_optimiser(base, finished):
    """An optimisation goes on from its last point even without the wavefunction."""
    process = base(OPTGEOM)
    finished(process, 500, results={}, files=BOTH)
    assert continues(process.inspect_process())
    folder = process.ctx.inputs.parent_folder
    finished(process, 412)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parent_folder.pk == folder.pk
    assert process.ctx.inputs.parameters['geometry']['optgeom']['restart'] is True
    assert process.ctx.inputs.parameters['scf']['guessp'] is False


# ---------------------------------------------------------------------------------------------------- gaps


def gap_results(gap, conducting=False, energies=OSCILLATING):
    scf = {'converged': False, 'energies_hartree': energies, 'gap_ev': gap, 'is_conducting': conducting}
    return {'scf': scf}


def test_small_gap_is_shifted_and_unshifted(base, finished):
    """LEVSHIFT from the wavefunction; when that converged, once more without it: no shifted result is taken."""
    process = base({'scf': {'maxcycle': 20}})
    failed = finished(process, 410, results=gap_results(0.3), files={'fort.9': 'wavefunction'})
    assert continues(process.inspect_process())
    scf = process.ctx.inputs.parameters['scf']
    assert (scf['levshift'], scf['guessp'], scf.get('fmixing')) == ([6, 1], True, None)
    assert process.ctx.inputs.parent_folder.pk == failed.outputs.remote_folder.pk
    shifted = finished(process, 0, results={'scf': {'converged': True}}, files={'fort.9': 'wavefunction'})
    assert continues(process.inspect_process())
    scf = process.ctx.inputs.parameters['scf']
    assert ('levshift' in scf, scf['guessp']) == (False, True)
    assert process.ctx.inputs.parent_folder.pk == shifted.outputs.remote_folder.pk
    finished(process, 0, results={'scf': {'converged': True}})
    assert process.inspect_process() is None
    assert process.ctx.is_finished


def test_shift_of_the_input_stays(base, finished):
    """What the user asked for is not taken out again."""
    process = base({'scf': {'levshift': [3, 0]}})
    finished(process, 0, results={'scf': {'converged': True}}, files={'fort.9': 'wavefunction'})
    assert process.inspect_process() is None
    assert process.ctx.inputs.parameters['scf']['levshift'] == [3, 0]


def test_shifted_optimisation_ends_with_a_fresh_point(base, finished):
    """Without LEVSHIFT and RESTART, from the optimised geometry and its wavefunction."""
    process = base(OPTGEOM)
    finished(process, 501, results=gap_results(0.3), files=BOTH)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['geometry']['optgeom']['restart'] is True
    node = finished(process, 0, results={}, files=BOTH)
    structure = process.ctx.inputs.structure.clone()
    attach(node, 'output_structure', structure)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.structure.uuid == structure.uuid
    assert process.ctx.inputs.parameters['geometry']['optgeom']['restart'] is False
    assert process.ctx.inputs.parameters['scf']['guessp'] is True
    assert 'levshift' not in process.ctx.inputs.parameters['scf']


@pytest.mark.parametrize(
    ('results', 'parameters'),
    [
        (gap_results(3.0), {}),
        (gap_results(0.0, True), {}),
        (gap_results(None), {}),
        (gap_results(0.3), {'geometry': {'freqcalc': {}}}),
        (gap_results(0.3), {'scf': {'smear': 0.01}}),
    ],
    ids=['large gap', 'conductor', 'not known', 'frequencies', 'smeared'],
)
def test_no_shift(base, finished, results, parameters):
    process = base(parameters)
    finished(process, 410, results=results)
    assert continues(process.inspect_process())
    assert 'levshift' not in process.ctx.inputs.parameters['scf']
    assert process.ctx.recovery[0]['handler'] == 'handle_scf_oscillation'


def test_conducting_scf(base, finished):
    """Damped as far as it goes, without other accelerators; then a denser mesh; then smeared, and damped as at first.

    If that jumps too, it is damped once more, and that is the end.
    """
    process = base()
    seen = []
    for _ in range(6):
        finished(process, 410, results=gap_results(0.0, True), files={'fort.9': 'wavefunction'})
        assert continues(process.inspect_process())
        scf = process.ctx.inputs.parameters['scf']
        seen.append((scf.get('fmixing'), scf.get('diis'), scf['shrink']['is'], scf.get('smear')))
    unsmeared = [(60, None, 2, None), (90, None, 2, None), (90, None, 4, None)]
    assert seen == [*unsmeared, (None, None, 4, 0.005), (60, None, 4, 0.005), (90, None, 4, 0.005)]
    finished(process, 410, results=gap_results(0.0, True))
    assert process.inspect_process().status == 410
    assert process.outputs['recovery_report']['physics_changed'] == {'SMEAR': {'old': None, 'new': 0.005}}


FREQUENCIES = {'geometry': {'freqcalc': {}}}
STATE = {'FREQINFO.DAT': 'half of it', 'fort.13': 'density'}


@pytest.mark.parametrize(('parameters', 'block'), [(FREQUENCIES, 'freqcalc'), (OPTGEOM, 'optgeom')])
def test_nothing_of_another_mesh_is_taken_up(base, finished, parameters, block):
    """Forces and energies of a coarser mesh, or of sharp occupations, are not mixed with those that follow."""
    process = base(parameters)
    old = process.ctx.inputs.structure
    for change in ('shrink', 'smear'):
        finished(process, 411, files={**STATE, **BOTH}, points=3)
        assert continues(process.inspect_process())
        assert process.ctx.inputs.parameters['scf'][change]
        assert process.ctx.inputs.parameters['geometry'][block]['restart'] is False
        assert process.ctx.inputs.parameters['scf']['guessp'] is False
        assert 'parent_folder' not in process.ctx.inputs
    kept = process.ctx.inputs.structure
    assert (kept is not old) is (block == 'optgeom'), 'the geometry that was reached is no less good'


@pytest.mark.parametrize('configuration', [{'enabled': False}, {'retries': 0}])
def test_no_shift_that_could_not_be_taken_out(base, finished, configuration):
    process = base(recovery=orm.Dict({'level_shift': configuration}))
    finished(process, 410, results=gap_results(0.3))
    assert continues(process.inspect_process())
    assert 'levshift' not in process.ctx.inputs.parameters['scf']


def test_shift_goes_when_the_state_conducts(base, finished):
    """No run without the shift is due then: the result is not a shifted one."""
    process = base({'scf': {'fmixing': 90}})
    finished(process, 410, results=gap_results(0.3))
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['levshift']
    finished(process, 410, results=gap_results(0.0, True))
    assert continues(process.inspect_process())
    assert 'levshift' not in process.ctx.inputs.parameters['scf']
    finished(process, 0, results={'scf': {'converged': True}})
    assert process.inspect_process() is None


# ---------------------------------------------------------------------------------------------------- monitors


def test_stopped_by_a_monitor(base, finished):
    """Its message begins with a name of the catalogue, which decides; disk full stops."""
    process = base()
    finished(process, 150, results=scf_results(CONVERGING), message='scf_oscillating: steps of 0.4 hartree')
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['fmixing'] == 60
    finished(process, 150, results={}, message='scf_diverging: steps of 12 hartree', files={'fort.9': 'x'})
    assert continues(process.inspect_process())
    scf = process.ctx.inputs.parameters['scf']
    assert (scf['fmixing'], scf['guessp']) == (90, False)
    assert [action['diagnoses'] for action in process.ctx.recovery] == [['scf_oscillating'], ['scf_diverging']]
    assert process.ctx.recovery[0]['scheduler'] == 150
    finished(process, 150, message='disk_full: 0 bytes left')
    assert process.inspect_process().status == 150
    assert 'Free disk space' in process.outputs['recovery_report']['next_step']


def test_failing_scf_in_a_running_optimisation(base, finished):
    """Stopped by a monitor: from the last good point, with a safer SCF."""
    process = base(OPTGEOM)
    logged = {'optimisation': {'n_points': 4, 'last_scf': scf_results(OSCILLATING)['scf']}}
    finished(process, 150, results=logged, files=BOTH, message='optimisation_scf_failing: 3 points')
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['geometry']['optgeom']['restart'] is True
    assert process.ctx.inputs.parameters['scf']['fmixing'] == 60


@pytest.mark.parametrize(
    ('geometry', 'saved'),
    [
        ({}, True),
        ({'optgeom': {'type': 'FULLOPTG'}}, None),
        ({'freqcalc': {}}, None),
        ({'elastcon': {}}, None),
        ({'cphf': {}}, None),
    ],
)
def test_only_a_single_scf_saves_its_wavefunction_on_the_way(base, geometry, saved):
    """From four hours on; whatever has RESTART files of its own, or several SCF, does not."""
    for seconds, expected in ((14399, None), (14400, saved)):
        process = base({'geometry': geometry}, options={'max_wallclock_seconds': seconds})
        assert process.ctx.inputs.parameters['scf'].get('savewf') is expected


# ---------------------------------------------------------------------------------------------------- both verdicts


def diagnosed(*names):
    return {'diagnoses': [{'name': name, 'severity': 'error'} for name in names]}


@pytest.mark.parametrize('status', [120, 140, 110])
def test_what_the_program_said_decides(base, finished, status):
    """A job that the machine took down after the program told what is wrong with the input is not run again."""
    process = base()
    finished(process, status, results=diagnosed('cell_not_neutral', 'crashed'))
    assert process.inspect_process().status == status
    failure = process.outputs['recovery_report']['failure']
    assert failure['diagnoses'][0] == 'cell_not_neutral' and failure['scheduler'] == status
    assert 'shell charges' in process.outputs['recovery_report']['next_step']


def test_last_words_of_a_killed_run_decide_nothing(base, finished):
    """`BAD TERMINATION` of MPI after the time limit is no crash."""
    process = base(options={'max_wallclock_seconds': 100})
    finished(process, 120, results=diagnosed('crashed', 'interrupted'))
    assert continues(process.inspect_process())
    assert process.ctx.recovery[0]['diagnoses'] == ['walltime']
    process = base()
    finished(process, 407, results=diagnosed('crashed'))
    assert process.inspect_process().status == 407


def test_out_of_cycles_and_out_of_time(base, finished):
    """The limit came while the program was already saying why it fails: more cycles, not the same again."""
    process = base({'scf': {'maxcycle': 4}})
    results = {**diagnosed('scf_too_many_cycles'), **scf_results(CONVERGING)}
    finished(process, 120, results=results, files={'fort.9': 'wavefunction'})
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['maxcycle'] == 8


def test_oscillating_until_the_time_limit(base, finished):
    """More time would be lost on it: damp."""
    process = base(options={'max_wallclock_seconds': 100})
    finished(process, 120, results=scf_results(OSCILLATING))
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['scf']['fmixing'] == 60
    assert process.ctx.inputs.metadata.options['max_wallclock_seconds'] == 100


def test_walltime_has_a_cap(base, finished):
    recovery = orm.Dict({'interrupted': {'max_walltime_seconds': 150}})
    process = base(options={'max_wallclock_seconds': 100}, recovery=recovery)
    for expected in (150, 150):
        finished(process, 120)
        assert continues(process.inspect_process())
        assert process.ctx.inputs.metadata.options['max_wallclock_seconds'] == expected


def test_node_failure_is_bounded(base, finished):
    process = base(OPTGEOM, recovery=orm.Dict({'node_failure': {'retries': 1}}))
    finished(process, 140, files=BOTH)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parameters['geometry']['optgeom']['restart'] is True
    finished(process, 140, files=BOTH)
    assert process.inspect_process().status == 140
    assert 'administrators' in process.outputs['recovery_report']['next_step']


@pytest.mark.parametrize('printed', [(), ('walltime', 'interrupted'), ('scf_too_many_cycles',)])
def test_a_cancelled_job_is_not_started_again(base, finished, printed):
    """Whatever its output says: somebody did not want it to run."""
    process = base(OPTGEOM)
    who = 'The job was cancelled by its owner (me).'
    finished(process, 170, files=BOTH, results=diagnosed(*printed), message=who)
    assert process.inspect_process().status == 170
    failure = process.outputs['recovery_report']['failure']
    assert failure['diagnoses'] == ['cancelled']
    assert failure['message'] == who


def test_killed_twice_is_taken_for_lack_of_memory(base, finished):
    process = base(options={'max_memory_kb': 1000})
    finished(process, 404, results=diagnosed('killed', 'interrupted'))
    assert continues(process.inspect_process())
    assert process.ctx.inputs.metadata.options['max_memory_kb'] == 1000
    finished(process, 404, results=diagnosed('killed', 'interrupted'))
    assert continues(process.inspect_process())
    assert process.ctx.inputs.metadata.options['max_memory_kb'] == 2000


def test_buffers_have_a_cap(base, finished):
    """Only upwards, only up to the cap, and never when memory was short."""
    warning = {'name': 'exchange_buffer', 'severity': 'warning', 'values': {'exchsize': '5000'}}
    for status, have, cap, expected in (
        (404, 10, 9999, 5000),
        (404, 9000, 9999, 9000),
        (404, 10, 99, 10),
        (405, 10, 9999, 10),
    ):
        process = base({'scf': {'exchsize': have}}, recovery=orm.Dict({'small_buffers': {'max_words': cap}}))
        finished(process, status, results={'diagnoses': [warning]})
        process.inspect_process()
        assert process.ctx.inputs.parameters['scf']['exchsize'] == expected


# ---------------------------------------------------------------------------------------------------- stopped jobs


@pytest.mark.parametrize(('status', 'seconds'), [(120, 200), (400, 200), (404, 100), (140, 100)])
def test_stopped_scf_is_run_once_more(base, finished, status, seconds):
    """From the start, with twice the time if time was short, and saving the wavefunction from now on."""
    process = base(options={'max_wallclock_seconds': 100})
    finished(process, status, files={'fort.9': 'half a wavefunction'})
    assert continues(process.inspect_process())
    assert 'parent_folder' not in process.ctx.inputs
    assert process.ctx.inputs.metadata.options['max_wallclock_seconds'] == seconds
    assert process.ctx.inputs.parameters['scf']['savewf'] is True
    for _ in range(2 if status == 140 else 1):
        finished(process, status)
        assert continues(process.inspect_process())
    finished(process, status)
    assert process.inspect_process().status == status
    assert process.outputs['recovery_report']['next_step']


def test_stopped_without_a_time_limit(base, finished):
    process = base()
    finished(process, 400)
    assert continues(process.inspect_process())
    assert 'max_wallclock_seconds' not in process.ctx.inputs.metadata.options


@pytest.mark.parametrize(
    ('files', 'guessp'), [(BOTH, True), ({'OPTINFO.DAT': 'state', 'fort.9': ''}, False), ({'OPTINFO.DAT': 'x'}, False)]
)
def test_stopped_optimisation_goes_on(base, finished, files, guessp):
    """RESTART always, GUESSP only with a wavefunction that is not empty."""
    process = base(OPTGEOM)
    structure = process.ctx.inputs.structure
    node = finished(process, 404, results={'optimisation': {'n_points': 3}}, files=files)
    assert continues(process.inspect_process())
    assert process.ctx.inputs.parent_folder.pk == node.outputs.remote_folder.pk
    assert process.ctx.inputs.parameters['geometry']['optgeom']['restart'] is True
    assert process.ctx.inputs.parameters['scf']['guessp'] is guessp
    assert process.ctx.inputs.structure is structure


def test_stopped_optimisation_without_its_state(base, finished):
    """The last geometry, cell and all, as a fresh start."""
    process = base(OPTGEOM)
    node = finished(process, 120, results={'optimisation': {'n_points': 3}}, points=3, files={'fort.9': ''})
    old = process.ctx.inputs.structure
    assert continues(process.inspect_process())
    new = process.ctx.inputs.structure
    assert np.array(new.cell) == pytest.approx(0.99**2 * np.array(old.cell))
    assert [site.kind_name for site in new.sites] == [site.kind_name for site in old.sites]
    assert new.creator.inputs.trajectory.pk == node.outputs.output_trajectory.pk
    assert not process.ctx.inputs.parameters['geometry']['optgeom']['restart']


def test_optimisation_that_makes_no_progress_ends(base, finished):
    """Stopped again and again before a second point: it is not restarted for ever."""
    process = base(OPTGEOM, max_iterations=orm.Int(20))
    runs, result = 0, None
    while runs < 10 and (runs == 0 or continues(result)):
        runs += 1
        finished(process, 404, results={'optimisation': {'n_points': 1}}, files=BOTH)
        result = process.inspect_process()
    assert (result.status, runs) == (404, 3)


def test_frequencies_that_make_no_progress_are_given_more_time(base, finished):
    """What the run left is what it was given, byte for byte: that is no progress."""
    process = base(FREQUENCIES, options={'max_wallclock_seconds': 100})
    for content, seconds in (('one', 100), ('two', 100), ('two', 200), ('three', 200)):
        node = finished(
            process, 120, files={**STATE, 'FREQINFO.DAT': content}, parent=process.ctx.inputs.get('parent_folder')
        )
        assert continues(process.inspect_process())
        assert process.ctx.inputs.parameters['geometry']['freqcalc']['restart'] is True
        assert process.ctx.inputs.parent_folder.pk == node.outputs.remote_folder.pk
        assert process.ctx.inputs.metadata.options['max_wallclock_seconds'] == seconds


def test_optimisation_that_makes_progress_goes_on(base, finished):
    process = base(OPTGEOM, max_iterations=orm.Int(20))
    for _ in range(9):
        finished(process, 120, results={'optimisation': {'n_points': 5}}, files=BOTH)
        assert continues(process.inspect_process())


# ---------------------------------------------------------------------------------------------------- optimisations


def test_unfinished_optimisation_goes_on(base, finished):
    """RESTART, GUESSP, and twice the steps."""
    process = base(OPTGEOM)
    finished(process, 500, results={}, files=BOTH)
    assert continues(process.inspect_process())
    optgeom = process.ctx.inputs.parameters['geometry']['optgeom']
    assert (optgeom['restart'], optgeom['maxcycle']) == (True, 20)
    assert process.ctx.inputs.parameters['scf']['guessp'] is True


def test_unfinished_optimisation_with_nothing_left(base, finished):
    process = base(OPTGEOM)
    finished(process, 500, results={})
    assert process.inspect_process().status == 500


def test_stale_hessian(base, finished):
    """Anew from the point of lowest energy, not the last; twice, then the end."""
    process = base(OPTGEOM)
    old = process.ctx.inputs.structure
    finished(process, 502, results={}, points=3, energies=[-1.0, -1.2, -1.1], files=BOTH)
    assert continues(process.inspect_process())
    assert np.array(process.ctx.inputs.structure.cell) == pytest.approx(0.99 * np.array(old.cell))
    assert process.ctx.inputs.parameters['geometry']['optgeom']['restart'] is False
    assert 'parent_folder' not in process.ctx.inputs
    finished(process, 502, results={}, points=2)
    assert continues(process.inspect_process())
    finished(process, 502, results={}, points=2)
    assert process.inspect_process().status == 502


@pytest.mark.parametrize('status', [120, 500, 502])
def test_edits_of_the_geometry_are_made_once(base, finished, status):
    """The last geometry of a run with a vacancy has the vacancy: it is no input for the same deck."""
    process = base({'geometry': {**OPTGEOM['geometry'], 'edits': ['ATOMREMO', '1', '2']}, 'scf': {}})
    old = process.ctx.inputs.structure
    finished(process, status, results={'optimisation': {'n_points': 3}}, points=3, files={'fort.9': ''})
    process.inspect_process()
    assert process.ctx.inputs.structure.uuid == old.uuid


def test_energies_that_are_none_choose_no_point(base, finished):
    process = base(OPTGEOM)
    old = process.ctx.inputs.structure
    finished(process, 502, results={}, points=3, energies=[np.nan] * 3, files=BOTH)
    assert continues(process.inspect_process())
    assert np.array(process.ctx.inputs.structure.cell) == pytest.approx(0.99**2 * np.array(old.cell))


# ---------------------------------------------------------------------------------------------------- all of them


def test_handlers_can_be_switched_off(base, finished):
    """With ``handler_overrides`` the failure is nobody's: the core's 402."""
    off = {'handle_scf_cycles_exhausted': {'enabled': False}, 'handle_scf_oscillation': {'enabled': False}}
    process = base({'scf': {'maxcycle': 4}}, handler_overrides=orm.Dict(off))
    finished(process, 410, results=scf_results(CONVERGING))
    assert process.inspect_process().status == 402


def test_priorities_and_switches_of_the_configuration(base, finished):
    """A section orders and switches its handler; ``handler_overrides`` has the last word."""

    def order(**inputs):
        process = base(**inputs)
        finished(process, 410, results=gap_results(0.3))
        handlers = sorted(process.get_process_handlers_by_priority(), key=lambda entry: -entry[0])
        return [handler.__name__ for _, handler in handlers if 'unrecoverable' not in handler.__name__]

    names = ['handle_scf_cycles_exhausted', 'handle_small_gap', 'handle_scf_oscillation', 'handle_conducting_scf']
    assert order() == names
    changes = {'small_gap': {'enabled': False}, 'scf_oscillation': {'priority': 450}}
    assert order(recovery=orm.Dict(changes)) == [names[2], names[0], names[3]]
    overrides = {'handle_small_gap': {'enabled': True}, 'handle_scf_oscillation': {'priority': 5}}
    assert order(recovery=orm.Dict(changes), handler_overrides=orm.Dict(overrides)) == [
        names[0],
        names[1],
        names[3],
        names[2],
    ]


def test_table_of_the_module_lists_every_handler():
    """The docstring that the documentation shows has each handler with its true priority, in order."""
    from aiida_crystalmath.workflows.crystal import handlers

    declared = sorted(
        ((handler.priority, handler.__name__) for handler in handlers.CrystalHandlers.get_process_handlers()),
        reverse=True,
    )
    lines = [line.split()[:2] for line in handlers.__doc__.splitlines() if ' handle_' in line]
    assert [(int(priority), name) for priority, name in lines] == declared


def test_each_docstring_says_cause_and_strategy():
    from aiida_crystalmath.workflows.crystal.handlers import CrystalHandlers

    for handler in CrystalHandlers.get_process_handlers():
        assert 'Cause:' in handler.__doc__, handler.__name__
        assert 'Strategy:' in handler.__doc__, handler.__name__


def test_reports_are_reports(base, finished):
    """Each handler of a code it declares returns a report, never raises, also with a child that left nothing."""
    process = base(OPTGEOM)
    for status in (400, 404, 410, 411, 412, 500, 501, 502):
        node = finished(process, status)
        for _, handler in process.get_process_handlers_by_priority():
            process._fatal = []
            result = handler(process, node)
            assert result is None or isinstance(result, ProcessHandlerReport)
