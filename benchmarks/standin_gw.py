"""Periodic G0W0 of PySCF in Gaussian bases against Yambo and ABINIT: would an option of the stand-in be of use?

The correction of the direct gap at Gamma of each material, basis set and k-mesh, beside that of Yambo for the same
cell and functional (``gw_ppa_mpi2`` and ``gw_mgo_dojo`` of the corpus). ABINIT 9.6 (Debian's ``abinit`` and
``abinit-data``) does the same with plane waves and, in LDA, with the same pseudopotentials: there only basis set,
frequencies (a plasmon pole) and the limit of small q differ. Each case is a process of its own, on one thread: its CPU
seconds and peak memory are those of DFT and GW together. What was measured is in docs/topics/standin_gw.md.

Usage: python benchmarks/standin_gw.py [--only TEXT] [--results FILE] [--abinit PROGRAM --pseudos FOLDER]
       [--rotate TIMES] [--write]

``--rotate TIMES`` shows how much of a correction is noise. ``--results`` keeps what is done, one case a line, and goes
on from there; ``--write`` only makes the tables of it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

TOPICS = Path(__file__).resolve().parents[1] / 'docs' / 'topics'
HARTREE_EV = 27.211386245988
#: Lattice parameters (bohr) and functionals are those of the recordings.
DIAMOND, ROCK_SALT = (0.25,) * 3, (0.5,) * 3
MATERIALS: dict[str, dict[str, Any]] = {
    'Si': {'a': 10.2, 'xc': 'lda,pz', 'atoms': [('Si', (0.0,) * 3), ('Si', DIAMOND)], 'pseudo': 'gth-pade'},
    'MgO': {'a': 7.958, 'xc': 'pbe', 'atoms': [('Mg', (0.0,) * 3), ('O', ROCK_SALT)], 'pseudo': 'gth-pbe'},
}
MATERIALS['MgO (LDA)'] = MATERIALS['MgO'] | {'xc': 'lda,pz', 'pseudo': 'gth-pade'}
#: The recorded run of a material, and how many of its bands are filled.
RECORDED = {'Si': ('gw_ppa_mpi2', 4), 'MgO': ('gw_mgo_dojo', 8)}
#: Material, basis set, divisions of the mesh, precision asked of PySCF's integrals (the stand-in asks for 1e-6).
CASES: list[tuple[str, str, int, float]] = [
    ('Si', 'gth-dzvp', 2, 1e-8),
    ('Si', 'gth-dzvp', 2, 1e-6),
    ('Si', 'gth-dzvp', 3, 1e-8),
    ('MgO', 'sto-3g', 2, 1e-8),
    ('MgO', 'pob-tzvp-rev2', 2, 1e-8),
    ('MgO', 'pob-tzvp-rev2', 2, 1e-6),
    ('MgO', 'pob-tzvp-rev2', 3, 1e-8),
    ('MgO', 'gth-dzvp', 2, 1e-8),
    ('MgO', 'gth-dzvp', 3, 1e-8),
    ('MgO (LDA)', 'gth-dzvp', 2, 1e-8),
]
#: ABINIT: material, divisions, bands, cutoff of the response (hartree); the last of each is about as Yambo's run was.
PLANE_WAVES: list[tuple[str, int, int, float]] = [
    ('Si', 2, 100, 8),
    ('Si', 3, 100, 8),
    ('Si', 4, 100, 8),
    ('Si', 4, 30, 2),
    ('MgO (LDA)', 2, 60, 6),
    ('MgO (LDA)', 4, 60, 6),
    ('MgO (LDA)', 4, 40, 2),
]
#: Files of ``abinit-data`` with the numbers of PySCF's gth-pade, cutoff of the wave functions (hartree), filled bands.
ABINIT: dict[str, tuple[list[str], int, int]] = {
    'Si': (['14si.4.hgh'], 14, 4),
    'MgO (LDA)': (['12mg.10.hgh', '8o.6.hgh'], 60, 8),
}
DECK = """ndtset 4
pp_dirpath "{folder}"
pseudos "{files}"
acell 3*{a} rprim 0 .5 .5 .5 0 .5 .5 .5 0
ntypat {types} znucl {charges} natom 2 typat 1 {types} xred 0 0 0 {place}
ecut {cutoff} ngkpt {n} {n} {n} nshiftk 1 shiftk 0 0 0 istwfk *1 nstep 60
tolwfr1 1d-10 nband1 {some}
iscf2 -2 getden2 1 nband2 {more} nbdbuf2 10 tolwfr2 1d-10
optdriver3 3 getwfk3 2 nband3 {bands} ecuteps3 {response} ppmodel3 1
optdriver4 4 getwfk4 2 getscr4 3 nband4 {bands} ecuteps4 {response} ecutsigx4 {cutoff} ppmodel4 1
nkptgw4 1 kptgw4 0 0 0 bdgw4 {top} {bottom}
"""


def basis_of(name: str, elements: list[str]) -> Any:
    """PySCF's notation of a basis set: its own by name, a shipped one shell by shell."""
    if not name.startswith(('pob', 'sto')):
        return name
    from pyscf.data.elements import charge

    from aiida_crystalmath.crystal.basis_library import load
    from aiida_crystalmath.standin.system import pyscf_basis

    shipped = load(name)
    return {one: pyscf_basis(shipped[charge(one)].resolved()) for one in elements}


def converged_field(material: str, basis: str, divisions: int, precision: float) -> Any:
    """PySCF's converged DFT of a case, with the integrals that GW needs."""
    from pyscf.pbc import dft, gto

    given = MATERIALS[material]
    lattice = given['a'] / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]])
    cell = gto.Cell()
    cell.unit, cell.a, cell.verbose, cell.max_memory, cell.precision = 'B', lattice, 0, 6000, precision
    cell.atom = [(one, np.array(place) @ lattice) for one, place in given['atoms']]
    cell.basis = basis_of(basis, sorted({one for one, _ in given['atoms']}))
    if basis.startswith('gth'):
        cell.pseudo = given['pseudo']
    cell.build()
    field = dft.KRKS(cell, cell.make_kpts([divisions] * 3)).density_fit()
    field.xc, field.grids.level, field.conv_tol = given['xc'], 1, 1e-7
    # pure functionals need the pairs of one k-point only, and PySCF would make no others; GW needs all
    field.with_df.build(j_only=False)
    field.kernel()
    assert field.converged
    return field


def quasiparticles(field: Any, states: list[int], *, corrected: bool) -> Any:
    """Energies of the states at Gamma (eV), with or without the correction for the finite mesh.

    NaN where PySCF finds no solution of the quasi-particle equation: it leaves a zero there, and a warning.
    """
    from pyscf.pbc.gw.krgw_ac import KRGWAC

    gw = KRGWAC(field)
    gw.fc, gw.verbose = corrected, 0
    gw.kernel(orbs=states, kptlist=[0])
    energies = np.array(gw.mo_energy[0]) * HARTREE_EV
    return np.where(energies == 0.0, np.nan, energies)


def measure(material: str, basis: str, divisions: int, precision: float) -> dict[str, Any]:
    """DFT and G0W0 gaps at Gamma (eV) of a case, with and without the correction for the finite mesh, and the cost."""
    field = converged_field(material, basis, divisions, precision)
    cell = field.cell
    filled = cell.nelectron // 2
    dft_ev = np.array(field.mo_energy) * HARTREE_EV
    found: dict[str, Any] = {
        'material': material,
        'basis': basis,
        'divisions': divisions,
        'precision': precision,
        'orbitals': int(cell.nao),
        'auxiliaries': int(field.with_df.get_naoaux()),
        'dft_ev': float(dft_ev[0, filled] - dft_ev[0, filled - 1]),
        'dft_indirect_ev': float(dft_ev[:, filled].min() - dft_ev[:, filled - 1].max()),
        'dft_s': time.process_time(),
    }
    states = list(range(filled - 3, min(filled + 3, int(cell.nao))))
    for corrected in (True, False):
        started = time.process_time()
        energies = quasiparticles(field, states, corrected=corrected)
        key = 'fc' if corrected else 'raw'
        found[f'{key}_ev'] = float(energies[filled] - energies[filled - 1])
        found[f'{key}_shifts_ev'] = [round(float(one), 4) for one in (energies - dft_ev[0])[states]]
        found[f'{key}_s'] = time.process_time() - started
        if corrected:
            found['peak_gb'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return found


def rotated(material: str, basis: str, divisions: int, precision: float, repeats: int) -> list[list[float]]:
    """Corrections (eV) of the six states at Gamma, first as they are, then with degenerate orbitals mixed at random.

    Mixing them changes no physics: what it changes in the corrections is noise.
    """
    field = converged_field(material, basis, divisions, precision)
    filled = field.cell.nelectron // 2
    states = list(range(filled - 3, filled + 3))
    energies, orbitals = np.array(field.mo_energy), np.array(field.mo_coeff)
    random = np.random.default_rng(1)
    found = []
    for repeat in range(repeats):
        mixed = orbitals.copy()
        for k, levels in enumerate(energies if repeat else []):
            ends = [i for i in range(1, len(levels)) if levels[i] - levels[i - 1] > 1e-3 or i == filled]
            for group in np.split(np.arange(len(levels)), ends):
                noise = random.normal(size=(2, len(group), len(group)))
                mixed[k][:, group] = mixed[k][:, group] @ np.linalg.qr(noise[0] + 1j * noise[1])[0]
        field.mo_coeff = mixed
        shifts = quasiparticles(field, states, corrected=True) - energies[0] * HARTREE_EV
        found.append([round(float(one), 3) for one in shifts[states]])
        print(*found[-1], flush=True)
    return found


def recorded(material: str) -> tuple[float, float] | None:
    """The gap of DFT and its correction (eV) at Gamma as Yambo printed them, None if there is no recording."""
    from aiida_crystalmath.yambo.outputs.tables import read_quasiparticles

    if material not in RECORDED:
        return None
    name, filled = RECORDED[material]
    corpus = Path(os.environ.get('CRYSTALMATH_CORPUS', Path(__file__).resolve().parents[2] / 'shared' / 'corpus'))
    states = read_quasiparticles((corpus / 'yambo' / name / 'o-gw.qp').read_text())
    at = {int(band): i for i, (k, band) in enumerate(zip(states.kpoint, states.band, strict=True)) if k == 1}
    top, bottom = at[filled], at[filled + 1]
    return (
        float(states.e0_ev[bottom] - states.e0_ev[top]),
        float(states.de_ev[bottom] - states.de_ev[top]),
    )


def plane_waves(case: tuple[str, int, int, float], program: str, folder: Path, limit: float) -> dict[str, Any]:
    """The gap of DFT and its correction (eV) at Gamma as ABINIT prints them.

    :raises subprocess.SubprocessError: if ABINIT fails or takes longer than ``limit`` seconds.
    :raises ValueError: if its output has not the two states asked for.
    """
    from pyscf.data.elements import charge

    material, divisions, bands, response = case
    given, (files, cutoff, filled) = MATERIALS[material], ABINIT[material]
    elements = list(dict.fromkeys(one for one, _ in given['atoms']))
    deck = DECK.format(
        folder=folder,
        files=', '.join(files),
        a=given['a'],
        types=len(elements),
        charges=' '.join(str(charge(one)) for one in elements),
        place=' '.join(str(one) for one in given['atoms'][1][1]),
        cutoff=cutoff,
        n=divisions,
        some=filled + 4,
        more=bands + 10,
        bands=bands,
        response=response,
        top=filled,
        bottom=filled + 1,
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / 'in.abi').write_text(deck)
        subprocess.run([program, 'in.abi'], cwd=scratch, capture_output=True, timeout=limit, check=True)
        output = (Path(scratch) / 'in.abo').read_text()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = output.partition('Band     E0')[2].splitlines()[1:]
    # band, energy, exchange and correlation ..., correction, quasi-particle energy; degenerate bands come along
    rows = [line.split() for line in lines[: lines.index('')]]
    states = {int(words[0]): (float(words[1]), float(words[8])) for words in rows if words[0].isdigit()}
    if not {filled, filled + 1} <= states.keys():
        raise ValueError(f'ABINIT printed no states {filled} and {filled + 1}')
    top, bottom = states[filled], states[filled + 1]
    return {
        'program': 'abinit',
        'case': list(case),
        'dft_ev': bottom[0] - top[0],
        'correction_ev': bottom[1] - top[1],
        'cpu_s': after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def run(case: tuple[str, str, int, float], limit: float) -> dict[str, Any]:
    """Measure a case in a process of its own: what :func:`measure` returns, or how it ended."""
    threads = {'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE'}
    command = [sys.executable, __file__, '--case', json.dumps(case)]
    names = dict(zip(('material', 'basis', 'divisions', 'precision'), case, strict=True))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | threads, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return {**names, 'error': f'not finished after {limit:.0f} s of wall time'}
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {**names, 'error': lines[-1] if lines else f'exit status {done.returncode}'}
    return dict(json.loads(done.stdout.splitlines()[-1]))


HEAD = (
    "| material | basis set, orbitals | k-mesh | gap of DFT / eV (Yambo's) | G0W0 / eV | correction / eV "
    '| that of Yambo | difference | without `fc` | CPU s | GB |\n|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|'
)


def row(found: dict[str, Any]) -> str:
    """A line of the table."""
    mesh = 'x'.join([str(found['divisions'])] * 3)
    label = found['basis'] + (f' (integrals to {found["precision"]:.0e})' if found['precision'] > 1e-8 else '')
    if 'error' in found:
        return f'| {found["material"]} | {label} | {mesh} | {found["error"]} | | | | | | | |'
    peer = recorded(found['material'])
    correction = found['fc_ev'] - found['dft_ev']
    dft = f'{found["dft_ev"]:.2f}' + (f' ({peer[0]:.2f})' if peer else '')
    beside = f'{peer[1]:.2f} | {correction - peer[1]:+.2f}' if peer else '- | -'
    raw = found['raw_ev'] - found['dft_ev']
    seconds = found['dft_s'] + found['fc_s']
    return (
        f'| {found["material"]} | {label}, {found["orbitals"]} | {mesh} | {dft} | {found["fc_ev"]:.2f} '
        f'| {correction:.2f} | {beside} | {raw:.2f} | {seconds:.0f} | {found["peak_gb"]:.1f} |'
    )


PLANE_HEAD = (
    '| material | k-mesh | bands, cutoff of the response / Ha | gap of DFT / eV | correction / eV | CPU s |\n'
    '|---|---|---|---:|---:|---:|'
)


def plane_row(found: dict[str, Any]) -> str:
    """A line of ABINIT's table."""
    material, divisions, bands, response = found['case']
    mesh = 'x'.join([str(divisions)] * 3)
    return (
        f'| {material} | {mesh} | {bands}, {response:g} | {found["dft_ev"]:.2f} | {found["correction_ev"]:.2f} '
        f'| {found["cpu_s"]:.0f} |'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', default='', help='cases whose name has this text')
    parser.add_argument('--results', type=Path, default=Path('standin_gw.jsonl'))
    parser.add_argument('--limit', type=float, default=1800.0, help='wall seconds of a case')
    parser.add_argument('--abinit', help="ABINIT's program, for its table instead")
    parser.add_argument('--pseudos', type=Path, default=Path('/usr/share/abinit/psp'))
    parser.add_argument('--write', action='store_true', help=f'write the tables in {TOPICS}')
    parser.add_argument(
        '--rotate', type=int, metavar='TIMES', help='only the corrections with orbitals mixed at random'
    )
    parser.add_argument('--case', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*json.loads(options.case))))
        return
    if options.rotate:
        for case in (one for one in CASES if options.only in ' '.join(map(str, one))):
            print(*case)
            rotated(*case, options.rotate)
        return
    text = options.results.read_text() if options.results.exists() else ''
    kept = [json.loads(line) for line in text.splitlines()]
    gaussians = {
        (one['material'], one['basis'], one['divisions'], one['precision']): one for one in kept if 'program' not in one
    }
    waves = {tuple(one['case']): one for one in kept if 'program' in one}
    if options.write:
        lines = [row(gaussians[case]) for case in CASES if case in gaussians]
        (TOPICS / 'standin_gw_table.md').write_text('\n'.join([HEAD, *lines]) + '\n')
        lines = [plane_row(waves[case]) for case in PLANE_WAVES if case in waves]
        (TOPICS / 'standin_gw_plane_waves.md').write_text('\n'.join([PLANE_HEAD, *lines]) + '\n')
        return
    print(PLANE_HEAD if options.abinit else HEAD, flush=True)
    for case in PLANE_WAVES if options.abinit else CASES:
        if options.only not in ' '.join(map(str, case)) or case in gaussians or case in waves:
            continue
        if options.abinit:
            found = plane_waves(case, options.abinit, options.pseudos, options.limit)
        else:
            found = run(case, options.limit)
        with options.results.open('a') as file:
            file.write(json.dumps(found) + '\n')
        print(plane_row(found) if options.abinit else row(found), flush=True)


if __name__ == '__main__':
    main()
