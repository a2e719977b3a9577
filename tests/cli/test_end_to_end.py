"""The command as a newcomer meets it: own processes, a folder of its own for AiiDA, a real daemon, the stand-in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.daemon, pytest.mark.standin]

BIN = Path(sys.executable).parent
H2 = 'H2\nMOLECULE\n1\n2\n1 0 0 0\n1 0 0 0.74\n{task}END\n1 1\n1 0 3 1. 0.\n99 0\nEND\nTOLDEE\n8\nEND\n'


class Home:
    """A folder for AiiDA, and the commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith('CRY23')},
            'AIIDA_PATH': str(folder),
            'OMP_NUM_THREADS': '1',
        }

    def __call__(
        self, *arguments: str, program: str = 'crystalmath', timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BIN / program), *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def deck(self, name: str, task: str = '') -> str:
        (self.folder / name).write_text(H2.format(task=task))
        return name


@pytest.fixture(scope='module')
def home() -> Iterator[Home]:
    """Return a home set up by quickstart beside somebody's own profile; short path, for the broker's sockets."""
    folder = Path(tempfile.mkdtemp(prefix='cm-'))
    there = Home(folder)
    assert there('presto', '-p', 'mine', '--no-broker', program='verdi').returncode == 0
    answer = there('quickstart')
    try:
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.count(' made ') == 7, answer.stdout
        yield there
    finally:
        there('-p', 'crystalmath', 'daemon', 'stop', program='verdi')
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope='module')
def finished(home) -> dict:
    """Return what ``run --json`` prints for a deck, with what it said meanwhile."""
    answer = home('run', home.deck('h2.d12'), '--json')
    assert answer.returncode == 0, answer.stderr
    return {**json.loads(answer.stdout), 'said': answer.stderr}


@pytest.mark.parametrize('arguments', [('quickstart', '--dry-run'), ('run', 'h2.d12'), ('show', '1')])
def test_nothing_is_written_where_aiida_has_never_been(tmp_path, arguments):
    bare = Home(tmp_path)
    bare.deck('h2.d12')
    answer = bare(*arguments)
    assert answer.returncode == (0 if arguments[0] == 'quickstart' else 1)
    if answer.returncode:
        assert 'Run "crystalmath quickstart"' in answer.stderr
    assert 'Creating AiiDA' not in answer.stdout + answer.stderr
    assert [path for path in (tmp_path / '.aiida').rglob('*') if path.is_file()] == []


def test_quickstart_again_makes_nothing(home):
    answer = home('quickstart', '--json')
    assert {step['state'] for step in json.loads(answer.stdout)['steps']} == {'present'}


def test_the_default_profile_of_the_user_stays(home):
    assert json.loads((home.folder / '.aiida' / 'config.json').read_text())['default_profile'] == 'mine'
    assert 'verdi -p crystalmath process list -a' in home('quickstart', '--dry-run').stdout


def test_run_says_what_goes_on_and_prints_pure_json(finished):
    assert finished['is_ok']
    assert not finished['finished_before']
    assert finished['engine'] == 'STAND-IN'
    assert finished['structure']['shortest_distance_angstrom'] == pytest.approx(0.74)
    assert finished['results']['energy_hartree'] == pytest.approx(-1.1167593, abs=1e-5)  # RHF/STO-3G at 0.74 Å
    assert 'iteration_01: Crystal23Calculation' in finished['said']
    assert 'Creating AiiDA' not in finished['said']


def test_what_ran_well_is_shown_again_not_repeated(home, finished):
    answer = home('run', 'h2.d12')
    assert f'PK {finished["pk"]}: nothing is repeated' in answer.stderr
    assert 'iteration_01' not in answer.stderr
    assert f'PK {finished["pk"]}  h2.d12 deck: finished well' in answer.stdout
    assert 'HOMO-LUMO gap' in answer.stdout
    assert answer.stdout.count(' *') >= 3
    assert 'value of the STAND-IN engine (PySCF), not of CRYSTAL' in answer.stdout


def test_plot_of_a_molecule_says_why_not(home, finished):
    answer = home('plot', str(finished['pk']))
    assert answer.returncode == 1
    assert 'molecule' in answer.stderr


def test_show_of_data_shows_what_made_it(home, finished):
    pk = finished['outputs']['output_parameters']
    answer = home('show', str(pk))
    assert f'PK {pk} is data' in answer.stderr
    assert 'Crystal23Calculation PK' in answer.stdout


def test_failure_is_traced_and_run_again(home):
    name = home.deck('elastic.d12', 'ELASTCON\nEND\n')
    first = home('run', name)
    assert first.returncode == 2
    assert 'exit status 329' in first.stdout
    assert 'It began in Crystal23Calculation PK' in first.stdout
    assert 'the program said: ERROR **** STANDIN **** ELASTCON NOT SUPPORTED' in first.stdout
    assert 'verdi calcjob outputcat' in first.stdout
    second = home('run', name, '--no-wait', '--json')
    answer = json.loads(second.stdout)
    assert not answer['finished_before']
    assert f'PK {answer["pk"]} ' not in first.stdout


def test_interrupt_leaves_the_calculation_running(home, finished):
    """Ctrl-C stops the display only; what it says is how to look later."""
    # A suite started in the background of a script inherits an ignored SIGINT, and so would the command.
    heeding = (
        'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', heeding, str(BIN / 'crystalmath'), 'run', 'h2.d12', '--again'],
        env=home.environment,
        cwd=home.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith('  ') and 'CrystalBaseWorkChain' in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert 'the calculations go on' in said
    assert 'crystalmath show' in said


def test_run_starts_a_stopped_daemon(home, finished):
    assert home('-p', 'crystalmath', 'daemon', 'stop', program='verdi').returncode == 0
    answer = home('run', 'h2.d12', '--again', '--json')
    assert answer.returncode == 0, answer.stderr
    assert 'was not running: starting it' in answer.stderr
    assert json.loads(answer.stdout)['pk'] > finished['pk']
