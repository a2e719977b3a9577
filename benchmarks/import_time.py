"""CPU time of importing the package and starting its commands, against aiida-core in the same run."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 7
BIN = Path(sys.executable).parent


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """Return user + system seconds of one run of ``command``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def python(code: str) -> list[str]:
    """Return a command that runs ``code``."""
    return [sys.executable, '-c', code]


CASES: list[tuple[str, list[str], str, list[str]]] = [
    ('import aiida_crystalmath', python('import aiida_crystalmath'), 'import aiida', python('import aiida')),
    (
        'import aiida_crystalmath.crystal.inputs.d12',
        python('import aiida_crystalmath.crystal.inputs.d12'),
        'import pydantic, numpy',
        python('import pydantic, numpy'),
    ),
    (
        'import every work chain',
        python('import aiida_crystalmath.workflows.crystal.characterise'),
        'import aiida.engine, aiida.orm',
        python('import aiida.engine, aiida.orm'),
    ),
    ('crystalmath --help', [str(BIN / 'crystalmath'), '--help'], 'verdi --version', [str(BIN / 'verdi'), '--version']),
    *(
        (
            f'crystalmath {name} --help',
            [str(BIN / 'crystalmath'), name, '--help'],
            'verdi --version',
            [str(BIN / 'verdi'), '--version'],
        )
        for name in ('quickstart', 'run', 'show', 'plot', 'd12')
    ),
]


def main() -> None:
    """Print a table of medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, 'AIIDA_PATH': folder}
        environment.pop('PYTHONDONTWRITEBYTECODE', None)
        print(f'{"ours":45} {"CPU s":>7}   {"peer":32} {"CPU s":>7} {"ratio":>6}   (medians of {RUNS})')
        for name, ours, peer_name, peer in CASES:
            cpu_seconds(ours, environment)
            cpu_seconds(peer, environment)
            pairs = [(cpu_seconds(ours, environment), cpu_seconds(peer, environment)) for _ in range(RUNS)]
            mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f'{name:45} {mine:7.2f}   {peer_name:32} {theirs:7.2f} {ratio:6.2f}')


if __name__ == '__main__':
    main()
