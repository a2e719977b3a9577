"""FREQINFO.DAT: how far a frequency calculation has come, from which FREQCALC restarts.

Format of what is read (real files of CRYSTAL 14): a line with the number of atoms, the NUMDERIV option (1: +dx, 2:
+-dx), a number of unknown meaning and the step (bohr); 6N flags T or F, two for each coordinate of each atom (+dx and
-dx), true for the geometries computed, 24 or more a line; the energy of the central point. The gradients and the
Hessian that follow are not read: HESSFREQ.DAT has the Hessian once it is whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.numbers import number

_FILE = 'FREQINFO.DAT'


@dataclass(frozen=True)
class FreqInfo:
    """The state of a frequency calculation.

    :param n_atoms: atoms of the cell (of the supercell in a dispersion).
    :param option: NUMDERIV: 1 for one displacement (+dx) a coordinate, 2 for two.
    :param computed: shape (n_atoms, 3, 2): which displaced geometries were computed, +dx and -dx. Those that symmetry
        gives stay False.
    :param energy_hartree: of the central point; None if it is not there.
    """

    n_atoms: int
    option: int
    step_bohr: float
    computed: NDArray[np.bool_]
    energy_hartree: float | None

    @property
    def n_computed(self) -> int:
        """How many displaced geometries were computed."""
        return int(self.computed.sum())


def read_freqinfo(text: str) -> FreqInfo:
    """Return the state told by the head of the file.

    :raises OutputFileError: the head is cut or is another.
    """
    lines = iter(text.splitlines())
    head = next(lines, '').split()
    step = number(head[3]) if len(head) == 4 else None
    try:
        n_atoms, option = int(head[0]), int(head[1])
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the first line has no number of atoms ({exc})', _FILE, 1) from exc
    if step is None or n_atoms < 1:
        raise OutputFileError('the first line is not "atoms option number step"', _FILE, 1)
    flags: list[bool] = []
    rest: list[str] = []
    for line in lines:
        words = line.split()
        if not set(words) <= {'T', 'F'}:
            rest = words
            break
        flags.extend(word == 'T' for word in words)
    if len(flags) != 6 * n_atoms:
        raise OutputFileError(f'{6 * n_atoms} flags expected, {len(flags)} found', _FILE, 2)
    computed = np.array(flags).reshape(n_atoms, 3, 2)
    energy = number(rest[0]) if len(rest) > 1 else None
    return FreqInfo(n_atoms, option, step, computed, energy)
