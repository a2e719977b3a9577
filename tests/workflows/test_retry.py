"""New runs of what failed: what is proposed, what changes in the input, what they start from, and how they are linked.

The failures are recorded ones, played again; the input of the second run is what CRYSTAL would have been given.
"""

from __future__ import annotations

import signal

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory, WorkflowFactory

from aiida_crystalmath.workflows.failures import failure_path
from aiida_crystalmath.workflows.retry import RETRIES, RETRY_OF, builder_for_retry, link_retry

pytestmark = pytest.mark.corpus

Crystal23Calculation = CalculationFactory('crystalmath.crystal23')
BaseWorkChain = WorkflowFactory('crystalmath.crystal.base')
GeoptWorkChain = WorkflowFactory('crystalmath.crystal.geopt')
FORT9 = {'fort.9': b'density'}
SCF = {'scf': {'shrink': {'is': 2, 'isp': 2}, 'maxcycle': 10, 'toldee': 7}}
OPT = {**SCF, 'geometry': {'optgeom': {'type': 'FULLOPTG', 'maxcycle': 10}}}


def rows(retry):
    return {(row.part, row.what): (row.old, row.new) for row in retry.differences}


@pytest.fixture
def scf_out_of_cycles(replay, corpus, generate_inputs_crystal):
    """Return the inputs of a job whose SCF runs out of cycles, then converges."""
    code = replay(replay.run(corpus / 'nio_scf_maxcyc', files=FORT9), corpus / 'mgo_sto3g_scf')
    return generate_inputs_crystal(parameters=SCF, code=code)


def test_more_cycles_from_the_wavefunction(replay, scf_out_of_cycles):
    """What is proposed for an SCF on its way: the two decks differ in MAXCYCLE and GUESSP, and fort.20 is there."""
    _, failed = run_get_node(Crystal23Calculation, **scf_out_of_cycles)
    assert failed.exit_status == 410
    retry = builder_for_retry(failed)
    assert [change.text for change in retry.changes] == ['MAXCYCLE=20']
    assert rows(retry)[('', 'MAXCYCLE')] == ('10', '20')
    assert rows(retry)[('', 'GUESSP')] == ('-', 'on')
    _, good = run_get_node(retry.builder)
    assert good.is_finished_ok
    first, second = (deck.splitlines() for deck in replay.decks)
    assert [line for line in second if line not in first] == ['20', 'GUESSP']
    assert replay.staged[1]['fort.20'] == len(FORT9['fort.9'])
    assert good.inputs.parent_folder.creator.pk == failed.pk


@pytest.fixture(scope='module')
def kept():
    """Hold a calculation of this module; nothing changes it."""
    return {}


@pytest.fixture
def failed(kept, scf_out_of_cycles):
    """Return a finished job whose SCF ran out of cycles."""
    if not kept:
        kept['node'] = run_get_node(Crystal23Calculation, **scf_out_of_cycles)[1]
    return kept['node']


def test_what_the_user_says(failed):
    """Only that, and the wavefunction; a density that would not fit is not taken."""
    retry = builder_for_retry(failed, ['FMIXING=70', 'LEVSHIFT=6 1'], walltime_s=600, memory_gb=2, n_mpi=1)
    found = rows(retry)
    assert found[('', 'FMIXING')] == ('-', '70') and found[('', 'LEVSHIFT')] == ('-', '6 1')
    assert found[('', 'max_wallclock_seconds')] == ('-', '600')
    assert found[('', 'max_memory_kb')] == ('-', str(2 * 1024**2))
    assert ('', 'MAXCYCLE') not in found and ('', 'parent_folder') in found
    other = builder_for_retry(failed, ['TOLINTEG=8 8 8 8 16'])
    assert ('', 'parent_folder') not in rows(other)
    scratch = builder_for_retry(failed, ['FMIXING=70'], from_scratch=True)
    assert set(rows(scratch)) == {('', 'FMIXING')}


@pytest.mark.parametrize(
    ('change', 'says'),
    [('FMIXNG=3', 'did you mean FMIXING'), ('OPTGEOM.MAXCYCLE=3', 'has the block OPTGEOM'), ('scf:FMIXING=3', 'part')],
)
def test_changes_that_fit_nowhere(failed, change, says):
    with pytest.raises(ValueError, match=says):
        builder_for_retry(failed, [change])


def test_nothing_is_done_by_itself_where_a_person_must_decide(replay, corpus, generate_inputs_crystal):
    """A wrong input, a run that went well, a process of others, one that is not over."""
    code = replay(corpus / 'mgo100_itol_error', corpus / 'mgo_sto3g_scf')
    inputs = generate_inputs_crystal(parameters=SCF, code=code)
    _, wrong = run_get_node(Crystal23Calculation, **inputs)
    assert wrong.exit_status < 400
    with pytest.raises(ValueError, match=r'What to do: .*--set KEYWORD=VALUE'):
        builder_for_retry(wrong)
    assert builder_for_retry(wrong, []).differences == []
    _, good = run_get_node(Crystal23Calculation, **inputs)
    with pytest.raises(ValueError, match='nothing to repair'):
        builder_for_retry(good)
    assert rows(builder_for_retry(good, ['TOLDEE=9']))[('', 'TOLDEE')] == ('7', '9')
    running = orm.CalcJobNode(computer=good.computer, process_type=good.process_type).store()
    with pytest.raises(ValueError, match='verdi process kill'):
        builder_for_retry(running)
    with pytest.raises(ValueError, match='not a calculation or work chain of this package'):
        builder_for_retry(orm.CalcJobNode(computer=good.computer, process_type='aiida.calculations:core.x').store())


def test_an_optimisation_goes_on_from_its_last_geometry(replay, corpus, generate_inputs_crystal):
    """Stopped in the middle: its new run has the last geometry, and neither an empty density nor the old Hessian."""
    text = (corpus / 'mgo_sto3g_opt' / 'crystal.out').read_bytes()
    cut = text.index(b'* OPT END')
    stopped = replay.run(corpus / 'mgo_sto3g_opt', cut=cut, files={'fort.9': b'', 'OPTINFO.DAT': b''})
    inputs = generate_inputs_crystal(parameters=OPT, code=replay(stopped, repeat=True))
    _, failed = run_get_node(BaseWorkChain, crystal=inputs, max_iterations=orm.Int(1))
    assert not failed.is_finished_ok
    retry = builder_for_retry(failed, [])
    assert retry.start.startswith('From the last geometry')
    last = failed.called[0].outputs.output_structure
    assert retry.builder.crystal.structure.uuid == last.uuid != inputs['structure'].uuid
    assert 'parent_folder' not in retry.builder.crystal._inputs(prune=True)
    assert failure_path(failed)[-1].process_class is Crystal23Calculation


def test_a_chain_that_was_killed_starts_again_as_it_was(replay, generate_inputs_crystal):
    killed = replay.files(' EEEEEEEEEE STARTING  DATE\n', signal=signal.SIGKILL)
    inputs = generate_inputs_crystal(parameters=SCF, code=replay(killed, repeat=True))
    _, failed = run_get_node(BaseWorkChain, crystal=inputs, max_iterations=orm.Int(1))
    assert not failed.is_finished_ok
    retry = builder_for_retry(failed, [])
    assert retry.differences == []


def test_changes_reach_every_part_of_a_chain(replay, corpus, generate_inputs_crystal):
    """SCF keywords everywhere, those of a block where the block is, those of one part there."""
    inputs = generate_inputs_crystal(parameters=OPT, code=replay(corpus / 'mgo100_itol_error'))
    structure = inputs.pop('structure')
    final = {'crystal': {**inputs, 'parameters': orm.Dict(SCF)}}
    _, failed = run_get_node(GeoptWorkChain, structure=structure, base={'crystal': inputs}, base_final_scf=final)
    assert failed.exit_status == 421
    found = rows(builder_for_retry(failed, ['FMIXING=70', 'OPTGEOM.MAXCYCLE=30', 'base_final:TOLDEE=9']))
    assert found == {
        ('base', 'FMIXING'): ('-', '70'),
        ('base', 'OPTGEOM.MAXCYCLE'): ('10', '30'),
        ('base_final_scf', 'FMIXING'): ('-', '70'),
        ('base_final_scf', 'TOLDEE'): ('7', '9'),
    }


def test_both_runs_say_what_the_other_one_is(failed, generate_calc_job_node):
    good = generate_calc_job_node('crystalmath.crystal23')
    link_retry(failed, good)
    assert good.base.extras.get(RETRY_OF) == failed.uuid
    assert failed.base.extras.get(RETRIES) == [good.uuid]
