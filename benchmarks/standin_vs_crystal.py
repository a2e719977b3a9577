"""Energies of the stand-in side by side with those that real CRYSTAL printed for the same decks.

Runs the decks of the corpus (CRYSTALMATH_CORPUS, by default ../shared/corpus) that are in the stand-in's scope, as they
are but for what each case below says, and writes the table that docs/topics/standin.md includes.

Usage: python benchmarks/standin_vs_crystal.py [NAME ...] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / 'docs' / 'topics' / 'standin_energies.md'
HEAD = (
    '| system | CRYSTAL, k-mesh | E(CRYSTAL) / Ha | stand-in, k-mesh | E(stand-in) / Ha | difference / mHa '
    '| gap C / S, eV | charges C / S | wall s |\n|---|---|---|---|---|---|---|---|---|'
)


def unchanged(deck: str) -> str:
    return deck


def without(first: str, last: str) -> Callable[[str], str]:
    """Leave out the lines from one that reads ``first`` to the next that reads ``last``."""

    def edit(deck: str) -> str:
        return re.sub(rf'^{first}\s*\n(?:.*\n)*?{last}\s*\n', '', deck, count=1, flags=re.MULTILINE)

    return edit


def chain(*edits: Callable[[str], str]) -> Callable[[str], str]:
    def edit(deck: str) -> str:
        for one in edits:
            deck = one(deck)
        return deck

    return edit


def water(deck: str) -> str:
    """Write the three atoms out: the stand-in knows molecules without point symmetry only."""
    del deck
    return WATER


@dataclass(frozen=True)
class Case:
    """One comparison.

    :param deck: file of the corpus with the deck; an output has it echoed before its banner.
    :param reference: the output that holds the reference.
    :param changed: what was done to the deck, for the table.
    :param per: formula units of the reference's cell in terms of ours.
    """

    name: str
    system: str
    deck: str
    reference: str
    edit: Callable[[str], str] = unchanged
    changed: str = ''
    per: int = 1
    geometry: str = ''
    final: bool = False


WATER = """water, geometry of the real run
MOLECULE
1
3
8 0.0 0.0 0.0
1 0.764615549641 0.0 0.549619171347
1 -0.764615549641 0.0 0.549619171347
END
8 5
0 0 8 2.0 1.0
8020.0 0.00108
1338.0 0.00804
255.4 0.05324
69.22 0.1681
23.90 0.3581
9.264 0.3855
3.851 0.1468
1.212 0.0728
0 1 4 6.0 1.0
49.43 -0.00883 0.00958
10.47 -0.0915 0.0696
3.235 -0.0402 0.2065
1.217 0.379 0.347
0 1 1 0.0 1.0
0.452 1.0 1.0
0 1 1 0.0 1.0
0.1679 1.0 1.0
0 3 1 0.0 1.0
0.451 1.0
1 3
0 0 3 1.0 1.0
18.7311370 0.0334946
2.8253937 0.23472695
0.6401217 0.81375733
0 0 1 0.0 1.0
0.1612778 1.0
0 2 1 0.0 1.0
1.1 1.0
99 0
END
DFT
PBE0
END
TOLDEE
8
END
"""

CASES = (
    Case('mgo-hf', 'MgO STO-3G, RHF', 'mgo_sto3g_scf/INPUT', 'mgo_sto3g_scf/crystal.out'),
    Case('mgo-hf-861', 'MgO 8-61G/8-51G, RHF', 'mgo_scf_c14/mgo.d12', 'mgo_scf_c14/mgo.out'),
    Case('mgo-b3lyp', 'MgO 8-511G/8-411G, B3LYP', 'mgo_scf_b3lyp/mgo.d12', 'mgo_scf_b3lyp/out_mgoSCF.out'),
    Case('h-b3lyp', 'H, simple cubic, B3LYP (metal)', 'h_bulk_scf/h_bulk.d12', 'h_bulk_scf/h_bulk.out'),
    Case('silicon-hf', 'Si, RHF (test08)', 'test08_scf/test08.out', 'test08_scf/test08.out'),
    Case('fe-pbe', 'Fe bcc, PBE, spin', 'fes_scf_spin/cry14_scf_only.out', 'fes_scf_spin/cry14_scf_only.out'),
    Case(
        'diamond-b3lyp', 'diamond 6-21G*, B3LYP', 'diamond_opt_c22/propinp_diamondcrys.out',
        'diamond_opt_c22/propinp_diamondcrys.out', chain(without('SUPERCEL', 'ENDOPT')),
        'primitive cell, first point', 4,
    ),
    Case(
        'graphene-hse06', 'graphene 6-21G*, HSE06 (SLAB)', 'graphene_elastic/elastic2D_graphene.out',
        'graphene_elastic/elastic2D_graphene.out', without('ELASTCON', 'END'), 'single point',
    ),
    Case('water-pbe0', 'water, PBE0 (MOLECULE)', '', 'w_molecule_opt/w.out', water,
         'all atoms written out, first point'),
    Case('nio-uhf', 'NiO STO-3G, UHF, antiferromagnetic', 'nio_sto3g_afm_scf/INPUT',
         'nio_sto3g_afm_scf/nio_sto3g_afm.crystal.out', geometry='nio_sto3g_afm_scf/fort.34'),
    Case('mgo-hf-opt', 'MgO STO-3G, RHF, optimised', 'mgo_sto3g_opt/INPUT', 'mgo_sto3g_opt/crystal.out', final=True),
)  # fmt: skip


def corpus() -> Path:
    root = Path(os.environ.get('CRYSTALMATH_CORPUS') or ROOT.parent / 'shared' / 'corpus')
    return root / 'crystal' if (root / 'crystal').is_dir() else root


def deck_of(path: Path) -> str:
    """Return a deck, or the one echoed in an output before its banner."""
    text = path.read_text(errors='replace')
    if path.suffix != '.out':
        return text
    lines = text[: text.index(' ******')].splitlines()
    keyword = next(i for i, line in enumerate(lines) if line.strip() in ('CRYSTAL', 'SLAB', 'MOLECULE', 'EXTERNAL'))
    ends = [i for i, line in enumerate(lines) if line.strip().upper().startswith('END') and i > keyword]
    # One echo ends without a newline, so that the next message of the job script stands behind its END.
    return '\n'.join(line.strip() for line in lines[keyword - 1 : ends[-1]]) + '\nEND\n'


def run(case: Case, limit_s: float) -> str:
    """Run one case and return its row."""
    folder = corpus()
    reference = parse_stdout(folder / case.reference)
    deck = case.edit(deck_of(folder / case.deck) if case.deck else '')
    with tempfile.TemporaryDirectory() as work:
        if case.geometry:
            (Path(work) / 'fort.34').write_bytes((folder / case.geometry).read_bytes())
        started = time.perf_counter()
        program = Path(sys.executable).parent / 'crystalmath-crystal'
        try:
            done = subprocess.run(
                [program], input=deck, cwd=work, capture_output=True, text=True, timeout=limit_s, check=False
            )
        except subprocess.TimeoutExpired:
            return row(case, reference, f'not run: more than {limit_s:.0f} s')
        wall = time.perf_counter() - started
        ours = parse_stdout(done.stdout.splitlines(keepends=True))
    if done.returncode:
        reason = ours.errors[0].text if ours.errors else done.stderr.strip().splitlines()[-1:]
        return row(case, reference, f'refused: {reason}')
    energy = reference_energy(case, reference)
    difference = 1000.0 * (ours.energy_hartree - energy)
    gaps = ' / '.join(show(gap, 2) for gap in (reference_gap(case, reference), ours.gap_ev))
    charges = ' / '.join(charge(output) for output in (reference, ours))
    cells = f'{mesh(ours)} | {ours.energy_hartree:.6f} | {difference:+.1f} | {gaps} | {charges} | {wall:.0f}'
    return row(case, reference, cells, refused=False)


def row(case: Case, reference: object, rest: str, *, refused: bool = True) -> str:
    changed = f' ({case.changed})' if case.changed else ''
    energy = reference_energy(case, reference)
    tail = f'{rest} | | | | | |' if refused else f'{rest} |'
    return f'| {case.system}{changed} | {mesh(reference)} | {energy:.6f} | {tail}'


def reference_energy(case: Case, reference: object) -> float:
    """Return the reference energy: the first SCF, or the end of an optimisation."""
    truth = json.loads((corpus() / 'truth.json').read_text())[case.reference.split('/')[0]]
    return float(truth['energy_final'] if case.final else truth['scf_energy_first']) / case.per


def reference_gap(case: Case, reference: object) -> float | None:
    truth = json.loads((corpus() / 'truth.json').read_text())[case.reference.split('/')[0]]
    return truth['gap_final'] if case.final else reference.gap_initial_ev


def mesh(output: object) -> str:
    shrink = output.shrink
    return 'x'.join(str(value) for value in shrink) if shrink and output.dimensionality else '-'


def charge(output: object) -> str:
    populations = output.mulliken
    return show(None if populations is None else float(populations.net_charges[0]), 2)


def show(value: float | None, digits: int) -> str:
    return '-' if value is None else f'{value:.{digits}f}'


def write_table(rows: dict[str, str]) -> None:
    """Write the table; cases that were not run keep the row they have."""
    old = TABLE.read_text().splitlines() if TABLE.is_file() else []
    kept = []
    for case in CASES:
        before = [line for line in old if line.startswith((f'| {case.system} |', f'| {case.system} ({case.changed})'))]
        kept += [rows[case.name]] if case.name in rows else before
    TABLE.write_text('\n'.join([HEAD, *kept]) + '\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='*', help='cases to run, by default all: ' + ', '.join(c.name for c in CASES))
    parser.add_argument('--write', action='store_true', help=f'write {TABLE.relative_to(ROOT)}')
    parser.add_argument('--limit', type=float, default=900.0, help='seconds allowed for one case')
    arguments = parser.parse_args()
    chosen = [case for case in CASES if not arguments.names or case.name in arguments.names]
    print(HEAD)
    rows = []
    for case in chosen:
        rows.append(run(case, arguments.limit))
        print(rows[-1], flush=True)
        if arguments.write:
            write_table(dict(zip((c.name for c in chosen), rows, strict=False)))


if __name__ == '__main__':
    main()
