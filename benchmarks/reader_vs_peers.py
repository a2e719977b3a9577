"""Speed and memory of the reader of outputs, against pycrystal and CRYSTALpytools, on every output of the corpus.

    python benchmarks/reader_vs_peers.py CORPUS [--gigabyte] [--json]

CORPUS is the folder that holds truth.json. The peers run in the environment that setup_scripts/peers_env.sh makes
(``CRYSTALMATH_PEERS_PYTHON``, default .venv-peers). The readers take turns file by file, so that they meet the same
machine. Of each file and reader: CPU seconds (median of several readings in a forked process after one to warm up) and
growth of its peak memory. What is read:

* ours: ``parse_stdout``, which leaves the lines of what is rarely asked for (the basis set, the details of the
  population analysis, the geometries of an optimisation's points) as they are until somebody looks at them;
* ours, touched: the same, and every field of the result looked at, so that nothing is left to convert (the time it
  takes to go through the fields is counted): this is what compares with a peer that reads everything;
* pycrystal: everything, ``CRYSTOUT``;
* CRYSTALpytools: opening the file, energy, final geometry, and what the kind of run offers besides (convergence of the
  optimisation, or gap; frequencies; elastic tensor).

A reader's throughput counts the files it reads without an exception. Ratios are taken over the files that both read.

``--gigabyte`` writes an optimisation log of 1 GB, made of a real one whose points are repeated, and reads it too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OURS = ('ours', 'ours, touched')
PEERS = ('pycrystal', 'CRYSTALpytools')
READERS = (*OURS, *PEERS)
SECONDS = 0.4
"""CPU seconds to spend on a file, after which no further repetition is begun."""
LIMIT = 120


# --- in the environment of a reader ---------------------------------------------------------------------------------


def ours(path: str) -> None:
    """Read with this package."""
    from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

    parse_stdout(Path(path))


def ours_touched(path: str) -> None:
    """Read with this package, and look at every field."""
    from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

    touch(parse_stdout(Path(path)))


def touch(value: Any) -> None:
    """Look at every field of a result, and of what it holds."""
    items = list(value.values()) if isinstance(value, dict) else value
    if isinstance(items, (list, tuple)):
        if items and not isinstance(items[0], (float, int, str)):  # numbers and words hold nothing to convert
            for item in items:
                touch(item)
    else:
        for name in names(type(items)):
            touch(getattr(items, name))


@cache
def names(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass, none of another class."""
    return tuple(entry.name for entry in fields(kind)) if is_dataclass(kind) else ()


def pycrystal(path: str) -> None:
    """Read with pycrystal."""
    from pycrystal import CRYSTOUT

    CRYSTOUT(path)


def crystalpytools(path: str) -> None:
    """Read with CRYSTALpytools, which wants names that end with "out"."""
    from CRYSTALpytools.crystal_io import Crystal_output

    read = Crystal_output(path)
    read.get_final_energy()
    read.get_geometry(initial=False)
    text = ''.join(read.data)
    if 'OPTIMIZATION - POINT' in text:
        read.get_opt_convergence()
    else:
        read.get_band_gap()
    if 'SYMMETRY ADAPTION OF VIBRATIONAL MODES' in text:
        read.get_phonon(imaginary_tol=None, q_overlap_tol=None)
    if 'SYMMETRIZED ELASTIC CONSTANTS' in text:
        read.get_elatensor()


def peak_mb() -> float:
    """Return the peak memory of this process since its start (or since the peak was last reset)."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) / 1024
    raise SystemExit('this benchmark reads /proc, which is there on Linux only')


def measure(read: Callable[[str], None], path: str) -> dict[str, Any]:
    """Read a file in this process: seconds, growth of memory, and the exception if there is one."""
    gc.collect()
    Path('/proc/self/clear_refs').write_text('5')  # the peak becomes what is in use now
    before = peak_mb()
    times: list[float] = []
    error = None
    while not times or (sum(times) < SECONDS and len(times) < 12):
        start = time.process_time()
        try:
            read(path)
        except Exception as exception:  # noqa: BLE001 - a reader's failure is a result here
            error = f'{type(exception).__name__}: {exception}'[:100]
        times.append(time.process_time() - start)
        if len(times) == 1:
            growth = peak_mb() - before
    return {'cpu_s': statistics.median(times[1:] or times), 'memory_mb': growth, 'error': error}


def forked(read: Callable[[str], None], path: str) -> dict[str, Any]:
    """Do it in a child, so that no file leaves memory behind for the next one."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        signal.alarm(LIMIT)
        with os.fdopen(sink, 'w') as handle:
            json.dump(measure(read, path), handle)
        os._exit(0)
    os.close(sink)
    with os.fdopen(source) as handle:
        answer = handle.read()
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(answer) if answer else {'cpu_s': LIMIT, 'memory_mb': None, 'error': 'no answer'}
    return found


def work(reader: str) -> None:
    """Answer the paths of stdin, one JSON object per line."""
    warnings.simplefilter('ignore')
    functions = (ours, ours_touched, pycrystal, crystalpytools)
    read = dict(zip(READERS, functions, strict=True))[reader]
    answers, sys.stdout = sys.stdout, sys.stderr
    warm = False
    for line in sys.stdin:
        if not warm:
            # The imports belong to no file.
            try:
                read(line.strip())
            except Exception:  # noqa: BLE001 - told of when the file is measured
                print(f'{reader}: cannot read the first file', file=sys.stderr)
            warm = True
        print(json.dumps(forked(read, line.strip())), file=answers, flush=True)


# --- the comparison -------------------------------------------------------------------------------------------------


def start(reader: str) -> subprocess.Popen[str]:
    """Start a reader in its environment."""
    peers = os.environ.get('CRYSTALMATH_PEERS_PYTHON') or str(ROOT / '.venv-peers' / 'bin' / 'python')
    python = sys.executable if reader in OURS else peers
    if not Path(python).exists():
        raise SystemExit(f'{python} does not exist: make the environment of the peers, setup_scripts/peers_env.sh')
    return subprocess.Popen(
        [python, __file__, '--worker', reader],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def outputs(corpus: Path) -> list[Path]:
    """Return every output of the corpus."""
    truth = json.loads((corpus / 'truth.json').read_text())
    return [corpus / run / values['file'] for run, values in truth.items()]


def compare(paths: list[Path]) -> list[dict[str, Any]]:
    """Read all files with all readers in turns."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        workers = {reader: start(reader) for reader in READERS}
        for number, path in enumerate(paths, start=1):
            link = Path(folder) / f'{number}.out'
            link.symlink_to(path.resolve())
            row: dict[str, Any] = {'run': path.parent.name, 'bytes': path.stat().st_size}
            for reader, worker in workers.items():
                assert worker.stdin and worker.stdout
                print(link, file=worker.stdin, flush=True)
                row[reader] = json.loads(worker.stdout.readline())
            rows.append(row)
            if sys.stderr.isatty():
                print(f'\r{number}/{len(paths)} {path.parent.name:40}', end='', file=sys.stderr, flush=True)
        for worker in workers.values():
            worker.communicate()
    return rows


def throughput(rows: list[dict[str, Any]], reader: str) -> float:
    """MB/s of a reader."""
    return float(sum(row['bytes'] for row in rows) / 1e6 / sum(row[reader]['cpu_s'] for row in rows))


def ratio(rows: list[dict[str, Any]], peer: str, own: str = 'ours') -> float:
    """How many times the peer's CPU time ours is shorter, over all given files."""
    return float(sum(row[peer]['cpu_s'] for row in rows) / sum(row[own]['cpu_s'] for row in rows))


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up and print."""
    summary: dict[str, Any] = {}
    print('reader            read    MB/s   median     p95     max  memory median   max     ours is   touched')
    for reader in READERS:
        good = [row for row in rows if row[reader]['error'] is None]
        times = sorted(1e3 * row[reader]['cpu_s'] for row in good)
        memory = sorted(row[reader]['memory_mb'] for row in good)
        summary[reader] = {
            'files': len(good),
            'mb_per_s': throughput(good, reader),
            'median_ms': statistics.median(times),
            'p95_ms': times[int(0.95 * (len(times) - 1))],
            'max_ms': times[-1],
            'memory_median_mb': statistics.median(memory),
            'memory_max_mb': memory[-1],
            'ratio': ratio(good, reader),
            'ratio_touched': ratio(good, reader, 'ours, touched'),
        }
        s = summary[reader]
        print(
            f'{reader:15}{len(good):4}/{len(rows)}{s["mb_per_s"]:8.1f}{s["median_ms"]:6.1f} ms{s["p95_ms"]:8.1f}'
            f'{s["max_ms"]:8.1f}{s["memory_median_mb"]:12.1f} MB{s["memory_max_mb"]:6.0f}{s["ratio"]:8.1f} x'
            f'{s["ratio_touched"]:8.1f} x'
        )
    for row in sorted(rows, key=lambda row: -row['bytes'])[:5]:
        parts = []
        for peer in PEERS:
            told = row[peer]['error']
            parts.append(f'{peer} {"fails" if told else format(ratio([row], peer), ".1f") + " x"}')
        size, ms = row['bytes'] / 1e6, 1e3 * row['ours']['cpu_s']
        print(f'{row["run"]:24}{size:6.2f} MB, ours {ms:6.1f} ms: {", ".join(parts)}')
    return summary


# --- one gigabyte ---------------------------------------------------------------------------------------------------


def gigabyte(source: Path, size: float) -> Iterator[str]:
    """Yield the lines of an optimisation log of that size (bytes): a real one whose points are repeated.

    The points from the second to the last but one are repeated with new numbers until the size is reached.
    """
    lines = source.read_text(errors='replace').splitlines(keepends=True)
    titles = [number for number, line in enumerate(lines) if ' OPTIMIZATION - POINT ' in line]
    first, last = titles[1], titles[-1]
    body = lines[first:last]
    yield from lines[:first]
    written, point = sum(map(len, lines)), 1
    while written < size:
        for text in body:
            is_title = ' OPTIMIZATION - POINT ' in text
            point += is_title
            line = f'{text[: text.index("POINT")]}POINT {point:4}\n' if is_title else text
            written += len(line)
            yield line
    yield from lines[last:]


def read_gigabyte(corpus: Path, run: str, size: float) -> dict[str, Any]:
    """Write such a log, read it in a process of its own, and return seconds and memory."""
    source = next(path for path in outputs(corpus) if path.parent.name == run)
    program = (
        'import sys, time, resource, json\n'
        'from pathlib import Path\n'
        'from aiida_crystalmath.crystal.outputs.stdout import parse_stdout\n'
        'before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n'
        'start = time.process_time()\n'
        'output = parse_stdout(Path(sys.argv[1]))\n'
        'print(json.dumps({"cpu_s": time.process_time() - start, "energy": output.energy_hartree,\n'
        '    "n_points": output.optimisation.n_points, "started_mb": before / 1024,\n'
        '    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))\n'
    )
    with tempfile.NamedTemporaryFile('w', suffix='.out') as handle:
        handle.writelines(gigabyte(source, size))
        handle.flush()
        written = Path(handle.name).stat().st_size
        answer = subprocess.run(
            [sys.executable, '-c', program, handle.name], check=True, capture_output=True, text=True
        )
    found: dict[str, Any] = json.loads(answer.stdout)
    found['mb_per_s'] = written / 1e6 / found['cpu_s']
    print(
        f'{written / 1e9:.2f} GB made of {run}: {found["cpu_s"]:.1f} s, {found["mb_per_s"]:.0f} MB/s, '
        f'peak memory of the process {found["peak_mb"]:.0f} MB ({found["started_mb"]:.0f} MB before it read)'
    )
    return found


def main() -> None:
    """Run the benchmark, or one of its workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('corpus', nargs='?', type=Path, default=os.environ.get('CRYSTALMATH_CORPUS'))
    parser.add_argument('--gigabyte', action='store_true', help='also read a synthetic log of 1 GB')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures there')
    parser.add_argument('--worker', choices=READERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker)
        return
    if arguments.corpus is None:
        parser.error('name the folder of the corpus, the one with truth.json')
    corpus = Path(arguments.corpus)
    corpus = corpus if (corpus / 'truth.json').exists() else corpus / 'crystal'
    rows = compare(outputs(corpus))
    figures: dict[str, Any] = {'readers': report(rows), 'files': rows}
    if arguments.gigabyte:
        figures['gigabyte'] = read_gigabyte(corpus, 'srhfo3_y4h4_opt', 1e9)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == '__main__':
    main()
