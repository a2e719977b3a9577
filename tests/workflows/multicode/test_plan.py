"""What is wrong with a plan is found before anything is submitted, and said in words."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.workflows.multicode.builder import MultiCodeBuilder
from aiida_crystalmath.workflows.multicode.plan import POLICIES, Plan, PlanError, Policy, Reference

ADD = 'core.arithmetic.add'
OPTIONS = {'options': {'resources': {'num_machines': 1}}}


@pytest.fixture
def code(aiida_code_installed):
    return aiida_code_installed(label='add', default_calc_job_plugin=ADD, filepath_executable='/bin/bash')


@pytest.fixture
def add(code):
    """Return the inputs of a sum: ``add(x=1)``."""
    return lambda **inputs: {'code': code, 'metadata': OPTIONS, **inputs}


def only(plan):
    """Return the only problem of a plan."""
    problems = plan.problems()
    assert len(problems) == 1, problems
    with pytest.raises(PlanError) as caught:
        plan.validate()
    assert str(caught.value) == problems[0]
    return problems[0]


def test_a_good_plan(add):
    before = orm.QueryBuilder().append(orm.Data).count()
    plan = MultiCodeBuilder('two sums')
    plan.add_step('first', ADD, add(x=1, y=2)).add_step('second', ADD, add(y=3))
    plan.add_handoff(None, 'first', 'second', pass_on={'sum': 'x'})
    assert plan.validate() is plan
    builder = plan.builder()
    assert builder.process_class is WorkflowFactory('crystalmath.multicode')
    assert builder.plan['steps'][1]['options']['metadata']['options']['resources'] == {'num_machines': 1}
    assert orm.QueryBuilder().append(orm.Data).count() == before  # nothing is stored


def test_a_circle(add):
    plan = MultiCodeBuilder()
    plan.add_step('a', ADD, add(x=1, y=2), depends_on='c')
    plan.add_step('b', ADD, add(x=1, y=2), depends_on=['a'])
    plan.add_step('c', ADD, add(x=1, y=2)).depends_on('c', 'b')
    assert 'in a circle: a -> c -> b -> a' in only(plan)


def test_a_circle_through_handoffs(add):
    plan = MultiCodeBuilder()
    plan.add_step('a', ADD, add(y=2)).add_step('b', ADD, add(y=2))
    plan.add_handoff(None, 'a', 'b', pass_on={'sum': 'x'}).add_handoff(None, 'b', 'a', pass_on={'sum': 'x'})
    assert 'in a circle: a -> b_to_a -> b -> a_to_b -> a' in only(plan)


def test_a_missing_converter(add):
    plan = MultiCodeBuilder().add_step('a', ADD, add(x=1, y=2)).add_step('b', ADD, add(x=1, y=2))
    plan.add_handoff('crystal_to_qee', 'a', 'b', give={'structure': 'x'})
    assert 'there is no converter "crystal_to_qee": did you mean "crystal_to_qe"' in only(plan)


def test_a_converter_that_is_refused(add):
    plan = MultiCodeBuilder().add_step('a', ADD, add(x=1, y=2))
    plan.add_handoff('crystal_to_wannier90', 'a', take={'parameters': 'sum'})
    assert 'crystal_to_wannier90 is refused: Wannier90 needs overlaps' in only(plan)
    assert 'LOCALWF' in only(plan)


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        ({'target': 'scnd'}, 'its target "scnd" is no step: did you mean "second"'),
        ({'source': 'frst'}, 'it takes from "frst", which is no step or hand-off: did you mean "first"'),
        ({'pass_on': {'summ': 'x'}}, '"first:outputs.summ": there is no port "summ": did you mean "sum"'),
        ({'pass_on': {'sum': 'xx'}}, 'step "second": there is no port "xx": did you mean "x"'),
        (
            {'pass_on': {'sum': 'code'}},
            '"first:outputs.sum" is Int or Float, and "second:inputs.code" takes AbstractCode',
        ),
        ({'pass_on': {'sum': 'y'}}, '"second:inputs.y" is given already'),
        ({'pass_on': {'first:outputs.': 'x'}}, 'names nothing: write STEP:outputs.PORT'),
        ({'give': {'sum': 'x'}}, 'without a converter there is nothing to take and give'),
    ],
)
def test_handoffs_without_converter_are_checked(add, arguments, reason):
    plan = MultiCodeBuilder().add_step('first', ADD, add(x=1, y=2)).add_step('second', ADD, add(y=3))
    given = {'source': 'first', 'target': 'second', 'pass_on': {'sum': 'x'}, **arguments}
    plan.add_handoff(None, given.pop('source'), given.pop('target'), **given)
    assert reason in '\n'.join(plan.problems())


def test_a_missing_input_that_no_handoff_gives(add):
    plan = MultiCodeBuilder().add_step('first', ADD, add(x=1, y=2)).add_step('second', ADD, add(y=3))
    plan.depends_on('second', 'first')
    assert 'step "second": the input "x" is missing, and no hand-off gives it' in only(plan)


@pytest.mark.parametrize(
    ('inputs', 'reason'),
    [
        ({'z': 1}, 'unknown key "z" in inputs'),
        ({'x': 'one'}, 'x'),
        ({'metadata': {'options': {'resources': {'num_machines': 1}, 'queue': 'x'}}}, 'unknown key "queue"'),
        ({'metadata': {'options': {'resources': object()}}}, 'not of the right type'),
    ],
)
def test_inputs_are_checked(add, inputs, reason):
    plan = MultiCodeBuilder().add_step('first', ADD, {**add(x=1, y=2), **inputs})
    assert reason in only(plan)


def test_unknown_processes_and_needs(add):
    plan = MultiCodeBuilder().add_step('a', 'core.arithmetic.ad', add())
    assert 'there is no work chain or calculation "core.arithmetic.ad"' in only(plan)
    plan = MultiCodeBuilder().add_step('a', 'vasp.vasp', {})
    assert 'pip install "aiida-crystalmath[vasp]"' in only(plan)
    plan = MultiCodeBuilder().add_step('a', ADD, add(x=1, y=2), depends_on='b')
    assert 'it depends on "b", which is no step' in only(plan)
    with pytest.raises(PlanError, match='add it first'):
        MultiCodeBuilder().depends_on('a', 'b')


def test_names(add):
    plan = MultiCodeBuilder().add_step('A step', ADD, add(x=1, y=2))
    assert '"A step" is no name' in only(plan)
    plan = MultiCodeBuilder().add_step('a', ADD, add(x=1, y=2)).add_step('a', ADD, add(x=1, y=2))
    assert 'given twice' in only(plan)


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        ({'on_failure': 'CHECKPOINT'}, 'CHECKPOINT needs `checkpoint`'),
        ({'checkpoint': {'sum': 'x'}}, 'means something with on_failure CHECKPOINT only'),
        ({'on_failure': 'CHECKPOINT', 'checkpoint': {'sm': 'x'}}, 'checkpoint: there is no port "sm"'),
        (
            {'on_failure': 'CHECKPOINT', 'checkpoint': {'sum': 'code'}},
            'checkpoint: "sum" is Int or Float, and "code" takes',
        ),
        ({'on_failure': 'PRAY'}, "on_failure: input should be 'RETRY', 'CHECKPOINT', 'SKIP' or 'FAIL_FAST'"),
        ({'on_failure': 'RETRY', 'attempts': 0}, 'attempts: input should be greater than or equal to 1'),
    ],
)
def test_policies_are_checked(add, arguments, reason):
    plan = MultiCodeBuilder().add_step('a', ADD, add(x=1, y=2), **arguments)
    assert reason in only(plan)


def test_every_policy_says_what_it_means():
    assert set(POLICIES) == set(Policy)


def test_references():
    assert Reference.parse('relax:outputs.output_structure') == ('relax', 'outputs', 'output_structure')
    assert Reference.parse('inputs.pw.pseudos', 'scf') == ('scf', 'inputs', 'pw.pseudos')
    assert Reference.parse('output_band', 'scf') == ('scf', 'outputs', 'output_band')
    assert str(Reference.parse('scf:output_band')) == 'scf:outputs.output_band'
    for wrong in ('output_band', ':x', 'scf:'):
        with pytest.raises(PlanError):
            Reference.parse(wrong)


def test_a_plan_that_was_not_written_by_the_builder_is_checked_too(add):
    """The work chain itself refuses it: nobody need use the builder."""
    builder = WorkflowFactory('crystalmath.multicode').get_builder()
    builder.plan = orm.Dict({'steps': [{'name': 'a', 'process': ADD, 'depends_on': ['b']}]})
    error = builder._process_spec.inputs.validate(dict(builder._inputs(prune=True)))
    assert 'it depends on "b", which is no step' in error.message
    builder.plan = orm.Dict({'steps': [{'name': 'a', 'process': ADD}]})
    error = builder._process_spec.inputs.validate(dict(builder._inputs(prune=True)))
    assert 'the input "x" is missing' in error.message


def test_types_of_a_converter_are_checked(crystal_code, generate_structure, add):
    pytest.importorskip('aiida_quantumespresso')
    plan = MultiCodeBuilder().add_step('sum', ADD, add(x=1, y=2))
    plan.add_handoff('band_edges', 'sum', take={'bands': 'sum'})
    assert '"sum:outputs.sum" is Int or Float, and the input "bands" of band_edges takes BandsData' in only(plan)
    plan = MultiCodeBuilder().add_step('sum', ADD, add(x=1, y=2))
    plan.add_handoff('band_edges', 'sum')
    assert 'band_edges needs "bands", which it is not given' in only(plan)
    plan = MultiCodeBuilder().add_step('sum', ADD, add(x=1, y=2))
    plan.add_handoff('band_edges', 'sum', take={'band': 'sum'}, inputs={'bands': orm.BandsData()})
    assert 'band_edges takes no "band": did you mean "bands"' in only(plan)
    plan = MultiCodeBuilder().add_step('sum', ADD, add(x=1, y=2))
    plan.add_handoff('band_edges', 'sum', inputs={'bands': orm.Int(1)}, take={'parameters': 'remote_folder'})
    assert 'the input "bands" of band_edges is BandsData, not Int' in '\n'.join(plan.problems())


def test_crystal_to_qe_finds_what_it_needs_by_itself(crystal_code, generate_structure, shipped_family):
    """A relaxation of CRYSTAL handed to pw.x: nothing is named but where things go, all is checked by the specs."""
    pytest.importorskip('aiida_quantumespresso')
    shipped_family('sto-3g')
    chain = WorkflowFactory('crystalmath.crystal.geopt')
    plan = MultiCodeBuilder()
    plan.add_step('relax', chain.get_builder_from_protocol(crystal_code, generate_structure('MgO'), 'fast'))
    plan.add_step('scf', 'quantumespresso.pw.base', {'pw': {'parameters': orm.Dict({}), 'metadata': OPTIONS}})
    plan.add_handoff('crystal_to_qe', 'relax', 'scf', give={'structure': 'pw.structure', 'kpoints': 'kpoints'})
    assert only(plan) == 'step "scf": the input "pw.code" is missing, and no hand-off gives it.'
    take = plan._made()[0]['handoffs'][0]['take']
    assert take['structure'] == 'relax:outputs.output_structure'
    assert take['kpoints_distance'] == 'relax:inputs.base.kpoints_distance'
    plan.add_handoff('crystal_to_qe', 'relax', 'scf', name='again', give={'handoff': 'pw.structure'})
    assert any('is Dict, and "scf:inputs.pw.structure" takes StructureData' in line for line in plan.problems())


def test_parse_says_all_that_is_wrong():
    with pytest.raises(PlanError) as caught:
        Plan.parse({'steps': [{'name': 'A', 'process': 'x'}, {'name': 'b', 'process': 'x', 'depends_on': ['c']}]})
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(PlanError, match=r'steps: list should have at least 1 item'):
        Plan.parse({'steps': []})
