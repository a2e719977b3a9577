"""Each remedy on recorded failures of CRYSTAL: the failing files are played, then good ones, and the decks compared.

Where the line of an error was only quoted by others (``reference`` of the catalogue), it stands in fort.87 below the
start of a real output.
"""

from __future__ import annotations

import difflib

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.crystal.diagnosis import by_name

pytestmark = [pytest.mark.corpus, pytest.mark.slow]

BaseWorkChain = WorkflowFactory('crystalmath.crystal.base')
GeoptWorkChain = WorkflowFactory('crystalmath.crystal.geopt')

SCF = {'shrink': {'is': 2, 'isp': 2}, 'maxcycle': 10, 'toldee': 7}
OPT = {'optgeom': {'type': 'FULLOPTG', 'maxcycle': 10}}
FORT9 = {'fort.9': b'density'}


@pytest.fixture
def good(corpus):
    return corpus / 'mgo_sto3g_scf'


@pytest.fixture
def start(corpus):
    """The start of a real output, up to the SCF: what a run that stops early has printed."""
    text = (corpus / 'mgo_sto3g_scf' / 'crystal.out').read_text()
    return text[: text.index(' CYC   0')]


@pytest.fixture
def failing(replay, start):
    """Return a factory of runs that stop with the words of an entry of the catalogue in fort.87."""

    def factory(name, **plan):
        return replay.files(start, {'fort.87': by_name(name).example + '\n', **plan.pop('files', {})}, **plan)

    return factory


@pytest.fixture
def run(replay, generate_inputs_crystal):
    """Return a function that runs the base chain on MgO: ``run(step, step, ..., scf={...})`` -> (outputs, node)."""

    def factory(*steps, scf=None, geometry=None, options=None, **inputs):
        parameters = {'hamiltonian': {'dft': {'functional': 'PBE'}}, 'scf': {**SCF, **(scf or {})}}
        if geometry:
            parameters['geometry'] = geometry
        crystal = generate_inputs_crystal(parameters=parameters, code=replay(*steps), **inputs.pop('crystal', {}))
        crystal['metadata']['options'].update(options or {})
        return run_get_node(BaseWorkChain, crystal=crystal, **inputs)

    return factory


def edits(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that are gone from a deck, and those that are new in it, in order."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line[0] == '-'], [line[2:] for line in lines if line[0] == '+']


def actions(results):
    return [
        (action['exit_status'], action['diagnoses'][0], action['handler'])
        for action in results['recovery_report']['actions']
    ]


@pytest.mark.proves('guess_missing', handler='handle_guess_missing', by='replay')
def test_missing_guess(replay, run, failing, good):
    """GUESSP is dropped, and nothing else; the report says what, why, and that it was cured."""
    parent_results, parent = run(replay.run(good, files=FORT9))
    assert 'recovery_report' not in parent_results, 'all went well at once'
    results, node = run(
        failing('guess_missing'), good, scf={'guessp': True}, crystal={'parent_folder': parent.outputs.remote_folder}
    )
    assert node.is_finished_ok
    first, second = replay.decks[1:]
    assert edits(first, second) == (['GUESSP'], [])
    report = results['recovery_report'].get_dict()
    assert (report['outcome'], report['physics_changed'], report['notes']) == ('cured', {}, [])
    (action,) = report['actions']
    assert action['calculation'] == node.called[0].uuid or action['calculation'] == node.called[1].uuid
    assert action['changes'] == {
        'GUESSP': {'old': True, 'new': False},
        'parent_folder': {'old': parent.outputs.remote_folder.uuid, 'new': None},
    }
    assert {key: action[key] for key in ('iteration', 'exit_status', 'scheduler', 'diagnoses', 'handler')} == {
        'iteration': 1,
        'exit_status': 412,
        'scheduler': None,
        'diagnoses': ['guess_missing'],
        'handler': 'handle_guess_missing',
    }


@pytest.mark.proves('guess_unreadable', handler='handle_guess_missing', by='replay')
def test_unreadable_guess(replay, run, failing, good):
    """The opaque message of the Fortran library is the same failure."""
    _, parent = run(replay.run(good, files=FORT9))
    results, _ = run(
        failing('guess_unreadable'), good, scf={'guessp': True}, crystal={'parent_folder': parent.outputs.remote_folder}
    )
    assert actions(results) == [(412, 'guess_unreadable', 'handle_guess_missing')]
    assert 'fort.20' in replay.staged[1] and 'fort.20' not in replay.staged[2]


@pytest.mark.proves('fermi_not_in_interval', handler='handle_fermi_energy', by='replay')
def test_no_fermi_energy(replay, run, failing, good):
    """SHRINK 4 4, then SMEAR 0.005 as well, which is told in the report, on the results and to the reader."""
    results, node = run(failing('fermi_not_in_interval'), failing('fermi_not_in_interval'), good)
    assert node.is_finished_ok
    first, second, third = replay.decks
    assert edits(first, second) == (['2 2'], ['4 4'])
    gone, new = edits(second, third)
    assert (gone, new[0], float(new[1])) == ([], 'SMEAR', 0.005)
    assert actions(results) == [(411, 'fermi_not_in_interval', 'handle_fermi_energy')] * 2
    assert results['recovery_report']['physics_changed'] == {'SMEAR': {'old': None, 'new': 0.005}}
    assert 'SMEAR' in results['recovery_report']['notes'][0]
    assert 'SMEAR' in results['output_parameters'].base.extras.get('physics_changed')


@pytest.mark.proves('scf_too_many_cycles', handler='handle_scf_cycles_exhausted', by='replay')
def test_exhausted_scf(replay, run, corpus, good):
    """A real CRYSTAL SCF out of cycles, on its way: twice MAXCYCLE, GUESSP, and its fort.9 as fort.20."""
    results, node = run(replay.run(corpus / 'nio_scf_maxcyc', files=FORT9), good)
    assert node.is_finished_ok
    assert edits(*replay.decks) == (['10'], ['20', 'GUESSP'])
    assert replay.staged[1]['fort.20'] == len(FORT9['fort.9'])
    assert actions(results) == [(410, 'scf_too_many_cycles', 'handle_scf_cycles_exhausted')]


@pytest.mark.proves('optimiser_trust_radius', handler='handle_stale_hessian', by='replay')
def test_vanished_trust_radius(replay, run, corpus, good):
    """After real points of an optimisation: no RESTART, and the geometry of the lowest of them in the deck."""
    output = (corpus / 'mgo_sto3g_opt' / 'crystal.out').read_text()
    cut = output[: output.rindex('OPTIMIZATION - POINT')]
    failed = replay.files(cut, {'fort.87': by_name('optimiser_trust_radius').example, 'OPTINFO.DAT': 'x', **FORT9})
    results, node = run(failed, corpus / 'mgo_sto3g_opt', geometry={**OPT})
    assert node.is_finished_ok
    gone, new = edits(*replay.decks)
    assert 'RESTART' not in replay.decks[1] and 'GUESSP' not in replay.decks[1]
    assert len(gone) == len(new) == 1, 'the lattice constant'
    assert float(new[0].split()[0]) < float(gone[0].split()[0])
    assert actions(results) == [(502, 'optimiser_trust_radius', 'handle_stale_hessian')]
    assert 'OPTINFO.DAT' not in replay.staged[1]


@pytest.mark.proves('walltime', handler='handle_interrupted', by='replay')
@pytest.mark.parametrize(('fort9', 'guess'), [(b'density', ['GUESSP']), (b'', [])])
def test_optimisation_out_of_time(replay, run, corpus, fort9, guess):
    """A real output that ends with the line of SIGTERM: RESTART, and GUESSP if the wavefunction is not empty."""
    output = (corpus / 'mgo_sto3g_opt' / 'crystal.out').read_text()
    cut = output[: output.rindex('OPTIMIZATION - POINT')]
    killed = replay.files(
        cut, {'OPTINFO.DAT': 'state', 'fort.9': fort9}, stderr='\n' + by_name('walltime').example + '\n'
    )
    results, node = run(killed, corpus / 'mgo_sto3g_opt', geometry={**OPT}, options={'max_wallclock_seconds': 900})
    assert node.is_finished_ok
    assert edits(*replay.decks) == ([], ['RESTART', *guess])
    assert replay.staged[1]['OPTINFO.DAT'] == len('state')
    assert actions(results) == [(400, 'walltime', 'handle_interrupted')]
    assert results['recovery_report']['notes'], 'its energy is not that of a fresh calculation'


def test_final_single_point_after_a_restart(replay, corpus, good, generate_inputs_crystal):
    """An optimisation that was taken up is followed by a single point without RESTART; one that was not, is not."""
    output = (corpus / 'mgo_sto3g_opt' / 'crystal.out').read_text()
    cut = output[: output.rindex('OPTIMIZATION - POINT')]
    killed = replay.files(cut, {'OPTINFO.DAT': 'state', **FORT9}, stderr='\n' + by_name('walltime').example + '\n')
    parameters = {'hamiltonian': {'dft': {'functional': 'PBE'}}, 'scf': SCF, 'geometry': OPT}
    crystal = generate_inputs_crystal(parameters=parameters, code=replay(killed, corpus / 'mgo_sto3g_opt', good))
    structure = crystal.pop('structure')
    results, node = run_get_node(GeoptWorkChain, structure=structure, base={'crystal': crystal})
    assert node.is_finished_ok, node.exit_message
    assert len(replay.decks) == 3
    assert 'OPTGEOM' not in replay.decks[2] and 'RESTART' not in replay.decks[2] and 'GUESSP' not in replay.decks[2]
    assert results['recovery_report']['actions'][0]['changes']['OPTGEOM RESTART'] == {'old': None, 'new': True}


@pytest.mark.proves('geometry_not_converged', handler='handle_geometry_not_converged', by='replay')
def test_optimisation_out_of_steps(replay, run, corpus):
    """A real failed optimisation of mackinawite: RESTART, GUESSP and twice the steps."""
    failed = replay.run(corpus / 'mackinawite_opt_failed', files={'OPTINFO.DAT': 'state', **FORT9})
    results, node = run(failed, corpus / 'mgo_sto3g_opt', geometry={'optgeom': {'maxcycle': 100}})
    assert node.is_finished_ok
    gone, new = edits(*replay.decks)
    assert (gone, sorted(new)) == (['100'], ['200', 'GUESSP', 'RESTART'])
    assert actions(results) == [(500, 'geometry_not_converged', 'handle_geometry_not_converged')]


TASKS = [
    ('mgo222_freq', {'freqcalc': {'intens': True}}, {'FREQINFO.DAT': 'f', 'fort.13': 'd', 'TENS_IR.DAT': 't'}),
    ('mgo_elastic_c14', {'elastcon': {}}, {'ELASINFO.DAT': 'e'}),
    ('corundum_qha', {'eos': {}}, {'EOSINFO.DAT': 'v'}),
]


@pytest.mark.proves('interrupted', handler='handle_interrupted', by='replay')
@pytest.mark.parametrize('task', TASKS, ids=['freqcalc', 'elastcon', 'eos'])
def test_tasks_are_taken_up(replay, run, corpus, good, task):
    """Killed in the middle, FREQCALC, ELASTCON and EOS get RESTART in their block, and the files it reads."""
    name, block, files = task
    output = next(corpus.glob(f'{name}/*out*')).read_bytes()
    killed = replay.files(output, {**files, 'fort.9': ''}, cut=len(output) // 2, signal=15)
    run(killed, replay.files((good / 'crystal.out').read_bytes()), geometry=block)
    assert edits(*replay.decks) == ([], ['RESTART'])
    lines = replay.decks[1].splitlines()
    assert lines[lines.index('RESTART') - 1] == next(iter(block)).upper()
    assert {key: replay.staged[1].get(key) for key in files} == dict.fromkeys(files, 1)


@pytest.mark.proves('interrupted', handler='handle_interrupted', by='replay')
def test_killed_scf_goes_on_from_what_it_saved(replay, run, corpus, good):
    """With a long time limit SAVEWF is on; after a kill fort.79 is the guess, whatever fort.9 holds."""
    output = (corpus / 'incomplete_scf' / 'incomplete.out').read_bytes()
    killed = replay.files(output, {'fort.9': 'half', 'fort.79': 'whole density'}, signal=9)
    results, node = run(killed, good, options={'max_wallclock_seconds': 43200})
    assert node.is_finished_ok
    assert 'SAVEWF' in replay.decks[0]
    assert edits(*replay.decks) == ([], ['GUESSP'])
    assert replay.staged[1]['fort.20'] == len('whole density')
    assert results['recovery_report']['actions'][0]['changes']['settings.guess_file'] == {'old': None, 'new': 'fort.79'}


@pytest.mark.proves('out_of_memory', handler='handle_out_of_memory', by='replay')
def test_out_of_memory(replay, run, good, start):
    """More memory, then fewer processes with more time, never another deck."""
    words = {'scheduler_stderr': 'slurmstepd: error: Detected 1 oom-kill event(s) by the out-of-memory handler.\n'}
    died = replay.files(start, exit_status=137, **words)
    resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 4}
    results, node = run(
        died,
        died,
        good,
        options={'max_memory_kb': 1000, 'max_wallclock_seconds': 900, 'resources': resources, 'withmpi': False},
        recovery=orm.Dict({'out_of_memory': {'max_memory_kb': 1500}}),
    )
    assert node.is_finished_ok
    assert len(set(replay.decks)) == 1
    assert [action['changes'] for action in results['recovery_report']['actions']] == [
        {'max_memory_kb': {'old': 1000, 'new': 1500}},
        {
            'resources.num_mpiprocs_per_machine': {'old': 4, 'new': 2},
            'max_wallclock_seconds': {'old': 900, 'new': 1800},
        },
    ]
    last = max(node.called, key=lambda called: called.pk)
    assert last.get_option('resources')['num_mpiprocs_per_machine'] == 2


@pytest.mark.proves('exchange_buffer', handler='handle_small_buffers', by='replay')
def test_buffers_are_enlarged_when_it_runs_again(replay, run, corpus, good):
    """EXCHSIZE as CRYSTAL printed it, beside the remedy of the failure; a good run is not repeated for it."""
    output = (corpus / 'lafeo3_opt_c09').glob('*.out').__next__().read_bytes()
    slow = replay.files(output[: output.rindex(b'== SCF ENDED')], signal=15)
    results, node = run(slow, good)
    assert node.is_finished_ok
    assert edits(*replay.decks) == ([], ['EXCHSIZE', '3735657', 'SAVEWF'])
    (action,) = results['recovery_report']['actions']
    assert action['changes']['EXCHSIZE'] == {'old': None, 'new': 3735657}


@pytest.mark.parametrize('name', ['basis_linearly_dependent', 'anisotropic_shrink', 'atoms_too_close'])
def test_not_without_leave(replay, run, failing, name):
    """What would change the input stops at once, with the next step in words; the switch is named if there is one."""
    results, node = run(failing(name), scf={'shrink': {'is': [2, 4, 2], 'isp': 4}})
    assert node.exit_status == by_name(name).exit_code
    assert len(replay.decks) == 1
    report = results['recovery_report'].get_dict()
    assert (report['outcome'], report['actions'], report['failure']['diagnoses']) == ('given_up', [], [name])
    assert report['next_step'].startswith(by_name(name).remedy)
    assert ('enabled: true' in report['next_step']) is (name != 'atoms_too_close')


@pytest.mark.proves('basis_linearly_dependent', handler='handle_linear_dependence', by='replay')
def test_ldremo_on_request(replay, run, failing, good):
    results, node = run(
        failing('basis_linearly_dependent'), good, recovery=orm.Dict({'linear_dependence': {'enabled': True}})
    )
    assert node.is_finished_ok
    assert edits(*replay.decks) == ([], ['LDREMO', '4'])
    assert results['recovery_report']['physics_changed'] == {'LDREMO': {'old': None, 'new': 4}}


@pytest.mark.proves('anisotropic_shrink', handler='handle_anisotropic_shrink', by='replay')
def test_isotropic_shrink_on_request(replay, run, failing, good):
    """By ``handler_overrides`` as well as by the configuration; no direction is sampled worse."""
    results, node = run(
        failing('anisotropic_shrink'),
        good,
        scf={'shrink': {'is': [2, 4, 2], 'isp': 8}},
        handler_overrides=orm.Dict({'handle_anisotropic_shrink': {'enabled': True}}),
    )
    assert node.is_finished_ok
    assert edits(*replay.decks) == (['0 8', '2 4 2'], ['4 8'])
    assert actions(results) == [(326, 'anisotropic_shrink', 'handle_anisotropic_shrink')]


@pytest.mark.proves('unexpected_conductor', handler='handle_unexpected_conductor', by='replay')
def test_conductor_where_an_insulator_is_expected(replay, run, corpus):
    """A real conducting SCF is accepted; on request it is not: a denser mesh, then an exit code of its own."""
    metal = corpus / 'fes_scf_spin'
    results, node = run(metal)
    assert results['output_parameters']['is_conducting'] is True
    assert node.is_finished_ok and 'recovery_report' not in results
    results, node = run(metal, metal, recovery=orm.Dict({'unexpected_conductor': {'enabled': True}}))
    assert node.exit_status == 413
    assert edits(*replay.decks[1:]) == (['2 2'], ['4 4'])
    assert 'output_parameters' in results
    assert 'ElectronicType.METAL' in results['recovery_report']['next_step']


# ---------------------------------------------------------------------------------------------------- modes


def test_restart_once(replay, run, failing, good, start):
    """What no handler can help is run once more as it is; what is wrong with the input is not."""
    crash = replay.files(start, scheduler_stderr='Segmentation fault\n', signal=11)
    results, node = run(crash, good, on_unhandled_failure='restart_once')
    assert node.is_finished_ok
    assert len(set(replay.decks)) == 1
    assert (results['recovery_report']['outcome'], results['recovery_report']['actions']) == ('cured', [])
    _, node = run(crash, crash, on_unhandled_failure='restart_once')
    assert node.exit_status == 407
    _, node = run(failing('cell_not_neutral'), on_unhandled_failure='restart_once')
    assert node.exit_status == 322
