"""FORCES.DAT: geometry, energy and forces of every gradient that a run computed."""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.xyz_frames import Frames, read_frames


def read_forces_dat(text: str) -> Frames:
    """Read FORCES.DAT: positions in Å, forces in hartree/bohr, the energy of each frame's own geometry.

    A file that stops inside a frame gives the frames before it and is not ``complete``. Foreign text gives none.
    """
    return read_frames(text, columns=6)
