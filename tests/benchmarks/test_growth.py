"""The benchmarks of growth, run small: what they ask is answered, and a worker keeps nothing of the jobs it ran."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'


def run(script: str, *options: str, timeout: float) -> dict[str, Any]:
    """Run a benchmark and return its report."""
    command = [sys.executable, str(BENCHMARKS / script), *options, '--json']
    answer = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return json.loads(answer.stdout)


def test_listing() -> None:
    report = run('listing.py', '--processes', '1500', '--repeats', '3', timeout=250)
    assert report['storage'] == 'SQLite' and len(report['questions']) == 6
    assert all(0 < of['p50_ms'] <= of['p95_ms'] for of in report['questions'].values())


@pytest.mark.stack
def test_listing_on_postgresql(stack) -> None:
    assert run('listing.py', '--processes', '1500', '--repeats', '3', '--postgresql', timeout=250)['questions']


@pytest.mark.slow
@pytest.mark.daemon
@pytest.mark.standin
@pytest.mark.timeout(1800)
def test_memory_of_a_worker() -> None:
    """Of 24 jobs no more stays than of as many additions, but for 100 kB a job: what one leak of its output is."""
    report = run('worker_memory.py', '--jobs', '24', '--every', '3', timeout=1700)
    ours, peer = report['crystal'], report['add']
    assert ours['jobs'] == peer['jobs'] == 24
    assert ours['growth_kb_per_job'] < peer['growth_kb_per_job'] + 100
