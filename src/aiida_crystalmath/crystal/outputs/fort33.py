"""fort.33: the geometries of an optimisation as xyz frames."""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.xyz_frames import Frames, read_frames


def read_fort33(text: str) -> Frames:
    """Read fort.33: positions in Å; the energy beside a geometry is that of the one before it.

    A file that stops inside a frame gives the frames before it and is not ``complete``. Foreign text gives none.
    """
    return read_frames(text, columns=3)
