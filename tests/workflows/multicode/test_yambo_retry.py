"""New runs of what failed in Yambo's chains: what is proposed, what they go on from, and what is left to a person.

The same exit status means something else with CRYSTAL, whose catalogue and remedies must not be taken here.
"""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from click.testing import CliRunner
from yambo_parameters import G0W0

from aiida_crystalmath.cli import main
from aiida_crystalmath.workflows.multicode.base import YamboBaseWorkChain
from aiida_crystalmath.workflows.multicode.builder import MultiCodeBuilder
from aiida_crystalmath.workflows.retry import builder_for_retry, next_step

OPTIONS = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}


def base(yambo, parameters, **inputs):
    job = {
        'code': yambo.code('yambo'),
        'parent_folder': yambo.save(),
        'parameters': parameters,
        'metadata': {'options': OPTIONS},
    }
    return run_get_node(YamboBaseWorkChain, yambo=job, **inputs)[1]


def rows(retry):
    return {(row.part, row.what): (row.old, row.new) for row in retry.differences}


def test_a_chain_that_used_up_its_runs_goes_on_from_the_databases(yambo):
    yambo.kill(1)
    node = base(yambo, G0W0, max_iterations=1)
    assert node.exit_status == 401
    (killed,) = node.called
    retry = builder_for_retry(node)
    assert retry.builder.yambo.restart_folder.uuid == killed.outputs.remote_folder.uuid
    assert retry.start == f'From the databases of <{killed.pk}>.'
    assert list(rows(retry)) == [('yambo', 'restart_folder')]
    told = CliRunner().invoke(main, ['why', str(node.pk)]).output
    assert f'crystalmath retry {node.pk}' in told
    assert 'densit' not in told
    good = run_get_node(retry.builder)[1]
    assert good.is_finished_ok, good.exit_message
    assert yambo.calls('yambo')[-1]['played'] == 'restart_after_kill'
    scratch = builder_for_retry(node, from_scratch=True)
    assert 'restart_folder' not in scratch.builder.yambo
    assert scratch.start == 'From what it was given, from the start.'
    assert builder_for_retry(killed).builder.restart_folder.uuid == killed.outputs.remote_folder.uuid


def test_what_no_run_would_cure_is_told_in_the_words_of_yambo(yambo):
    node = base(yambo, {**G0W0, 'screening_bands': 60})
    assert node.exit_status == 320
    for failed in (node, node.called[0]):
        with pytest.raises(ValueError, match='no change is known') as caught:
            builder_for_retry(failed)
        assert 'nbnd' in str(caught.value)
        assert '--set' not in str(caught.value)
    assert next_step(node)[1] is None
    with pytest.raises(ValueError, match='is not given the input of `crystal`'):
        builder_for_retry(node, ['FMIXING=30'])
    again = builder_for_retry(node, [])
    assert 'restart_folder' not in again.builder.yambo


@pytest.fixture
def ended(generate_calc_job_node):
    """Return a factory of jobs that ended in some way, with what the parser told."""

    def factory(plugin, status, diagnoses=(), **told):
        node = generate_calc_job_node(plugin, exit_status=status)
        found = [{'name': name, 'severity': 'error', 'remedy': f'remedy of {name}'} for name in diagnoses]
        parameters = orm.Dict({'diagnoses': found, **told})
        parameters.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label='output_parameters')
        parameters.store()
        node.set_process_state('finished')
        return node

    return factory


@pytest.mark.parametrize('status', [120, 140, 170, 404])
def test_what_was_cut_short_is_run_again(ended, status):
    node = ended('crystalmath.yambo', status, ['interrupted'])
    _, proposal = next_step(node)
    assert proposal.automatic
    assert proposal.changes == ()
    assert ('twice the time' in proposal.reason) == (status == 120)


@pytest.mark.parametrize(
    ('plugin', 'status', 'diagnoses'),
    [
        ('crystalmath.yambo', 405, ['out_of_memory']),
        ('crystalmath.yambo', 110, ['interrupted']),
        ('crystalmath.yambo', 120, ['out_of_memory']),
        ('crystalmath.yambo', 320, ['too_few_bands']),
        ('crystalmath.yambo', 330, ['qp_database_unreadable']),
        ('crystalmath.p2y', 310, ['ultrasoft_pseudopotential']),
        ('quantumespresso.pw', 410, []),
        ('quantumespresso.pw', 500, []),
        ('crystalmath.wannier90', 410, []),
    ],
)
def test_remedies_of_crystal_are_not_proposed_for_other_programs(ended, plugin, status, diagnoses):
    """410 is an SCF out of cycles with CRYSTAL, and 500 an optimisation out of steps."""
    assert next_step(ended(plugin, status, diagnoses))[1] is None


@pytest.mark.timeout(300)
def test_a_whole_chain_has_limits_and_codes_replaced_in_all_its_jobs(many_body_inputs, gone):
    pytest.importorskip('aiida_quantumespresso')
    parameters = {**G0W0}
    del parameters['qp_kpoints']
    given = many_body_inputs(gw_parameters=parameters)
    good, given['codes']['pw'] = given['codes']['pw'], gone('quantumespresso.pw')
    node = run_get_node(WorkflowFactory('crystalmath.yambo.gw'), **given)[1]
    assert node.exit_status == 422
    retry = builder_for_retry(node, [], walltime_s=600, code=good)
    assert retry.start == 'From the structure: all of its steps are run again.'
    builder = retry.builder
    assert builder.codes['pw'].uuid == good.uuid
    assert builder.codes['yambo'].uuid == given['codes']['yambo'].uuid
    jobs = (builder.scf['pw'], builder.nscf['pw'], builder.p2y, builder.gw['yambo'])
    assert [job['metadata']['options']['max_wallclock_seconds'] for job in jobs] == [600] * 4
    assert 'crystal' not in builder._inputs(prune=True)
    limits = {part for part, what in rows(retry) if what == 'max_wallclock_seconds'}
    assert limits == {'scf.pw', 'nscf.pw', 'p2y', 'gw.yambo'}


def test_a_plan_goes_on_from_where_it_stopped(yambo, aiida_code_installed, aiida_localhost):
    """What finished well is taken as it is; a change of its input is refused, with the way to make it."""
    add = {'code': aiida_code_installed(label='add', default_calc_job_plugin='core.arithmetic.add')}
    add['metadata'] = {'options': {'resources': {'num_machines': 1}}}
    plan = MultiCodeBuilder().add_step('good', 'core.arithmetic.add', {**add, 'x': 1, 'y': 2})
    plan.add_step('bad', 'core.arithmetic.add', {**add, 'x': -5, 'y': 3}, depends_on='good')
    node = run_get_node(plan.builder())[1]
    assert node.exit_status == 421
    retry = builder_for_retry(node, [])
    assert set(retry.builder.done) == {'good'}
    with pytest.raises(ValueError, match='resume_builder'):
        builder_for_retry(node, [], walltime_s=60)
