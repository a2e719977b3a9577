"""One run of the stand-in's properties program: d3 and wavefunction in, CRYSTAL's plot files out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from aiida_crystalmath import __version__
from aiida_crystalmath.crystal.inputs.d3 import read_d3

from . import interpolate, populations, wavefunction
from .density import Density
from .failures import KNOWN_FAILURES, FatalError, report
from .model import NotSupported, Real, SpinGap, WavefunctionFile
from .occupations import fermi_energy, fill, gaps
from .potential_profile import potc
from .properties_bonds import coop
from .properties_choice import band_range, orbitals_of
from .properties_maps import ech3, echg, pato
from .scf import generalised_eigenvalues
from .writers import mulliken, properties_stdout
from .writers.band_dat import write_band_dat
from .writers.band_path import band_path
from .writers.doss_dat import write_doss_dat
from .writers.fort25 import band_blocks, doss_blocks
from .writers.frame import Output, notes
from .writers.scf import channel_lines, conducting_line
from .writers.symmetry import IrreduciblePoints, SymmetryOperators, irreducible_points

TINY = 1e-20
"""Densities of states below this are written as zero."""


@dataclass
class State:
    """What the blocks of a d3 hand on to each other.

    :param mesh: the net of the last NEWK, None before it.
    :param levels: eigenvalues on that net, shape (nspin, nk, nband), hartree.
    """

    wfn: WavefunctionFile
    folder: Path
    out: Output
    operators: SymmetryOperators
    fermi: float
    conducting: bool
    mesh: tuple[int, int, int] | None = None
    levels: Real | None = None
    fort25: list[str] = field(default_factory=list)
    density: Density | None = None


def run(deck: str, folder: Path, stream: TextIO) -> int:
    """Run a d3 in a folder and return the exit status.

    :param deck: text of the d3.
    :param folder: where fort.9 is, and where the files are written.
    :param stream: the output.
    """
    out = Output(stream)
    (folder / 'fort.87').unlink(missing_ok=True)
    out.start(__version__)
    try:
        path = folder / 'fort.9'
        if not path.is_file():
            raise FatalError('init_properties_io', 'Wavefunction file can not be found')
        if not deck.strip():
            raise FatalError('INPUT', 'END OF DATA IN INPUT DECK')
        wfn = wavefunction.load(path)
        operators = SymmetryOperators.of(wfn.rotations, wfn.translations)
        out.lines(properties_stdout.heading(wfn, len(operators)))
        state = State(wfn, folder, out, operators, wfn.fermi, wfn.conducting)
        for block in read_d3(deck).blocks:
            _run_block(state, block)
    except (*KNOWN_FAILURES, FatalError) as error:
        return report(out, folder, error)
    out.line(' ENDPROP   ')
    out.terminate()
    return 0


def _run_block(state: State, block: Any) -> None:
    keyword = str(block.keyword)
    actions = {
        'NEWK': new_k_points,
        'BAND': band,
        'DOSS': doss,
        'COOP': coop,
        'COHP': coop,
        'ECHG': echg,
        'ECH3': ech3,
        'PATO': pato,
        'POTC': potc,
        'PPAN': ppan,
    }
    if keyword not in actions:
        *names, last = actions
        raise NotSupported(keyword, f'the stand-in does {", ".join(names)} and {last}')
    actions[keyword](state, block)
    if state.fort25:
        (state.folder / 'fort.25').write_text('\n'.join(state.fort25) + '\n')
    state.out.timing(keyword)


def new_k_points(state: State, block: Any) -> None:
    """NEWK: eigenvalues, Fermi energy and gap on a new net."""
    wfn = state.wfn
    mesh, gilat = _shrink(block.shrink, wfn)
    points = irreducible_points(mesh, state.operators)
    state.mesh, state.density = mesh, None
    state.levels = _levels(wfn, points, mesh)
    filling = fill(state.levels, wfn.n_electrons, wfn.smear)
    channels = gaps(state.levels, filling)
    state.fermi = fermi_energy(filling, channels)
    state.conducting = any(channel.conducting for channel in channels)
    state.out.lines(properties_stdout.new_k_points(mesh, gilat, points))
    state.out.lines(_edges(channels, points, state.fermi))
    state.out.line()


def band(state: State, block: Any) -> None:
    """BAND: fort.25 and BAND.DAT along a path."""
    wfn = state.wfn
    if not block.iss or not block.segments:
        raise NotSupported('BAND WITH ISS 0', 'give the ends of the lines as integers in units of 1/ISS')
    path = band_path(wfn.geometry.cell, block.iss, block.n_points, block.segments, str(block.title or ''))
    first, last = band_range(block, wfn)
    result = interpolate.bands(wfn, path.fractional)
    energies = result.energies[:, :, first - 1 : last]
    conducting = state.conducting
    state.out.lines(properties_stdout.band_section(path, first, last, energies, state.fermi, conducting=conducting))
    state.out.lines(notes(result.notes or (_interpolated(wfn),)))
    if block.plot:
        state.fort25 += band_blocks(path, energies, state.fermi, conducting=conducting)
        (state.folder / 'BAND.DAT').write_text(write_band_dat(path, energies, state.fermi))


def _interpolated(wfn: WavefunctionFile) -> str:
    mesh = 'x'.join(str(size) for size in wfn.kmesh)
    return f'BANDS ARE INTERPOLATED FROM THE {mesh} MESH OF THE SCF (EXACT ON ITS POINTS)'


def doss(state: State, block: Any) -> None:
    """DOSS: total and projected densities of states, fort.25 and DOSS.DAT."""
    wfn = state.wfn
    if state.mesh is None or state.levels is None:
        raise FatalError('DOSS', 'NEWK MUST COME BEFORE DOSS')
    window = block.energy_window_hartree
    chosen = None if window is not None else band_range(block, wfn)
    projections = [orbitals_of(wfn, projection) for projection in block.projections or ()]
    result = interpolate.dos(
        wfn,
        state.mesh,
        window=None if window is None else (float(window[0]), float(window[1])),
        n_points=block.n_points,
        band_range=chosen,
        projections=projections,
    )
    energies, densities = _padded(result.energies, np.concatenate([result.projected, result.total[:, None]], axis=1))
    step = float(energies[1] - energies[0])
    lowest, highest = float(result.energies[0]), float(result.energies[-1])
    inside = (state.levels.max(axis=(0, 1)) >= lowest) & (state.levels.min(axis=(0, 1)) <= highest)
    bands = chosen or (int(np.argmax(inside)) + 1, int(inside.size - np.argmax(inside[::-1])))
    state.out.lines(
        properties_stdout.doss_section(
            window=(lowest, highest),
            bands=bands,
            projections=[[orbital + 1 for orbital in orbitals] for orbitals in projections],
            integrated=densities.sum(axis=(0, 2)) * step,
            n_points=block.n_points,
            n_k=int(np.prod(state.mesh)),
        )
    )
    state.out.lines(notes(result.notes))
    if block.plot:
        counts = [*(len(orbitals) for orbitals in projections), len(wfn.ao_atoms)]
        state.fort25 += doss_blocks(energies, densities, state.fermi, counts, conducting=state.conducting)
        (state.folder / 'DOSS.DAT').write_text(write_doss_dat(energies, densities, state.fermi))


def ppan(state: State, block: Any) -> None:
    """PPAN: Mulliken populations of the density in fort.9."""
    del block
    wfn = state.wfn
    result = populations.mulliken(wfn.density, wfn.overlap, wfn.basis)
    mulliken.section(state.out, wfn.geometry, result)
    (state.folder / 'PPAN.DAT').write_text(mulliken.write_ppan_dat(wfn.geometry, result))


def _shrink(shrink: Any, wfn: WavefunctionFile) -> tuple[tuple[int, int, int], int]:
    """Return the net of NEWK, one division along the directions that do not repeat, and Gilat's."""
    dimensionality = wfn.geometry.dimensionality
    first, second, third = (int(value) if axis < dimensionality else 1 for axis, value in enumerate(shrink.factors))
    return (first, second, third), int(shrink.isp)


def _levels(wfn: WavefunctionFile, points: IrreduciblePoints, mesh: tuple[int, int, int]) -> Real:
    fock, overlap = interpolate.hamiltonian(wfn, points.points / np.array(mesh))
    irreducible = [[generalised_eigenvalues(f, s) for f, s in zip(one, overlap, strict=True)] for one in fock]
    return np.asarray(np.array(irreducible)[:, points.index.ravel()])


def _edges(channels: tuple[SpinGap, ...], points: IrreduciblePoints, fermi: float) -> list[str]:
    if any(channel.conducting for channel in channels):
        return [conducting_line(fermi)]
    numbers = points.index.ravel() + 1
    return channel_lines(channels, lambda k: int(numbers[k]))


def _padded(energies: Real, densities: Real) -> tuple[Real, Real]:
    """Add a zero at both ends, as CRYSTAL does; tails of Gaussians too small for two digits of exponent are zero."""
    step = energies[1] - energies[0]
    wider = np.concatenate([[energies[0] - step], energies, [energies[-1] + step]])
    return wider, np.pad(np.where(np.abs(densities) < TINY, 0.0, densities), ((0, 0), (0, 0), (1, 1)))
