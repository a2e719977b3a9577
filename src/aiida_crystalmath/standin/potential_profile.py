"""POTC of a slab: the electrostatic potential averaged over planes parallel to it.

Averaged over a plane, the charge of a slab is a stack of charged sheets: V(z) = -2 pi / A * integral of q(z') |z - z'|,
with q the nuclei less the electrons and A the area of the cell. The integral over the electrons is made on Becke's
grid, which resolves the cores. V vanishes far from a slab without dipole; it is positive near nuclei.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .density import Density
from .model import NotSupported, Real, StandinError, WavefunctionFile

GRID_LEVEL = 1
"""Of PySCF's Becke grids: their error in the number of electrons is below 1e-4, and removed by scaling."""


def planar_potential(wfn: WavefunctionFile, heights: Real) -> Real:
    """Return potential and field (minus its derivative) at heights in bohr, hartree and hartree/bohr, (2, n)."""
    density = Density(wfn)
    points, weights = density.grid(GRID_LEVEL)
    electrons = weights * density.at(points)[0]
    electrons *= wfn.n_electrons / electrons.sum()
    places = np.concatenate([points[:, 2], density.nuclei[:, 2]])
    charges = np.concatenate([-electrons, density.nuclear_charges])
    factor = 2.0 * np.pi / density.area
    profile = np.empty((2, len(heights)))
    for index, height in enumerate(heights):
        away = height - places
        profile[:, index] = -factor * (charges @ np.abs(away)), factor * (charges @ np.sign(away))
    return profile


def profile_of(wfn: WavefunctionFile, arguments: tuple[str, ...]) -> str:
    """Return the text of POTC.DAT for the records of a POTC block: ``ICA NPU IPA`` and ``ZP ZM``.

    :raises NotSupported: for anything but averages over planes of a slab.
    """
    try:
        ica, n_points, _ = (int(word) for word in arguments[0].split()[:3])
        high, low = (float(word) for word in arguments[1].split()[:2]) if ica == 1 else (0.0, 0.0)
    except (IndexError, ValueError) as error:
        raise StandinError('POTC', 'FORMAT ERROR IN INPUT DECK: ICA NPU IPA, THEN ZP ZM') from error
    if ica != 1 or wfn.geometry.dimensionality != 2 or n_points < 2:
        raise NotSupported('POTC', 'the stand-in does averages over planes of a slab (ICA = 1, at least two planes)')
    heights = np.linspace(low, high, n_points)
    potential, field = planar_potential(wfn, heights)
    rows = [f'{z:20.10E}{v:20.10E}{e:20.10E}' for z, v, e in zip(heights, potential, field, strict=True)]
    return '\n'.join(['# STAND-IN (PySCF): Z (BOHR), V, -DV/DZ (A.U.), AVERAGED OVER PLANES', *rows]) + '\n'


def potc(state: Any, block: Any) -> None:
    """POTC: POTC.DAT."""
    (state.folder / 'POTC.DAT').write_text(profile_of(state.wfn, block.arguments))
