"""CPU time of the stand-in's executable against a bare PySCF script of the same calculation.

Each case is run by turns, both ways, as a process of its own on one thread; user and system time of the processes are
compared (medians), so that other work on the machine disturbs little. PySCF's script has its own SCF and defaults; the
energies must agree.

Usage: python benchmarks/standin_vs_pyscf.py [--repeats N]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

DECK = """MgO
CRYSTAL
0 0 0
225
4.21
2
12 0. 0. 0.
8 .5 .5 .5
END
12 3
1 0 3 2. 0.
1 1 3 8. 0.
1 1 3 2. 0.
8 2
1 0 3 2. 0.
1 1 3 6. 0.
99 0
END
{dft}SHRINK
{mesh} {mesh}
TOLDEE
{toldee}
END
"""

SCRIPT = """
import numpy as np
from pyscf.pbc import dft, gto, scf
cell = gto.Cell()
cell.unit, cell.a = 'A', 4.21 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]])
cell.atom, cell.precision, cell.verbose = [('Mg', (0, 0, 0)), ('O', (2.105,) * 3)], 1e-6, 0
# given by its numbers, as a deck does: PySCF would choose another fitting basis for the name, 1 mHa away
cell.basis = {{one: gto.basis.load('sto-3g', one) for one in ('Mg', 'O')}}
cell.max_memory = 3000
cell.build()
kpts = cell.make_kpts([{mesh}] * 3)
field = (scf.KRHF if {xc!r} == 'HF' else dft.KRKS)(cell, kpts, exxdiv='ewald').density_fit()
if {xc!r} != 'HF':
    field.xc, field.grids.level = {xc!r}, 1
    field.with_df.build(j_only=True)
field.conv_tol = 1e-{toldee}
print('ENERGY', repr(field.kernel()))
"""

CASES = {
    'MgO STO-3G RHF 2x2x2': {'xc': 'HF', 'dft': '', 'mesh': 2, 'toldee': 7},
    'MgO STO-3G RHF 3x3x3': {'xc': 'HF', 'dft': '', 'mesh': 3, 'toldee': 7},
    'MgO STO-3G PBE 2x2x2': {'xc': 'PBE', 'dft': 'DFT\nPBEXC\nEND\n', 'mesh': 2, 'toldee': 7},
    'MgO STO-3G PBE 4x4x4': {'xc': 'PBE', 'dft': 'DFT\nPBEXC\nEND\n', 'mesh': 4, 'toldee': 7},
}


def timed(command: list[str], stdin: str, folder: str) -> tuple[float, str]:
    """Run a command; return its CPU seconds and output."""
    environment = os.environ | {'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE'}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, input=stdin, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=900
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def compare(case: dict[str, object], repeats: int) -> dict[str, float]:
    """Median CPU seconds both ways, their ratio, and the two energies."""
    ours, theirs = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            program = [sys.executable, '-m', 'aiida_crystalmath.standin.crystal_main']
            seconds, output = timed(program, DECK.format(**case), folder)
            ours.append(seconds)
            found = re.search(r'== SCF ENDED - CONVERGENCE ON ENERGY\s+E\(AU\)\s+(\S+)', output)
            assert found, output[-2000:]
            energy = float(found.group(1))
            seconds, output = timed([sys.executable, '-c', SCRIPT.format(**case)], '', folder)
            theirs.append(seconds)
            reference = float(re.search(r'ENERGY .*?(-?\d+\.\d+)', output).group(1))
    assert abs(energy - reference) < 2e-6, (energy, reference)
    a, b = statistics.median(ours), statistics.median(theirs)
    return {'standin_s': a, 'pyscf_s': b, 'ratio': a / b, 'energy': energy, 'energy_pyscf': reference}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--json', type=Path)
    options = parser.parse_args()
    results = {}
    print(f'{"case":24s} {"stand-in":>9s} {"PySCF":>9s} {"ratio":>6s}   energies')
    for name, case in CASES.items():
        found = results[name] = compare(case, options.repeats)
        print(
            f'{name:24s} {found["standin_s"]:7.2f} s {found["pyscf_s"]:7.2f} s {found["ratio"]:6.2f}   '
            f'{found["energy"]:.7f} {found["energy_pyscf"]:.7f}',
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == '__main__':
    main()
