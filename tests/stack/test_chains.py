"""Whole chains on the services and the computer that the options name: what runs on one machine runs in production."""

from __future__ import annotations

import functools
import time

import pytest
from aiida import orm
from aiida.plugins import WorkflowFactory

pytestmark = [pytest.mark.stack, pytest.mark.daemon, pytest.mark.standin, pytest.mark.timeout(900)]

TIMEOUT_S = 800


def jobs_of(node) -> list[orm.CalcJobNode]:
    return [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]


def jobs_in(stack, folders: set[str]) -> dict[str, list[list[str]]]:
    """Return number and state of all jobs that SLURM has had in some folders."""
    found: dict[str, list[list[str]]] = {folder: [] for folder in folders}
    fields = 'JobID,State,WorkDir'
    for line in stack.slurm('sacct', '-a', '-X', '-n', '-P', '-S', 'now-1day', '-o', fields).splitlines():
        *job, folder = line.split('|')
        if folder in found:
            found[folder].append(job)
    return found


@pytest.fixture
def ran_once_each(request, job_computer):
    """Return a function that asserts that the jobs of a chain ran on the computer chosen, each of them once."""

    def check(node):
        jobs = jobs_of(node)
        assert jobs
        assert {job.computer.label for job in jobs} == {job_computer.label}
        if request.config.getoption('--computer') == 'slurm':
            submitted = {job.get_remote_workdir(): [[job.get_job_id(), 'COMPLETED']] for job in jobs}
            accounts = functools.partial(jobs_in, request.getfixturevalue('stack'), set(submitted))
            # The accounts learn of the last job with some delay.
            end = time.monotonic() + 120
            while accounts() != submitted and time.monotonic() < end:
                time.sleep(2)
            assert accounts() == submitted

    return check


def test_options_choose_the_services(request, aiida_profile, job_computer):
    storage = {'sqlite': 'core.sqlite_dos', 'psql': 'core.psql_dos'}[request.config.getoption('--db-backend')]
    broker = f'core.{request.config.getoption("--broker-backend")}'
    transport = {'local': 'core.local', 'slurm': 'core.ssh_async'}[request.config.getoption('--computer')]
    assert (aiida_profile.storage_backend, aiida_profile.process_control_backend) == (storage, broker)
    assert job_computer.transport_type == transport


@pytest.fixture
def characterisation(crystal_code, properties_code, shipped_family, generate_structure):
    """Return the builder of the characterisation of LiH, protocol fast: the cheapest crystal with a gap."""
    shipped_family('sto-3g')
    return WorkflowFactory('crystalmath.crystal.characterise').get_builder_from_protocol(
        crystal_code, generate_structure('LiH'), 'fast', properties_code=properties_code
    )


def test_characterisation(submit_and_await, characterisation, ran_once_each):
    """From a structure to the relaxed one, its bands and density of states."""
    node = submit_and_await(characterisation, timeout=TIMEOUT_S)
    assert node.is_finished_ok, f'{node.exit_status}: {node.exit_message}'
    assert {'output_structure', 'output_bands', 'output_dos', 'output_parameters'} <= set(node.outputs)
    before, after = node.inputs.structure, node.outputs.output_structure
    assert after.cell_angles == pytest.approx(before.cell_angles, abs=1e-3)
    assert after.cell_lengths[0] != pytest.approx(before.cell_lengths[0], abs=1e-3)
    assert node.outputs.output_parameters['gap_ev'] > 1
    ran_once_each(node)


def test_failure_is_cured(submit_and_await, generate_inputs_crystal, ran_once_each):
    """An SCF that is given too few cycles goes on from its wavefunction and converges, wherever it runs."""
    parameters = {
        'hamiltonian': {'dft': {'functional': 'PBE'}},
        'scf': {'diis': False, 'maxcycle': 4, 'shrink': {'is': 2, 'isp': 2}},
    }
    crystal = generate_inputs_crystal('LiH', parameters)
    node = submit_and_await(WorkflowFactory('crystalmath.crystal.base'), timeout=TIMEOUT_S, crystal=crystal)
    assert node.is_finished_ok, node.exit_message
    *failed, cured = sorted(jobs_of(node), key=lambda job: job.pk)
    assert [job.exit_status for job in failed] == [410] * len(failed) != []
    assert cured.is_finished_ok
    ran_once_each(node)
