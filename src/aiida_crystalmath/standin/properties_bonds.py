"""COOP and COHP of the stand-in's properties program; the layout of their part of stdout is not CRYSTAL's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .bonding import populations
from .failures import FatalError
from .properties_choice import band_range, orbitals_of
from .writers.fort25 import doss_blocks
from .writers.fortran import rows, scientific
from .writers.frame import notes

if TYPE_CHECKING:
    from .properties_run import State

TINY = 1e-20
NAMES = {'COOP': 'OVERLAP', 'COHP': 'HAMILTON'}


def coop(state: State, block: Any) -> None:
    """COOP or COHP: curves of fort.25, one for each pair of groups."""
    keyword = str(block.keyword)
    if state.mesh is None:
        raise FatalError(keyword, f'NEWK MUST COME BEFORE {keyword}')
    wfn = state.wfn
    pairs = [(orbitals_of(wfn, pair.first), orbitals_of(wfn, pair.second)) for pair in block.interactions]
    window = block.energy_window_hartree
    found = populations(
        wfn,
        state.mesh,
        pairs,
        window=None if window is None else (float(window[0]), float(window[1])),
        n_points=block.n_points,
        band_range=None if window is not None else band_range(block, wfn),
    )
    curves = found.overlap if keyword == 'COOP' else found.hamilton
    curves = np.where(np.abs(curves) < TINY, 0.0, curves)
    low, high = (scientific(float(found.energies[end]), 13, 5) for end in (0, -1))
    lines = ['', f' CRYSTAL ORBITAL {NAMES[keyword]} POPULATION - GAUSSIAN BROADENING (STAND-IN)']
    lines += [f' ENERGY RANGE{low}{high}', '']
    for number, (first, second) in enumerate(pairs, 1):
        for name, group in (('FIRST ', first), ('SECOND', second)):
            lines += rows([f'{orbital + 1:4d}' for orbital in group], 10, f' *** INTERACTION{number:4d} {name} GROUP  ')
    state.out.lines([*lines, ''])
    state.out.lines(notes(('EACH PAIR OF ORBITALS IS COUNTED ONCE, WITH ALL IMAGES OF THE SECOND GROUP',)))
    if block.plot:
        counts = [len(first) + len(second) for first, second in pairs]
        state.fort25 += doss_blocks(
            found.energies, curves, state.fermi, counts, conducting=state.conducting, kind=keyword
        )
