"""Fixtures shared by all tests.

Only tests that need AiiDA pay for it: those under ``tests/{data,calculations,parsers,workflows,importing,cli}`` get
a loaded profile (SQLite and the ZeroMQ broker, in a temporary folder) without asking; others ask for ``aiida_profile``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

# No test may ever touch the user's own AiiDA configuration, not even one that forgot to ask for a profile.
os.environ['AIIDA_PATH'] = tempfile.mkdtemp(prefix='crystalmath-tests-')
os.environ.setdefault('OMP_NUM_THREADS', '1')

# What benchmarks and tests share, such as the services of production.
sys.path.append(str(Path(__file__).resolve().parents[1] / 'benchmarks'))

# What tests share, such as the parameters of recorded runs.
sys.path.append(str(Path(__file__).resolve().parent / 'mock'))

# Daemon workers and codes are found next to the running Python, also when the environment is not activated.
os.environ['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')])

from aiida.tools import pytest_fixtures as core
from hypothesis import HealthCheck, settings

# Property tests: the same examples at every run, so that a failure is always there again; no deadlines.
settings.register_profile('crystalmath', deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('crystalmath')


def pytest_addoption(parser) -> None:
    """Choose the services behind the test profile, and the computer on which its codes are."""
    group = parser.getgroup('AiiDA')
    group.addoption('--db-backend', choices=('sqlite', 'psql'), default='sqlite', help='storage of the test profile')
    group.addoption(
        '--broker-backend', choices=('zeromq', 'rabbitmq'), default='zeromq', help='broker of the test profile'
    )
    group.addoption(
        '--computer',
        choices=('local', 'slurm'),
        default='local',
        help='where codes run: here, or on the SLURM cluster of setup_scripts/stack.sh, over SSH',
    )


def pytest_configure(config) -> None:
    """Turn AiiDA's deprecation warnings of our code into errors.

    Named in pyproject.toml, the class would be imported before AIIDA_PATH is set, and the user's own folder be made.
    """
    config.addinivalue_line('filterwarnings', 'error::aiida.common.warnings.AiidaDeprecationWarning:aiida_crystalmath')


# The core's `aiida_config`, `aiida_profile` and `run_aiida_broker_service` are autouse, so that the module cannot be a
# plugin here: its other fixtures are taken one by one, and those three are written anew below.
aiida_code = core.aiida_code
aiida_code_installed = core.aiida_code_installed
aiida_computer = core.aiida_computer
aiida_computer_local = core.aiida_computer_local
aiida_config_factory = core.aiida_config_factory
aiida_config_tmp = core.aiida_config_tmp
aiida_localhost = core.aiida_localhost
aiida_manager = core.aiida_manager
aiida_profile_clean = core.aiida_profile_clean
aiida_profile_clean_class = core.aiida_profile_clean_class
aiida_profile_factory = core.aiida_profile_factory
aiida_profile_tmp = core.aiida_profile_tmp
daemon_client = core.daemon_client
entry_points = core.entry_points
run_aiida_broker_service_for_profile = core.run_aiida_broker_service_for_profile
started_daemon_client = core.started_daemon_client
stopped_daemon_client = core.stopped_daemon_client
submit_and_await = core.submit_and_await

TESTS = Path(__file__).parent
NEEDS_AIIDA = ('data', 'calculations', 'parsers', 'workflows', 'importing', 'cli', 'stack')


# ------------------------------------------------------------------------------------------------ real files


@pytest.fixture(scope='session')
def truth(corpus) -> dict[str, Any]:
    """Return the hand-checked values of every output of the corpus, by run."""
    return json.loads((corpus / 'truth.json').read_text())


@pytest.fixture(scope='session')
def peers_python() -> Path:
    """Python of the environment of the peers (setup_scripts/peers_env.sh), which CI must have."""
    root = Path(__file__).resolve().parents[1]
    python = Path(os.environ.get('CRYSTALMATH_PEERS_PYTHON') or root / '.venv-peers' / 'bin' / 'python')
    if not python.is_file():
        message = f'NO PEERS: {python} does not exist; make it with setup_scripts/peers_env.sh'
        if os.environ.get('CI', '').lower() == 'true':
            pytest.fail(message)
        pytest.skip(message)
    return python


@pytest.fixture(scope='session')
def corpus() -> Path:
    """Return the folder of real CRYSTAL files (``CRYSTALMATH_CORPUS``, by default ``../shared/corpus``)."""
    root = Path(os.environ.get('CRYSTALMATH_CORPUS') or TESTS.parent.parent / 'shared' / 'corpus')
    folder = root / 'crystal' if (root / 'crystal').is_dir() else root
    if not (folder / 'truth.json').is_file():
        message = f'NO CORPUS: no real CRYSTAL files in {root}; set CRYSTALMATH_CORPUS to the folder that has them'
        if os.environ.get('CI', '').lower() in ('1', 'true'):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope='session')
def yambo_corpus() -> Path:
    """Return the folder of recorded runs of Yambo 5.2.4 and QE 6.7 (``yambo`` in ``CRYSTALMATH_CORPUS``)."""
    root = Path(os.environ.get('CRYSTALMATH_CORPUS') or TESTS.parent.parent / 'shared' / 'corpus')
    folder = root / 'yambo' if (root / 'yambo').is_dir() else root
    if not (folder / 'gw_ppa_mpi2').is_dir():
        message = f'NO CORPUS: no recorded runs of Yambo in {root}; set CRYSTALMATH_CORPUS to the folder that has them'
        if os.environ.get('CI', '').lower() in ('1', 'true'):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope='session')
def recorded() -> Path:
    """Return the folder of runs recorded for this project (``fixtures/record_*.py``)."""
    return TESTS / 'fixtures'


@pytest.fixture
def finished_runs(tmp_path, corpus):
    """Return a factory of trees with copies of folders of the corpus: ``finished_runs("mgo_sto3g_scf", ...)``."""

    def factory(*names: str, root: Path | None = None) -> Path:
        tree = root or tmp_path / 'tree'
        for name in names:
            (tree / name).mkdir(parents=True, exist_ok=True)
            for path in (corpus / name).iterdir():
                shutil.copyfile(path, tree / name / path.name)
        return tree

    return factory


@pytest.fixture(scope='session')
def standin_opt_and_sp(tmp_path_factory) -> Path:
    """Return a folder with runs of the stand-in: an optimisation of H2, and below it a single point at its end."""
    root = tmp_path_factory.mktemp('standin')
    basis = '1 1\n1 0 3 1.0 0.0\n99 0\nEND\n'
    atoms = 'MOLECULE\n1\n2\n1 0.0 0.0 0.0\n1 0.0 0.0 0.8\n'
    _run_standin(root, 'h2', f'H2 optimised\n{atoms}OPTGEOM\nENDOPT\nEND\n{basis}END\n')
    point = root / 'point'
    point.mkdir()
    shutil.copyfile(root / 'fort.34', point / 'fort.34')
    _run_standin(point, 'h2_sp', f'H2 single point\nEXTERNAL\nEND\n{basis}UHF\nEND\n')
    (point / 'fort.34').rename(point / 'h2_sp.gui')
    return root


def _run_standin(folder: Path, stem: str, deck: str) -> None:
    """Run the stand-in as a run script does: ``X.d12`` in, ``X.out`` out."""
    (folder / f'{stem}.d12').write_text(deck)
    with (folder / f'{stem}.d12').open() as source, (folder / f'{stem}.out').open('w') as target:
        command = [_console_script('crystalmath-crystal')]
        subprocess.run(command, cwd=folder, stdin=source, stdout=target, check=True, timeout=120)


# ------------------------------------------------------------------------------------------------ AiiDA


@pytest.fixture(scope='session')
def aiida_config(tmp_path_factory, aiida_config_factory):
    """Return a temporary AiiDA configuration; not autouse, unlike the core's."""
    with aiida_config_factory(tmp_path_factory.mktemp('aiida')) as config:
        config.set_option('daemon.timeout', 30)
        yield config


@pytest.fixture(scope='session')
def aiida_profile(request, aiida_config, aiida_profile_factory, run_aiida_broker_service_for_profile, tmp_path_factory):
    """Return a temporary profile with a broker running, so that real daemons can be started.

    On SQLite and ZeroMQ, or on what ``--db-backend`` and ``--broker-backend`` name.
    """
    with contextlib.ExitStack() as opened:
        services: dict[str, Any] = {
            'broker_backend': 'core.zeromq',
            'broker_config': {'supervised_by_daemon': False},
        }
        if request.config.getoption('--broker-backend') == 'rabbitmq':
            stack = request.getfixturevalue('stack')
            services = {'broker_backend': 'core.rabbitmq', 'broker_config': stack.broker_config()}
        if request.config.getoption('--db-backend') == 'psql':
            stack = request.getfixturevalue('stack')
            database = opened.enter_context(stack.database())
            services['storage_backend'] = 'core.psql_dos'
            services['storage_config'] = stack.storage_config(database, tmp_path_factory.mktemp('repository'))
        profile = opened.enter_context(aiida_profile_factory(aiida_config, **services))
        profile.is_test_profile = False  # workers of one look for the ends of processes without any pause
        profile.set_option('runner.poll.interval', 1)
        # Of the profile: what is set for all profiles does not reach the daemon's client.
        profile.set_option('daemon.timeout', 30)
        # Debian's RabbitMQ is newer than AiiDA's list; what it warns of, stack.sh has set.
        profile.set_option('warnings.rabbitmq_version', False)
        aiida_config.store()
        if services['broker_backend'] == 'core.zeromq':
            opened.enter_context(run_aiida_broker_service_for_profile(profile))
        yield profile


@pytest.fixture(autouse=True)
def _profile_where_needed(request):
    """Load the profile for the tests of the floors that speak to AiiDA."""
    try:
        floor = request.path.relative_to(TESTS).parts[0]
    except ValueError:
        return
    if floor in NEEDS_AIIDA:
        request.getfixturevalue('aiida_profile')


def _console_script(name: str) -> str:
    """Return the absolute path of one of our console scripts, next to the running Python or on PATH."""
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is None:
        pytest.fail(f'the console script `{name}` is not installed; run `pip install -e .[dev]`')
    return path


@pytest.fixture
def job_computer(request):
    """Return the computer on which the codes of the tests run (``--computer``): this one, or the SLURM cluster."""
    slurm = request.config.getoption('--computer') == 'slurm'
    return request.getfixturevalue('slurm_computer' if slurm else 'aiida_localhost')


@pytest.fixture
def standin_code(request, aiida_code_installed, job_computer):
    """Return a factory of codes of the stand-in: ``standin_code('crystal', computer=...)``."""

    def factory(program: str, computer=job_computer):
        script = _console_script(f'crystalmath-{program}')
        if computer.hostname != 'localhost':
            from cluster_programs import script_for_jobs

            script = script_for_jobs(request.getfixturevalue('stack'), Path(script).name)
        return aiida_code_installed(
            label=f'{program}-standin' if computer == job_computer else f'{program}-standin-{computer.label}',
            default_calc_job_plugin=f'crystalmath.{program}23',
            computer=computer,
            filepath_executable=script,
            prepend_text='export OMP_NUM_THREADS=1',
        )

    return factory


@pytest.fixture
def crystal_code(standin_code):
    """Return the stand-in ``crystalmath-crystal`` as a code."""
    return standin_code('crystal')


@pytest.fixture
def properties_code(standin_code):
    """Return the stand-in ``crystalmath-properties`` as a code."""
    return standin_code('properties')


@pytest.fixture
def fixture_code(aiida_code_installed):
    """Return a factory of codes that are never run: ``fixture_code('crystalmath.crystal23')``."""

    def factory(entry_point: str):
        return aiida_code_installed(label=f'dummy-{entry_point}', default_calc_job_plugin=entry_point)

    return factory


@pytest.fixture
def real_code(aiida_code_installed, aiida_localhost):
    """Return a factory of codes of Debian's programs: ``real_code('pw.x', 'quantumespresso.pw')``."""

    def factory(program: str, entry_point: str):
        path = shutil.which(program)
        if path is None:
            message = f'NO {program}: install quantum-espresso and wannier90 (setup_scripts/common.sh, ensure_codes)'
            if os.environ.get('CI', '').lower() in ('1', 'true'):
                pytest.fail(message)
            pytest.skip(message)
        return aiida_code_installed(
            label=f'real-{program}',
            default_calc_job_plugin=entry_point,
            computer=aiida_localhost,
            filepath_executable=path,
            prepend_text='export OMP_NUM_THREADS=1',
        )

    return factory


# ------------------------------------------------------------------------------------------------ the services


@pytest.fixture(scope='session')
def stack():
    """Return the services of production (:class:`production_stack.Stack`), all up; left at the end as they were found.

    ``stack.env['PG_PORT']``, ``stack.up('postgres')``, ``stack.down(...)``, ``stack.restart(...)``,
    ``stack.slurm('squeue')``, ``stack.ssh('ls')``. The test profile outlives a restart of its PostgreSQL.
    """
    from production_stack import Stack

    stack = Stack(on_change=_reconnect)
    existed, ran = stack.exists, stack.running()
    stack.up()
    yield stack
    if not existed:
        stack.script('reset')
    else:
        now = stack.running()
        if now - ran:
            stack.down(*(now - ran))
        if ran - now:
            stack.up(*(ran - now))


def _reconnect() -> None:
    """Have the loaded profile forget connections that died with its server; what daemons do is theirs."""
    from aiida.manage.manager import get_manager

    if get_manager().profile_storage_loaded:
        session = get_manager().get_profile_storage().get_session()
        session.rollback()
        session.get_bind().dispose()


MEANWHILE_S = 10


def _wait_until(
    condition: Callable[[], Any], what: str, timeout_s: float = 240.0, meanwhile: Callable[[], None] | None = None
) -> Any:
    """Wait for something that processes of the daemon do, and return it.

    :param meanwhile: is called every few seconds.
    """
    start = time.monotonic()
    called = start
    while not (found := condition()):
        now = time.monotonic()
        assert now < start + timeout_s, f'waited in vain for: {what}; {_states()}'
        if meanwhile is not None and now - called > MEANWHILE_S:
            meanwhile()
            called = now
        time.sleep(0.5)
    return found


def _states() -> str:
    """Return the state of each process of the profile, and what it says of itself."""
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.ProcessNode,
        project=['id', 'attributes.process_label', 'attributes.process_state', 'attributes.process_status'],
    )
    return '; '.join(' '.join(map(str, found)) for found in query.order_by({orm.ProcessNode: {'id': 'asc'}}).all())


@pytest.fixture
def until() -> Callable[..., Any]:
    """Return the function that waits for processes of the daemon: ``until(condition, what)``."""
    return _wait_until


@pytest.fixture
def mend(aiida_profile) -> Callable[[], None]:
    """Return a function that mends what the doctor finds amiss with processes.

    For tests that kill workers: ZeroMQ's broker misses the death of one now and then.
    """

    def fix() -> None:
        from aiida_crystalmath.machines.checks import processes

        for finding in processes.check(aiida_profile.name):
            if finding.fix is not None:
                finding.fix()

    return fix


@pytest.fixture(autouse=True)
def _nothing_stays_claimed():
    """Give back what was claimed by processes that a test made and left: the database is emptied, and PKs return."""
    yield
    if one_worker := sys.modules.get('aiida_crystalmath.calculations.one_worker'):
        for path, pk in list(one_worker._claimed):
            one_worker.release(path, pk)


@pytest.fixture(autouse=True)
def _services_are_back(request):
    """Start what a test of the services left stopped."""
    yield
    if request.node.get_closest_marker('stack') and 'stack' in request.fixturenames:
        stack = request.getfixturevalue('stack')
        if missing := stack.missing():
            stack.up(*missing)


@pytest.fixture(scope='session')
def cluster_home(stack, daemon_client, tmp_path_factory):
    """Make the cluster known to SSH: for the rest of the session ``HOME`` is a folder with its ``.ssh``."""
    home = tmp_path_factory.mktemp('home')
    stack.write_ssh_config(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('HOME', str(home))
        if daemon_client.is_daemon_running:  # since before, with another HOME
            workers = daemon_client.get_numprocesses()['numprocesses']
            daemon_client.stop_daemon(wait=True)
            daemon_client.start_daemon(number_workers=workers)
        yield home


@pytest.fixture
def slurm_computer(aiida_profile, stack, cluster_home):
    """Return the SLURM cluster of the stack, over ``core.ssh_async``, asked often as tests cannot wait."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        return orm.load_computer(label='cluster')
    except NotExistent:
        computer = orm.Computer(
            label='cluster',
            hostname=stack.env['SSH_ALIAS'],
            transport_type='core.ssh_async',
            scheduler_type='crystalmath.slurm',
            workdir=f'{stack.env["SCRATCH_DIR"]}/aiida',
        ).store()
    computer.set_minimum_job_poll_interval(1)
    computer.set_default_mpiprocs_per_machine(1)
    computer.configure(safe_interval=0.5, use_login_shell=False)
    return computer


# ------------------------------------------------------------------------------------------------ recorded runs


@dataclass(frozen=True)
class Step:
    """One run that ``replay`` plays; see :meth:`Replay.files`."""

    stdout: bytes = b''
    files: dict[str, bytes] = field(default_factory=dict)
    stderr: bytes = b''
    scheduler_stderr: bytes = b''
    cut: int | None = None
    sleep: float = 0.0
    rest: bytes = b''
    exit_status: int = 0
    signal: int = 0

    def write(self, folder: Path, repeat: bool) -> None:
        """Write the step where ``tests/mock/replay.py`` finds it."""
        (folder / 'files').mkdir(parents=True)
        for name, content in self.files.items():
            (folder / 'files' / name).write_bytes(content)
        streams = {'stdout': self.stdout[: self.cut], 'stderr': self.stderr, 'rest': self.rest}
        for name, content in {**streams, 'scheduler_stderr': self.scheduler_stderr}.items():
            if content:
                (folder / name).write_bytes(content)
        plan = {name: getattr(self, name) for name in ('sleep', 'signal', 'exit_status')}
        (folder / 'plan.json').write_text(json.dumps({**plan, 'repeat': repeat}))


class Replay:
    """Makes codes whose executable plays recorded runs; real files only where nothing real can be run.

    ``code = replay(step, step, ...)`` is a code of ``crystalmath.crystal23`` whose n-th call plays step n: a folder of
    the corpus, or what :meth:`files` or :meth:`run` returns. ``replay.properties(step, ...)`` is one of ``properties``.
    A call for which there is no step left fails, and so does the test. ``repeat=True`` plays the last step for ever.
    """

    PLAYED = ('fort.', 'SCFOUT.LOG', 'optc', 'opta')
    SUFFIXES: ClassVar = {
        '.BAND': 'BAND.DAT',
        '.DOSS': 'DOSS.DAT',
        '.f25': 'fort.25',
        '.f9': 'fort.9',
        '.f34': 'fort.34',
    }

    def __init__(self, folder: Path, make_code, python: str) -> None:
        self._folder = folder
        self._python = python
        self._make_code = make_code
        self._codes: dict[str, list[Path]] = {'crystal23': [], 'properties23': []}

    def __call__(self, *steps: Path | Step, repeat: bool = False):
        """Return a code for ``crystal``."""
        return self._code('crystal23', steps, repeat)

    def properties(self, *steps: Path | Step, repeat: bool = False):
        """Return a code for ``properties``."""
        return self._code('properties23', steps, repeat)

    @staticmethod
    def files(
        stdout: Path | str | bytes = b'', files: dict[str, Path | str | bytes] | None = None, **plan: Any
    ) -> Step:
        """Return a step of given files.

        :param plan: ``stderr`` (joined to stdout by the job); ``scheduler_stderr`` (goes to ``_scheduler-stderr.txt``);
            ``cut``: bytes of stdout to keep; ``sleep``: seconds to wait after that and after the files are there;
            ``rest``: stdout that comes after waiting; ``exit_status``; ``signal``: number of the one to die by.
        """
        for name in ('stderr', 'scheduler_stderr', 'rest'):
            plan[name] = _as_bytes(plan.get(name, b''))
        return Step(_as_bytes(stdout), {name: _as_bytes(content) for name, content in (files or {}).items()}, **plan)

    @classmethod
    def run(cls, folder: Path, *, files: dict[str, Path | str | bytes] | None = None, **plan: Any) -> Step:
        """Return a step of a folder of the corpus: its only output, and the files that CRYSTAL would have written.

        :param files: further files, or others in place of the folder's own; ``plan`` as for :meth:`files`.
        """
        outputs = sorted([*folder.glob('*.out'), *folder.glob('*.outp')])
        named = [path for path in outputs if path.name in ('crystal.out', 'main.out')] or outputs
        assert len(named) == 1, f'{folder} holds {len(outputs)} outputs: use replay.files(stdout=...) to choose one'
        found: dict[str, Path | str | bytes] = {}
        for path in folder.iterdir():
            if path.suffix == '.DAT' or path.name.startswith(cls.PLAYED):
                found[path.name] = path
            elif path.suffix in cls.SUFFIXES:
                found[cls.SUFFIXES[path.suffix]] = path
        scheduler = folder / '_scheduler-stderr.txt'
        plan.setdefault('scheduler_stderr', scheduler if scheduler.exists() else b'')
        return cls.files(named[0], {**found, **(files or {})}, **plan)

    @property
    def decks(self) -> list[str]:
        """Inputs that ``crystal`` was given so far, in order."""
        return [call['deck'] for call in self.calls()]

    @property
    def staged(self) -> list[dict[str, int]]:
        """Names and sizes of the files each call of ``crystal`` found in its folder."""
        return [call['staged'] for call in self.calls()]

    def calls(self, program: str = 'crystal23') -> list[dict[str, Any]]:
        """Return what each call of a program was given: ``deck``, ``staged``, ``folder``, ``pid``, ``step``."""
        paths = [path for folder in self._codes[program] for path in sorted((folder / 'calls').glob('*.json'))]
        return [json.loads(path.read_text()) for path in paths]

    @property
    def unplanned(self) -> int:
        """Number of calls for which there was no step."""
        return sum(not call['planned'] for program in self._codes for call in self.calls(program))

    def _code(self, program: str, steps: tuple[Path | Step, ...], repeat: bool):
        number = sum(map(len, self._codes.values()))
        folder = self._folder / f'{program}-{number}'
        for name in ('state', 'calls'):
            (folder / name).mkdir(parents=True)
            (folder / name).chmod(0o777)  # on a cluster another user plays
        for index, step in enumerate(steps):
            chosen = step if isinstance(step, Step) else self.run(step)
            chosen.write(folder / f'step-{index:04}', repeat and index == len(steps) - 1)
        executable = folder / 'replay'
        source = (TESTS / 'mock' / 'replay.py').read_text().split('\n', 1)[1]
        executable.write_text(f'#!{self._python} -IS\n{source}')
        executable.chmod(0o755)
        self._codes[program].append(folder)
        return self._make_code(
            label=f'replay-{folder.parent.name}-{folder.name}',
            default_calc_job_plugin=f'crystalmath.{program}',
            filepath_executable=str(executable),
        )


def _as_bytes(content: Path | str | bytes) -> bytes:
    """Return the content of a file, of a text or of bytes."""
    if isinstance(content, Path):
        return content.read_bytes()
    return content.encode() if isinstance(content, str) else content


@pytest.fixture
def replay(request, aiida_profile, tmp_path_factory, aiida_code_installed, job_computer):
    """Return the maker of codes that play recorded runs (:class:`Replay`)."""
    folder, python = None, sys.executable
    if request.config.getoption('--computer') == 'slurm':
        from cluster_programs import python_for_jobs

        stack = request.getfixturevalue('stack')
        folder, python = stack.shared_folder('replay'), python_for_jobs(stack)
    make_code = functools.partial(aiida_code_installed, computer=job_computer)
    recorder = Replay(folder or tmp_path_factory.mktemp('replay'), make_code, python)
    yield recorder
    assert not recorder.unplanned, f'the replay was called {recorder.unplanned} times more than it has steps'


class YamboReplay:
    """Codes whose executables play recorded runs of Yambo 5.2.4 (``tests/mock/yambo_replay.py``), and refuse others.

    ``yambo.code('p2y')`` (also ``yambo``, ``ypp``); ``yambo.nscf()`` is the remote folder of the recorded NSCF of
    silicon; ``yambo.save()`` one with a SAVE that is set up; ``yambo.kill(1)`` has the next calculation killed on its
    way; ``yambo.calls()`` tells what each call was given and what it played.
    """

    def __init__(self, folder: Path, corpus: Path, make_code, computer) -> None:
        self._folder, self._corpus, self._make_code, self._computer = folder, corpus, make_code, computer
        (folder / 'calls').mkdir(exist_ok=True)

    def code(self, program: str, **options: Any):
        """Return the code of a program."""
        path = self._folder / program
        if not path.exists():
            script = TESTS / 'mock' / 'yambo_replay.py'
            command = f'{sys.executable} {script} {program} {self._folder} {self._corpus}'
            path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            path.chmod(0o755)
        return self._make_code(
            default_calc_job_plugin=f'crystalmath.{program}',
            computer=self._computer,
            filepath_executable=str(path),
            **{'label': f'{program}-replay-{self._folder.name}', 'with_mpi': False, **options},
        )

    def nscf(self, change=lambda xml: xml):
        """Return the remote folder of the recorded NSCF of pw.x; ``change`` makes another one of its XML (bytes)."""
        import gzip

        folder = Path(tempfile.mkdtemp(prefix='nscf-', dir=self._folder))
        saved = folder / 'out' / 'aiida.save'
        saved.mkdir(parents=True)
        xml = gzip.decompress((self._corpus / 'qe67_si_nscf' / 'data-file-schema.xml.gz').read_bytes())
        (saved / 'data-file-schema.xml').write_bytes(change(xml))
        return self.remote(folder)

    def save(self, system: str = 'si', *, set_up: bool = True):
        """Return a remote folder with a SAVE of silicon (``si``) or MgO (``mgo``), as ``p2y`` leaves it."""
        folder = Path(tempfile.mkdtemp(prefix='save-', dir=self._folder))
        save = folder / 'SAVE'
        save.mkdir()
        shutil.copyfile(self._corpus / 'p2y_ok' / 'ns.db1', save / 'ns.db1')
        if system != 'si':
            (save / 'ns.db1').write_text('')
            (save / 'ns.replay').write_text(system)
        (save / 'ns.wf').write_text('wavefunctions')
        if set_up:
            shutil.copyfile(self._corpus / 'yambo_setup' / 'ndb.kindx', save / 'ndb.kindx')
            (save / 'ndb.gops').write_text('')
        return self.remote(folder)

    def remote(self, folder: Path):
        """Return a folder as a stored ``RemoteData``."""
        from aiida import orm

        return orm.RemoteData(computer=self._computer, remote_path=str(folder)).store()

    def kill(self, times: int) -> None:
        """Have the next calculations killed on their way."""
        (self._folder / 'kill').write_text(str(times))

    def calls(self, program: str | None = None) -> list[dict[str, Any]]:
        """Return what each call was given: ``arguments``, ``deck``, ``save``, ``job``, ``played`` or ``refused``."""
        found = [json.loads(path.read_text()) for path in sorted((self._folder / 'calls').glob('*.json'))]
        return [call for call in found if program in (None, call['program'])]


@pytest.fixture
def yambo_home(tmp_path_factory) -> Path:
    """Return the folder of the codes of :func:`yambo`, one for each test; a module may have one for all of its."""
    return tmp_path_factory.mktemp('yambo')


@pytest.fixture
def yambo(aiida_profile, yambo_corpus, yambo_home, aiida_code_installed, aiida_localhost):
    """Return the maker of codes that play recorded runs of Yambo (:class:`YamboReplay`)."""
    return YamboReplay(yambo_home, yambo_corpus, aiida_code_installed, aiida_localhost)


# ------------------------------------------------------------------------------------------------ inputs


@pytest.fixture
def generate_structure():
    """Return a factory of structures: MgO, MgO-conventional, Si, NiO (two Ni kinds), LiH, H2O, H2, graphene."""

    def factory(structure_id: str = 'MgO'):
        from aiida.plugins import DataFactory

        StructureData = DataFactory('core.structure')
        big = 500.0
        a = {'MgO': 4.217, 'Si': 5.431, 'NiO': 4.164, 'LiH': 4.0834}.get(structure_id.partition('-')[0], 1.0)
        fcc = [[0, a / 2, a / 2], [a / 2, 0, a / 2], [a / 2, a / 2, 0]]
        half = (a / 2, a / 2, a / 2)
        if structure_id in ('MgO', 'LiH'):
            first, second = ('Mg', 'O') if structure_id == 'MgO' else ('Li', 'H')
            structure = StructureData(cell=fcc)
            structure.append_atom(position=(0, 0, 0), symbols=first)
            structure.append_atom(position=half, symbols=second)
        elif structure_id == 'MgO-conventional':
            structure = StructureData(cell=[[a, 0, 0], [0, a, 0], [0, 0, a]])
            for shift in ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)):
                structure.append_atom(position=[a * x for x in shift], symbols='Mg')
                structure.append_atom(position=[a * (shift[0] + 0.5), a * shift[1], a * shift[2]], symbols='O')
        elif structure_id == 'Si':
            structure = StructureData(cell=fcc)
            structure.append_atom(position=(0, 0, 0), symbols='Si')
            structure.append_atom(position=(a / 4, a / 4, a / 4), symbols='Si')
        elif structure_id == 'NiO':
            # Type-II antiferromagnet: the fcc cell doubled along [111].
            structure = StructureData(cell=[[a, a / 2, a / 2], [a / 2, a, a / 2], [a / 2, a / 2, a]])
            structure.append_atom(position=(0, 0, 0), symbols='Ni', name='Ni1')
            structure.append_atom(position=(a, a, a), symbols='Ni', name='Ni2')
            structure.append_atom(position=half, symbols='O')
            structure.append_atom(position=(1.5 * a, 1.5 * a, 1.5 * a), symbols='O')
        elif structure_id == 'H2O':
            structure = StructureData(cell=[[big, 0, 0], [0, big, 0], [0, 0, big]], pbc=(False, False, False))
            structure.append_atom(position=(0, 0, 0.1173), symbols='O')
            structure.append_atom(position=(0, 0.7572, -0.4692), symbols='H')
            structure.append_atom(position=(0, -0.7572, -0.4692), symbols='H')
        elif structure_id == 'H2':
            structure = StructureData(cell=[[big, 0, 0], [0, big, 0], [0, 0, big]], pbc=(False, False, False))
            structure.append_atom(position=(0, 0, 0), symbols='H')
            structure.append_atom(position=(0, 0, 0.74), symbols='H')
        elif structure_id == 'graphene':
            d = 2.46
            structure = StructureData(
                cell=[[d, 0, 0], [-d / 2, d * 3**0.5 / 2, 0], [0, 0, big]], pbc=(True, True, False)
            )
            structure.append_atom(position=(0, d / 3**0.5, 0), symbols='C')
            structure.append_atom(position=(d / 2, d / 12**0.5, 0), symbols='C')
        else:
            raise KeyError(f'generate_structure knows no structure `{structure_id}`')
        return structure

    return factory


@pytest.fixture
def shipped_family(aiida_profile):
    """Return a factory of the shipped basis-set families, installed if they are not there (checking one takes long)."""

    def factory(name: str = 'sto-3g'):
        from aiida.orm import QueryBuilder

        from aiida_crystalmath.data.basis_family import BasisSetFamily

        there = QueryBuilder().append(BasisSetFamily, filters={'label': name}).first(flat=True)
        return there or BasisSetFamily.create_from_library(name)

    return factory


@pytest.fixture
def generate_basis_sets():
    """Return a factory of ``{kind: BasisSetData}`` from a shipped library set: ``generate_basis_sets(structure)``."""

    def factory(structure, name: str = 'sto-3g'):
        from aiida_crystalmath.data.basis_family import BasisSetFamily

        return BasisSetFamily.create_from_library(name).get_basis_sets(structure=structure)

    return factory


@pytest.fixture
def generate_inputs_crystal(generate_structure, generate_basis_sets, crystal_code):
    """Return a factory of inputs of ``Crystal23Calculation``; ``parameters`` replaces the cheap PBE default."""

    def factory(structure_id: str = 'MgO', parameters: dict | None = None, basis: str = 'sto-3g', **inputs):
        from aiida import orm

        structure = inputs.pop('structure', None) or generate_structure(structure_id)
        if parameters is None:
            parameters = {'hamiltonian': {'dft': {'functional': 'PBE'}}, 'scf': {'toldee': 6}}
            if any(structure.pbc):
                parameters['scf']['shrink'] = {'is': 2, 'isp': 2}
        return {
            'code': crystal_code,
            'structure': structure,
            'parameters': orm.Dict(parameters),
            'basis_sets': generate_basis_sets(structure, basis),
            'metadata': {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}},
            **inputs,
        }

    return factory


# ------------------------------------------------------------------------------------------------ processes


@pytest.fixture
def generate_calc_job():
    """Return a factory that prepares a job without running it: ``generate_calc_job(folder, entry_point, inputs)``."""

    def factory(folder, entry_point: str, inputs: dict):
        """Return the ``CalcInfo`` and write the input files into ``folder`` (an aiida ``SandboxFolder`` or a path)."""
        from aiida.common.folders import Folder
        from aiida.engine.utils import instantiate_process
        from aiida.manage.manager import get_manager
        from aiida.plugins import CalculationFactory

        folder = folder if isinstance(folder, Folder) else Folder(str(folder))
        process = instantiate_process(get_manager().get_runner(), CalculationFactory(entry_point), **inputs)
        return process.prepare_for_submission(folder)

    return factory


@pytest.fixture
def generate_calc_job_node(aiida_localhost):
    """Return a factory of finished ``CalcJobNode``s whose ``retrieved`` holds the given files.

    ``generate_calc_job_node(entry_point, {'crystal.out': path_or_text}, inputs={...}, exit_status=...)``
    """

    def factory(
        entry_point: str, files: dict | None = None, inputs: dict | None = None, *, exit_status=None, options=None
    ):
        from aiida import orm
        from aiida.common import LinkType
        from aiida.plugins import CalculationFactory
        from aiida.plugins.entry_point import format_entry_point_string

        node = orm.CalcJobNode(
            computer=aiida_localhost, process_type=format_entry_point_string('aiida.calculations', entry_point)
        )
        spec_options = CalculationFactory(entry_point).spec_options
        for name in ('input_filename', 'output_filename', 'parser_name'):
            if spec_options[name].has_default():
                node.set_option(name, spec_options[name].default)
        node.set_option('resources', {'num_machines': 1, 'num_mpiprocs_per_machine': 1})
        for name, value in (options or {}).items():
            node.set_option(name, value)
        for label, value in _flatten(inputs or {}).items():
            node.base.links.add_incoming(
                value if value.is_stored else value.store(), link_type=LinkType.INPUT_CALC, link_label=label
            )
        if exit_status is not None:
            node.set_exit_status(exit_status)
        node.store()
        retrieved = orm.FolderData()
        for name, content in (files or {}).items():
            data = content.read_bytes() if isinstance(content, Path) else content.encode()
            retrieved.base.repository.put_object_from_bytes(data, name)
        retrieved.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label='retrieved')
        retrieved.store()
        remote = orm.RemoteData(computer=aiida_localhost, remote_path='/nowhere')
        remote.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label='remote_folder')
        remote.store()
        return node

    return factory


def _flatten(inputs: dict, prefix: str = '') -> dict:
    """Flatten nested port namespaces to link labels; leave out ``metadata``."""
    flat: dict = {}
    for key, value in inputs.items():
        if key == 'metadata':
            continue
        if isinstance(value, dict):
            flat.update(_flatten(value, f'{prefix}{key}__'))
        else:
            flat[f'{prefix}{key}'] = value
    return flat


@pytest.fixture
def generate_parser():
    """Return a factory of parser classes: ``generate_parser('crystalmath.crystal23')``."""

    def factory(entry_point: str):
        from aiida.plugins import ParserFactory

        return ParserFactory(entry_point)

    return factory


@pytest.fixture
def generate_workchain():
    """Return a factory of work chain processes that are not run: ``generate_workchain(entry_point, inputs)``."""

    def factory(entry_point: str, inputs: dict):
        from aiida.engine.utils import instantiate_process
        from aiida.manage.manager import get_manager
        from aiida.plugins import WorkflowFactory

        return instantiate_process(get_manager().get_runner(), WorkflowFactory(entry_point), **inputs)

    return factory
