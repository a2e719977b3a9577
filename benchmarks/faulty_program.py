"""Run a program of the stand-in and let it fail as machines make programs fail: the executable of reliability.py.

Called as ``faulty_program.py PLAN PROGRAM [TITLE]``. PLAN is a JSON file: for a title (else the first line of the
input) the faults of its runs, one after the other; a run beyond the list is left alone, unless the last fault stays.
What was really done is added to ``PLAN.done``, a line a run: title, number of the run, fault, whether it struck.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

SIGNALS = {'sigkill': signal.SIGKILL, 'sigterm': signal.SIGTERM, 'walltime': signal.SIGTERM, 'oom': signal.SIGKILL}
LAST_WORDS = {
    'walltime': 'slurmstepd: error: *** JOB 4711 ON node1 CANCELLED AT 2026-11-21T12:00:00 DUE TO TIME LIMIT ***\n',
    'oom': 'slurmstepd: error: Detected 1 oom_kill event in StepId=4711.0. Some of the step tasks have been OOM '
    'Killed.\nslurmstepd: error: out-of-memory handler\n',
}
POLL_S = 0.002


def main() -> int:
    """Run the program with the fault of the plan, and return its exit status."""
    plan_path, program = Path(sys.argv[1]), sys.argv[2]
    deck = sys.stdin.read()
    title = sys.argv[3] if len(sys.argv) > 3 else (deck.splitlines() or [''])[0].strip()
    plan = json.loads(plan_path.read_text()).get(title, {'faults': [], 'stays': False, 'seed': 0})
    with plan_path.with_suffix('.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        counter = plan_path.parent / f'count-{title.replace(" ", "_").replace("/", "_")}'
        number = int(counter.read_text()) if counter.exists() else 0
        counter.write_text(str(number + 1))
    faults = plan['faults']
    fault = faults[number] if number < len(faults) else faults[-1] if plan['stays'] and faults else None
    random = Random(f'{plan["seed"]}-{number}')
    status, struck = strike(fault, program, deck, random)
    with plan_path.with_suffix('.done').open('a') as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.write(json.dumps({'title': title, 'run': number, 'fault': fault, 'struck': struck}) + '\n')
    if status < 0:
        os.kill(os.getpid(), -status)
        time.sleep(5)
    return status


def strike(fault: str | None, program: str, deck: str, random: Random) -> tuple[int, bool]:
    """Run the program with a fault; return its exit status and whether the fault struck."""
    if fault in SIGNALS:
        return killed(fault, program, deck, random)
    if fault == 'no_output':
        return 0, True
    if fault == 'no_output_file':
        Path('crystal.out').unlink(missing_ok=True)
        return 0, True
    if fault == 'scf':
        deck, count = with_few_cycles(deck)
        return run(program, deck), count > 0
    if fault in ('no_fort20', 'no_fort9'):
        path = Path('fort.20' if fault == 'no_fort20' else 'fort.9')
        struck = path.is_symlink() or path.exists()
        path.unlink(missing_ok=True)
        return run(program, deck), struck
    if fault is None or fault == 'empty_fort9_left':
        status = run(program, deck)
        if fault is not None:
            Path('fort.9').write_bytes(b'')
        return status, fault is not None
    return spoilt(fault, program, deck, random)


def run(program: str, deck: str) -> int:
    """Run the program to its end."""
    return subprocess.run([program], input=deck, text=True, check=False).returncode


def with_few_cycles(deck: str) -> tuple[str, int]:
    """Return the input with two SCF cycles, and whether that could be said."""
    lines = deck.splitlines()
    places = [index for index, line in enumerate(lines) if line.strip() == 'MAXCYCLE']
    for index in places[-1:]:
        lines[index + 1] = '2'
    return '\n'.join(lines) + '\n', len(places)


def killed(fault: str, program: str, deck: str, random: Random) -> tuple[int, bool]:
    """Send a signal to the program when its output has got so far; the job dies of the same signal."""
    points = ['OPTIMIZATION - POINT    1', 'OPTIMIZATION - POINT    2'] if 'OPTGEOM' in deck else []
    goal = random.choice(points or ['CYC   0', 'CYC   1', 'SCF ENDED'])
    pipe = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert pipe.stdin is not None and pipe.stdout is not None
    pipe.stdin.write(deck)
    pipe.stdin.close()
    struck = False
    for line in pipe.stdout:
        if goal in line:
            pipe.send_signal(SIGNALS[fault])
            struck = True
            break
        sys.stdout.write(line)
        sys.stdout.flush()
    pipe.stdout.close()
    pipe.wait()
    if not struck:
        return pipe.returncode, False
    if fault in LAST_WORDS:
        with Path('_scheduler-stderr.txt').open('a') as words:
            words.write(LAST_WORDS[fault])
    return -int(SIGNALS[fault]), True


def spoilt(fault: str, program: str, deck: str, random: Random) -> tuple[int, bool]:
    """Run the program to its end, and spoil what it wrote."""
    done = subprocess.run([program], input=deck.encode(), stdout=subprocess.PIPE, check=False)
    text = done.stdout
    where = int(len(text) * random.uniform(0.05, 0.95))
    if fault == 'truncated':
        text = text[:where]
    elif fault == 'nul_bytes':
        size = random.choice([64, 512, 4096])
        text = text[:where] + b'\0' * min(size, len(text) - where) + text[where + size :]
    elif fault == 'noise_bytes':
        size = random.choice([16, 200])
        text = text[:where] + random.randbytes(size) + text[where + size :]
    elif fault in ('disk_full', 'segfault'):
        words = 'forrtl: No space left on device\nforrtl: severe (38): error during write, unit 9, file fort.9\n'
        if fault == 'segfault':
            words = 'forrtl: severe (174): SIGSEGV, segmentation fault occurred\n'
        text = text[:where] + b'\n' + words.encode()
        for path in Path.cwd().glob('fort.9'):
            path.write_bytes(b'')
    sys.stdout.buffer.write(text)
    sys.stdout.flush()
    return {'disk_full': 38, 'segfault': 174}.get(fault, done.returncode), True


if __name__ == '__main__':
    assert shutil.which(sys.argv[2]), sys.argv[2]
    sys.exit(main())
