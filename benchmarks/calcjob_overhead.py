"""CPU of the AiiDA process for one Crystal23Calculation, against one ArithmeticAddCalculation of aiida-core.

Both run in this process on the same computer. The executable behind our calculation replays the files of one real run
of the stand-in, recorded first, so that only AiiDA, our input writer and our parser are measured.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from temporary_profile import load_temporary_profile

RUNS = 12


def computer(folder: Path) -> Any:
    """Return this machine as a computer without waiting times."""
    from aiida import orm

    node = orm.Computer(
        label='localhost',
        hostname='localhost',
        transport_type='core.local',
        scheduler_type='core.direct',
        workdir=str(folder),
    ).store()
    node.configure(safe_interval=0.0)
    node.set_minimum_job_poll_interval(0.0)
    node.set_default_mpiprocs_per_machine(1)
    return node


def crystal_builder(code: Any, index: int) -> Any:
    """Return the builder of a single point of MgO, another lattice constant each time so that nothing is remembered."""
    from aiida import orm
    from aiida.plugins import DataFactory

    from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    half = (4.21 + 0.0002 * index) / 2
    structure = DataFactory('core.structure')(cell=[[0, half, half], [half, 0, half], [half, half, 0]])
    structure.append_atom(position=(0, 0, 0), symbols='Mg')
    structure.append_atom(position=(half, half, half), symbols='O')
    builder = Crystal23Calculation.get_builder()
    builder.code = code
    builder.structure = structure
    builder.parameters = orm.Dict(
        {'hamiltonian': {'dft': {'functional': 'PBE'}}, 'scf': {'shrink': {'is': 2, 'isp': 2}, 'toldee': 6}}
    )
    builder.basis_sets = BasisSetFamily.find('sto-3g').get_basis_sets(structure=structure)
    return builder


def replaying(folder: Path, recorded: Path) -> Path:
    """Write a program that puts the recorded files where it is started, as the engine would."""
    path = folder / 'replay-crystal'
    keep = folder / 'recorded'
    shutil.copytree(recorded, keep)
    path.write_text(
        f'#!/bin/sh\ncat > /dev/null\ncp {keep}/fort.9 {keep}/fort.34 . 2>/dev/null\ncat {keep}/crystal.out\n'
    )
    path.chmod(0o755)
    return path


def main() -> None:
    """Measure pairs, print medians and the ratio."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        load_temporary_profile(temporary)
        from aiida import orm
        from aiida.engine import run, run_get_node
        from aiida.plugins import CalculationFactory

        from aiida_crystalmath.data.basis_family import BasisSetFamily

        BasisSetFamily.create_from_library('sto-3g')
        machine = computer(folder / 'work')
        bin_folder = Path(sys.executable).parent

        def code(label: str, path: Path | str, plugin: str) -> Any:
            return orm.InstalledCode(
                label=label, computer=machine, filepath_executable=str(path), default_calc_job_plugin=plugin
            ).store()

        standin = code('standin', bin_folder / 'crystalmath-crystal', 'crystalmath.crystal23')
        _, node = run_get_node(crystal_builder(standin, 0))
        assert node.is_finished_ok, f'the recorded run failed: {node.exit_message}'
        replay = code('replay', replaying(folder, Path(node.get_remote_workdir())), 'crystalmath.crystal23')
        bash = code('add', '/bin/bash', 'core.arithmetic.add')
        arithmetic = CalculationFactory('core.arithmetic.add')

        def ours(index: int) -> None:
            _, replayed = run_get_node(crystal_builder(replay, index))
            assert replayed.is_finished_ok, replayed.exit_message

        def peer(_: int) -> None:
            run(arithmetic, code=bash, x=orm.Int(1), y=orm.Int(2))

        pairs = []
        for index in range(RUNS + 1):
            figures = []
            for job in (ours, peer):
                start = time.process_time()
                job(index)
                figures.append(time.process_time() - start)
            if index:  # the first pair warms up imports and caches
                pairs.append(figures)
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f'Crystal23Calculation     {mine:.3f} CPU s (median of {RUNS})')
        print(f'ArithmeticAddCalculation {theirs:.3f} CPU s')
        print(f'ratio                    {ratio:.2f}')


if __name__ == '__main__':
    main()
