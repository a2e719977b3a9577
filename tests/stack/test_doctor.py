"""What the doctor says of services that are there, and of those that are not: with PostgreSQL, RabbitMQ and SSH."""

from __future__ import annotations

import time

import psutil
import pytest
from aiida.manage import get_manager
from aiida.manage.configuration.profile import Profile

from aiida_crystalmath.machines.checks import examine, services

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

OTHER_CLOCK_S = 40.0


@pytest.fixture
def broker_of(aiida_profile, stack):
    """Return a function that lets the profile of the tests have the RabbitMQ of the stack, with changes."""
    before = (aiida_profile.process_control_backend, aiida_profile.process_control_config)

    def use(**changes) -> None:
        config = {**stack.broker_config(), **{f'broker_{key}': value for key, value in changes.items()}}
        aiida_profile.set_process_controller('core.rabbitmq', config)
        get_manager().reset_broker()

    yield use
    aiida_profile.set_process_controller(*before)
    get_manager().reset_broker()


def test_wrong_password_and_virtual_host_are_told(aiida_profile, broker_of):
    """The supervisor, who only looks whether RabbitMQ is there, does not log in."""
    name = aiida_profile.name
    broker_of()
    assert services.check_broker(name, log_in=True).state == 'ok'
    for change in ({'password': 's3cret'}, {'virtual_host': 'none'}):
        broker_of(**change)
        assert services.check_broker(name).state == 'ok'
        found = services.check_broker(name, log_in=True)
        assert found.state == 'fail'
        assert 'does not let us in' in found.text
        assert 's3cret' not in found.text
        assert found.remedy == f'verdi profile configure-broker core.rabbitmq {name}'


def test_start_of_the_database_by_our_own_clock(stack, tmp_path, monkeypatch):
    """The clock of the server may be another one; here ours is set forward."""
    config = {'storage': {'backend': 'core.psql_dos', 'config': stack.storage_config('aiida', tmp_path)}}
    profile = Profile('other', {**config, 'process_control': {'backend': None, 'config': {}}})
    here = services.database_start(profile).timestamp()
    (first, *_) = sorted(psutil.Process(pid).create_time() for pid in stack.pids('postgres'))
    assert here == pytest.approx(first, abs=5)
    now = time.time
    monkeypatch.setattr(services.time, 'time', lambda: now() + OTHER_CLOCK_S)
    assert services.database_start(profile).timestamp() == pytest.approx(here + OTHER_CLOCK_S, abs=2)


def test_computer_answers_without_a_broker(aiida_profile, slurm_computer, aiida_code_installed, broker_of):
    aiida_code_installed(
        computer=slurm_computer, default_calc_job_plugin='crystalmath.crystal23', filepath_executable='/bin/true'
    )
    broker_of(port=1)
    found = {one.check: one for one in examine(aiida_profile.name)}
    assert found['broker'].state == 'fail'
    assert found['computer'].state == 'ok', found['computer'].text
