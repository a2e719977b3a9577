"""Whole chains on the services and the computer that the options name: what runs on one machine runs in production."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from aiida.plugins import WorkflowFactory

pytestmark = [pytest.mark.stack, pytest.mark.daemon, pytest.mark.standin, pytest.mark.timeout(900)]

CIF = Path(__file__).parents[2] / 'examples' / 'MgO.cif'
TIMEOUT_S = 800


def jobs_of(node) -> list[orm.CalcJobNode]:
    return [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]


@pytest.fixture
def ran_once_each(request, job_computer):
    """Return a function that asserts that the jobs of a chain ran on the computer chosen, each of them once."""

    def check(node):
        jobs = jobs_of(node)
        assert jobs and {job.computer.label for job in jobs} == {job_computer.label}
        if request.config.getoption('--computer') == 'slurm':
            stack = request.getfixturevalue('stack')
            accounts = stack.slurm('sacct', '-a', '-X', '-n', '-P', '-S', 'now-1day', '-o', 'JobName,JobID,State')
            rows = [line.split('|') for line in accounts.splitlines()]
            for job in jobs:
                assert [row[1:] for row in rows if row[0] == f'aiida-{job.pk}'][-1:] == [
                    [job.get_job_id(), 'COMPLETED']
                ]
                folder = job.get_remote_workdir()
                assert stack.ssh(f"grep -c '' {folder}/fort.87 2>/dev/null || true") is not None

    return check


def test_options_choose_the_services(request, aiida_profile, job_computer):
    storage = {'sqlite': 'core.sqlite_dos', 'psql': 'core.psql_dos'}[request.config.getoption('--db-backend')]
    broker = f'core.{request.config.getoption("--broker-backend")}'
    transport = {'local': 'core.local', 'slurm': 'core.ssh_async'}[request.config.getoption('--computer')]
    assert (aiida_profile.storage_backend, aiida_profile.process_control_backend) == (storage, broker)
    assert job_computer.transport_type == transport


def test_characterisation(
    started_daemon_client, submit_and_await, shipped_family, crystal_code, properties_code, ran_once_each
):
    """From a CIF to the relaxed structure, bands and density of states of MgO."""
    from aiida_crystalmath.calculations.functions.structure_from_file import structure_from_file

    shipped_family('sto-3g')
    builder = WorkflowFactory('crystalmath.crystal.characterise').get_builder_from_protocol(
        crystal_code, structure_from_file(orm.SinglefileData(CIF)), 'fast', properties_code=properties_code
    )
    node = submit_and_await(builder, timeout=TIMEOUT_S)
    assert node.is_finished_ok, f'{node.exit_status}: {node.exit_message}'
    assert {'output_structure', 'output_bands', 'output_dos', 'output_parameters'} <= set(node.outputs)
    # 3.98 Å: MgO with PBE/STO-3G by PySCF alone
    assert node.outputs.output_structure.cell_lengths[0] == pytest.approx(3.98, abs=0.05)
    assert node.outputs.output_parameters['gap_ev'] > 1
    ran_once_each(node)


def test_failure_is_cured(started_daemon_client, submit_and_await, generate_inputs_crystal, ran_once_each):
    """An SCF that jumps between two energies for ever is damped and converges, wherever it runs."""
    parameters = {
        'hamiltonian': {'dft': {'functional': 'PBE'}},
        'scf': {'diis': False, 'fmixing': 0, 'maxcycle': 24, 'shrink': {'is': 2, 'isp': 2}},
    }
    crystal = generate_inputs_crystal('MgO', parameters)
    node = submit_and_await(WorkflowFactory('crystalmath.crystal.base'), timeout=TIMEOUT_S, crystal=crystal)
    assert node.is_finished_ok, node.exit_message
    failed, cured = sorted(jobs_of(node), key=lambda job: job.pk)
    assert (failed.exit_status, cured.exit_status) == (410, 0)
    ran_once_each(node)
