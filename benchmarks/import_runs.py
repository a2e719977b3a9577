"""Time to import 1,000 finished runs, against AiiDA's own import of the same runs and against one ArithmeticAdd each.

The tree is made of the corpus' runs, copied until there are enough; a line around every output makes each copy
another run. AiiDA's own way is ``run(Crystal23Calculation, remote_folder=...)`` through the importer of the package.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporary_profile import load_temporary_profile

PEERS = 15


def corpus() -> Path:
    """Return the folder of the corpus."""
    root = Path(os.environ.get('CRYSTALMATH_CORPUS') or Path(__file__).parents[2] / 'shared' / 'corpus')
    return root / 'crystal' if (root / 'crystal').is_dir() else root


def make_tree(root: Path, wanted: int) -> None:
    """Copy the corpus until there are as many runs as wanted."""
    from aiida_crystalmath.crystal.discovery import discover

    source = corpus()
    outputs = {run.output.path for run in discover([source]).runs}
    runs = copy = 0
    while runs < wanted:
        for folder in sorted({path.parent for path in outputs}):
            if runs >= wanted:
                break
            target = root / f'copy{copy:03d}' / folder.name
            target.mkdir(parents=True)
            for path in folder.iterdir():
                shutil.copyfile(path, target / path.name)
                if path in outputs:
                    content = path.read_bytes()
                    (target / path.name).write_bytes(b'copy %d\n%s\ncopy %d\n' % (copy, content, copy))
                    runs += 1
        copy += 1


def engine_seconds(root: Path, computer: Any) -> Iterator[float]:
    """Yield the CPU seconds that AiiDA's own way takes for each of a few runs."""
    from aiida import orm
    from aiida.engine import run
    from aiida.plugins import CalculationFactory

    job = CalculationFactory('crystalmath.crystal23')
    for name in ('mgo_sto3g_scf', 'mgo_sto3g_opt', 'h_bulk_scf', 'test08_scf', 'toluene_opt') * (PEERS // 5):
        start = time.process_time()
        folder = orm.RemoteData(remote_path=str(root / 'copy000' / name), computer=computer)
        _, node = run.get_node(job, **job.get_importer().parse_remote_data(folder))
        yield time.process_time() - start
        assert node.is_finished_ok, node.exit_message


def our_seconds(root: Path) -> Iterator[float]:
    """Yield the CPU seconds that the import of the same runs takes, which are taken for others by their last line."""
    from aiida_crystalmath.crystal.discovery import discover
    from aiida_crystalmath.importing import ImportSession

    names = ('mgo_sto3g_scf', 'mgo_sto3g_opt', 'h_bulk_scf', 'test08_scf', 'toluene_opt')
    for number, name in enumerate(names * (PEERS // 5)):
        folder = root / f'again{number}'
        shutil.copytree(root / 'copy000' / name, folder)
        output = next(path for path in folder.iterdir() if path.suffix == '.out')
        output.write_text(output.read_text(errors='replace') + f'again {number}\n')
        start = time.process_time()
        (result,) = ImportSession(discover([folder]).runs).results()
        yield time.process_time() - start
        assert result.uuid, result.reason


def add_seconds(computer: Any) -> Iterator[float]:
    """Yield the CPU seconds of one ArithmeticAdd after the other."""
    from aiida import orm
    from aiida.engine import run
    from aiida.plugins import CalculationFactory

    code = orm.InstalledCode(
        label='add', computer=computer, filepath_executable='/bin/bash', default_calc_job_plugin='core.arithmetic.add'
    ).store()
    for _ in range(PEERS):
        start = time.process_time()
        run(CalculationFactory('core.arithmetic.add'), code=code, x=orm.Int(1), y=orm.Int(2))
        yield time.process_time() - start


def now() -> tuple[float, float]:
    """Return wall and CPU time."""
    return time.perf_counter(), time.process_time()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('runs', nargs='?', type=int, default=1000)
    wanted = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as temporary:
        load_temporary_profile(str(Path(temporary) / 'aiida'))
        from aiida_crystalmath.crystal.discovery import discover
        from aiida_crystalmath.importing import ImportSession, Outcome
        from aiida_crystalmath.importing.database import local_computer

        root = Path(temporary) / 'tree'
        make_tree(root, wanted)
        start = now()
        plan = discover([root])
        found = now()
        outcomes = [result.outcome for result in ImportSession(plan.runs).results()]
        done = now()
        assert set(outcomes) == {Outcome.IMPORTED}, set(outcomes)
        again = discover([root])
        assert {result.outcome for result in ImportSession(again.runs).results()} == {Outcome.PRESENT}
        repeated = now()
        computer = local_computer()
        computer.set_minimum_job_poll_interval(0.0)
        pairs = list(zip(our_seconds(root), engine_seconds(root, computer), strict=True))
        added = statistics.median(list(add_seconds(computer)))
        ours, engine = (statistics.median(column) for column in zip(*pairs, strict=True))
        runs = len(plan.runs)
        for what, first, last in (
            ('found', start, found),
            ('imported', found, done),
            ('the same again', done, repeated),
        ):
            wall, cpu = (b - a for a, b in zip(first, last, strict=True))
            print(
                f'{runs} runs in {plan.n_files} files, {what}: {wall:.1f} s, {cpu:.1f} CPU s, {runs / wall:.1f} runs/s'
            )
        print(f'one run, found and imported    {ours:.3f} CPU s (median of {len(pairs)})')
        print(
            f"the same by AiiDA's own import {engine:.3f} CPU s, ratio {statistics.median(a / b for a, b in pairs):.2f}"
        )
        print(f'one ArithmeticAdd              {added:.3f} CPU s, ratio {ours / added:.2f}')


if __name__ == '__main__':
    main()
