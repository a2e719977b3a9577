"""Frames of atoms in the manner of xyz files: FORCES.DAT and fort.33.

Both begin every frame with the number of atoms and a line of comment: the title of the run, and after a first SCF
``E energy DE change( cycles)``. Rows are a label and Cartesian positions in Å, in FORCES.DAT followed by forces in
hartree/bohr. Real files: an optimisation of CRYSTAL17 that was killed, and its restart; their forces and energies are
those of the output beside them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from aiida_crystalmath.crystal.outputs.models import Array
from aiida_crystalmath.crystal.outputs.numbers import number, numbers

_COMMENT = re.compile(r'(.*?)\s+E\s*(-?\d+\.\d+(?:[ED][-+]\d+)?)\s+DE\s*(\S+?)\s*\(\s*(\d+)\)\s*$')
_ROW = re.compile(r'\s*([A-Za-z][A-Za-z0-9]*)\s+(.*)')


@dataclass(frozen=True)
class Frame:
    """One frame.

    :param title: of the run.
    :param energy_hartree: of the comment: in FORCES.DAT the energy of this very geometry, in fort.33 that of the SCF
        before it (None in the first frame).
    :param labels: as written, ``NI``.
    :param positions: Cartesian, Å, shape (n, 3).
    :param forces: hartree/bohr, shape (n, 3); None in fort.33.
    :param scf_cycles: cycles of the SCF of the energy.
    """

    title: str
    energy_hartree: float | None
    labels: tuple[str, ...]
    positions: Array
    forces: Array | None = None
    scf_cycles: int | None = None


@dataclass(frozen=True)
class Frames:
    """All whole frames of a file.

    :param complete: the file ends with a whole frame; otherwise its last one was left out.
    """

    frames: tuple[Frame, ...]
    complete: bool


def read_frames(text: str, columns: int) -> Frames:
    """Read frames of rows with a label and ``columns`` numbers; stop at the first one that is not whole."""
    lines = text.splitlines()
    frames: list[Frame] = []
    at = 0
    while at < len(lines) and not lines[at].isspace() and lines[at]:
        words = lines[at].split()
        count = int(words[0]) if len(words) == 1 and words[0].isdigit() else 0
        rows = lines[at + 2 : at + 2 + count]
        frame = _frame(lines[at + 1], rows, columns) if count and len(rows) == count else None
        if frame is None:
            return Frames(tuple(frames), complete=False)
        frames.append(frame)
        at += 2 + count
    rest = any(line.strip() for line in lines[at:])
    return Frames(tuple(frames), complete=bool(frames) and not rest)


def _frame(comment: str, rows: list[str], columns: int) -> Frame | None:
    """Return one frame, None if a row cannot be read."""
    labels, table = [], []
    for row in rows:
        found = _ROW.match(row)
        values = numbers(found[2]) if found else []
        if found is None or len(values) != columns or '*' in row:
            return None
        labels.append(found[1])
        table.append(values)
    told = _COMMENT.match(comment)
    array = np.array(table)
    return Frame(
        title=(told[1] if told else comment).strip(),
        energy_hartree=number(told[2]) if told else None,
        labels=tuple(labels),
        positions=array[:, :3],
        forces=array[:, 3:] if columns == 6 else None,
        scf_cycles=int(told[4]) if told else None,
    )
