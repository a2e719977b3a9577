#!/usr/bin/env python3
"""Play recorded runs of CRYSTAL one after the other: the n-th call plays step n of the folder this file lies in.

Plain Python that imports neither AiiDA nor numpy, so that a call takes milliseconds. The fixture ``replay`` of
tests/conftest.py copies this file beside the steps it makes::

    state/next          number of the next step, behind the lock of ``state/lock`` (two jobs may start at once)
    step-0000/plan.json what to do (see :func:`play`); step-0000/stdout; step-0000/files/fort.9 ...
    calls/0000.json     what the n-th call was given: its deck, and names and sizes of the files staged beside it
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import time
from pathlib import Path

HOME = Path(__file__).resolve().parent
NO_STEP_LEFT = 99


def main() -> int:
    """Take the next step and play it; return its exit status."""
    number, step, call = take()
    given = {'deck': deck(), 'staged': staged(), 'folder': str(Path.cwd()), 'pid': os.getpid()}
    given |= {'step': number, 'planned': step is not None}
    partial = HOME / 'calls' / f'{call:04}.partial'
    partial.write_text(json.dumps(given))
    partial.rename(partial.with_suffix('.json'))
    if step is None:
        sys.stderr.write(f'REPLAY: this is call {call + 1}, and there is no step for it; give the fixture one more\n')
        return NO_STEP_LEFT
    return play(step)


def take() -> tuple[int, Path | None, int]:
    """Return number and folder of the step to play (None if there is none left), and the number of this call."""
    with (HOME / 'state' / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        counter = HOME / 'state' / 'next'
        call = int(counter.read_text() or 0) if counter.exists() else 0
        counter.write_text(str(call + 1))
    steps = sorted(HOME.glob('step-*'))
    number = call
    if call >= len(steps) and steps and json.loads((steps[-1] / 'plan.json').read_text()).get('repeat'):
        number = len(steps) - 1
    return number, steps[number] if number < len(steps) else None, call


def deck() -> str:
    """Return the input: of the file INPUT as the parallel programs read it, or of stdin."""
    path = Path('INPUT')
    return path.read_text() if path.is_file() else sys.stdin.read()


def staged() -> dict[str, int]:
    """Return names and sizes (bytes; -1 of a link to nothing) of the files that lie beside the input at the start."""
    files = (path for path in Path.cwd().iterdir() if not path.is_dir())
    return {path.name: path.stat().st_size if path.exists() else -1 for path in files}


def play(step: Path) -> int:
    """Play a step: write stdout and files, wait, and end as the plan says.

    Keys of the plan: ``sleep`` (seconds to wait when all but the ``rest`` of stdout is written), ``signal`` (number of
    the one to die by after that), ``exit_status``.
    """
    plan = json.loads((step / 'plan.json').read_text())
    if (step / 'files').is_dir():
        for path in sorted((step / 'files').iterdir()):
            Path(path.name).unlink(missing_ok=True)  # what is staged as a link belongs to another run
            shutil.copyfile(path, path.name)
    emit(step / 'stdout', sys.stdout.fileno())
    emit(step / 'stderr', sys.stderr.fileno())
    if (step / 'scheduler_stderr').exists():
        with Path('_scheduler-stderr.txt').open('ab') as target:
            target.write((step / 'scheduler_stderr').read_bytes())
    time.sleep(plan.get('sleep') or 0)
    emit(step / 'rest', sys.stdout.fileno())
    if plan.get('signal'):
        os.kill(os.getpid(), plan['signal'])
        time.sleep(5)
    return plan.get('exit_status') or 0


def emit(path: Path, descriptor: int) -> None:
    """Write a file to an open descriptor, if it exists."""
    if path.exists():
        view = memoryview(path.read_bytes())
        while view:
            view = view[os.write(descriptor, view) :]


if __name__ == '__main__':
    sys.exit(main())
