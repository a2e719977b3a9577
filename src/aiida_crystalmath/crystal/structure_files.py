"""Reading the structure out of CRYSTAL's own files: fort.34 (``.gui``) and d12."""

from __future__ import annotations

from collections.abc import Sequence

from .geometry import Geometry
from .inputs.edits import STRUCTURE_EDITS
from .inputs.geometry_block import FROM_FILE, read_geometry_block
from .outputs.fort34 import read_fort34
from .symmetry import SymmetryError, expand


def read_gui(text: str) -> Geometry:
    """Return the structure of a fort.34 file.

    :raises aiida_crystalmath.crystal.outputs.fort34.Fort34Error: if the text is none.
    """
    return read_fort34(text).geometry


def read_d12_geometry(text: str, external: str | None = None) -> Geometry:
    """Return the primitive cell that a d12 describes.

    :param external: text of the fort.34 beside it, for EXTERNAL.
    :raises ValueError: if the deck is faulty, takes its geometry from a file that is not given, or edits the structure.
    """
    lines = text.splitlines()
    # The title may be any line, even `CRYSTAL`: the keyword stands on the second one.
    start = next((i for i, line in enumerate(lines) if i > 0 and line.strip()), None)
    if start is None:
        raise SymmetryError('the deck has no geometry: the line after the title must be CRYSTAL, SLAB, MOLECULE ...')
    block, following = read_geometry_block(lines, start)
    if block.keyword in FROM_FILE and external is None:
        raise SymmetryError(
            f'line {start + 1}: {block.keyword} takes the geometry from another file; give that file (fort.34 or .gui)'
        )
    _refuse_edits(lines, following)
    return expand(block, external)


def _refuse_edits(lines: Sequence[str], start: int) -> None:
    """Refuse edits of the structure in the geometry section.

    :raises SymmetryError: naming the first one.
    """
    for i in range(start, len(lines)):
        words = lines[i].split()
        word = words[0].upper() if words else ''
        if word in ('END', 'ENDGEOM', 'ENDG', 'BASISSET'):
            return
        if word in STRUCTURE_EDITS:
            raise SymmetryError(
                f'line {i + 1}: {word} changes the structure behind the geometry block, which is not followed here; '
                'use the fort.34 (.gui) file that CRYSTAL writes with EXTPRT, or an output file'
            )
