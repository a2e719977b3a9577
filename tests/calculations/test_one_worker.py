"""A process is carried out once, whoever is told to do it, and survives its services."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import kiwipy
import pytest
from aiida import orm
from aiida.common.datastructures import CalcJobState
from aiida.common.links import LinkType
from aiida.manage import get_manager
from aiida.plugins import entry_point
from plumpy import ProcessState
from plumpy.persistence import LoadSaveContext

from aiida_crystalmath.calculations import lost_services, one_worker
from aiida_crystalmath.calculations.one_worker import RunByOneWorker, Standby, claim, claimant, claims_file, release

NOBODY = 2**40
"""A PK that no process has, whatever a daemon carries out."""

CLAIM = """
import sys
from aiida import load_profile
load_profile(sys.argv[1])
from aiida_crystalmath.calculations.one_worker import claim
print(claim(int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


@contextmanager
def claimed_elsewhere(profile, pk: int):
    """Let another program claim a process."""
    other = subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-c', CLAIM, profile.name, str(pk)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == 'True\n'
        yield other
    finally:
        other.kill()
        other.communicate()


@pytest.fixture
def suspended(fixture_code, generate_inputs_crystal):
    """Return the node of a submitted calculation whose task nobody has taken, and its checkpoint."""
    from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation

    manager = get_manager()
    runner = manager.get_runner()
    inputs = {**generate_inputs_crystal('MgO'), 'code': fixture_code('crystalmath.crystal23')}
    process = runner.instantiate_process(Crystal23Calculation, **inputs)
    assert claimant(process.pid) == os.getpid()
    persister = manager.get_persister()
    persister.save_checkpoint(process)
    process.close()
    assert claimant(process.pid) is None
    return process.node, persister.load_checkpoint(process.pid)


def recreate(checkpoint):
    return checkpoint.unbundle(LoadSaveContext(runner=get_manager().get_runner()))


def test_claims_exclude_each_other_until_the_claimant_dies(aiida_profile):
    with claimed_elsewhere(aiida_profile, NOBODY) as other:
        assert not claim(NOBODY)
        assert claimant(NOBODY) == other.pid
        assert claimant(NOBODY - 1) is claimant(NOBODY + 1) is None
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert claimant(NOBODY) is None
        assert claim(NOBODY)
    assert not claim(NOBODY)
    release(claims_file(), NOBODY)
    assert claimant(NOBODY) is None
    assert claims_file().stat().st_mode & 0o777 == 0o600


def test_process_of_another_worker_is_taken_over_when_that_dies(aiida_profile, suspended, monkeypatch):
    """Until then the task stays with the broker: dropped, the process would wait for ever after the worker's end."""
    monkeypatch.setattr(one_worker, 'LOOK_S', 0.1)
    node, checkpoint = suspended
    runner = get_manager().get_runner()
    with claimed_elsewhere(aiida_profile, node.pk) as other:
        standby = recreate(checkpoint)
        assert isinstance(standby, Standby)
        task = runner.loop.create_task(standby.step_until_terminated())
        runner.loop.run_until_complete(asyncio.sleep(0.5))
        assert not task.done()
        assert not node.is_terminated
        other.kill()
        other.wait()
        runner.loop.run_until_complete(asyncio.wait_for(task, 240))
    assert node.is_finished
    assert set(standby.future().result()) == set(node.outputs)
    assert claimant(node.pk) is None


def test_process_that_this_worker_has_is_not_begun_again(suspended):
    node, checkpoint = suspended
    process = recreate(checkpoint)
    assert claimant(node.pk) == os.getpid()
    assert isinstance(recreate(checkpoint), Standby)
    process.close()
    assert claimant(node.pk) is None


@pytest.mark.parametrize('how', ['sealed', 'about to be sealed'])
def test_process_that_has_ended_meanwhile_is_not_begun_again(suspended, how):
    """The launcher drops a task at this exception; at any other it would put the process down as excepted."""
    node, checkpoint = suspended
    node.set_process_state(ProcessState.FINISHED)
    if how == 'sealed':
        node.delete_checkpoint()
        node.seal()
    with pytest.raises(kiwipy.DuplicateSubscriberIdentifier, match='has ended'):
        recreate(checkpoint)
    assert claimant(node.pk) is None


def test_without_locks_there_is_a_warning(aiida_profile, monkeypatch, caplog):
    """Home directories mounted without locks: as safe as aiida-core alone, instead of nothing that runs."""

    def no_locks(*_):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(one_worker.fcntl, 'lockf', no_locks)
    monkeypatch.setattr(one_worker.fcntl, 'fcntl', no_locks)
    assert claimant(NOBODY) is None
    assert claim(NOBODY)
    assert not claim(NOBODY)
    release(claims_file(), NOBODY)
    assert 'without locks' in caplog.text


def test_newest_checkpoint_counts(suspended):
    """Not the one that was read before the claim, when another worker still went on."""
    _, old = suspended
    process = recreate(old)
    process.set_status('further')
    get_manager().get_persister().save_checkpoint(process)
    process.close()
    again = recreate(old)
    assert again.status == 'further'
    again.close()


@pytest.mark.parametrize(('state', 'expected'), [(CalcJobState.SUBMITTING, True), (CalcJobState.UPLOADING, False)])
def test_folder_of_a_worker_that_died_after_its_upload_is_an_output(suspended, state, expected):
    """Met when PostgreSQL was restarted: the job ended well, and its chain with 11, for want of ``remote_folder``."""
    node, checkpoint = suspended
    node.set_remote_workdir('/scratch/job')
    node.set_state(state)
    process = recreate(checkpoint)
    assert ('remote_folder' in process.outputs) is expected
    if expected:
        assert process.outputs['remote_folder'].get_remote_path() == '/scratch/job'
    process.close()


@pytest.mark.parametrize('group', ['aiida.calculations', 'aiida.workflows'])
def test_all_our_processes_are_carried_out_once(group):
    names = [name for name in entry_point.get_entry_point_names(group) if name.startswith('crystalmath.')]
    assert names
    for name in names:
        assert issubclass(entry_point.load_entry_point(group, name), RunByOneWorker), name


# -- work chains whose worker died within a step -----------------------------------------------------------------------


@pytest.fixture
def chain(fixture_code, generate_inputs_crystal):
    """Return a base chain that no worker has yet, and what it submits."""
    from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation
    from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain

    runner = get_manager().get_runner()
    inputs = {**generate_inputs_crystal('MgO'), 'code': fixture_code('crystalmath.crystal23')}
    process = runner.instantiate_process(CrystalBaseWorkChain, crystal=inputs)
    yield process, Crystal23Calculation, inputs
    process.close()


def test_step_that_is_done_again_submits_nothing_twice(chain, monkeypatch):
    process, calculation, inputs = chain
    sent = []
    monkeypatch.setattr(process, '_send_task', sent.append)
    monkeypatch.setattr(type(process.runner), 'submit', lambda *_, **__: pytest.fail('submitted again'))
    child = orm.CalcJobNode(process_type=calculation.build_process_type(), computer=inputs['code'].computer)
    child.base.links.add_incoming(process.node, LinkType.CALL_CALC, 'one')
    child.store()
    child.set_checkpoint('x')
    process._late = [(child.pk, child.process_type, 'one')]
    labelled = {**inputs, 'metadata': {**inputs.get('metadata', {}), 'call_link_label': 'one'}}
    assert process.submit(calculation, **labelled).pk == child.pk
    assert sent == [child.pk]
    assert list(process._late) == []


def test_what_was_called_since_the_checkpoint_is_known(chain):
    """Also when the step went on and changed the node, as base chains do (their extras): met with PostgreSQL down."""
    process, calculation, inputs = chain

    def call(label: str) -> orm.CalcJobNode:
        child = orm.CalcJobNode(process_type=calculation.build_process_type(), computer=inputs['code'].computer)
        child.base.links.add_incoming(process.node, LinkType.CALL_CALC, label)
        child.store()
        child.set_checkpoint('x')
        return child

    call('one')
    get_manager().get_persister().save_checkpoint(process)
    after = call('two')
    process.node.base.extras.set('considered', [])
    _, late = one_worker._newest(process.pid)
    assert late == [(after.pk, after.process_type, 'two')]


def test_what_is_called_later_is_submitted(chain, monkeypatch):
    process, calculation, inputs = chain
    marker = orm.Int(1)
    monkeypatch.setattr(type(process.runner), 'submit', lambda *_, **__: marker)
    process._late = [(1, calculation.build_process_type(), 'one')]
    labelled = {**inputs, 'metadata': {**inputs.get('metadata', {}), 'call_link_label': 'two'}}
    assert process.submit(calculation, **labelled) is marker


# -- services that are lost --------------------------------------------------------------------------------------------


@pytest.fixture
def lost_broker() -> BaseException:
    """Return what the client of RabbitMQ raises when nobody listens."""
    from kiwipy.rmq import RmqThreadCommunicator

    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with pytest.raises(Exception) as caught:
        RmqThreadCommunicator.connect(connection_params={'url': f'amqp://guest:guest@127.0.0.1:{port}'})
    return caught.value


def test_lost_broker_is_told_from_other_failures(lost_broker):
    assert lost_services.is_broker_lost(lost_broker)
    assert not lost_services.is_database_lost(lost_broker)
    for other in (TimeoutError('of SSH'), ConnectionResetError('of SSH'), ValueError()):
        try:
            raise other
        except type(other) as exception:
            assert not lost_services.is_broker_lost(exception)


def test_who_is_listened_to_already_is_not_lost(chain, monkeypatch):
    """What RabbitMQ says of a name left over from before its restart must not be waited for: it would be for ever."""
    from aio_pika.exceptions import DuplicateConsumerTag

    refuse = 'def refuse(how, why):\n try:\n  raise why\n except Exception as cause:\n  raise how from cause\n'
    there: dict = {'__name__': 'kiwipy.rmq.communicator'}
    exec(refuse, there)
    with pytest.raises(kiwipy.DuplicateSubscriberIdentifier) as caught:
        there['refuse'](kiwipy.DuplicateSubscriberIdentifier('1'), DuplicateConsumerTag('NOT_ALLOWED'))
    duplicate = caught.value
    assert lost_services.is_broker_lost(duplicate.__cause__)
    assert not lost_services.is_broker_lost(duplicate)

    def listen(_) -> None:
        raise duplicate

    process, *_ = chain
    ended = []
    monkeypatch.setattr(one_worker, '_stop_worker', lambda _, reason: ended.append(reason))
    monkeypatch.setattr(RunByOneWorker.__mro__[1], 'init', listen)
    with pytest.raises(kiwipy.DuplicateSubscriberIdentifier):
        process.init()
    assert ended == [duplicate]


def test_lost_database_is_told_from_other_failures():
    from sqlalchemy import exc

    broken = exc.OperationalError('select', {}, Exception('server closed the connection'), connection_invalidated=True)
    assert lost_services.is_database_lost(broken)
    wrapped = RuntimeError('could not save')
    wrapped.__cause__ = exc.PendingRollbackError('cannot reconnect')
    assert lost_services.is_database_lost(wrapped)
    assert not lost_services.is_database_lost(exc.OperationalError('select', {}, Exception('database is locked')))
    assert not lost_services.is_broker_lost(broken)


def test_patience_outlasts_the_broker_only(lost_broker, monkeypatch):
    monkeypatch.setattr(lost_services, 'PAUSE_S', 0)
    raised, undone = [lost_broker, lost_broker], []

    def action() -> str:
        if raised:
            raise raised.pop()
        return 'done'

    assert lost_services.patiently(get_manager().get_runner(), action, undo=lambda: undone.append(1)) == 'done'
    assert undone == [1, 1]
    monkeypatch.setattr(lost_services, 'GIVE_UP_S', -1)
    raised.append(lost_broker)
    with pytest.raises(type(lost_broker)):
        lost_services.patiently(get_manager().get_runner(), action)
    raised.append(ValueError('of the step'))
    with pytest.raises(ValueError, match='of the step'):
        lost_services.patiently(get_manager().get_runner(), action)


def test_worker_without_database_ends_before_it_writes(chain, monkeypatch):
    """In a daemon the worker makes room for another; what a user runs himself is put down as excepted."""
    from sqlalchemy import exc

    process, *_ = chain
    broken = exc.PendingRollbackError('cannot reconnect')
    ended = []
    monkeypatch.setattr(one_worker.os, '_exit', ended.append)
    monkeypatch.setattr(one_worker.logging, 'shutdown', lambda: None)
    one_worker.stop_if_database_is_lost(get_manager().get_runner(), broken)
    assert ended == []
    monkeypatch.setattr(type(get_manager().get_runner()), 'is_daemon_runner', True)
    one_worker.stop_if_database_is_lost(get_manager().get_runner(), ValueError())
    assert ended == []
    monkeypatch.setattr(RunByOneWorker.__mro__[1], 'on_except', lambda *_: ended.append('excepted'))
    process.on_except((type(broken), broken, None))
    assert ended == [1, 'excepted']
