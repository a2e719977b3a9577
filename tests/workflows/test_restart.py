"""The hardened restart chain, and the traps of the core that it closes.

Each trap is shown in the core as well: when such a test fails, the core was repaired and the defence can go.
"""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import BaseRestartWorkChain, ExitCode, ProcessHandlerReport, process_handler, while_
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager
from aiida.plugins import CalculationFactory

from aiida_crystalmath.workflows.restart import CrystalmathBaseRestartWorkChain

ArithmeticAddCalculation = CalculationFactory('core.arithmetic.add')
FATAL = ExitCode(310, 'the input is wrong')


class CoreChain(BaseRestartWorkChain):
    """As the core has it."""

    _process_class = ArithmeticAddCalculation

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.outline(cls.setup, while_(cls.should_run_process)(cls.run_process, cls.inspect_process), cls.results)
        spec.expose_outputs(ArithmeticAddCalculation)

    @process_handler(priority=20, exit_codes=[FATAL])
    def handle_fatal(self, node):
        return ProcessHandlerReport(False, FATAL)

    @process_handler(priority=10)
    def handle_always(self, node):
        self.ctx.seen = node.pk
        return ProcessHandlerReport(False) if node.exit_status == 400 else None


class HardChain(CrystalmathBaseRestartWorkChain):
    """The same on our base."""

    _process_class = ArithmeticAddCalculation

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.outline(cls.setup, while_(cls.should_run_process)(cls.run_process, cls.inspect_process), cls.results)
        spec.expose_outputs(ArithmeticAddCalculation)

    @process_handler(priority=20, exit_codes=[FATAL])
    def handle_fatal(self, node):
        return ProcessHandlerReport(False, FATAL)

    @process_handler(priority=10)
    def handle_always(self, node):
        self.ctx.seen = node.pk
        if node.exit_status in (310, 400):
            self.ctx.inputs = {'parameters': {'scf': {'level': 1}}}
            return self.record(node, cause='a test', action='go on')
        return None


@pytest.fixture
def child(aiida_localhost):
    """Return a factory of finished jobs with an output ``sum``."""

    def factory(exit_status: int = 0, result: int | None = 1):
        node = orm.CalcJobNode(computer=aiida_localhost, process_type='aiida.calculations:core.arithmetic.add')
        node.set_process_state('finished')
        node.set_exit_status(exit_status)
        node.store()
        if result is not None:
            data = orm.Int(result)
            data.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label='sum')
            data.store()
        return node

    return factory


@pytest.fixture
def chain():
    """Return a factory of chains that were set up but not run, with the given children."""

    def factory(cls, children, max_iterations=5, **inputs):
        process = instantiate_process(get_manager().get_runner(), cls, max_iterations=orm.Int(max_iterations), **inputs)
        process.setup()
        process.ctx.children = list(children)
        process.ctx.iteration = len(children)
        return process

    return factory


def test_core_hides_a_fatal_code_on_the_last_iteration(chain, child):
    """Trap 1 in the core: 401 although a handler says 310."""
    assert chain(CoreChain, [child(310)], max_iterations=1).inspect_process().status == 401
    assert chain(CoreChain, [child(310)], max_iterations=2).inspect_process().status == 310


@pytest.mark.parametrize('max_iterations', [1, 2])
def test_fatal_code_comes_first(chain, child, max_iterations):
    """Trap 1 closed: 310 on any iteration, and no later handler softens it."""
    process = chain(HardChain, [child(310)], max_iterations=max_iterations)
    assert process.inspect_process() == FATAL
    assert process.ctx.recovery == []  # handle_always, which comes later, was not even asked


def test_core_looks_at_the_wrong_child_after_a_reset(chain, child):
    """Trap 2 in the core: with the counter reset the first child is inspected instead of the last."""
    first, last = child(400), child(0)
    process = chain(CoreChain, [first, last])
    process.ctx.iteration = 1  # what `pause_on_max_iterations` makes of it: 0, and 1 for the run after resuming
    process.inspect_process()
    assert process.ctx.seen == first.pk


def test_last_child_is_inspected(chain, child):
    """Trap 2 closed: whatever the counter says."""
    first, last = child(400), child(0)
    process = chain(HardChain, [first, last])
    process.ctx.iteration = 1
    assert process.inspect_process() is None
    assert process.ctx.seen == last.pk
    assert process.ctx.is_finished


def test_pausing_at_the_limit_is_not_offered():
    """The port that leads into trap 2 is in the core and not here."""
    assert 'pause_on_max_iterations' in CoreChain.spec().inputs
    assert 'pause_on_max_iterations' not in HardChain.spec().inputs


def test_core_gives_no_outputs_at_the_limit(chain, child):
    """Trap 3 in the core."""
    process = chain(CoreChain, [child(400)], max_iterations=1)
    assert process.inspect_process().status == 401
    assert not process.outputs


def test_partial_outputs_at_the_limit(chain, child):
    """Trap 3 closed: outputs of the last child, and what was tried."""
    process = chain(HardChain, [child(400, 1), child(400, 7)], max_iterations=2)
    assert process.inspect_process().status == 401
    assert process.outputs['sum'].value == 7
    action = process.outputs['recovery_report']['actions'][0]
    assert (action['iteration'], action['exit_status'], action['changes']) == (
        2,
        400,
        {'LEVEL': {'old': None, 'new': 1}},
    )


def test_partial_outputs_after_an_unhandled_failure(chain, child):
    """Nobody handles 450: the core's 402, with outputs."""
    process = chain(HardChain, [child(450, 3)])
    assert process.inspect_process().status == 402
    assert process.outputs['sum'].value == 3
    report = process.outputs['recovery_report']
    assert (report['actions'], report['outcome'], report['failure']['exit_status']) == ([], 'given_up', 450)


def test_failure_without_any_output(chain, child):
    """A child that left nothing does not break the end."""
    process = chain(HardChain, [child(450, None)])
    assert process.inspect_process().status == 402
    assert list(process.outputs) == ['recovery_report']


def test_success_after_a_recovery(chain, child):
    """The report of the recoveries is attached on success too."""
    process = chain(HardChain, [child(400)])
    assert process.inspect_process().status == 0
    process.ctx.children.append(child(0, 9))
    assert process.inspect_process() is None
    process.results()
    assert process.outputs['sum'].value == 9
    report = process.outputs['recovery_report']
    assert (len(report['actions']), report['outcome']) == (1, 'cured')
    assert 'next_step' not in report.get_dict()


@pytest.mark.parametrize(('state', 'status'), [('excepted', 301), ('killed', 302)])
def test_core_codes_stay(chain, child, state, status):
    """A child that excepted or was killed gives the core's own codes."""
    node = child(0)
    node.set_process_state(state)
    assert chain(HardChain, [node]).inspect_process().status == status


# ------------------------------------------------------------------------------------------ what nobody could help

GIVEN_UP = 420
"""A failure that a handler gives up; 450 is one that no handler looks at."""


class GivingUpChain(HardChain):
    """It gives 420 up, and counts on remedies."""

    @process_handler(priority=30)
    def handle_given_up(self, node):
        return self.give_up(node, 'Ask someone.') if node.exit_status == GIVEN_UP else None

    def forget_what_was_tried(self):
        self.ctx.forgotten = True


@pytest.fixture
def left_alone(chain, child):
    """Return a function that lets a chain look at children that end so, one after the other: (chain, decisions)."""

    def factory(mode, *statuses):
        process = chain(GivingUpChain, [], on_unhandled_failure=orm.Str(mode))
        decisions = []
        for status in statuses:
            process.ctx.children.append(child(status))
            exit_code = process.inspect_process()
            ended = exit_code is not None and exit_code.status
            decisions.append(exit_code.status if ended else 'paused' if process.paused else 'again')
            if process.paused:
                process.play()
        return process, decisions

    return factory


@pytest.mark.parametrize(
    ('mode', 'decisions'),
    [
        ('abort', [GIVEN_UP]),
        ('pause', ['paused', 'paused']),
        ('restart_once', ['again', GIVEN_UP]),
        ('restart_and_pause', ['again', 'paused', 'again', 'paused']),
    ],
)
def test_failure_that_was_given_up(left_alone, mode, decisions):
    """Trap 4 closed: what the user asked for holds for a failure that a handler gave up, too."""
    process, decided = left_alone(mode, *[GIVEN_UP] * len(decisions))
    assert decided == decisions
    assert process.ctx.get('forgotten', False) is ('paused' in decisions), 'a person took over: all is allowed anew'
    ended = decisions[-1] == GIVEN_UP
    assert ('recovery_report' in process.outputs) is ended
    if ended:
        assert process.outputs['recovery_report']['next_step'] == 'Ask someone.'


@pytest.mark.parametrize(
    ('mode', 'decisions'),
    [
        ('abort', [402]),
        ('pause', ['paused']),
        ('restart_once', ['again', 402]),
        ('restart_and_pause', ['again', 'paused']),
    ],
)
def test_failure_that_nobody_looked_at(left_alone, mode, decisions):
    """The core's way, with the report of ours at the end."""
    process, decided = left_alone(mode, *[450] * len(decisions))
    assert decided == decisions
    assert process.ctx.get('forgotten', False) is ('paused' in decisions)
    assert ('recovery_report' in process.outputs) is (decisions[-1] == 402)


@pytest.mark.parametrize(('mode', 'decision'), [('restart_once', 310), ('restart_and_pause', 'paused')])
def test_wrong_input_is_not_run_again(left_alone, mode, decision):
    """The same wrong input would fail again: at once to a person, or to the end."""
    assert left_alone(mode, 310)[1] == [decision]


def test_remedy_between_two_failures_starts_the_count_anew(left_alone):
    """Only two in a row are two failures that nothing helped."""
    assert left_alone('restart_once', GIVEN_UP, 400, GIVEN_UP, GIVEN_UP)[1] == ['again', 'again', 'again', GIVEN_UP]


def test_core_ends_what_a_handler_gave_up(chain, child):
    """Trap 4 in the core: paused for a failure nobody looked at, ended for one that was given up."""
    process = chain(CoreChain, [child(310)], on_unhandled_failure=orm.Str('pause'))
    assert process.inspect_process().status == 310
    assert not process.paused
