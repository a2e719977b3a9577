"""Plans carried out: what goes from step to step, and what a failure does under each policy.

Steps are sums of aiida-core: a negative one fails (410) and leaves it, one whose program writes nothing leaves none.
"""

from __future__ import annotations

import stat

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import WorkChain, run_get_node
from aiida.manage import get_manager
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.workflows.multicode.builder import MultiCodeBuilder
from aiida_crystalmath.workflows.multicode.plan import PlanError
from aiida_crystalmath.workflows.multicode.resume import resume_builder

ADD = 'core.arithmetic.add'
OPTIONS = {'options': {'resources': {'num_machines': 1}}}
NEGATIVE = {'x': -5, 'y': 3}
POSITIVE = f'{__name__}:PositiveWorkChain'


class PositiveWorkChain(WorkChain):
    """Takes a number above zero."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input('value', valid_type=orm.Int, validator=lambda node, _: None if node > 0 else 'must be positive')
        spec.outline(cls.nothing)

    def nothing(self):
        pass


@pytest.fixture
def code(aiida_code_installed):
    return aiida_code_installed(label='add', default_calc_job_plugin=ADD, filepath_executable='/bin/bash')


@pytest.fixture
def add(code):
    """Return the inputs of a sum: ``add(x=1)``."""
    return lambda **inputs: {'code': code, 'metadata': OPTIONS, **inputs}


@pytest.fixture
def flaky(aiida_code_installed, tmp_path):
    """Return a factory of codes that write nothing the first times, and then add."""

    def factory(failures):
        count = tmp_path / 'count'
        script = tmp_path / 'flaky.sh'
        script.write_text(
            f'#!/bin/bash\necho x >> {count}\n[ $(wc -l < {count}) -le {failures} ] && {{ cat > /dev/null; exit 1; }}\n'
            'exec /bin/bash\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return aiida_code_installed(
            label=f'flaky-{tmp_path.name}', default_calc_job_plugin=ADD, filepath_executable=str(script)
        )

    return factory


def carried_out(plan):
    """Run a plan in this process."""
    return run_get_node(plan.builder() if isinstance(plan, MultiCodeBuilder) else plan)[1]


def steps_of(node):
    return {step['name']: step for step in node.outputs.output_parameters['steps']}


def states_of(node):
    return {name: step['status'] for name, step in steps_of(node).items()}


def calls_of(node):
    """Return the labels of all jobs that were called, in their order."""
    links = node.base.links.get_outgoing(link_type=LinkType.CALL_CALC).all()
    jobs = [link for link in links if isinstance(link.node, orm.CalcJobNode)]
    return [link.link_label for link in sorted(jobs, key=lambda link: link.node.pk)]


# ------------------------------------------------------------------------------------------------ what goes on


def test_outputs_become_inputs_and_all_is_kept_by_step(add):
    """(1 + 2) + 3, and that times 4 plus 5: a job and a work chain, nodes handed on as they are."""
    plan = MultiCodeBuilder('sums')
    plan.add_step('first', ADD, add(x=1, y=2)).add_step('second', ADD, add(y=3))
    plan.add_step('third', 'core.arithmetic.multiply_add', {'y': 4, 'z': 5, 'code': add()['code']})
    plan.add_handoff(None, 'first', 'second', pass_on={'sum': 'x'})
    plan.add_handoff(None, 'second', 'third', pass_on={'sum': 'x'})
    node = carried_out(plan)
    assert node.is_finished_ok, node.exit_message
    assert node.label == 'sums'
    assert node.outputs.steps.third.result == 6 * 4 + 5
    assert node.outputs.steps.second.sum.creator.inputs.x.uuid == node.outputs.steps.first.sum.uuid
    assert set(states_of(node).values()) == {'finished'}
    assert calls_of(node) == ['first', 'second']
    told = node.outputs.output_parameters.get_dict()
    assert (told['n_steps'], told['n_finished'], told['stopped_by']) == (3, 3, None)


def test_depends_on_orders_without_handing_anything_on(add):
    plan = MultiCodeBuilder()
    plan.add_step('late', ADD, add(x=1, y=1), depends_on='early').add_step('early', ADD, add(x=1, y=1))
    assert calls_of(carried_out(plan)) == ['early', 'late']


def test_a_converter_in_the_middle_and_one_at_the_end(bands_plan):
    """The edges of bands are computed by a calcfunction that the work chain called, and are among its outputs."""
    node = carried_out(bands_plan())
    assert node.is_finished_ok, node.exit_message
    edges = node.outputs.handoffs.edges.edges
    assert edges['gap_ev'] == 1.0
    assert edges.creator.caller.pk == node.pk
    comparison = node.outputs.handoffs.table.comparison
    assert comparison['rows'][0]['value_ev'] == 1.0
    assert comparison.creator.inputs.dft.uuid == edges.uuid
    handoffs = {one['name']: one for one in node.outputs.output_parameters['handoffs']}
    assert handoffs['edges']['failed_checks'] == {}


def test_show_tells_of_steps_handoffs_and_gaps(bands_plan, aiida_profile):
    node = carried_out(bands_plan())
    shown = CliRunner().invoke(main, ['-p', aiida_profile.name, 'show', str(node.pk)], env={'COLUMNS': '200'})
    assert shown.exit_code == 0, shown.output
    lines = [' '.join(line.split()) for line in shown.output.splitlines()]
    assert any(line.startswith('one finished') for line in lines)
    assert any(line.startswith('edges band_edges finished') for line in lines)
    assert any(line.startswith('DFT 1.000 direct (0 0 0)') for line in lines), shown.output


def test_a_plan_is_skipped_and_paused_as_a_sequence_is(add, aiida_profile):
    """The wishes are kept in extras of the node, and a name that is no step is refused."""
    plan = MultiCodeBuilder().add_step('first', ADD, add(x=1, y=2)).add_step('second', ADD, add(x=1, y=2))
    process = get_manager().get_runner().instantiate_process(plan.builder())
    for arguments, text in (
        (['skip', 'secnd'], 'there is no step "secnd": did you mean "second"'),
        (['skip', 'second'], 'will not begin step second'),
        (['pause'], 'pauses before its next steps'),
        (['resume'], 'had not paused yet'),
    ):
        command = ['-p', aiida_profile.name, 'sequence', arguments[0], str(process.pid), *arguments[1:]]
        assert text in ' '.join(CliRunner().invoke(main, command).output.split())
    process.execute()
    assert states_of(process.node) == {'first': 'finished', 'second': 'skipped'}
    told = CliRunner().invoke(main, ['-p', aiida_profile.name, 'sequence', 'pause', str(process.pid)])
    assert 'resume_builder' in told.output


@pytest.fixture
def bands_plan():
    """Return a factory of plans whose converters are given bands, beside a step that costs nothing."""

    def factory(filled=(1.0, 0.0), **validation):
        bands = orm.BandsData()
        bands.set_kpoints([[0.0, 0.0, 0.0]])
        bands.set_bands(np.array([[0.0, 1.0]]), occupations=np.array([filled]), units='eV')
        plan = MultiCodeBuilder().add_step('one', POSITIVE, {'value': 1})
        plan.add_handoff('band_edges', inputs={'bands': bands}, name='edges', **validation)
        plan.add_handoff('compare_gaps', take={'dft': 'edges:edges'}, name='table')
        return plan

    return factory


@pytest.mark.parametrize('severity', ['refuse', 'warn', 'off'])
def test_a_check_warns_or_refuses_as_the_plan_says(bands_plan, severity):
    """Bands of a metal: declared as a warning. No table can be made of them either way, and the plan says so."""
    node = carried_out(bands_plan((1.0, 0.5), validation={'insulator': severity}))
    handoffs = {one['name']: one for one in node.outputs.output_parameters['handoffs']}
    assert node.exit_status == 432
    assert ('edges' if severity == 'refuse' else 'table') in node.exit_message
    assert handoffs['edges']['status'] == ('failed' if severity == 'refuse' else 'finished')
    assert handoffs['edges']['failed_checks'] == (
        {}
        if severity == 'off'
        else {'insulator': {'severity': severity, 'reason': 'the bands have no gap: there are no edges'}}
    )
    assert ('table' in node.outputs.handoffs) is False
    assert states_of(node) == {'one': 'finished'}


def test_a_refused_handoff_starts_nothing_and_is_the_reason(add, generate_structure):
    """A slab for plane waves: the step that needed it is not started, and the exit code says why."""
    pytest.importorskip('aiida_quantumespresso')
    plan = MultiCodeBuilder().add_step('sum', ADD, add(x=1, y=2))
    plan.add_step('next', ADD, add(y=1))
    constants = {'structure': generate_structure('graphene'), 'parameters': orm.Dict({})}
    plan.add_handoff('crystal_to_qe', 'sum', name='slab', inputs=constants)
    plan.add_handoff(None, 'sum', 'next', pass_on={'sum': 'x'})
    node = carried_out(plan)
    assert node.exit_status == 432
    assert 'slab' in node.exit_message and 'repeats in 2 directions' in node.exit_message
    assert states_of(node) == {'sum': 'finished', 'next': 'finished'}


# ------------------------------------------------------------------------------------------------ what fails


@pytest.fixture
def diamond(add):
    """Return a factory of plans: ``bad`` fails, ``after`` needs it, ``other`` and ``last`` do not."""

    def factory(inputs=None, **policy):
        plan = MultiCodeBuilder()
        plan.add_step('bad', ADD, inputs or add(**NEGATIVE), **policy)
        plan.add_step('after', ADD, add(y=1)).add_handoff(None, 'bad', 'after', pass_on={'sum': 'x'})
        plan.add_step('other', ADD, add(x=1, y=1))
        plan.add_step('last', ADD, add(y=1)).add_handoff(None, 'other', 'last', pass_on={'sum': 'x'})
        return plan

    return factory


def test_fail_fast_begins_nothing_more(diamond):
    """What runs already ends and is kept; neither what needs the failed step nor what does not is begun."""
    node = carried_out(diamond())
    assert node.exit_status == 421
    assert node.exit_message.startswith('The step "bad"') and 'exit status 410' in node.exit_message
    states = states_of(node)
    assert states['bad'] == 'failed' and states['after'] == 'not run'
    assert states['other'] == 'finished'
    assert calls_of(node)[:2] == ['bad', 'other']
    assert states['last'] in ('not run', 'finished')  # in one process both first steps may end at once
    assert node.outputs.steps.other.sum == 2
    assert node.outputs.output_parameters['stopped_by'] == 'bad'


@pytest.mark.slow
def test_fail_fast_stops_what_does_not_need_it(add):
    plan = MultiCodeBuilder().add_step('bad', ADD, add(**NEGATIVE))
    plan.add_step('slow', ADD, add(x=1, y=1, metadata={'options': {**OPTIONS['options'], 'sleep': 4}}))
    plan.add_step('last', ADD, add(x=1, y=1), depends_on='slow')
    node = carried_out(plan)
    assert node.exit_status == 421
    assert states_of(node) == {'bad': 'failed', 'slow': 'finished', 'last': 'not run'}
    assert calls_of(node) == ['bad', 'slow']


def test_skip_gives_up_what_needs_it_and_goes_on(diamond):
    node = carried_out(diamond(on_failure='SKIP'))
    assert node.is_finished_ok, node.exit_message
    assert states_of(node) == {'bad': 'failed', 'after': 'skipped', 'other': 'finished', 'last': 'finished'}
    assert node.outputs.steps.last.sum == 3
    assert 'after' not in node.outputs.steps
    assert steps_of(node)['bad']['exit_status'] == 410


def test_retry_runs_it_again_from_the_start(diamond, add, flaky):
    node = carried_out(diamond({**add(x=1, y=2), 'code': flaky(1)}, on_failure='RETRY'))
    assert node.is_finished_ok, node.exit_message
    assert [label for label in calls_of(node) if label.startswith('bad')] == ['bad', 'bad_attempt_2']
    assert node.outputs.steps.after.sum == 4
    jobs = [orm.load_node(pk) for pk in steps_of(node)['bad']['attempts']]
    assert jobs[0].exit_status > 0
    assert jobs[1].exit_status == 0
    assert jobs[0].inputs.x.uuid == jobs[1].inputs.x.uuid


@pytest.mark.slow
def test_retry_gives_up_after_its_attempts(diamond, add, flaky):
    node = carried_out(diamond({**add(x=1, y=2), 'code': flaky(9)}, on_failure='RETRY', attempts=3))
    assert node.exit_status == 421
    assert [label for label in calls_of(node) if label.startswith('bad')] == ['bad', 'bad_attempt_2', 'bad_attempt_3']
    assert states_of(node)['after'] == 'not run'


@pytest.mark.slow
def test_checkpoint_goes_on_from_what_the_failed_attempt_left(diamond):
    """-5 + 3 = -2 fails and leaves -2; -2 + 3 = 1 is well, and what needs it gets 1."""
    node = carried_out(diamond(on_failure='CHECKPOINT', checkpoint={'sum': 'x'}))
    assert node.is_finished_ok, node.exit_message
    first, second = (orm.load_node(pk) for pk in steps_of(node)['bad']['attempts'])
    assert (first.outputs.sum, second.outputs.sum) == (-2, 1)
    assert second.inputs.x.uuid == first.outputs.sum.uuid
    assert node.outputs.steps.after.sum == 2


def test_checkpoint_with_nothing_left_stops(diamond, add, flaky):
    policy = {'on_failure': 'CHECKPOINT', 'checkpoint': {'sum': 'x'}, 'attempts': 5}
    node = carried_out(diamond({**add(x=1, y=2), 'code': flaky(1)}, **policy))
    assert node.exit_status == 421
    assert 'CHECKPOINT: it left none of sum' in node.exit_message
    assert [label for label in calls_of(node) if label.startswith('bad')] == ['bad']


def test_a_type_that_does_not_fit_is_found_in_every_alternative(add):
    """The first of several references that is there is meant, so that each must fit."""
    plan = MultiCodeBuilder().add_step('first', ADD, add(x=1, y=2)).add_step('second', ADD, add(y=4))
    plan.add_handoff(None, 'first', 'second', pass_on={'first:outputs.remote_folder|first:outputs.sum': 'x'})
    assert '"first:outputs.remote_folder" is RemoteData, and "second:inputs.x" takes Int' in '\n'.join(plan.problems())


@pytest.mark.slow
def test_a_value_that_a_validator_refuses_is_not_started(add):
    """Types are checked before; what a step leaves is seen only then: the one that gets it is not started."""
    plan = MultiCodeBuilder().add_step('first', ADD, add(x=-3, y=4)).add_step('second', POSITIVE, {})
    plan.add_handoff(None, 'first', 'second', pass_on={'sum': 'value'})
    assert carried_out(plan).is_finished_ok
    plan = MultiCodeBuilder().add_step('first', ADD, add(x=0, y=0)).add_step('second', POSITIVE, {})
    plan.add_handoff(None, 'first', 'second', pass_on={'sum': 'value'})
    node = carried_out(plan)
    assert node.exit_status == 206
    assert 'The step "second" could not be started' in node.exit_message and 'must be positive' in node.exit_message
    assert states_of(node) == {'first': 'finished', 'second': 'not started'}


# ------------------------------------------------------------------------------------------------ going on later


@pytest.mark.slow
def test_a_plan_that_stopped_goes_on_with_what_is_missing(diamond, add):
    """What finished well is not run again; a change of the failed step lets the rest be run."""
    first = carried_out(diamond())
    with pytest.raises(PlanError, match='finished well and is not run again'):
        resume_builder(first, {'other': {'x': orm.Int(1)}})
    node = carried_out(resume_builder(first, {'bad': {'x': orm.Int(5)}}))
    assert node.is_finished_ok, node.exit_message
    states = states_of(node)
    assert (states['bad'], states['after'], states['other']) == ('finished', 'finished', 'reused')
    assert node.outputs.steps.after.sum == 9
    assert node.outputs.steps.other.sum.uuid == first.outputs.steps.other.sum.uuid
    assert 'other' not in calls_of(node)
    again = carried_out(resume_builder(node, again_from='other'))
    assert set(calls_of(again)) == {'other', 'last'}
    assert states_of(again)['bad'] == 'reused'
