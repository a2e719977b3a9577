"""Labels, titles, file names and folders that are shell text stay names: nothing in them is ever run."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.transports.plugins.local import LocalTransport

from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation, validate_parameters
from aiida_crystalmath.calculations.monitors.reading import read_ends

HOSTILE = 'it\'s "$(touch pwned)" `touch pwned`; touch pwned #'
"""What a careless shell would run. AiiDA's rules forbid `@` in labels and `/` in names of files."""


@pytest.fixture(autouse=True)
def nothing_is_run(tmp_path, monkeypatch):
    """Stand in an empty folder, and see that nothing was touched there or anywhere near."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not [path for path in tmp_path.rglob('*') if path.name == 'pwned']


@pytest.fixture
def hostile_machine(tmp_path):
    """Return a computer whose label, working directory and prompt texts are hostile."""
    computer = orm.Computer(
        label=HOSTILE,
        description=HOSTILE,
        hostname='localhost',
        transport_type='core.local',
        scheduler_type='core.direct',
        workdir=str(tmp_path / HOSTILE),
    ).store()
    computer.set_default_mpiprocs_per_machine(1)
    computer.set_minimum_job_poll_interval(0)
    computer.configure()
    return computer


def test_a_job_in_which_every_name_is_hostile(tmp_path, hostile_machine, generate_inputs_crystal):
    """``cat`` for CRYSTAL: its output is the input, title and all."""
    program = tmp_path / f'{HOSTILE} bin' / f'cat {HOSTILE}'
    program.parent.mkdir()
    program.symlink_to('/bin/cat')
    code = orm.InstalledCode(
        label=HOSTILE,
        description=HOSTILE,
        default_calc_job_plugin='crystalmath.crystal23',
        computer=hostile_machine,
        filepath_executable=str(program),
    ).store()
    inputs = generate_inputs_crystal('H2')
    inputs['parameters'] = orm.Dict({**inputs['parameters'].get_dict(), 'title': HOSTILE})
    inputs['structure'].label = inputs['structure'].description = HOSTILE
    inputs['code'] = code
    inputs['metadata']['label'] = inputs['metadata']['description'] = HOSTILE
    inputs['metadata']['options'] |= {
        'input_filename': f'input {HOSTILE}',
        'output_filename': f'output {HOSTILE}',
        'environment_variables': {'HOSTILE': HOSTILE},
    }
    results, node = run_get_node(Crystal23Calculation, **inputs)
    assert node.exit_status == 304, 'it is not the output of CRYSTAL'
    printed = results['retrieved'].base.repository.get_object_content(f'output {HOSTILE}')
    assert printed.splitlines()[0] == HOSTILE
    folder = Path(results['remote_folder'].get_remote_path())
    assert HOSTILE in folder.parts
    assert not list(folder.rglob('pwned'))
    again = subprocess.run(['bash', '_aiidasubmit.sh'], cwd=folder, timeout=120, check=False)
    assert again.returncode == 0
    assert not list(folder.rglob('pwned'))


@pytest.mark.parametrize('end', ['\n', '\r', '\x0b', '\u2028'])
def test_a_title_is_one_line(end):
    """The next lines of the input would be CRYSTAL's keywords."""
    message = validate_parameters(orm.Dict({'title': f'MgO{end}EXTERNAL'}), None)
    assert message is not None and 'one line' in message


@pytest.mark.parametrize('name', [HOSTILE, '-n1', '--follow', "o'ut", '*', '-'])
def test_monitors_read_files_of_any_name(tmp_path, name):
    folder = tmp_path / f'{HOSTILE}\n-x'
    folder.mkdir()
    (folder / name).write_text(f'the end of {HOSTILE}')
    with LocalTransport() as transport:
        assert read_ends(transport, str(folder), [name], 1000) == {name: f'the end of {HOSTILE}'}


def test_the_command_that_is_proposed_can_be_pasted(tmp_path, corpus, truth):
    """``crystalmath read`` names the file in a command, as others do that people copy."""
    name = f'{HOSTILE}.out'
    (tmp_path / name).write_bytes((corpus / 'incomplete_scf' / truth['incomplete_scf']['file']).read_bytes())
    program = Path(sys.executable).parent / 'crystalmath'
    said = subprocess.run([program, 'read', name], capture_output=True, text=True, check=False)
    (proposed,) = (line for line in said.stdout.splitlines() if 'crystalmath why' in line)
    assert shlex.split(proposed.partition('crystalmath why ')[2]) == [name]
