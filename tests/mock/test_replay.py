"""The replay executable: steps in order, what it was given is kept, real signals, two jobs at once."""

from __future__ import annotations

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory

Crystal23Calculation = CalculationFactory('crystalmath.crystal23')


@pytest.fixture
def call(tmp_path):
    """Return a factory that calls the executable of a code as a job does, in a folder of its own."""

    def factory(executable: str, name: str = 'job', deck: str = 'TITLE\nEND\n'):
        folder = tmp_path / name
        folder.mkdir()
        return folder, subprocess.run([executable], cwd=folder, input=deck.encode(), capture_output=True, check=False)

    return factory


def path(code) -> str:
    return str(code.filepath_executable)


def test_steps_in_order(replay, call):
    program = path(
        replay(
            replay.files('first', {'fort.9': b'\0\1'}, stderr='oops', exit_status=3), replay.files('second run', cut=6)
        )
    )
    folder, first = call(program, 'a', 'ONE')
    assert (first.stdout, first.stderr, first.returncode) == (b'first', b'oops', 3)
    assert (folder / 'fort.9').read_bytes() == b'\0\1'
    assert call(program, 'b', 'TWO')[1].stdout == b'second'
    assert replay.decks == ['ONE', 'TWO']
    assert replay.staged == [{}, {}]


def test_last_step_for_ever(replay, call):
    program = path(replay(replay.files('a'), replay.files('b'), repeat=True))
    assert [call(program, str(n))[1].stdout for n in range(4)] == [b'a', b'b', b'b', b'b']


def test_a_call_too_many_is_told(replay, call):
    """By the executable, and by the fixture at the end of the test."""
    result = call(path(replay()))[1]
    assert result.returncode == 99
    assert b'no step' in result.stderr
    assert replay.unplanned == 1
    replay._codes['crystal23'].clear()


def test_dies_by_a_real_signal(replay, call):
    program = path(replay(replay.files('before ', rest='never?', signal=signal.SIGKILL, sleep=0.1)))
    result = call(program)[1]
    assert result.returncode == -signal.SIGKILL
    assert result.stdout == b'before never?'


def test_two_at_once_take_different_steps(replay, call):
    program = path(replay(*[replay.files(str(n)) for n in range(8)]))
    with ThreadPoolExecutor(4) as pool:
        played = list(pool.map(lambda n: call(program, f'job{n}', str(n))[1].stdout, range(8)))
    assert sorted(played) == [str(n).encode() for n in range(8)]
    assert sorted(replay.decks) == [str(n) for n in range(8)]


def test_plays_a_run_of_the_corpus_to_the_parser(replay, corpus, generate_inputs_crystal):
    """An optimisation stopped by its walltime, then a good single point: the parser sees what CRYSTAL wrote."""
    folder = corpus / 'nio_opt_walltime'
    code = replay(replay.run(folder, files={'fort.9': b''}), corpus / 'mgo_sto3g_scf')
    inputs = generate_inputs_crystal(parameters={'scf': {'shrink': {'is': 2, 'isp': 2}}}, code=code)
    _, failed = run_get_node(Crystal23Calculation, **inputs)
    assert failed.exit_status == 400
    assert (
        failed.outputs.retrieved.base.repository.get_object_content('crystal.out') == (folder / 'main.out').read_text()
    )
    assert set(failed.outputs.remote_folder.listdir()) >= {'OPTINFO.DAT', 'fort.9', 'SCFOUT.LOG', 'optc001'}
    _, good = run_get_node(Crystal23Calculation, **inputs)
    assert good.is_finished_ok, good.exit_message
    assert 'SHRINK\n2 2' in replay.decks[1]
    assert 'INPUT' in replay.staged[1]
