"""Which bands and orbitals a block of the input of properties chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import interpolate
from .failures import FatalError
from .model import WavefunctionFile


def band_range(block: Any, wfn: WavefunctionFile) -> tuple[int, int]:
    """Return the first and last band of a block, from 1."""
    count = int(wfn.eigenvalues.shape[2])
    first, last = int(block.first_band), int(block.last_band)
    if not 1 <= first <= last <= count:
        raise FatalError(str(block.keyword), f'BANDS {first} TO {last} REQUESTED, THERE ARE {count}')
    return first, last


def orbitals_of(wfn: WavefunctionFile, projection: Any) -> list[int]:
    """Return the orbitals (from 0) of one projection."""
    atoms: Sequence[int] = getattr(projection, 'atoms', None) or ()
    orbitals: Sequence[int] = getattr(projection, 'orbitals', None) or ()
    n_atoms, n_orbitals = len(wfn.geometry.sites), len(wfn.ao_atoms)
    for value, limit, what in [(a, n_atoms, 'ATOM') for a in atoms] + [(o, n_orbitals, 'ORBITAL') for o in orbitals]:
        if not 1 <= value <= limit:
            raise FatalError('DOSS', f'PROJECTION ON {what} {value}, THERE ARE {limit}')
    if atoms:
        return interpolate.atom_orbitals(wfn, [atom - 1 for atom in atoms])
    return [orbital - 1 for orbital in orbitals]
