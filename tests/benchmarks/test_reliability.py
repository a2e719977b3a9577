"""A few jobs of the benchmark of reliability: no job is lost, and none finishes with another energy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / 'benchmarks' / 'reliability.py'
N_JOBS = 6


@pytest.mark.slow
@pytest.mark.daemon
@pytest.mark.standin
@pytest.mark.timeout(900)
def test_faults_are_cured_or_explained():
    """Kills, time limits, truncated and spoilt output, through a daemon of its own."""
    command = [sys.executable, str(SCRIPT), '--jobs', str(N_JOBS), '--seed', '7', '--json']
    answer = subprocess.run(command, capture_output=True, text=True, timeout=850, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    report = json.loads(answer.stdout)
    assert report['finished'] + report['explained'] == report['jobs'] == N_JOBS
    assert report['lost'] == report['wrong'] == 0
    assert report['faults_struck'] > 0
