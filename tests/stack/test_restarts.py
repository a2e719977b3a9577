"""Services restarted under two workers with chains in flight: all of them end well, each having run once, by itself."""

from __future__ import annotations

import time

import pytest
from aiida import orm
from aiida.engine import submit
from aiida.manage import get_manager
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.machines import supervision
from aiida_crystalmath.machines import workers as daemon_workers

pytestmark = [pytest.mark.stack, pytest.mark.daemon, pytest.mark.timeout(900)]

N_CHAINS = 6
N_WORKERS = 2
TIMEOUT_S = 600


@pytest.fixture
def production(request):
    """Skip where the options do not name the services that are restarted here."""
    chosen = (request.config.getoption('--db-backend'), request.config.getoption('--broker-backend'))
    if chosen != ('psql', 'rabbitmq'):
        pytest.skip('for --db-backend psql --broker-backend rabbitmq')


@pytest.fixture
def supervised(aiida_profile, production, stack, started_daemon_client):
    """Return the name of a profile whose daemon has two workers and a supervisor."""
    name = aiida_profile.name
    missing = N_WORKERS - len(daemon_workers.workers(name))
    if missing > 0:
        started_daemon_client.increase_workers(missing, wait=True)
    daemon_workers.remember_workers(name)
    supervision.install(name)
    yield name
    supervision.stop(name)
    print(supervision.log_file(name).read_text())


@pytest.fixture
def chains(supervised, replay, corpus, generate_inputs_crystal):
    """Return the PKs of chains whose jobs take some seconds each, some of them not yet begun."""
    code = replay(replay.run(corpus / 'mgo_scf_b3lyp', sleep=3.0), repeat=True)
    builder = WorkflowFactory('crystalmath.crystal.base').get_builder()
    builder.crystal = {**generate_inputs_crystal('MgO'), 'code': code}
    return [submit(builder).pk for _ in range(N_CHAINS)]


@pytest.mark.parametrize('service', ['postgres', 'rabbitmq'])
def test_restart_of_a_service(supervised, chains, stack, service):
    """Nothing lost, nothing excepted, nothing run twice, nothing to type."""
    time.sleep(3)  # some are uploaded, some run, some are parsed
    session = get_manager().get_profile_storage().get_session()
    session.commit()
    stack.restart(service)
    session.get_bind().dispose()  # the connections of this test died with the server, too
    end = time.monotonic() + TIMEOUT_S
    while not all(orm.load_node(pk).is_terminated for pk in chains):
        assert time.monotonic() < end, {pk: orm.load_node(pk).process_state for pk in chains}
        time.sleep(1)
    for pk in chains:
        chain = orm.load_node(pk)
        assert chain.is_finished_ok, (chain.process_state, chain.exit_status, chain.exception)
        assert len(chain.called) == 1
