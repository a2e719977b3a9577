"""FREQINFO.DAT and fort.13 of the stand-in: how far a frequency calculation has come, and the density it started from.

The head of FREQINFO.DAT is CRYSTAL's (atoms, option, number, step; flags; energy of the central point), so that the
reader of :mod:`aiida_crystalmath.crystal.outputs.freqinfo` understands it. The numbers behind the energy are of the
stand-in's own order: gradient and dipole of the central point, then energy, gradient and dipole of every geometry that
is flagged. fort.13 is a NumPy array; CRYSTAL's is a reducible density matrix in unformatted records.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.freqinfo import read_freqinfo

from .frequencies import Evaluated, Step, steps_of
from .model import Complex, FreqSettings, Real, StandinError

INFO, DENSITY, HESSIAN = 'FREQINFO.DAT', 'fort.13', 'HESSFREQ.DAT'


def write_info(
    folder: Path, natom: int, settings: FreqSettings, central: Evaluated, points: dict[Step, Evaluated]
) -> None:
    """Write FREQINFO.DAT, whole or not at all: a kill leaves the state of the displacement before."""
    flags = ['F'] * (6 * natom)
    for step in points:
        flags[step.index] = 'T'
    lines = [f'{natom:12d}{settings.numderiv:12d}{10:12d}  {settings.step_bohr:.15E}']
    lines += [' ' + ' '.join(flags[start : start + 24]) for start in range(0, len(flags), 24)]
    numbers = [central.energy, *central.gradient, *central.dipole]
    for step in steps_of(natom, settings):
        if step in points:
            numbers += [points[step].energy, *points[step].gradient, *points[step].dipole]
    lines += _table(np.array(numbers))
    partial = folder / f'{INFO}.partial'
    partial.write_text('\n'.join(lines) + '\n')
    os.replace(partial, folder / INFO)


def read_info(folder: Path, natom: int, settings: FreqSettings) -> tuple[Evaluated, dict[Step, Evaluated]]:
    """Return what a run before left.

    :raises StandinError: if FREQINFO.DAT is not there, is CRYSTAL's, or is of another molecule or step.
    """
    path = folder / INFO
    if not path.is_file() or path.stat().st_size == 0:
        raise StandinError('FREQCALC', 'RESTART: FREQINFO.DAT NOT FOUND OR EMPTY')
    text = path.read_text()
    try:
        head = read_freqinfo(text)
    except OutputFileError as error:
        raise StandinError('FREQCALC', f'RESTART: FREQINFO.DAT CANNOT BE READ ({error})') from error
    same = head.n_atoms == natom and head.option == settings.numderiv
    if not same or abs(head.step_bohr - settings.step_bohr) > 1e-8:
        raise StandinError('FREQCALC', 'RESTART: FREQINFO.DAT IS OF ANOTHER MOLECULE, NUMDERIV OR STEPSIZE')
    words = text.split('\n', 1)[1].split()
    numbers = np.array([float(word) for word in words if word not in ('T', 'F')])
    size = 3 * natom + 4
    if len(numbers) != size * (1 + head.n_computed):
        raise StandinError('FREQCALC', 'RESTART: FREQINFO.DAT IS NOT A FILE OF THE STAND-IN')
    records = [Evaluated(float(one[0]), one[1:-3], one[-3:]) for one in numbers.reshape(-1, size)]
    flags = head.computed.ravel()
    done = [step for step in steps_of(natom, settings) if flags[step.index]]
    return records[0], dict(zip(done, records[1:], strict=True))


def write_density(folder: Path, density: Complex) -> None:
    """Write fort.13."""
    with (folder / DENSITY).open('wb') as handle:
        np.save(handle, density, allow_pickle=False)


def read_density(folder: Path) -> Complex:
    """Return the density of fort.13.

    :raises StandinError: if it is not there or not a file of the stand-in.
    """
    path = folder / DENSITY
    if not path.is_file():
        raise StandinError('FREQCALC', 'RESTART: FILE fort.13 NOT FOUND')
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, OSError) as error:
        raise StandinError('FREQCALC', 'RESTART: fort.13 IS NOT A FILE OF THE STAND-IN') from error


def write_hessian(folder: Path, hessian: Real) -> None:
    """Write HESSFREQ.DAT: hartree/bohr^2, four numbers a line."""
    (folder / HESSIAN).write_text('\n'.join(_table(hessian.ravel())) + '\n')


def _table(numbers: Real) -> list[str]:
    return [''.join(f'{value:21.13E}' for value in numbers[start : start + 4]) for start in range(0, len(numbers), 4)]
